"""How the story is told: colour and a spinner on a terminal, plain lines elsewhere, or nothing but JSON."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from shutil import which
from typing import Final, Protocol

from rich.console import Console
from rich.text import Text

from vaultbind.cli.demo.outcome import Report, State, StepResult

_NAME_WIDTH: Final = 11


class Narrator(Protocol):
    """Tells people what happens."""

    def say(self, text: str) -> None:
        """Tell one line."""

    def waiting(self, name: str, title: str) -> AbstractContextManager[object]:
        """Show that a step goes on."""

    def tell(self, result: StepResult) -> None:
        """Tell what became of a step."""

    def summarize(self, report: Report) -> None:
        """Tell the end."""


class SilentNarrator:
    """Tells nothing: for `-o json`."""

    def say(self, text: str) -> None:
        """Keep silent."""

    def waiting(self, name: str, title: str) -> AbstractContextManager[object]:
        """Keep silent."""
        _ = name, title
        return nullcontext()

    def tell(self, result: StepResult) -> None:
        """Keep silent."""

    def summarize(self, report: Report) -> None:
        """Keep silent."""


class ConsoleNarrator:
    """Tells everything on a console."""

    def __init__(self, console: Console | None = None) -> None:
        """Colours and spinner are the console's to know: none without a terminal, no colour with NO_COLOR."""
        self._console = console or Console(highlight=False)
        self._elapsed = 0.0

    def say(self, text: str) -> None:
        """Print one line."""
        self._print(Text(text))

    @contextmanager
    def waiting(self, name: str, title: str) -> Iterator[None]:
        """Spin on a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(Text(f"{name}: {title}")):
            yield

    def tell(self, result: StepResult) -> None:
        """Print one line, and its notes below."""
        self._elapsed += result.seconds
        is_good = result.state is State.VERIFIED
        line = Text(f"{self._elapsed:6.1f}s  ", style="dim")
        line.append(
            "ok    " if is_good else "FAILED", style="not dim bold green" if is_good else "not dim bold red"
        )
        line.append(f"  {result.name:<{_NAME_WIDTH}}", style="not dim bold")
        line.append(f"{result.told or result.title} ", style="not dim")
        line.append(f"[{result.seconds:.1f}s]")
        self._print(line)
        for note in result.closing.notes:
            self._print(Text(f"{'':{_NAME_WIDTH + 17}}{note}", style="dim"))

    def summarize(self, report: Report) -> None:
        """Print the last lines."""
        failed = report.failure
        self._print(Text(""))
        if failed is None:
            text = f"{len(report.steps)} of {len(report.steps)} steps verified in {report.seconds:.1f} s"
            self._print(Text(text, style="bold green"))
            return
        done = sum(step.state is State.VERIFIED for step in report.steps)
        count = f"{done} of {len(report.steps)} steps verified in {report.seconds:.1f} s"
        self._print(Text(f"step {failed.name} failed; {count}", style="bold red"))
        rows = (("expected", failed.expected), ("seen", failed.seen), ("operator's log", report.log))
        for label, value in rows:
            if value:
                self._print(Text(f"  {label + ':':<16}{value}"))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


_EMBEDDED: Final = (
    "This cluster runs no pods, and knows neither rights nor the rules (CEL) of our kinds: "
    "a real API server refuses more. It takes JSON and YAML only, so instead of `kubectl create secret ...`: "
    "kubectl create secret ... --dry-run=client -o yaml | kubectl apply -f -"
)


def find_program() -> str:
    """How another terminal calls us: by name where that is on its PATH, else by the path."""
    beside = Path(sys.executable).with_name("vaultbind")
    return "vaultbind" if which("vaultbind") or not beside.exists() else str(beside)


def render_hints(
    kubeconfig: str,
    vault_url: str,
    ca_file: str,
    namespace: str,
    token_url: str,
    *,
    embedded: bool,
    program: str = "vaultbind",
) -> Sequence[str]:
    """What to try while the demo is kept running; `embedded`: on the cluster that we bring along."""
    resource = vault_url.replace("shop.", "", 1)
    curl = f"curl -s --cacert {ca_file}"
    export = [f"  export KUBECONFIG={kubeconfig}"] if kubeconfig else []
    return (
        "All is left running until Ctrl-C; the deleted object was recovered. In another terminal:",
        "",
        *export,
        "  kubectl get vb,ckv -A",
        f"  kubectl -n {namespace} describe vb shop-db",
        f"  kubectl -n {namespace} delete secret shop-tls    # it comes back",
        "",
        "What ends when, and another signature:",
        "",
        f"  {program} expiry",
        f"  echo v1.2.4 | {program} crypto sign --job -n {namespace} --key release-signing \\",
        f"    --vault-kind ClusterKeyVault --vault {namespace}",
        "",
        "Rotate a secret in the vault:",
        "",
        f"  TOKEN=$({curl} -H 'X-IDENTITY-HEADER: demo' \\",
        f"    '{token_url}?api-version=2019-08-01&resource={resource}' \\",
        "    | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])')",
        f"  {curl} -X PUT -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\",
        f"    -d '{{\"value\": \"a new one\"}}' '{vault_url}/secrets/db-password?api-version=7.5'",
        "",
        *((_EMBEDDED, "") if embedded else ()),
    )
