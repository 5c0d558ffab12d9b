"""Pure: whether a token is one of our Entra tenant, for us, and of somebody who may send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt

ALGORITHMS: Final = ("RS256", "ES256")
"""By key pairs only: else a public key could be taken for a shared secret. ES256 is the emulator's."""
LONGEST_TOKEN: Final = 8_192
MOST_KEYS: Final = 64
LEEWAY: Final = timedelta(minutes=5)
"""By which the issuer's clock and ours may differ."""
EVENT_GRID: Final = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
"""Application of Event Grid in every tenant of Azure's public cloud."""
PUBLIC_AUTHORITY: Final = "https://login.microsoftonline.com"
_FIRST_ISSUERS: Final = {"https://login.chinacloudapi.cn": "https://sts.chinacloudapi.cn"}
"""Authorities whose tokens of the first version have another issuer than all others'."""
_REQUIRED: Final = ["exp", "iss", "aud"]


class TokenError(Exception):
    """A token is not good; the message says why, in words of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntraSettings:
    """Whose tokens are taken. Tokens of both of Entra's versions are, as the application is registered."""

    tenant: str
    audiences: tuple[str, ...]
    """Id of the application that stands for the webhook, and its URI: a token names one of them."""
    senders: tuple[str, ...] = (EVENT_GRID,)
    """Ids of applications that may send."""
    authority: str = PUBLIC_AUTHORITY

    @property
    def keys_url(self) -> str:
        """Where the tenant's keys are."""
        return f"{self.authority}/{self.tenant}/discovery/v2.0/keys"

    @property
    def issuers(self) -> tuple[str, str]:
        """Who issues tokens of the first version, and of the second."""
        first = _FIRST_ISSUERS.get(self.authority, "https://sts.windows.net")
        return f"{first}/{self.tenant}/", f"{self.authority}/{self.tenant}/v2.0"


def parse_keys(content: Any) -> dict[str, jwt.PyJWK]:
    """Find the keys that can sign tokens, by id, at most MOST_KEYS; what cannot be read is left out."""
    listed = content.get("keys") if isinstance(content, Mapping) else None
    found: dict[str, jwt.PyJWK] = {}
    for item in listed[:MOST_KEYS] if isinstance(listed, list) else ():
        if not isinstance(item, dict) or item.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(item)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if key.algorithm_name in ALGORITHMS and isinstance(item.get("kid"), str):
            found[item["kid"]] = key
    return found


def parse_key_id(token: str) -> str:
    """Read by which key a token says that it is signed; nothing is believed of it. Raises TokenError."""
    if not 0 < len(token) <= LONGEST_TOKEN:
        raise TokenError("there is no bearer token" if not token else "the token is too long")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, UnicodeEncodeError):  # a byte of a header that is no UTF-8 comes as a surrogate
        raise TokenError("the token cannot be read") from None
    if header.get("alg") not in ALGORITHMS:
        raise TokenError(f"the token is not signed by {' or '.join(ALGORITHMS)}")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise TokenError("the token does not name its key")
    return key_id


def check_token(token: str, key: jwt.PyJWK, settings: EntraSettings, now: datetime) -> None:
    """Check signature, audience, issuer, times and sender. Raises TokenError."""
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=list(settings.audiences),
            issuer=list(settings.issuers),
            options={
                "require": _REQUIRED,
                "verify_exp": False,  # by the time that is passed in, below
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except jwt.InvalidAudienceError:
        raise TokenError("the token is for another audience") from None
    except jwt.InvalidIssuerError:
        raise TokenError("the token is of another issuer") from None
    except (jwt.PyJWTError, ValueError, TypeError):  # its text may quote the token
        raise TokenError("the token's signature or form is wrong") from None
    _check_times(claims, now)
    _check_sender(claims, settings.senders)


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    begins, ends = _parse_time(claims.get("nbf", 0)), _parse_time(claims["exp"])
    if begins is None or ends is None:
        raise TokenError("the token's times cannot be read")
    if ends + LEEWAY <= now:
        raise TokenError("the token has expired")
    if begins - LEEWAY > now:
        raise TokenError("the token is not valid yet")


def _check_sender(claims: Mapping[str, Any], senders: Sequence[str]) -> None:
    """`appid` is of tokens of the first version, `azp` of those of the second."""
    sender = claims.get("appid") or claims.get("azp")
    if sender not in senders:
        raise TokenError("the token is of an application that may not send")


def _parse_time(seconds: Any) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
