"""A life of each kind in seconds, over days that calendars make odd, in a time zone that moves its clocks."""

import time
from calendar import isleap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.flow.test_expiry import DAY, condition, judge
from tests.flow.test_keyvaults import vault_events
from tests.flow.world import World, stamp

MINUTE = timedelta(minutes=1)
AHEAD = 40 * DAY
"""From now: the first threshold has still to come."""


def next_leap_day(after: datetime) -> datetime:
    year = after.year
    while not (isleap(year) and datetime(year, 2, 29, 12, tzinfo=UTC) > after):
        year += 1
    return datetime(year, 2, 29, 12, tzinfo=UTC)


def next_new_year(after: datetime) -> datetime:
    return datetime(after.year + 1, 1, 1, tzinfo=UTC)


def last_sunday(month: int) -> Callable[[datetime], datetime]:
    """Half past one in the morning of the day on which clocks are moved: the hour that is odd."""

    def find(after: datetime) -> datetime:
        for year in (after.year, after.year + 1):
            day = datetime(year, month, 31, 1, 30, tzinfo=UTC)
            day -= (day.weekday() + 1) % 7 * DAY
            if day > after:
                return day
        raise AssertionError("there is one every year")

    return find


ENDS = {
    "leap day": next_leap_day,
    "new year": next_new_year,
    "clocks forward": last_sunday(3),
    "clocks back": last_sunday(10),
}
MAKERS: dict[str, Callable[[World, datetime], object]] = {
    "secret": lambda world, end: world.seed.set_secret("thing", "1", expires=end),
    "key": lambda world, end: world.seed.create_key("thing", expires=end),
    "certificate": lambda world, end: world.seed.issue_certificate("thing", ["a.test"], expires=end),
}


@pytest.fixture(autouse=True)
def moving_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Central Europe, as a rule that needs no database."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("find_end", ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("kind", MAKERS)
async def test_each_threshold_is_told_to_the_minute(
    world: World, kind: str, find_end: Callable[[datetime], datetime]
) -> None:
    """Nothing a minute before, once from a minute after on; what has ended stays so."""
    end = find_end(world.clock.now() + AHEAD)
    world.clock.offset += (end - 31 * DAY - world.clock.now()).total_seconds()
    MAKERS[kind](world, end)
    await world.connect(expiry={"scope": "All"}, refreshInterval="365d")
    told: list[str] = []
    for before, reason in ((30 * DAY, "ExpiresSoon"), (7 * DAY, "ExpiresSoon"), (DAY, "ExpiresSoon")):
        await be_at(world, end - before - MINUTE)
        assert await expiry_events(world) == told, f"a minute before {before}"
        await be_at(world, end - before + MINUTE)
        told.append(reason)
        assert await expiry_events(world) == told
    await be_at(world, end - MINUTE)
    assert await expiry_events(world) == told
    assert (await condition(world)).startswith("True ExpiresSoon")
    await be_at(world, end + MINUTE)
    assert await expiry_events(world) == [*told, "Expired"]
    assert (await condition(world)) == f"True Expired: 1 expired, the first is {kind} thing at {stamp(end)}"
    for _ in range(3):
        await be_at(world, world.clock.now() + 100 * DAY)
    assert await expiry_events(world) == [*told, "Expired"]


async def expiry_events(world: World) -> list[str]:
    """Of the KeyVault; a token of these worlds lasts thirty days, which reads of certificates may show."""
    return [reason for reason in await vault_events(world) if reason != "Unauthorized"]


async def be_at(world: World, moment: datetime) -> None:
    """Move the clocks, and let the timer come."""
    world.clock.offset += (moment - world.clock.now()).total_seconds()
    await judge(world)
