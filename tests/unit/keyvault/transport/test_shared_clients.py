"""What clients of one SharedTransport have in common by themselves: credential, tokens, a vault's pace."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.keyvault.secrets._shared import http_challenge_cache

from tests.unit.keyvault.fakes import (
    CHALLENGE,
    CannedTransport,
    FakeClock,
    FakeCredential,
    Outcome,
    Recorder,
    answer,
    problem,
    secret,
)
from tests.unit.kube.virtual_time import run_virtually
from vaultbind.http1 import Pool
from vaultbind.keyvault import (
    BreakerConfig,
    BreakerState,
    ClientSecretIdentity,
    FederatedIdentity,
    KeyVaultClient,
    KeyVaultConfig,
    KeyVaultError,
    KeyVaultErrorKind,
    RetryConfig,
    SecretString,
    SharedTransport,
)
from vaultbind.keyvault.transport.tokens import share_credential

SHOP, BANK = "https://shop.vault.azure.net", "https://bank.vault.azure.net"
AUTHORITY = "https://login.example"
TOKEN = {"access_token": "t0ken", "expires_in": 3600, "token_type": "Bearer"}


class Wire(SharedTransport):
    """The real thing, but what it would send is answered here."""

    def __init__(self, *outcomes: Outcome) -> None:
        super().__init__()
        left = list(outcomes or (answer(secret()),))
        self._canned = CannedTransport(lambda _: left.pop(0) if len(left) > 1 else left[0])
        self.tokens = self.challenges = 0

    @property
    def asked(self) -> int:
        """How often a vault was asked with a token."""
        return len(self._canned.requests)

    async def open(self) -> None:
        """Nothing to open."""

    async def send(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        if request.url.startswith(AUTHORITY):
            self.tokens += 1
            other = CannedTransport(lambda _: answer(TOKEN, Content_Type="application/json"))
            return await other.send(request)
        if "Authorization" not in request.headers:
            self.challenges += 1
            return await CannedTransport(lambda _: CHALLENGE).send(request)
        return await self._canned.send(request, **options)


@pytest.fixture(autouse=True)
def _nothing_is_known_of_any_vault() -> None:
    """The SDK remembers challenges for the whole process."""
    http_challenge_cache.clear()


def principal(text: str = "s3cr3t") -> ClientSecretIdentity:
    """A description of its own each time, as two parts of a program would make it."""
    return ClientSecretIdentity(
        tenant_id="t", client_id="c", client_secret=SecretString(text), authority_host=AUTHORITY
    )


def client_of(wire: Wire, url: str = SHOP, **settings: Any) -> KeyVaultClient:
    parts = {name: settings.pop(name) for name in ("clock", "observer") if name in settings}
    settings.setdefault("credential", principal())
    return KeyVaultClient(KeyVaultConfig(vault_url=url, **settings), transport=wire, **parts)


async def read(*clients: KeyVaultClient, times: int = 1) -> None:
    await asyncio.gather(*(client.get_secret("db") for client in clients for _ in range(times)))


async def test_a_hundred_first_calls_of_ten_clients_cost_one_challenge_and_one_token() -> None:
    wire = Wire()
    clients = [client_of(wire) for _ in range(10)]

    await read(*clients, times=10)

    assert (wire.challenges, wire.tokens, wire.asked) == (1, 1, 100)
    await wire.aclose()


async def test_clients_of_two_vaults_share_the_token_of_one_identity() -> None:
    wire = Wire()

    await read(client_of(wire), client_of(wire, BANK))

    assert (wire.challenges, wire.tokens) == (2, 1)
    await wire.aclose()


async def test_another_identity_has_a_token_of_its_own() -> None:
    wire = Wire()

    await read(client_of(wire), client_of(wire, credential=principal("0ther")))

    assert wire.tokens == 2
    await wire.aclose()


async def test_a_credential_object_is_asked_once_for_all_and_stays_its_owners() -> None:
    wire, credential = Wire(), FakeCredential()
    clients = [client_of(wire, url, credential=credential) for url in (SHOP, BANK)]

    await read(*clients, times=5)
    await wire.aclose()

    assert len(credential.asked) == 1
    assert credential.closed == 0


async def test_a_credential_that_is_shared_already_is_used_as_it_is() -> None:
    wire, source = Wire(), FakeCredential()
    shared = share_credential(source)
    async with client_of(wire, credential=shared) as one, client_of(wire, BANK, credential=shared) as two:
        await read(one, two, times=5)
    assert len(source.asked) == 1
    assert (await shared.get_token_info("https://vault.azure.net/.default")).token, "its owner closes it"
    await wire.aclose()


async def test_the_token_lives_as_long_as_one_of_its_clients() -> None:
    wire = Wire()
    first, second = client_of(wire), client_of(wire)
    await read(first)
    await first.aclose()
    await read(second)
    assert wire.tokens == 1

    await second.aclose()
    await second.aclose()
    async with client_of(wire) as third:
        await read(third)
    assert wire.tokens == 2
    await wire.aclose()


async def test_clients_without_a_common_transport_share_nothing() -> None:
    wires = [Wire(), Wire()]

    await read(*(client_of(wire) for wire in wires))

    assert [wire.tokens for wire in wires] == [1, 1]
    for wire in wires:
        await wire.aclose()


async def test_the_limit_is_the_vaults() -> None:
    wire, clock = Wire(), FakeClock()
    limits: dict[str, Any] = {"requests_per_second": 1.0, "burst": 3, "max_wait": 0.5, "clock": clock}
    await read(client_of(wire, **limits), client_of(wire, **limits))  # the challenge is the third

    with pytest.raises(KeyVaultError) as caught:
        await read(client_of(wire, **limits))
    await read(client_of(wire, BANK, **limits), client_of(wire, **limits | {"burst": 4}))

    assert caught.value.kind is KeyVaultErrorKind.RATE_LIMITED
    await wire.aclose()


async def test_a_vault_that_throttles_one_client_is_left_alone_by_all() -> None:
    wire, clock = Wire(problem(429, "Throttled", Retry_After="60")), FakeClock()
    clients = [client_of(wire, clock=clock) for _ in range(2)]

    errors = [(await asyncio.gather(read(client), return_exceptions=True))[0] for client in clients]

    assert [getattr(error, "code", "") for error in errors] == ["Throttled", "PausedByVault"]
    assert wire.asked == 1
    await wire.aclose()


async def test_the_breaker_is_the_vaults() -> None:
    wire, recorder = Wire(problem(500, "InternalError")), Recorder()
    settings: dict[str, Any] = {"breaker": BreakerConfig(failures=2), "retry": RetryConfig(attempts=1)}
    clients = [client_of(wire, observer=recorder, **settings) for _ in range(2)]
    for client in clients:
        with pytest.raises(KeyVaultError):
            await read(client)

    other = client_of(wire, BANK, **settings)
    patient = client_of(wire, breaker=BreakerConfig(failures=3))
    elsewhen = client_of(wire, clock=FakeClock(), **settings)
    assert [client.breaker_state for client in (*clients, other, patient, elsewhen)] == [
        *[BreakerState.OPEN] * 2,
        *[BreakerState.CLOSED] * 3,
    ]
    await wire.aclose()


async def test_an_identity_whose_token_hangs_opens_no_breaker_for_others() -> None:
    wire = Wire()

    async def hang() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    stuck = FederatedIdentity(tenant_id="t", client_id="c", fetch_assertion=hang, authority_host=AUTHORITY)
    settings: dict[str, Any] = {"breaker": BreakerConfig(failures=2)}
    foreign = client_of(wire, credential=stuck, total_timeout=0.005, **settings)
    other = client_of(wire, **settings)

    results = await asyncio.gather(*(foreign.get_secret("db") for _ in range(5)), return_exceptions=True)
    await read(other)

    assert [getattr(result, "code", "") for result in results] == ["NotAskedInTime"] * 5
    assert other.breaker_state is foreign.breaker_state is BreakerState.CLOSED
    await wire.aclose()


class Silent(Wire):
    """A vault that says who may ask, and then nothing."""

    async def send(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        answer = await super().send(request, **options)
        if request.url.startswith(SHOP) and "Authorization" in request.headers:
            await asyncio.Event().wait()
        return answer


def test_a_vault_that_is_silent_until_the_time_is_over_opens_the_breaker() -> None:
    """In time that passes only while nobody works: else a busy machine had not asked in time."""

    async def story() -> None:
        wire = Silent()
        client = client_of(wire, total_timeout=20, breaker=BreakerConfig(failures=1))

        (error,) = await asyncio.gather(client.get_secret("db"), return_exceptions=True)

        assert getattr(error, "code", "") == "TotalTimeout"
        assert client.breaker_state is BreakerState.OPEN
        await wire.aclose()

    run_virtually(story())


async def test_repetitions_come_out_of_the_vaults_purse() -> None:
    wire, clock = Wire(problem(503, "Busy")), FakeClock()
    config = RetryConfig(attempts=5, share=0, reserve=1)
    for _ in range(2):
        with pytest.raises(KeyVaultError):
            await read(client_of(wire, retry=config, clock=clock))

    assert wire.asked == 3, "2 of the first, 1 of the second"
    with pytest.raises(KeyVaultError):
        await read(client_of(wire, BANK, retry=config, clock=clock))
    assert wire.asked == 5, "another vault has a purse of its own"
    await wire.aclose()


async def test_who_waits_less_for_the_limit_has_a_limit_of_its_own() -> None:
    wire, clock = Wire(), FakeClock()
    limits: dict[str, Any] = {"requests_per_second": 1.0, "burst": 2, "clock": clock}
    await read(client_of(wire, **limits, max_wait=0.5))

    await read(client_of(wire, **limits, max_wait=0.4))
    with pytest.raises(KeyVaultError, match="RateLimited"):
        await read(client_of(wire, **limits, max_wait=0.5))
    await wire.aclose()


async def test_nobody_waits_for_the_token_of_another_identity() -> None:
    wire, asked = Wire(), asyncio.Event()

    async def hang() -> str:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    stuck = FederatedIdentity(tenant_id="t", client_id="c", fetch_assertion=hang, authority_host=AUTHORITY)
    slow = asyncio.create_task(client_of(wire, credential=stuck).get_secret("db"))
    await asked.wait()

    async with asyncio.timeout(60):
        await read(client_of(wire))

    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    await wire.aclose()


async def test_the_transport_ends_what_its_clients_share_even_if_they_are_not_closed() -> None:
    wire = Wire()
    ended: list[str] = []

    async def end(thing: str) -> None:
        ended.append(thing)

    wire.shares.borrow("a key", lambda: "a thing", end)
    await wire.aclose()
    await wire.aclose()

    assert ended == ["a thing"]


async def test_a_closed_client_takes_nothing_of_the_others_again() -> None:
    wire = Wire()
    gone, stays = client_of(wire), client_of(wire)
    await read(gone, stays)
    await gone.aclose()

    with pytest.raises(KeyVaultError, match="ClientClosed"):
        await gone.get_secret("db")
    await read(stays)
    await stays.aclose()
    with pytest.raises(KeyVaultError, match="ClientClosed"):
        await gone.get_secret("db")

    assert (wire.tokens, wire.asked) == (1, 3), "no second credential, which nobody would close"
    await wire.aclose()


@pytest.mark.parametrize(
    "error", [OSError("foreign text"), asyncio.CancelledError()], ids=["an error", "a cancellation"]
)
async def test_a_transport_closes_its_connections_whatever_cannot_end(error: BaseException) -> None:
    async def fail(_: object) -> None:
        raise error

    transport = SharedTransport()
    transport.shares.borrow("a", object, fail)
    await transport.open()
    pool, session = transport._pool, transport._open_session()

    with suppress(asyncio.CancelledError):
        await transport.aclose()

    assert pool is not None
    assert (pool.is_closed, session.closed) == (True, True)


async def test_a_closing_that_is_cancelled_midway_closes_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the connections say goodbye."""
    closing = asyncio.Event()

    async def hang(_: object) -> None:
        closing.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Pool, "aclose", hang)
    transport = SharedTransport()
    await transport.open()
    session = transport._open_session()
    task = asyncio.create_task(transport.aclose())
    await closing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert session.closed


async def test_how_often_a_vault_has_throttled_is_the_vaults() -> None:
    """Else ten clients in turn would each begin with a second, and the vault had no rest."""
    wire, clock = Wire(problem(429, "Throttled")), FakeClock()
    clients = [client_of(wire, clock=clock, retry=RetryConfig(attempts=1)) for _ in range(3)]
    pauses = []
    for client in clients:
        with pytest.raises(KeyVaultError) as caught:
            await client.get_secret("db")
        assert caught.value.retry_after is not None
        pauses.append(caught.value.retry_after)
        clock.now += caught.value.retry_after
    assert pauses == [1.0, 2.0, 4.0]
    for client in clients:
        await client.aclose()
    await wire.aclose()
