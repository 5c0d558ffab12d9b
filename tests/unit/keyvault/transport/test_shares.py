"""Counting who uses what: made once, ended with the last one, and told apart by who asks."""

import asyncio
from collections.abc import Hashable

import pytest

from tests.unit.keyvault.fakes import FakeClock, FakeCredential
from vaultbind.keyvault.resilience.clock import SystemClock
from vaultbind.keyvault.transport.identities import (
    ClientSecretIdentity,
    DefaultIdentity,
    FederatedIdentity,
    ManagedIdentity,
)
from vaultbind.keyvault.transport.shares import Same, Shares, Who, key_of
from vaultbind.keyvault.types.common import SecretString


class Thing:
    """Counts its ends."""

    def __init__(self) -> None:
        self.ended = 0

    async def aclose(self) -> None:
        self.ended += 1


async def test_the_last_one_ends_it() -> None:
    shares = Shares()
    thing, first = shares.borrow("a", Thing, Thing.aclose)
    same, second = shares.borrow("a", Thing, Thing.aclose)
    other, _ = shares.borrow("b", Thing, Thing.aclose)

    assert same is thing
    assert other is not thing
    await first()
    await first()
    assert thing.ended == 0, "given back twice counts once"
    await second()
    assert (thing.ended, other.ended) == (1, 0)
    fresh, _ = shares.borrow("a", Thing, Thing.aclose)
    assert fresh is not thing


async def test_who_comes_while_it_ends_gets_another() -> None:
    shares, may_end = Shares(), asyncio.Event()

    class Slow(Thing):
        async def aclose(self) -> None:
            await may_end.wait()
            await super().aclose()

    old, give_back = shares.borrow("a", Slow, Slow.aclose)
    ending = asyncio.ensure_future(give_back())
    await asyncio.sleep(0)
    fresh, _ = shares.borrow("a", Slow, Slow.aclose)
    may_end.set()
    await ending

    assert fresh is not old
    assert shares.borrow("a", Slow)[0] is fresh, "giving the old one back does not take the new one away"


async def test_closing_ends_all_once_and_things_without_an_end_are_dropped() -> None:
    shares = Shares()
    thing, give_back = shares.borrow("a", Thing, Thing.aclose)
    _, drop = shares.borrow("b", Thing)

    await shares.aclose()
    await give_back()
    await drop()

    assert thing.ended == 1


async def test_one_that_cannot_end_keeps_no_other_from_its_end() -> None:
    class Broken(Thing):
        async def aclose(self) -> None:
            raise OSError("foreign text")

    shares = Shares()
    one, _ = shares.borrow("a", Thing, Thing.aclose)
    shares.borrow("b", Broken, Broken.aclose)
    other, _ = shares.borrow("c", Thing, Thing.aclose)

    await shares.aclose()

    assert (one.ended, other.ended) == (1, 1)


async def test_a_cancellation_ends_all_and_is_told() -> None:
    class Cancelled(Thing):
        async def aclose(self) -> None:
            raise asyncio.CancelledError

    shares = Shares()
    one, _ = shares.borrow("a", Thing, Thing.aclose)
    shares.borrow("b", Cancelled, Cancelled.aclose)

    with pytest.raises(asyncio.CancelledError):
        await shares.aclose()

    assert one.ended == 1


async def fetch() -> str:
    return "a token"


async def fetch_other() -> str:
    return "somebody else's token"


def principal(secret: str, tenant: str = "t") -> ClientSecretIdentity:
    return ClientSecretIdentity(tenant_id=tenant, client_id="c", client_secret=SecretString(secret))


def federated(source: object) -> FederatedIdentity:
    return FederatedIdentity(tenant_id="t", client_id="c", fetch_assertion=source)  # type: ignore[arg-type]


CREDENTIAL, CLOCK = FakeCredential(), FakeClock()
KEYS: dict[str, tuple[Hashable, Hashable, bool]] = {
    "equal descriptions": (Who(DefaultIdentity()), Who(DefaultIdentity()), True),
    "another authority": (Who(DefaultIdentity()), Who(DefaultIdentity(authority_host="https://a")), False),
    "another type": (Who(DefaultIdentity()), Who(ManagedIdentity()), False),
    "equal client secrets": (Who(principal("s")), Who(principal("s")), True),
    "another client secret": (Who(principal("s")), Who(principal("t")), False),
    "another tenant": (Who(principal("s")), Who(principal("s", "u")), False),
    "the same assertion": (Who(federated(fetch)), Who(federated(fetch)), True),
    "another's assertion": (Who(federated(fetch)), Who(federated(fetch_other)), False),
    "one credential object": (Who(CREDENTIAL), Who(CREDENTIAL), True),
    "two credential objects": (Who(CREDENTIAL), Who(FakeCredential()), False),
    "no identity": (Who(DefaultIdentity()), "default", False),
    "the system's time": (key_of(SystemClock()), key_of(SystemClock()), True),
    "one clock": (key_of(CLOCK), key_of(CLOCK), True),
    "two clocks": (key_of(CLOCK), key_of(FakeClock()), False),
    "equal things": (Same([1]), Same([1]), False),
}


@pytest.mark.parametrize(("one", "other", "same"), KEYS.values(), ids=KEYS.keys())
def test_who_is_who(one: Hashable, other: Hashable, same: bool) -> None:
    assert (one == other) is same
    if same:
        assert hash(one) == hash(other)
