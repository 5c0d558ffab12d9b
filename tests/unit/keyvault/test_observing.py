"""An observer that raises hurts nobody, and is told of once."""

import logging
from typing import Any

import pytest

from tests.unit.keyvault.fakes import FakeCredential, Recorder, answer, canned, make_client, problem, secret
from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.observer import Observer
from vaultbind.keyvault.observing import ContainedObserver, contain
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.transport.tokens import SharedCredential

TOLD = {
    "request": ("secret", "GET", "/secrets/{name}", 200, 0.1),
    "retry": ("secret", "GET", "/secrets/{name}", "503", 0.1),
    "token": ("ok", 0.1),
    "breaker": ("open",),
    "cache": ("secret", "hit"),
}


class Broken(Recorder):
    """Raises whatever it is told."""

    def request(self, kind: str, method: str, route: str, status: int, seconds: float) -> None:
        raise ZeroDivisionError("hunter2")

    def retry(self, kind: str, method: str, route: str, reason: str, delay: float) -> None:
        raise ZeroDivisionError("hunter2")

    def token(self, outcome: str, seconds: float) -> None:
        raise LookupError("hunter2")

    def breaker(self, state: str) -> None:
        raise LookupError("hunter2")

    def cache(self, kind: str, outcome: str) -> None:
        raise LookupError("hunter2")


async def test_a_read_survives_its_observer(caplog: pytest.LogCaptureFixture) -> None:
    """Requests, a retry, a token, the breaker and the cache: each event raises."""
    transport = canned(problem(503, "Busy"), answer(secret()))
    client = make_client(transport, observer=Broken(), cache=CacheConfig())
    async with client:
        found = await client.get_secret("db")
        await client.get_secret("db")

    assert found.value.expose_secret() == "s3cr3t"
    assert set(client.observer_failures) == {"ZeroDivisionError", "LookupError"}
    assert client.observer_failures["ZeroDivisionError"] == 4, "challenge, 503, retry, 200"
    lines = [record for record in caplog.records if record.name == "vaultbind.keyvault.observing"]
    assert sorted(record.getMessage().split()[3] for record in lines) == ["LookupError", "ZeroDivisionError"]
    assert "hunter2" not in caplog.text


async def test_the_breaker_survives_its_observer() -> None:
    client = make_client(canned(problem(500, "x")), observer=Broken(), retry=RetryConfig(attempts=1))
    for _ in range(6):
        with pytest.raises(Exception, match="vault"):
            await client.get_secret("db")

    assert client.breaker_state == "open"


async def test_a_credential_survives_its_observer() -> None:
    credential = FakeCredential()
    shared = SharedCredential(lambda: credential, clock=lambda: 4_000_000_000.0, observer=Broken())

    assert (await shared.get_token_info("scope")).token == "token-1"


@pytest.mark.parametrize("event", TOLD)
def test_every_event_is_passed_on(event: str, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[tuple[Any, ...]] = []

    class Listener:
        def __getattr__(self, name: str) -> Any:
            return lambda *values: heard.append((name, *values))

    observer: Any = Listener()
    getattr(contain(observer), event)(*TOLD[event])

    assert heard == [(event, *TOLD[event])]
    assert not caplog.records


def test_every_event_is_known_here() -> None:
    events = {
        name for name, member in vars(Observer).items() if not name.startswith("_") and callable(member)
    }
    assert events == TOLD.keys()
    for event in events:
        assert event in vars(ContainedObserver)


def test_one_without_a_method_is_contained_too(caplog: pytest.LogCaptureFixture) -> None:
    partial: Any = object()
    kept = contain(partial)
    with caplog.at_level(logging.WARNING):
        kept.breaker("open")
        kept.breaker("closed")

    assert kept.failures == {"AttributeError": 2}
    assert len(caplog.records) == 1


def test_nobody_hears_nothing_and_who_is_kept_is_not_kept_twice() -> None:
    kept = contain(None)
    kept.token("ok", 0.1)

    assert kept.failures == {}
    assert contain(kept) is kept
