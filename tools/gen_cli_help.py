"""Write `docs/cli.md` from the commands themselves: `python -m tools.gen_cli_help`."""

from collections.abc import Iterator
from pathlib import Path

import click

from vaultbind.cli.main import COMMANDS
from vaultbind.cli.main import main as program

TARGET = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
HEAD = """# Command line

A flag can be given as a variable, too; the command line wins. `vaultbind COMMAND --help` tells the same.
This page is generated from `operator/vaultbind/cli/` by `make verify`.
"""
TABLE = "| flag | variable | default | meaning |\n|---|---|---|---|\n"


def render() -> str:
    """The page's text."""
    return "\n".join([HEAD, *(_section(name, command) for name, command in commands().items())])


def commands() -> dict[str, click.Command]:
    """Every command by name; one whose module does not exist yet is left out."""
    context = click.Context(program)
    found: dict[str, click.Command] = {}
    for name in sorted(COMMANDS):
        try:
            command = program.get_command(context, name)
        except ModuleNotFoundError as error:
            if error.name != f"vaultbind.cli.{name}":
                raise
            continue
        if command is not None:
            found |= _with_subcommands(name, command)
    return found


def _with_subcommands(name: str, command: click.Command) -> dict[str, click.Command]:
    """A command and, if it is a group, everything below it, by the words that call it."""
    found = {name: command}
    if isinstance(command, click.Group):
        for word, subcommand in sorted(command.commands.items()):
            found |= _with_subcommands(f"{name} {word}", subcommand)
    return found


def options(command: click.Command) -> Iterator[tuple[click.Option, str]]:
    """Options of a command that people see, each with its variable (empty: none)."""
    prefix = (command.context_settings or {}).get("auto_envvar_prefix", "")
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield parameter, _variable(parameter, str(prefix))


def _variable(option: click.Option, prefix: str) -> str:
    if isinstance(option.envvar, str):
        return option.envvar
    return f"{prefix}_{(option.name or '').upper()}" if prefix else ""


def _section(name: str, command: click.Command) -> str:
    text = " ".join((command.help or "").replace("\b", "").split())
    rows = "".join(_row(option, variable) for option, variable in options(command))
    table = f"\n{TABLE}{rows}" if rows else ""
    return f"{'###' if ' ' in name else '##'} vaultbind {name}\n\n{text}\n{table}"


def _row(option: click.Option, variable: str) -> str:
    shown = f"`{variable}`" if variable else ""
    meaning = " ".join((option.help or "").split()).replace("|", "\\|")
    return f"| {_flags(option)} | {shown} | {_default(option)} | {meaning} |\n"


def _flags(option: click.Option) -> str:
    flags = ", ".join(f"`{flag}`" for flag in [*option.opts, *option.secondary_opts])
    if option.is_flag:
        return flags
    if isinstance(option.type, click.Choice):
        return f"{flags} {', '.join(f'`{choice}`' for choice in option.type.choices)}"
    return f"{flags} {option.metavar or option.type.name.upper().replace(' RANGE', '')}"


def _default(option: click.Option) -> str:
    """The default that the help shows; a value made at run time or none at all is not shown."""
    if not option.show_default or not isinstance(option.default, str | int | float):
        return ""
    if option.is_flag:
        return f"`{(option.opts if option.default else option.secondary_opts or option.opts)[0]}`"
    return f"`{option.default}`"


def main() -> None:
    TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
