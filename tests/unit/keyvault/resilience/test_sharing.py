"""Clients of one vault may share what is the vault's: its breaker and what may be repeated of its calls."""

import pytest

from tests.unit.keyvault.fakes import CannedTransport, answer, canned, make_client, problem, secret
from vaultbind.keyvault import (
    Breaker,
    BreakerConfig,
    BreakerState,
    KeyVaultError,
    KeyVaultErrorKind,
    RetryBudget,
    RetryConfig,
)

FAILING = problem(500, "InternalError")


async def ask(transport: CannedTransport, **settings: object) -> KeyVaultErrorKind | None:
    try:
        await make_client(transport, **settings).secrets.get_secret("db")
    except KeyVaultError as error:
        return error.kind
    return None


async def test_what_one_client_finds_out_spares_the_other() -> None:
    breaker, once = Breaker(BreakerConfig(failures=2)), RetryConfig(attempts=1)
    bad, good = canned(FAILING), canned(answer(secret()))
    kinds = [await ask(bad, shared={"breaker": breaker}, retry=once) for _ in range(2)]

    assert kinds == [KeyVaultErrorKind.SERVER_ERROR] * 2
    assert breaker.state is BreakerState.OPEN
    assert await ask(good, shared={"breaker": breaker}) is KeyVaultErrorKind.BREAKER_OPEN
    assert good.requests == []
    assert await ask(good) is None, "another vault's client has a breaker of its own"


@pytest.mark.parametrize(
    ("shared", "attempts"), [(True, [2, 1]), (False, [2, 2])], ids=["shared", "each its own"]
)
async def test_repetitions_come_out_of_one_purse(shared: bool, attempts: list[int]) -> None:
    config = RetryConfig(attempts=5, share=0, reserve=1)
    purse = RetryBudget(config)
    transports = [canned(FAILING), canned(FAILING)]
    for transport in transports:
        await ask(transport, retry=config, shared={"retry_budget": purse} if shared else {})

    sent = [
        [request for request in transport.requests if "Authorization" in request.headers]
        for transport in transports
    ]
    assert [len(requests) for requests in sent] == attempts
