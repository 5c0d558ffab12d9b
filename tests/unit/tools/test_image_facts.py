"""What is asked of an image, on folders and on a machine that are none."""

import ast
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import image_facts
from tools.image_facts import collect, find_faults, measure

GOOD: dict[str, Any] = {
    "megabytes": 78.0,
    "user": 65532,
    "installers": [],
    "compilers": [],
    "program": "/opt/vaultbind/bin/vaultbind",
    "writable": [],
}


def test_an_image_as_it_must_be_has_no_fault() -> None:
    assert find_faults(GOOD) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"megabytes": 120.0}, "120.0 MB"),
        ({"megabytes": 0.0}, "0.0 MB"),
        ({"user": 0}, "runs as user 0"),
        ({"installers": ["pip"]}, "can install by ['pip']"),
        ({"compilers": ["gcc"]}, "can compile by ['gcc']"),
        ({"program": ""}, "has no vaultbind"),
        ({"writable": ["/usr"]}, "may write to ['/usr']"),
    ],
)
def test_each_fault_is_told(changed: dict[str, Any], told: str) -> None:
    (found,) = find_faults({**GOOD, **changed})
    assert told in found


def test_files_are_measured_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(bytes(3_000_000))
    os.link(tmp_path / "a" / "one", tmp_path / "two")
    (tmp_path / "three").symlink_to("two")
    assert 3.0 <= measure(tmp_path) < 3.1


def test_this_machine_could_install_and_its_user_write(tmp_path: Path) -> None:
    """The tests' own environment has pip: what looks for it finds it."""
    facts = collect(tmp_path)
    assert "pip" in facts["installers"]
    assert str(tmp_path) in facts["writable"]
    assert facts["user"] == os.geteuid()


def test_it_runs_where_nothing_of_ours_is() -> None:
    tree = ast.parse(Path(image_facts.__file__).read_text())
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
