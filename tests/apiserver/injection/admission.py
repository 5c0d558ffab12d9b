"""A real webhook process in front of the real API server, reached by URL on loopback."""

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from tools.realcluster import RealCluster
from tools.realcluster.processes import free_ports, is_answering
from tools.realcluster.rules import part_rules
from vaultbind.injection.authority import Authorities
from vaultbind.injection.certificates import Pair, make_authority

HOST = "localhost"
DRAIN_SECONDS = 15
REVIEW_SECONDS = 30
"""As long as the API server can wait for a webhook; the chart says 5: a busy machine is no bug."""
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
CHECKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"

RULES: list[Mapping[str, Any]] = [*part_rules("webhook")]
"""What the webhook's account may do, as the chart grants it."""
POD_AUTH_RULES: list[Mapping[str, Any]] = [*part_rules("webhook", pod_auth=True)]
"""What it may do besides where pods may ask vaults as themselves."""


@dataclass(slots=True, kw_only=True)
class Webhook:
    """The running process, and where it serves."""

    port: int
    probes: int
    tls: Path
    log: Path
    process: subprocess.Popen[bytes]

    def is_ready(self) -> bool:
        return is_answering(self.probes, "/readyz")

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return self.is_ready()

        until(is_ready, self.log.read_text)


def until(
    condition: Callable[[], bool], tell: Callable[[], object] = lambda: "it did not come to pass"
) -> None:
    """Wait for something that must come: an API server learns by watches what it has been told."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, tell()
        time.sleep(0.05)


def put_pair(folder: Path, pair: Pair, authorities: bytes) -> None:
    """Write a certificate the way the kubelet does: a new folder and one rename."""
    fresh = folder / f"..{time.monotonic_ns()}"
    fresh.mkdir(parents=True)
    for name, content in (("tls.crt", pair.certificate), ("tls.key", pair.key), ("ca.crt", authorities)):
        (fresh / name).write_bytes(content)
    (folder / "..next").symlink_to(fresh.name)
    (folder / "..next").replace(folder / "..data")
    for name in ("tls.crt", "tls.key", "ca.crt"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


@contextmanager
def running(cluster: RealCluster, kubeconfig: Path, folder: Path, *flags: str) -> Iterator[Webhook]:
    """`vaultbind webhook` as a process; `folder/tls` has its certificate already."""
    port, probes = free_ports(2)
    command = [
        *(sys.executable, "-m", "vaultbind.cli.main", "webhook"),
        *("--listen", f"127.0.0.1:{port}", "--metrics-address", f"127.0.0.1:{probes}"),
        *("--tls-dir", str(folder / "tls"), "--agent-image", "vaultbind:test", "--drain", str(DRAIN_SECONDS)),
        *("--broker-url", "https://vaultbind-broker.vaultbind.svc:8443", *flags),
    ]
    environ = os.environ | {"KUBECONFIG": str(kubeconfig)}
    log = folder / "webhook.log"
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
    found = Webhook(port=port, probes=probes, tls=folder / "tls", log=log, process=process)
    try:
        found.wait_ready()
        yield found
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def pod_webhook(port: int, bundle: bytes, namespace: str, **more: Any) -> dict[str, Any]:
    """The configuration for pods, as the chart writes it, but by URL, for one namespace and patient."""
    return {
        "name": "inject.vaultbind.dev",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {
            "url": f"https://{HOST}:{port}/inject",
            "caBundle": base64.b64encode(bundle).decode(),
        },
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
        ],
        "objectSelector": {
            "matchExpressions": [
                {"key": "vaultbind.dev/inject", "operator": "Exists"},
                {"key": "vaultbind.dev/inject", "operator": "NotIn", "values": ["false"]},
            ]
        },
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "timeoutSeconds": REVIEW_SECONDS,
        "sideEffects": "None",
    } | more


def check_webhook(port: int, bundle: bytes, namespace: str, plural: str) -> dict[str, Any]:
    """The configuration for one of our kinds."""
    return {
        "name": f"{plural}.vaultbind.dev",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {
            "url": f"https://{HOST}:{port}/check-{plural}",
            "caBundle": base64.b64encode(bundle).decode(),
        },
        "rules": [
            {
                "apiGroups": ["vaultbind.dev"],
                "apiVersions": ["v1alpha1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": [plural],
            }
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "failurePolicy": "Ignore",
        "timeoutSeconds": REVIEW_SECONDS,
        "sideEffects": "None",
    }


def configure(cluster: RealCluster, path: str, name: str, webhooks: list[dict[str, Any]]) -> None:
    kind = "MutatingWebhookConfiguration" if path == WEBHOOKS else "ValidatingWebhookConfiguration"
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "webhooks": webhooks,
    }
    answer = cluster.call("POST", path, body)
    assert answer.status == 201, answer


def new_authorities() -> Authorities:
    return Authorities(current=make_authority(datetime.now(UTC)))


def serial_served(port: int, bundle: bytes) -> int:
    """Serial number of what a new connection is shown."""
    import ssl

    context = ssl.create_default_context(cadata=bundle.decode())
    with (
        socket.create_connection(("127.0.0.1", port), 60) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as wrapped,
    ):
        raw = wrapped.getpeercert(binary_form=True)
    assert raw is not None
    return x509.load_der_x509_certificate(raw).serial_number
