"""Helm for the chart's tests and `make verify`: found in the cache or on `PATH`, else built from Go source.

Run it to build (`python3 -m tools.helm.build`); it prints the path. Standard library only.
The cache comes first: rendered manifests are committed, and should not depend on who rendered them.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.gobuild import BuildError, GoModule, executable, has_go, on_path

MODULE = GoModule(
    folder=Path(__file__).resolve().parent,
    packages={"helm": "helm.sh/helm/v4/cmd/helm"},
    version_of="helm.sh/helm/v4",
    version_in="helm.sh/helm/v4/internal/version.version",
    estimate="1 to 3 minutes",
)


def find(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return helm's path, or None."""
    cache = MODULE.cache_if_known(environ)
    return (executable(cache / "helm") if cache else None) or on_path("helm", environ)


def ensure(environ: Mapping[str, str] = os.environ) -> Path:
    """Return helm's path, after building it where it is missing; raise BuildError with the reason."""
    if found := find(environ):
        return found
    if not has_go(environ):
        raise BuildError("no Go compiler and no helm on PATH")
    return MODULE.ensure_built(environ) / "helm"


def main() -> int:
    try:
        print(ensure())
    except BuildError as error:
        print(f"helm: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
