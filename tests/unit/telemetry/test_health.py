import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from vaultbind.telemetry.health import LAG_WINDOW, SAMPLE_INTERVAL, HealthChecks, LoopLag, Verdict


def failing() -> Verdict:
    raise RuntimeError("hunter2")


def test_no_checks_are_well() -> None:
    assert HealthChecks().report().ok


@pytest.mark.parametrize(
    ("checks", "ok"),
    [
        pytest.param([lambda: Verdict(ok=True)], True, id="well"),
        pytest.param([lambda: Verdict(ok=True), lambda: Verdict(ok=False)], False, id="one is not"),
        pytest.param([failing], False, id="one raises"),
    ],
)
def test_all_must_be_content(checks: list[Callable[[], Verdict]], ok: bool) -> None:
    registry = HealthChecks()
    for number, check in enumerate(checks):
        registry.add(f"check-{number}", check)

    assert ok is registry.report().ok


def test_a_check_that_raises_is_named_without_its_text() -> None:
    registry = HealthChecks()
    registry.add("watch", failing)

    assert registry.report().verdicts == {
        "watch": Verdict(ok=False, detail="the check failed: RuntimeError"),
    }


def test_a_name_is_given_once() -> None:
    registry = HealthChecks()
    registry.add("x", failing)

    with pytest.raises(ValueError, match="x"):
        registry.add("x", failing)


class SlowLoop:
    """A clock and sleeps that take as much longer as told."""

    def __init__(self, *delays: float) -> None:
        self.now = 100.0
        self.delays = list(delays)

    async def pause(self, seconds: float) -> None:
        if not self.delays:
            raise asyncio.CancelledError
        self.now += seconds + self.delays.pop(0)


async def sampled(loop: SlowLoop, pause: Callable[[float], Awaitable[None]] | None = None) -> LoopLag:
    lag = LoopLag(clock=lambda: loop.now, pause=pause or loop.pause)
    with suppress(asyncio.CancelledError):
        await lag.run()
    return lag


async def test_the_worst_delay_counts() -> None:
    lag = await sampled(SlowLoop(0.0, 1.5, 0.1))

    assert lag.seconds() == pytest.approx(1.5)


async def test_it_is_forgotten_after_a_while() -> None:
    loop = SlowLoop(1.5, *[0.1] * int(LAG_WINDOW / SAMPLE_INTERVAL))
    lag = await sampled(loop)

    assert lag.seconds() == pytest.approx(0.1)


async def test_an_overdue_sample_counts_before_it_is_taken() -> None:
    loop = SlowLoop(0.0)
    lag = await sampled(loop)
    loop.now += SAMPLE_INTERVAL + 7.0

    assert lag.seconds() == pytest.approx(7.0)


async def test_before_the_first_sample_all_is_well() -> None:
    assert LoopLag().seconds() == 0.0


@pytest.mark.parametrize(("limit", "ok"), [(1.4, False), (1.6, True)])
async def test_as_a_check(limit: float, ok: bool) -> None:
    verdict = (await sampled(SlowLoop(1.5))).check(limit)()

    assert ok is verdict.ok
    assert "1.500 s" in verdict.detail


async def test_on_the_real_loop() -> None:
    lag = LoopLag()
    task = asyncio.create_task(lag.run())
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert lag.seconds() < 60.0
