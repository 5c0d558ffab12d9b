"""Which words a test says, itself or through the helpers that it names: read from source, nothing is run."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache

from tests.unit.api.schema import ROOT

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def words_of(test: str) -> frozenset[str]:
    """String constants and names of arguments in `path::name` and in all that it leads to.

    That is what it calls or names among the functions, methods and constants of its file, and of the files
    of tests that this one imports. By name alone: two helpers of one name count as the nearer one. Raises
    KeyError where there is no such test, OSError where there is no such file.
    """
    path, name = test.split("::")
    if not isinstance(own(path)[name], FUNCTIONS):
        raise KeyError(test)
    known = definitions(path)
    words: set[str] = set()
    seen: set[str] = set()
    waiting = {name}
    while waiting:
        seen |= waiting
        said = [_read(known[name]) for name in waiting]
        words = words.union(*(strings for strings, _ in said))
        waiting = {name for _, names in said for name in names if name in known} - seen
    return frozenset(words)


@cache
def definitions(path: str) -> Mapping[str, ast.stmt]:
    """What a file defines, and before it what those files of flows define that it imports."""
    found: dict[str, ast.stmt] = {}
    for imported in _imported(_parse(path)):
        found |= definitions(imported)
    return {**found, **own(path)}


@cache
def own(path: str) -> Mapping[str, ast.stmt]:
    """Functions, methods and constants that a file defines, by name."""
    found: dict[str, ast.stmt] = {}
    for node in _parse(path).body:
        for member in node.body if isinstance(node, ast.ClassDef) else [node]:
            found |= dict.fromkeys(_names(member), member)
    return found


@cache
def _parse(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def _imported(tree: ast.Module) -> Iterator[str]:
    """Files of flows that a file imports, or imports from."""
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("tests.flow"):
            continue
        stem = str(node.module).replace(".", "/")
        for path in (f"{stem}.py", *(f"{stem}/{alias.name}.py" for alias in node.names)):
            if (ROOT / path).is_file():
                yield path


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, FUNCTIONS):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


@cache
def _read(node: ast.stmt) -> tuple[frozenset[str], frozenset[str]]:
    """Words that a definition says, and names that it uses."""
    words, names = set(), set()
    for inner in ast.walk(node):
        match inner:
            case ast.Constant(value=str(word)) | ast.keyword(arg=str(word)):
                words.add(word)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                names.add(name)
    return frozenset(words), frozenset(names)
