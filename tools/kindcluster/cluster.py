"""One node in a container of Docker, with our images loaded."""

import base64
import contextlib
import json
import os
import secrets
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tools.realcluster.kubectl import run_kubectl
from tools.realcluster.processes import ClusterError

NODE_IMAGE = "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
"""As the release of kind that go.mod names lists it."""
READY = "150s"
SECONDS = 600.0
PKI = "/etc/kubernetes/pki/etcd"


class Run(Protocol):
    """Runs a command to its end."""

    def __call__(self, command: Sequence[str], environ: Mapping[str, str]) -> str:
        """Its output. Raises ClusterError with its last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCluster:
    """A running cluster. `name` is of this one only: others of the same machine are left alone."""

    kind: Path
    kubectl_path: Path
    folder: Path
    run: Run
    name: str = field(default_factory=lambda: f"vaultbind-{secrets.token_hex(3)}")

    @classmethod
    @contextlib.contextmanager
    def start(
        cls, kind: Path, kubectl: Path, folder: Path, *, images: Sequence[str] = (), run: Run | None = None
    ) -> Iterator["KindCluster"]:
        """Make it, load images that Docker has, wait for the node; delete it at the end.

        Raises ClusterError.
        """
        folder.mkdir(parents=True, exist_ok=True)
        cluster = cls(kind=kind, kubectl_path=kubectl, folder=folder, run=run or run_command)
        try:
            cluster._kind("create", "cluster", "--image", NODE_IMAGE, "--wait", READY)
            for image in images:
                cluster._kind("load", "docker-image", image)
            yield cluster
        finally:
            cluster._kind("delete", "cluster")

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator; the user's own is not touched."""
        return self.folder / "kubeconfig"

    def kubectl(
        self, *arguments: str, input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator. Raises ClusterError with its complaint."""
        return run_kubectl(
            self.kubectl_path, self.kubeconfig, self.folder, arguments, input=input, check=check
        )

    def stored(self) -> Iterator[bytes]:
        """All that etcd holds, value by value."""
        keys = (f"--cacert={PKI}/ca.crt", f"--cert={PKI}/server.crt", f"--key={PKI}/server.key")
        pod = ("-n", "kube-system", "exec", f"etcd-{self.name}-control-plane", "--")
        answer = self.kubectl(*pod, "etcdctl", *keys, "get", "", "--prefix", "--write-out=json").stdout
        yield from (base64.b64decode(item["value"]) for item in json.loads(answer)["kvs"])

    def logs(self) -> str:
        """Last events, for the report of a failure."""
        return self.kubectl("get", "events", "-A", "--sort-by=.lastTimestamp", check=False).stdout[-8000:]

    def _kind(self, *command: str) -> None:
        self.run([str(self.kind), *command, "--name", self.name], {"KUBECONFIG": str(self.kubeconfig)})


def run_command(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Run a command to its end."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{shlex.join(command[:4])}: not done after {SECONDS:g} s") from None
    if done.returncode != 0:
        raise ClusterError(f"{shlex.join(command[:4])}: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout
