"""How many workloads are restarted at a time, by however many bindings."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.unit.vaults.stage import FakeClock
from vaultbind.api.refs import ObjectKey
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import DEPLOYMENTS
from vaultbind.rollouts.apply import Restarter
from vaultbind.rollouts.facts import Restarted, RolloutFacts, Workload
from vaultbind.rollouts.pace import RestartPace

K = KubeErrorKind


@dataclass
class Cluster:
    """Each restart waits until the test opens the gate."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    refusals: list[KubeErrorKind] = field(default_factory=list)

    async def merge_patch(self, _resource: Any, _namespace: str, name: str, *_: Any, **__: Any) -> Any:
        self.asked.append(name)
        await self.gate.wait()
        if self.refusals:
            raise KubeError(self.refusals.pop(), "patch: no")
        return {}

    async def create(self, *_: Any, **__: Any) -> Any:
        return {}


class Counter:
    def restarted(self, kind: str, outcome: str) -> None:
        pass


def restarter(cluster: Cluster, *, per_minute: int) -> Restarter:
    return Restarter(
        client=cast("KubeClient", cluster),
        clock=FakeClock(),
        pace=RestartPace(per_minute),
        observer=Counter(),
        instance="i",
    )


def workload(name: str) -> Workload:
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
    about = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    return Workload(
        resource=DEPLOYMENTS, namespace="shop", name=name, uid=metadata["uid"], revision="", about=about
    )


async def apply(restarter: Restarter, *names: str) -> Restarted:
    workloads = tuple(map(workload, names))
    key = ObjectKey("VaultBinding", "shop", names[0])
    return await restarter.apply(RolloutFacts(key=key, uid="u", revision=2, workloads=workloads), workloads)


async def test_bindings_that_restart_at_the_same_time_share_the_pace() -> None:
    cluster = Cluster()
    one = restarter(cluster, per_minute=2)
    asked = [asyncio.create_task(apply(one, name)) for name in "abcde"]
    await asyncio.sleep(0)
    cluster.gate.set()
    restarted = await asyncio.gather(*asked)

    assert cluster.asked == ["a", "b"]
    assert [len(found.done) for found in restarted] == [1, 1, 0, 0, 0]
    assert [found.wait for found in restarted] == [0, 0, 60, 60, 60]


@pytest.mark.parametrize("refusal", [K.CONFLICT, K.NOT_FOUND, K.FORBIDDEN])
async def test_a_restart_that_did_not_come_about_takes_no_turn(refusal: KubeErrorKind) -> None:
    cluster = Cluster(refusals=[refusal])
    cluster.gate.set()
    one = restarter(cluster, per_minute=1)

    assert (await apply(one, "a")).done == ()
    assert len((await apply(one, "b")).done) == 1
    assert (await apply(one, "c")).wait == 60


async def test_a_restart_that_did_not_come_about_may_be_told_when_it_is_forgotten() -> None:
    """Between an answer that takes long and its being told, another binding asks for the pace."""
    cluster = Cluster(refusals=[K.CONFLICT])
    one = restarter(cluster, per_minute=1)
    asked = asyncio.create_task(apply(one, "a"))
    await asyncio.sleep(0)
    cast("FakeClock", one.clock).seconds += 60
    assert one.pace.wait(one.clock.monotonic()) == 0
    cluster.gate.set()

    assert (await asked).done == ()
