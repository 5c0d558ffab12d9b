"""The library's public surface as text: `python -m tests.unit.keyvault.surface` prints what it is now."""

import dataclasses
import inspect
from collections.abc import Iterator
from enum import Enum
from typing import Any

import vaultbind.keyvault as library


def render_surface() -> str:
    """One line per public name, and one per public member below it."""
    return (
        "\n".join(line for name in library.__all__ for line in _describe(name, getattr(library, name))) + "\n"
    )


def _describe(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        yield f"{_kind(value)} {name}"
        yield from (f"    {line}" for line in sorted(_members(value)))
    elif inspect.isfunction(value):
        yield f"def {name}({', '.join(inspect.signature(value).parameters)})"
    else:
        yield f"value {name}"


def _kind(value: type) -> str:
    if issubclass(value, Enum):
        return "enum"
    if issubclass(value, BaseException):
        return "error"
    return "value class" if dataclasses.is_dataclass(value) else "class"


def _members(value: type) -> Iterator[str]:
    if issubclass(value, Enum):
        yield from (f"{member.name} = {member.value!r}" for member in value)
    if dataclasses.is_dataclass(value):
        yield from (item.name for item in dataclasses.fields(value))
    for owner in value.__mro__:
        if not owner.__module__.startswith("vaultbind.keyvault"):
            continue
        for name, member in vars(owner).items():
            if name.startswith("_"):
                continue
            if isinstance(member, property):
                yield f"{name} (property)"
            elif inspect.isfunction(member) or isinstance(member, (staticmethod, classmethod)):
                parameters = [
                    item for item in inspect.signature(getattr(value, name)).parameters if item != "self"
                ]
                yield f"{name}({', '.join(parameters)})"


if __name__ == "__main__":  # pragma: no cover
    print(render_surface(), end="")  # noqa: T201 - its purpose
