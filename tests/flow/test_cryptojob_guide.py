"""The guide's recipes, block by block as a reader would follow them, on the real API server with kubectl."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import encode
from tests.unit.docs.pages import load
from tests.unit.docs.shell import run_block
from tools.realcluster import RealCluster
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, CRYPTO_JOBS, SECRETS
from vaultbind.settings import DriftDetection

PAGE = load("docs/guides/crypto.md")
URL = "https://shop.vault.azure.net"
VALUES = {"user": "shop", "password": "hunter2"}
KEY = "0123456789abcdef0123456789abcdef"
DIGEST = "ab" * 32


@pytest.fixture
def real(
    apiserver: RealCluster, accounts: Mapping[DriftDetection, Path], drift: DriftDetection
) -> tuple[RealCluster, Path]:
    """Kubectl is for the real one."""
    return apiserver, accounts[drift]


class Reader:
    """Somebody with a terminal who follows the page; only the vault's address and the names are others."""

    def __init__(self, world: World, cluster: RealCluster, folder: Path) -> None:
        self.world, self.folder = world, folder
        tools = folder / "bin"
        tools.mkdir()
        (tools / "kubectl").symlink_to(cluster.binaries.kubectl)
        ca_file = folder / "ca.pem"
        ca_file.write_text(world.emulator.ca_pem)
        self._environ = {
            **{name: os.environ[name] for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")},
            "AZURE_TOKEN_CREDENTIALS": "prod",
            "AZURE_KEYVAULT_URL": world.emulator.vault_url("shop"),
            "VAULTBIND_KEYVAULT_CA_FILE": str(ca_file),
            "PATH": os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "KUBECONFIG": str(cluster.kubeconfig),
            "DIGEST": DIGEST,
        }

    def run(self, script: str) -> None:
        names = {
            URL: self.world.emulator.vault_url("shop"),
            "-n shop": f"-n {self.world.namespace}",
            "--vault shop": f"--vault {self.world.vault_name}",
        }
        for theirs, ours in names.items():
            script = script.replace(theirs, ours)
        run_block(script, self.folder, self._environ)

    async def apply(self, text: str) -> None:
        made = [item for item in yaml.safe_load_all(text) if await self._create(item)]
        await jobs.complete(self.world, *(item["metadata"]["name"] for item in made))

    async def _create(self, manifest: dict[str, Any]) -> bool:
        """Create an object of the page in this world; whether it is a job."""
        spec, world = manifest["spec"], self.world
        if manifest["kind"] == "ClusterKeyVault":
            assert spec["url"] == URL
            ours = world.vault_spec(crypto=spec["crypto"])
            await world.create(CLUSTER_KEY_VAULTS, world.vault_name, spec=ours)
            return False
        spec["vaultRef"]["name"] = world.vault_name
        if spec["operation"] == "RotateKey":
            spec["minAge"] = "30m"  # the world's keys are an hour old
        if spec["operation"] == "Decrypt":  # the other cluster
            await world.delete(SECRETS, spec["output"]["secret"]["name"])
        await world.create(CRYPTO_JOBS, manifest["metadata"]["name"], spec=spec)
        return True


async def test_the_recipes_of_the_guide(world: World, real: tuple[RealCluster, Path], tmp_path: Path) -> None:
    reader = Reader(world, real[0], tmp_path)
    old = world.seed.create_key("seal", key_type="RSA")
    release = world.seed.create_key("release-signing")
    assert isinstance(release.material, ec.EllipticCurvePrivateKey)
    pem = release.material.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for name, data in (("release.pem", pem), ("app.tar.gz", os.urandom(3_000_000)), ("dump.sql", b"x" * 99)):
        (tmp_path / name).write_bytes(data)
    await world.create(
        SECRETS, "shop-db", type="kubernetes.io/basic-auth", data=encode(username="a", **VALUES)
    )
    await world.create(SECRETS, "data-key", data=encode(key=KEY))
    blocks = PAGE.blocks_in_order()
    assert len([language for language, _ in blocks if language == "sh"]) >= 8
    for language, text in blocks:
        if language == "yaml":
            await reader.apply(text)
        elif language == "sh":
            await asyncio.to_thread(reader.run, text)
    await world.settled()
    restored = await world.there(SECRETS, "shop-db")
    assert restored["type"] == "Opaque"
    assert restored["data"] == encode(username="a", **VALUES)
    new = world.vault.vault.keys.get("seal")
    assert (await jobs.config_map(world, "data-key-wrapped"))["keyId"] == jobs.key_id(world, "seal", old)
    again = await jobs.config_map(world, "data-key-wrapped-again")
    assert again["keyId"] == jobs.key_id(world, "seal", new)
    await world.until(lambda: is_gone(world, "data-key-clear"))
    source = {"configMapRef": {"name": "data-key-wrapped-again"}}
    await jobs.submit(world, "control", "UnwrapKey", "seal", input=source, output={"secret": {}})
    await jobs.complete(world, "control")
    assert await world.secret("control") == {"result": KEY.encode()}


async def is_gone(world: World, secret: str) -> bool:
    return await world.get(SECRETS, secret) is None


@pytest.mark.parametrize(("size", "fits"), [(575 * 1024, True), (577 * 1024, False)])
async def test_the_largest_whole_secret(world: World, size: int, fits: bool) -> None:
    world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    await world.create(SECRETS, "app", data=encode(k="x" * (size - 1)))
    source, output = {"secretRef": {"name": "app"}}, {"configMap": {"name": "sealed"}}
    await jobs.submit(world, "seal", "Encrypt", "seal", envelope=True, input=source, output=output)
    if not fits:
        await jobs.told(world, "seal", "ResultTooLarge")
        return
    await jobs.complete(world, "seal")
    sealed = {"configMapRef": {"name": "sealed"}}
    await jobs.submit(world, "open", "Decrypt", "seal", envelope=True, input=sealed, output={"secret": {}})
    await jobs.complete(world, "open")
    assert await world.secret("open") == {"k": b"x" * (size - 1)}
