"""Which fields of a CryptoJob go together: the rules of its CRD once more, on the fields as they stand."""

import re
from typing import Final

from vaultbind.api.cryptojob import (
    ALGORITHMS,
    ENVELOPE_ALGORITHMS,
    CryptoOperation,
    MessageType,
    SignatureForm,
)
from vaultbind.api.errors import SpecError
from vaultbind.api.fields import Fields
from vaultbind.api.grammar import Grammar

PROTECTING: Final = frozenset({CryptoOperation.ENCRYPT, CryptoOperation.WRAP_KEY})
"""What goes in is secret."""
REVEALING: Final = frozenset({CryptoOperation.DECRYPT, CryptoOperation.UNWRAP_KEY})
"""What comes out is secret."""
CIPHERS: Final = frozenset({CryptoOperation.ENCRYPT, CryptoOperation.DECRYPT})
SIGNING: Final = frozenset({CryptoOperation.SIGN, CryptoOperation.VERIFY})
_TELLING: Final = frozenset({CryptoOperation.VERIFY, CryptoOperation.ROTATE_KEY})
_WHOLE: Final = ("secretRef", "configMapRef")
_DIGEST_BYTES: Final = frozenset({32, 48, 64})
_IV_BYTES: Final = frozenset({12, 16})
_TAG_BYTES: Final = frozenset({16})
_RSA_BYTES: Final = frozenset({256, 384, 512})
_LONGEST_SIGNATURE: Final = 684
"""Characters of 512 bytes in base64."""
_KNOWN: Final = sorted({name for names in ALGORITHMS.values() for name in names})
ANY_ALGORITHM: Final = Grammar(
    pattern=f"^({'|'.join(map(re.escape, _KNOWN))})$",
    longest=32,
    sentence=f"must be one of {', '.join(_KNOWN)}",
)


def check_rules(spec: Fields) -> None:
    """Raise SpecError (InvalidSpec) for the first rule that is broken."""
    if not spec.has("operation"):
        raise spec.fail("operation", "is required")
    operation = spec.choice("operation", CryptoOperation.ENCRYPT)
    _check_input(spec, operation)
    _check_output(spec, operation)
    _check_algorithm(spec, operation)
    _check_company(spec, operation)
    _check_digest(spec)
    _check_sizes(spec, operation)
    _check_shown(spec, operation)


def _check_input(spec: Fields, operation: CryptoOperation) -> None:
    given = spec.object("input")
    if (operation is CryptoOperation.ROTATE_KEY) is (given is not None):
        raise spec.fail("input", "every operation but RotateKey needs an input, and RotateKey takes none")
    if given is None:
        return
    if operation in PROTECTING and (given.has("value") or given.has("text")):
        raise spec.fail(
            "input", "what Encrypt and WrapKey protect may not stand in the job itself, use a reference"
        )
    if operation not in {*CIPHERS, CryptoOperation.UNWRAP_KEY} and any(map(given.has, _WHOLE)):
        raise spec.fail(
            "input", "WrapKey, Sign and Verify take one key of a Secret or ConfigMap, not a whole one"
        )


def _check_output(spec: Fields, operation: CryptoOperation) -> None:
    output = spec.object("output")
    if operation in REVEALING and (output is None or not output.has("secret")):
        raise spec.fail("output", "what Decrypt and UnwrapKey give goes into output.secret only")
    if operation in _TELLING and output is not None and not output.has("status"):
        raise spec.fail("output", "what Verify and RotateKey tell goes into the status only")


def _check_algorithm(spec: Fields, operation: CryptoOperation) -> None:
    if not spec.has("algorithm"):
        return
    enveloped = operation in CIPHERS and spec.flag("envelope")
    if spec.text("algorithm", ANY_ALGORITHM) not in (
        ENVELOPE_ALGORITHMS if enveloped else ALGORITHMS[operation]
    ):
        raise spec.fail("algorithm", "the algorithm does not fit the operation")


def _check_company(spec: Fields, operation: CryptoOperation) -> None:
    """Fields that go with some operations only."""
    if spec.has("signature") is not (operation is CryptoOperation.VERIFY):
        raise spec.fail("signature", "Verify needs a signature, and no other operation takes one")
    enveloped = spec.flag("envelope")
    output, key = spec.object("output"), spec.object("key")
    if output is not None and output.has("format") and operation is not CryptoOperation.SIGN:
        raise output.fail("format", "goes with Sign only")
    if key is not None and key.has("version") and operation is CryptoOperation.ROTATE_KEY:
        raise key.fail("version", "RotateKey takes no key.version, it makes one")
    fitting = {
        "messageType": (operation in SIGNING, "goes with Sign and Verify only"),
        "iv": (operation in CIPHERS and not enveloped, "goes with Encrypt and Decrypt without envelope only"),
        "aad": (operation in CIPHERS, "goes with Encrypt and Decrypt only"),
        "tag": (
            operation is CryptoOperation.DECRYPT and not enveloped,
            "goes with Decrypt without envelope only",
        ),
        "envelope": (not enveloped or operation in CIPHERS, "goes with Encrypt and Decrypt only"),
        "minAge": (operation is CryptoOperation.ROTATE_KEY, "goes with RotateKey only"),
        "failOnInvalid": (operation is CryptoOperation.VERIFY, "goes with Verify only"),
    }
    for field, (fits, sentence) in fitting.items():
        if spec.has(field) and not fits:
            raise spec.fail(field, sentence)


def _check_digest(spec: Fields) -> None:
    if spec.choice("messageType", MessageType.MESSAGE) is not MessageType.DIGEST:
        return
    given = spec.object("input")
    value = given.text("value", _ANY) if given is not None else ""
    if value and _bytes_of(value) not in _DIGEST_BYTES:
        raise SpecError("spec.input.value", "a digest has 32, 48 or 64 bytes")
    for place in (spec.object("output"), spec.object("signature")):
        if place is not None and place.choice("format", SignatureForm.RAW).is_jws:
            raise spec.fail("messageType", "a JWS signs a message, not a digest")


def _check_sizes(spec: Fields, operation: CryptoOperation) -> None:
    """What is inline has the size that the algorithms ask for."""
    for field, sizes, sentence in (
        ("iv", _IV_BYTES, "an iv has 12 bytes for GCM, 16 bytes for CBC"),
        ("tag", _TAG_BYTES, "a tag has 16 bytes"),
    ):
        if (value := _inline(spec, field)) and _bytes_of(value) not in sizes:
            raise spec.fail(field, sentence)
    signature = spec.object("signature")
    is_jws = signature is not None and signature.choice("format", SignatureForm.RAW).is_jws
    if not is_jws and len(_inline(spec, "signature")) > _LONGEST_SIGNATURE:
        raise spec.fail("signature", "a signature has at most 512 bytes")
    by_rsa = spec.text("algorithm", ANY_ALGORITHM).startswith("RSA") and not spec.flag("envelope")
    value = _inline(spec, "input")
    if operation in REVEALING and by_rsa and value and _bytes_of(value) not in _RSA_BYTES:
        raise spec.fail("input", "what RSA gives has 256, 384 or 512 bytes")


def _inline(spec: Fields, field: str) -> str:
    source = spec.object(field)
    return source.text("value", _ANY) if source is not None else ""


def _bytes_of(coded: str) -> int:
    """Bytes of base64 text; -1 for what is none by its length alone."""
    return len(coded) // 4 * 3 - coded.count("=") if len(coded) % 4 == 0 else -1


def _check_shown(spec: Fields, operation: CryptoOperation) -> None:
    """What a Secret holds is shown by nothing else: a JWS carries its payload, an output repeats aad."""
    given, aad, output = spec.object("input"), spec.object("aad"), spec.object("output")
    if output is not None and output.has("secret"):
        return
    is_jws = output is not None and output.choice("format", SignatureForm.RAW) is SignatureForm.JWS
    if is_jws and given is not None and given.has("secretKeyRef"):
        raise spec.fail(
            "output", "a JWS has its payload in it: of a Secret it goes into output.secret, or is JWSDetached"
        )
    if operation is CryptoOperation.ENCRYPT and aad is not None and aad.has("secretKeyRef"):
        raise spec.fail("output", "an output repeats aad: of a Secret it goes into output.secret only")


_ANY: Final = Grammar(pattern=r"^(?s:.)*$", longest=1_048_576, sentence="must be text of at most 1 MiB")
