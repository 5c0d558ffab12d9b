"""Every await of a package as a place where a test can stop the world, found by walking the syntax tree.

The functions that are loaded get new code, in which each `await x` asks a gate before and after. So nothing
has to be imported anew, and a new await is a new point without anybody listing it.
"""

import ast
import asyncio
import importlib
import inspect
import pkgutil
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypeVar

T = TypeVar("T")
GATE = "__gate_of_awaits__"


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One await: module, line, and which one of the line."""

    module: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.module.rpartition('.')[2]}:{self.line}"


class _Finder(ast.NodeTransformer):
    """Puts the gate around each await and notes where."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.points: list[Point] = []

    def visit_Await(self, node: ast.Await) -> ast.AST:
        self.generic_visit(node)
        point = Point(self.module, node.lineno, node.col_offset)
        self.points.append(point)
        name = f"{point.line}.{point.column}"
        call = ast.Call(ast.Name(GATE, ast.Load()), [ast.Constant(name), node.value], [])
        return ast.copy_location(ast.Await(call), node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        raise NotImplementedError(f"{self.module}:{node.lineno}: teach this finder `async for`")

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        """A timeout suspends neither where it begins nor where it ends; what is inside does."""
        if all(ast.unparse(item.context_expr).startswith("asyncio.timeout(") for item in node.items):
            return self.generic_visit(node)
        raise NotImplementedError(f"{self.module}:{node.lineno}: teach this finder `async with`")


def modules_of(package: str) -> Iterator[ModuleType]:
    """All modules of a package."""
    root = importlib.import_module(package)
    for found in pkgutil.iter_modules(root.__path__):
        yield importlib.import_module(f"{package}.{found.name}")


@cache
def _transform(module: ModuleType) -> tuple[list[Point], CodeType]:
    finder = _Finder(module.__name__)
    tree = ast.fix_missing_locations(finder.visit(ast.parse(inspect.getsource(module))))
    return finder.points, compile(tree, str(module.__file__), "exec")


def find_points(package: str) -> list[Point]:
    """Every await of a package."""
    return sorted(point for module in modules_of(package) for point in _transform(module)[0])


@dataclass(slots=True)
class Gate:
    """Holds whoever comes to one point for ever; `sprung` tells that somebody has."""

    point: Point | None = None
    moment: str = ""
    sprung: threading.Event = field(default_factory=threading.Event)

    def set(self, point: Point, moment: str) -> None:
        self.point, self.moment = point, moment
        self.sprung = threading.Event()

    async def hold(self, module: str, place: str, moment: str) -> None:
        point = self.point
        if point is None or self.sprung.is_set():
            return
        if (point.module, f"{point.line}.{point.column}", self.moment) == (module, place, moment):
            self.sprung.set()
            await asyncio.Event().wait()

    def around(self, module: str) -> Callable[[str, Awaitable[T]], Awaitable[T]]:
        async def pass_through(place: str, awaitable: Awaitable[T]) -> T:
            try:
                await self.hold(module, place, "before")
            except BaseException:
                if isinstance(awaitable, asyncio.Future):
                    awaitable.cancel()
                elif inspect.iscoroutine(awaitable):
                    awaitable.close()
                raise
            result = await awaitable
            await self.hold(module, place, "after")
            return result

        return pass_through


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _function(module: ModuleType, qualname: str) -> FunctionType | None:
    found: Any = module
    for part in qualname.split("."):
        found = inspect.getattr_static(found, part, None)
    return found if isinstance(found, FunctionType) else None


@contextmanager
def gated(package: str, gate: Gate | None = None) -> Iterator[Gate]:
    """Let every await of the package pass the gate."""
    gate = gate or Gate()
    before: list[tuple[FunctionType, CodeType]] = []
    for module in modules_of(package):
        points, code = _transform(module)
        if not points:
            continue
        setattr(module, GATE, gate.around(module.__name__))
        for new in _codes(code):
            function = _function(module, new.co_qualname)
            if function is not None:
                before.append((function, function.__code__))
                function.__code__ = new
    try:
        yield gate
    finally:
        for function, code in before:
            function.__code__ = code
        for module in modules_of(package):
            vars(module).pop(GATE, None)
