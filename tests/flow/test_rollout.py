"""Workloads follow the content of their Secret: restarted once for each change, and never otherwise."""

from datetime import timedelta
from typing import Any

import pytest

from tests.flow.test_keyvaults import DATA
from tests.flow.world import World
from vaultbind.api.names import LABEL_INJECT, restart_annotation
from vaultbind.api.pod_values import OLDEST_SECONDS
from vaultbind.kube.resources import (
    DAEMON_SETS,
    DEPLOYMENTS,
    SECRETS,
    STATEFUL_SETS,
    VAULT_BINDINGS,
    Resource,
)

pytestmark = pytest.mark.both_drifts

WEB = {"restart": [{"kind": "Deployment", "name": "web"}]}


def workload(app: str, **spec: Any) -> dict[str, Any]:
    labels = {"app": app}
    pod = {"containers": [{"name": "c", "image": "example.com/none:1"}]}
    template = {"metadata": {"labels": labels, "annotations": {"team": "a"}}, "spec": pod}
    whole = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return {"metadata": {"labels": labels}, "spec": whole}


async def begin(world: World, rollout: dict[str, Any], **spec: Any) -> str:
    """A binding in sync, at rest; returns the annotation that its workloads get."""
    world.seed.set_secret("a", "1")
    await world.connect()
    made = await world.bind("app", data=DATA, rollout=rollout, **spec)
    await world.ready("app")
    await world.calm()
    return restart_annotation(made["metadata"]["uid"])


async def named(world: World, resource: Resource, name: str, annotation: str) -> str | None:
    """The revision that a workload's pod template names."""
    template = (await world.there(resource, name))["spec"]["template"]
    assert template["metadata"]["annotations"]["team"] == "a"
    found: str | None = template["metadata"]["annotations"].get(annotation)
    return found


async def test_workloads_of_who_does_not_follow_are_restarted_when_it_takes_a_value(world: World) -> None:
    await world.create(DEPLOYMENTS, "web", **workload("web"))
    annotation = await begin(world, WEB, refreshPolicy="OnSpecChange")
    world.vault.set_secret("a", "new")
    await world.next_look()
    await world.patch(SECRETS, "app", {"data": {"a": "eA=="}})
    await world.noticed()
    assert (await world.secret("app"))["a"] == b"1"
    assert await named(world, DEPLOYMENTS, "web", annotation) is None
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"expiry": {"warnBefore": ["1d"]}}})
    await world.ready("app")
    assert (await world.secret("app"))["a"] == b"new"
    assert await named(world, DEPLOYMENTS, "web", annotation) == "2"


@pytest.mark.get_on_real
async def test_workloads_are_restarted_when_the_content_has_changed(world: World) -> None:
    """By name and by label; two writes more than without, told on both objects."""
    await world.create(DEPLOYMENTS, "web", **workload("web"))
    await world.create(DEPLOYMENTS, "other", **workload("other"))
    await world.create(STATEFUL_SETS, "db", **workload("db", serviceName="db"))
    await world.create(DAEMON_SETS, "log", **workload("db"))
    by_label = {"selector": {"matchLabels": {"app": "db"}}}
    rollout = [
        {"kind": "Deployment", "name": "web"},
        {"kind": "StatefulSet", **by_label},
        {"kind": "DaemonSet", **by_label},
    ]
    annotation = await begin(world, {"restart": rollout})
    assert (await world.status("app"))["rolloutRevision"] == 1
    assert await named(world, DEPLOYMENTS, "web", annotation) is None, "a first sync restarts nothing"
    world.vault.set_secret("a", "2")
    await world.next_look()
    await world.ready("app")
    assert await named(world, DEPLOYMENTS, "web", annotation) == "2"
    assert await named(world, STATEFUL_SETS, "db", annotation) == "2"
    assert await named(world, DAEMON_SETS, "log", annotation) == "2"
    assert await named(world, DEPLOYMENTS, "other", annotation) is None
    assert (await world.status("app"))["rolloutRevision"] == 2
    told = await world.events()
    assert sorted(line for line in told if line.startswith("Restarted")) == [
        "Restarted app",
        "Restarted app",
        "Restarted app",
        "Restarted db",
        "Restarted log",
        "Restarted web",
    ]
    patched = [line for line in (await world.spent()).writes if "create events" not in line]
    assert patched == [
        "patch daemonsets log",
        "patch deployments web",
        "patch secrets app",
        "patch statefulsets db",
        "patch vaultbindings/status app",
    ]


async def test_neither_a_restart_nor_a_repair_nor_a_tag_restarts_anything(world: World) -> None:
    await world.create(DEPLOYMENTS, "web", **workload("web"))
    annotation = await begin(world, WEB)
    await world.restart()
    await world.request_look("app", "now")
    world.vault.update_secret("a", tags={"x": "y"})
    await world.next_look()
    await world.calm()
    assert await named(world, DEPLOYMENTS, "web", annotation) is None
    assert (await world.spent()).writes == []


async def test_a_change_while_nobody_ran_restarts_afterwards(world: World) -> None:
    await world.create(DEPLOYMENTS, "web", **workload("web"))
    annotation = await begin(world, WEB)
    await world.restart(lambda: world.vault.set_secret("a", "2"))
    await world.ready("app")
    assert await named(world, DEPLOYMENTS, "web", annotation) == "2"


async def test_pods_without_a_secret_are_restarted_for_a_new_version_and_for_nothing_else(
    world: World,
) -> None:
    """`creationPolicy: None`: pods were injected with the value, and no Secret shows that it has changed."""
    await world.create(DEPLOYMENTS, "web", **workload("web"))
    world.seed.set_secret("a", "1")
    await world.connect()
    made = await world.bind("app", data=DATA, rollout=WEB, target={"creationPolicy": "None"})
    await world.ready("app")
    await world.calm()
    annotation = restart_annotation(made["metadata"]["uid"])
    expires = world.clock.now() + timedelta(days=400)
    world.vault.update_secret("a", expires=expires, tags={"owner": "somebody else"})
    await world.next_look()
    assert (await world.status("app"))["expires"], "the change was not seen"
    assert await named(world, DEPLOYMENTS, "web", annotation) is None

    world.vault.set_secret("a", "2")
    await world.next_look()
    await world.ready("app")
    assert await named(world, DEPLOYMENTS, "web", annotation) == "2"


async def test_injected_pods_are_restarted_once_the_broker_gives_nothing_older(world: World) -> None:
    """A pod that is made anew at once could get what the broker has kept, and nobody would come again."""
    deployment = workload("web")
    deployment["spec"]["template"]["metadata"]["labels"][LABEL_INJECT] = "true"
    await world.create(DEPLOYMENTS, "web", **deployment)
    annotation = await begin(world, WEB)
    world.vault.set_secret("a", "2")
    await world.next_look()
    await world.ready("app")
    assert (await world.status("app"))["revision"] == 2
    assert await named(world, DEPLOYMENTS, "web", annotation) is None

    await world.advance(OLDEST_SECONDS + 2)
    assert await named(world, DEPLOYMENTS, "web", annotation) == "2"


async def test_a_rollout_that_comes_later_begins_with_the_next_change(world: World) -> None:
    await world.create(DEPLOYMENTS, "web", **workload("web"))
    world.seed.set_secret("a", "1")
    await world.connect()
    made = await world.bind("app", data=DATA)
    await world.ready("app")
    annotation = restart_annotation(made["metadata"]["uid"])
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"rollout": WEB}})
    await world.ready("app")
    assert await named(world, DEPLOYMENTS, "web", annotation) is None
    world.vault.set_secret("a", "2")
    await world.next_look()
    await world.ready("app")
    assert await named(world, DEPLOYMENTS, "web", annotation) == "2"


async def test_a_workload_that_is_not_there_is_told_once(world: World) -> None:
    await begin(world, WEB)
    world.vault.set_secret("a", "2")
    await world.next_look()
    await world.ready("app")
    assert await world.events() == ["RestartFailed app", "Updated app"]
    assert (await world.status("app"))["rolloutRevision"] == 2
    assert (await world.conditions("app"))["Ready"] == "True Synced"
    await world.calm()
    assert await world.events() == []


async def test_many_are_restarted_one_after_the_other(world: World) -> None:
    """The pace holds over all; what has to wait is restarted when its time has come."""
    for number in range(5):
        await world.create(DEPLOYMENTS, f"web-{number}", **workload("web"))
    rollout = {"restart": [{"kind": "Deployment", "selector": {"matchLabels": {"app": "web"}}}]}
    annotation = await begin(world, rollout)
    world.life.operator.restarts.per_minute = 2
    world.vault.set_secret("a", "2")
    counts = []
    for _ in range(3):
        await world.next_look()
        names = [await named(world, DEPLOYMENTS, f"web-{number}", annotation) for number in range(5)]
        counts.append(names.count("2"))
    assert counts == [2, 4, 5]
    assert (await world.status("app"))["rolloutRevision"] == 2
