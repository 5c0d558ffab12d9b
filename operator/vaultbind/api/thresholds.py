"""Thresholds of expiry, as KeyVaults and bindings give them."""

from datetime import timedelta
from typing import Final

from vaultbind.api.fields import Fields

_MOST: Final = 8


def parse_warn_before(expiry: Fields | None, default: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    """Return `warnBefore` of a `spec.expiry`, longest first and each once. Raises SpecError."""
    if expiry is None:
        return default
    return tuple(sorted(set(expiry.durations("warnBefore", default, most=_MOST)), reverse=True))
