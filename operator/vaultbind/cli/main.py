"""`vaultbind`: the command and its subcommands, each loaded when it is asked for."""

import gc
import importlib
from collections.abc import Mapping
from typing import Final

import click

from vaultbind import __version__

COMMANDS: Final[Mapping[str, str]] = {
    "broker": "Hand bound values to the pods that name them.",
    "crypto": "Use keys of a vault: encrypt, sign, wrap, rotate and back.",
    "demo": "See the whole path work, on this machine alone.",
    "emulator": "Serve Azure Key Vault from memory, over HTTPS.",
    "expiry": "Show what expires when, and who uses it.",
    "run": "Run the operator.",
    "webhook": "Serve admission: pods get their bindings, specs are checked.",
}
"""Name and first line of help; module and function have the command's name."""

EXTRA: Final = "this command needs the operator's packages: pip install 'vaultbind[operator]'"
_OPTIONAL: Final = frozenset({"kopf", "prometheus_client"})


class LazyGroup(click.Group):
    """Imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in alphabetical order."""
        _ = ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one; a base install without the extra says what to install."""
        if cmd_name not in COMMANDS:
            return None
        collect_rarely()
        try:
            module = importlib.import_module(f"vaultbind.cli.{cmd_name}")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _OPTIONAL:
                raise
            ctx.fail(EXTRA)
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the list without importing anything."""
        _ = ctx
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vaultbind")
def main() -> None:
    """Bind objects of Azure Key Vault to what a Kubernetes cluster uses."""
    forbid_core_dumps()


def collect_rarely() -> None:
    """Let the collector of cycles come seldom: what imports make stays, and most of our garbage has none."""
    gc.set_threshold(50_000, 50, 100)


def forbid_core_dumps() -> None:
    """See to it that no command leaves its memory, with values in it, on a disk; not on Windows."""
    try:
        resource = importlib.import_module("resource")
    except ModuleNotFoundError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
