"""One client at a time, made anew when what it was made of has changed."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from tests.unit.vaults.stage import URL, FakeClock
from vaultbind.api.keyvault import BundleKind, BundleRef, DefaultAuth, KeyVaultSpec
from vaultbind.keyvault import KeyVaultClient, KeyVaultError, KeyVaultErrorKind
from vaultbind.vaults.held import HeldClient

REF = BundleRef(kind=BundleKind.SECRET, namespace="n", name="s", key="k")
PLAIN = KeyVaultSpec(url=URL, auth=DefaultAuth())
REFERRING = KeyVaultSpec(url=URL, auth=DefaultAuth(), ca_bundle_ref=REF)


class Client:
    closed = False

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Bench:
    spec: KeyVaultSpec = REFERRING
    clock: FakeClock = field(default_factory=FakeClock)
    outdated: bool = False
    failure: Exception | None = None
    checks: int = 0
    made: list[Client] = field(default_factory=list)
    held: HeldClient = field(init=False)

    def __post_init__(self) -> None:
        self.held = HeldClient(spec=self.spec, clock=self.clock, make=self.make, is_outdated=self.is_outdated)

    async def make(self, spec: KeyVaultSpec) -> KeyVaultClient:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.made.append(Client())
        return cast("KeyVaultClient", self.made[-1])

    async def is_outdated(self, client: KeyVaultClient) -> bool:
        self.checks += 1
        await asyncio.sleep(0)
        return self.outdated

    async def get(self, *, after: float = 0.0) -> int:
        """Number of the client that is given, `after` seconds later."""
        self.clock.seconds += after
        return self.made.index(cast("Client", await self.held.get()))

    def open(self) -> list[bool]:
        return [not client.closed for client in self.made]


async def test_all_who_ask_share_one() -> None:
    bench = Bench()
    assert await asyncio.gather(*(bench.get() for _ in range(5))) == [0] * 5
    assert await bench.get(after=59) == 0
    assert bench.checks == 0


async def test_what_it_is_made_of_is_looked_at_once_per_interval() -> None:
    bench = Bench()
    await bench.get()
    assert await asyncio.gather(*(bench.get(after=60 * (number == 0)) for number in range(5))) == [0] * 5
    assert bench.checks == 1
    assert await bench.get(after=60) == 0
    assert (bench.checks, bench.open()) == (2, [True])


async def test_a_client_of_nothing_in_the_cluster_is_never_looked_at() -> None:
    bench = Bench(spec=PLAIN, outdated=True)
    await bench.get()
    assert await bench.get(after=10_000) == 0
    assert bench.checks == 0


async def test_an_outdated_one_is_replaced_and_stays_open_for_those_who_use_it() -> None:
    bench = Bench()
    await bench.get()
    bench.outdated = True
    assert await bench.get(after=60) == 1
    assert bench.open() == [True, True]
    bench.outdated = False
    assert await bench.get(after=60) == 1
    assert bench.open() == [False, True]
    await bench.held.aclose()
    assert bench.open() == [False, False]


async def test_what_cannot_be_made_is_tried_again_and_the_outdated_one_is_not_used() -> None:
    bench = Bench()
    await bench.get()
    bench.outdated, bench.failure = True, KeyVaultError(KeyVaultErrorKind.AUTHENTICATION_FAILED)
    for _ in range(2):
        with pytest.raises(KeyVaultError):
            await bench.get(after=60)
    bench.failure = None
    assert await bench.get() == 1
    assert bench.open() == [False, True]


async def test_renewal_while_it_is_looked_at_makes_a_new_one() -> None:
    bench = Bench()
    await bench.get()
    asked = asyncio.create_task(bench.get(after=60))
    for _ in range(2):
        await asyncio.sleep(0)
    bench.held.renew()
    assert await asked == 1
    assert bench.open() == [True, True]
    assert await bench.get(after=60) == 1
    assert bench.open() == [False, True]


@pytest.mark.parametrize("spec", [PLAIN, REFERRING])
async def test_one_that_is_dropped_gives_the_answers_that_it_owes(spec: KeyVaultSpec) -> None:
    bench = Bench(spec=spec)
    await bench.get()
    bench.held.renew()
    bench.held.renew()
    assert bench.held.is_empty
    assert bench.open() == [True]
    assert await bench.get(after=2) == 1
    assert bench.open() == [True, True], "it may wait for a token, or for its second try"
    assert await bench.get(after=60) == 1
    assert bench.open() == [False, True]
    bench.held.renew()
    await bench.held.aclose()
    assert bench.open() == [False, False]


async def test_of_several_that_are_dropped_each_has_its_time() -> None:
    bench = Bench(spec=PLAIN)
    for after in (0, 40, 40):
        await bench.get(after=after)
        bench.held.renew()
    assert bench.open() == [False, True, True]
    await bench.held.aclose()
    assert bench.open() == [False, False, False]


async def test_of_many_that_are_dropped_the_last_ones_stay_open() -> None:
    bench = Bench(spec=PLAIN)
    for _ in range(7):
        await bench.get(after=1)
        bench.held.renew()
    await bench.get(after=1)
    assert bench.open() == [False, False, False, *[True] * 4, True], "and the one that is in use"


async def test_closing_ends_what_is_under_way() -> None:
    bench = Bench()
    await bench.get()
    bench.outdated = True
    asked = asyncio.create_task(bench.get(after=60))
    for _ in range(3):
        await asyncio.sleep(0)
    await bench.held.aclose()
    assert bench.open() == [False]
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert bench.held.is_empty
