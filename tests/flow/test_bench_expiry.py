"""The benchmark of expiry on a few objects: it counts what it says it counts; its figures mean nothing."""

from datetime import UTC, datetime

import pytest

from bench import expiry
from bench.expiry_vaults import Service, render_seed
from vaultbind.emulator import Emulator, EmulatorConfig


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark names an identity endpoint there."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.setenv(name, "restored afterwards")


async def test_it_runs_through_the_rooms() -> None:
    """Of 36 objects 24 are read by themselves, each once; a status is written only with news."""
    seed = render_seed(36, 2, datetime.now(UTC))
    async with Emulator.start(EmulatorConfig(seed=seed)) as emulator:
        figures = await expiry.measure(Service(emulator.url, emulator.ca_pem), 36, 2, days=21)
    counted = {name: figures[name] for name in ("policies", "seen", "first_day_reads", "quiet_writes")}
    assert counted == {"policies": 6, "seen": 36, "first_day_reads": 24, "quiet_writes": 0}
    assert figures["quiet_reads"] == 0
    assert figures["most_reads_of_an_object_and_day"] == 1
    assert figures["days_events"] >= 2, "keys were rotated on the twentieth day"
    assert figures["days_writes"] >= 2
    lines = expiry.render_table({"figures": figures}).splitlines()
    assert len(lines) == 2 + len(expiry.ROWS)


async def test_two_reads_of_an_object_on_a_day_are_not_let_through() -> None:
    """So that the figure of the page cannot be anything else than one."""
    emulator = Emulator.start(EmulatorConfig(seed=render_seed(6, 1, datetime.now(UTC))))
    async with emulator as started, expiry.open_house(Service(started.url, started.ca_pem), 1) as house:
        house.reads["bench-0", "keys", "keys-2"] += 2
        with pytest.raises(RuntimeError, match="read 2 times on a day"):
            house.end_day()
