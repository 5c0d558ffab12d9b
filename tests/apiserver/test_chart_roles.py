"""The operator under the account and with the flags that the chart installs, in both scopes and modes."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.installation import Installation
from tests.apiserver.operator_process import started
from tests.chart.release import NAMESPACE
from tests.flow.world_cluster import decode, encode, use_real
from tools.realcluster import RealCluster
from tools.realcluster.rules import rules
from vaultbind.emulator import Emulator, EmulatorConfig
from vaultbind.kube.resources import LEASES, NAMESPACES, SECRETS, VAULT_BINDINGS

BINDING = {"metadata": {"name": "db"}, "spec": {"data": [{"key": "password", "secret": {"name": "db"}}]}}
ADDRESSES = ("--metrics-address", "--allowed-vault-suffixes")
"""A test gives its own: processes here share one host."""


@pytest.mark.parametrize("drift", ["Watch", "Get"])
@pytest.mark.parametrize("scope", ["Cluster", "Namespaces"])
async def test_the_installed_roles_are_enough(
    empty_cluster: RealCluster, installation: Installation, tmp_path: Path, scope: str, drift: str
) -> None:
    namespaces = ["shop"] if scope == "Namespaces" else []
    async with (
        Emulator.start(EmulatorConfig()) as emulator,
        use_real(empty_cluster, empty_cluster.kubeconfig) as cluster,
    ):
        await cluster.create(NAMESPACES, "", {"metadata": {"name": "shop"}})
        emulator.driver("shop").set_secret("db", "one")
        vault: dict[str, Any] = {
            "url": emulator.vault_url("shop"),
            "auth": {"managedIdentity": {}},
            "refreshInterval": "5s",
            "access": [{"namespaces": {"names": ["shop"]}}],
        }
        values: dict[str, Any] = {"scope": scope, "namespaces": namespaces, "driftDetection": drift}
        await asyncio.to_thread(installation.install, **values, defaultVault=vault, log={"format": "text"})
        await asyncio.to_thread(installation.settle)
        for where, within in (("own", NAMESPACE), ("namespaces", "shop"), ("cluster", "")):
            for rule in rules(where, scope=scope, drift=drift):
                empty_cluster.wait_allowed(NAMESPACE, "vaultbind", rule, within=within)
        flags = [flag for flag in installation.flags() if not flag.startswith(ADDRESSES)]
        account = empty_cluster.service_account_kubeconfig(NAMESPACE, "vaultbind")

        async def until(name: str, value: bytes | None) -> None:
            deadline = time.monotonic() + 60
            while decode(await cluster.get(SECRETS, "shop", name) or {}).get("password") != value:
                assert time.monotonic() < deadline, process.log
                await asyncio.sleep(0.05)

        async with started("operator", account, emulator, tmp_path, *flags) as process:
            await cluster.create(VAULT_BINDINGS, "shop", BINDING)
            await until("db", b"one")
            await cluster.patch(SECRETS, "shop", "db", {"data": encode(password="edited")})
            await until("db", b"one")
            emulator.driver("shop").set_secret("db", "two")
            await until("db", b"two")
            await cluster.patch(VAULT_BINDINGS, "shop", "db", {"spec": {"target": {"name": "other"}}})
            await until("other", b"two")
            await until("db", None)
            lease = await cluster.get(LEASES, NAMESPACE, "vaultbind")
            assert lease is not None
            assert lease["spec"]["holderIdentity"]
            process.send(signal.SIGTERM)
            assert await process.wait_ended() == 0
    assert "may not" not in process.log
    assert "forbidden" not in process.log.lower()
