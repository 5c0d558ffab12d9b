"""Flags, signals and exit status of `vaultbind demo`."""

import asyncio
import json
import signal
import sys
from typing import Final

import click

from vaultbind.cli.demo.current import Plan, check_plan, fetch_plan
from vaultbind.cli.demo.narration import ConsoleNarrator, Narrator, SilentNarrator
from vaultbind.cli.demo.outcome import DemoError, render_report
from vaultbind.cli.demo.sabotage import SABOTAGES
from vaultbind.cli.demo.session import Options, Session
from vaultbind.kube.errors import KubeConfigError, KubeError

INTERRUPTED: Final = 130
TERMINATED: Final = 143
_ENDS: Final = (signal.SIGTERM, signal.SIGHUP)


@click.command(context_settings={"auto_envvar_prefix": "VAULTBIND_DEMO"})
@click.option("--keep", is_flag=True, help="Leave all running until Ctrl-C, with a kubeconfig to play with.")
@click.option(
    "--cluster",
    type=click.Choice(["embedded", "current"]),
    default="embedded",
    show_default=True,
    help="current: the kubeconfig at hand, in a namespace of the demo's own.",
)
@click.option("--yes", is_flag=True, help="Do not ask, not even where the cluster looks like production.")
@click.option(
    "--timeout",
    type=click.FloatRange(1, 3600),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Deadline of each step.",
)
@click.option(
    "--sabotage",
    type=click.Choice(list(SABOTAGES)),
    help="Break this step underneath, to see that the demo notices.",
)
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form."
)
def demo(*, keep: bool, cluster: str, yes: bool, timeout: float, sabotage: str | None, output: str) -> None:
    """See the whole path work, on this machine alone.

    A cluster API, a Key Vault and the real operator are started; each step is read back and verified. Exit
    status 0 only if all of them were.
    """
    if sabotage and cluster != "embedded":
        raise click.UsageError("--sabotage works with the embedded cluster only")
    narrator: Narrator = SilentNarrator() if output == "json" else ConsoleNarrator()
    options = Options(keep=keep, timeout=timeout, sabotage=sabotage or "")
    session = Session(options, narrator, on_report=_print_json if output == "json" else narrator.summarize)
    try:
        plan = _plan(yes=yes) if cluster == "current" else None
        asyncio.run(_run(session, plan))
    except (DemoError, KubeConfigError, KubeError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        narrator.say("stopped; nothing is left running")
        sys.exit(0 if session.is_kept else INTERRUPTED)
    except asyncio.CancelledError:
        sys.exit(0 if session.is_kept else TERMINATED)
    sys.exit(0 if session.ok else 1)


def _print_json(report: object) -> None:
    from vaultbind.cli.demo.outcome import Report

    if isinstance(report, Report):
        click.echo(json.dumps(render_report(report), indent=2))


def _plan(*, yes: bool) -> Plan:
    plan = asyncio.run(fetch_plan())
    check_plan(plan, yes=yes, ask=click.confirm if sys.stdin.isatty() else None)
    return plan


async def _run(session: Session, plan: Plan | None) -> None:
    """Run until the end or a signal; SIGINT is asyncio's own to handle."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in _ENDS:
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    await session.run(plan)
