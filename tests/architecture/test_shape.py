"""The form of the code: sizes, names, exceptions from the rules."""

import ast
import re

from tests.architecture.sources import functions, listing, modules

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
ALLOWED_LONG: dict[str, str] = {}
"""`path` or `path::function` that may be longer, with the reason."""
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
ALLOWED_VAGUE = {
    "vaultbind.keyvault.types.common": "what secrets, keys and certificates share (design, section 3)"
}
NARROWED = re.compile(r'parametrize\([^)]*"real"|def real\(|\bstart_sandbox\(')
"""How a flow could leave one of the two API servers out without a word."""
MAY_NARROW = {
    "tests/flow/conftest.py": "does it by the marks, which have a reason",
    "tests/flow/world_cluster.py": "starts it",
    "tests/flow/test_cryptojob_guide.py": "on the real one: kubectl is for that",
    "tests/flow/test_cryptojob_kill.py": "on the real one: a process takes seconds to start",
    "tests/flow/test_world.py": "the check that it tests is one of the embedded API's counts",
}
NO_COVER = re.compile(r"#\s*pragma:\s*no cover")
NOQA = re.compile(r"#\s*noqa(?::\s*[A-Z0-9, ]+)?(?P<rest>.*)$", re.MULTILINE)


def test_files_are_short() -> None:
    found = {
        module.path: lines
        for module in modules("operator", "tools", "bench")
        if (lines := module.text.count("\n")) > MAX_FILE_LINES and module.path not in ALLOWED_LONG
    }
    assert not found, listing(found)


def test_functions_are_short() -> None:
    found = {
        f"{module.path}::{function.name}": lines
        for module in modules("operator", "tools", "bench")
        for function in functions(module)
        if (lines := _length(function)) > MAX_FUNCTION_LINES
        and f"{module.path}::{function.name}" not in ALLOWED_LONG
    }
    assert not found, listing(found)


def test_exceptions_for_length_are_still_needed() -> None:
    known = {module.path for module in modules("operator", "tools", "bench")}
    assert {name.split("::")[0] for name in ALLOWED_LONG} <= known


def test_no_module_is_called_by_a_vague_name() -> None:
    found = [
        module.path
        for module in modules("operator", "tools", "bench")
        if VAGUE_NAMES & set(module.name.split(".")) and module.name not in ALLOWED_VAGUE
    ]
    assert not found, listing(found)


def test_nothing_is_hidden_from_coverage_but_entry_points() -> None:
    found = [
        f"{module.path}:{number}"
        for module in modules("operator")
        for number, line in enumerate(module.text.splitlines(), 1)
        if NO_COVER.search(line) and "__main__" not in line and "TYPE_CHECKING" not in line
    ]
    assert not found, listing(found)


def test_every_noqa_says_why() -> None:
    found = [
        f"{module.path}: {match[0]}"
        for module in modules("operator", "tools", "bench")
        for match in NOQA.finditer(module.text)
        if len(match["rest"].strip(" -:#")) < 5
    ]
    assert not found, listing(found)


def test_flows_leave_an_api_server_out_by_a_mark_that_says_why() -> None:
    """The mark is `sandbox_only(reason)`; tests/flow/conftest.py refuses one without its reason."""
    narrowed = {module.path for module in modules("tests/flow") if NARROWED.search(module.text)}
    assert narrowed == MAY_NARROW.keys(), listing(narrowed ^ MAY_NARROW.keys())


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without its docstring."""
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length
