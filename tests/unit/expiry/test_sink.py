"""The sink's address and what its answers mean; delivery that tries again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.flow.sinks import start_sink
from tests.unit.expiry.test_outbox import KEY
from tests.unit.expiry.test_vaults import facts_of, secret
from vaultbind.api.refs import ObjectKey
from vaultbind.engine.backoff import Backoff, BackoffPolicy
from vaultbind.expiry.cloudevents import Entry, Versions
from vaultbind.expiry.delivery import Delivery
from vaultbind.expiry.outbox import Outbox
from vaultbind.expiry.sink import Answer, HttpSink, Outcome, SinkSettings, parse_sink

WRONG = {
    "no URL": ("sink", "", "is not http"),
    "another scheme": ("ftp://sink.example", "", "is not http"),
    "no host": ("https:///in", "", "is not http"),
    "a port that is none": ("https://sink.example:port", "", "is no URL"),
    "a password": ("https://u:s3cret@sink.example", "", "must have no user"),
    "a fragment": ("https://sink.example/#s3cret", "", "must have no user"),
    "a token in the open": ("http://sink.example", "token", "must be https"),
}


@pytest.mark.parametrize(("url", "token", "words"), WRONG.values(), ids=WRONG.keys())
def test_addresses_that_are_refused(url: str, token: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_sink(url, token)
    assert "s3cret" not in str(caught.value)


def test_only_the_host_is_told() -> None:
    settings = parse_sink("https://sink.example:8443/in?code=s3cret", "t")
    assert (settings.host, settings.token_file) == ("sink.example", Path("t"))


ANSWERS = {
    200: Outcome.DELIVERED,
    202: Outcome.DELIVERED,
    302: Outcome.FAILED,
    400: Outcome.REFUSED,
    401: Outcome.FAILED,
    404: Outcome.FAILED,
    410: Outcome.FAILED,
    413: Outcome.REFUSED,
    415: Outcome.REFUSED,
    429: Outcome.FAILED,
    503: Outcome.FAILED,
}


async def test_what_answers_mean() -> None:
    async with start_sink() as there:
        sink = HttpSink(SinkSettings(url=there.url))
        for there.status, expected in ANSWERS.items():
            assert (await sink.send({"id": "1"})).outcome is expected, there.status
        there.headers = {"Retry-After": "7"}
        assert (await sink.send({})).retry_after == 7.0
        there.headers = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
        assert (await sink.send({})).retry_after == 0.0
        there.headers = {"Retry-After": "99999999"}
        assert (await sink.send({})).retry_after == 3600.0
        await sink.aclose()


async def test_a_token_is_read_for_each_event(tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with start_sink() as there:
        sink = HttpSink(parse_sink(there.url, str(token)))
        answer = await sink.send({})
        assert (answer.outcome, answer.cause) == (Outcome.FAILED, "FileNotFoundError")
        for text in ("first\n", "second"):
            token.write_text(text)
            await sink.send({})
        assert [item["Authorization"] for item in there.requests] == ["Bearer first", "Bearer second"]
        await sink.aclose()


async def test_nobody_listens() -> None:
    async with start_sink() as there:
        pass
    sink = HttpSink(SinkSettings(url=there.url))
    answer = await sink.send({})
    assert (answer.outcome, answer.cause) == (Outcome.FAILED, "ClientConnectorError")
    await sink.aclose()


@dataclass
class Script:
    """A sink that answers by a script, and all that a delivery tells."""

    answers: list[Answer]
    events: list[str] = field(default_factory=list)
    told: list[ObjectKey] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    asked: int = 0

    async def send(self, event: Mapping[str, Any]) -> Answer:
        self.events.append(event["subject"])
        return self.answers.pop(0) if self.answers else Answer(outcome=Outcome.DELIVERED)

    async def find_versions(self, entry: Entry) -> Versions | None:
        self.asked += 1
        return None if entry.doubtful else Versions(current="2", previous="1")

    def sent(self, type: str, outcome: str) -> None:
        self.counted.append(f"{type.removeprefix('vaultbind.dev.')} {outcome}")


def delivery_of(box: Outbox, script: Script) -> Delivery:
    return Delivery(
        outbox=box,
        host="sink.example",
        send=script.send,
        find_versions=script.find_versions,
        on_sent=script.told.append,
        observer=script,
        backoff=Backoff(policy=BackoffPolicy(first=1.0), draw=lambda: 1.0),
    )


async def test_a_sink_that_fails_is_left_alone_for_longer_and_longer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed = Answer(outcome=Outcome.FAILED, cause="status 503")
    later = Answer(outcome=Outcome.FAILED, cause="status 429", retry_after=90.0)
    box, script = Outbox(), Script([failed, failed, failed, later])
    box.take(KEY, "u", facts_of(secret(left=1)))
    delivery = delivery_of(box, script)
    assert [await delivery.send_some() for _ in range(5)] == [1.0, 2.0, 4.0, 90.0, 0.0]
    assert script.counted == ["secret.nearexpiry failed"] * 4 + ["secret.nearexpiry delivered"]
    assert script.told == [KEY]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"], "it came and went"


async def test_a_rotation_asks_for_versions_once() -> None:
    failed = Answer(outcome=Outcome.FAILED)
    box, script = Outbox(), Script([failed])
    box.take(KEY, "u", facts_of(secret()))
    box.take(KEY, "u", facts_of(secret(created_on=facts_of().now)))
    delivery = delivery_of(box, script)
    await delivery.send_some()
    await delivery.send_some()
    assert (script.events, script.asked) == (["secrets/a", "secrets/a"], 1)


async def test_what_was_no_rotation_is_not_sent() -> None:
    box, script = Outbox(), Script([])
    now = facts_of().now
    box.take(KEY, "u", facts_of(secret(created_on=now), sent_until=now))
    assert await delivery_of(box, script).send_some() == 0.0
    assert (script.events, script.counted) == ([], ["secret.rotated spared"])
    assert script.told == [KEY]


async def test_it_runs_until_it_is_cancelled() -> None:
    box, script = Outbox(), Script([])
    delivery = delivery_of(box, script)
    task = asyncio.create_task(delivery.run())
    await asyncio.sleep(0)
    box.take(KEY, "u", facts_of(secret(left=1)))
    delivery.wake()
    for _ in range(20):  # the loop's turns that a delivery takes
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert script.events == ["secrets/a"]


async def test_an_error_of_our_own_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    box, script = Outbox(), Script([])
    delivery, pauses = delivery_of(box, script), list[float]()

    async def broken(_: Mapping[str, Any]) -> Answer:
        delivery.send = script.send
        raise ZeroDivisionError("hunter2")

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    delivery.send, delivery.sleep = broken, pause
    box.take(KEY, "u", facts_of(secret(left=1)))
    task = asyncio.create_task(delivery.run())
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (script.events, pauses, len(box)) == (["secrets/a"], [1.0], 0)
    assert "unexpected ZeroDivisionError" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_process_that_does_not_lead_sends_nothing() -> None:
    box, script = Outbox(), Script([])
    delivery = delivery_of(box, script)
    delivery.may_send = lambda: False
    box.take(KEY, "u", facts_of(secret(left=1)))
    task = asyncio.create_task(delivery.run())
    for _ in range(3):
        delivery.wake()
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert script.events == []
