"""What the tests of this folder look at: our own Python files and whatever git knows."""

import ast
import functools
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One Python file of ours, parsed."""

    path: str
    name: str
    text: str
    tree: ast.Module

    def imports(self) -> frozenset[str]:
        """Every module that it imports anywhere, also inside functions, as a dotted name."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        return frozenset(found)

    def is_below(self, *packages: str) -> bool:
        return any(self.name == package or self.name.startswith(f"{package}.") for package in packages)


@functools.cache
def modules(*folders: str) -> tuple[Module, ...]:
    return tuple(_parse(path) for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))


@functools.cache
def tracked_files() -> tuple[str, ...]:
    """Paths of all files that are committed or about to be (not ignored)."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(path for path in done.stdout.split("\0") if path and (ROOT / path).is_file())


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def listing(found: Iterable[object] | Mapping[str, object]) -> str:
    """One line for each thing found, for the report of a failure."""
    rows = [f"{key}: {value}" for key, value in found.items()] if isinstance(found, Mapping) else found
    return "\n".join(["", *map(str, rows)])


def _parse(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    relative = path.relative_to(ROOT).as_posix()
    dotted = (
        relative.removeprefix("operator/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    )
    return Module(path=relative, name=dotted, text=text, tree=ast.parse(text))
