"""`vaultbind expiry`: what expires when, who uses it, for terminals, scripts and browsers."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from vaultbind.api.durations import parse_duration
from vaultbind.cli.expiry_page import render_page
from vaultbind.expiry.overview import (
    Overview,
    Row,
    State,
    render_cut,
    render_left,
    render_users,
    summarize_expiry,
)
from vaultbind.expiry.times import render_time
from vaultbind.kube.client import KubeClient
from vaultbind.kube.connection import connect
from vaultbind.kube.errors import KubeConfigError, KubeError, KubeErrorKind
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, KEY_VAULTS, VAULT_BINDINGS, Resource

PAGE: Final = 500
LONGEST_LINE: Final = 100_000
URGENT: Final = 1
REFUSED: Final = 3
STYLES: Final = {State.EXPIRED: "bold red", State.SOON: "yellow", State.VALID: "green", State.ENDLESS: "dim"}


class _Span(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parse `30d`, `12h`."""
        try:
            return value if isinstance(value, timedelta) else parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option(
    "-n",
    "--namespace",
    default="",
    envvar="VAULTBIND_NAMESPACE",
    help="Only bindings and KeyVaults of this namespace, and of ClusterKeyVaults what these bindings use.",
)
@click.option("--context", default="", envvar="VAULTBIND_CONTEXT", help="Context of the kubeconfig.")
@click.option(
    "--within",
    type=_Span(),
    default=None,
    envvar="VAULTBIND_WITHIN",
    help="Only what expires within this time, such as 90d; expired objects always show.",
)
@click.option(
    "--all", "endless", is_flag=True, envvar="VAULTBIND_ALL", help="Show objects without an expiry, too."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    envvar="VAULTBIND_OUTPUT",
    help="For people or for scripts.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=None,
    envvar="VAULTBIND_HTML",
    help="Write a page with a timeline to this file; it needs no network.",
)
@click.option(
    "--check",
    is_flag=True,
    envvar="VAULTBIND_CHECK",
    help="Exit with status 1 when something has expired or is within its warnBefore.",
)
def expiry(namespace: str, context: str, *, check: bool, **view: Any) -> None:
    """Show what expires when, over all vaults and namespaces, and which bindings use it.

    Shown is whatever bindings use, and of KeyVaults with `spec.expiry.scope: All` also what nobody uses: the
    20 objects of each that end next (or ended last), as its status names them; how many more there are
    is said below the table, and in JSON under `cut` beside `objects`.

    Reads VaultBindings and KeyVaults of the cluster; asks no vault and reads no Secret. The operator keeps
    their status right, so this is what its last look showed.

    Exit status: 0 shown, 1 something needs attention (with --check), 2 wrong usage, 3 the cluster refused.
    """
    now = datetime.now(UTC)
    try:
        found = asyncio.run(_collect(namespace, context, now))
    except (KubeError, KubeConfigError) as error:
        click.echo(f"vaultbind expiry: {getattr(error, 'message', error)}", err=True)
        sys.exit(REFUSED)
    _show(found, now, view)
    if check and any(row.state in (State.EXPIRED, State.SOON) for row in found.rows):
        sys.exit(URGENT)


def _show(found: Overview, now: datetime, view: Mapping[str, Any]) -> None:
    rows = [row for row in found.rows if _is_shown(row, now, view["within"], endless=view["endless"])]
    page: Path | None = view["html"]
    if page is not None:
        page.write_text(render_page(rows, found.cuts, now), encoding="utf-8")
        click.echo(f"{len(rows)} object{'' if len(rows) == 1 else 's'} written to {page}", err=True)
    elif view["output"] == "json":
        whole = {"objects": [render_json(row, now) for row in rows], "cut": [*map(asdict, found.cuts)]}
        click.echo(json.dumps(whole, indent=2))
    else:
        print_table(Console(), render_table(rows, now))
    for cut in found.cuts:
        click.echo(render_cut(cut), err=view["output"] == "json" or page is not None)


def print_table(console: Console, table: Table) -> None:
    """Fold lines to fit a terminal; a pipe or a file gets each row whole, for grep."""
    if not console.is_terminal:
        whole = console.measure(table, options=console.options.update(width=LONGEST_LINE))
        console.width = max(console.width, whole.maximum)
    console.print(table)


async def _collect(namespace: str, context: str, now: datetime) -> Overview:
    client = await connect(context=context)
    async with client:
        bindings = await _list(client, VAULT_BINDINGS, namespace)
        vaults = [*await _list_shared(client, namespace), *await _list(client, KEY_VAULTS, namespace)]
    return summarize_expiry(bindings, vaults, now)


async def _list_shared(client: KubeClient, namespace: str) -> list[dict[str, Any]]:
    """ClusterKeyVaults; for one namespace only their thresholds count: who else uses them is not seen.

    Who may see one namespace only often may not see them at all.
    """
    try:
        found = await _list(client, CLUSTER_KEY_VAULTS, "")
    except KubeError as error:
        if not namespace or error.kind is not KubeErrorKind.FORBIDDEN:
            raise
        click.echo(
            "ClusterKeyVaults may not be listed: warnBefore of theirs is taken as 30d, 7d, 1d", err=True
        )
        return []
    return [{**item, "status": {}} for item in found] if namespace else found


async def _list(client: KubeClient, resource: Resource, namespace: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        answer = await client.list(resource, namespace, limit=PAGE, continue_=token)
        found += ({"kind": resource.kind, **item} for item in answer.get("items") or ())
        token = str((answer.get("metadata") or {}).get("continue") or "")
        if not token:
            return found


def _is_shown(row: Row, now: datetime, within: timedelta | None, *, endless: bool) -> bool:
    if row.expires is None:
        return endless
    return within is None or row.expires - now <= within


def render_json(row: Row, now: datetime) -> dict[str, Any]:
    """One row for scripts; `secondsLeft` is negative once it has expired."""
    left = None if row.expires is None else int((row.expires - now).total_seconds())
    return {
        "vault": row.vault,
        "kind": row.kind,
        "name": row.name,
        "version": row.version,
        "expires": None if row.expires is None else render_time(row.expires),
        "secondsLeft": left,
        "state": row.state.value,
        "usedBy": list(row.used_by),
    }


def render_table(rows: Sequence[Row], now: datetime) -> Table:
    """All rows for people."""
    table = Table(box=None, pad_edge=False, caption=None if rows else "nothing expires")
    for name in ("EXPIRES", "IN", "STATE", "OBJECT", "VAULT", "USED BY"):
        table.add_column(name, overflow="fold", no_wrap=name in ("EXPIRES", "IN", "STATE"))
    for row in rows:
        table.add_row(
            "" if row.expires is None else render_time(row.expires),
            render_left(row.expires, now),
            row.state.value,
            f"{row.kind} {row.name}",
            row.vault,
            render_users(row),
            style=STYLES[row.state],
        )
    return table
