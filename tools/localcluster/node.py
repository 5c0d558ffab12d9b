"""The node: namespaces of its own, in which containerd, kubelet, kube-proxy and DNS run; one end for all."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.localcluster.build import Parts
from tools.localcluster.configuration import (
    HOST,
    INIT,
    NODE,
    NODE_NAME,
    PODS,
    PREFIX,
    SOCKET,
    SYSCTLS,
    find_clash,
    render_containerd,
    render_dns,
    render_kubelet,
    render_network,
)
from tools.realcluster.processes import ClusterError, Reaper, Server, start, wait_until

WIRE = ("vaultbind0", "vaultbind1")
"""Interfaces of the wire between machine and node."""
PLACES = ("kubelet", "cni")
"""Folders of /var/lib that the node sees as its own."""
INIT_SECONDS = 60.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(slots=True, kw_only=True)
class Node:
    """A node that runs; its programs write logs below `folder`."""

    parts: Parts
    folder: Path
    init: int
    """Process id of the first process of its namespaces."""
    servers: dict[str, Server] = field(default_factory=dict)

    def start(self, name: str, *command: str | Path) -> Server:
        """Start a program in the node's namespaces; it ends with the node."""
        whole = [*self._enter(), "env", f"PATH={self.parts.runtime}:{PATH}", *command]
        server = start(name, whole, log_folder=self.folder / "log", folder=self.folder)
        self.servers[name] = server
        return server

    def run(self, *command: str | Path, timeout: float = 120.0) -> str:
        """Output of a program in the node's namespaces. Raises ClusterError."""
        whole = [str(part) for part in (*self._enter(), *command)]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode != 0:
            raise ClusterError(f"{command[0]}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def start_runtime(self) -> None:
        """Start containerd and wait until it answers."""
        (self.folder / "net.d").mkdir()
        (self.folder / "net.d" / "10-pods.conflist").write_text(render_network())
        config = self.folder / "containerd.toml"
        config.write_text(render_containerd(self.folder, self.parts.runtime, self.parts.runc))
        server = self.start("containerd", self.parts.runtime / "containerd", "--config", config)
        wait_until(self._has_runtime, server)

    def load_image(self, archive: Path) -> None:
        """Make the images of an archive known to the kubelet. Raises ClusterError."""
        self.run(self.parts.runtime / "ctr", "-a", SOCKET, "-n", "k8s.io", "images", "import", archive)

    def start_kubelet(self, pki: Path, kubeconfig: Path, cgroup: str) -> None:
        """Start the kubelet; the node registers itself."""
        config = self.folder / "kubelet.json"
        config.write_text(render_kubelet(pki, cgroup))
        self.start(
            *("kubelet", self.parts.node / "kubelet"),
            *(f"--config={config}", f"--kubeconfig={kubeconfig}", f"--hostname-override={NODE_NAME}"),
            *(f"--node-ip={NODE}", "--root-dir=/var/lib/kubelet", "--cert-dir=/var/lib/kubelet/pki"),
        )

    def start_services(self, kubeconfig: Path) -> None:
        """Start what makes Services reachable by address and by name."""
        self.start(
            *("kube-proxy", self.parts.node / "kube-proxy", f"--kubeconfig={kubeconfig}"),
            *(f"--hostname-override={NODE_NAME}", "--proxy-mode=iptables", f"--cluster-cidr={PODS}"),
            *("--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0"),
            *("--conntrack-tcp-timeout-close-wait=0", "--healthz-bind-address=127.0.0.1:10256"),
            "--metrics-bind-address=127.0.0.1:10249",
        )
        corefile = self.folder / "Corefile"
        corefile.write_text(render_dns(kubeconfig))
        self.start("dns", self.parts.programs / "dns", "-conf", corefile)

    def logs(self) -> str:
        """Last lines of each log, for the report of a failure."""
        return "\n".join(f"== {name}\n{server.tail()}" for name, server in self.servers.items())

    def _enter(self) -> list[str]:
        return ["nsenter", "--target", str(self.init), "--mount", "--pid", "--net", "--uts", "--"]

    def _has_runtime(self) -> bool:
        with contextlib.suppress(ClusterError):
            self.run(self.parts.runtime / "ctr", "-a", SOCKET, "version")
            return True
        return False


@contextlib.contextmanager
def node(parts: Parts, folder: Path) -> Iterator[Node]:
    """Make the namespaces and the wire; at the end one kill ends everything in them."""
    for name in PLACES:
        (Path("/var/lib") / name).mkdir(exist_ok=True)  # to mount over; stays empty
        (folder / name).mkdir(parents=True)
    reaper = Reaper()
    servers: dict[str, Server] = {}
    outer = _unshare(parts, folder)
    try:
        init = _wait_init(outer)
        reaper.watch([init, outer.process.pid])
        _connect(init)
        yield Node(parts=parts, folder=folder, init=init, servers=servers)
    finally:
        with contextlib.suppress(ClusterError):  # it would go with the node, but some time later
            _ip(("ip", "link", "delete", WIRE[0]))
        outer.stop()  # takes its child along, and with the first process of a namespace all others go
        for server in servers.values():
            server.stop()
        reaper.close()
        for name in PLACES:
            with contextlib.suppress(OSError):  # not empty: somebody else's
                (Path("/var/lib") / name).rmdir()


def _unshare(parts: Parts, folder: Path) -> Server:
    pairs = [f"{name}={value}" for name, value in SYSCTLS.items()]
    arguments = [str(folder), NODE_NAME, NODE, str(parts.programs / "pause"), *pairs]
    command = [
        *("unshare", "--mount", "--pid", "--net", "--uts", "--fork", "--kill-child", "--mount-proc"),
        *("--propagation", "private", "sh", "-c", INIT, "init", *arguments),
    ]
    return start("node", command, log_folder=folder / "log", folder=folder)


def _wait_init(outer: Server) -> int:
    """Process id of `pause` once it has taken the shell's place."""
    children = Path(f"/proc/{outer.process.pid}/task/{outer.process.pid}/children")
    found: list[int] = []

    def is_there() -> bool:
        found[:] = [int(word) for word in children.read_text().split()]
        return bool(found) and Path(f"/proc/{found[0]}/comm").read_text().strip() == "pause"

    wait_until(is_there, outer, seconds=INIT_SECONDS)
    return found[0]


def _connect(init: int) -> None:
    """Lay the wire, and tell the machine that the pods are behind it."""
    here, there = WIRE
    if clash := find_clash(item["dst"] for item in json.loads(_ip(("ip", "-json", "-4", "route")))):
        raise ClusterError(f"this machine has a route to {clash}, and the cluster would take addresses of it")
    inside = ("nsenter", "--target", str(init), "--net", "--")
    for command in (
        ("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", str(init)),
        ("ip", "address", "add", f"{HOST}/{PREFIX}", "dev", here),
        ("ip", "link", "set", here, "up"),
        (*inside, "ip", "address", "add", f"{NODE}/{PREFIX}", "dev", there),
        (*inside, "ip", "link", "set", there, "up"),
        (*inside, "ip", "route", "add", "default", "via", HOST),
        ("ip", "route", "add", PODS, "via", NODE, "dev", here),
    ):
        _ip(command)


def _ip(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
