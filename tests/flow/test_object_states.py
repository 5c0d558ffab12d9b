"""What is wrong with an object is told apart: by its binding, by its KeyVault, by the counts; once each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.flow.test_expiry import DAY, condition, judge
from tests.flow.test_keyvaults import DATA, vault_events
from tests.flow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What somebody does to secret `a`, and who tells what of it."""

    do: Callable[[World], object]
    ready: str
    expiring: str
    keyvault: str
    counted: str
    """State of the count in which the object is; empty where it is in none."""
    events: tuple[str, ...] = ()
    vault_events: tuple[str, ...] = ()


def update(**changes: Any) -> Callable[[World], object]:
    """Times are days from now."""

    def do(world: World) -> object:
        times = {"not_before", "expires"} & changes.keys()
        given = {n: world.clock.now() + v * DAY if n in times else v for n, v in changes.items()}
        return world.vault.update_secret("a", **given)

    return do


def purge(world: World) -> None:
    world.vault.delete("secrets", "a")
    world.vault.purge("secrets", "a")


STATES = {
    "valid": State(
        do=update(tags={"a": "b"}),
        ready="True Synced",
        expiring="False Valid",
        keyvault="False Valid",
        counted="Valid",
    ),
    "near its end": State(
        do=update(expires=5),
        ready="True Synced",
        expiring="True ExpiresSoon",
        keyvault="True ExpiresSoon",
        counted="ExpiresSoon",
        events=("ExpiresSoon",),
        vault_events=("ExpiresSoon",),
    ),
    "expired": State(
        do=update(expires=-1),
        ready="True Synced",
        expiring="True Expired",
        keyvault="True Expired",
        counted="Expired",
        events=("Expired",),
        vault_events=("Expired",),
    ),
    "not valid yet": State(
        do=update(not_before=3),
        ready="True SecretKept",
        expiring="True NotYetValid",
        keyvault="True NotYetValid",
        counted="NotYetValid",
        events=("NotYetValid", "ObjectNotYetValid"),
    ),
    "disabled": State(
        do=update(enabled=False),
        ready="True SecretKept",
        expiring="False Valid",
        keyvault="False Valid",
        counted="Disabled",
        events=("ObjectDisabled",),
    ),
    "deleted, and can be recovered": State(
        do=lambda world: world.vault.delete("secrets", "a"),
        ready="True SecretKept",
        expiring="False Valid",
        keyvault="False Valid",
        counted="",
        events=("ObjectDeleted",),
    ),
    "gone for good": State(
        do=purge,
        ready="True SecretKept",
        expiring="False Valid",
        keyvault="False Valid",
        counted="",
        events=("ObjectNotFound",),
    ),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
async def test_each_state_is_told_apart_and_once(world: World, state: State) -> None:
    """And a process that comes after tells nothing of it again."""
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    await world.mark()
    state.do(world)
    for _ in range(3):
        await world.next_look()
    assert await told(world) == (state.ready, state.expiring, state.keyvault, state.counted)
    assert sorted(await own_events(world)) == sorted(state.events)
    assert await vault_events(world) == list(state.vault_events)
    await world.restart()
    for _ in range(2):
        await world.next_look()
    assert await told(world) == (state.ready, state.expiring, state.keyvault, state.counted)
    assert await own_events(world) == []
    assert await vault_events(world) == list(state.vault_events)


async def told(world: World) -> tuple[str, str, str, str]:
    conditions = await world.conditions("app")
    body, _ = await world.life.ask(world.life.operator.metrics.render)
    lines = [line for line in body.decode().splitlines() if line.startswith("vaultbind_objects{")]
    counted = [line.partition('state="')[2].partition('"')[0] for line in lines if line.endswith(" 1.0")]
    keyvault = (await condition(world)).partition(":")[0]
    return conditions["Ready"], conditions["Expiring"], keyvault, "".join(counted)


async def own_events(world: World) -> list[str]:
    """Of the binding, since the last time."""
    return [line.partition(" ")[0] for line in await world.events() if line.endswith(" app")]
