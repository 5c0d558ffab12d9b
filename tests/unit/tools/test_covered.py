"""The gate of `make coverage`: what counts as pure, and what is too little."""

from typing import Any

import pytest

from tools.covered import LIBRARY, Module, find_problems, is_pure, parse_report, percent_of_branches

SOURCES = [
    ("functions", "import re\ndef f(): ...", True),
    ("coroutines", "async def f(): ...", False),
    ("a coroutine within", "class A:\n    async def f(self): ...", False),
    ("files", "from pathlib import Path", False),
    ("a module of it", "import os.path", False),
    ("types only", "from collections.abc import Awaitable", True),
    ("something that only sounds so", "import pathlike", True),
]


@pytest.mark.parametrize(("source", "pure"), [row[1:] for row in SOURCES], ids=[row[0] for row in SOURCES])
def test_pure_is_what_neither_waits_nor_does_io(source: str, pure: bool) -> None:
    assert is_pure(source) is pure


def module(*missing: str, pure: bool = True, covered: int = 100, branches: int = 100) -> Module:
    return Module(path="a.py", branches=branches, covered_branches=covered, missing=missing, is_pure=pure)


CASES: list[tuple[str, list[Module], int]] = [
    ("all is covered", [module(), module(pure=False)], 0),
    ("a line of a pure module is missing", [module("7")], 1),
    ("a line of another is missing", [module("7", pure=False, covered=95)], 0),
    ("too few branches of all", [module("7", pure=False, covered=94)], 1),
    ("nothing was measured", [], 1),
]


@pytest.mark.parametrize(("modules", "problems"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_what_is_too_little(modules: list[Module], problems: int) -> None:
    assert len(find_problems(modules)) == problems


def test_the_report_is_read_of_the_library_only() -> None:
    file: dict[str, Any] = {
        "summary": {"num_branches": 4, "covered_branches": 3},
        "missing_lines": [7],
        "missing_branches": [[6, 7]],
    }
    path = f"{LIBRARY}errors.py"
    (found,) = parse_report({"files": {path: file, "operator/vaultbind/settings.py": file}})

    assert (found.path, found.missing, found.is_pure) == ("errors.py", ("7", "6->7"), True)
    assert percent_of_branches([found]) == 75
