"""Hints: how long a change in the vault takes to its Secret when Event Grid's events tell of it."""

import asyncio
import time
from typing import Any

from bench.cluster import Watcher, apply_vault, create_bindings, render_binding, render_vault
from bench.scenarios import NAMESPACE, VAULT, Stage, name_of
from tools.realcluster.processes import free_ports

SEED = f"vaults:\n  {VAULT}:\n    secrets:\n      placeholder: {{value: x}}\n"
CONDITIONS = (
    "{count} bindings, one change of each secret, five a second, told by the emulator's pushes of "
    "CloudEvents; refreshInterval 365d, so that no look finds them; {latency} added to each vault request. "
    "From the beginning of the write in the vault to the Secret's event in a watch."
)
PER_SECOND = 5
SECRET = "a-secret-of-the-senders"  # noqa: S105 - of this benchmark's own webhook


async def measure(stage: Stage) -> dict[str, Any]:
    """Seconds from each change to its Secret, without any look."""
    for index in range(stage.count):
        await asyncio.to_thread(stage.vault.set_secret, VAULT, name_of(index), "first")
    (port,) = free_ports(1)
    file = stage.folder / "events-secret"
    file.write_text(SECRET, encoding="ascii")
    bodies = [render_binding(name_of(n), VAULT, name_of(n)) for n in range(stage.count)]
    await create_bindings(stage.client, NAMESPACE, bodies)
    await apply_vault(stage.client, render_vault(VAULT, stage.url(VAULT), "365d"))
    async with Watcher(stage.client, NAMESPACE, with_secrets=True).watching() as watcher:
        stage.start_operator(
            "--events", "webhook", "--events-address", f"127.0.0.1:{port}", "--events-secret-file", str(file)
        )
        await watcher.until(lambda: len(watcher.ready) >= stage.count, 180)
        await asyncio.sleep(3)  # what is younger than its time's resolution would be read twice
        stage.vault.subscribe("bench", f"http://127.0.0.1:{port}/events?code={SECRET}")
        await asyncio.sleep(2)
        stage.mark()
        delays = await _change_all(stage, watcher)
        counted = stage.counted()
    delays.sort()
    return {
        "p50_seconds": round(delays[len(delays) // 2], 3),
        "p95_seconds": round(delays[int(len(delays) * 0.95)], 3),
        "max_seconds": round(delays[-1], 3),
        "gets_per_change": round(counted["vault"]["get"] / stage.count, 2),
        "lists": counted["vault"]["list"],
        "cpu_ms_per_change": round(counted["cpu_seconds"] / stage.count * 1000, 2),
    }


async def _change_all(stage: Stage, watcher: Watcher) -> list[float]:
    changed: dict[str, float] = {}
    for index in range(stage.count):
        changed[name_of(index)] = began = time.monotonic()
        await asyncio.to_thread(stage.vault.set_secret, VAULT, name_of(index), f"changed-{index}")
        await asyncio.sleep(max(0.0, 1 / PER_SECOND - (time.monotonic() - began)))

    def first(name: str, moment: float) -> float | None:
        return min((seen for seen in watcher.secrets.get(name, ()) if seen > moment), default=None)

    await watcher.until(lambda: all(first(*item) is not None for item in changed.items()), 60)
    return [(first(name, moment) or float("inf")) - moment for name, moment in changed.items()]


def render_rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of the table: what, measured, target."""
    p50, p95, longest = (result[f"{name}_seconds"] for name in ("p50", "p95", "max"))
    return [
        (
            "a changed value is in its Secret, p50 / p95 / max",
            f"{p50} / {p95} / {longest} s",
            "- / 1 s / -",
        ),
        ("gets per change; lists in all", f"{result['gets_per_change']}; {result['lists']}", "1 to 2; 0"),
        ("operator CPU per change", f"{result['cpu_ms_per_change']} ms", "-"),
    ]
