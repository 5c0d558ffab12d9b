"""Herds, retries, limits and the breaker, seen from a call."""

import asyncio
import itertools

import pytest
from azure.core.exceptions import IncompleteReadError, ServiceRequestError, ServiceResponseTimeoutError
from azure.core.rest import HttpRequest

from tests.unit.keyvault.fakes import (
    CHALLENGE,
    Answer,
    CannedTransport,
    FakeClock,
    FakeCredential,
    Outcome,
    Recorder,
    answer,
    canned,
    make_client,
    problem,
    secret,
)
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.breaker import BreakerConfig, BreakerState
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.types.crypto import KeyWrapAlgorithm

GOOD = answer(secret())
WRAPPED = answer({"kid": "https://shop.vault.azure.net/keys/k/1", "value": "eHl6"})
BUSY = problem(503, "ServiceUnavailable")


async def test_a_hundred_first_calls_cost_one_challenge_and_one_token() -> None:
    transport, credential = canned(GOOD), FakeCredential()
    client = make_client(transport, credential=credential)

    await asyncio.gather(*(client.secrets.get_secret("db") for _ in range(100)))

    bare = [request for request in transport.requests if "Authorization" not in request.headers]
    assert len(bare) == 1
    assert len(credential.asked) == 1
    assert len(transport.requests) == 101


async def test_the_three_kinds_share_challenge_and_token() -> None:
    transport, credential = canned(answer({"value": []})), FakeCredential()
    client = make_client(transport, credential=credential)

    await asyncio.gather(client.secrets.list_secrets(), client.keys.list_keys(), _list_certificates(client))

    assert len(transport.requests) == 4
    assert len(credential.asked) == 1


async def _list_certificates(client: object) -> object:
    return await client.certificates.list_certificates()  # type: ignore[attr-defined]


async def test_when_the_first_call_fails_the_others_go_on_by_themselves() -> None:
    left: list[Outcome] = [ServiceResponseTimeoutError("slow")]

    def handle(request: HttpRequest) -> Outcome:
        if "Authorization" not in request.headers:
            return left.pop() if left else CHALLENGE
        return GOOD

    client = make_client(CannedTransport(handle))
    results = await asyncio.gather(
        *(client.secrets.get_secret("db") for _ in range(5)), return_exceptions=True
    )

    assert [type(result).__name__ for result in results] == ["KeyVaultError"] + ["Secret"] * 4


RETRIES: list[tuple[str, list[Outcome], int, str]] = [
    ("works at once", [GOOD], 1, "ok"),
    ("503 once", [BUSY, GOOD], 2, "ok"),
    ("500 twice", [problem(500, "x"), problem(500, "x"), GOOD], 3, "ok"),
    ("500 for ever", [problem(500, "x")], 3, "ServerError"),
    ("refused once", [ServiceRequestError("x"), GOOD], 2, "ok"),
    ("refused for ever", [ServiceRequestError("x")], 3, "Unreachable"),
    ("an answer cut once", [IncompleteReadError("x"), GOOD], 2, "ok"),
    ("a timeout is not repeated", [ServiceResponseTimeoutError("x"), GOOD], 1, "Timeout"),
    ("not found is final", [problem(404, "SecretNotFound"), GOOD], 1, "SecretNotFound"),
    ("forbidden is final", [problem(403, "Forbidden"), GOOD], 1, "Forbidden"),
    ("429 with little to wait", [problem(429, "Throttled", Retry_After="1"), GOOD], 2, "ok"),
    ("429 with much to wait", [problem(429, "Throttled", Retry_After="30"), GOOD], 1, "Throttled"),
    ("429 without a time", [problem(429, "Throttled"), GOOD], 2, "ok"),
]


@pytest.mark.parametrize(
    ("outcomes", "attempts", "end"), [row[1:] for row in RETRIES], ids=[row[0] for row in RETRIES]
)
async def test_retries_of_a_read(outcomes: list[Outcome], attempts: int, end: str) -> None:
    transport = canned(*outcomes)
    client = make_client(transport)

    assert await outcome_of(client.secrets.get_secret("db")) == end
    assert len(transport.requests) == attempts + 1


WRITES: list[tuple[str, list[Outcome], int]] = [
    ("503 means not done", [BUSY, GOOD], 2),
    ("500 may be done", [problem(500, "x"), GOOD], 1),
    ("an answer that is cut may be of something done", [IncompleteReadError("x"), GOOD], 1),
    ("a cut connection may be done", [ServiceRequestError("x", error=ConnectionResetError()), GOOD], 1),
]


@pytest.mark.parametrize(
    ("outcomes", "attempts"), [row[1:] for row in WRITES], ids=[row[0] for row in WRITES]
)
async def test_retries_of_a_write(outcomes: list[Outcome], attempts: int) -> None:
    transport = canned(*outcomes)
    client = make_client(transport)

    await outcome_of(client.secrets.set_secret("db", "v"))

    assert len([request for request in transport.requests if request.content]) == attempts


OPERATIONS: list[tuple[str, list[Outcome], int]] = [
    ("429", [problem(429, "Throttled"), WRAPPED], 2),
    ("502", [problem(502, "BadGateway"), problem(502, "BadGateway"), WRAPPED], 3),
    ("cut", [ServiceRequestError("x", error=ConnectionResetError()), WRAPPED], 2),
]


@pytest.mark.parametrize(
    ("outcomes", "attempts"), [row[1:] for row in OPERATIONS], ids=[row[0] for row in OPERATIONS]
)
async def test_retries_of_a_post_that_changes_nothing(outcomes: list[Outcome], attempts: int) -> None:
    transport = canned(*outcomes)
    wrapped = await make_client(transport).keys.wrap_key("k", KeyWrapAlgorithm.RSA_OAEP_256, b"x" * 32)

    assert wrapped.encrypted_key == b"xyz"
    assert len([request for request in transport.requests if request.content]) == attempts


async def test_a_vault_that_is_half_dead_gets_little_more_than_the_calls() -> None:
    numbers = itertools.count()
    transport = CannedTransport(
        lambda request: (
            CHALLENGE
            if "Authorization" not in request.headers
            else GOOD
            if next(numbers) % 2
            else problem(500, "x")
        )
    )
    client = make_client(transport, retry=RetryConfig(share=0.1, reserve=5))
    for _ in range(100):
        await outcome_of(client.secrets.get_secret("db"))

    assert 100 <= len(transport.requests) - 1 <= 100 + 5 + 10


async def test_delays_grow_with_jitter_and_the_observer_hears_of_each() -> None:
    clock, recorder = FakeClock(), Recorder()
    client = make_client(
        canned(problem(500, "x")),
        clock=clock,
        observer=recorder,
        retry=RetryConfig(attempts=4, base_delay=0.2, max_delay=0.5),
    )

    await outcome_of(client.secrets.get_secret("db"))

    assert clock.slept == pytest.approx([0.1, 0.2, 0.25])
    assert recorder.retries == [("500", delay) for delay in clock.slept]
    assert recorder.requests == [("secret", "GET", "/secrets/{name}", status) for status in (401, *[500] * 4)]


async def test_a_throttled_vault_is_left_alone_and_says_how_long() -> None:
    clock = FakeClock()
    transport = canned(problem(429, "Throttled", Retry_After="60"), GOOD)
    client = make_client(transport, clock=clock)
    await outcome_of(client.secrets.get_secret("db"))
    sent = len(transport.requests)

    with pytest.raises(KeyVaultError) as caught:
        await client.secrets.get_secret("db")
    assert (caught.value.kind, caught.value.retry_after) == (KeyVaultErrorKind.THROTTLED, 60.0)
    assert len(transport.requests) == sent

    clock.now += 60
    assert await outcome_of(client.secrets.get_secret("db")) == "ok"


async def test_throttling_without_a_time_backs_off_further_each_time() -> None:
    clock = FakeClock()
    client = make_client(canned(problem(429, "Throttled")), clock=clock, retry=RetryConfig(attempts=1))
    pauses = []
    for _ in range(6):
        with pytest.raises(KeyVaultError) as caught:
            await client.secrets.get_secret("db")
        assert caught.value.retry_after is not None
        pauses.append(caught.value.retry_after)
        clock.now += caught.value.retry_after

    assert pauses == pytest.approx([1, 2, 4, 8, 16, 16])


async def test_many_refused_at_once_are_one_reason_to_back_off() -> None:
    clock = FakeClock()
    client = make_client(canned(problem(429, "Throttled")), clock=clock, retry=RetryConfig(attempts=1))

    errors = await asyncio.gather(
        *(client.secrets.get_secret("db") for _ in range(20)), return_exceptions=True
    )

    assert max(getattr(error, "retry_after", 0) for error in errors) <= 2.0


async def test_the_breaker_opens_and_closes() -> None:
    clock, recorder = FakeClock(), Recorder()
    transport = canned(*[ServiceResponseTimeoutError("x")] * 3, GOOD)
    config = BreakerConfig(failures=3, open_seconds=2.0)
    client = make_client(transport, clock=clock, observer=recorder, breaker=config)
    for _ in range(3):
        await outcome_of(client.secrets.get_secret("db"))
    sent = len(transport.requests)

    with pytest.raises(KeyVaultError) as caught:
        await client.secrets.get_secret("db")
    assert (caught.value.kind, caught.value.retry_after) == (KeyVaultErrorKind.BREAKER_OPEN, 2.0)
    assert client.breaker_state is BreakerState.OPEN
    assert len(transport.requests) == sent

    clock.now += 2
    assert await outcome_of(client.secrets.get_secret("db")) == "ok"
    assert recorder.breakers == ["open", "half-open", "closed"]


@pytest.mark.parametrize(
    "final", [problem(404, "SecretNotFound"), problem(403, "Forbidden")], ids=["404", "403"]
)
async def test_answers_that_are_no_failure_of_the_vault_keep_the_breaker_closed(final: Answer) -> None:
    client = make_client(canned(final), breaker=BreakerConfig(failures=2))

    for _ in range(5):
        await outcome_of(client.secrets.get_secret("db"))

    assert client.breaker_state is BreakerState.CLOSED


async def test_missing_tokens_say_nothing_about_the_vault() -> None:
    credential = FakeCredential()
    credential.failure = RuntimeError("no token")
    client = make_client(canned(GOOD), credential=credential, breaker=BreakerConfig(failures=2))

    for _ in range(5):
        assert await outcome_of(client.secrets.get_secret("db")) == "AuthenticationFailed"
    assert client.breaker_state is BreakerState.CLOSED


async def test_a_cancelled_probe_lets_the_next_one_try() -> None:
    clock = FakeClock()
    client = make_client(
        canned(ServiceResponseTimeoutError("x"), GOOD), clock=clock, breaker=BreakerConfig(failures=1)
    )
    await outcome_of(client.secrets.get_secret("db"))
    clock.now += 2

    probe = asyncio.create_task(client.secrets.get_secret("db"))
    await asyncio.sleep(0)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)

    assert await outcome_of(client.secrets.get_secret("db")) == "ok"


async def outcome_of(call: object) -> str:
    try:
        await call  # type: ignore[misc]
    except KeyVaultError as error:
        return error.kind.value
    return "ok"
