"""Everything that a node of one's own needs: programs from Go source, runc, a root filesystem with Python.

Run it to prepare all (`python -m tools.localcluster.build`); it prints where. All of it is kept in the cache.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.gobuild import BuildError, GoModule, on_path
from tools.helm.build import ensure as ensure_helm
from tools.testbin.build import MODULE, Binaries
from tools.testbin.build import ensure as ensure_binaries

HERE = Path(__file__).resolve().parent
SUITE = "bookworm"
NODE = GoModule(
    folder=HERE / "node",
    packages={name: f"k8s.io/kubernetes/cmd/{name}" for name in ("kubelet", "kube-scheduler", "kube-proxy")},
    version_of="k8s.io/kubernetes",
    version_in="k8s.io/component-base/version.gitVersion",
    estimate="5 to 8 minutes",
)
CONTAINERD = "github.com/containerd/containerd/v2"
PLUGINS = "github.com/containernetworking/plugins/plugins"
RUNTIME = GoModule(
    folder=HERE / "runtime",
    packages={
        "containerd": f"{CONTAINERD}/cmd/containerd",
        "containerd-shim-runc-v2": f"{CONTAINERD}/cmd/containerd-shim-runc-v2",
        "ctr": f"{CONTAINERD}/cmd/ctr",
        "bridge": f"{PLUGINS}/main/bridge",
        "loopback": f"{PLUGINS}/main/loopback",
        "host-local": f"{PLUGINS}/ipam/host-local",
    },
    version_of=CONTAINERD,
    version_in=f"{CONTAINERD}/version.Version",
    estimate="1 to 3 minutes",
    tags=("no_btrfs", "no_devmapper", "no_zfs", "no_systemd", "no_aufs"),
)
PROGRAMS = GoModule(
    folder=HERE / "programs",
    packages={name: f"./{name}" for name in ("dns", "pause", "probe")},
    version_of="github.com/coredns/coredns",
    version_in="github.com/coredns/coredns/coremain.GitCommit",
    estimate="2 minutes",
)
TOOLS = ("buildah", "debootstrap", "ip", "iptables", "mount", "nsenter", "unshare")
"""Programs of the machine itself that are needed besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Where everything is: folders of programs, runc, a root filesystem that images are based on."""

    binaries: Binaries
    helm: Path
    node: Path
    runtime: Path
    programs: Path
    runc: Path
    rootfs: Path


def why_not() -> str:
    """Why this machine cannot have a node of its own, or an empty text."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a kubelet of one's own needs Linux and root"
    missing = [name for name in TOOLS if shutil.which(name) is None]
    return f"not on PATH: {', '.join(missing)}" if missing else ""


def is_built() -> bool:
    """Whether everything that takes minutes is in the cache."""
    folders = [module.cache_if_known() for module in (MODULE, NODE, RUNTIME, PROGRAMS)]
    return all(folder is not None and folder.is_dir() for folder in (*folders, cache("rootfs") / SUITE))


def ensure() -> Parts:
    """Return all parts, after making what is missing. Raises BuildError with the reason."""
    if reason := why_not():
        raise BuildError(reason)
    return Parts(
        binaries=ensure_binaries(),
        helm=ensure_helm(),
        node=NODE.ensure_built(),
        runtime=RUNTIME.ensure_built(),
        programs=PROGRAMS.ensure_built(),
        runc=on_path("runc") or _fetch_runc(cache("runc")),
        rootfs=_make_rootfs(cache("rootfs") / SUITE),
    )


def cache(name: str) -> Path:
    """A folder of the cache; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vaultbind" / name


def _fetch_runc(folder: Path) -> Path:
    """Take runc from Debian's package, installing nothing: building it needs libseccomp's headers."""
    runc = folder / "usr" / "sbin" / "runc"
    if not runc.exists():
        if shutil.which("apt-get") is None:
            raise BuildError("not on PATH: runc, and there is no apt-get to fetch it with")
        with _unfinished(folder) as place:
            run(["apt-get", "download", "runc"], place)
            for package in place.glob("*.deb"):
                run(["dpkg-deb", "-x", str(package), "."], place)
                package.unlink()
    return runc


def _make_rootfs(folder: Path) -> Path:
    """Make a root filesystem with Python, as a base for our image where no registry is."""
    if not folder.exists():
        packages = "--include=python3,python3-venv,ca-certificates"
        print(f"making a root filesystem in {folder} (a minute)", flush=True)
        with _unfinished(folder) as place:
            run(["debootstrap", "--variant=minbase", packages, SUITE, str(place)], Path("/"))
            shutil.rmtree(place / "var" / "cache" / "apt")
            place.chmod(0o755)
    return folder


@contextlib.contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A folder that takes its name only when all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=target.parent, prefix="unfinished-"))
    try:
        yield place
        place.rename(target)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run(command: Sequence[str], folder: Path) -> str:
    """Output of a command. Raises BuildError with its last words."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()[-500:]
        raise BuildError(f"{' '.join(command[:2])} failed with status {done.returncode}: {words}")
    return done.stdout


def main() -> int:
    try:
        parts = ensure()
    except BuildError as error:
        print(f"localcluster: {error}", file=sys.stderr)
        return 1
    print(*(parts.node, parts.runtime, parts.programs, parts.runc, parts.rootfs), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
