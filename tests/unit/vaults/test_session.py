"""A session: its client, what it remembers, and when it leaves a vault alone."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.vaults.stage import Stage, reader, ref
from vaultbind.api.conditions import Reason
from vaultbind.engine.engine import StaleStateError
from vaultbind.engine.queue import Priority
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.simulation import Fault
from vaultbind.vaults.causes import FAILURES_BEFORE_PAUSE
from vaultbind.vaults.objects import fetch_object
from vaultbind.vaults.session import VaultPausedError

K = KeyVaultErrorKind


async def fail(stage: Stage, name: str = "a") -> KeyVaultErrorKind:
    with pytest.raises(KeyVaultError) as caught:
        await stage.read("x", name)
    return caught.value.kind


async def test_values_of_all_three_kinds() -> None:
    stage = Stage()
    stage.vault.set_secret("a", "1")
    stage.vault.create_key("k")
    stage.vault.issue_certificate("c", ["a.test"])
    texts = ("a", "key:k", "certificate:c", "a/" + stage.vault.vault.secrets.get("a").version)
    values = [(await stage.read("x", text)).value for text in texts]
    assert [value.properties.name for value in values if value is not None] == ["a", "k", "c", "a"]
    assert stage.asked() == ["secrets.get a", "keys.get k", "certificates.get c", "secrets.get a"]


async def test_what_does_not_exist_is_no_error() -> None:
    stage = Stage()
    for text in ("a", "key:a", "certificate:a"):
        assert (await stage.read("x", text)).value is None
        assert stage.session.known.sightings[ref(text)] is None
    assert stage.states == []


async def test_one_client_for_all_and_a_new_one_after_a_failure() -> None:
    stage = Stage()
    stage.failure = KeyVaultError(K.AUTHENTICATION_FAILED, code="ClientSecretMissing")
    assert await fail(stage) is K.AUTHENTICATION_FAILED
    assert stage.states == ["Unauthorized"]
    stage.failure = None
    stage.clock.seconds += stage.session.pause
    await asyncio.gather(*(stage.read("x", name) for name in "abc"))
    assert stage.clients == 2
    stage.session.renew_client()
    stage.session.renew_client()
    await stage.read("x", "a")
    assert stage.clients == 3
    assert stage.states == ["Unauthorized", "good"]


async def test_a_sighting_that_differs_is_told_to_all_readers_but_the_one_that_waits() -> None:
    stage = Stage()
    stage.seed("a")
    stage.wants("x", "a")
    stage.wants("y", "a")
    stage.wants("z", "b")
    await stage.read("x", "a")
    assert stage.heard() == []
    stage.vault.set_secret("a", "2")
    stage.clock.seconds += 20
    await stage.read("x", "a")
    assert stage.heard() == [{reader("y")}]


async def test_an_answer_that_a_later_get_has_overtaken_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its only reader waits for it, and nobody else would be told of the newer one before the next look."""
    stage = Stage()
    stage.seed("a")
    stage.wants("x", "a")
    asked, release = asyncio.Event(), asyncio.Event()

    async def fetch_slowly(*given: Any) -> Any:
        value = await fetch_object(*given)
        if not asked.is_set():
            asked.set()
            await release.wait()
        return value

    monkeypatch.setattr("vaultbind.vaults.session.fetch_object", fetch_slowly)
    early = asyncio.create_task(stage.read("x", "a"))
    await asked.wait()
    stage.vault.set_secret("a", "2")
    stage.clock.seconds += 1
    await stage.watcher.look_at({ref("a")})
    seen = stage.session.known.sightings[ref("a")]
    release.set()
    value: Any = (await early).value

    assert value.value.expose_secret() == "2"
    assert stage.session.known.sightings[ref("a")] is seen
    assert stage.heard() == []


@pytest.mark.parametrize(("age", "unsettled"), [(0, True), (2, True), (3, False)])
async def test_what_was_read_soon_after_its_change_is_not_settled(age: int, unsettled: bool) -> None:
    stage = Stage()
    stage.vault.set_secret("a", "1")
    stage.clock.seconds += age
    await stage.read("x", "a")
    assert stage.session.known.take_unsettled(ref("a")) is unsettled


@pytest.mark.parametrize("status", [503, 500])
async def test_a_failing_vault_is_left_alone_after_some_failures(status: int) -> None:
    stage = Stage()
    stage.estate.faults.add(Fault(status=status))
    for _ in range(FAILURES_BEFORE_PAUSE - 1):
        assert await fail(stage) is K.SERVER_ERROR
        assert (stage.session.pause, stage.states) == (0.0, [])
    assert await fail(stage) is K.SERVER_ERROR
    assert stage.session.pause == 8.0
    assert stage.states == ["VaultError"]
    stage.asked()
    with pytest.raises(VaultPausedError) as caught:
        await stage.read("x", "a")
    assert caught.value.trouble.reason is Reason.VAULT_ERROR
    assert caught.value.trouble.retry_after == 8.0
    assert stage.asked() == []


async def test_throttling_pauses_at_once_as_long_as_asked() -> None:
    stage = Stage()
    stage.estate.faults.add(Fault(status=429, retry_after=90, count=1))
    assert await fail(stage) is K.THROTTLED
    assert stage.session.pause == 90.0
    stage.clock.seconds += 89
    with pytest.raises(VaultPausedError, match="429 Throttled"):
        await stage.read("x", "a")
    stage.clock.seconds += 1
    await stage.read("x", "a")
    assert stage.states == ["Throttled", "good"]
    assert stage.session.pause == 0.0


async def test_a_refused_object_is_no_trouble_of_the_vault() -> None:
    stage = Stage()
    stage.vault.set_secret("a", "1", enabled=False)
    for _ in range(10):
        assert await fail(stage) is K.DISABLED
    assert stage.states == []
    assert stage.session.pause == 0.0


async def test_a_refusal_makes_every_reader_look_again() -> None:
    """What the last look showed is no longer true, for others as well."""
    stage = Stage()
    stage.seed("a")
    stage.wants("x", "a")
    stage.wants("y", "a")
    await stage.read("x", "a")
    await stage.read("y", "a")
    stage.vault.enable("secrets", "a", enabled=False)
    assert await fail(stage) is K.DISABLED
    assert stage.heard() == [{reader("y")}]
    assert ref("a") not in stage.session.known.sightings
    assert await fail(stage) is K.DISABLED
    assert stage.heard() == []


async def test_an_answer_to_what_was_sent_before_a_failure_ends_no_pause() -> None:
    stage = Stage()
    stage.session.note_failure(KeyVaultError(K.THROTTLED, retry_after=60))
    stage.session.note_success(stage.clock.monotonic() - 1)
    assert stage.session.pause == 60.0
    assert stage.session.trouble is not None
    stage.session.note_success(stage.clock.monotonic())
    assert stage.session.pause == 0.0
    assert stage.states == ["Throttled", "good"]


async def test_what_only_looks_suffer_from_is_ended_by_a_look_alone() -> None:
    stage = Stage()
    error = KeyVaultError(K.FORBIDDEN)
    stage.session.note_failure(error)
    assert stage.states == []
    stage.session.note_failure(error, during_look=True)
    assert stage.states == ["Forbidden"]
    await stage.read("x", "a")
    assert stage.states == ["Forbidden"]
    stage.session.note_success(stage.clock.monotonic(), during_look=True)
    assert stage.states == ["Forbidden", "good"]


async def test_a_failure_is_counted_once_whoever_tells_of_it() -> None:
    stage = Stage()
    error = KeyVaultError(K.UNREACHABLE)
    for _ in range(FAILURES_BEFORE_PAUSE):
        stage.session.note_failure(error)
        stage.session.note_failure(error, during_look=True)
    assert stage.session.pause == 0.0
    for _ in range(FAILURES_BEFORE_PAUSE - 1):
        stage.session.note_failure(KeyVaultError(K.UNREACHABLE))
    assert stage.session.pause == 8.0


@pytest.mark.parametrize("kind", [K.THROTTLED, K.UNREACHABLE])
async def test_what_fails_together_is_no_row_of_failures(kind: KeyVaultErrorKind) -> None:
    """Else a dozen gets that were sent together would make the shortest pause the longest."""
    stage = Stage()
    before = 1 if kind is K.THROTTLED else FAILURES_BEFORE_PAUSE
    for _ in range(12):
        stage.session.note_failure(KeyVaultError(kind))
    assert stage.session.pause == 2.0**before
    stage.clock.seconds += stage.session.pause
    stage.session.note_failure(KeyVaultError(kind))
    assert stage.session.pause == 2.0 ** (before + 1)


async def test_state_is_told_when_the_reason_moves() -> None:
    stage = Stage()
    for kind in (K.UNREACHABLE, K.UNREACHABLE, K.TIMEOUT):
        stage.session.note_failure(KeyVaultError(kind), during_look=True)
    stage.session.note_success(stage.clock.monotonic(), during_look=True)
    stage.session.note_success(stage.clock.monotonic(), during_look=True)
    assert stage.states == ["Unreachable", "Timeout", "good"]


@pytest.mark.parametrize("was_good", [True, False])
def test_stale_is_a_vault_that_has_been_failing_for_long(was_good: bool) -> None:
    """One that never answered counts from its first moment: that is a restart during an outage."""
    stage = Stage()
    hour = timedelta(hours=1)
    if was_good:
        stage.clock.seconds += 100
        stage.session.note_success(stage.clock.monotonic())
    began = stage.clock.now()
    assert not stage.session.is_stale(began + 2 * hour, hour), "no trouble"
    stage.session.note_failure(KeyVaultError(K.UNREACHABLE), during_look=True)
    assert not stage.session.is_stale(began + hour, hour)
    assert stage.session.is_stale(began + hour + timedelta(seconds=1), hour)


async def test_who_is_cancelled_while_waiting_is_cancelled() -> None:
    stage = Stage()
    read = asyncio.create_task(stage.read("x", "a"))
    await asyncio.sleep(0)
    read.cancel()
    await asyncio.gather(read, return_exceptions=True)
    assert read.cancelled()


async def test_a_closed_session_keeps_nobody_waiting() -> None:
    stage = Stage()
    waiting = asyncio.create_task(stage.session.looked.wait())
    blocked = asyncio.Event()

    async def never(_spec: object) -> None:
        await blocked.wait()

    stage.session.make_client = never  # type: ignore[assignment]
    read = asyncio.create_task(stage.session.read(ref("a"), reader("x"), Priority.URGENT))
    await asyncio.sleep(0.001)
    await stage.session.aclose()
    assert await waiting
    with pytest.raises(StaleStateError):
        await read
    with pytest.raises(StaleStateError):
        await stage.read("x", "a")
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.done() for task in tasks)


async def test_who_waits_for_the_client_of_a_session_that_closes_looks_again() -> None:
    """Cancelled instead, a CryptoJob would be looked at no more."""
    stage = Stage()
    stage.session.make_client = lambda _: asyncio.Event().wait()  # type: ignore[assignment,return-value]
    asked = asyncio.create_task(stage.session.use(lambda client: client.secrets.get_secret("a")))
    for _ in range(3):
        await asyncio.sleep(0)
    await stage.session.aclose()
    with pytest.raises(StaleStateError):
        await asked
