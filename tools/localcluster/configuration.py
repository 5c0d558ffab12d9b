"""What the node's programs are told: addresses, and configuration files as text (pure)."""

import ipaddress
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

NODE_NAME: Final = "node1"
HOST: Final = "198.18.77.1"
"""The machine's end of the wire to the node; the API server listens there. Networks of RFC 2544: nobody's."""
NODE: Final = "198.18.77.2"
PREFIX: Final = 30
PODS: Final = "198.19.77.0/24"
SERVICES: Final = "10.96.0.0/24"
"""Inside the node only."""
DOMAIN: Final = "cluster.local"
SOCKET: Final = "/run/containerd.sock"
PAUSE: Final = "localhost/pause:local"

SYSCTLS: Final = {"vm/overcommit_memory": "1", "kernel/panic": "10", "kernel/panic_on_oops": "1"}
"""What the kubelet wants of the kernel: it sees these values, and the machine keeps its own."""

INIT: Final = r"""set -e
folder=$1
mount --make-rshared /
hostname "$2"
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/log
for name in kubelet cni; do mount --bind "$folder/$name" "/var/lib/$name"; done
printf '127.0.0.1 localhost\n%s %s\n' "$3" "$2" > /run/hosts
mount --bind /run/hosts /etc/hosts
mkdir /run/sysctl
shift 3
pause=$1
shift
for pair in "$@"; do
  file=/run/sysctl/$(basename "${pair%=*}")
  echo "${pair#*=}" > "$file"
  mount --bind "$file" "/proc/sys/${pair%=*}"
done
exec "$pause"
"""
"""First steps in the node's namespaces: folder, name, address, pause, and sysctls follow as arguments."""


def find_clash(routes: Iterable[str]) -> str:
    """The first of the machine's own networks that the cluster would take, or an empty text."""
    ours = [ipaddress.ip_network(f"{HOST}/{PREFIX}", strict=False), ipaddress.ip_network(PODS)]
    for route in routes:
        if route != "default" and any(ipaddress.ip_network(route).overlaps(net) for net in ours):
            return route
    return ""


def render_containerd(folder: Path, runtime: Path, runc: Path) -> str:
    """Configuration of containerd: everything below `folder`, nothing of it in the machine's own places."""
    return f"""version = 3
root = "{folder}/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "{SOCKET}"
[plugins.'io.containerd.internal.v1.opt']
  path = "{folder}/opt"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{PAUSE}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "runc"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{runtime}"]
    conf_dir = "{folder}/net.d"
"""


def render_network() -> str:
    """The pods' network: one bridge."""
    addresses = {
        "type": "host-local",
        "dataDir": "/run/cni-addresses",
        "ranges": [[{"subnet": PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "pods0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": addresses,
    }
    return json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]})


def render_kubelet(pki: Path, cgroup: str) -> str:
    """The kubelet's configuration, as JSON."""
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": NODE,
            "healthzPort": 0,
            "readOnlyPort": 0,
            "tlsCertFile": f"{pki}/kubelet.crt",
            "tlsPrivateKeyFile": f"{pki}/kubelet.key",
            "authentication": {
                "x509": {"clientCAFile": f"{pki}/ca.crt"},
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
            },
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "enforceNodeAllocatable": [],
            "makeIPTablesUtilChains": False,
            "oomScoreAdj": 0,
            "resolvConf": "",
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {"memory.available": "100Mi"},
            "volumePluginDir": "/var/lib/kubelet/volumeplugins",
            "shutdownGracePeriod": "0s",
            "syncFrequency": "5s",  # a changed Secret is in its volume after seconds, not a minute
            "clusterDNS": [NODE],
            "clusterDomain": DOMAIN,
        }
    )


def render_dns(kubeconfig: Path) -> str:
    """CoreDNS's configuration: Services, and no other name."""
    return f".:53 {{\n  errors\n  kubernetes {DOMAIN} {{\n    kubeconfig {kubeconfig}\n  }}\n}}\n"


def render_apiserver_flags(pki: Path) -> list[str]:
    """What the API server of a cluster with a node is told beside the rest."""
    return [
        f"--advertise-address={HOST}",
        "--authorization-mode=Node",  # and RBAC, which is asked for already
        "--enable-admission-plugins=NodeRestriction",
        "--endpoint-reconciler-type=lease",
        "--enable-aggregator-routing=true",  # it calls webhooks by their pods' addresses
        f"--service-cluster-ip-range={SERVICES}",
        f"--kubelet-client-certificate={pki}/admin.crt",
        f"--kubelet-client-key={pki}/admin.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
    ]
