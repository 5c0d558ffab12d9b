"""Events: which happen, how they are written, and how they wait until somebody has them."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.emulator.control import handle_control
from vaultbind.emulator.control_state import ControlError
from vaultbind.emulator.event_broker import Active, EventBroker
from vaultbind.emulator.event_delivery import EventDelivery
from vaultbind.emulator.event_forms import Schema, parse_subscription, render_event, render_validation
from vaultbind.emulator.event_pull import EventPull
from vaultbind.emulator.mailbox import CAPACITY, Mailbox
from vaultbind.keyvault.simulation import ApiRequest, ApiResponse, Estate, EstateConfig, Kind, VaultDriver
from vaultbind.keyvault.simulation.events import EventSource, Happening, VaultEvent
from vaultbind.keyvault.simulation.snapshots import parse_snapshot, render_snapshot, restore

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Stage:
    """An estate whose clock can be moved, and the events that came out of it."""

    def __init__(self, *, started: bool = True) -> None:
        self.now = NOW
        self.estate = Estate(EstateConfig(clock=lambda: self.now))
        self.events: list[VaultEvent] = []
        self.source = EventSource(self.estate, self.events.append)
        self.shop = self.estate.driver("shop")
        if started:
            self.source.start()

    def take(self) -> list[str]:
        """Types and names of the events since the last time, after a sweep."""
        self.estate.settle()
        self.source.sweep()
        told, self.events[:] = [f"{event.type.split('.')[2]} {event.name}" for event in self.events], []
        return told


def test_each_new_version_is_told_and_nothing_else() -> None:
    stage = Stage()
    stage.shop.set_secret("Db", "x")
    stage.shop.set_secret("Db", "y")
    stage.shop.update_secret("Db", tags={"a": "b"})
    stage.shop.delete("secrets", "Db")
    stage.shop.recover("secrets", "Db")
    stage.shop.create_key("sign")
    assert stage.take() == ["SecretNewVersionCreated Db"] * 2 + ["KeyNewVersionCreated sign"]


def test_a_certificate_is_told_with_its_key_and_secret() -> None:
    stage = Stage()
    stage.shop.issue_certificate("tls", ["a.test"])
    assert sorted(stage.take()) == [
        "CertificateNewVersionCreated tls",
        "KeyNewVersionCreated tls",
        "SecretNewVersionCreated tls",
    ]


def test_what_was_there_before_somebody_watched_is_not_told() -> None:
    stage = Stage(started=False)
    stage.shop.set_secret("old", "x", expires=NOW + 40 * DAY)
    stage.source.start()
    stage.source.start()
    stage.shop.set_secret("new", "x", expires=NOW + 40 * DAY)
    stage.estate.driver("later").set_secret("other", "x")
    assert stage.take() == ["SecretNewVersionCreated new", "SecretNewVersionCreated other"]
    stage.now += 60 * DAY
    assert stage.take() == ["SecretNearExpiry new", "SecretExpired new"]


def test_the_end_is_told_thirty_days_before_and_when_it_comes_each_once() -> None:
    stage = Stage()
    stage.shop.set_secret("db", "x", expires=NOW + 40 * DAY)
    stage.take()
    stage.now = NOW + 10 * DAY - timedelta(seconds=1)
    assert stage.take() == []
    stage.now = NOW + 10 * DAY
    assert stage.take() == ["SecretNearExpiry db"]
    assert stage.take() == []
    stage.estate.time.advance(30 * DAY, "shop")
    assert stage.take() == ["SecretExpired db"]
    assert stage.take() == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda shop: shop.set_secret("db", "y"), id="a newer version counts"),
        pytest.param(lambda shop: shop.delete("secrets", "db"), id="it was deleted"),
        pytest.param(
            lambda shop: (shop.delete("secrets", "db"), shop.purge("secrets", "db")), id="it was purged"
        ),
        pytest.param(lambda shop: shop.update_secret("db", expires=NOW + 900 * DAY), id="it lasts longer"),
    ],
)
def test_no_end_is_told_of_what_does_not_end(change: Callable[[VaultDriver], object]) -> None:
    stage = Stage()
    stage.shop.set_secret("db", "x", expires=NOW + 40 * DAY)
    change(stage.shop)
    stage.take()
    stage.now += 80 * DAY
    assert stage.take() == []


def test_a_recovered_object_ends_after_all() -> None:
    stage = Stage()
    stage.shop.set_secret("db", "x", expires=NOW + 40 * DAY)
    stage.shop.delete("secrets", "db")
    stage.take()
    stage.now += 45 * DAY
    assert stage.take() == []
    stage.shop.recover("secrets", "db")
    assert stage.take() == ["SecretNearExpiry db", "SecretExpired db"]


def test_keys_are_told_as_their_rotation_policy_says() -> None:
    stage = Stage()
    stage.shop.create_key("sign", expires=NOW + 100 * DAY)
    policy = {"lifetimeActions": [{"trigger": {"timeBeforeExpiry": "P60D"}, "action": {"type": "Notify"}}]}
    stage.shop.vault.keys.set_rotation("sign", policy, now=int(NOW.timestamp()))
    stage.take()
    stage.now += 41 * DAY
    assert stage.take() == ["KeyNearExpiry sign"]


def test_restoring_a_snapshot_tells_nothing() -> None:
    stage = Stage()
    stage.shop.set_secret("db", "x")
    document = render_snapshot(stage.estate)
    stage.take()
    restore(stage.estate, parse_snapshot(document))
    assert stage.take() == []


def event(**changes: Any) -> VaultEvent:
    members: dict[str, Any] = {
        "id": "e-1",
        "vault": "shop",
        "kind": Kind.SECRETS,
        "name": "Db",
        "version": "v1",
        "happening": Happening.CREATED,
        "time": int(NOW.timestamp()),
        "not_before": None,
        "expires": 1_800_000_000,
    }
    return VaultEvent(**{**members, **changes})


DATA = {
    "Id": "https://shop.test/secrets/Db/v1",
    "VaultName": "shop",
    "ObjectType": "Secret",
    "ObjectName": "Db",
    "Version": "v1",
    "NBF": None,
    "EXP": "1800000000",
}
ARM = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/emulator"
    "/providers/Microsoft.KeyVault/vaults/shop"
)


def test_an_event_as_a_cloud_event() -> None:
    assert render_event(event(), Schema.CLOUD_EVENTS, lambda vault: f"https://{vault}.test") == {
        "id": "e-1",
        "source": ARM,
        "specversion": "1.0",
        "type": "Microsoft.KeyVault.SecretNewVersionCreated",
        "subject": "Db",
        "time": "2027-01-15T08:00:00Z",
        "data": DATA,
    }


def test_an_event_in_the_event_grid_schema() -> None:
    assert render_event(event(), Schema.EVENT_GRID, lambda vault: f"https://{vault}.test") == {
        "id": "e-1",
        "topic": ARM,
        "subject": "Db",
        "eventType": "Microsoft.KeyVault.SecretNewVersionCreated",
        "eventTime": "2027-01-15T08:00:00Z",
        "data": DATA,
        "dataVersion": "1",
        "metadataVersion": "1",
    }


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("happening", list(Happening))
def test_types_are_azures(kind: Kind, happening: Happening) -> None:
    noun = {"secrets": "Secret", "keys": "Key", "certificates": "Certificate"}[kind]
    assert event(kind=kind, happening=happening).type == f"Microsoft.KeyVault.{noun}{happening}"


def test_the_validation_event_names_code_and_address() -> None:
    content = render_validation("i", "code", "https://here", NOW.timestamp())
    assert content["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert content["data"] == {"validationCode": "code", "validationUrl": "https://here"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "must be an object"),
        ({}, "name must have"),
        ({"name": "a b"}, "name must have"),
        ({"name": "a", "color": "red"}, "color is unknown"),
        ({"name": 1}, "name has the wrong type"),
        ({"name": "a", "shuffle": 1}, "shuffle has the wrong type"),
        ({"name": "a", "duplicates": True}, "duplicates has the wrong type"),
        ({"name": "a", "duplicates": 2}, "duplicates must be between"),
        ({"name": "a", "endpoint": "ftp://x"}, "endpoint must be"),
        ({"name": "a", "endpoint": "https://"}, "endpoint must be"),
        ({"name": "a", "endpoint": "http://[::1"}, "endpoint must be"),
        ({"name": "a", "endpoint": "http://x:99999/"}, "endpoint must be"),
        ({"name": "a", "endpoint": "https://x", "schema": "xml"}, "schema must be one of"),
        ({"name": "a", "schema": "eventgrid"}, "needs an endpoint"),
        ({"name": "a", "audience": "api://events"}, "audience is for pushes"),
        ({"name": "a", "endpoint": "https://x", "audience": 5}, "audience has the wrong type"),
        ({"name": "a", "topic": "a:b"}, "topic must have"),
    ],
)
def test_subscriptions_that_cannot_be_are_refused(content: Any, problem: str) -> None:
    with pytest.raises(ControlError, match=problem):
        parse_subscription(content)


STEPS = st.lists(
    st.one_of(
        st.just(("put", 0.0)),
        st.tuples(st.just("take"), st.floats(0, 100)),
        st.tuples(st.just("settle"), st.floats(0, 1)),
        st.tuples(st.just("postpone"), st.floats(0, 100)),
        st.tuples(st.just("wait"), st.floats(0, 100)),
    ),
    max_size=40,
)


@given(STEPS, st.booleans())
def test_a_letter_comes_again_until_it_is_settled(steps: list[tuple[str, float]], shuffled: bool) -> None:
    """At least once: whatever happens, an event that nobody settled can be taken later."""
    box = Mailbox(most_attempts=10**6, lifetime=10**9, shuffle=random.Random(1) if shuffled else None)
    now, numbers, held, settled, seen = 0.0, 0, {}, set(), set()
    for step, amount in steps:
        now += amount if step == "wait" else 0
        if step == "put":
            box.put(event(id=str(numbers)), now)
            numbers += 1
        elif step == "take":
            for item in box.take(now, 3, amount):
                assert item.event.id not in settled
                held[item.event.id] = item.token
                seen.add(item.event.id)
        elif held and step == "settle":
            name = min(held)
            if box.settle(held.pop(name), now):
                settled.add(name)
        elif held and step == "postpone":
            box.postpone(held[max(held)], now, now + amount)
    rest = {item.event.id for item in box.take(now + 1000, 10**6, 1)}
    assert rest | settled == {str(number) for number in range(numbers)}
    assert not rest & settled
    assert len(box) == numbers - len(settled)


def test_a_hold_ends_and_its_token_with_it() -> None:
    box = Mailbox(most_attempts=3, lifetime=1000)
    box.put(event(), 0)
    (first,) = box.take(0, 1, 60)
    assert box.take(59, 1, 60) == []
    assert box.postpone(first.token, 50, 110, keep=True)
    assert box.take(109, 1, 60) == []
    (second,) = box.take(110, 1, 60)
    assert (first.attempt, second.attempt) == (1, 2)
    assert not box.settle(first.token, 111)
    assert box.postpone(second.token, 111, 120)
    assert not box.settle(second.token, 121)
    (third,) = box.take(120, 1, 60)
    assert box.settle(third.token, 121, delivered=False)
    assert (len(box), box.delivered, box.dropped) == (0, 0, 1)
    assert not box.settle(third.token, 121)


@pytest.mark.parametrize(("attempts", "waits"), [(2, 1.0), (100, 600.0)])
def test_letters_are_given_up_after_attempts_or_time(attempts: int, waits: float) -> None:
    box = Mailbox(most_attempts=attempts, lifetime=1000)
    box.put(event(), 0)
    now = taken = 0.0
    while len(box):
        taken += len(box.take(now, 1, waits))
        now += waits
    assert (taken, box.dropped) == (2, 1)


def test_too_many_letters_push_out_the_oldest() -> None:
    box = Mailbox(most_attempts=1, lifetime=1000)
    for number in range(CAPACITY + 1):
        box.put(event(id=str(number)), 0)
    assert (len(box), box.dropped) == (CAPACITY, 1)
    assert [item.event.id for item in box.take(0, 1, 1)] == ["1"]


def test_letters_that_wait_together_can_be_mixed() -> None:
    box = Mailbox(most_attempts=9, lifetime=1000, shuffle=random.Random(1))
    for number in range(20):
        box.put(event(id=str(number)), 0)
    order = [int(item.event.id) for item in box.take(0, 20, 1)]
    assert order != sorted(order) == list(range(20))


class Office:
    """A broker on an estate with its control and pull paths."""

    def __init__(self, token: str = "") -> None:
        self.now = NOW
        self.estate = Estate(EstateConfig(clock=lambda: self.now))
        self.broker = EventBroker(self.estate)
        self.pull = EventPull(self.broker, token)
        self.shop = self.estate.driver("shop")

    def control(self, method: str, path: str, content: Any = None, **query: str) -> tuple[int, Any]:
        body = b"" if content is None else orjson.dumps(content)
        request = ApiRequest(method=method, host="h", path=f"/_vaultbind/{path}", body=body, query=query)
        response = handle_control(request, self.estate, "", self.broker)
        return response.status, orjson.loads(response.body)

    async def ask(
        self,
        verb: str,
        content: Any = None,
        *,
        sub: str = "all",
        key: str = "SharedAccessKey k",
        **query: Any,
    ) -> tuple[int, Any]:
        request = ApiRequest(
            method="POST",
            host="h",
            path=f"/topics/keyvault/eventsubscriptions/all:{verb}",
            query={name: str(value) for name, value in query.items()},
            headers={"authorization": key} if key else {},
            body=orjson.dumps(content),
        )
        response = await self.pull.handle(request)
        assert isinstance(response, ApiResponse)
        return response.status, orjson.loads(response.body)

    async def receive(self, limit: int = 100) -> list[tuple[str, str, int]]:
        """Token, name and count of what waits."""
        _, content = await self.ask("receive", maxEvents=limit, maxWaitTime=10)
        return [
            (
                item["brokerProperties"]["lockToken"],
                item["event"]["subject"],
                item["brokerProperties"]["deliveryCount"],
            )
            for item in content["value"]
        ]


async def test_events_are_pulled_acknowledged_released_rejected_and_locked_longer() -> None:
    office = Office()
    assert office.control("POST", "subscriptions", {"name": "all"}) == (
        201,
        {"name": "all", "state": "active"},
    )
    for name in ("a", "b", "c", "d"):
        office.shop.set_secret(name, "x")
    held = {name: token for token, name, _ in await office.receive()}
    assert list(held) == ["a", "b", "c", "d"]
    status, answer = await office.ask("acknowledge", {"lockTokens": [held["a"], "stranger"]})
    assert (status, answer["succeededLockTokens"]) == (200, [held["a"]])
    assert answer["failedLockTokens"][0]["error"]["code"] == "TokenLost"
    await office.ask("reject", {"lockTokens": [held["b"]]})
    await office.ask("release", {"lockTokens": [held["c"]]}, releaseDelayInSeconds=10)
    office.now += timedelta(seconds=50)
    await office.ask("renewLock", {"lockTokens": [held["d"]]})
    office.now += timedelta(seconds=50)
    assert [(name, times) for _, name, times in await office.receive()] == [("c", 2)]
    office.now += timedelta(seconds=10)
    assert [(name, times) for _, name, times in await office.receive()] == [("d", 2)]
    assert (await office.ask("acknowledge", {"lockTokens": [held["d"]]}))[1]["succeededLockTokens"] == []
    (row,) = office.control("GET", "subscriptions")[1]
    assert (row["waiting"], row["delivered"], row["dropped"]) == (2, 1, 1)


async def test_who_waits_and_leaves_takes_no_event_along() -> None:
    """It would be locked for a minute, and who comes next would not see it."""
    office = Office()
    office.control("POST", "subscriptions", {"name": "all"})
    request = ApiRequest(
        method="POST",
        host="h",
        path="/topics/keyvault/eventsubscriptions/all:receive",
        query={"maxWaitTime": "10"},
        headers={"authorization": "SharedAccessKey k"},
    )
    left = asyncio.create_task(office.pull.handle(request, lambda: True))
    await asyncio.sleep(0)
    office.shop.set_secret("a", "x")
    await left
    assert [(name, count) for _, name, count in await office.receive()] == [("a", 1)]


async def test_events_are_chosen_by_vault_and_type_and_doubled_at_will() -> None:
    office = Office()
    office.control(
        "POST", "subscriptions", {"name": "all", "vault": "sh*", "type": "*.Secret*", "duplicates": 0.5}
    )
    office.estate.driver("bank").set_secret("other", "x")
    office.shop.create_key("key")
    for name in ("a", "b", "c", "d"):
        office.shop.set_secret(name, "x")
    assert [name for _, name, _ in await office.receive()] == ["a", "b", "b", "c", "d", "d"]
    assert office.control("DELETE", "subscriptions", name="all") == (200, {"removed": 1})
    assert (await office.ask("receive"))[0] == 404


@pytest.mark.parametrize(
    ("verb", "content", "query", "status"),
    [
        ("receive", None, {"maxEvents": 0}, 400),
        ("receive", None, {"maxEvents": "x"}, 400),
        ("receive", None, {"maxWaitTime": 500}, 400),
        ("acknowledge", None, {}, 400),
        ("acknowledge", {"lockTokens": [1]}, {}, 400),
        ("acknowledge", [], {}, 400),
        ("release", {"lockTokens": []}, {"releaseDelayInSeconds": 5}, 400),
        ("explode", {"lockTokens": []}, {}, 404),
    ],
)
async def test_pull_requests_that_cannot_be_are_refused(
    verb: str, content: Any, query: dict[str, Any], status: int
) -> None:
    office = Office()
    office.control("POST", "subscriptions", {"name": "all"})
    assert (await office.ask(verb, content, **query))[0] == status


async def test_who_may_pull() -> None:
    office = Office()
    office.control("POST", "subscriptions", {"name": "all"})
    assert (await office.ask("receive", key="", maxWaitTime=10))[0] == 401
    strict = Office("the token")
    strict.control("POST", "subscriptions", {"name": "all"})
    strict.shop.set_secret("a", "x")
    for key, status in (
        ("SharedAccessKey wrong", 401),
        ("Bearer forged", 401),
        ("SharedAccessKey the token", 200),
    ):
        assert (await strict.ask("receive", key=key))[0] == status


async def test_other_paths_are_not_for_the_pull() -> None:
    request = ApiRequest(method="GET", host="h", path="/topics/keyvault/eventsubscriptions/all:receive")
    assert await Office().pull.handle(request) is None


def pushed(office: Office, **more: Any) -> Active:
    return office.broker.subscribe({"name": "hook", "endpoint": "https://hook.test/", **more})


def test_an_endpoint_gets_nothing_before_it_agreed() -> None:
    office = Office()
    active = pushed(office)
    office.shop.set_secret("early", "x")
    assert len(active.mailbox) == 0
    office.broker.activate(active)
    office.shop.set_secret("late", "x")
    assert len(active.mailbox) == 1


@pytest.mark.parametrize(
    ("name", "wait", "right", "status"),
    [("hook", 599, True, 200), ("hook", 601, True, 404), ("hook", 0, False, 404), ("nobody", 0, True, 404)],
)
def test_the_validation_address_is_open_for_ten_minutes(
    name: str, wait: int, right: bool, status: int
) -> None:
    office = Office()
    active = pushed(office)
    office.now += timedelta(seconds=wait)
    code = active.code if right else "wrong"
    assert office.control("GET", "validate", name=name, code=code)[0] == status
    assert active.state == ("active" if status == 200 else "pending")


@pytest.mark.parametrize(
    ("answers", "pauses", "left", "delivered", "dropped"),
    [
        ([200], [], 0, 1, 0),
        ([204], [], 0, 1, 0),
        ([503, None, 200], [10, 30], 0, 1, 0),
        ([500, 500, 500, 500], [10, 30, 60], 1, 0, 0),
        ([400], [], 0, 0, 1),
        ([401], [], 0, 0, 1),
        ([403], [], 0, 0, 1),
        ([413], [], 0, 0, 1),
        ([302, 200], [10], 0, 1, 0),
    ],
)
def test_what_an_endpoint_does_not_take_is_sent_again_or_dropped(
    answers: list[int | None], pauses: list[int], left: int, delivered: int, dropped: int
) -> None:
    office = Office()
    active = pushed(office)
    office.broker.activate(active)
    office.shop.set_secret("a", "x")
    for number, answer in enumerate(answers):
        (held,) = active.mailbox.take(office.broker.now(), 9, 60)
        office.broker.report(active, held, answer)
        if number < len(pauses):
            office.estate.time.advance(timedelta(seconds=pauses[number] - 1))
            assert active.mailbox.take(office.broker.now(), 9, 60) == []
            office.estate.time.advance(timedelta(seconds=1))
    assert (len(active.mailbox), active.mailbox.delivered, active.mailbox.dropped) == (
        left,
        delivered,
        dropped,
    )


def test_mistakes_in_a_subscription_are_told_by_the_control_path() -> None:
    status, content = Office().control("POST", "subscriptions", {"nam": "x"})
    assert status == 400
    assert "nam is unknown" in content["errors"][0]


async def test_what_fails_in_one_round_is_told_by_type_and_the_rest_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    office = Office()

    async def broken() -> None:
        raise RuntimeError("geheim")

    delivery = EventDelivery(office.broker, broken, "", "https://h/validate")
    office.control("POST", "subscriptions", {"name": "all"})
    office.shop.set_secret("a", "x", expires=NOW + 40 * DAY)
    office.now += 20 * DAY
    await delivery._step()
    (row,) = office.broker.summarize()
    assert row["waiting"] == 2
    assert "broken failed: RuntimeError" in caplog.text
    assert "geheim" not in caplog.text


@pytest.mark.parametrize("turns", range(6))
async def test_deliveries_end_when_they_are_told_to_however_soon_after_an_event(turns: int) -> None:
    """One that goes on keeps the whole emulator from ending."""
    office = Office()
    rounds = 0

    async def tick() -> None:
        nonlocal rounds
        rounds += 1

    running = asyncio.create_task(EventDelivery(office.broker, tick, "", "https://h/validate").run())
    await _pass_turns(10)
    office.broker.changed()
    await _pass_turns(turns)
    running.cancel()
    await _pass_turns(10)
    assert running.done()
    assert rounds in (1, 2)


async def _pass_turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)
