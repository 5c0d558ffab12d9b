"""Specs of CryptoJobs that are refused and that are accepted, for the parser and for the real API server."""

import base64
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from tests.unit.api.cases import VERSION, Refused, _object, row

DATA = base64.b64encode(b"data").decode()
DIGEST = base64.b64encode(b"d" * 32).decode()
IV = base64.b64encode(b"i" * 12).decode()
TAG = base64.b64encode(b"t" * 16).decode()
REF = {"secretKeyRef": {"name": "s", "key": "k"}}
MAP_REF = {"configMapKeyRef": {"name": "m", "key": "k"}}
SECRET = {"secret": {"name": "out"}}
JWS = "eyJhbGciOiJFUzI1NiJ9..c2ln"


def job(operation: str = "Sign", **spec: object) -> dict[str, Any]:
    """A spec of the operation; None takes a field out."""
    whole: dict[str, Any] = {"key": {"name": "k"}, "operation": operation, **_DEFAULTS[operation], **spec}
    return {field: value for field, value in whole.items() if value is not None}


_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Encrypt": {"input": REF},
    "Decrypt": {"input": {"value": DATA}, "output": SECRET},
    "Sign": {"input": {"text": "hello"}},
    "Verify": {"input": {"text": "hello"}, "signature": {"value": DATA}},
    "WrapKey": {"input": REF},
    "UnwrapKey": {"input": {"value": DATA}, "output": SECRET},
    "RotateKey": {},
}
ONE_INPUT = (
    "exactly one of value, text, secretKeyRef, configMapKeyRef, secretRef and configMapRef must be set"
)
ONE_PARAMETER = "exactly one of value, secretKeyRef and configMapKeyRef must be set"
ONE_SIGNATURE = "exactly one of value, secretKeyRef, configMapKeyRef, secretRef and configMapRef must be set"
ONE_OUTPUT = "exactly one of secret, configMap and status must be set"
NO_PLAINTEXT = "what Encrypt and WrapKey protect may not stand in the job itself, use a reference"
ONE_KEY = "WrapKey, Sign and Verify take one key of a Secret or ConfigMap, not a whole one"
SECRET_ONLY = "what Decrypt and UnwrapKey give goes into output.secret only"
STATUS_ONLY = "what Verify and RotateKey tell goes into the status only"
ALGORITHM = "the algorithm does not fit the operation"
NEEDS_INPUT = "every operation but RotateKey needs an input, and RotateKey takes none"
NO_DECODE = "decode goes with text, secretKeyRef and configMapKeyRef only"
NO_DECODE_REF = "decode goes with secretKeyRef and configMapKeyRef only"
DIGEST_SIZE = "a digest has 32, 48 or 64 bytes"
JWS_PAYLOAD = "a JWS has its payload in it: of a Secret it goes into output.secret, or is JWSDetached"
SHOWN_AAD = "an output repeats aad: of a Secret it goes into output.secret only"
IV_SIZE = "an iv has 12 bytes for GCM, 16 bytes for CBC"
TAG_SIZE = "a tag has 16 bytes"
SIGNATURE_SIZE = "a signature has at most 512 bytes"
RSA_SIZE = "what RSA gives has 256, 384 or 512 bytes"
JWS_MESSAGE = "a JWS signs a message, not a digest"


def _same(name: str, spec: Mapping[str, Any], path: str, sentence: str) -> Refused:
    """Parser and server say the same."""
    return row(name, spec, path, sentence, sentence)


def coded(size: int) -> dict[str, str]:
    """So many bytes, inline."""
    return {"value": base64.b64encode(b"x" * size).decode()}


def _company(field: str, value: object, operation: str, sentence: str, **spec: object) -> Refused:
    name = f"{field} with {operation}"
    return row(
        name, job(operation, **{field: value, **spec}), f"spec.{field}", sentence, f"{field} {sentence}"
    )


INVALID_CRYPTOJOBS = (
    row("no operation", {"key": {"name": "k"}}, "spec.operation", "is required", "Required value"),
    row("no key", job(key=None), "spec.key", "is required", "Required value"),
    row("key without a name", job(key={}), "spec.key.name", "is required", "Required value"),
    row("key with a dot", job(key={"name": "a.b"}), "spec.key.name", "must be a name", "should match"),
    row("version", job(key={"name": "k", "version": "1"}), "spec.key.version", "32 hex", "should match"),
    row("operation", {**job(), "operation": "Hash"}, "spec.operation", "must be one of", "Unsupported value"),
    row("vault", job(vaultRef={"name": "A_"}), "spec.vaultRef.name", "must be a name", "should match"),
    _same("no input", job(input=None), "spec.input", NEEDS_INPUT),
    _same("rotate with input", job("RotateKey", input=REF), "spec.input", NEEDS_INPUT),
    _same("empty input", job(input={}), "spec.input", ONE_INPUT),
    _same("two inputs", job(input={"text": "a", **REF}), "spec.input", ONE_INPUT),
    _same("plain value", job("Encrypt", input={"value": DATA}), "spec.input", NO_PLAINTEXT),
    _same("plain text", job("WrapKey", input={"text": "key"}), "spec.input", NO_PLAINTEXT),
    _same("whole key", job("WrapKey", input={"secretRef": {"name": "s"}}), "spec.input", ONE_KEY),
    _same("whole message", job(input={"configMapRef": {"name": "s"}}), "spec.input", ONE_KEY),
    row(
        "value with decode",
        job(input={"value": DATA, "decode": "Hex"}),
        "spec.input.decode",
        "goes with text, secretKeyRef and configMapKeyRef only",
        NO_DECODE,
    ),
    row("no base64", job(input={"value": "a b"}), "spec.input.value", "must be base64", "should match"),
    row("odd base64", job(input={"value": "abc"}), "spec.input.value", "must be base64"),
    row(
        "input too long",
        job(input={"text": "x" * 1_048_577}),
        "spec.input.text",
        "must be text",
        "may not be more than 1048576",
    ),
    row("decode", job(input={**REF, "decode": "Zip"}), "spec.input.decode", "one of", "Unsupported value"),
    row(
        "secret key",
        job(input={"secretKeyRef": {"name": "s"}}),
        "spec.input.secretKeyRef.key",
        "is required",
        "Required value",
    ),
    _same("decrypt into status", job("Decrypt", output=None), "spec.output", SECRET_ONLY),
    _same("unwrap into map", job("UnwrapKey", output={"configMap": {}}), "spec.output", SECRET_ONLY),
    _same(
        "payload of a Secret into map",
        job(input=REF, output={"configMap": {}, "format": "JWS"}),
        "spec.output",
        JWS_PAYLOAD,
    ),
    _same(
        "payload of a Secret into status",
        job(input=REF, output={"status": {}, "format": "JWS"}),
        "spec.output",
        JWS_PAYLOAD,
    ),
    _same("aad of a Secret into status", job("Encrypt", aad=REF), "spec.output", SHOWN_AAD),
    _same("verify into secret", job("Verify", output=SECRET), "spec.output", STATUS_ONLY),
    _same("rotate into map", job("RotateKey", output={"configMap": {}}), "spec.output", STATUS_ONLY),
    _same("no output", job(output={}), "spec.output", ONE_OUTPUT),
    _same("two outputs", job(output={**SECRET, "status": {}}), "spec.output", ONE_OUTPUT),
    row(
        "reserved key",
        job(output={"secret": {"key": "iv"}}),
        "spec.output.secret.key",
        "are the operator's own",
        "are the operator's own",
    ),
    row(
        "owner", job(output={"secret": {"owner": "Me"}}), "spec.output.secret.owner", "one of", "Unsupported"
    ),
    row(
        "name",
        job(output={"configMap": {"name": "A"}}),
        "spec.output.configMap.name",
        "a name",
        "should match",
    ),
    _same("sign by RSA-OAEP", job(algorithm="RSA-OAEP"), "spec.algorithm", ALGORITHM),
    _same("encrypt by RS256", job("Encrypt", algorithm="RS256"), "spec.algorithm", ALGORITHM),
    _same("wrap by GCM", job("WrapKey", algorithm="A256GCM"), "spec.algorithm", ALGORITHM),
    _same("envelope by GCM", job("Encrypt", envelope=True, algorithm="A256GCM"), "spec.algorithm", ALGORITHM),
    _same("encrypt by KW", job("Encrypt", algorithm="A256KW"), "spec.algorithm", ALGORITHM),
    _same("rotate by RS256", job("RotateKey", algorithm="RS256"), "spec.algorithm", ALGORITHM),
    row("algorithm", job(algorithm="MD5"), "spec.algorithm", "must be one of", "Unsupported value"),
    _same(
        "verify without signature",
        job("Verify", signature=None),
        "spec.signature",
        "Verify needs a signature, and no other operation takes one",
    ),
    _same(
        "sign with signature",
        job(signature={"value": DATA}),
        "spec.signature",
        "Verify needs a signature, and no other operation takes one",
    ),
    _same("empty signature", job("Verify", signature={}), "spec.signature", ONE_SIGNATURE),
    row(
        "no JWS", job("Verify", signature={"value": "a.b", "format": "JWS"}), "spec.signature.value", "a JWS"
    ),
    row(
        "signature's decode",
        job("Verify", signature={"value": DATA, "decode": "Hex"}),
        "spec.signature.decode",
        "goes with",
        NO_DECODE_REF,
    ),
    row(
        "signature's format",
        job("Verify", signature={"value": DATA, "format": "PEM"}),
        "spec.signature.format",
        "one of",
        "Unsupported",
    ),
    _same("empty iv", job("Decrypt", iv={}), "spec.iv", ONE_PARAMETER),
    row(
        "iv's decode",
        job("Decrypt", iv={"value": IV, "decode": "Hex"}),
        "spec.iv.decode",
        "goes with",
        NO_DECODE_REF,
    ),
    row(
        "long iv",
        job("Decrypt", iv={"value": "A" * 28}),
        "spec.iv",
        "16 bytes",
        "may not be more than 24",
    ),
    _company("messageType", "Digest", "Encrypt", "goes with Sign and Verify only"),
    _company("iv", REF, "Sign", "goes with Encrypt and Decrypt without envelope only"),
    _company("iv", REF, "Encrypt", "goes with Encrypt and Decrypt without envelope only", envelope=True),
    _company("aad", REF, "Sign", "goes with Encrypt and Decrypt only"),
    _company("tag", REF, "Encrypt", "goes with Decrypt without envelope only"),
    _company("envelope", True, "Sign", "goes with Encrypt and Decrypt only"),
    _company("minAge", "1h", "Sign", "goes with RotateKey only"),
    _company("failOnInvalid", True, "Sign", "goes with Verify only"),
    row(
        "format with Encrypt",
        job("Encrypt", output={"status": {}, "format": "JWS"}),
        "spec.output.format",
        "goes with Sign only",
        "output.format goes with Sign only",
    ),
    row(
        "version with RotateKey",
        job("RotateKey", key={"name": "k", "version": VERSION}),
        "spec.key.version",
        "it makes one",
        "RotateKey takes no key.version, it makes one",
    ),
    row("minAge", job("RotateKey", minAge="soon"), "spec.minAge", "must be a duration", "should match"),
    _same(
        "digest too short", job(messageType="Digest", input={"value": DATA}), "spec.input.value", DIGEST_SIZE
    ),
    *(
        _same(f"digest of {size} bytes", job(messageType="Digest", input=coded(size)), path, DIGEST_SIZE)
        for size in (20, 31, 33, 47, 49, 63, 65)
        for path in ("spec.input.value",)
    ),
    *(
        _same(f"iv of {size} bytes", job("Decrypt", iv=coded(size)), "spec.iv", IV_SIZE)
        for size in (11, 13, 15, 17)
    ),
    *(
        _same(f"tag of {size} bytes", job("Decrypt", tag=coded(size)), "spec.tag", TAG_SIZE)
        for size in (12, 15, 17)
    ),
    _same("signature of 513 bytes", job("Verify", signature=coded(514)), "spec.signature", SIGNATURE_SIZE),
    *(
        _same(
            f"{operation} of {size} bytes by {algorithm}",
            job(operation, input=coded(size), algorithm=algorithm),
            "spec.input",
            RSA_SIZE,
        )
        for operation, algorithm in (("Decrypt", "RSA-OAEP"), ("UnwrapKey", "RSA1_5"))
        for size in (255, 257, 383, 385, 511, 513)
    ),
    _same(
        "digest as JWS",
        job(messageType="Digest", input={"value": DIGEST}, output={"status": {}, "format": "JWS"}),
        "spec.messageType",
        JWS_MESSAGE,
    ),
    _same(
        "digest of a JWS",
        job(
            "Verify",
            messageType="Digest",
            input={"value": DIGEST},
            signature={"value": JWS, "format": "JWSDetached"},
        ),
        "spec.messageType",
        JWS_MESSAGE,
    ),
    row("suspend", job(suspend="yes"), "spec.suspend", "true or false", "must be of type boolean"),
    row(
        "deadline",
        job(activeDeadlineSeconds=0),
        "spec.activeDeadlineSeconds",
        "from 1",
        "greater than or equal to 1",
    ),
    row(
        "ttl",
        job(ttlSecondsAfterFinished=-1),
        "spec.ttlSecondsAfterFinished",
        "from 0",
        "greater than or equal to 0",
    ),
    row("attempts", job(backoffLimit=1001), "spec.backoffLimit", "to 1000", "less than or equal to 1000"),
)

VALID_CRYPTOJOBS: Mapping[str, Mapping[str, Any]] = {
    **{operation: job(operation) for operation in _DEFAULTS},
    "pinned": job(key={"name": "K-1", "version": VERSION.upper()}, vaultRef={"name": "shop.eu"}),
    "vault of the cluster": job(vaultRef={"kind": "ClusterKeyVault", "name": "shop"}),
    "jws": job(algorithm="ES256K", output={"configMap": {"name": "m", "key": "jws"}, "format": "JWS"}),
    "digest": job(messageType="Digest", input={"value": DIGEST}, output={"status": {}, "format": "DER"}),
    "digest by reference": job(messageType="Digest", input={**MAP_REF, "decode": "Hex"}),
    "verify a JWS": job(
        "Verify", signature={"value": JWS, "format": "JWSDetached"}, failOnInvalid=True, algorithm="PS512"
    ),
    "verify an output": job("Verify", signature={"configMapRef": {"name": "m"}}),
    "verify a digest": job(
        "Verify", messageType="Digest", input={"value": DIGEST}, signature={**REF, "decode": "Base64URL"}
    ),
    "encrypt a whole secret": job(
        "Encrypt",
        input={"secretRef": {"name": "s"}},
        envelope=True,
        algorithm="A256KW",
        aad={"value": DATA},
        output={"configMap": {"owner": "None"}},
    ),
    "decrypt an output": job("Decrypt", input={"configMapRef": {"name": "m"}}, output={"secret": {}}),
    "decrypt by GCM": job(
        "Decrypt",
        algorithm="A128GCM",
        iv={"value": IV},
        tag={**MAP_REF, "decode": "Base64"},
        aad=REF,
        output={"secret": {"name": "out", "key": "plain", "owner": "Job"}},
    ),
    **{f"digest of {size}": job(messageType="Digest", input=coded(size)) for size in (32, 48, 64)},
    **{f"iv of {size}": job("Decrypt", iv=coded(size), tag=coded(16)) for size in (12, 16)},
    "signature of 512": job("Verify", signature=coded(512)),
    **{
        f"{operation} of {size}": job(operation, input=coded(size), algorithm="RSA-OAEP-256")
        for operation in ("Decrypt", "UnwrapKey")
        for size in (256, 384, 512)
    },
    "envelope by RSA": job("Decrypt", input=coded(600), algorithm="RSA-OAEP", envelope=True),
    "no envelope": job("Encrypt", envelope=False, algorithm="RSA1_5"),
    "like a Job": job(
        "RotateKey",
        minAge="7d",
        suspend=True,
        activeDeadlineSeconds=60,
        ttlSecondsAfterFinished=0,
        backoffLimit=0,
        output={"status": {}},
    ),
}


LONG = 1_048_576
Make = Callable[[int], dict[str, Any]]


def _of_whole(kind: str) -> Make:
    return lambda size: job("Decrypt", input={f"{kind}Ref": {"name": "a" * size}})


def _of_ref(field: str, kind: str, name: str) -> Make:
    operation = "Verify" if field == "signature" else "Decrypt"
    return lambda size: job(
        operation, **{field: {f"{kind}KeyRef": {"name": "n", "key": "k", name: "a" * size}}}
    )


def _of_output(kind: str, name: str) -> Make:
    return lambda size: job(output={kind: {name: "a" * size}})


KINDS = ("secret", "configMap")
SOURCES = ("input", "signature", "iv", "aad", "tag")
PARTS = ("name", "key")
LIMITS: Mapping[str, tuple[int, Make]] = {
    "spec.input.value": (LONG, lambda size: job(input={"value": "A" * size})),
    "spec.input.text": (LONG, lambda size: job(input={"text": "a" * size})),
    "spec.signature.value": (
        LONG,
        lambda size: job("Verify", signature={"value": "A" * (size - 4) + ".A.A", "format": "JWS"}),
    ),
    "spec.aad.value": (65_536, lambda size: job("Encrypt", aad={"value": "A" * size})),
    "spec.iv.value": (24, lambda size: job("Encrypt", iv={"value": "A" * (size - 2) + "=="})),
    "spec.tag.value": (24, lambda size: job("Decrypt", tag={"value": "A" * (size - 2) + "=="})),
    **{f"spec.input.{kind}Ref.name": (253, _of_whole(kind)) for kind in KINDS},
    **{
        f"spec.{field}.{kind}KeyRef.{name}": (253, _of_ref(field, kind, name))
        for field, kind, name in product(SOURCES, KINDS, PARTS)
    },
    **{f"spec.output.{kind}.{name}": (253, _of_output(kind, name)) for kind, name in product(KINDS, PARTS)},
}
"""Each text that an input or output may hold: its longest length, and a spec with such a text."""


def cryptojob(spec: Mapping[str, Any], name: str = "sign-it") -> dict[str, Any]:
    return _object("CryptoJob", spec, {"name": name, "namespace": "shop"})
