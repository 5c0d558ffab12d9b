"""What a health check finds out, one row per state of the world."""

from collections.abc import Callable, Mapping
from email.utils import formatdate

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.core.rest import HttpRequest

from tests.unit.keyvault.fakes import (
    CHALLENGE,
    Answer,
    CannedTransport,
    FakeClock,
    FakeCredential,
    Outcome,
    answer,
    canned,
    make_client,
    problem,
)
from vaultbind.keyvault.errors import KeyVaultErrorKind
from vaultbind.keyvault.health import HealthStatus
from vaultbind.keyvault.resilience.breaker import BreakerConfig, BreakerState
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.types.common import ObjectKind

MISSING = {
    "secrets": problem(404, "SecretNotFound"),
    "keys": problem(404, "KeyNotFound"),
    "certificates": problem(404, "CertificateNotFound"),
}
NOBODY = dict.fromkeys(ObjectKind)
ALL = dict.fromkeys(ObjectKind, True)


def vault(**other: Outcome) -> CannedTransport:
    """Knows nothing, and answers some collections otherwise."""

    def handle(request: HttpRequest) -> Outcome:
        if "Authorization" not in request.headers:
            return CHALLENGE
        collection = request.url.split("/")[3]
        return other.get(collection) or MISSING[collection]

    return CannedTransport(handle)


async def test_a_healthy_vault_is_asked_three_times_and_reads_nothing() -> None:
    transport = vault()

    found = await make_client(transport).health_check()

    assert found.is_healthy
    assert (found.reachable, found.authorized, found.error) == (True, ALL, None)
    assert (found.breaker, found.clock_skew) == (BreakerState.CLOSED, None)
    paths = [request.url.partition("?")[0].split("/", 3)[3] for request in transport.requests[1:]]
    assert paths == [f"{kind.collection}/vaultbind-health-check/" for kind in ObjectKind]


NOTHING = dict.fromkeys(ObjectKind, False)


def everywhere(outcome: Outcome) -> CannedTransport:
    return vault(secrets=outcome, keys=outcome, certificates=outcome)


FORBIDDEN = problem(403, "Forbidden", "ForbiddenByRbac")
SECRETS_ONLY = {ObjectKind.SECRET: True, ObjectKind.KEY: False, ObjectKind.CERTIFICATE: False}
BUT_KEYS = {ObjectKind.SECRET: True, ObjectKind.KEY: None, ObjectKind.CERTIFICATE: True}
World = Callable[[], CannedTransport]
WORLDS: list[tuple[str, World, bool, Mapping[ObjectKind, bool | None], str | None]] = [
    ("secrets only", lambda: vault(keys=FORBIDDEN, certificates=FORBIDDEN), True, SECRETS_ONLY, None),
    ("nothing allowed", lambda: everywhere(FORBIDDEN), True, NOTHING, None),
    ("the name exists", lambda: vault(secrets=answer({})), True, ALL, None),
    (
        "the firewall",
        lambda: everywhere(problem(403, "Forbidden", "ForbiddenByFirewall")),
        True,
        NOTHING,
        None,
    ),
    ("a kind fails", lambda: vault(keys=problem(500, "Oops")), True, BUT_KEYS, "ServerError"),
    ("throttled", lambda: everywhere(problem(429, "Throttled")), True, NOBODY, "Throttled"),
    ("nobody there", lambda: canned(ServiceRequestError("x")), False, NOBODY, "Unreachable"),
    ("a token that is refused", lambda: canned(problem(401, "Unauthorized")), True, NOBODY, "Unauthorized"),
]


@pytest.mark.parametrize(
    ("world", "reachable", "authorized", "error"), [row[1:] for row in WORLDS], ids=[row[0] for row in WORLDS]
)
async def test_what_is_found(
    world: World,
    reachable: bool,
    authorized: Mapping[ObjectKind, bool | None],
    error: str | None,
) -> None:
    found = await make_client(world()).health_check()

    assert (found.reachable, found.authorized) == (reachable, authorized)
    assert (found.error.kind if found.error else None) == error
    assert found.is_healthy is (reachable and error is None and any(authorized.values()))
    assert (found.latency is not None) is reachable


async def test_a_vault_that_is_not_there_is_asked_once() -> None:
    transport = canned(ServiceRequestError("x"))

    await make_client(transport, retry=RetryConfig(attempts=1)).health_check()

    assert len(transport.requests) == 2, "the challenge and one request"


async def test_without_a_token_nothing_is_known() -> None:
    credential = FakeCredential()
    credential.failure = RuntimeError("x")

    found = await make_client(vault(), credential=credential).health_check()

    assert found.error is not None
    assert (found.reachable, found.error.kind) == (False, KeyVaultErrorKind.AUTHENTICATION_FAILED)


async def test_an_open_breaker_is_told_and_does_not_stop_the_check() -> None:
    failing = [problem(500, "Oops")]
    transport = vault(secrets=failing[0])
    client = make_client(transport, breaker=BreakerConfig(failures=1))
    with pytest.raises(Exception, match="failed"):
        await client.get_secret("db")

    found = await client.health_check()

    assert (found.breaker, found.reachable) == (BreakerState.OPEN, True)
    assert found.authorized[ObjectKind.KEY] is True
    assert client.breaker_state is BreakerState.OPEN, "a probe tells the breaker nothing"


@pytest.mark.parametrize("ahead", [-300, 0, 90])
async def test_the_clocks_are_compared(ahead: int) -> None:
    clock = FakeClock()
    date = formatdate(clock.time() + ahead, usegmt=True)
    given = Answer(status=404, body=MISSING["keys"].body, headers={"Date": date})

    found: HealthStatus = await make_client(vault(certificates=given, keys=given), clock=clock).health_check()

    assert found.clock_skew == pytest.approx(ahead, abs=1)
    assert found.latency == 0


async def test_answers_tell_once_a_second_how_far_the_clocks_are_apart() -> None:
    clock = FakeClock()

    def ahead(seconds: float) -> Answer:
        return Answer(body=b"{}", headers={"Date": formatdate(clock.time() + seconds, usegmt=True)})

    given = {"secrets": ahead(90), "keys": ahead(300)}
    client = make_client(vault(**given), clock=clock)
    assert client.clock_offset is None

    await client.send_request("GET", "/secrets/db/")
    assert client.clock_offset == pytest.approx(90, abs=1)
    await client.send_request("GET", "/keys/db/")
    assert client.clock_offset == pytest.approx(90, abs=1)
    clock.now += 1
    await client.send_request("GET", "/keys/db/")
    assert client.clock_offset == pytest.approx(299, abs=1)


@pytest.mark.parametrize("date", ["", "soon", "Mon, 99 Jan 2026 00:00:00 GMT"])
async def test_a_date_that_is_none(date: str) -> None:
    given = Answer(status=404, body=b"{}", headers={"Date": date})

    found = await make_client(vault(secrets=given, keys=given, certificates=given)).health_check()

    assert found.clock_skew is None
