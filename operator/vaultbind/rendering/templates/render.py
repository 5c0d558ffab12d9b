"""A binding's templates: checked before anything is read, rendered from the values of its keys alone."""

from collections.abc import Generator, Iterator, Mapping
from types import TracebackType
from typing import cast

from vaultbind.api.binding import BindingSpec, Keep, Template
from vaultbind.api.errors import SpecError
from vaultbind.api.given_keys import given_keys
from vaultbind.rendering.problems import EntryError, RenderProblem
from vaultbind.rendering.templates.budget import Budget
from vaultbind.rendering.templates.filters import TemplateContext
from vaultbind.rendering.templates.language import FILE, MOST_PARTS, SANDBOX, Program, compile_template
from vaultbind.rendering.templates.values import failed, render_names


def check_templates(spec: BindingSpec) -> None:
    """Raises SpecError (TEMPLATE_INVALID) for the first template that is none, by key and line."""
    template = spec.target.template
    left = MOST_PARTS
    for key, text in template.data.items() if template is not None else ():
        try:
            left -= compile_template(text, _keys_given(spec), left).parts
        except EntryError as error:
            path = f"spec.target.template.data[{key}]"
            raise SpecError(path, str(error), reason=error.reason) from None


def render_templates(
    spec: BindingSpec, template: Template, data: Mapping[str, bytes]
) -> dict[str, bytes] | RenderProblem:
    """The keys that `template` makes of `data`, with those of `data` where they are kept."""
    budget, left = Budget(), MOST_PARTS
    names = render_names(data)
    made = dict(data) if template.keep is Keep.ALL else {}
    for key, text in template.data.items():
        try:
            program = compile_template(text, _keys_given(spec), left)
            left -= program.parts
            made[key] = _render(program, names, budget)
        except EntryError as error:
            return error.to_problem(key)
    return made


def _keys_given(spec: BindingSpec) -> frozenset[str] | None:
    """Keys that templates may name: optional ones, too, whether they are there or not. None: any."""
    given = given_keys(spec.data, spec.data_from)
    return None if given.is_open else given.names


def _render(program: Program, names: Mapping[str, object], budget: Budget) -> bytes:
    """Raises EntryError with the line. Errors of Jinja and Python show values: none of them leaves here."""
    context = TemplateContext(SANDBOX, dict(names), None, {})
    context.budget = budget
    problem, trace = failed("this cannot be done with these values"), None
    try:
        budget.spend(program.parts)
        return _encode("".join(_put_out(program.template.root_render_func(context), budget)))
    except EntryError as error:
        problem, trace = error, error.__traceback__
    except Exception as error:  # noqa: BLE001 - whatever Python says of a value: its type, its size
        trace = error.__traceback__
    line = _line_of(program, trace)
    raise EntryError(problem.reason, f"line {line}: {problem}" if line else str(problem))


def _put_out(pieces: Iterator[str], budget: Budget) -> Iterator[str]:
    for piece in pieces:
        try:
            budget.write(piece)
        except EntryError as error:
            cast("Generator[str, None, None]", pieces).throw(error)  # its traceback gets the template's line
        yield piece


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass  # the error holds the text
    raise failed("half of a surrogate pair cannot be put out")


def _line_of(program: Program, trace: TracebackType | None) -> int:
    """The template's line at which an error was raised; 0 for none."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = program.template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
