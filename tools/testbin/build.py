"""Real Kubernetes binaries for tests: found where they are, else built once from Go source into a cache.

Run it to build (`python3 -m tools.testbin.build`); it prints the folder. Standard library only.
`KUBEBUILDER_ASSETS`, then binaries on `PATH`, then the cache are looked at, in that order.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.gobuild import BuildError, GoModule, executable, has_go, on_path

MODULE = GoModule(
    folder=Path(__file__).resolve().parent,
    packages={
        "etcd": "go.etcd.io/etcd/server/v3",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    },
    renames={"server": "etcd"},
    version_of="k8s.io/kubernetes",
    version_in="k8s.io/component-base/version.gitVersion",
    estimate="6 to 10 minutes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """Paths of the binaries; without a controller-manager nothing collects garbage."""

    etcd: Path
    kube_apiserver: Path
    kubectl: Path
    kube_controller_manager: Path | None
    origin: str


def find(environ: Mapping[str, str] = os.environ) -> Binaries | None:
    """Return the binaries of the first place that has an API server and an etcd, or None."""
    places: list[tuple[str, Callable[[str], Path | None]]] = []
    if assets := environ.get("KUBEBUILDER_ASSETS"):
        places.append(("KUBEBUILDER_ASSETS", lambda name: executable(Path(assets) / name)))
    places.append(("PATH", lambda name: on_path(name, environ)))
    if cache := MODULE.cache_if_known(environ):
        places.append(("cache", lambda name: executable(cache / name)))
    for origin, look in places:
        etcd, apiserver = look("etcd"), look("kube-apiserver")
        kubectl = look("kubectl") or on_path("kubectl", environ)
        if etcd and apiserver and kubectl:
            manager = look("kube-controller-manager")
            return Binaries(
                etcd=etcd,
                kube_apiserver=apiserver,
                kubectl=kubectl,
                kube_controller_manager=manager,
                origin=origin,
            )
    return None


def ensure(environ: Mapping[str, str] = os.environ) -> Binaries:
    """Return the binaries, after building them where they are missing; raise BuildError with the reason."""
    if found := find(environ):
        return found
    if not has_go(environ):
        raise BuildError("no Go compiler on PATH, and neither KUBEBUILDER_ASSETS nor PATH has the binaries")
    target = MODULE.ensure_built(environ)
    built = find(environ)
    if built is None:
        raise BuildError(f"the build left no usable binaries in {target}")
    return built


def main() -> int:
    try:
        binaries = ensure()
    except BuildError as error:
        print(f"testbin: {error}", file=sys.stderr)
        return 1
    print(f"{binaries.kube_apiserver.parent} (from {binaries.origin})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
