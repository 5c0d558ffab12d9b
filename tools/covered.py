"""`make coverage`: what the client library's unit tests cover, and whether that is enough.

Measured is `vaultbind.keyvault`, simulation included. The whole package needs PACKAGE percent of its
branches, a module that neither waits nor does I/O all of its lines and branches.
"""

import argparse
import ast
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = 95.0
"""Percent of branches."""
LIBRARY = "operator/vaultbind/keyvault/"
FOLDERS = ("tests/unit/keyvault", "tests/unit/emulator")
"""The second one is of the simulation behind HTTPS."""
IO = frozenset({"asyncio", "aiohttp", "os", "pathlib", "socket", "ssl"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """Figures of one file; `path` below the library."""

    path: str
    branches: int
    covered_branches: int
    missing: tuple[str, ...]
    is_pure: bool


def is_pure(source: str) -> bool:
    """Tell whether a module neither waits nor imports what does I/O."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AsyncFunctionDef):
            return False
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.partition(".")[0] in IO for name in names):
            return False
    return True


def parse_report(report: Mapping[str, Any]) -> list[Module]:
    """Modules of coverage.py's JSON report."""
    return [
        Module(
            path=path.partition(LIBRARY)[2],
            branches=file["summary"]["num_branches"],
            covered_branches=file["summary"]["covered_branches"],
            missing=(
                *(str(line) for line in file["missing_lines"]),
                *(f"{start}->{end}" for start, end in file["missing_branches"]),
            ),
            is_pure=is_pure((ROOT / path).read_text(encoding="utf-8")),
        )
        for path, file in report["files"].items()
        if LIBRARY in path
    ]


def percent_of_branches(modules: Sequence[Module]) -> float:
    """Covered branches of all; nothing to cover is no success."""
    total = sum(module.branches for module in modules)
    return 100 * sum(module.covered_branches for module in modules) / total if total else 0.0


def find_problems(modules: Sequence[Module]) -> list[str]:
    """What is not enough, one line each."""
    percent = percent_of_branches(modules)
    problems = [f"{percent:.1f} % of branches; {PACKAGE:g} % are asked"] if percent < PACKAGE else []
    return problems + [
        f"{module.path} is pure and needs everything: {', '.join(module.missing)}"
        for module in modules
        if module.is_pure and module.missing
    ]


def measure(arguments: Sequence[str]) -> Mapping[str, Any] | None:
    """Run the tests and return coverage.py's report; None when a test failed."""
    measured = coverage.Coverage(
        config_file=str(ROOT / "pyproject.toml"), source_pkgs=["vaultbind.keyvault"], data_file=None
    )
    measured.start()
    # the same examples each time: what is covered must not be a matter of luck
    status = pytest.main(
        ["-q", "-m", "unit", "--hypothesis-seed=0", *(str(ROOT / folder) for folder in FOLDERS), *arguments]
    )
    measured.stop()
    if status != pytest.ExitCode.OK:
        return None
    folder = ROOT / "build/coverage"
    measured.html_report(directory=str(folder))
    measured.json_report(outfile=str(folder / "library.json"))
    report: Mapping[str, Any] = json.loads((folder / "library.json").read_text(encoding="utf-8"))
    return report


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make coverage", description=__doc__)
    parser.add_argument("--missing", action="store_true", help="list what is missing of every module")
    arguments, rest = parser.parse_known_args(argv)
    report = measure(rest)
    if report is None:
        return 1
    modules = parse_report(report)
    if arguments.missing:
        for module in modules:
            if module.missing:
                print(f"{module.path}{'' if module.is_pure else ' (I/O)'}: {', '.join(module.missing)}")
    pure = sum(module.is_pure for module in modules)
    problems = find_problems(modules)
    for problem in problems:
        print(f"not covered: {problem}")
    print(
        f"vaultbind.keyvault: {percent_of_branches(modules):.1f} % of branches, {len(modules)} modules, "
        f"{pure} of them pure; {len(problems)} problems (build/coverage/index.html)"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
