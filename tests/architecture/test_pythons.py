"""Which Pythons are promised: the classifiers say it, and everything else that names one agrees."""

import re
import tomllib
from typing import Any

import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.architecture.sources import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = sorted(
    Version(classifier.rpartition(" ")[2])
    for classifier in PROJECT["project"]["classifiers"]
    if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", classifier)
)
OLDEST, NEWEST = PYTHONS[0], PYTHONS[-1]
MAKEFILE = (ROOT / "Makefile").read_text()


def jobs_of(workflow: str) -> Any:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text())["jobs"]


def test_none_is_left_out_between_the_oldest_and_the_newest() -> None:
    assert [str(python) for python in PYTHONS] == [f"3.{n}" for n in range(OLDEST.minor, NEWEST.minor + 1)]
    assert len(PYTHONS) > 1


def test_the_oldest_is_what_installers_types_syntax_and_locks_are_made_for() -> None:
    tools = PROJECT["tool"]
    assert SpecifierSet(PROJECT["project"]["requires-python"]) == SpecifierSet(f">={OLDEST}")
    assert tools["mypy"]["python_version"] == str(OLDEST)
    assert tools["ruff"]["target-version"] == f"py{OLDEST.major}{OLDEST.minor}"
    assert f"--universal --python-version {OLDEST} " in MAKEFILE


def test_make_looks_for_each_of_them_and_takes_no_other() -> None:
    candidates = re.search(r"^CANDIDATES := python3 (.+)$", MAKEFILE, re.MULTILINE)
    assert candidates is not None
    assert candidates[1].split() == [f"python{python}" for python in reversed(PYTHONS)]
    assert f"(3, {OLDEST.minor}) <= sys.version_info[:2] <= (3, {NEWEST.minor})" in MAKEFILE
    assert f"needs Python {OLDEST} to {NEWEST}," in MAKEFILE


def test_each_is_checked_at_every_change_and_tested_every_night_or_at_every_change() -> None:
    at_each_change, nightly = jobs_of("ci"), jobs_of("nightly")
    promised = [str(python) for python in PYTHONS]
    assert at_each_change["check"]["strategy"]["matrix"]["python"] == promised

    tested = [
        step["with"]["python-version"]
        for step in at_each_change["test"]["steps"]
        if "python-version" in step.get("with", {})
    ]
    assert sorted(tested + nightly["tests"]["strategy"]["matrix"]["python"]) == promised


def test_a_job_with_a_matrix_of_pythons_runs_on_that_of_the_row() -> None:
    for workflow in ("ci", "nightly"):
        for name, job in jobs_of(workflow).items():
            if "python" in job.get("strategy", {}).get("matrix", {}):
                chosen = [
                    step["with"]["python-version"]
                    for step in job["steps"]
                    if "setup-python@" in step.get("uses", "")
                ]
                assert chosen == ["${{ matrix.python }}"], f"{workflow}: {name}"


def test_the_image_has_one_of_them() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    base = re.search(r"^ARG BASE=python:(3\.\d+)-slim$", dockerfile, re.MULTILINE)
    assert base is not None
    assert Version(base[1]) in PYTHONS
    assert f"Any base with Python {OLDEST} to {NEWEST} " in dockerfile


def test_readers_are_told_the_same() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "docs/install.md"):
        assert f"Python {OLDEST} to {NEWEST}" in (ROOT / page).read_text(), page
