"""Template text -> a program of the sandbox: only what is on the list, and what takes work is counted."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from unicodedata import normalize

from jinja2 import Template, TemplateSyntaxError, meta, nodes
from jinja2.visitor import NodeTransformer

from vaultbind.api.conditions import Reason
from vaultbind.rendering.problems import EntryError
from vaultbind.rendering.templates.filters import CONCATENATED, EACH, FILTERS, SEEN, TESTS
from vaultbind.rendering.templates.sandbox import Sandbox
from vaultbind.rendering.templates.values import VALUES, names_of

SANDBOX: Final = Sandbox()
FILE: Final = "<template>"
MOST_PARTS: Final = 1_000
"""Of all templates of a binding together: they compile in 50 ms, and a review waits for that."""
MOST_REMEMBERED: Final = 90
"""Programs that are kept, of 170 KB at most: 16 MB."""
DEEPEST: Final = 40
_LONGEST_MESSAGE: Final = 160
_LONGEST_NAME: Final = 64
_ALLOWED: Final = frozenset(
    {
        *("Template", "Output", "TemplateData", "Name", "Const", "For", "If", "Assign", "CondExpr", "Filter"),
        *("Test", "Getattr", "Getitem", "Compare", "Operand", "And", "Or", "Not", "Neg", "Pos", "Add", "Sub"),
        *("Mul", "Div", "FloorDiv", "Mod", "Concat", "List", "Tuple", "Dict", "Pair", "Keyword"),
    }
)
_NOT_ASSIGNED: Final = frozenset({VALUES, "loop"})
_SELF: Final = "self"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A template that can be rendered, and how many parts it has."""

    template: Template
    parts: int


def compile_template(text: str, keys: frozenset[str] | None, most: int = MOST_PARTS) -> Program:
    """Compile a template that may use `keys`; None: whatever the vault will give.

    Raises EntryError (TEMPLATE_INVALID); the message has the line and words of the template, which is no
    secret: no value is known here.
    """
    made = _remembered(text, keys, most)
    if isinstance(made, str):
        raise EntryError(Reason.TEMPLATE_INVALID, made)
    return made


@lru_cache(maxsize=MOST_REMEMBERED)
def _remembered(text: str, keys: frozenset[str] | None, most: int) -> Program | str:
    """The program, or why there is none: who asks for the same again and again pays neither twice."""
    with warnings.catch_warnings(action="ignore"):  # of Python's compiler, about what a template says
        try:
            return _compile(text, keys, most)
        except EntryError as error:
            return str(error)
        except TemplateSyntaxError as error:
            return str(_invalid(error.lineno, _shown(str(error.message), _LONGEST_MESSAGE)))
        except (RecursionError, SyntaxError, MemoryError):  # Python's own limits of nesting
            return "nested too deeply"
        except ValueError:  # Python's limit of digits, which Jinja passes on
            return "a number has too many digits"


def _compile(text: str, keys: frozenset[str] | None, most: int) -> Program:
    tree = SANDBOX.parse(text)
    parts = _check(tree, most)
    if keys is not None:
        _check_names(tree, keys)
    counted = _Counting().visit(tree)
    counted.set_environment(SANDBOX)
    code = SANDBOX.compile(counted, filename=FILE)
    return Program(template=Template.from_code(SANDBOX, code, {}), parts=parts)


def _check(tree: nodes.Template, most: int) -> int:
    """Refuse what is not on the list; returns the number of parts."""
    parts = 0
    for node, line, depth in _walk(tree):
        parts += 1
        if depth > DEEPEST:
            raise _invalid(line, f"nested more than {DEEPEST} levels deep")
        if parts > most:
            raise _invalid(line, f"the binding's templates have more than {MOST_PARTS} parts")
        if problem := _problem_of(node):
            raise _invalid(line, problem)
    return parts


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int, int]]:
    """Each node in the order of the text, its line (some have their parent's) and its depth."""
    todo = [(tree, 1, 0)]
    while todo:
        node, line, depth = todo.pop()
        line = node.lineno or line
        yield node, line, depth
        todo += [(child, line, depth + 1) for child in reversed(list(node.iter_child_nodes()))]


def _problem_of(node: nodes.Node) -> str:
    if isinstance(node, nodes.Call):
        return "templates call nothing; use a filter"
    if type(node).__name__ not in _ALLOWED:
        return f"{type(node).__name__} is nothing that templates may use"
    if isinstance(node, nodes.Filter | nodes.Test):
        return _problem_of_use(node)
    if isinstance(node, nodes.Name):
        return _problem_of_name(node)
    return "loops are not recursive in templates" if isinstance(node, nodes.For) and node.recursive else ""


def _problem_of_name(node: nodes.Name) -> str:
    if node.ctx != "load" and node.name in _NOT_ASSIGNED:
        return f"{node.name} cannot be set"
    if normalize("NFKC", node.name) != node.name:  # Python takes it for another name, which may be a key's
        return f"{_shown(node.name)} is no name here; write {_shown(normalize('NFKC', node.name))}"
    return f'{_SELF} is a word of Jinja; write values["{_SELF}"]' if node.name == _SELF else ""


def _problem_of_use(node: nodes.Filter | nodes.Test) -> str:
    what = "filter" if isinstance(node, nodes.Filter) else "test"
    known: Mapping[str, object] = FILTERS if what == "filter" else TESTS
    if node.name not in known:
        return f"no {what} is called {_shown(node.name)}; there are {', '.join(sorted(known))}"
    return "arguments by * are nothing that templates may use" if node.dyn_args or node.dyn_kwargs else ""


def _check_names(tree: nodes.Template, keys: frozenset[str]) -> None:
    """A name that no entry of the binding gives is a mistake, even behind `is defined`."""
    strange = meta.find_undeclared_variables(tree) - names_of(keys)
    for node in tree.find_all((nodes.Name, nodes.Getitem, nodes.Getattr)):
        name = _called(node)
        if isinstance(node, nodes.Name) and node.ctx == "load" and name in strange:
            raise _invalid(node.lineno, _unknown_key(name, keys))
        if not isinstance(node, nodes.Name) and name is not None and name not in keys:
            raise _invalid(node.lineno, _unknown_key(name, keys))


def _unknown_key(name: str, keys: frozenset[str]) -> str:
    there = _shown(", ".join(sorted(keys)), _LONGEST_MESSAGE)
    return f"no key of data or dataFrom is called {_shown(name)}; there are {there}"


def _called(node: nodes.Expr) -> str | None:
    """The key that a name, `values.KEY` or `values["KEY"]` means; None for anything else."""
    if isinstance(node, nodes.Name):
        return node.name
    of = getattr(node, "node", None)
    if not isinstance(of, nodes.Name) or of.name != VALUES:
        return None
    if isinstance(node, nodes.Getattr):
        return node.attr
    argument = getattr(node, "arg", None)
    return str(argument.value) if isinstance(argument, nodes.Const) else None


def _shown(text: str, most: int = _LONGEST_NAME) -> str:
    """Words of a template as a status, an event and a line of a log can bear them."""
    short = text if len(text) <= most else f"{text[:most]}..."
    return short if short.isprintable() else short.encode("unicode_escape").decode("ascii")


def _invalid(line: int, problem: str) -> EntryError:
    return EntryError(Reason.TEMPLATE_INVALID, f"line {line}: {problem}")


class _Counting(NodeTransformer):
    """Puts filters of ours where Jinja works for nothing: loops, comparisons, keys of maps and `~`.

    What is written in brackets becomes what is written behind a dot: then it is known to be of the template.
    """

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - the visitor's way
        steps = sum(1 for _ in node.find_all(nodes.Node))
        self.generic_visit(node)
        node.iter = _filtered(EACH, node.iter, nodes.Const(steps, lineno=node.lineno))
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802 - the visitor's way
        self.generic_visit(node)
        node.expr = _filtered(SEEN, node.expr)
        for operand in node.ops:
            operand.expr = _filtered(SEEN, operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802 - the visitor's way
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Const) or not isinstance(node.arg.value, str):
            return node
        return nodes.Getattr(node.node, node.arg.value, node.ctx, lineno=node.lineno)

    def visit_Pair(self, node: nodes.Pair) -> nodes.Pair:  # noqa: N802 - the visitor's way
        self.generic_visit(node)
        node.key = _filtered(SEEN, node.key)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - the visitor's way
        self.generic_visit(node)
        return _filtered(CONCATENATED, nodes.Tuple(node.nodes, "load", lineno=node.lineno))


def _filtered(name: str, node: Any, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)
