"""One token request at a time, tokens kept until shortly before their end, failures without foreign text."""

import asyncio
from typing import Any, Self

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo

from tests.unit.keyvault.fakes import FakeCredential, Recorder
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.transport.tokens import (
    EXPIRY_MARGIN,
    RENEWAL_PAUSE,
    SharedCredential,
    share_credential,
)

SCOPE = "https://vault.azure.net/.default"


class Time:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def source(time: Time) -> FakeCredential:
    return FakeCredential(time)


@pytest.fixture
def shared(source: FakeCredential, time: Time) -> SharedCredential:
    return SharedCredential(lambda: source, clock=time)


async def test_many_ask_once(shared: SharedCredential, source: FakeCredential) -> None:
    tokens = await asyncio.gather(*(shared.get_token_info(SCOPE) for _ in range(100)))

    assert len(source.asked) == 1
    assert {token.token for token in tokens} == {"token-1"}


async def test_scopes_have_their_own_tokens(shared: SharedCredential) -> None:
    first = await shared.get_token(SCOPE)
    second = await shared.get_token("https://vault.azure.cn/.default")

    assert (first.token, second.token) == ("token-1", "token-2")
    assert isinstance(first, AccessToken)


RENEWALS = [
    ("fresh", 0, 1),
    ("just before the margin", 3600 - EXPIRY_MARGIN - 1, 1),
    ("within the margin", 3600 - EXPIRY_MARGIN, 2),
    ("over", 3601, 2),
]


@pytest.mark.parametrize(("passed", "asked"), [row[1:] for row in RENEWALS], ids=[row[0] for row in RENEWALS])
async def test_renewal(
    shared: SharedCredential, source: FakeCredential, time: Time, passed: float, asked: int
) -> None:
    await shared.get_token_info(SCOPE)
    time.now += passed
    await shared.get_token_info(SCOPE)

    assert len(source.asked) == asked


async def test_a_failed_renewal_keeps_the_good_token_and_is_not_repeated_at_once(
    shared: SharedCredential, source: FakeCredential, time: Time
) -> None:
    await shared.get_token_info(SCOPE)
    source.failure = RuntimeError("gone")
    time.now += 3600 - EXPIRY_MARGIN
    for _ in range(5):
        assert (await shared.get_token_info(SCOPE)).token == "token-1"
    assert len(source.asked) == 2

    time.now += RENEWAL_PAUSE
    await shared.get_token_info(SCOPE)
    assert len(source.asked) == 3


async def test_an_expired_token_is_not_used(
    shared: SharedCredential, source: FakeCredential, time: Time
) -> None:
    await shared.get_token_info(SCOPE)
    source.failure = RuntimeError("gone")
    time.now += 3600

    with pytest.raises(KeyVaultError) as caught:
        await shared.get_token_info(SCOPE)
    assert caught.value.kind is KeyVaultErrorKind.AUTHENTICATION_FAILED


async def test_each_waiter_gets_its_own_error(shared: SharedCredential, source: FakeCredential) -> None:
    source.failure = RuntimeError("gone")

    errors = await asyncio.gather(*(shared.get_token_info(SCOPE) for _ in range(3)), return_exceptions=True)

    assert len(source.asked) == 1
    assert len({id(error) for error in errors}) == 3
    assert all(isinstance(error, KeyVaultError) for error in errors)


async def test_one_who_leaves_does_not_take_the_token_along(
    shared: SharedCredential, source: FakeCredential
) -> None:
    leaver = asyncio.create_task(shared.get_token_info(SCOPE))
    stayer = asyncio.create_task(shared.get_token_info(SCOPE))
    await asyncio.sleep(0)
    leaver.cancel()

    assert (await stayer).token == "token-1"
    assert leaver.cancelled()
    assert len(source.asked) == 1


async def test_claims_pass_by_the_kept_token_and_replace_it(
    shared: SharedCredential, source: FakeCredential
) -> None:
    await shared.get_token_info(SCOPE)
    await shared.get_token_info(SCOPE, options={"claims": "{}"})
    again = await shared.get_token_info(SCOPE)

    assert [asked.get("claims") for asked in source.asked] == [None, "{}"]
    assert again.token == "token-2"


async def test_the_challenges_tenant_is_not_followed(
    shared: SharedCredential, source: FakeCredential
) -> None:
    await shared.get_token(SCOPE, tenant_id="evil")

    assert "tenant_id" not in source.asked[0]


async def test_a_foreign_credential_is_shared_but_stays_its_owners(time: Time) -> None:
    foreign = FakeCredential(time)
    shared = share_credential(foreign, clock=time)

    await shared.get_token(SCOPE, tenant_id="home", enable_cae=True)
    await shared.aclose()

    assert foreign.asked == [{"scopes": (SCOPE,), "tenant_id": "home", "enable_cae": True}]
    assert foreign.closed == 0
    assert share_credential(shared) is shared


async def test_a_foreign_credential_may_have_only_the_older_method(time: Time) -> None:
    class Old:
        async def get_token(self, *scopes: str, **options: object) -> AccessToken:
            return AccessToken("old", int(time.now) + 3600)

        async def close(self) -> None: ...

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None: ...

    shared = share_credential(Old(), clock=time)

    assert (await shared.get_token_info(SCOPE)).token == "old"


async def test_closing_ends_what_is_under_way_and_frees_the_source(time: Time) -> None:
    class Slow(FakeCredential):
        async def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
            await asyncio.Event().wait()
            raise AssertionError

    source = Slow(time)
    shared = SharedCredential(lambda: source, clock=time)
    waiter = asyncio.create_task(shared.get_token_info(SCOPE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    await shared.close()
    assert source.closed == 0
    await shared.aclose()

    assert source.closed == 1
    with pytest.raises(KeyVaultError) as caught:
        await waiter
    assert caught.value.code == "CredentialClosed", "a cancellation would be lost in a TaskGroup"


async def test_who_is_cancelled_while_the_credential_closes_stays_cancelled(time: Time) -> None:
    class Slow(FakeCredential):
        async def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
            await asyncio.Event().wait()
            raise AssertionError

    shared = SharedCredential(lambda: Slow(time), clock=time)
    waiter = asyncio.create_task(shared.get_token_info(SCOPE))
    await asyncio.sleep(0)

    closing = asyncio.create_task(shared.aclose())
    await asyncio.sleep(0)
    waiter.cancel()
    await closing

    with pytest.raises(asyncio.CancelledError):
        await waiter


async def test_the_observer_is_told(source: FakeCredential, time: Time) -> None:
    recorder = Recorder()
    shared = SharedCredential(lambda: source, clock=time, observer=recorder)

    async with shared:
        await shared.get_token_info(SCOPE)
        source.failure = RuntimeError("AADSTS90002: no such tenant")
        time.now += 3600
        with pytest.raises(KeyVaultError):
            await shared.get_token_info(SCOPE)

    assert recorder.tokens == ["ok", "AADSTS90002"]
