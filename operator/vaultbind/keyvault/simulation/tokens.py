"""Access tokens of the simulation: signed by ES256, with audience, principal and expiry."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from vaultbind.keyvault.simulation import asymmetric
from vaultbind.keyvault.simulation.keymaterial import render_public
from vaultbind.keyvault.simulation.problems import unauthorized

MISSING: Final = "AKV10000: Request is missing a Bearer or PoP token."
ALGORITHM: Final = "ES256"
KEY_ID: Final = "vaultbind-simulation"
HEADER: Final = {"alg": ALGORITHM, "typ": "JWT", "kid": KEY_ID}
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256."""
TENANT: Final = "00000000-0000-0000-0000-00000000cafe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says; times in epoch seconds."""

    audience: str
    principal: str
    expires: int
    not_before: int = 0
    """From when on; the moment of issue unless it was asked for later."""


class TokenKey:
    """A key pair that follows from bytes: those who know them sign alike, and after a restart, too."""

    def __init__(self, origin: bytes) -> None:
        """Derive the key; `origin` has at least 32 bytes that nobody can guess, if it is to protect."""
        number = int.from_bytes(hashlib.sha512(origin).digest(), "big")
        self._private = ec.derive_private_key(number % (ORDER - 1) + 1, ec.SECP256R1())

    def sign(self, content: str) -> str:
        """Token of its first two parts, with our signature."""
        return f"{content}.{_encode(asymmetric.sign(self._private, ALGORITHM, _digest(content)))}"

    def is_own(self, token: str) -> bool:
        """Tell whether we signed a token."""
        content, _, signature = token.rpartition(".")
        try:
            return asymmetric.verify(self._private, ALGORITHM, _digest(content), _decode(signature))
        except (ValueError, binascii.Error):
            return False

    def render_jwks(self) -> dict[str, Any]:
        """Key set by which others can check our tokens."""
        public = render_public(self._private)
        return {"keys": [{"kty": "EC", "use": "sig", "alg": ALGORITHM, "kid": KEY_ID, **public}]}


SIMULATION: Final = TokenKey(b"vaultbind simulation, no protection intended")
"""Known to all who have our source; whoever reaches the emulator gets a token anyway."""
TokenCheck = Callable[[str, str, int], str]
"""From token, wanted audience and now to the principal; raises VaultProblem (401)."""


def issue_token(claims: Claims, *, issued: int, tenant: str = TENANT, key: TokenKey = SIMULATION) -> str:
    """Sign a token in the shape of Entra's."""
    payload = {
        "aud": claims.audience,
        "iss": token_issuer(tenant),
        "iat": issued,
        "nbf": max(issued, claims.not_before),
        "exp": claims.expires,
        "appid": claims.principal,
        "oid": claims.principal,
        "sub": claims.principal,
        "tid": tenant,
        "ver": "1.0",
    }
    return key.sign(f"{_encode(orjson.dumps(HEADER))}.{_encode(orjson.dumps(payload))}")


def token_issuer(tenant: str) -> str:
    """Who issues tokens of a tenant, as they say."""
    return f"https://sts.windows.net/{tenant}/"


@lru_cache(maxsize=4096)
def parse_token(token: str) -> Claims | None:
    """Claims of a token that the simulation signed, None for any other."""
    if not SIMULATION.is_own(token):
        return None
    payload: dict[str, Any] = orjson.loads(_decode(token.split(".")[1]))
    return Claims(
        audience=payload["aud"],
        principal=payload["appid"],
        expires=payload["exp"],
        not_before=payload["nbf"],
    )


def check_strictly(token: str, audience: str, now: int) -> str:
    """Principal of one of our tokens, meant for this audience and not expired; raises VaultProblem (401)."""
    claims = parse_token(token)
    if claims is None:
        raise unauthorized("AKV10015: Signature of the token can not be verified.")
    if claims.audience.rstrip("/") != audience:
        raise unauthorized(f"AKV10022: Invalid audience. Expected {audience}, found: {claims.audience}.")
    if claims.expires <= now:
        raise unauthorized("AKV10046: Token is expired.")
    return claims.principal


def accept_any(token: str, audience: str, now: int) -> str:  # noqa: ARG001 - a TokenCheck
    """Principal of any token: ours says it, another is `unknown`."""
    claims = parse_token(token)
    return claims.principal if claims else "unknown"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
