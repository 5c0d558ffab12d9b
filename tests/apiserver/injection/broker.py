"""A broker in front of the real API server and the emulator, and pods that ask it as the agent does."""

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.flow.world_operator import WorldClock
from tests.unit.injection.pods import make_pod
from tools.realcluster import Answer, RealCluster
from tools.realcluster.rules import part_rules
from vaultbind.agent.broker import fetch_values, make_tls
from vaultbind.agent.config import Broker
from vaultbind.api.address import Address
from vaultbind.app.broker import BrokerProcess
from vaultbind.emulator import Emulator, EmulatorConfig
from vaultbind.injection.certificates import Pair, make_authority, make_serving
from vaultbind.injection.identity import ROLE
from vaultbind.injection.tls import ServingTls
from vaultbind.kube.client import KubeClient
from vaultbind.kube.connection import connect
from vaultbind.telemetry.metrics import Metrics
from vaultbind.vaults.policy import VaultPolicy

BROKER_RULES: list[Mapping[str, Any]] = [*part_rules("broker")]
"""What the broker's account may do, as the chart grants it, without credentialSecrets."""
RBAC = "/apis/rbac.authorization.k8s.io/v1"
VALUES = {"apiGroups": ["vaultbind.dev"], "resources": ["vaultbindings/values"], "verbs": ["get"]}
"""The right to get values."""


@dataclass(slots=True, kw_only=True)
class BrokerStage:
    """Everything around one broker; names are of one namespace."""

    cluster: RealCluster
    namespace: str
    emulator: Emulator
    process: BrokerProcess
    authority: Pair
    folder: Path
    clock: WorldClock
    client: KubeClient
    metrics: Metrics
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.process.server.port}"

    # -- the cluster ----------------------------------------------------------------------------

    def post(self, path: str, body: Mapping[str, Any], expected: int = 201) -> Answer:
        answer = self.cluster.call("POST", path, body)
        assert answer.status == expected, answer
        return answer

    def ours(self, plural: str, namespace: str = "") -> str:
        place = f"namespaces/{namespace or self.namespace}/" if plural != "clusterkeyvaults" else ""
        return f"/apis/vaultbind.dev/v1alpha1/{place}{plural}"

    def bind(self, name: str, *, namespace: str = "", **spec: Any) -> None:
        given = {
            "vaultRef": {"kind": "ClusterKeyVault", "name": self.namespace},
            "data": [{"key": "PASSWORD", "secret": {"name": "password"}}],
        } | spec
        body = {
            "apiVersion": "vaultbind.dev/v1alpha1",
            "kind": "VaultBinding",
            "metadata": {"name": name},
            "spec": given,
        }
        self.post(self.ours("vaultbindings", namespace), body)

    def account(self, name: str, *, namespace: str = "", may_read: bool = True) -> None:
        """A ServiceAccount, with or without the right to get values."""
        place = namespace or self.namespace
        self.post(f"/api/v1/namespaces/{place}/serviceaccounts", {"metadata": {"name": name}})
        if may_read:
            self.allow(name, namespace=place)

    def allow(self, name: str, *, namespace: str = "") -> None:
        place = namespace or self.namespace
        body = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": f"{name}-values"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": place}],
        }
        self.post(f"{RBAC}/namespaces/{place}/rolebindings", body)
        self.cluster.wait_allowed(place, name, VALUES, within=place)

    def forbid(self, name: str) -> None:
        path = f"{RBAC}/namespaces/{self.namespace}/rolebindings/{name}-values"
        assert self.cluster.call("DELETE", path).status == 200

    def pod(
        self,
        name: str,
        account: str = "web",
        *,
        namespace: str = "",
        inject: str = "true",
        **annotations: str,
    ) -> str:
        """A pod object, which no kubelet runs; returns a token bound to it, as the kubelet would get it."""
        pod = make_pod(annotations or None, inject=inject, serviceAccountName=account)
        pod["metadata"]["name"] = name
        self.post(f"/api/v1/namespaces/{self.namespace}/pods", pod)
        return self.token(name, account)

    def token(self, pod: str, account: str = "web", *, audience: str = "vaultbind") -> str:
        spec: dict[str, Any] = {"audiences": [audience], "expirationSeconds": 600}
        if pod:
            spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", "name": pod}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token"
        answer = self.post(path, body)
        return str(answer.body["status"]["token"])

    def remove_pod(self, name: str) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/pods/{name}?gracePeriodSeconds=0"
        assert self.cluster.call("DELETE", path).status == 200

    # -- asking ---------------------------------------------------------------------------------

    async def ask(self, token: str, binding: str = "shop-db") -> tuple[int, dict[str, Any]]:
        """Ask as anybody could."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.send(binding, headers)

    async def send(self, binding: str, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        context = ssl.create_default_context(cadata=self.authority.certificate.decode())
        connector = aiohttp.TCPConnector(ssl=context)
        url = f"https://localhost:{self.process.server.port}/v1/values/{binding}"
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(url, headers=headers) as answer,
        ):
            body: dict[str, Any] = await answer.json(content_type=None)
            return answer.status, body

    async def ask_as_agent(self, token: str, binding: str = "shop-db") -> dict[str, bytes]:
        """Ask with the agent's own code. Raises its errors."""
        path = self.folder / secrets.token_hex(4)
        path.write_text(token)
        broker = Broker(
            host="localhost",
            port=self.process.server.port,
            ca=self.authority.certificate.decode(),
            token_file=path,
        )
        return await asyncio.to_thread(fetch_values, broker, make_tls(broker.ca), binding)

    def vault_gets(self) -> list[str]:
        """Gets that the vault has answered, challenges left out."""
        entries = self.emulator.stats.recent()
        return [entry.name for entry in entries if entry.kind and entry.outcome != "401"]


@asynccontextmanager
async def broker_stage(cluster: RealCluster, namespace: str, folder: Path) -> AsyncIterator[BrokerStage]:
    """Start it all; the emulator's identity endpoint has to be in the environment for the vault's token."""
    kubeconfig = cluster.service_account_kubeconfig(namespace, "broker", context_namespace=namespace)
    cluster.grant(namespace, "broker", BROKER_RULES)
    make_role(cluster)
    clock, metrics = WorldClock(), Metrics()
    authority = make_authority(datetime.now(UTC))
    pair = make_serving(authority, ["localhost"], datetime.now(UTC))
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)
    config = EmulatorConfig(clock=clock.now, token_lifetime=30 * 86_400)
    async with contextlib.AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator.start(config))
        client = await stack.enter_async_context(await connect(kubeconfig=kubeconfig, observer=metrics.kube))
        policy = VaultPolicy(
            vault_suffixes=(f".vault.localhost:{emulator.port}",),
            authority_hosts=(f"127.0.0.1:{emulator.port}",),
        )
        process = BrokerProcess(
            client=client,
            policy=policy,
            clock=clock,
            metrics=metrics,
            listen=Address(host="127.0.0.1", port=0),
            tls=ServingTls(folder),
        )
        stop = asyncio.Event()
        serving = asyncio.create_task(process.serve(stop))
        await process.ready.wait()
        found = BrokerStage(
            cluster=cluster,
            namespace=namespace,
            emulator=emulator,
            process=process,
            authority=authority,
            folder=folder,
            clock=clock,
            client=client,
            metrics=metrics,
        )
        furnish(found)
        try:
            yield found
        finally:
            stop.set()
            await serving
            cluster.call("DELETE", f"{found.ours('clusterkeyvaults')}/{namespace}")


def make_role(cluster: RealCluster) -> None:
    """The chart's ClusterRole; other tests may have made it."""
    body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROLE},
        "rules": [VALUES],
    }
    assert cluster.call("POST", f"{RBAC}/clusterroles", body).status in (201, 409)


def furnish(stage: BrokerStage) -> None:
    """A vault with a secret, a ClusterKeyVault, a binding, an account that may read it."""
    stage.emulator.driver("shop").set_secret("password", "s3cr3t-value")
    spec = {
        "url": stage.emulator.vault_url("shop"),
        "caBundle": stage.emulator.ca_pem,
        "auth": {"managedIdentity": {}},
        "access": [{"namespaces": {"all": True}}],
    }
    body = {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": "ClusterKeyVault",
        "metadata": {"name": stage.namespace},
        "spec": spec,
    }
    stage.post(stage.ours("clusterkeyvaults"), body)
    stage.bind("shop-db")
    stage.account("web")
