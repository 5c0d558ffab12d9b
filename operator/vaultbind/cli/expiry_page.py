"""The page of `vaultbind expiry --html`: one file, a picture of the next year, no script and no network."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Final

from vaultbind.expiry.overview import Cut, Row, State, render_cut, render_left, render_users
from vaultbind.expiry.times import render_time

AHEAD: Final = timedelta(days=365)
BEHIND: Final = timedelta(days=30)
WIDTH: Final = 1000
LANE: Final = 18
TOP: Final = 28
MOST_LANES: Final = 400
"""Rows in the picture; the table has them all."""
COLOURS: Final = {
    State.EXPIRED: "#b3261e",
    State.SOON: "#b26a00",
    State.VALID: "#2e7d32",
    State.ENDLESS: "#6b6b6b",
}
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
svg { width: 100%; height: auto; }
svg text { font-size: 12px; fill: currentColor; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top; }
p, td { overflow-wrap: anywhere; }
"""


def render_page(rows: Sequence[Row], cuts: Sequence[Cut], now: datetime) -> str:
    """The whole document; names are escaped, there is no value in it."""
    counts = {state: sum(row.state is state for row in rows) for state in State}
    summary = (
        ", ".join(f"{count} {state.value}" for state, count in counts.items() if count) or "nothing expires"
    )
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>vaultbind: what expires when</title><style>{STYLE}</style></head><body>",
            "<h1>What expires when</h1>",
            f"<p>As of {render_time(now)}: {summary}.</p>",
            *(f"<p>{escape(render_cut(cut))}.</p>" for cut in cuts),
            render_timeline([row for row in rows if row.expires is not None][:MOST_LANES], now),
            _table(rows, now),
            "</body></html>\n",
        ]
    )


def render_timeline(rows: Sequence[Row], now: datetime) -> str:
    """A lane for each object: a bar until its expiry, from a month ago to a year ahead."""
    height = TOP + LANE * len(rows) + 8
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Timeline of expiries">']
    parts += [_month(now, number, height) for number in range(-1, 13)]
    parts += [_lane(row, index, now) for index, row in enumerate(rows)]
    parts.append(_line(_x(now, now), height, "now", "#1565c0", 2))
    return "\n".join([*parts, "</svg>"])


def _x(moment: datetime, now: datetime) -> float:
    share = (moment - (now - BEHIND)) / (AHEAD + BEHIND)
    return round(min(max(share, 0.0), 1.0) * WIDTH, 1)


def _month(now: datetime, number: int, height: int) -> str:
    moment = now + number * timedelta(days=30)
    return _line(_x(moment, now), height, "" if number == 0 else f"{30 * number:+d} d", "#8886", 1)


def _line(x: float, height: int, label: str, colour: str, width: int) -> str:
    anchor = "start" if x < WIDTH / 2 else "end"
    text = f'<text x="{x + (3 if anchor == "start" else -3)}" y="14" text-anchor="{anchor}">{label}</text>'
    return f'<line x1="{x}" y1="0" x2="{x}" y2="{height}" stroke="{colour}" stroke-width="{width}"/>{text}'


def _lane(row: Row, index: int, now: datetime) -> str:
    assert row.expires is not None  # noqa: S101 - only these are drawn
    y = TOP + index * LANE
    end, start = _x(row.expires, now), _x(now, now)
    left, width = min(start, end), max(abs(end - start), 3.0)
    label = escape(f"{row.kind} {row.name}")
    title = escape(f"{row.kind} {row.name} in {row.vault}: {render_time(row.expires)}")
    anchor, x = ("start", left + width + 4) if left + width < WIDTH * 0.7 else ("end", left + width - 4)
    return (
        f'<g><title>{title}</title><rect x="{left}" y="{y}" width="{width}" height="{LANE - 4}" rx="2" '
        f'fill="{COLOURS[row.state]}" fill-opacity=".75"/>'
        f'<text x="{x}" y="{y + 11}" text-anchor="{anchor}">{label}</text></g>'
    )


def _table(rows: Sequence[Row], now: datetime) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("Expires", "In", "State", "Object", "Vault", "Used by"))
    body = "\n".join(_cells(row, now) for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(row: Row, now: datetime) -> str:
    cells = (
        "" if row.expires is None else render_time(row.expires),
        render_left(row.expires, now),
        row.state.value,
        f"{row.kind} {row.name}",
        row.vault,
        render_users(row),
    )
    inner = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr style="color:{COLOURS[row.state]}">{inner}</tr>'
