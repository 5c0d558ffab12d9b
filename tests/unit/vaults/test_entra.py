"""A tenant's keys: bounds of their fetching, and what a sender is told meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from aiohttp import web

from tests.unit.vaults.test_bearer import NOW, SETTINGS, claims, ec_key, jwk, token
from vaultbind.vaults import entra
from vaultbind.vaults.entra import MOST_BYTES, EntraCheck, KeySource, Trust

GOOD = {"keys": [jwk(ec_key())]}


@dataclass(slots=True)
class Clock:
    """Stands still until it is moved."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW


@dataclass(slots=True)
class Tenant:
    """Answers with what it is told to, and counts."""

    answer: Callable[[], web.Response]
    url: str = ""
    asked: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def start_tenant(answer: Callable[[], web.Response]) -> AsyncIterator[Tenant]:
    tenant = Tenant(answer)
    tenant.gate.set()

    async def serve(_: web.BaseRequest) -> web.Response:
        tenant.asked += 1
        tenant.arrived.set()
        await tenant.gate.wait()
        return tenant.answer()

    runner = web.ServerRunner(web.Server(serve))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    tenant.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    try:
        yield tenant
    finally:
        await runner.cleanup()


def check_of(tenant: Tenant, clock: Clock) -> EntraCheck:
    check = EntraCheck(SETTINGS, clock)
    check._keys = KeySource(tenant.url, clock)
    return check


BEARER = f"Bearer {token(claims())}"
USELESS: dict[str, Callable[[], web.Response]] = {
    "an error": lambda: web.json_response(GOOD, status=500),
    "a redirect": lambda: web.json_response(GOOD, status=302, headers={"Location": "/keys"}),
    "no JSON": lambda: web.Response(text="<html>"),
    "without end": lambda: web.Response(body=b"[" + b" " * MOST_BYTES + b"]"),
    "no keys": lambda: web.json_response({"keys": []}),
}


@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS.keys())
async def test_without_keys_a_sender_may_try_again_and_the_tenant_is_left_alone(
    answer: Callable[[], web.Response],
) -> None:
    clock = Clock()
    async with start_tenant(answer) as tenant:
        check = check_of(tenant, clock)
        for _ in range(3):
            assert (await check.check(BEARER))[0] is Trust.UNDECIDED
        assert tenant.asked == 1
        tenant.answer = lambda: web.json_response(GOOD)
        clock.seconds += entra.ASK_SECONDS
        assert await check.check(BEARER) == (Trust.YES, "")
        assert tenant.asked == 2


async def test_keys_that_were_good_outlive_a_failure_but_not_a_day() -> None:
    clock = Clock()
    async with start_tenant(lambda: web.json_response(GOOD)) as tenant:
        check = check_of(tenant, clock)
        assert (await check.check(BEARER))[0] is Trust.YES
        tenant.answer = lambda: web.Response(status=500)
        clock.seconds += entra.ASK_SECONDS
        other = f"Bearer {token(claims(), kid='other')}"
        assert (await check.check(other))[0] is Trust.UNDECIDED
        assert (await check.check(BEARER))[0] is Trust.YES
        clock.seconds += entra.FRESH_SECONDS
        assert (await check.check(BEARER))[0] is Trust.UNDECIDED


async def test_a_withdrawn_key_is_not_believed_after_the_next_fetch() -> None:
    clock = Clock()
    async with start_tenant(lambda: web.json_response(GOOD)) as tenant:
        check = check_of(tenant, clock)
        assert (await check.check(BEARER))[0] is Trust.YES
        tenant.answer = lambda: web.json_response({"keys": [jwk(ec_key("new"), "new")]})
        clock.seconds += entra.ASK_SECONDS
        assert (await check.check(f"Bearer {token(claims(), ec_key('new'), kid='new')}"))[0] is Trust.YES
        clock.seconds += entra.ASK_SECONDS
        assert (await check.check(BEARER))[0] is Trust.NO


async def test_many_at_once_are_one_request() -> None:
    async with start_tenant(lambda: web.json_response(GOOD)) as tenant:
        check = check_of(tenant, Clock())
        tenant.gate.clear()
        asking = [asyncio.create_task(check.check(BEARER)) for _ in range(20)]
        await tenant.arrived.wait()
        tenant.gate.set()
        assert [trust for trust, _ in await asyncio.gather(*asking)] == [Trust.YES] * 20
        assert tenant.asked == 1


@pytest.mark.parametrize("authorization", ["", "Basic abc", "Bearer", "Bearer ", "Bearer a.b"])
async def test_what_is_no_token_asks_nobody(authorization: str) -> None:
    async with start_tenant(lambda: web.json_response(GOOD)) as tenant:
        assert (await check_of(tenant, Clock()).check(authorization))[0] is Trust.NO
        assert tenant.asked == 0
