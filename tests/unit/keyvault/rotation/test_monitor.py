"""The monitor on a simulated vault: what it asks, whom it tells, and what a handler cannot break."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.keyvault.fakes import SteppedClock
from vaultbind.keyvault import KeyVaultClient, KeyVaultConfig
from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.rotation.config import MonitorConfig
from vaultbind.keyvault.rotation.handler import RotationHandler
from vaultbind.keyvault.rotation.monitor import CheckResult, ExpiryMonitor
from vaultbind.keyvault.rotation.reader import MAX_VERSION_PAGES
from vaultbind.keyvault.rotation.state import MonitorState
from vaultbind.keyvault.simulation import Denial, Estate, EstateConfig, Fault
from vaultbind.keyvault.simulation.transport import SimulatedCredential, SimulatedTransport
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties
from vaultbind.keyvault.types.key import Key
from vaultbind.keyvault.types.secret import Secret

DAY = timedelta(days=1)


class PatientClock(SteppedClock):
    """Waits until a whole check of a client is through."""

    async def _settle(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0)


class Stage:
    """A vault `shop`, its client, and one clock for both."""

    def __init__(self) -> None:
        self.clock = PatientClock()
        self.estate = Estate(EstateConfig(clock=lambda: self.now))
        self.vault = self.estate.driver("shop")
        self.client = self.connect()

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time(), UTC)

    def connect(self, **settings: Any) -> KeyVaultClient:
        config = KeyVaultConfig(
            vault_url="https://shop.vault.azure.net",
            credential=SimulatedCredential(self.estate),
            retry=RetryConfig(attempts=1),
            **settings,
        )
        return KeyVaultClient(config, transport=SimulatedTransport(self.estate), clock=self.clock)

    async def check(self, client: KeyVaultClient | None = None) -> CheckResult:
        return await (client or self.client).expiry_monitor.check_once(self.now)

    def operations(self) -> dict[str, int]:
        counts: dict[str, int] = self.estate.log.summarize()["operations"]
        self.estate.log.clear()
        return counts


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.client.aclose()


class Notes(RotationHandler):
    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    async def on_near_expiry(self, properties: ObjectProperties, days_until_expiry: int) -> None:
        self.told.append(("near", properties.kind.value, properties.name, days_until_expiry))

    async def on_expired(self, properties: ObjectProperties) -> None:
        self.told.append(("expired", properties.kind.value, properties.name))

    async def on_secret_rotated(self, secret: Secret, previous_version: str) -> None:
        self.told.append(("secret", secret.name, secret.value.expose_secret(), previous_version))

    async def on_key_rotated(self, key: Key, previous_version: str) -> None:
        self.told.append(("key", key.name, previous_version))

    async def on_certificate_renewed(self, certificate: Certificate, previous_version: str) -> None:
        self.told.append(("certificate", certificate.name, previous_version))

    def take(self) -> list[tuple[Any, ...]]:
        told, self.told = self.told, []
        return told


async def test_a_year_of_a_secret(stage: Stage) -> None:
    stage.vault.set_secret("db", "v1", expires=stage.now + 365 * DAY)
    notes = Notes()
    stage.client.register_rotation_handler(notes)
    told = {}
    for day in range(380):
        await stage.check()
        if found := notes.take():
            told[day] = found
        stage.clock.now += 86_400

    assert told == {
        335: [("near", "secret", "db", 30)],
        358: [("near", "secret", "db", 7)],
        364: [("near", "secret", "db", 1)],
        365: [("expired", "secret", "db")],
    }
    assert set(stage.operations()) == {"secrets.list", "keys.list", "certificates.list"}, "no value was read"


async def test_new_versions_of_each_kind(stage: Stage) -> None:
    notes = Notes()
    stage.client.register_rotation_handler(notes)

    def renew() -> list[str]:
        secret = stage.vault.set_secret("db", f"v-{stage.clock.now}")
        key = stage.vault.create_key("signing")
        stage.vault.issue_certificate("web", ["web.example"])
        return [secret.version, key.version, stage.vault.vault.certificates.get("web").version]

    first = renew()
    await stage.check()
    assert notes.take() == []
    stage.clock.now += 60
    second = renew()
    await stage.check()
    value = f"v-{stage.clock.now}"

    assert notes.take() == [
        ("secret", "db", value, first[0]),
        ("certificate", "web", first[2]),
        ("key", "signing", first[1]),
    ]
    stage.operations()
    stage.clock.now += 60
    stage.vault.set_secret("db", "v3")
    await stage.check()
    assert notes.take() == [("secret", "db", "v3", second[0])]
    lists = {f"{kind}.list": 1 for kind in ("secrets", "keys", "certificates")}
    assert stage.operations() == {**lists, "secrets.get": 1}, "the previous version is known by now"


async def test_nothing_is_read_for_handlers_that_do_not_want_it(stage: Stage) -> None:
    class Pager:
        def __init__(self) -> None:
            self.days: list[int] = []

        async def on_near_expiry(self, properties: ObjectProperties, days_until_expiry: int) -> None:
            self.days.append(days_until_expiry)

    pager = Pager()
    stage.client.register_rotation_handler(pager)
    stage.client.register_rotation_handler(RotationHandler())
    stage.vault.set_secret("db", "v1")
    await stage.check()
    stage.clock.now += 60
    stage.vault.set_secret("db", "v2", expires=stage.now + 3 * DAY)
    result = await stage.check()

    assert pager.days == [3]
    assert [telling.event.value for telling in result.tellings] == ["Rotated", "NearExpiry"]
    assert "secrets.get" not in stage.operations()


async def test_a_handler_of_another_kind_of_class_may_be_synchronous(stage: Stage) -> None:
    class Plain:
        def __init__(self) -> None:
            self.names: list[str] = []

        def on_expired(self, properties: ObjectProperties) -> None:
            self.names.append(properties.name)

    plain = Plain()
    stage.client.register_rotation_handler(plain)
    stage.vault.set_secret("db", "v1", expires=stage.now - DAY)
    await stage.check()

    assert plain.names == ["db"]


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (object(), "object has none of the methods on_near_expiry"),
        (RotationHandler, r"RotationHandler\(\), not"),
    ],
    ids=["nothing", "a class"],
)
async def test_what_handles_nothing_is_refused(stage: Stage, handler: object, words: str) -> None:
    with pytest.raises(KeyVaultError, match=words) as caught:
        stage.client.register_rotation_handler(handler)

    assert caught.value.kind is KeyVaultErrorKind.CONFIGURATION


async def test_a_handlers_error_is_contained_counted_and_not_quoted(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(RotationHandler):
        async def on_secret_rotated(self, secret: Secret, previous_version: str) -> None:
            raise RuntimeError(secret.value.expose_secret())

    notes = Notes()
    stage.client.register_rotation_handler(Broken())
    stage.client.register_rotation_handler(notes)
    stage.vault.set_secret("db", "v1")
    await stage.check()
    stage.clock.now += 60
    stage.vault.set_secret("db", "hunter2")
    with caplog.at_level(logging.DEBUG):
        result = await stage.check()

    assert (result.handler_errors, stage.client.expiry_monitor.handler_errors) == (1, 1)
    assert len(notes.take()) == 1, "the next handler is told nevertheless"
    assert "Broken.on_secret_rotated failed: RuntimeError" in caplog.text
    assert "hunter2" not in caplog.text
    assert (await stage.check()).tellings == ()


async def test_a_handler_that_hangs_is_ended(stage: Stage) -> None:
    class Hanging(RotationHandler):
        async def on_expired(self, properties: ObjectProperties) -> None:
            await asyncio.Event().wait()

    client = stage.connect(monitor=MonitorConfig(handler_timeout=0.001))
    client.register_rotation_handler(Hanging())
    stage.vault.set_secret("db", "v1", expires=stage.now)

    assert (await stage.check(client)).handler_errors == 1


async def test_a_kind_that_cannot_be_listed_is_named_and_the_others_are_judged(stage: Stage) -> None:
    stage.vault.set_secret("db", "v1", expires=stage.now)
    stage.vault.create_key("signing")
    await stage.check()
    stage.estate.access.deny(Denial(kind="keys", action="list"))
    notes = Notes()
    stage.client.register_rotation_handler(notes)
    stage.clock.now += 60
    stage.vault.create_key("signing")
    result = await stage.check()

    assert {kind: error.kind for kind, error in result.failures.items()} == {
        ObjectKind.KEY: KeyVaultErrorKind.FORBIDDEN
    }
    assert notes.take() == []
    stage.estate.access.clear()
    await stage.check()
    assert [told[:2] for told in notes.take()] == [("key", "signing")], "what was not listed is not forgotten"


async def test_a_certificate_is_told_once_and_not_as_key_and_secret_too(stage: Stage) -> None:
    stage.vault.issue_certificate("web", ["web.example"], expires=stage.now + 5 * DAY)
    notes = Notes()
    stage.client.register_rotation_handler(notes)
    await stage.check()
    assert notes.take() == [("near", "certificate", "web", 5)]

    secrets_only = stage.connect(monitor=MonitorConfig(kinds=[ObjectKind.SECRET]))
    secrets_only.register_rotation_handler(notes)
    await stage.check(secrets_only)
    assert notes.take() == [("near", "secret", "web", 5)]


RETRIED = [("throttled", 429, 2), ("forbidden", 403, 1)]


@pytest.mark.parametrize(("status", "rounds"), [row[1:] for row in RETRIED], ids=[row[0] for row in RETRIED])
async def test_a_rotation_that_cannot_be_read_now_is_told_later(
    stage: Stage, status: int, rounds: int
) -> None:
    notes = Notes()
    stage.client.register_rotation_handler(notes)
    stage.vault.set_secret("db", "v1")
    await stage.check()
    stage.clock.now += 60
    stage.vault.set_secret("db", "v2", expires=stage.now + DAY)
    stage.estate.faults.add(Fault(route="/secrets/{name}*", method="GET", status=status, retry_after=1))
    first = await stage.check()
    stage.estate.faults.clear()
    stage.clock.now += 60
    second = await stage.check()

    told = [len(first.tellings), len(second.tellings)]
    assert told == ([0, 2] if rounds == 2 else [2, 0])
    kinds = [item[0] for item in notes.take()]
    assert kinds == (["secret", "near"] if rounds == 2 else ["near"]), "expiry is told once, too"


async def test_a_handler_that_closes_the_client_makes_nothing_count_as_told(stage: Stage) -> None:
    class Closing:
        async def on_secret_rotated(self, secret: Secret, previous: str | None) -> None:
            await stage.client.aclose()

    monitor = stage.client.expiry_monitor
    monitor.register(Closing())
    for name in ("one", "two"):
        stage.vault.set_secret(name, "v1")
    await stage.check()
    stage.clock.now += 60
    for name in ("one", "two"):
        stage.vault.set_secret(name, "v2")
    first = await monitor.check_once()

    other, notes = stage.connect(), Notes()
    other.register_rotation_handler(notes)
    other.expiry_monitor.state = monitor.state
    await stage.check(other)

    assert [item.key.name for item in first.tellings] == ["one"]
    assert [item[:3] for item in notes.take()] == [("secret", "two", "v2")]
    await other.aclose()


async def test_the_cache_does_not_hide_a_rotation(stage: Stage) -> None:
    client = stage.connect(cache=CacheConfig(ttl=3600))
    notes = Notes()
    client.register_rotation_handler(notes)
    stage.vault.set_secret("db", "v1")
    await client.secrets.get_secret("db")
    await stage.check(client)
    stage.clock.now += 60
    stage.vault.set_secret("db", "v2")
    await stage.check(client)

    assert notes.take()[0][:3] == ("secret", "db", "v2")


PREVIOUS = [
    ("versions must not be listed", Denial(kind="secrets", action="listVersions"), 2, False),
    ("too many versions", None, MAX_VERSION_PAGES * 25 + 2, False),
    ("many versions", None, MAX_VERSION_PAGES * 25, True),
]


@pytest.mark.parametrize(
    ("denial", "versions", "known"), [row[1:] for row in PREVIOUS], ids=[row[0] for row in PREVIOUS]
)
async def test_the_previous_version_may_stay_unknown(
    stage: Stage, denial: Denial | None, versions: int, known: bool
) -> None:
    last = ""
    for _ in range(versions - 1):
        last = stage.vault.set_secret("db", "v").version
        stage.clock.now += 1
    notes = Notes()
    stage.client.register_rotation_handler(notes)
    await stage.check()
    stage.vault.set_secret("db", "new")
    if denial is not None:
        stage.estate.access.deny(denial)
    await stage.check()

    assert notes.take() == [("secret", "db", "new", last if known else "")]


# ------------------------------------------------------------------ over time


async def test_it_runs_until_the_client_ends(stage: Stage) -> None:
    monitor = stage.client.expiry_monitor
    stage.vault.set_secret("db", "v1", expires=stage.now + 31 * DAY)
    notes = Notes()
    stage.client.register_rotation_handler(notes)
    saved: list[MonitorState] = []

    async def save(state: MonitorState) -> None:
        saved.append(state)

    await monitor.start(timedelta(hours=12), save=save)
    await stage.clock.advance(86_400 * 2)

    assert monitor.is_running
    assert notes.take() == [("near", "secret", "db", 30)]
    assert stage.operations()["secrets.list"] == 5
    assert [state.told_until is None for state in saved] == [True, False], "saved when it changed"
    await stage.client.aclose()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "vaultbind-expiry-monitor"]


async def test_a_restart_tells_nothing_again(stage: Stage) -> None:
    stage.vault.set_secret("db", "v1", expires=stage.now + 5 * DAY)
    await stage.check()
    text = stage.client.expiry_monitor.state.to_json()
    again = stage.connect()
    again.expiry_monitor.state = MonitorState.from_json(text)

    assert (await stage.check(again)).tellings == ()
    stage.clock.now += 60
    stage.vault.set_secret("db", "v2")
    assert len((await stage.check(again)).tellings) == 1


async def test_it_is_started_once_and_with_an_interval(stage: Stage) -> None:
    monitor = stage.client.expiry_monitor
    for interval in (0, -1.0, timedelta(0), float("nan")):
        with pytest.raises(KeyVaultError, match="interval must be positive"):
            await monitor.start(interval)
    await monitor.start(60.0)
    with pytest.raises(KeyVaultError, match="running already"):
        await monitor.start(60)
    await monitor.stop()
    await monitor.start(60)
    await monitor.stop()
    await monitor.stop()


async def test_a_handler_may_stop_the_monitor(stage: Stage) -> None:
    monitor = stage.client.expiry_monitor

    class Once:
        async def on_expired(self, properties: ObjectProperties) -> None:
            await monitor.stop()

    monitor.register(Once())
    stage.vault.set_secret("db", "v1", expires=stage.now)
    await monitor.start(1)
    await stage.clock.advance(5)

    assert not monitor.is_running
    assert monitor.handler_errors == 0
    assert stage.operations()["secrets.list"] == 1


async def test_a_handler_that_gives_up_does_not_end_the_watch(stage: Stage) -> None:
    """As when it awaits a task that somebody else has cancelled."""
    monitor = stage.client.expiry_monitor
    told: list[str] = []

    class GivesUp:
        async def on_expired(self, properties: ObjectProperties) -> None:
            told.append(properties.name)
            raise asyncio.CancelledError

    monitor.register(GivesUp())
    for name in ("a", "b"):
        stage.vault.set_secret(name, "v1", expires=stage.now)
    await monitor.start(1)
    await stage.clock.advance(0.5)

    assert monitor.is_running
    assert (told, monitor.handler_errors) == (["a", "b"], 2)
    await monitor.stop()


@pytest.mark.parametrize("error", [None, ValueError])
async def test_a_handler_that_takes_no_end_does_not_hold_up_ours(
    stage: Stage, error: type[Exception] | None
) -> None:
    """Such as one with `asyncio.wait_for`, which loses a cancellation in Python 3.11."""
    monitor = stage.client.expiry_monitor

    class Stays:
        async def on_expired(self, properties: ObjectProperties) -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            if error is not None:
                raise error

    monitor.register(Stays())
    for name in ("a", "b"):
        stage.vault.set_secret(name, "v1", expires=stage.now)
    await monitor.start(60)
    await stage.clock.advance(0.5)
    ending = asyncio.create_task(monitor.stop())
    for _ in range(20):
        await asyncio.sleep(0)

    assert ending.done()
    assert monitor.handler_errors == (error is not None)


async def test_who_is_cancelled_may_look_once_more_on_its_way_out(stage: Stage) -> None:
    notes, looked = Notes(), asyncio.Event()
    stage.client.expiry_monitor.register(notes)
    for name in ("a", "b"):
        stage.vault.set_secret(name, "v1", expires=stage.now)

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await stage.check()
            looked.set()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))

    assert looked.is_set()
    assert notes.take() == [("expired", "secret", "a"), ("expired", "secret", "b")]


async def test_what_was_told_before_the_monitor_was_stopped_is_not_told_again(stage: Stage) -> None:
    monitor = stage.client.expiry_monitor
    told: list[str] = []
    saved: list[MonitorState] = []

    class Hangs:
        async def on_expired(self, properties: ObjectProperties) -> None:
            told.append(properties.name)
            if told == ["a", "b"]:
                await asyncio.Event().wait()

    async def save(state: MonitorState) -> None:
        saved.append(state)

    monitor.register(Hangs())
    for name in ("a", "b", "c"):
        stage.vault.set_secret(name, "v1", expires=stage.now)
    await monitor.start(60, save=save)
    await stage.clock.advance(0.5)
    await monitor.stop()
    again = stage.connect().expiry_monitor
    again.register(Hangs())
    again.state = MonitorState.from_json(saved[-1].to_json())
    await again.check_once(stage.now)

    assert told == ["a", "b", "b", "c"], "b was broken off"
    assert monitor.handler_errors == 0


async def test_an_error_of_our_own_does_not_end_the_watch(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = stage.client.expiry_monitor
    calls: list[int] = []

    async def fail(self: ExpiryMonitor) -> CheckResult:
        calls.append(1)
        raise ZeroDivisionError

    monkeypatch.setattr(ExpiryMonitor, "check_once", fail)
    await monitor.start(1)
    await stage.clock.advance(2.5)
    await monitor.stop()

    assert len(calls) == 3
    assert "a check failed: ZeroDivisionError" in caplog.text


MISTAKES = [
    ("thresholds", {"thresholds": [timedelta(0)]}),
    ("kinds", {"kinds": []}),
    ("handler_timeout", {"handler_timeout": 0}),
]


@pytest.mark.parametrize(("name", "fields"), MISTAKES)
def test_mistakes_of_the_configuration(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(KeyVaultError, match=f"monitor.{name}: must"):
        KeyVaultConfig(vault_url="https://shop.vault.azure.net", monitor=MonitorConfig(**fields))
