"""Access tokens of the simulation: signed, with audience, principal and expiry."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from vaultbind.keyvault.simulation.problems import unauthorized

MISSING: Final = "AKV10000: Request is missing a Bearer or PoP token."
SIGNING_KEY: Final = b"vaultbind simulation, no protection intended"
"""Fixed, so that tokens outlive a restart; whoever reaches the emulator gets a token anyway."""
HEADER: Final = {"alg": "HS256", "typ": "JWT"}
TENANT: Final = "00000000-0000-0000-0000-00000000cafe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says; times in epoch seconds."""

    audience: str
    principal: str
    expires: int
    not_before: int = 0
    """From when on; the moment of issue unless it was asked for later."""


TokenCheck = Callable[[str, str, int], str]
"""From token, wanted audience and now to the principal; raises VaultProblem (401)."""


def issue_token(claims: Claims, *, issued: int, tenant: str = TENANT) -> str:
    """Sign a token in the shape of Entra's."""
    payload = {
        "aud": claims.audience,
        "iss": f"https://sts.windows.net/{tenant}/",
        "iat": issued,
        "nbf": max(issued, claims.not_before),
        "exp": claims.expires,
        "appid": claims.principal,
        "oid": claims.principal,
        "sub": claims.principal,
        "tid": tenant,
        "ver": "1.0",
    }
    signed = f"{_encode(orjson.dumps(HEADER))}.{_encode(orjson.dumps(payload))}"
    return sign_again(signed)


@lru_cache(maxsize=4096)
def parse_token(token: str) -> Claims | None:
    """Claims of a token that we signed, None for any other."""
    signed, _, signature = token.rpartition(".")
    try:
        if not hmac.compare_digest(_decode(signature), _sign(signed)):
            return None
        payload: dict[str, Any] = orjson.loads(_decode(signed.partition(".")[2]))
    except (ValueError, binascii.Error):
        return None
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


def sign_again(signed: str) -> str:
    """Token of its first two parts, with our signature."""
    return f"{signed}.{_encode(_sign(signed))}"


def _sign(text: str) -> bytes:
    return hmac.digest(SIGNING_KEY, text.encode(), hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
