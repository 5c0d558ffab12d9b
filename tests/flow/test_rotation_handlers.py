"""Rotation handlers of a user's own, driven by the operator; none of them can hold it up."""

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.test_expiry import DAY, judge
from tests.flow.test_keyvaults import DATA
from tests.flow.world import World
from vaultbind.expiry.outlets import OutletSettings
from vaultbind.keyvault.simulation.faults import Fault

MODULE = """
import asyncio, threading

seen = []
over = threading.Event()


class Page:
    async def on_near_expiry(self, properties, days_until_expiry):
        seen.append(("near", properties.name, days_until_expiry))

    async def on_expired(self, properties):
        seen.append(("expired", properties.name))

    async def on_secret_rotated(self, secret, previous_version):
        seen.append(("rotated", secret.value.expose_secret(), bool(previous_version)))


class Broken:
    def on_near_expiry(self, properties, days_until_expiry):
        raise RuntimeError("hunter2")


class Leaving:
    def on_near_expiry(self, properties, days_until_expiry):
        raise SystemExit(3)


class Cancelled:
    async def on_near_expiry(self, properties, days_until_expiry):
        raise asyncio.CancelledError


class Late:
    def on_near_expiry(self, properties, days_until_expiry):
        raise TimeoutError


class Slow:
    async def on_near_expiry(self, properties, days_until_expiry):
        await asyncio.Event().wait()


class Blocking:
    def on_near_expiry(self, properties, days_until_expiry):
        over.wait(60)
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module as an image brings it."""
    (tmp_path / "acme_rotation.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "acme_rotation"
    module = sys.modules.pop("acme_rotation", None)
    if module is not None:
        module.over.set()


async def start(world: World, *handlers: str) -> None:
    world.settings = replace(world.settings, outlets=OutletSettings(handlers=handlers))
    await world.start_operator()


async def calls(world: World) -> list[str]:
    body, _ = await world.life.ask(world.life.operator.metrics.render)
    lines = [x for x in body.decode().splitlines() if x.startswith("vaultbind_rotation_handler_calls_total{")]
    return sorted(line.partition("{")[2] for line in lines)


async def test_they_are_told_with_the_new_value_and_the_version_before(quiet_world: World, acme: str) -> None:
    world = quiet_world
    await start(world, f"{acme}:Page")
    world.seed.set_secret("a", "1", expires=world.clock.now() + 31 * DAY)
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    seen = sys.modules[acme].seen
    world.clock.offset += 2 * 86_400
    await judge(world)
    await world.until(lambda: len(seen) == 1)
    await world.next_look()
    world.vault.set_secret("a", "2", expires=world.clock.now() + DAY / 2)
    await world.next_look()
    await world.until(lambda: len(seen) == 3)
    await world.advance(86_400)
    await judge(world)
    await world.until(lambda: len(seen) == 4)
    assert seen == [("near", "a", 28), ("rotated", "2", True), ("near", "a", 0), ("expired", "a")]


async def test_errors_and_time_are_contained(quiet_world: World, acme: str) -> None:
    """Each is counted; those behind a handler that hangs or blocks are called all the same."""
    world = quiet_world
    await start(
        world,
        *(
            f"{acme}:{name}"
            for name in ("Broken", "Leaving", "Cancelled", "Late", "Slow", "Blocking", "Page")
        ),
    )
    handlers = world.life.operator.outlets.handlers
    assert handlers is not None
    handlers.seconds = 2.0
    world.seed.set_secret("a", "1", expires=world.clock.now() + DAY / 2)
    await world.connect(refreshInterval="365d")
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    await world.until(lambda: len(sys.modules[acme].seen) == 1)
    await world.settled()
    assert await calls(world) == [
        'handler="Blocking",method="on_near_expiry",outcome="timeout"} 1.0',
        'handler="Broken",method="on_near_expiry",outcome="error"} 1.0',
        'handler="Cancelled",method="on_near_expiry",outcome="error"} 1.0',
        'handler="Late",method="on_near_expiry",outcome="error"} 1.0',
        'handler="Leaving",method="on_near_expiry",outcome="error"} 1.0',
        'handler="Page",method="on_near_expiry",outcome="ok"} 1.0',
        'handler="Slow",method="on_near_expiry",outcome="timeout"} 1.0',
    ]
    assert not [line for line in world.log.lines if "hunter2" in line]


async def test_a_version_that_cannot_be_read_is_counted(quiet_world: World, acme: str) -> None:
    world = quiet_world
    await start(world, f"{acme}:Page")
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "1")
    await world.connect(expiry={"scope": "All"})
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    world.vault.set_secret("b", "2")
    world.emulator.faults.add(Fault(status=403, code="Forbidden", path="/secrets/b*"))
    await world.next_look()

    async def counted() -> bool:
        return await calls(world) == ['handler="Page",method="on_secret_rotated",outcome="unread"} 1.0']

    await world.until(counted)
    assert sys.modules[acme].seen == []


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: none, user: {token: none}}]
"""


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        ("acme_that_is_not:Page", "cannot be loaded: ModuleNotFoundError"),
        ("Page", "not MODULE:ATTRIBUTE"),
        ("json:dumps", "has none of the methods"),
    ],
)
async def test_a_path_that_is_wrong_ends_the_start_with_a_sentence(
    tmp_path: Path, handler: str, words: str
) -> None:
    """Before anything is asked of the cluster; no traceback."""
    config = tmp_path / "config"
    config.write_text(KUBECONFIG)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vaultbind.cli.main", "run", "--metrics-address", "127.0.0.1:0"),
        *("--rotation-handler", handler),
        env={**os.environ, "KUBECONFIG": str(config)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        _, errors = await process.communicate()
    text = errors.decode()
    assert process.returncode == 1
    assert "vaultbind run: --rotation-handler" in text
    assert words in text
    assert "Traceback" not in text
