"""The operator dies at an await: the next start finds its way, writes nothing twice and loses nothing."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.flow.world import World
from tests.flow.world_operator import RecordingWire
from vaultbind.handlers import controller
from vaultbind.keyvault.simulation import Fault
from vaultbind.kube.exchange import Request
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, SECRETS, VAULT_BINDINGS
from vaultbind.kube.wire import Wire

DATA = [{"key": "a", "secret": {"name": "a"}}]
NOWHERE = "nowhere"


@dataclass(slots=True)
class Trap:
    """Holds the operator for ever just before or behind one of its requests; then it is killed there."""

    moment: str = NOWHERE
    request: str = ""
    sprung: threading.Event = field(default_factory=threading.Event)

    def set(self, moment: str, request: str) -> None:
        self.moment, self.request = moment, request

    async def pass_by(self, moment: str, line: str) -> None:
        if (moment, line) == (self.moment, self.request) and not self.sprung.is_set():
            self.sprung.set()
            await asyncio.Event().wait()


def line_of(request: Request) -> str:
    """`patch vaultbindings/status`, `create secrets`, `create secrets dry` and so on."""
    call = request.call
    place = f"{call.resource.plural}/{call.subresource}" if call.subresource else call.resource.plural
    dry = " dry" if "dryRun" in request.target else ""
    return f"{call.verb} {place}{dry}"


@pytest.fixture
def trap(monkeypatch: pytest.MonkeyPatch) -> Trap:
    made = Trap()

    async def exchange(self: RecordingWire, request: Request) -> dict[str, Any]:
        line = line_of(request)
        await made.pass_by("before", line)
        self.calls.append(request.call)
        answer = await Wire.exchange(self, request)
        await made.pass_by("after", line)
        return answer

    monkeypatch.setattr(RecordingWire, "exchange", exchange)
    monkeypatch.setattr(controller, "DRAIN_SECONDS", 0.05)
    return made


async def die(world: World, trap: Trap) -> None:
    """Wait until the operator is in the trap, kill it there, start another one."""
    await world.until(trap.sprung.is_set)
    await world.restart()


async def rest(world: World) -> None:
    """Nothing is left to do: neither now nor after another start."""
    await world.calm()
    await world.restart()
    spent = await world.spent()
    assert spent.writes == []
    assert [line for line in spent.vault if ".get " in line] == []


async def create(world: World) -> None:
    await world.bind("app", data=DATA)


async def rotate(world: World) -> None:
    world.vault.set_secret("a", "2")
    world.clock.offset += 61
    await world.life.ask(world.life.operator.engine.wake)


async def change_type(world: World) -> None:
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"type": "example.com/other"}}})


async def delete_object(world: World) -> None:
    world.vault.delete("secrets", "a")
    world.clock.offset += 61
    await world.life.ask(world.life.operator.engine.wake)


async def break_vault(world: World) -> None:
    world.emulator.faults.add(Fault(status=503, route="/secrets*"))
    world.clock.offset += 61
    await world.life.ask(world.life.operator.engine.wake)


Step = Callable[[World], Awaitable[None]]
STATUS, SECRET = "patch vaultbindings/status", "patch secrets"
CRASHES: dict[str, tuple[Step, tuple[str, ...]]] = {
    "create": (create, ("create secrets", STATUS)),
    "rotate": (rotate, ("get secrets", SECRET, "create events", STATUS)),
    "recreate": (change_type, ("create secrets dry", "delete secrets", "create secrets", STATUS)),
}
POINTS = [
    pytest.param(step, moment, request, id=f"{name}: {moment} {request}")
    for name, (step, requests) in CRASHES.items()
    for request in requests
    for moment in ("before", "after")
]


@pytest.mark.parametrize(("step", "moment", "request_"), POINTS)
async def test_a_crash_at_any_request_is_mended_by_the_next_start(
    world: World, trap: Trap, step: Step, moment: str, request_: str
) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    if step is not create:
        await world.bind("app", data=DATA)
        await world.ready("app")
        await world.calm()
    before = await world.get(SECRETS, "app")
    trap.set(moment, request_)
    await step(world)
    await die(world, trap)
    await world.ready("app")
    secret = await world.there(SECRETS, "app")
    status = await world.status("app")
    assert await world.secret("app") == {"a": b"2" if step is rotate else b"1"}
    assert secret["type"] == ("example.com/other" if step is change_type else "Opaque")
    assert secret["metadata"]["ownerReferences"][0]["name"] == "app"
    conditions = await world.conditions("app")
    assert (conditions["Ready"], conditions["Synced"]) == ("True Synced", "True Synced")
    assert status["revision"] == (2 if step is rotate else 1)
    if step is not change_type and before is not None:
        assert secret["metadata"]["uid"] == before["metadata"]["uid"], "patched, not made anew"
    await rest(world)
    assert (await world.status("app"))["revision"] == status["revision"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("request_", ["create events", STATUS])
async def test_a_crash_while_a_trouble_is_told(world: World, trap: Trap, moment: str, request_: str) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    trap.set(moment, request_)
    await delete_object(world)
    await die(world, trap)
    await world.told("app", "ObjectDeleted")
    assert await world.secret("app") == {"a": b"1"}
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    world.vault.recover("secrets", "a")
    await world.advance(400)
    await world.ready("app")
    assert (await world.status("app"))["revision"] == 1


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_crash_while_an_outage_is_told(world: World, trap: Trap, moment: str) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    trap.set(moment, "patch clusterkeyvaults/status")
    await break_vault(world)
    await die(world, trap)
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "Unreachable"))
    assert (await world.conditions("app"))["Ready"] == "True Synced"
    world.emulator.faults.clear()
    await world.advance(400)
    await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "Connected"))
    assert (await world.status("app"))["revision"] == 1


async def test_a_crash_while_the_vault_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "DRAIN_SECONDS", 0.05)
    world.seed.set_secret("a", "1")
    await world.connect()
    world.emulator.faults.add(Fault(path="/secrets/a*", delay=8.0, count=1))
    await world.bind("app", data=DATA)
    await world.until(lambda: any(entry.name == "a" for entry in world.emulator.stats.recent()))
    await world.restart()
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}
    await rest(world)
