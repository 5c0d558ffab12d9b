"""What a CryptoJob finds where it is told to look: Secrets and ConfigMaps that anybody may have written."""

import base64
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any, Final

from tests.unit.api.cases_cryptojob import MAP_REF, REF
from tests.unit.cryptojobs.objects import OLD, URL, spec
from tools.fuzz_events import NothingFoundError
from tools.fuzz_json import draw_text
from vaultbind.api.cryptojob import CryptoJobSpec, HolderKind
from vaultbind.cryptojobs.facts import Setback
from vaultbind.cryptojobs.forms import from_der, parse_jws
from vaultbind.cryptojobs.inputs import Holders, parse_origin, parse_payload, unpack
from vaultbind.keyvault.envelope.form import EnvelopeHeader, render_header

KEY_ID: Final = f"{URL}/keys/k/{OLD}"
WHOLE: Final = {"configMapRef": {"name": "m"}}
OUTPUT: Final[Mapping[str, bytes]] = {
    "result": base64.b64encode(b"r" * 64),
    "keyId": KEY_ID.encode(),
    "algorithm": b"A256GCM",
    "iv": base64.b64encode(b"i" * 12),
    "tag": base64.b64encode(b"t" * 16),
    "aad": b"Bgc=",
    "content": b"SecretData",
    "k": b"a2V5",
}
ENVELOPE: Final = render_header(
    EnvelopeHeader(key_id=KEY_ID, algorithm="RSA-OAEP-256", wrapped_key=b"w" * 256, prefix=bytes(7))
)
JWS: Final = b"eyJhbGciOiJFUzI1NiJ9..c2ln"
ODD: Final = (
    *(b"", b"\0", b"\xff\xfe", b"=", b"....", b"..", b"VBEN", b"VBEN\x01", b"MAYCAQECAQE=", JWS),
    *(b"[" * 5_000, b"A" * 70_000, base64.b64encode(b"[" * 5_000) + b"..AA", b"e30..AA", b"bnVsbA..AA"),
    *(b'{"a": "YQ=="}', b'{"a": "!"}', b"[]", b"[[1]]", b"null", b"RS256", b"A256GCM"),
)


@cache
def _specs() -> tuple[CryptoJobSpec, ...]:
    """Each way to name an input."""
    return (
        spec("Encrypt"),
        spec("Encrypt", input={"secretRef": {"name": "s"}}, output={"secret": {"name": "out"}}),
        spec("Decrypt", input=WHOLE),
        spec("Decrypt", input=REF, iv=REF, aad=MAP_REF, tag=MAP_REF),
        spec("Decrypt", input=REF, envelope=True),
        spec("Sign", input={**MAP_REF, "decode": "Auto"}),
        spec("Verify", input=REF, signature=WHOLE),
        spec("Verify", input={**REF, "decode": "Hex"}, signature={**MAP_REF, "decode": "Base64URL"}),
        spec("UnwrapKey", input=WHOLE),
    )


def draw_inputs(draw: Random) -> tuple[CryptoJobSpec, Holders]:
    """A job, and what a Secret and a ConfigMap hold that it may name."""
    secret, config = (HolderKind.SECRET, "s"), (HolderKind.CONFIG_MAP, "m")
    return draw.choice(_specs()), {secret: _draw_holder(draw), config: _draw_holder(draw)}


def _draw_holder(draw: Random) -> dict[str, bytes] | None:
    if draw.random() < 0.05:
        return None
    found = dict(OUTPUT) | draw.choice(({}, {}, {"k": ENVELOPE}, {"result": JWS}))
    for _ in range(draw.choice((0, 0, 1, 2))):
        name = draw.choice(list(found))
        found[name] = draw.choice((*ODD, found[name][: draw.randrange(9)], _draw_bytes(draw)))
        if draw.random() < 0.3:
            del found[name]
    return found


def _draw_bytes(draw: Random) -> bytes:
    bent = bytearray(draw.choice((ENVELOPE, draw.randbytes(40), draw_text(draw).encode("utf-8", "replace"))))
    for _ in range(draw.randrange(4) if bent else 0):
        bent[draw.randrange(len(bent))] = draw.randrange(256)
    return bytes(bent[: draw.choice((len(bent), draw.randrange(len(bent) + 1)))])


def take_inputs(given: tuple[CryptoJobSpec, Holders]) -> None:
    """As a job reads them. Raises NothingFoundError, for a setback of the job's."""
    origin, payload = parse_origin(*given), parse_payload(*given)
    if isinstance(payload, Setback) or isinstance(origin, Setback):
        raise NothingFoundError
    unpack(payload.data)


def draw_signature(draw: Random) -> tuple[str, Any]:
    """A signature in a form that is not the vault's: `jws` or `der`."""
    if draw.random() < 0.5:
        der = b"\x30\x06\x02\x01\x01\x02\x01\x01"
        return "der", draw.choice(
            (der, draw.choice(ODD), _draw_bytes(draw), b"\x30\x84\xff\xff\xff\xff" + der)
        )
    parts = JWS.decode().split(".")
    odd = draw.choice((*ODD, _draw_bytes(draw))).decode("utf-8", "replace")
    parts[draw.randrange(3)] = draw.choice((odd, draw_text(draw), parts[0], ""))
    return "jws", ".".join(draw.choice((parts, JWS.decode().split("."))))


def take_signature(given: tuple[str, Any]) -> None:
    """Raises FormError."""
    form, signature = given
    if form == "der":
        from_der(signature, "ES256")
    else:
        parse_jws(signature, b"", "ES256", detached=True)
