"""The SBOM that `make dist` puts beside wheel and source distribution."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from packaging.utils import canonicalize_name

from tools.gen_chart import ROOT

LOCK = ROOT / "requirements.lock"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\\\]+)", re.MULTILINE)


def test_it_lists_every_package_of_the_lock_and_no_other(tmp_path: Path) -> None:
    """Made by the command of the Makefile, so that what a release publishes is what is looked at here."""
    target = tmp_path / "sbom.json"
    (line,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if "cyclonedx-py" in line]
    command = line.strip().lstrip("@").replace("$(BIN)", str(Path(sys.executable).parent))
    arguments = [str(target) if part.startswith("dist/") else part for part in shlex.split(command)]
    assert str(target) in arguments
    subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True)
    sbom = json.loads(target.read_text())
    assert sbom["bomFormat"] == "CycloneDX"
    pins = {(canonicalize_name(name), version) for name, version in PIN.findall(LOCK.read_text())}
    assert len(pins) > 30
    assert {(canonicalize_name(item["name"]), item["version"]) for item in sbom["components"]} == pins
