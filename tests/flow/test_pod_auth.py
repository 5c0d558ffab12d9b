"""The agent that asks vaults as its pod: started as in the mutated pod, its token checked."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.flow.emulator.test_azure_sdk import TENANT, Bench, opened
from tests.flow.emulator.test_identities import clients, projected
from tests.unit.injection.pods import INSTALLATION, make_pod
from vaultbind.api.binding_parser import parse_binding
from vaultbind.emulator import EmulatorConfig
from vaultbind.injection.facts import keys_of
from vaultbind.injection.mutate import mutate
from vaultbind.injection.sources import PodAuth, VaultAddress, source_of
from vaultbind.keyvault.simulation import Fault, RoleAssignment

OFFERED = replace(INSTALLATION, pod_auth_audience="api://AzureADTokenExchange", deadline_seconds=1)
PLACES = {"/vaultbind/token": "token", "/vaultbind/files": "files", "/vaultbind/env": "env"}
DATA = [
    {"key": "PASSWORD", "secret": {"name": "db"}},
    {"key": "extra", "optional": True, "secret": {"name": "none"}},
]


class Stage:
    """One vault, and a pod's folders where the kubelet would have its volumes."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.folder = folder
        self.target: dict[str, Any] = {}
        """Of the bindings' specs."""
        self.vaults = {"shop-db": "shop"}
        """Vaults of the pod's bindings."""
        self.last_word = folder / "termination-log"
        for place in PLACES.values():
            (folder / place).mkdir()
        self.project(projected())

    def project(self, token: str) -> None:
        """Write the pod's token as the kubelet does."""
        (self.folder / "token/token").write_text(token)

    def address(self, vault: str) -> VaultAddress:
        """Where the emulator has that vault."""
        emulator = self.bench.emulator
        return VaultAddress(
            url=emulator.vault_url(vault),
            tenant_id=TENANT,
            authority_host=emulator.authority_host,
            ca_bundle=emulator.ca_pem,
        )

    def container(self, annotations: dict[str, str]) -> dict[str, Any]:
        """The last of our containers in the pod."""
        spec = {"data": DATA, "target": self.target}
        obj: dict[str, Any] = {"metadata": {"name": "shop-db", "namespace": "shop"}, "spec": spec}
        sources = {name: source_of(self.address(vault), obj["spec"]) for name, vault in self.vaults.items()}
        auth = PodAuth(client_id="workload", sources=sources)
        pod = make_pod({"auth": "pod", "bindings": ",".join(sources)} | annotations)
        found = mutate(pod, OFFERED, dict.fromkeys(sources, keys_of(parse_binding(obj))), auth)
        assert found is not None
        container: dict[str, Any] = found.pod["spec"]["initContainers"][-1]
        return container

    async def start(
        self, annotations: dict[str, str] | None = None, **environment: str
    ) -> asyncio.subprocess.Process:
        """Start the container's command with its variables, mounts as folders."""
        container = self.container(annotations or {})
        environ = {item["name"]: item["value"].replace("$$", "$") for item in container["env"]}
        for name, value in environ.items():
            for path, place in PLACES.items():
                if value.startswith(path):
                    environ[name] = value.replace(path, str(self.folder / place), 1)
        environ |= {"VAULTBIND_TERMINATION_LOG": str(self.last_word), **environment}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, *container["command"][1:]), env=environ, stderr=asyncio.subprocess.PIPE
        )

    async def run(self, annotations: dict[str, str] | None = None) -> tuple[int, str]:
        """Let it come to its end; status and what it wrote."""
        process = await self.start(annotations)
        _, told = await process.communicate()
        assert process.returncode is not None
        return process.returncode, told.decode()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with opened(EmulatorConfig(clients=clients())) as bench:
        bench.shop.set_secret("db", "s3cr3t-value")
        yield Stage(bench, tmp_path)


async def test_the_pods_own_token_opens_the_vault(stage: Stage) -> None:
    status, told = await stage.run({"mode": "both"})

    assert (status, told) == (0, "vaultbind agent: shop-db: written\n")
    assert (stage.folder / "files/shop-db/PASSWORD").read_text() == "s3cr3t-value"
    assert (stage.folder / "env/variables").read_text() == "PASSWORD='s3cr3t-value'\n"
    assert not (stage.folder / "files/shop-db/extra").exists()
    log = stage.bench.emulator.stats
    assert {entry.principal for entry in log.recent() if entry.outcome == "200"} == {"workload"}
    assert log.count(operation="token.assertion") == 1


async def test_templates_are_rendered_in_the_pod(stage: Stage) -> None:
    """From the binding through the pod's variable; `$(X)` there is nothing that the kubelet replaces."""
    text = "$(PASSWORD) {{ PASSWORD | upper }}{{ extra | default('!') }}"
    stage.target = {"name": "other", "creationPolicy": "None", "template": {"data": {"URL": text}}}
    status, told = await stage.run({"mode": "both"})

    assert (status, told) == (0, "vaultbind agent: shop-db: written\n")
    files = stage.folder / "files/shop-db"
    assert [path.name for path in files.glob("[!.]*")] == ["URL"]
    assert (files / "URL").read_text() == "$(PASSWORD) S3CR3T-VALUE!"
    assert (stage.folder / "env/variables").read_text() == "URL='$(PASSWORD) S3CR3T-VALUE!'\n"


async def test_a_template_that_fails_is_the_agents_last_word(stage: Stage) -> None:
    stage.target = {"template": {"data": {"URL": "{{ PASSWORD | fromjson }}"}}}
    status, told = await stage.run()

    assert status == 1
    assert "VaultBinding shop-db: TemplateFailed: URL: line 1: fromjson" in stage.last_word.read_text()
    assert "s3cr3t" not in told + stage.last_word.read_text()


async def test_two_vaults_of_a_tenant_cost_one_token(stage: Stage) -> None:
    stage.vaults["bank-db"] = "bank"
    stage.bench.emulator.driver("bank").set_secret("db", "other-value")
    status, told = await stage.run()

    assert (status, told) == (0, "vaultbind agent: shop-db, bank-db: written\n")
    assert (stage.folder / "files/shop-db/PASSWORD").read_text() == "s3cr3t-value"
    assert (stage.folder / "files/bank-db/PASSWORD").read_text() == "other-value"
    assert stage.bench.emulator.stats.count(operation="token.assertion") == 1


def _other_subject(stage: Stage) -> None:
    stage.project(projected("system:serviceaccount:shop:other"))


def _forged(stage: Stage) -> None:
    stage.project(projected()[:-4] + "AAAA")


def _no_token(stage: Stage) -> None:
    (stage.folder / "token/token").unlink()


def _no_role(stage: Stage) -> None:
    role = RoleAssignment(principal="somebody", vault="shop", role="Key Vault Secrets User", scope="")
    stage.bench.emulator.estate.access.grant(role)


def _no_secret(stage: Stage) -> None:
    stage.bench.shop.delete("secrets", "db")


REFUSED: dict[str, tuple[Callable[[Stage], None], tuple[str, ...]]] = {
    "a token of another ServiceAccount": (
        _other_subject,
        ("Unauthorized", "AADSTS70021; the identity has to trust"),
    ),
    "a forged token": (_forged, ("Unauthorized", "AADSTS50013; the identity has to trust")),
    "no token": (_no_token, ("Unauthorized",)),
    "no role in the vault": (_no_role, ("Forbidden", "grant the identity a role")),
    "no such secret": (_no_secret, ("ObjectNotFound", "the vault has no secret db")),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
async def test_why_not_is_its_last_word(
    stage: Stage, change: Callable[[Stage], None], words: tuple[str, ...]
) -> None:
    change(stage)
    status, told = await stage.run()

    assert status == 1
    message = stage.last_word.read_text()
    for word in ("VaultBinding shop-db: ", *words, "given up after 1 s"):
        assert word in message
    for secret in ("s3cr3t-value", projected()[-43:]):
        assert secret not in told
    assert list((stage.folder / "files").iterdir()) == []


async def test_whose_role_it_is_that_lacks(stage: Stage) -> None:
    _no_role(stage)
    await stage.run()

    assert "asked as client workload" in stage.last_word.read_text()


async def test_a_vault_that_throttles_is_waited_for(stage: Stage) -> None:
    stage.bench.emulator.faults.add(Fault(path="/secrets/*", status=429, retry_after=0.0, count=1))
    status, _ = await stage.run()

    assert status == 0


async def test_refreshing_follows_the_vault_with_one_token_and_ends_when_it_is_told(stage: Stage) -> None:
    process = await stage.start({"refresh": "5s"}, VAULTBIND_REFRESH="0.05")
    assert process.stderr is not None
    try:
        assert b"new content was written" in await process.stderr.readline()
        stage.bench.shop.set_secret("db", "second-value")
        assert b"new content was written" in await process.stderr.readline()
        assert (stage.folder / "files/shop-db/PASSWORD").read_text() == "second-value"
        assert stage.bench.emulator.stats.count(operation="token.assertion") == 1
    finally:
        process.terminate()
        _, told = await process.communicate()
    assert (process.returncode, told) == (0, b"vaultbind agent: stopped\n")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux' /proc")
async def test_it_fits_into_its_memory(stage: Stage) -> None:
    process = await stage.start({"refresh": "5s"}, VAULTBIND_REFRESH="0.05")
    assert process.stderr is not None
    await process.stderr.readline()
    told = await asyncio.to_thread(Path(f"/proc/{process.pid}/status").read_text)
    process.terminate()
    await process.communicate()

    peak = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM"))
    assert peak < 96 * 1024


async def test_without_what_the_webhook_tells_it_says_so(stage: Stage) -> None:
    process = await stage.start(VAULTBIND_SOURCES="{}")
    _, told = await process.communicate()

    wanted = "vaultbind agent: VAULTBIND_SOURCES cannot be read: that is not what the webhook writes\n"
    assert told.decode() == wanted
