"""The two clusters that the demo can run on, and how writes to them are counted."""

import re
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from vaultbind.api.names import FIELD_MANAGER
from vaultbind.cli.demo.manifests import Place
from vaultbind.cli.demo.process import OperatorProcess
from vaultbind.kube.client import KubeClient
from vaultbind.kube.connection import connect
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import (
    CLUSTER_KEY_VAULTS,
    CRDS,
    KEY_VAULTS,
    NAMESPACES,
    VAULT_BINDINGS,
    Resource,
)
from vaultbind.sandbox import Sandbox, SandboxConfig
from vaultbind.sandbox.stats import WRITE_VERBS

DEMO_MANAGER: Final = "vaultbind-demo"
OPERATOR_WRITES: Final = frozenset({"create", "patch", "delete"})
_SAMPLE: Final = re.compile(
    r"^vaultbind_kube_requests_total\{(?P<labels>[^}]*)\} (?P<count>[0-9.e+]+)$", re.MULTILINE
)
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


class DemoCluster(Protocol):
    """A cluster with the demo's names in it."""

    title: str
    client: KubeClient
    place: Place
    environ: Mapping[str, str]
    """For the operator's process."""
    arguments: Sequence[str]
    counted_by: str
    sandbox: Sandbox | None
    trust: str
    """Certificates, in PEM, that the operator needs beside the vault's."""

    async def count_writes(self, operator: OperatorProcess) -> Counter[str]:
        """Writes of the operator so far, by resource."""

    async def install(self, crds: Sequence[dict[str, Any]]) -> None:
        """Install what is missing of our CRDs, and the namespace; raises KubeError."""


class EmbeddedCluster:
    """The sandbox: everything in it is the demo's."""

    title = "embedded cluster API"
    counted_by = "counted by the API server"
    arguments: Sequence[str] = ()
    trust = ""

    def __init__(self, sandbox: Sandbox, client: KubeClient, kubeconfig: Path) -> None:
        """Hold what `start_embedded` made."""
        self.sandbox: Sandbox | None = sandbox
        self.client = client
        self.place = Place()
        self.environ: Mapping[str, str] = {"KUBECONFIG": str(kubeconfig)}
        self._stats = sandbox.stats

    async def count_writes(self, operator: OperatorProcess) -> Counter[str]:
        """Count what the API server has seen of the operator."""
        _ = operator
        counts: Counter[str] = Counter()
        for key, count in self._stats.as_mapping().items():
            if key.verb in WRITE_VERBS and key.manager == FIELD_MANAGER:
                counts[_name(key.resource, key.subresource)] += count
        return counts

    async def install(self, crds: Sequence[dict[str, Any]]) -> None:
        """Install CRDs and namespace into the empty cluster."""
        for crd in crds:
            await self.client.create(CRDS, "", crd, field_manager=DEMO_MANAGER)
        await create_namespace(self.client, self.place.namespace)


@asynccontextmanager
async def start_embedded(folder: Path) -> AsyncIterator[EmbeddedCluster]:
    """Run the embedded cluster API until the block ends; its kubeconfig lies in `folder`."""
    async with Sandbox.start(SandboxConfig()) as sandbox:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(sandbox.kubeconfig(namespace=Place().namespace), encoding="utf-8")
        async with await connect(kubeconfig=kubeconfig) as client:
            yield EmbeddedCluster(sandbox, client, kubeconfig)


class CurrentCluster:
    """The cluster of the kubeconfig at hand: names of our own, and nothing left behind."""

    counted_by = "counted by the operator"
    sandbox: Sandbox | None = None

    def __init__(self, client: KubeClient, context: str, token: str) -> None:
        """`token` makes the names our own."""
        self.title = f"cluster of context {context}"
        self.client = client
        name = f"{DEMO_MANAGER}-{token}"
        self.place = Place(namespace=name, vault=name)
        self.environ: Mapping[str, str] = {}
        self.trust = fetch_system_trust()
        self.arguments: Sequence[str] = ("--namespace", name)
        self._installed: list[str] = []

    async def count_writes(self, operator: OperatorProcess) -> Counter[str]:
        """Count by the operator's own metrics: a foreign API server counts for everybody together."""
        _, text = await operator.fetch("/metrics")
        return parse_writes(text)

    async def install(self, crds: Sequence[dict[str, Any]]) -> None:
        """Install missing CRDs, leave others alone, and make our namespace."""
        for crd in crds:
            try:
                await self.client.create(CRDS, "", crd, field_manager=DEMO_MANAGER)
            except KubeError as error:
                if error.kind is not KubeErrorKind.ALREADY_EXISTS:
                    raise
            else:
                self._installed.append(crd["metadata"]["name"])
        await create_namespace(self.client, self.place.namespace)

    async def clean_up(self) -> tuple[str, ...]:
        """Delete what we made; returns what could not be deleted, or is kept since others use it."""
        left: list[str] = []
        await self._delete(CLUSTER_KEY_VAULTS, self.place.vault, left)
        await self._delete(NAMESPACES, self.place.namespace, left)
        if self._installed and await self._is_used_by_others():
            return (*left, "the CRDs: objects of others use them by now")
        for name in self._installed:
            await self._delete(CRDS, name, left)
        return tuple(left)

    async def _delete(self, resource: Resource, name: str, left: list[str]) -> None:
        try:
            await self.client.delete(resource, "", name)
        except KubeError as error:
            if error.kind is not KubeErrorKind.NOT_FOUND:
                left.append(f"{resource.kind} {name} ({error.kind.value})")

    async def _is_used_by_others(self) -> bool:
        """Whether objects of our kinds exist outside of the demo; deleting a CRD would delete them."""
        ours = {self.place.namespace, self.place.vault}
        try:
            for resource in (VAULT_BINDINGS, KEY_VAULTS, CLUSTER_KEY_VAULTS):
                listed = await self.client.list_metadata(resource)
                for item in listed["items"] or ():  # an empty list may be null
                    metadata = item["metadata"]
                    if metadata.get("namespace", metadata["name"]) not in ours:
                        return True
        except KubeError as error:
            return error.kind is not KubeErrorKind.NOT_FOUND
        return False


def fetch_system_trust() -> str:
    """Certificates that Python trusts by a file: the operator's SSL_CERT_FILE takes their place."""
    path = ssl.get_default_verify_paths().cafile
    return Path(path).read_text(encoding="utf-8", errors="replace") if path else ""


async def create_namespace(client: KubeClient, name: str) -> None:
    """Create a namespace; raises KubeError."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await client.create(NAMESPACES, "", body, field_manager=DEMO_MANAGER)


async def fetch_missing_crds(client: KubeClient, crds: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Names of our CRDs that the cluster does not have; raises KubeError."""
    missing = []
    for name in (crd["metadata"]["name"] for crd in crds):
        try:
            await client.get_metadata(CRDS, "", name)
        except KubeError as error:
            if error.kind is not KubeErrorKind.NOT_FOUND:
                raise
            missing.append(name)
    return tuple(missing)


async def fetch_vault_names(client: KubeClient) -> tuple[str, ...]:
    """Names of all ClusterKeyVaults, none where there is no such kind; raises KubeError."""
    try:
        listed = await client.list_metadata(CLUSTER_KEY_VAULTS)
    except KubeError as error:
        if error.kind is KubeErrorKind.NOT_FOUND:
            return ()
        raise
    return tuple(item["metadata"]["name"] for item in listed["items"] or ())


def parse_writes(metrics: str) -> Counter[str]:
    """Successful writes by resource in a Prometheus text of the operator."""
    counts: Counter[str] = Counter()
    for sample in _SAMPLE.finditer(metrics):
        labels = dict(_LABEL.findall(sample["labels"]))
        if labels.get("verb") in OPERATOR_WRITES:
            counts[labels.get("resource", "")] += int(float(sample["count"]))
    return counts


def _name(resource: str, subresource: str) -> str:
    plural = resource.partition(".")[0]
    return f"{plural}/{subresource}" if subresource else plural
