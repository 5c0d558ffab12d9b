"""Prometheus' own evaluation of rules and queries (`main.go`) for the chart's tests, built from Go source.

Run it to build (`python3 -m tools.promrules.build`); it prints the path. Standard library only.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.gobuild import BuildError, GoModule, executable, has_go

MODULE = GoModule(
    folder=Path(__file__).resolve().parent,
    packages={"promrules": "."},
    version_of="github.com/prometheus/prometheus",
    version_in="main.version",
    estimate="1 to 3 minutes",
)


def find(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the program's path, or None."""
    cache = MODULE.cache_if_known(environ)
    return executable(cache / "promrules") if cache else None


def ensure(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the program's path, after building it where it is missing; raise BuildError with the reason."""
    if found := find(environ):
        return found
    if not has_go(environ):
        raise BuildError("no Go compiler on PATH")
    return MODULE.ensure_built(environ) / "promrules"


def evaluate(program: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run it on one request (its form: `main.go`); raise AssertionError with what it complains of."""
    done = subprocess.run(
        [str(program)], input=json.dumps(request), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr.strip())
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> int:
    try:
        print(ensure())
    except BuildError as error:
        print(f"promrules: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
