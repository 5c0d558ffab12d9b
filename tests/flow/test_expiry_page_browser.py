"""The page of `vaultbind expiry --html` in a headless Chromium: at two widths, without any network."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flow.emulator.browser import CHROMIUM, opened
from vaultbind.cli.expiry_page import render_page
from vaultbind.expiry.overview import Cut, Row, State

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: the page was not looked at")

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
STATES = {-20: State.EXPIRED, 3: State.SOON, 90: State.VALID, 300: State.VALID}
LONG = "a-name-that-is-as-long-as-names-of-objects-may-be-" * 2
CUT = Cut(vault=f"KeyVault {'n' * 63}/{'k' * 63}", named=20, ending=1_000)
WIDTHS = {"telephone": 390, "desk": 1280}

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PICTURE = """
(() => {
  const box = document.querySelector("svg").getBoundingClientRect();
  return box.width > 100 && box.height > 20 && box.left >= 0;
})()
"""
COLOURS = """
new Set([...document.querySelectorAll("svg circle, svg rect")].map(e => getComputedStyle(e).fill)).size
"""
CLIPPED = """
[...document.querySelectorAll("tbody td")].filter(cell => {
  const box = cell.getBoundingClientRect();
  return box.width < 1 || box.height < 1;
}).length
"""


def rows() -> list[Row]:
    return [
        Row(
            vault="ClusterKeyVault shop",
            kind="secret",
            name=f"{LONG}{days}" if days == 90 else f"secret-{days}",
            version="0" * 32,
            expires=NOW + days * DAY,
            state=state,
            used_by=("payments/app", "payments/worker"),
        )
        for days, state in STATES.items()
    ]


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
async def test_it_can_be_read(tmp_path: Path, width: int) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_page(rows(), (CUT,), NOW))
    async with opened("about:blank") as tab:
        await tab.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        await tab.call("Network.enable")
        await tab.call(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=0,
            uploadThroughput=0,
        )
        await tab.open(page.as_uri())
        assert await tab.run("innerWidth") == width
        assert await tab.run(OVERFLOW) <= 0, "nobody has to scroll sideways"
        assert await tab.run(PICTURE), "the timeline is seen"
        assert await tab.run(CLIPPED) == 0
        assert await tab.run("document.querySelectorAll('tbody tr').length") == len(STATES)
        assert await tab.run("performance.getEntriesByType('resource').length") == 0
        text = await tab.run("document.body.innerText")
        for row in rows():
            assert row.name in text.replace("\n", "")
        assert "980 more objects end some time" in text
        assert await tab.run(COLOURS) >= 3, "what has ended, ends soon and is good differ"
    assert tab.complaints == []
