"""The operator's process is killed by SIGKILL at an await: the next process ends the jobs, with one result.

`test_cryptojob_crash` has every await, in a thread that is held there; here a real process dies for good.
`VAULTBIND_KILL=all` takes every await as well, before and after it.
"""

import itertools
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.operator_process import OperatorProcess, started
from tests.flow import jobs
from tests.flow.await_points import Point, find_points
from tests.flow.crash_jobs import check_end, set_up, snapshot, submit_all
from tests.flow.world import World
from tools.realcluster import RealCluster
from vaultbind.keyvault.simulation import Fault
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, CRYPTO_JOBS
from vaultbind.settings import DriftDetection

PACKAGE = "vaultbind.cryptojobs"
EVERY = os.environ.get("VAULTBIND_KILL") == "all"
STAKES = ("apply", "deadline", "reconcile")
"""Modules whose awaits lie between a claim, the vault's answer, the output and the end."""
MODULES = sorted({point.module for point in find_points(PACKAGE)})
TAKEN = [module for module in MODULES if EVERY or module.rpartition(".")[2] in STAKES]
MOMENTS = ("before", "after") if EVERY else ("after",)
PATIENCE = 120.0
"""Seconds: a process starts in two, on a busy machine in many more."""


@pytest.fixture
def real(
    apiserver: RealCluster, accounts: Mapping[DriftDetection, Path], drift: DriftDetection
) -> tuple[RealCluster, Path]:
    """On the real API server only: a process takes seconds to start."""
    return apiserver, accounts[drift]


@pytest.fixture
def kubeconfig(real: tuple[RealCluster, Path]) -> Path:
    """The operator's own."""
    return real[1]


@asynccontextmanager
async def operator(
    world: World, kubeconfig: Path, folder: Path, **options: Any
) -> AsyncIterator[OperatorProcess]:
    flags = (f"--namespace={world.namespace}", "--no-leader-election")
    async with started("operator", kubeconfig, world.emulator, folder, *flags, **options) as process:
        yield process


def killed_at(point: Point, moment: str) -> tuple[str, ...]:
    return ("-m", "tests.flow.killed", point.module, str(point.line), str(point.column), moment)


async def connect(world: World) -> None:
    """Vault and key, without anybody who looks at them yet."""
    world.seed.create_key("seal", key_type="RSA")
    spec = world.vault_spec(crypto=jobs.ALL)
    await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=spec)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("module", TAKEN, ids=lambda name: name.rpartition(".")[2])
async def test_a_process_that_is_killed_at_an_await(
    quiet_world: World, kubeconfig: Path, tmp_path: Path, module: str
) -> None:
    world = quiet_world
    await connect(world)
    async with operator(world, kubeconfig, tmp_path):
        await set_up(world, partial(jobs.until_complete, seconds=PATIENCE))
    points = [point for point in find_points(PACKAGE) if point.module == module]
    for number, (point, moment) in enumerate(itertools.product(points, MOMENTS)):
        lasting = await submit_all(world, str(number))
        async with operator(world, kubeconfig, tmp_path, program=killed_at(point, moment)) as process:
            await dies(process, f"{point} {moment}")
        seen: dict[str, Any] = {}
        await snapshot(world, f"{number}-", seen)
        async with operator(world, kubeconfig, tmp_path):
            await jobs.until_complete(world, *lasting, seconds=PATIENCE)
            await world.until(partial(is_gone, world, f"{number}-brief"), seconds=PATIENCE)
        await check_end(world, str(number), seen, f"{point} {moment}")


async def dies(process: OperatorProcess, where: str) -> None:
    try:
        assert await process.wait_ended(PATIENCE) == -signal.SIGKILL, process.log
    except TimeoutError:
        raise AssertionError(f"nobody came to {where}\n{process.log}") from None


async def is_gone(world: World, name: str) -> bool:
    return await world.get(CRYPTO_JOBS, name) is None


async def test_a_process_that_is_killed_while_the_vault_rotates(
    quiet_world: World, kubeconfig: Path, tmp_path: Path
) -> None:
    """The vault has made the version, and its answer finds nobody: the next process does not ask again."""
    world = quiet_world
    await connect(world)
    before = world.vault.vault.keys.get("seal")
    world.emulator.faults.add(Fault(method="POST", path="/keys/seal/rotate", delay=30.0))
    await jobs.submit(world, "rotate", "RotateKey", "seal", minAge="30m")
    async with operator(world, kubeconfig, tmp_path) as process:
        await world.until(lambda: len(world.vault.vault.keys.store.versions("seal")) == 2, seconds=PATIENCE)
        process.send(signal.SIGKILL)
        assert await process.wait_ended() == -signal.SIGKILL
    claimed = await jobs.status(world, "rotate")
    assert claimed["keyId"] == jobs.key_id(world, "seal", before)
    assert "completionTime" not in claimed
    async with operator(world, kubeconfig, tmp_path):
        await jobs.until_complete(world, "rotate", seconds=PATIENCE)
    assert len(world.vault.vault.keys.store.versions("seal")) == 2
    status = await jobs.status(world, "rotate")
    assert status["keyId"] == jobs.key_id(world, "seal", world.vault.vault.keys.get("seal"))
    assert status["previousKeyId"] == claimed["keyId"]
