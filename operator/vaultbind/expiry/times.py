"""Times as a status has them."""

from datetime import UTC, datetime

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def parse_time(text: str | None) -> datetime | None:
    """Read a time; None for none."""
    if not text:
        return None
    return datetime.strptime(text, _FORM).replace(tzinfo=UTC)


def render_time(moment: datetime) -> str:
    """Write a time."""
    return moment.astimezone(UTC).strftime(_FORM)
