"""The token bucket in virtual time."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.keyvault.fakes import FakeClock, SteppedClock
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.clock import SystemClock
from vaultbind.keyvault.resilience.ratelimit import Priority, TokenBucket


async def test_a_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    clock = FakeClock()
    bucket = TokenBucket(10, 5, clock)
    passed: list[float] = []

    async def go() -> None:
        await bucket.acquire()
        passed.append(round(clock.now - 1000, 6))

    await asyncio.gather(*(go() for _ in range(8)))

    assert passed == [0, 0, 0, 0, 0, 0.1, 0.2, 0.3]


async def test_fresh_requests_overtake_refreshes() -> None:
    bucket = TokenBucket(10, 1, FakeClock())
    order: list[str] = []

    async def go(name: str, priority: Priority) -> None:
        await bucket.acquire(priority)
        order.append(name)

    await asyncio.gather(
        go("first", Priority.REFRESH),
        go("refresh 1", Priority.REFRESH),
        go("refresh 2", Priority.REFRESH),
        go("fresh 1", Priority.FRESH),
        go("fresh 2", Priority.FRESH),
    )

    assert order == ["first", "fresh 1", "fresh 2", "refresh 1", "refresh 2"]


async def test_who_would_wait_too_long_is_refused_with_a_time() -> None:
    bucket = TokenBucket(1, 1, FakeClock(), max_wait=2.0)
    waiting = [asyncio.create_task(bucket.acquire()) for _ in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(KeyVaultError) as caught:
        await bucket.acquire()

    assert caught.value.kind is KeyVaultErrorKind.RATE_LIMITED
    assert caught.value.retry_after == pytest.approx(3.0)
    assert caught.value.retryable
    await asyncio.gather(*waiting)


async def test_a_short_pause_delays() -> None:
    clock = FakeClock()
    bucket = TokenBucket(10, 5, clock)
    bucket.pause_until(clock.now + 3)
    bucket.pause_until(clock.now + 1)
    assert bucket.pause_left == 3

    await bucket.acquire()

    assert clock.now == 1003
    assert bucket.pause_left == 0


async def test_a_long_pause_refuses_those_who_come_and_those_who_wait() -> None:
    clock = FakeClock()
    bucket = TokenBucket(1, 1, clock)
    await bucket.acquire()
    waiting = asyncio.create_task(bucket.acquire(Priority.REFRESH))
    left = asyncio.create_task(bucket.acquire())
    await asyncio.sleep(0)
    left.cancel()
    bucket.pause_until(clock.now + 60)

    for call in (waiting, bucket.acquire()):
        with pytest.raises(KeyVaultError) as caught:
            await call
        assert (caught.value.kind, caught.value.retry_after) == (KeyVaultErrorKind.THROTTLED, 60.0)


async def test_one_who_leaves_the_queue_takes_no_token() -> None:
    clock = FakeClock()
    bucket = TokenBucket(10, 1, clock)
    await bucket.acquire()
    leaver = asyncio.create_task(bucket.acquire())
    stayer = asyncio.create_task(bucket.acquire())
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.gather(leaver, stayer, return_exceptions=True)

    assert clock.now == pytest.approx(1000.1)


async def test_the_real_clock_lets_time_pass() -> None:
    clock = SystemClock()
    before, wall = clock.monotonic(), clock.time()

    await clock.sleep(0.002)

    assert clock.monotonic() - before >= 0.002
    assert clock.time() >= wall


@settings(max_examples=50, deadline=None)
@given(
    st.floats(0.5, 500),
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(0, 0.5), st.sampled_from(Priority)), max_size=40),
)
def test_never_more_than_burst_and_rate_allow(
    rate: float, burst: int, arrivals: list[tuple[float, Priority]]
) -> None:
    async def run() -> list[float]:
        clock = SteppedClock()
        bucket = TokenBucket(rate, burst, clock, max_wait=1e9)
        passed: list[float] = []

        async def go(priority: Priority) -> None:
            await bucket.acquire(priority)
            passed.append(clock.now)

        tasks = []
        for gap, priority in arrivals:
            await clock.advance(gap)
            tasks.append(asyncio.create_task(go(priority)))
        await clock.advance(len(arrivals) / rate + 1)
        assert all(task.done() for task in tasks), "nobody waits longer than the rate asks for"
        return passed

    passed = asyncio.run(run())

    assert len(passed) == len(arrivals)
    for i, start in enumerate(passed):
        for j in range(i, len(passed)):
            assert j - i + 1 <= burst + (passed[j] - start) * rate + 1e-3
