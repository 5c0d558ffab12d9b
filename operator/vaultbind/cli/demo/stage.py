"""What is running while the story is told: cluster, vault, operator, and ways to look at all three."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from vaultbind.cli.demo.checks import decode_data
from vaultbind.cli.demo.clusters import DemoCluster
from vaultbind.cli.demo.manifests import VAULT, Manifests, fetch_manifests, fetch_seed
from vaultbind.cli.demo.outcome import Cost
from vaultbind.cli.demo.process import OperatorProcess
from vaultbind.emulator import Emulator, EmulatorConfig
from vaultbind.emulator.identity import SYSTEM_ASSIGNED
from vaultbind.keyvault import ClientSecretIdentity, KeyVaultClient, KeyVaultConfig, RetryConfig, SecretString
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.keyvault.simulation.estate import wall_clock
from vaultbind.keyvault.simulation.tokens import TENANT
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS, Resource

OPERATOR_PRINCIPAL: Final = SYSTEM_ASSIGNED
"""As the emulator sees the operator; the demo itself is another principal and never counted."""
DEMO_PRINCIPAL: Final = "vaultbind-demo"
QUIET_SECONDS: Final = 0.4
"""For so long nothing may be written before writes are counted."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """Made by `open_stage`."""

    cluster: DemoCluster
    emulator: Emulator
    vault: KeyVaultClient
    operator: OperatorProcess
    manifests: Manifests
    ca_file: Path
    _writes: Counter[str] = field(default_factory=Counter)

    @property
    def client(self) -> KubeClient:
        """Client of the cluster."""
        return self.cluster.client

    @property
    def namespace(self) -> str:
        """Where bindings and Secrets are."""
        return self.cluster.place.namespace

    @property
    def driver(self) -> VaultDriver:
        """The vault, to be changed behind the operator's back."""
        return self.emulator.driver(VAULT)

    async def fetch(self, resource: Resource, name: str) -> dict[str, Any] | None:
        """One object, None where there is none; raises KubeError."""
        namespace = self.namespace if resource.namespaced else ""
        try:
            return await self.client.get(resource, namespace, name)
        except KubeError as error:
            if error.kind is KubeErrorKind.NOT_FOUND:
                return None
            raise

    async def fetch_binding(self, name: str) -> dict[str, Any]:
        """One binding; raises KubeError."""
        return await self.client.get(VAULT_BINDINGS, self.namespace, name)

    async def fetch_data(self, name: str) -> dict[str, bytes]:
        """Data of a Secret, nothing where there is none; raises KubeError."""
        return decode_data(await self.fetch(SECRETS, name) or {})

    async def begin_count(self) -> None:
        """Count requests of the operator from here."""
        self.emulator.stats.clear()
        self._writes = await self.cluster.count_writes(self.operator)

    async def fetch_cost(self) -> Cost:
        """Requests since `begin_count`, once the operator has come to rest."""
        before, now = None, await self.cluster.count_writes(self.operator)
        while before != now:
            await asyncio.sleep(QUIET_SECONDS)
            before, now = now, await self.cluster.count_writes(self.operator)
        return Cost(vault=self._count_vault_requests(), writes=now - self._writes)

    def _count_vault_requests(self) -> Counter[str]:
        return Counter(
            entry.action
            for entry in self.emulator.stats.recent()
            if entry.kind and entry.principal == OPERATOR_PRINCIPAL
        )


class VaultClock:
    """The vault's clock, behind while it is filled: a real vault's objects are not of this very second.

    Key Vault tells times in whole seconds, so an object that has just changed must be looked at twice.
    """

    def __init__(self) -> None:
        """Begin an hour behind."""
        self.age = timedelta(hours=1)

    def __call__(self) -> datetime:
        """Tell the time."""
        return wall_clock() - self.age


@asynccontextmanager
async def open_stage(cluster: DemoCluster, folder: Path) -> AsyncIterator[Stage]:
    """Start the emulator and prepare the operator; end both with the block. Raises DemoError, OSError."""
    clock = VaultClock()
    config = EmulatorConfig(seed=fetch_seed(), clock=clock)
    async with Emulator.start(config) as emulator, _open_vault(emulator) as vault:
        clock.age = timedelta(0)
        ca_file = folder / "vault-ca.pem"
        ca_file.write_text(emulator.ca_pem + cluster.trust, encoding="utf-8")
        operator = OperatorProcess(
            arguments=_arguments(cluster, emulator.port),
            environ={
                **cluster.environ,
                "SSL_CERT_FILE": str(ca_file),
                "IDENTITY_ENDPOINT": f"{emulator.url}/msi/token",
                "IDENTITY_HEADER": "demo",
                "TMPDIR": str(folder),
            },
            log=folder / "operator.log",
        )
        try:
            yield Stage(
                cluster=cluster,
                emulator=emulator,
                vault=vault,
                operator=operator,
                manifests=fetch_manifests(cluster.place, emulator.vault_url(VAULT)),
                ca_file=ca_file,
            )
        finally:
            await operator.stop()


def _arguments(cluster: DemoCluster, port: int) -> list[str]:
    return [
        "--no-leader-election",
        *("--metrics-address", "127.0.0.1:0"),
        *("--allowed-vault-suffixes", f".vault.localhost:{port}"),
        *cluster.arguments,
    ]


@asynccontextmanager
async def _open_vault(emulator: Emulator) -> AsyncIterator[KeyVaultClient]:
    """A client of our own, as a principal of our own."""
    config = KeyVaultConfig(
        vault_url=emulator.vault_url(VAULT),
        credential=ClientSecretIdentity(
            tenant_id=TENANT,
            client_id=DEMO_PRINCIPAL,
            client_secret=SecretString("any"),
            authority_host=emulator.authority_host,
        ),
        ca_pem=emulator.ca_pem,
        retry=RetryConfig(attempts=1),
    )
    async with KeyVaultClient(config) as client:
        yield client


def make_folder() -> Path:
    """Make a folder that nobody else can read."""
    return Path(tempfile.mkdtemp(prefix="vaultbind-demo-"))
