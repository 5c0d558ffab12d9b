"""The page in a headless Chromium: its script works, its policy stops everything else."""

import pytest

from tests.flow.emulator.browser import CHROMIUM, opened
from vaultbind.emulator import Emulator

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: the page was not looked at")

SHOWN = """
new Promise(done => {
  const place = document.querySelector(".value");
  if (!place.hidden) done(place.textContent);
  new MutationObserver(() => done(place.textContent)).observe(place, {attributes: true});
})
"""
INLINE = """
const script = document.createElement("script");
script.textContent = "document.title = 'bad'";
document.body.append(script);
document.title
"""


async def test_a_value_is_shown_when_it_is_clicked_and_hidden_again() -> None:
    async with Emulator.start() as emulator:
        emulator.driver("shop").set_secret("db", "correct-horse")
        async with opened(f"{emulator.url}/") as tab:
            assert "shop" in await tab.run("document.querySelector('h2').textContent")
            assert "correct-horse" not in await tab.run("document.documentElement.outerHTML")
            await tab.run("document.querySelector('button').click()")
            assert await tab.run(SHOWN) == "correct-horse"
            assert await tab.run("document.querySelector('button').textContent") == "hide"
            await tab.run("document.querySelector('button').click()")
            assert "correct-horse" not in await tab.run("document.documentElement.outerHTML")
            assert await tab.run("getComputedStyle(document.body).maxWidth") != "none"
        assert tab.complaints == []


async def test_what_a_vault_holds_is_no_script() -> None:
    async with Emulator.start() as emulator:
        evil = "<img src=x onerror=document.title='bad'>"
        emulator.driver("shop").set_secret("db", evil, content_type=evil)
        async with opened(f"{emulator.url}/") as tab:
            assert await tab.run("document.title") == "vaultbind emulator"
            assert await tab.run("document.images.length") == 0
            assert await tab.run(INLINE) == "vaultbind emulator"
        assert any("Content Security Policy" in complaint for complaint in tab.complaints)
