"""Periods of calendars, as key policies write them: P90D, P6M, P1Y2M."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from vaultbind.keyvault.simulation.problems import bad_parameter

PERIOD: Final = re.compile(r"P(?=\d)(?:(\d{1,3})Y)?(?:(\d{1,3})M)?(?:(\d{1,5})D)?", re.IGNORECASE)
SECONDS_PER_DAY: Final = 86_400
SHORTEST_MONTH: Final = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Whole months and days."""

    months: int
    days: int

    @property
    def least_days(self) -> int:
        """Days that it lasts at least, whatever months they are."""
        return self.months * SHORTEST_MONTH + self.days


def parse_period(text: str) -> Period:
    """Read `P1Y6M10D` and its parts; raises VaultProblem (BadParameter)."""
    match = PERIOD.fullmatch(text)
    if match is None:
        raise bad_parameter(f"Invalid ISO 8601 duration: {text[:32]}.")
    years, months, days = (int(part or 0) for part in match.groups())
    return Period(months=years * 12 + months, days=days)


def add(moment: int, period: Period, *, back: bool = False) -> int:
    """Epoch seconds a period later, or earlier; the 31st becomes the last day of a shorter month."""
    sign = -1 if back else 1
    start = datetime.fromtimestamp(moment, UTC)
    years, month = divmod(start.month - 1 + sign * period.months, 12)
    year = start.year + years
    day = min(start.day, monthrange(year, month + 1)[1])
    shifted = start.replace(year=year, month=month + 1, day=day)
    return int(shifted.timestamp()) + sign * period.days * SECONDS_PER_DAY
