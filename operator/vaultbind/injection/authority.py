"""Pure: which authorities are trusted and which one signs, as time goes by.

A new authority is trusted long before it signs, and an old one as long as it is valid: at no moment does
anybody meet a certificate whose authority was not in the bundle for years. Shares are of an authority's life:

    0 ------------ 0.5 -------------- 0.8 ------ 1
    signs alone    next one trusted   next signs
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from vaultbind.injection.certificates import Pair, age_share, has_key, is_issued_by, names_of

NEXT_AT: Final = 0.5
SIGNS_AT: Final = 0.8
RENEW_AT: Final = 2 / 3
"""Share of a serving certificate's life after which it is renewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorities:
    """What the CA Secret holds."""

    current: Pair
    next: Pair | None = None
    previous: bytes = b""
    """PEM certificate of the one that signed before; its key is gone."""

    def bundle(self) -> bytes:
        """All that are trusted, as PEM."""
        return b"".join(
            part
            for part in (self.current.certificate, self.next.certificate if self.next else b"", self.previous)
            if part
        )


def advance(known: Authorities | None, now: datetime, make: Callable[[datetime], Pair]) -> Authorities:
    """Return what should be, given what is; the very same object where nothing is due."""
    if known is None or age_share(known.current.parsed, now) >= 1:
        found = known.next if known is not None and known.next is not None else make(now)
        return advance(Authorities(current=found), now, make)
    if known.previous and age_share(Pair(certificate=known.previous, key=b"").parsed, now) >= 1:
        known = replace(known, previous=b"")
    share = age_share(known.current.parsed, now)
    if share >= NEXT_AT and known.next is None:
        return replace(known, next=make(now))
    if share >= SIGNS_AT and known.next is not None and _is_spread(known.next, now):
        return Authorities(current=known.next, previous=known.current.certificate)
    return known


def _is_spread(pair: Pair, now: datetime) -> bool:
    """Whether everybody has had a day to learn of an authority (where nobody kept the schedule)."""
    return (now - pair.parsed.not_valid_before_utc).total_seconds() >= 86_400


def parse_authorities(data: Mapping[str, bytes]) -> Authorities | None:
    """Read the CA Secret; None where what signs is missing or broken."""
    current = _parse_pair(data, "ca.crt", "ca.key")
    if current is None:
        return None
    previous = data.get("previous.crt", b"")
    return Authorities(
        current=current,
        next=_parse_pair(data, "next.crt", "next.key"),
        previous=previous if _is_certificate(previous) else b"",
    )


def render_authorities(authorities: Authorities) -> dict[str, bytes]:
    """Content of the CA Secret."""
    data = {"ca.crt": authorities.current.certificate, "ca.key": authorities.current.key}
    if authorities.next is not None:
        data |= {"next.crt": authorities.next.certificate, "next.key": authorities.next.key}
    return data | ({"previous.crt": authorities.previous} if authorities.previous else {})


def is_serving_due(
    data: Mapping[str, bytes], authorities: Authorities, names: Sequence[str], now: datetime
) -> bool:
    """Whether a serving Secret needs a new certificate: missing, broken, other names, another signer, old."""
    pair = _parse_pair(data, "tls.crt", "tls.key")
    if pair is None or not is_issued_by(pair, authorities.current):
        return True
    return names_of(pair.parsed) != tuple(names) or age_share(pair.parsed, now) >= RENEW_AT


def _parse_pair(data: Mapping[str, bytes], certificate: str, key: str) -> Pair | None:
    pair = Pair(certificate=data.get(certificate, b""), key=data.get(key, b""))
    return pair if has_key(pair) else None


def _is_certificate(pem: bytes) -> bool:
    try:
        return bool(pem) and Pair(certificate=pem, key=b"").parsed is not None
    except ValueError:
        return False
