"""The machine's clocks."""

from datetime import timedelta

from vaultbind.engine.clock import SystemClock


def test_the_clock_goes_forward_and_knows_its_zone() -> None:
    clock = SystemClock()
    before, now = clock.monotonic(), clock.now()
    assert clock.monotonic() >= before
    assert now.utcoffset() == timedelta(0)
