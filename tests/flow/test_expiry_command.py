"""`vaultbind expiry` on a cluster: for people, scripts and browsers."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.flow.world import World
from vaultbind.cli.main import main
from vaultbind.kube.resources import VAULT_BINDINGS

DAY = timedelta(days=1)


async def call(*arguments: str) -> Result:
    """Run the command beside our loop, as it has one of its own."""
    return await asyncio.to_thread(CliRunner(env={"COLUMNS": "200"}).invoke, main, ["expiry", *arguments])


@pytest.fixture
async def bound(world: World, real: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two bindings: of one secret that expires soon, and of one that does not."""
    path = tmp_path / "kubeconfig-expiry"
    path.write_text(world.sandbox.kubeconfig() if real is None else real[0].kubeconfig.read_text())
    monkeypatch.setenv("KUBECONFIG", str(path))
    world.seed.set_secret("a", "hunter2", expires=world.clock.now() + 10 * DAY)
    world.seed.set_secret("b", "hunter2")
    await world.connect()
    await world.bind("app", data=[{"key": "a", "secret": {"name": "a"}}])
    await world.bind("both", data=[{"key": n, "secret": {"name": n}} for n in ("a", "b")])
    await world.ready("app", "both")
    return world


async def test_for_people(bound: World) -> None:
    done = await call("--namespace", bound.namespace)
    assert done.exit_code == 0, done.output
    text = "".join(done.output.split())
    assert "ExpiresSoonsecreta" in text
    assert f"{bound.namespace}/app,{bound.namespace}/both" in text
    assert "secretb" not in text
    assert "hunter2" not in done.output


async def test_for_scripts(bound: World) -> None:
    done = await call("-n", bound.namespace, "--all", "-o", "json", "--check")
    assert done.exit_code == 1, "something expires soon"
    rows = json.loads(done.output)
    assert [(row["name"], row["state"], len(row["usedBy"])) for row in rows] == [
        ("a", "ExpiresSoon", 2),
        ("b", "NoExpiry", 1),
    ]
    assert json.loads((await call("-n", bound.namespace, "--within", "5d", "-o", "json")).output) == []


async def test_for_browsers(bound: World, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = await call("-n", bound.namespace, "--html", str(page))
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert "secret a" in text
    assert "hunter2" not in text


async def test_a_cluster_that_does_not_answer_is_told(
    bound: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await bound.get(VAULT_BINDINGS, "app") is not None
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    done = await call()
    assert done.exit_code == 3
    assert "vaultbind expiry: " in done.output


async def test_a_wrong_duration_is_refused(bound: World) -> None:
    assert bound.namespace
    done = await call("--within", "5 days")
    assert done.exit_code == 2
    assert "must be a duration" in done.output
