"""Jinja's sandbox, closed further: no calls, no attributes of objects, arithmetic of numbers only."""

from collections.abc import Mapping
from typing import Any, Final

from jinja2 import StrictUndefined, UndefinedError, pass_context
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from vaultbind.api.conditions import Reason
from vaultbind.rendering.problems import EntryError
from vaultbind.rendering.templates.filters import FILTERS, INTERNAL, TESTS, TemplateContext
from vaultbind.rendering.templates.values import failed, text_of

OPERATORS: Final = frozenset({"+", "-", "*", "/", "//", "%", "**"})
LARGEST: Final = 2**63
"""Numbers that arithmetic makes are smaller."""
LONGEST_NAME: Final = 100
"""Characters of a name that a message tells."""
OF_LOOPS: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"}
)


class MissingError(EntryError, UndefinedError):
    """Raised by Jinja where something that is not there is used."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.TEMPLATE_UNDEFINED, message)


class Missing(StrictUndefined):
    """What is not there. Its message has names of the template in it, never one that was computed."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,  # noqa: ARG002 - Jinja gives hints, which may hold values
        obj: Any = missing,
        name: str | None = None,
        exc: object = None,  # noqa: ARG002 - Jinja's signature
    ) -> None:
        super().__init__(None, obj, name, MissingError)

    @property
    def is_item(self) -> bool:
        """Whether it was looked for in something."""
        return self._undefined_obj is not missing

    @property
    def _undefined_message(self) -> str:
        if self._undefined_obj is not missing:
            return f"there is no {_shown(self._undefined_name)}"
        if self._undefined_name is None:
            return "a first or last item has no neighbour there"
        return f"{self._undefined_name} is not there"


class Sandbox(ImmutableSandboxedEnvironment):
    """The one environment of all templates. It holds nothing of a rendering: that is in the context."""

    intercepted_binops = OPERATORS
    context_class = TemplateContext

    def __init__(self) -> None:
        super().__init__(
            undefined=Missing,
            finalize=_finalize,
            autoescape=False,
            optimized=False,  # constants are not computed ahead: that would be free
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=0,
        )
        self.globals.clear()
        self.filters = {**FILTERS, **INTERNAL}
        self.tests = dict(TESTS)

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002 - Jinja's signature
        """Nothing is: `language` refuses calls already."""
        return False

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Join texts by `+`, else compute with numbers. Raises EntryError."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return context.take_text(left) + context.take_text(right)
        for operand in (left, right):
            if not isinstance(operand, int | float):
                text_of(operand)
                raise failed(f"{operator} is for numbers{_PLUS if operator == '+' else ''}")
            _check_number(operand)
        if operator == "**":
            raise failed("there is no **")
        result = super().call_binop(context, operator, left, right)
        _check_number(result)
        return result

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look into maps and lists, and nowhere else."""
        if isinstance(obj, StrictUndefined):
            text_of(obj)
        if isinstance(obj, Mapping) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        if isinstance(obj, list | tuple) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        if isinstance(obj, LoopContext) and argument in OF_LOOPS:
            return getattr(obj, str(argument))
        return self.undefined(obj=obj)  # without its name: it may be a part of a value, or an endless list

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The same for a name that the template has, behind a dot or in brackets: it can be told."""
        found = self.getitem(obj, attribute)
        if not isinstance(found, Missing) or not found.is_item:  # a loop's own says: no neighbour
            return found
        return self.undefined(obj=obj, name=attribute)


def _shown(name: str | None) -> str:
    if name is None or len(name) > LONGEST_NAME or not name.isprintable():
        return "such attribute or item"
    return name


_PLUS: Final = ", or for two texts; ~ makes text of both sides"


def _check_number(number: Any) -> None:
    if not -LARGEST < number < LARGEST:
        raise failed("a number is too large")


@pass_context  # so that constants are not put out while a template is compiled
def _finalize(context: TemplateContext, value: Any) -> str:
    return context.take_text(value)
