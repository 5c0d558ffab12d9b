"""Real Kubernetes binaries for tests: found where they are, else built once from Go source into a cache.

Run it to build (`python3 tools/testbin/build.py`); it prints the folder. Standard library only.
`KUBEBUILDER_ASSETS`, then binaries on `PATH`, then the cache are looked at, in that order.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
"""Binary and the package that it is built from; each has a `tool` line in go.mod."""
REPORT_SECONDS = 15.0


class BuildError(Exception):
    """The binaries are not there and cannot be built; the message says why in one line."""


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
        places.append(("KUBEBUILDER_ASSETS", lambda name: _executable(Path(assets) / name)))
    places.append(("PATH", lambda name: _which(name, environ)))
    if cache := _cache_if_known(environ):
        places.append(("cache", lambda name: _executable(cache / name)))
    for origin, look in places:
        etcd, apiserver = look("etcd"), look("kube-apiserver")
        kubectl = look("kubectl") or _which("kubectl", environ)
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
    if shutil.which("go", path=environ.get("PATH")) is None:
        raise BuildError("no Go compiler on PATH, and neither KUBEBUILDER_ASSETS nor PATH has the binaries")
    target = cache_folder(environ)
    with _lock(target.parent / ".lock"):
        if not _executable(target / "kube-apiserver"):
            _build(target)
    built = find(environ)
    if built is None:
        raise BuildError(f"the build left no usable binaries in {target}")
    return built


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Folder for exactly these module files and this compiler."""
    base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256()
    for part in (HERE / "go.mod", HERE / "go.sum"):
        digest.update(part.read_bytes())
    digest.update(_go("env", "GOVERSION").encode())
    return base / "vaultbind" / "testbin" / digest.hexdigest()[:16] / "bin"


def _cache_if_known(environ: Mapping[str, str]) -> Path | None:
    return cache_folder(environ) if shutil.which("go", path=environ.get("PATH")) else None


def _build(target: Path) -> None:
    started = time.monotonic()
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion={_kubernetes_version()}"
    print(f"building {', '.join(PACKAGES)} into {target} (6 to 10 minutes the first time)", flush=True)
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix="unfinished-"))
    try:
        options = ["-v", "-trimpath", "-ldflags", flags, "-o", f"{folder}/"]
        _follow(["go", "build", *options, *PACKAGES.values()], total=_package_count(), started=started)
        (folder / "server").rename(folder / "etcd")  # a binary is called after its package's folder
        folder.chmod(0o755)
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"built in {time.monotonic() - started:.0f} s", flush=True)


def _follow(command: list[str], *, total: int, started: float) -> None:
    """Run a `go build -v`, which names each package as it is compiled, and say how far it is."""
    process = subprocess.Popen(
        command, cwd=HERE, env=_go_environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    said = started
    for line in process.stdout or ():
        lines.append(line.rstrip())
        if time.monotonic() - said >= REPORT_SECONDS:
            said = time.monotonic()
            print(f"  {said - started:4.0f} s  {len(lines)} of at most {total} packages", flush=True)
    if process.wait() != 0:
        raise BuildError("go build failed: " + " | ".join(lines[-5:]))


def _package_count() -> int:
    return len(_go("list", "-deps", *PACKAGES.values()).splitlines())


def _kubernetes_version() -> str:
    match = re.search(r"k8s\.io/kubernetes (v[0-9.]+)", (HERE / "go.mod").read_text())
    if match is None:
        raise BuildError("go.mod names no k8s.io/kubernetes")
    return match.group(1)


def _go(*arguments: str) -> str:
    done = subprocess.run(
        ["go", *arguments], cwd=HERE, env=_go_environ(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildError(f"go {arguments[0]}: {done.stderr.strip()[-500:]}")
    return done.stdout


def _go_environ() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}


def _executable(path: Path) -> Path | None:
    return path if os.access(path, os.X_OK) else None


def _which(name: str, environ: Mapping[str, str]) -> Path | None:
    found = shutil.which(name, path=environ.get("PATH"))
    return Path(found) if found else None


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one process build, others wait for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


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
