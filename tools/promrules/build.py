"""Prometheus' own evaluation of rules and queries (`main.go`) for the chart's tests, built from Go source.

Run it to build (`python3 -m tools.promrules.build`); it prints the path. Standard library only.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.gobuild import GoModule, GoProgram

MODULE = GoModule(
    folder=Path(__file__).resolve().parent,
    packages={"promrules": "."},
    version_of="github.com/prometheus/prometheus",
    version_in="main.version",
    estimate="1 to 3 minutes",
)
PROMRULES = GoProgram(module=MODULE, name="promrules")
find, ensure = PROMRULES.find, PROMRULES.ensure


def evaluate(program: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Run it on one request (its form: `main.go`); raise AssertionError with what it complains of."""
    done = subprocess.run(
        [str(program)], input=json.dumps(request), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr.strip())
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    raise SystemExit(PROMRULES.main())
