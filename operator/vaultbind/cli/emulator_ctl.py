"""`vaultbind emulator ctl`: change a running emulator; each command prints JSON."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from vaultbind.emulator.remote import Remote, RemoteError
from vaultbind.emulator.tls import write_private

TOKEN_VARIABLE: Final = "VAULTBIND_EMULATOR_TOKEN"  # noqa: S105 - a variable's name
PREFIX: Final = "VAULTBIND_EMULATOR"


@click.group()
@click.option(
    "--url", envvar=f"{PREFIX}_URL", default="https://127.0.0.1:8443", show_default=True, help="Where it is."
)
@click.option(
    "--ca-file",
    envvar=f"{PREFIX}_CA_FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its CA, as the emulator's own --ca-file wrote it.",
)
@click.option(
    "--token-file",
    envvar=f"{PREFIX}_TOKEN_FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"File of its token, if it wants one; or variable {TOKEN_VARIABLE}.",
)
@click.pass_context
def ctl(context: click.Context, url: str, ca_file: Path | None, token_file: Path | None) -> None:
    """Change a running emulator: time, faults, access, snapshots. Prints JSON."""
    context.obj = Remote(url=url, ca_file=ca_file, token=read_token(token_file))


def read_token(file: Path | None) -> str:
    """Token of the file or of the environment, empty without either; raises as `read_text`."""
    return read_text(file).strip() if file else os.environ.get(TOKEN_VARIABLE, "")


def read_text(file: Path) -> str:
    """Text of a file; raises OSError, and click.ClickException for what is none."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise click.ClickException(f"{file} is not a text in UTF-8") from None


def ask(method: str, path: str, content: Any = None, query: Mapping[str, Any] | None = None) -> Any:
    """Send one control request to the emulator of the command line; raises click.ClickException."""
    remote: Remote = click.get_current_context().obj
    given = {name: str(value) for name, value in (query or {}).items() if value is not None}
    try:
        return asyncio.run(remote.call(method, path, content, given))
    except RemoteError as error:
        raise click.ClickException("\n".join(error.problems)) from None


def show(content: Any) -> None:
    """Print an answer; one without content prints an empty object."""
    click.echo(json.dumps({} if content is None else content, indent=2, ensure_ascii=False))


def given(**members: Any) -> dict[str, Any]:
    """Members of a request without those that were not given."""
    return {name: value for name, value in members.items() if value not in (None, False, (), "")}


VAULT = click.option("--vault", help="One vault instead of all.")


@ctl.group()
def time() -> None:
    """Time of the vaults; tokens stay on the clock."""


@time.command(name="show")
def show_time() -> None:
    """Time of the clock and of each vault."""
    show(ask("GET", "time"))


@time.command(name="advance")
@click.argument("duration")
@click.option("--back", is_flag=True, help="Backwards.")
@VAULT
def advance_time(duration: str, vault: str | None, *, back: bool) -> None:
    """Move time by DURATION, such as 30d or 1h30m."""
    show(ask("POST", "time", given(advance=f"{'-' if back else ''}{duration}", vault=vault)))


@time.command(name="set")
@click.argument("moment")
@VAULT
def set_time(moment: str, vault: str | None) -> None:
    """Make it MOMENT now, such as 2030-01-31T12:00:00Z; from there time goes on."""
    show(ask("POST", "time", given(set=moment, vault=vault)))


@time.command(name="reset")
@VAULT
def reset_time(vault: str | None) -> None:
    """Go back to the clock."""
    show(ask("DELETE", "time", query={"vault": vault}))


@ctl.command()
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write, mode 0600."
)
def snapshot(output: Path | None) -> None:
    """Read all vaults with all values and private keys, to standard output or into a file."""
    content = ask("GET", "snapshot")
    if output is None:
        show(content)
        return
    try:
        write_private(output, json.dumps(content, indent=1).encode())
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror or error}") from None
    show({"written": str(output), "vaults": sorted(content["vaults"])})


@ctl.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
def restore(file: Any) -> None:
    """Make the vaults what they were at the snapshot in FILE (- for standard input)."""
    try:
        content = json.load(file)
    except ValueError:
        raise click.ClickException("the file is not JSON") from None
    show(ask("PUT", "snapshot", content))


@ctl.group()
def vaults() -> None:
    """Which vaults there are."""


@vaults.command(name="list")
def list_vaults() -> None:
    """Names of the vaults."""
    show(ask("GET", "vaults"))


@vaults.command(name="add")
@click.argument("name")
def add_vault(name: str) -> None:
    """Make vault NAME."""
    show(ask("POST", "vaults", {"name": name}))


@ctl.command()
@click.option("--vault", help="Name of a vault.")
@click.option("--kind", type=click.Choice(["secrets", "keys", "certificates"]), help="Of objects.")
@click.option("--action", help="get, list, set and so on.")
@click.option("--name", help="Name of an object.")
@click.option("--principal", help="Who asked.")
@click.option("--outcome", help="HTTP status, cut or refused.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many.")
def log(**filters: Any) -> None:
    """Last requests, oldest first: who asked what, and how it ended."""
    show(ask("GET", "log", query=filters))


@ctl.command()
@click.option("--reset", is_flag=True, help="Start the counters anew.")
def stats(*, reset: bool) -> None:
    """Live counters of requests, and how many objects each vault holds."""
    show(ask("DELETE" if reset else "GET", "stats"))
