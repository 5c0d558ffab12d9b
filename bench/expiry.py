"""Expiry in one process: what a judgement of many objects costs, without the vaults' requests.

make bench ARGS=expiry       10,000 objects over 20 vaults; writes bench/results/expiry.json
"""

import argparse
import json
import resource
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bench.machine import describe_machine
from vaultbind.api.refs import ObjectKey
from vaultbind.expiry.facts import VaultFacts
from vaultbind.expiry.outbox import Outbox
from vaultbind.expiry.plan import decide
from vaultbind.expiry.report import report
from vaultbind.keyvault import SecretProperties
from vaultbind.keyvault.rotation.state import MonitorState
from vaultbind.telemetry.metrics import Metrics

SUBJECT: Final = "expiry"
ROOT: Final = Path(__file__).resolve().parent.parent
DAY: Final = timedelta(days=1)
PASSES: Final = 20
START: Final = datetime(2026, 11, 25, tzinfo=UTC)
Worlds = Sequence[tuple[ObjectKey, tuple[SecretProperties, ...]]]


class House:
    """The rooms' part of expiry, with what a sink takes besides."""

    def __init__(self, vaults: Worlds) -> None:
        self.vaults = vaults
        self.states = {key: MonitorState() for key, _ in vaults}
        self.metrics = Metrics()
        self.outbox = Outbox()

    def judge(self, now: datetime) -> int:
        """One pass over all vaults; returns how much was told."""
        told = 0
        for key, objects in self.vaults:
            facts = facts_of(key, objects, now)
            judgement = decide(facts, self.states[key])
            self.states[key] = judgement.state
            self.metrics.expiry.judged(key, facts.vault, judgement.counts, objects, facts.now)
            sent_until = self.outbox.take(key, "uid", facts)
            report(facts, judgement, sent_until=sent_until)
            told += len(judgement.tellings)
        while len(self.outbox):  # a sink that takes everything
            for entry in self.outbox.first(100):
                self.outbox.settle(entry)
        return told


def facts_of(key: ObjectKey, objects: tuple[SecretProperties, ...], now: datetime) -> VaultFacts:
    """As the last look shows it."""
    return VaultFacts(
        vault=f"{key.name}.vault.azure.net",
        objects=objects,
        watched=True,
        whole=True,
        warn_before=(30 * DAY, 7 * DAY, DAY),
        told_until=None,
        now=now,
        looked=now,
    )


def make_vaults(objects: int, vaults: int) -> Worlds:
    """Objects that end evenly over two years."""
    each = objects // vaults
    return [
        (
            ObjectKey("KeyVault", "bench", f"v{vault}"),
            tuple(
                SecretProperties(
                    id="",
                    name=f"secret-{number}",
                    created_on=START - 100 * DAY,
                    expires_on=START + 730 * DAY * (number / each),
                )
                for number in range(each)
            ),
        )
        for vault in range(vaults)
    ]


def measure(objects: int, vaults: int) -> dict[str, Any]:
    """First pass, quiet passes, a year in steps of a day, one scrape; CPU seconds and memory."""
    house = House(make_vaults(objects, vaults))
    before = rss_mb()
    first, told_first = timed(lambda: house.judge(START))
    grown = rss_mb() - before
    quiet, told_quiet = timed(lambda: sum(house.judge(START) for _ in range(PASSES)))
    year, told_year = timed(lambda: sum(house.judge(START + day * DAY) for day in range(1, 366)))
    scrape, _ = timed(lambda: len(house.metrics.render()[0]))
    return {
        "objects": objects,
        "vaults": vaults,
        "first_pass_cpu_s": round(first, 3),
        "first_pass_told": told_first,
        "quiet_pass_cpu_ms": round(1000 * quiet / PASSES, 1),
        "quiet_pass_told": told_quiet,
        "year_cpu_s": round(year, 2),
        "year_told": told_year,
        "scrape_cpu_ms": round(1000 * scrape, 1),
        "memory_mb": round(grown, 1),
    }


def render_table(result: dict[str, Any]) -> str:
    """Markdown."""
    figures = result["figures"]
    rows = [
        ("first judgement of all objects", f"{figures['first_pass_cpu_s']} s CPU"),
        ("a judgement with nothing new", f"{figures['quiet_pass_cpu_ms']} ms CPU"),
        ("a year, one judgement a day", f"{figures['year_cpu_s']} s CPU, {figures['year_told']} told"),
        ("one scrape of all metrics", f"{figures['scrape_cpu_ms']} ms CPU"),
        ("memory of what was told", f"{figures['memory_mb']} MB"),
    ]
    return "\n".join(["| what | cost |", "|---|---|", *(f"| {what} | {cost} |" for what, cost in rows)])


def timed(work: Any) -> tuple[float, int]:
    started = time.process_time()
    result: int = work()
    return time.process_time() - started, result


def rss_mb() -> float:
    """Most memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=expiry", description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--vaults", type=int, default=20)
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results/expiry.json")
    chosen = parser.parse_args(arguments)
    result = {
        "subject": SUBJECT,
        "machine": describe_machine(),
        "figures": measure(chosen.objects, chosen.vaults),
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(render_table(result))
    return 0
