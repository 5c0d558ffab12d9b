"""A cluster of one node: the API server and controllers of realcluster, a scheduler, a node."""

import contextlib
import fcntl
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.localcluster.build import Parts, cache
from tools.localcluster.cgroups import subtree
from tools.localcluster.configuration import HOST, NODE, NODE_NAME, render_apiserver_flags
from tools.localcluster.node import Node, node
from tools.realcluster import RealCluster
from tools.realcluster.processes import wait_until

CGROUP = "vaultbind-localcluster"
NODE_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCluster:
    """A running cluster; `api` is what tests on a mere API server have, too."""

    api: RealCluster
    node: Node

    @classmethod
    @contextlib.contextmanager
    def start(cls, parts: Parts, folder: Path, *, images: Sequence[Path] = ()) -> Iterator["LocalCluster"]:
        """Start all, load `images`, wait for the node; stop all at the end. Logs stay in `folder`.

        One at a time on a machine: another one waits here. Raises ClusterError.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(_alone())
            stack.enter_context(subtree(CGROUP))
            machine = stack.enter_context(node(parts, folder / "node"))
            api = RealCluster(parts.binaries, folder / "api", host=HOST)
            stack.callback(api.close)
            found = cls(api=api, node=machine)
            found.start_control_plane()
            machine.start_runtime()
            for image in images:
                machine.load_image(image)
            found.start_node()
            yield found

    def start_control_plane(self) -> None:
        """Start etcd, the API server, all controllers, the scheduler."""
        self.api.start_etcd()
        self.api.start_apiserver(render_apiserver_flags(self.api.pki.folder))
        self.api.start_controllers(["*"])
        scheduler = self.node.parts.node / "kube-scheduler"
        flags = (f"--kubeconfig={self.api.kubeconfig}", "--leader-elect=false", "--secure-port=0")
        self.api.start_server("kube-scheduler", [scheduler, *flags])

    def start_node(self) -> None:
        """Start kubelet, kube-proxy and DNS, and wait until the node is ready."""
        pki = self.api.pki
        pki.write_server("kubelet", NODE_NAME, [NODE])
        user = pki.issue_client(f"system:node:{NODE_NAME}", "system:nodes")
        kubeconfig = self.api.write_kubeconfig(NODE_NAME, user)
        self.node.start_services(self.api.kubeconfig)
        self.node.start_kubelet(pki.folder, kubeconfig, CGROUP)
        wait_until(self._is_ready, self.node.servers["kubelet"], seconds=NODE_SECONDS)

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator."""
        return self.api.kubeconfig

    def kubectl(
        self, *arguments: str, input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator. Raises ClusterError with its complaint."""
        return self.api.kubectl(*arguments, input=input, check=check)

    def stored(self) -> Iterator[bytes]:
        """All that etcd holds, value by value."""
        return self.api.stored()

    def logs(self) -> str:
        """Last lines of each log, for the report of a failure."""
        return f"{self.api.logs()}\n{self.node.logs()}"

    def _is_ready(self) -> bool:
        answer = self.api.call("GET", f"/api/v1/nodes/{NODE_NAME}")
        if answer.status != 200:
            return False
        conditions: list[dict[str, Any]] = answer.body["status"].get("conditions", [])
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Names of interfaces and cgroups are the machine's: one cluster at a time."""
    path = cache("localcluster.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another local cluster runs on this machine: waiting for its end", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
