"""Where tests of real pods run: on kind where Docker runs, else on a node of this machine's own.

`VAULTBIND_PODS_ON=kind` or `local` decides where both would do. Run it to prepare all that takes minutes
(`python -m tools.podcluster`).
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.gobuild import BuildError
from tools.helm.build import ensure as ensure_helm
from tools.kindcluster import KindCluster
from tools.kindcluster import build as kind
from tools.kindcluster.images import build_images
from tools.localcluster import LocalCluster
from tools.localcluster import build as local
from tools.localcluster.images import ensure_images
from tools.testbin.build import ensure as ensure_binaries

CHOICE = "VAULTBIND_PODS_ON"


class PodCluster(Protocol):
    """A cluster with a kubelet, and our images on its node."""

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator."""

    def kubectl(
        self, *arguments: str, input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator. Raises ClusterError."""

    def stored(self) -> Iterator[bytes]:
        """All that etcd holds, value by value."""

    def logs(self) -> str:
        """For the report of a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One of the two; `why_not` gives the reason or an empty text, `lacks` what has to be built first."""

    name: str
    why_not: Callable[[], str]
    lacks: Callable[[], str]
    prepare: Callable[[], object]
    start: Callable[[Path], contextlib.AbstractContextManager[PodCluster]]


def choose(environ: Mapping[str, str] = os.environ) -> Place:
    """The place that is asked for, else the first that can be had, else the last, which tells why not.

    Raises BuildError for one that does not exist.
    """
    asked = environ.get(CHOICE)
    if asked:
        if asked not in PLACES:
            raise BuildError(f"{CHOICE} is {' or '.join(PLACES)}, not {asked}")
        return PLACES[asked]
    return next((place for place in PLACES.values() if not place.why_not()), PLACES["local"])


def why_not(environ: Mapping[str, str] = os.environ) -> str:
    """Why tests of pods cannot run now, or an empty text."""
    try:
        place = choose(environ)
    except BuildError as error:
        return str(error)
    return place.why_not() or place.lacks()


@contextlib.contextmanager
def _start_kind(folder: Path) -> Iterator[PodCluster]:
    images = build_images()
    with KindCluster.start(kind.KIND.ensure(), ensure_binaries().kubectl, folder, images=images) as cluster:
        yield cluster


@contextlib.contextmanager
def _start_local(folder: Path) -> Iterator[PodCluster]:
    parts = local.ensure()
    with LocalCluster.start(parts, folder, images=ensure_images(parts)) as cluster:
        yield cluster


def _lacks_local() -> str:
    return "" if local.is_built() else "not built: `make e2e` does it (15 minutes once)"


PLACES = {
    "kind": Place(
        name="kind",
        why_not=kind.why_not,
        lacks=lambda: "" if kind.KIND.find() else "not built: `make e2e` does it",
        prepare=lambda: (kind.KIND.ensure(), local.PROGRAMS.ensure_built(), ensure_binaries(), ensure_helm()),
        start=_start_kind,
    ),
    "local": Place(
        name="local",
        why_not=local.why_not,
        lacks=_lacks_local,
        prepare=local.ensure,
        start=_start_local,
    ),
}


def main() -> int:
    try:
        place = choose()
        if reason := place.why_not():
            raise BuildError(reason)
        place.prepare()
    except BuildError as error:
        print(f"pods: {error}", file=sys.stderr)
        return 1
    print(f"pods run on: {place.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
