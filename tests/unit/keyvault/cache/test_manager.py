"""Reads through the cache, one story each; `test_model.py` compares long random ones with a model."""

import asyncio
from typing import Any

import pytest

from tests.unit.keyvault.fakes import (
    Answer,
    CannedTransport,
    FakeClock,
    Recorder,
    answer,
    canned,
    make_client,
    problem,
    secret,
)
from vaultbind.keyvault.cache.entry import CacheKey
from vaultbind.keyvault.cache.manager import ReadCache
from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.ratelimit import Priority

KEY = CacheKey("secret", "db", "")
CONFIG = CacheConfig(ttl=100, negative_ttl=10, refresh_after=0.8)
MISSING = problem(404, "SecretNotFound")


class Source:
    """Answers 1, 2, 3 ... and notes the priorities; `hold()` keeps answers back until `release()`."""

    def __init__(self) -> None:
        self.asked: list[Priority] = []
        self.failure: KeyVaultError | None = None
        self._open = asyncio.Event()
        self._open.set()

    async def __call__(self, priority: Priority) -> int:
        self.asked.append(priority)
        number, failure = len(self.asked), self.failure
        await asyncio.sleep(0)
        await self._open.wait()
        if failure is not None:
            raise failure
        return number

    def hold(self) -> None:
        self._open = asyncio.Event()

    def release(self) -> None:
        self._open.set()


class Stage:
    def __init__(self) -> None:
        self.now = 1000.0
        self.observer = Recorder()
        self.source = Source()
        self.cache = ReadCache(CONFIG, lambda: self.now, self.observer)

    async def read(self, key: CacheKey = KEY, priority: Priority = Priority.FRESH) -> int:
        return await self.cache.read(key, self.source, priority)

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_an_answer_is_good_until_its_end(stage: Stage) -> None:
    assert [await stage.read(), await stage.read()] == [1, 1]
    stage.now += 79.9
    assert await stage.read() == 1
    stage.now += 20.1
    assert await stage.read() == 2

    assert stage.source.asked == [Priority.FRESH, Priority.FRESH]
    assert (stage.cache.stats.hits, stage.cache.stats.misses) == (2, 2)
    assert [outcome for _, outcome in stage.observer.reads] == ["miss", "hit", "hit", "miss"]


async def test_a_late_hit_refreshes_once_in_the_background(stage: Stage) -> None:
    await stage.read()
    stage.now += 80
    stage.source.hold()
    assert [await stage.read() for _ in range(3)] == [1, 1, 1]
    stage.source.release()
    await stage.settle()

    assert await stage.read() == 2
    assert stage.source.asked == [Priority.FRESH, Priority.REFRESH]
    assert stage.cache.stats.refreshes == 1
    stage.now += 79
    assert await stage.read() == 2, "the refreshed answer has a life of its own"


async def test_a_failed_refresh_keeps_what_is_known_and_is_not_repeated(stage: Stage) -> None:
    await stage.read()
    stage.now += 80
    stage.source.failure = KeyVaultError(KeyVaultErrorKind.SERVER_ERROR)
    for _ in range(3):
        assert await stage.read() == 1
        await stage.settle()

    assert len(stage.source.asked) == 2
    stage.now += 20
    with pytest.raises(KeyVaultError):
        await stage.read()


async def test_a_refresh_that_finds_nothing_ends_the_value(stage: Stage) -> None:
    await stage.read()
    stage.now += 80
    stage.source.failure = KeyVaultError(KeyVaultErrorKind.SECRET_NOT_FOUND)
    assert await stage.read() == 1
    await stage.settle()

    with pytest.raises(KeyVaultError) as caught:
        await stage.read()
    assert caught.value.kind is KeyVaultErrorKind.SECRET_NOT_FOUND
    assert len(stage.source.asked) == 2


ERRORS = [
    (kind, kept)
    for kinds, kept in (
        (("SECRET_NOT_FOUND", "KEY_NOT_FOUND", "CERTIFICATE_NOT_FOUND", "NOT_FOUND", "DISABLED"), True),
        (("FORBIDDEN", "THROTTLED", "TIMEOUT", "SERVER_ERROR", "AUTHENTICATION_FAILED", "PROTOCOL"), False),
    )
    for kind in kinds
]


@pytest.mark.parametrize(("kind", "kept"), ERRORS)
async def test_which_errors_are_kept(stage: Stage, kind: str, kept: bool) -> None:
    stage.source.failure = KeyVaultError(KeyVaultErrorKind[kind], object_name="db")
    errors = []
    for pause in (0, 9.9, 0.1):
        stage.now += pause
        with pytest.raises(KeyVaultError) as caught:
            await stage.read()
        errors.append(caught.value)

    assert len(stage.source.asked) == (2 if kept else 3)
    assert stage.cache.stats.negative_hits == (1 if kept else 0)
    assert len({id(error) for error in errors}) == 3
    assert {str(error) for error in errors} == {str(stage.source.failure)}


async def test_many_ask_once(stage: Stage) -> None:
    answers = await asyncio.gather(*(stage.read() for _ in range(100)))

    assert set(answers) == {1}
    assert len(stage.source.asked) == 1
    assert (stage.cache.stats.misses, stage.cache.stats.joins) == (1, 99)


async def test_one_who_leaves_does_not_take_the_answer_along(stage: Stage) -> None:
    stage.source.hold()
    leaver = asyncio.create_task(stage.read())
    stayer = asyncio.create_task(stage.read())
    await stage.settle()
    leaver.cancel()
    stage.source.release()

    assert await stayer == 1
    assert leaver.cancelled()


async def test_an_urgent_read_does_not_wait_behind_a_refresh(stage: Stage) -> None:
    stage.source.hold()
    slow = asyncio.create_task(stage.read(priority=Priority.REFRESH))
    await stage.settle()
    urgent = asyncio.create_task(stage.read())
    await stage.settle()
    stage.source.release()

    assert (await slow, await urgent) == (1, 2)
    assert await stage.read() == 2, "the older request does not replace the younger one's answer"
    assert stage.source.asked == [Priority.REFRESH, Priority.FRESH]


async def test_a_read_before_a_write_is_not_believed_after_it(stage: Stage) -> None:
    stage.source.hold()
    before = asyncio.create_task(stage.read())
    await stage.settle()
    stage.cache.forget("secret", "DB")
    after = asyncio.create_task(stage.read())
    await stage.settle()
    stage.source.release()

    assert (await before, await after, await stage.read()) == (1, 2, 2)


FORGOTTEN = [
    ("a secret", "secret", "db", {("secret", "db")}),
    ("a certificate with its key and secret", "certificate", "db", {(k, "db") for k in ("secret", "key")}),
    ("all keys", "key", None, {("key", "db"), ("key", "other")}),
    ("everything", "certificate", None, {(k, n) for k in ("secret", "key") for n in ("db", "other")}),
    ("nothing", "secret", "another", set()),
]


@pytest.mark.parametrize(
    ("kind", "name", "gone"), [row[1:] for row in FORGOTTEN], ids=[row[0] for row in FORGOTTEN]
)
async def test_what_a_write_makes_stale(
    stage: Stage, kind: str, name: str | None, gone: set[tuple[str, str]]
) -> None:
    keys = [CacheKey(k, n, v) for k in ("secret", "key") for n in ("db", "other") for v in ("", "1")]
    for key in keys:
        await stage.read(key)
    stage.cache.forget(kind, name)
    asked = len(stage.source.asked)
    again = set()
    for key in keys:
        await stage.read(key)
        if len(stage.source.asked) > asked:
            again.add((key.kind, key.name))
            asked = len(stage.source.asked)

    assert again == gone
    assert stage.cache.stats.invalidations == 2 * len(gone)


async def test_closing_ends_requests_and_forgets(stage: Stage) -> None:
    await stage.read()
    stage.source.hold()
    waiting = asyncio.create_task(stage.read(CacheKey("secret", "other", "")))
    await stage.settle()

    await stage.cache.aclose()

    assert (stage.cache.stats.entries, stage.cache.stats.bytes) == (0, 0)
    with pytest.raises(KeyVaultError, match="ClientClosed"):
        await waiting


# ------------------------------------------------------------------ in a client


def client_of(transport: CannedTransport, **settings: Any) -> KeyVaultClient:
    return make_client(transport, cache=CONFIG, **settings)


async def test_without_a_cache_every_read_asks() -> None:
    transport = canned(answer(secret()))
    client = make_client(transport)
    for _ in range(2):
        await client.secrets.get_secret("db")

    assert client.cache_stats is None
    assert len(transport.requests) == 3, "one challenge, two reads"


async def test_a_client_reads_once_whatever_the_case_of_the_name() -> None:
    transport = canned(answer(secret()))
    observer = Recorder()
    async with client_of(transport, observer=observer) as client:
        for name in ("db", "DB", "db"):
            assert (await client.secrets.get_secret(name)).value.expose_secret() == "s3cr3t"
        assert client.cache_stats is not None
        assert (client.cache_stats.hits, client.cache_stats.misses) == (2, 1)

    assert len(transport.requests) == 2
    assert observer.reads == [("secret", "miss"), ("secret", "hit"), ("secret", "hit")]


WRITES: list[tuple[str, Answer | Exception, bool]] = [
    ("a write", answer(secret(value="new")), True),
    ("a write that failed, who knows how far", problem(500, "InternalServerError"), True),
]


@pytest.mark.parametrize(("outcome", "asks"), [row[1:] for row in WRITES], ids=[row[0] for row in WRITES])
async def test_own_writes_are_seen_at_once(outcome: Answer, asks: bool) -> None:
    transport = canned(answer(secret()), outcome, answer(secret(value="after")))
    client = client_of(transport)
    await client.secrets.get_secret("db")
    try:
        await client.secrets.set_secret("db", "new")
    except KeyVaultError as error:
        assert error.kind is KeyVaultErrorKind.SERVER_ERROR  # noqa: PT017 - both rows take this path

    assert (await client.secrets.get_secret("db")).value.expose_secret() == "after"


async def test_a_missing_secret_is_asked_for_again_after_a_while() -> None:
    clock = FakeClock()
    transport = canned(MISSING, answer(secret()))
    client = client_of(transport, clock=clock)
    for _ in range(3):
        with pytest.raises(KeyVaultError):
            await client.secrets.get_secret("db")
    clock.now += 10

    assert (await client.secrets.get_secret("db")).name == "db"
    assert len(transport.requests) == 3
