"""The decision about the next attempt, row by row."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.keyvault.resilience.retry import (
    Attempt,
    RetryBudget,
    RetryConfig,
    decide_delay,
    parse_retry_after,
)

CONFIG = RetryConfig(attempts=3, base_delay=0.2, max_delay=2.0, budget=5.0)

OPERATION: dict[str, Any] = {"method": "POST", "repeatable": True}
DECISIONS: list[tuple[str, dict[str, Any], float | None]] = [
    ("first failure", {"status": 503}, 0.2),
    ("second failure", {"status": 503, "number": 2}, 0.4),
    ("last attempt", {"status": 503, "number": 3}, None),
    ("throttled", {"status": 429}, 0.2),
    ("throttled with a time", {"status": 429, "retry_after": 1.5}, 1.7),
    ("throttled for longer than we wait", {"status": 429, "retry_after": 2.1}, None),
    ("out of budget", {"status": 503, "elapsed": 4.9}, None),
    ("just within budget", {"status": 503, "elapsed": 4.8}, 0.2),
    ("read failed at the vault", {"status": 500}, 0.2),
    ("write failed at the vault", {"status": 500, "method": "PUT"}, None),
    ("write refused by the vault", {"status": 503, "method": "POST"}, 0.2),
    ("read cut", {"sent": True}, 0.2),
    ("write cut", {"sent": True, "method": "PUT"}, None),
    ("write never sent", {"sent": False, "method": "PUT"}, 0.2),
    ("an operation that changes nothing, throttled", {"status": 429, **OPERATION}, 0.2),
    ("an operation that changes nothing, bad gateway", {"status": 502, **OPERATION}, 0.2),
    ("an operation that changes nothing, cut", OPERATION, 0.2),
    ("a write throttled", {"status": 429, "method": "POST"}, 0.2),
    ("a write behind a bad gateway", {"status": 502, "method": "POST"}, None),
    ("timed out", {"timed_out": True}, None),
    ("not found", {"status": 404}, None),
    ("forbidden", {"status": 403}, None),
    ("not implemented", {"status": 501}, None),
]


@pytest.mark.parametrize(
    ("fields", "delay"), [row[1:] for row in DECISIONS], ids=[row[0] for row in DECISIONS]
)
def test_decide_delay(fields: dict[str, Any], delay: float | None) -> None:
    attempt = Attempt(**{"number": 1, "method": "GET", "elapsed": 0.0, **fields})

    assert decide_delay(CONFIG, attempt, lambda: 1.0) == (None if delay is None else pytest.approx(delay))


@given(st.integers(1, 10), st.floats(0, 1), st.floats(0, 10), st.none() | st.floats(0, 10))
def test_no_attempt_starts_after_the_budget(
    number: int, jitter: float, elapsed: float, retry_after: float | None
) -> None:
    config = RetryConfig(attempts=20)
    attempt = Attempt(number=number, method="GET", elapsed=elapsed, status=503, retry_after=retry_after)
    delay = decide_delay(config, attempt, lambda: jitter)

    if delay is not None:
        assert delay >= (retry_after or 0)
        assert elapsed + delay <= config.budget


def test_all_calls_share_a_budget_of_retries() -> None:
    budget = RetryBudget(RetryConfig(share=0.25, reserve=2))

    assert [budget.spend() for _ in range(3)] == [True, True, False]
    spent = []
    for _ in range(8):
        budget.earn()
        spent.append(budget.spend())
    assert spent == [False, False, False, True] * 2
    for _ in range(100):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False], "it does not grow without end"


NOW = 1_800_000_000.0
HEADERS = [
    ("absent", None, None),
    ("empty", "", None),
    ("seconds", "7", 7.0),
    ("fraction", "0.5", 0.5),
    ("a date", "Fri, 15 Jan 2027 08:00:10 GMT", 10.0),
    ("a date that has passed", "Fri, 15 Jan 2027 07:59:00 GMT", 0.0),
    ("negative", "-1", None),
    ("not a number", "nan", None),
    ("for ever", "inf", 3600.0),
    ("very long", "86400", 3600.0),
    ("nonsense", "soon", None),
]


@pytest.mark.parametrize(("text", "seconds"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS])
def test_parse_retry_after(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == seconds
