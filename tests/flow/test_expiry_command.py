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
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, VAULT_BINDINGS, Resource

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
    rows = json.loads(done.output)["objects"]
    assert [(row["name"], row["state"], len(row["usedBy"])) for row in rows] == [
        ("a", "ExpiresSoon", 2),
        ("b", "NoExpiry", 1),
    ]
    assert (
        json.loads((await call("-n", bound.namespace, "--within", "5d", "-o", "json")).output)["objects"]
        == []
    )


async def test_what_nobody_uses(bound: World) -> None:
    """Of a vault that is watched whole; with how many more there are. Of one namespace nobody can say so."""
    now = bound.clock.now()
    for number in range(25):
        bound.seed.set_secret(f"s{number:02}", "hunter2", expires=now + (number + 40) * DAY)
    spec = {"expiry": {"scope": "All"}}
    await bound.patch(CLUSTER_KEY_VAULTS, bound.vault_name, {"spec": spec})
    await bound.settled()
    await bound.next_look()
    assert len((await bound.status(bound.vault_name, CLUSTER_KEY_VAULTS))["soonest"]) == 20
    vault = f"ClusterKeyVault {bound.vault_name}"
    done = await call("-o", "json")
    rows = [row for row in json.loads(done.stdout)["objects"] if row["vault"] == vault]
    assert [(row["name"], row["state"], len(row["usedBy"])) for row in rows] == [
        ("a", "ExpiresSoon", 2),
        *((f"s{number:02}", "Valid", 0) for number in range(19)),
    ]
    assert f"{vault}: 6 more objects end some time" in done.stderr
    assert {"vault": vault, "named": 20, "ending": 26} in json.loads(done.stdout)["cut"]
    people = (await call()).stdout
    assert "no binding" in people
    assert f"{vault}: 6 more objects end some time" in people
    done = await call("-n", bound.namespace, "-o", "json")
    assert [row["name"] for row in json.loads(done.output)["objects"]] == ["a"]


async def test_who_sees_one_namespace_only(bound: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A RoleBinding gives no ClusterKeyVaults: their thresholds are guessed, and that is told."""
    whole = KubeClient.list

    async def refuse(client: KubeClient, resource: Resource, *arguments: Any, **options: Any) -> Any:
        if resource is CLUSTER_KEY_VAULTS:
            raise KubeError(KubeErrorKind.FORBIDDEN, "clusterkeyvaults is forbidden")
        return await whole(client, resource, *arguments, **options)

    monkeypatch.setattr(KubeClient, "list", refuse)
    done = await call("-n", bound.namespace, "-o", "json")
    assert [row["name"] for row in json.loads(done.stdout)["objects"]] == ["a"]
    assert "ClusterKeyVaults may not be listed" in done.stderr
    assert (await call()).exit_code == 3, "of all namespaces it would be less than was asked for"


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
