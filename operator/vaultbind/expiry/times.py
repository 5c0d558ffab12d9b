"""Times as a status has them."""

from datetime import UTC, datetime

_FORM = "%Y-%m-%dT%H:%M:%SZ"
_LENGTH = len("0001-01-01T00:00:00Z")
"""strftime writes the year 1 as such, which no API server takes, and the whole status with it."""


def parse_time(text: str | None) -> datetime | None:
    """Read a time; None for none."""
    if not text:
        return None
    return datetime.strptime(text, _FORM).replace(tzinfo=UTC)


def render_time(moment: datetime) -> str:
    """Write a time."""
    return moment.astimezone(UTC).strftime(_FORM).zfill(_LENGTH)
