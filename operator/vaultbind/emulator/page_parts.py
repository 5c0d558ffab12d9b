"""HTML of the page; every text from a vault or a request goes through `html.escape`."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final
from urllib.parse import urlencode

from vaultbind.api.durations import render_duration
from vaultbind.emulator.control import PREFIX
from vaultbind.keyvault.simulation import ApiRequest, Estate, Kind, SimulatedVault
from vaultbind.keyvault.simulation.access_log import AccessLogEntry
from vaultbind.keyvault.simulation.records import Attributes
from vaultbind.keyvault.simulation.vault import AnyVersion

PAGE: Final = 50
"""Objects of a kind, and requests, that are shown at once."""
VERSIONS: Final = 20
SOON: Final = 30 * 86_400
"""Seconds before its end that an object counts as near it."""


def render_document(estate: Estate, request: ApiRequest) -> str:
    """The whole page; `?vault=&kind=&after=` turns to the next objects of one kind."""
    vaults = "".join(_vault(estate, vault, request) for _, vault in sorted(estate.vaults.items()))
    empty = "<p>No vault yet: each is made when it is first asked.</p>" if not vaults else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>vaultbind emulator</title>'
        f'<link rel="stylesheet" href="{PREFIX}page.css"><link rel="icon" href="data:,">'
        f'<script src="{PREFIX}page.js" defer></script></head><body>'
        f"{_header(estate)}<main>{vaults}{empty}{_requests(estate.log.recent())}</main></body></html>"
    )


def _header(estate: Estate) -> str:
    ahead = f", vaults {_distance(estate.time.shared)}" if estate.time.shared else ""
    total = estate.log.total()
    return (
        '<header><h1>vaultbind emulator</h1><span class="soft">'
        f"{_moment(estate.now().timestamp())}{ahead}</span>"
        f'<span class="soft">{total} requests</span><a href="/">reload</a></header>'
    )


def _distance(distance: timedelta) -> str:
    word = "ahead" if distance > timedelta() else "behind"
    return f"{render_duration(abs(distance))} {word}"


def _vault(estate: Estate, vault: SimulatedVault, request: ApiRequest) -> str:
    now = int(estate.now(vault.name).timestamp())
    asked = request.query if request.query.get("vault") == vault.name else {}
    kinds = "".join(
        _kind(vault, kind, now, asked.get("after", "") if asked.get("kind") == kind else "") for kind in Kind
    )
    own = estate.time.own.get(vault.name)
    moved = f' <span class="soft">{_distance(own)} of the others</span>' if own else ""
    return f'<section id="{escape(vault.name)}"><h2>{escape(vault.name)}{moved}</h2>{kinds}</section>'


def _kind(vault: SimulatedVault, kind: Kind, now: int, after: str) -> str:
    records, more = vault.page(kind, after, PAGE)
    gone = [deletion.history.latest.name for deletion in vault.store(kind).deleted(now).values()]
    if not records and not gone:
        return ""
    rows = "".join(_row(vault, kind, record, now) for record in records)
    head = "<tr><th>name</th><th>state</th><th>expires</th><th>type</th><th>versions</th><th>value</th></tr>"
    return f"<h3>{kind}</h3><table>{head}{rows}</table>{_more(vault, kind, records, more=more)}{_gone(gone)}"


def _more(vault: SimulatedVault, kind: Kind, records: Sequence[AnyVersion], *, more: bool) -> str:
    if not more:
        return ""
    query = urlencode({"vault": vault.name, "kind": kind, "after": records[-1].name.lower()})
    return f'<p><a href="/?{escape(query)}#{escape(vault.name)}">more {kind}</a></p>'


def _gone(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f'<p class="soft">deleted: {escape(", ".join(names[:PAGE]))}</p>'


def _row(vault: SimulatedVault, kind: Kind, record: AnyVersion, now: int) -> str:
    versions = sorted(vault.versions(kind, record.name), key=lambda version: -version.attributes.created)
    listed = "".join(f"<li>{_version(vault, kind, version)}</li>" for version in versions[:VERSIONS])
    rest = f"<li>{len(versions) - VERSIONS} older</li>" if len(versions) > VERSIONS else ""
    value = _value(vault, record) if kind is Kind.SECRETS else ""
    return (
        f'<tr><td class="name">{escape(record.name)}</td><td>{_state(record)}</td>'
        f"<td>{_expiry(record.attributes, now)}</td><td>{escape(_type(record))}</td>"
        f"<td><details><summary>{len(versions)}</summary><ul>{listed}{rest}</ul></details></td>"
        f"<td>{value}</td></tr>"
    )


def _state(record: AnyVersion) -> str:
    enabled = "enabled" if record.attributes.enabled else '<span class="off">disabled</span>'
    return f"{enabled}, managed" if record.managed else enabled


def _type(record: AnyVersion) -> str:
    for member in ("subject", "content_type", "key_type"):
        found = getattr(record, member, None)
        if found:
            return str(found)
    return ""


def _version(vault: SimulatedVault, kind: Kind, record: AnyVersion) -> str:
    made = _moment(record.attributes.created)
    value = f" {_value(vault, record)}" if kind is Kind.SECRETS else ""
    return f"<code>{record.version}</code> {made} {_state(record)}{value}"


def _value(vault: SimulatedVault, record: AnyVersion) -> str:
    query = urlencode({"vault": vault.name, "name": record.name, "version": record.version})
    url = escape(f"{PREFIX}value?{query}")
    return f'<button type="button" data-value="{url}">show</button> <span class="value" hidden></span>'


def _expiry(attributes: Attributes, now: int) -> str:
    end = attributes.expires
    if end is None:
        return '<span class="soft">never</span>'
    left = end - now
    words = f"in {_span(left)}" if left > 0 else f"{_span(-left)} ago"
    mark = "expired" if left <= 0 else "soon" if left <= SOON else ""
    return f'<span class="{mark}" title="{_moment(end)}">{words}</span>'


def _span(seconds: int) -> str:
    return f"{seconds // 86_400} d" if seconds >= 2 * 86_400 else render_duration(timedelta(seconds=seconds))


def _requests(entries: Iterable[AccessLogEntry]) -> str:
    last = list(entries)[-PAGE:]
    if not last:
        return ""
    rows = "".join(_request(entry) for entry in reversed(last))
    head = "<tr><th>time</th><th>vault</th><th>who</th><th>what</th><th>name</th><th>outcome</th></tr>"
    return f"<h2>Last requests</h2><table>{head}{rows}</table>"


def _request(entry: AccessLogEntry) -> str:
    mark = ' class="failed"' if not entry.outcome.startswith("2") else ""
    what = f"{entry.kind}.{entry.action}" if entry.kind else entry.action
    cells = (_moment(entry.time), entry.vault, entry.principal, what, entry.name)
    shown = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f"<tr>{shown}<td{mark}>{escape(entry.outcome)}</td></tr>"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
