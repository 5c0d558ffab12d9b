"""Periods of rotation policies, as ISO 8601 writes them; months count 30 days, years 365."""

import re
from datetime import timedelta
from typing import Final

_DAYS: Final = {"D": 1, "W": 7, "M": 30, "Y": 365}


def parse_days(text: str | None) -> timedelta | None:
    """Read `P90D`, `P4W`, `P3M` or `P2Y`; None for anything else."""
    match = re.fullmatch(r"P(\d{1,5})([DWMY])", text or "")
    return timedelta(days=int(match[1]) * _DAYS[match[2]]) if match else None


def render_days(duration: timedelta | None) -> str | None:
    """Write whole days."""
    return None if duration is None else f"P{duration.days}D"
