"""etcd, kube-apiserver and the controllers that matter here, in one folder, gone at the end."""

import base64
import contextlib
import json
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

from tools.realcluster.kubectl import run_kubectl
from tools.realcluster.pki import Identity, Pki
from tools.realcluster.processes import (
    ClusterError,
    Reaper,
    Server,
    free_ports,
    is_answering,
    start,
    wait_until,
)
from tools.testbin.build import Binaries

LOOPBACK = "127.0.0.1"
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
)
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
OK_BELOW = 300
CALL_SECONDS = 90.0
"""More than the API server waits for a webhook."""
TOKEN_SECONDS = 86_400
"""Longer than a session of tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and parsed body (None when empty) of one call of the API."""

    status: int
    body: Any


class RealCluster:
    """A running cluster API. Synchronous on purpose: starting and stopping is done outside of the loop."""

    def __init__(self, binaries: Binaries, folder: Path, *, host: str = LOOPBACK) -> None:
        """`host` is where the API server listens; etcd and the rest stay on loopback."""
        self.folder = folder
        self.binaries = binaries
        self.host = host
        self.pki = Pki.create(folder / "pki", addresses=[] if host == LOOPBACK else [host])
        self.port, self.etcd_port, self._etcd_peer_port = free_ports(3)
        self.url = f"https://{host}:{self.port}"
        self.ca_pem = self.pki.ca_pem.decode()
        self.kubeconfig = self.write_kubeconfig("admin", self.pki.admin)
        self._servers: dict[str, Server] = {}
        self._reaper = Reaper()
        self._context = ssl.create_default_context(cadata=self.ca_pem)
        self._context.load_cert_chain(self.pki.path("admin.crt"), self.pki.path("admin.key"))

    @classmethod
    @contextlib.contextmanager
    def start(
        cls,
        binaries: Binaries,
        folder: Path,
        *,
        manifests: Sequence[Path] = (),
        controllers: bool = True,
        apiserver_flags: Sequence[str] = (),
    ) -> Iterator["RealCluster"]:
        """Start all, apply `manifests` (CRDs), then start the controllers; stop all at the end.

        The garbage collector learns of new kinds only every 30 s, hence the order. Logs stay in
        `folder/log`. Raises ClusterError when a process does not come up or a manifest is refused.
        """
        cluster = cls(binaries, folder)
        try:
            cluster.start_etcd()
            cluster.start_apiserver(apiserver_flags)
            for manifest in manifests:
                cluster.kubectl("apply", "-f", str(manifest))
            if manifests:
                cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=120s")
            if controllers and binaries.kube_controller_manager:
                cluster.start_controllers()
            yield cluster
        finally:
            cluster.close()

    @property
    def pids(self) -> Mapping[str, int]:
        """Process ids by name (`etcd`, `kube-apiserver`, `kube-controller-manager`)."""
        return {name: server.process.pid for name, server in self._servers.items()}

    def call(self, method: str, path: str, body: object = None, *, content_type: str = JSON) -> Answer:
        """Call the API as administrator; any status is an answer (quicker than kubectl: no process)."""
        with contextlib.closing(
            HTTPSConnection(self.host, self.port, context=self._context, timeout=CALL_SECONDS)
        ) as http:
            payload = None if body is None else json.dumps(body)
            http.request(method, path, payload, {"Content-Type": content_type, "Accept": JSON})
            response = http.getresponse()
            text = response.read()
        return Answer(status=response.status, body=json.loads(text) if text else None)

    def kubectl(
        self, *arguments: str, input: str | None = None, check: bool = True, kubeconfig: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl; with `check`, raise ClusterError with its complaint when it fails."""
        return run_kubectl(
            self.binaries.kubectl,
            kubeconfig or self.kubeconfig,
            self.folder,
            arguments,
            input=input,
            check=check,
        )

    def stored(self) -> Iterator[bytes]:
        """All that etcd holds, value by value."""
        everything = base64.b64encode(b"\0").decode()
        connection = HTTPConnection(LOOPBACK, self.etcd_port, timeout=CALL_SECONDS)
        with contextlib.closing(connection) as http:
            http.request("POST", "/v3/kv/range", json.dumps({"key": everything, "range_end": everything}))
            answer = json.loads(http.getresponse().read())
        yield from (base64.b64decode(item["value"]) for item in answer["kvs"])

    def metrics(self) -> str:
        """Return the API server's metrics as text (`apiserver_request_total` and the like)."""
        with contextlib.closing(
            HTTPSConnection(self.host, self.port, context=self._context, timeout=CALL_SECONDS)
        ) as http:
            http.request("GET", "/metrics")
            return http.getresponse().read().decode()

    def service_account_kubeconfig(
        self, namespace: str, name: str, *, context_namespace: str = "default"
    ) -> Path:
        """Write a kubeconfig with a fresh token of a ServiceAccount, which is made when missing.

        Rights are the caller's business: apply Roles and bindings with :meth:`kubectl` or :meth:`grant`.
        """
        made = self.call(
            "POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}}
        )
        if made.status >= OK_BELOW and made.status != 409:
            raise ClusterError(f"ServiceAccount {namespace}/{name}: {made.body.get('message')}")
        asked = self.call(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": TOKEN_SECONDS},
            },
        )
        token = str(asked.body["status"]["token"])
        return self.write_kubeconfig(f"{namespace}-{name}", token, context_namespace)

    def grant(self, namespace: str, name: str, rules: Sequence[Mapping[str, Sequence[str]]]) -> None:
        """Give a ServiceAccount cluster-wide `rules` (apiGroups, resources, verbs) by its own ClusterRole."""
        meta = {"metadata": {"name": f"{namespace}-{name}"}}
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            **meta,
            "rules": list(rules),
        }
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            **meta,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": f"{namespace}-{name}",
            },
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
        }
        for item in (role, binding):
            self.kubectl("apply", "-f", "-", input=json.dumps(item))
        self.wait_allowed(namespace, name, rules[-1])

    def wait_allowed(
        self, namespace: str, name: str, rule: Mapping[str, Sequence[str]], *, within: str = ""
    ) -> None:
        """Wait until a ServiceAccount has a right: the authorizer reads its rules from a watch."""
        resource, _, subresource = rule["resources"][0].partition("/")
        asked = {
            "group": rule["apiGroups"][0],
            "resource": resource,
            "subresource": subresource,
            "verb": rule["verbs"][0],
            "namespace": within,
            "name": rule.get("resourceNames", ("",))[0],
        }
        spec = {"user": f"system:serviceaccount:{namespace}:{name}", "resourceAttributes": asked}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        server = self._servers["kube-apiserver"]
        wait_until(lambda: bool(self.call("POST", path, review).body["status"]["allowed"]), server)

    def start_etcd(self) -> None:
        """Start etcd without fsync: nothing here outlives the test."""
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.etcd_port, self._etcd_peer_port))
        self.start_server(
            "etcd",
            [
                *(
                    self.binaries.etcd,
                    "--name",
                    "test",
                    "--data-dir",
                    self.folder / "etcd",
                    "--unsafe-no-fsync",
                ),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", f"test={peer}", "--log-level", "warn"),
            ],
        )
        wait_until(lambda: is_answering(self.etcd_port, "/health"), self._servers["etcd"])

    def start_apiserver(self, flags: Sequence[str] = ()) -> None:
        """Start (or, after :meth:`stop_apiserver`, restart) the API server and wait for its readiness."""
        pki = self.pki.path
        self.start_server(
            "kube-apiserver",
            [
                self.binaries.kube_apiserver,
                f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
                f"--bind-address={self.host}",
                f"--secure-port={self.port}",
                f"--tls-cert-file={pki('server.crt')}",
                f"--tls-private-key-file={pki('server.key')}",
                f"--client-ca-file={pki('ca.crt')}",
                f"--service-account-key-file={pki('accounts.pub')}",
                f"--service-account-signing-key-file={pki('accounts.key')}",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.96.0.0/24",
                "--endpoint-reconciler-type=none",
                "--allow-privileged=true",
                "--shutdown-delay-duration=0s",
                *flags,
            ],
        )
        server = self._servers["kube-apiserver"]
        wait_until(lambda: is_answering(self.port, "/readyz", self._context, host=self.host), server)

    def stop_apiserver(self) -> None:
        """Stop only the API server: an outage; its state stays in etcd."""
        self._servers.pop("kube-apiserver").stop()
        self._reaper.watch(self.pids.values())

    def start_controllers(self, controllers: Sequence[str] = CONTROLLERS) -> None:
        """Start controllers (`*` is all); they are ready when the default account exists."""
        binary = self.binaries.kube_controller_manager
        if binary is None:
            raise ClusterError("there is no kube-controller-manager where the other binaries are")
        server = self.start_server(
            "kube-controller-manager",
            [
                binary,
                f"--kubeconfig={self.kubeconfig}",
                f"--controllers={','.join(controllers)}",
                f"--service-account-private-key-file={self.pki.path('accounts.key')}",
                f"--root-ca-file={self.pki.path('ca.crt')}",
                "--leader-elect=false",
                "--use-service-account-credentials=false",
                "--secure-port=0",
            ],
        )
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        wait_until(lambda: self.call("GET", account).status < OK_BELOW, server)

    def close(self) -> None:
        """Stop all, the youngest first and etcd last: without it an API server hangs in its graceful stop."""
        while self._servers:
            self._servers.popitem()[1].stop()
        self._reaper.close()

    def logs(self) -> str:
        """Return the last lines of each log, for the report of a failure."""
        return "\n".join(f"== {name}\n{server.tail()}" for name, server in self._servers.items())

    def start_server(self, name: str, command: Sequence[str | Path]) -> Server:
        """Start one more process that belongs to the cluster and ends with it."""
        server = start(name, command, log_folder=self.folder / "log", folder=self.folder)
        self._servers[name] = server
        self._reaper.watch(self.pids.values())
        return server

    def write_kubeconfig(self, name: str, user: Identity | str, namespace: str = "default") -> Path:
        """Write a kubeconfig of somebody with a certificate or a token."""
        credentials = {"token": user} if isinstance(user, str) else _certificate_of(user)
        cluster = {
            "server": self.url,
            "certificate-authority-data": base64.b64encode(self.pki.ca_pem).decode(),
        }
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": name, "user": credentials}],
            "contexts": [
                {"name": name, "context": {"cluster": "test", "user": name, "namespace": namespace}},
            ],
            "current-context": name,
        }
        path = self.folder / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, indent=1))
        return path


def _certificate_of(user: Identity) -> dict[str, str]:
    return {
        "client-certificate-data": base64.b64encode(user.certificate).decode(),
        "client-key-data": base64.b64encode(user.key).decode(),
    }
