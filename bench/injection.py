"""Injection: latency of the webhook at a given rate, and what many starting pods cost the vault.

make bench ARGS=webhook      writes bench/results/webhook.json
make bench ARGS=broker       writes bench/results/broker.json
"""

import asyncio
import json
import ssl
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp

from bench.cluster import apply_vault, in_parallel, render_vault
from bench.processes import Process, Vault
from tools.realcluster import RealCluster
from tools.realcluster.processes import free_ports
from vaultbind.api.names import API_VERSION
from vaultbind.injection.certificates import Pair, make_authority, make_serving
from vaultbind.injection.names import CLIENT_ID, TENANT_ID
from vaultbind.kube.client import KubeClient
from vaultbind.kube.connection import connect
from vaultbind.kube.resources import PODS, VAULT_BINDINGS

NAMESPACE: Final = "bench"
RATE: Final = 200
"""Reviews per second."""
SECONDS: Final = 20
PODS_COUNT: Final = 10_000
"""Pods that start at once, unless asked for less."""
ASKS: Final[Mapping[str, Mapping[str, str]]] = {
    "files": {"mode": "files"},
    "env": {"mode": "env"},
    "auth_pod": {"mode": "both", "auth": "pod"},
}
"""Annotations of the pods that are reviewed, by the name of their row."""
AUDIENCE: Final = "api://AzureADTokenExchange"
CONNECTIONS: Final = 64
"""Requests on their way at a time."""


def put_certificate(folder: Path) -> Pair:
    """Write a serving certificate for localhost into a folder; return its authority."""
    now = datetime.now(UTC)
    authority = make_authority(now)
    pair = make_serving(authority, ["localhost"], now)
    folder.mkdir()
    for name, content in (("crt", pair.certificate), ("key", pair.key)):
        (folder / f"tls.{name}").write_bytes(content)
    (folder / "ca.crt").write_bytes(authority.certificate)
    return authority


def render_pod(index: int, asks: Mapping[str, str]) -> dict[str, Any]:
    """A pod of a usual size that opts in."""
    container = {
        "name": "web",
        "image": "example.com/shop:1",
        "env": [{"name": f"SETTING_{number}", "value": "x" * 40} for number in range(20)],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }
    annotations = {f"vaultbind.dev/{key}": value for key, value in {"bindings": "shop-db", **asks}.items()}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"pod-{index}",
            "namespace": NAMESPACE,
            "labels": {"app": "shop", "vaultbind.dev/inject": "true"},
            "annotations": annotations,
        },
        "spec": {"containers": [container], "volumes": [{"name": "data", "emptyDir": {}}]},
    }


def render_review(index: int, asks: Mapping[str, str]) -> bytes:
    """An AdmissionReview as the API server sends it."""
    request = {
        "uid": f"review-{index}",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": NAMESPACE,
        "operation": "CREATE",
        "userInfo": {"username": "bench"},
        "object": render_pod(index, asks),
        "oldObject": None,
        "dryRun": False,
        "options": {},
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(review).encode()


async def measure_webhook(cluster: RealCluster, folder: Path) -> dict[str, Any]:
    """Latency at `RATE` reviews a second against the process over TLS, for each kind of pod in `ASKS`."""
    authority = put_certificate(folder / "tls")
    port, probes = free_ports(2)
    arguments = ["webhook", "--listen", f"127.0.0.1:{port}", "--metrics-address", f"127.0.0.1:{probes}"]
    arguments += ["--tls-dir", str(folder / "tls"), "--agent-image", "x", "--broker-url", "https://broker"]
    arguments += ["--env-files", "on", "--pod-auth-audience", AUDIENCE]
    environ = {"KUBECONFIG": str(cluster.kubeconfig)}
    process = Process(arguments, log=folder / "webhook.log", environ=environ)
    client = await connect(kubeconfig=cluster.kubeconfig)
    result: dict[str, Any] = {"count": RATE, "conditions": f"{RATE} reviews/s for {SECONDS} s, over TLS."}
    try:
        await _bind(client)
        await apply_vault(client, render_vault("bench", "https://bench.vault.azure.net"))  # never asked
        await _identify(client)
        await _wait_ready(probes)
        async with _session(authority) as session:
            for name, asks in ASKS.items():
                result[f"webhook_{name}"] = await _measure_asks(session, process, port, asks)
    finally:
        process.stop()
        await client.aclose()
    return result


async def _measure_asks(
    session: aiohttp.ClientSession, process: Process, port: int, asks: Mapping[str, str]
) -> dict[str, Any]:
    url = f"https://localhost:{port}/inject"

    async def review(index: int) -> None:
        async with session.post(url, data=render_review(index, asks)) as answer:
            body = json.loads(await answer.read())
            if answer.status != 200 or not body["response"].get("patch"):
                raise RuntimeError(f"a review failed: {answer.status}")

    for index in range(50):  # connections are open, modules loaded
        await review(index)
    before = process.cpu_seconds()
    latencies = await _at_rate(review, RATE, RATE * SECONDS)
    cpu = process.cpu_seconds() - before
    return {
        **_summarize(latencies),
        "cpu_ms_per_review": round(cpu / len(latencies) * 1000, 2),
        "peak_rss_mb": round(process.peak_rss_mb()),
    }


async def _at_rate(work: Callable[[int], Awaitable[None]], rate: int, count: int) -> list[float]:
    """Start work at fixed moments, whether or not the work before has ended; seconds from then on."""
    start = time.monotonic() + 0.1

    async def one(index: int) -> float:
        due = start + index / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await work(index)
        return time.monotonic() - due

    return list(await asyncio.gather(*(one(index) for index in range(count))))


def _summarize(latencies: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(latencies, n=100)
    found = {"p50_ms": cuts[49], "p99_ms": cuts[98], "max_ms": max(latencies)}
    return {name: round(seconds * 1000, 1) for name, seconds in found.items()}


async def measure_broker(
    cluster: RealCluster, folder: Path, vault: Vault, count: int = PODS_COUNT
) -> dict[str, Any]:
    """Many pods that start at once and ask for one binding: seconds, gets of the vault."""
    authority = put_certificate(folder / "tls")
    port, probes = free_ports(2)
    arguments = ["broker", "--listen", f"127.0.0.1:{port}", "--metrics-address", f"127.0.0.1:{probes}"]
    arguments += ["--tls-dir", str(folder / "tls")]
    arguments += ["--allowed-vault-suffixes", f".vault.localhost:{vault.port}"]
    environ = {
        "KUBECONFIG": str(cluster.kubeconfig),
        "SSL_CERT_FILE": str(vault.ca_file),
        "IDENTITY_ENDPOINT": f"{vault.url}/msi/token",
        "IDENTITY_HEADER": "bench",
    }
    process = Process(arguments, log=folder / "broker.log", environ=environ)
    client = await connect(kubeconfig=cluster.kubeconfig)
    try:
        await _bind(client)
        await apply_vault(client, render_vault("bench", f"https://bench.vault.localhost:{vault.port}"))
        tokens = await _make_pods(client, count)
        await _wait_ready(probes)
        async with _session(authority, force_close=True) as session:
            return await _storm(
                session, process, vault, f"https://localhost:{port}/v1/values/shop-db", tokens
            )
    finally:
        process.stop()
        await client.aclose()


async def _storm(
    session: aiohttp.ClientSession, process: Process, vault: Vault, url: str, tokens: Sequence[str]
) -> dict[str, Any]:
    latencies: list[float] = []

    async def ask(token: str) -> None:
        started = time.monotonic()
        async with session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
            if answer.status != 200:
                raise RuntimeError(f"refused: {answer.status} {await answer.text()}")
            await answer.read()
        latencies.append(time.monotonic() - started)

    gets, cpu, started = vault.counts()["get"], process.cpu_seconds(), time.monotonic()
    await in_parallel([partial(ask, token) for token in tokens], CONNECTIONS)
    seconds = time.monotonic() - started
    return {
        "count": len(latencies),
        "conditions": f"{len(tokens)} pods, each asks once over its own connection, {CONNECTIONS} at a time.",
        "broker": {
            **_summarize(latencies),
            "seconds": round(seconds, 1),
            "vault_gets": vault.counts()["get"] - gets,
            "cpu_ms_per_request": round((process.cpu_seconds() - cpu) / len(latencies) * 1000, 2),
            "peak_rss_mb": round(process.peak_rss_mb()),
        },
    }


async def _make_pods(client: KubeClient, count: int) -> list[str]:
    """Pods that no kubelet runs, and a token bound to each."""
    place = f"/api/v1/namespaces/{NAMESPACE}"
    await _post(client, f"{place}/serviceaccounts", {"metadata": {"name": "default"}})
    await _allow(client)
    tokens: list[str] = []

    async def make(index: int) -> None:
        pod = render_pod(index, ASKS["files"])
        pod["spec"]["automountServiceAccountToken"] = False
        await client.create(PODS, NAMESPACE, pod)
        bound = {"kind": "Pod", "apiVersion": "v1", "name": f"pod-{index}"}
        spec = {"audiences": ["vaultbind"], "boundObjectRef": bound, "expirationSeconds": 3600}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = await _post(client, f"{place}/serviceaccounts/default/token", body)
        tokens.append(str(answer["status"]["token"]))

    await in_parallel([partial(make, index) for index in range(count)])
    return tokens


async def _identify(client: KubeClient) -> None:
    """An identity of the pods' account, as `auth: pod` needs it."""
    annotations = dict.fromkeys((CLIENT_ID, TENANT_ID), "00000000-0000-0000-0000-000000000001")
    metadata = {"name": "default", "annotations": annotations}
    await _post(client, f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": metadata})


async def _allow(client: KubeClient) -> None:
    """The right of the pods' account to the values."""
    group = "rbac.authorization.k8s.io"
    role = {"metadata": {"name": "values"}}
    rules = [{"apiGroups": ["vaultbind.dev"], "resources": ["vaultbindings/values"], "verbs": ["get"]}]
    place = f"/apis/{group}/v1/namespaces/{NAMESPACE}"
    await _post(client, f"{place}/roles", {**role, "rules": rules})
    binding = {
        **role,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "values"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": NAMESPACE}],
    }
    await _post(client, f"{place}/rolebindings", binding)


async def _post(client: KubeClient, path: str, body: Mapping[str, Any]) -> Any:
    async with client.session.post(client.server + path, json=body) as answer:
        content = await answer.json()
    if answer.status not in (201, 409):
        raise RuntimeError(f"{path}: {content}")
    return content


async def _bind(client: KubeClient) -> None:
    spec = {
        "vaultRef": {"kind": "ClusterKeyVault", "name": "bench"},
        "target": {"creationPolicy": "None"},
        "data": [{"key": f"KEY_{number}", "secret": {"name": "s-00000"}} for number in range(5)],
    }
    metadata = {"name": "shop-db"}
    body = {"apiVersion": API_VERSION, "kind": "VaultBinding", "metadata": metadata, "spec": spec}
    await client.create(VAULT_BINDINGS, NAMESPACE, body)


async def _wait_ready(port: int) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            try:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    raise RuntimeError("the process does not become ready")


@asynccontextmanager
async def _session(authority: Pair, *, force_close: bool = False) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    connector = aiohttp.TCPConnector(ssl=context, limit=CONNECTIONS, force_close=force_close)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session
