"""`make bench ARGS=library`: the client library beside the plain Azure SDK, in one run, over TLS.

The emulator is a process of its own. Each measurement is a fresh process; the clients take turns, and the
median of the rounds counts, so that a busy moment of the machine hits all of them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.environment import ensure_python
from bench.library_client import CACHED_READS, NAMES, name_of
from bench.library_table import render_library_table
from bench.machine import ROOT, describe_machine
from bench.processes import Vault

SUBJECT = "library"
CLIENTS = ("ours", "sdk", "sdk-tuned")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=library", description=__doc__)
    parser.add_argument("--gets", type=int, default=10_000, help="reads per round (default 10000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results/library.json")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="vaultbind-bench-") as folder:
        vault = Vault(Path(folder), seed=_render_seed(), latency="0ms")
        try:
            result = measure(vault, gets=arguments.gets, rounds=arguments.rounds)
        finally:
            vault.process.stop()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(render_library_table(result))
    return 0


def measure(vault: Vault, *, gets: int, rounds: int) -> dict[str, Any]:
    """All scenarios, `rounds` times each."""
    return {
        "subject": SUBJECT,
        "machine": describe_machine(),
        "rounds": rounds,
        "gets": _rounds(vault, "gets", rounds, count=gets, concurrency=50),
        "herd": _rounds(vault, "herd", rounds, count=gets, concurrency=100),
        "listing": _rounds(vault, "listing", rounds, count=5, concurrency=1),
        "models": _rounds(vault, "models", rounds, count=1000, concurrency=1, clients=("ours", "sdk")),
        "cached": _summarize([_run(vault, "ours", "cached", CACHED_READS, 1) for _ in range(rounds)]),
    }


def _rounds(
    vault: Vault,
    scenario: str,
    rounds: int,
    *,
    count: int,
    concurrency: int,
    clients: Sequence[str] = CLIENTS,
) -> dict[str, Any]:
    """Figures by client, who take turns."""
    found: dict[str, list[dict[str, Any]]] = {client: [] for client in clients}
    for number in range(rounds):
        print(
            f"{time.strftime('%H:%M:%S')} {scenario} {number + 1}/{rounds} ...", file=sys.stderr, flush=True
        )
        for client, figures in found.items():
            before = vault.counts()
            result = _run(vault, client, scenario, count, concurrency)
            after = vault.counts()
            asked = {key: after[key] - before[key] for key in ("challenge", "token")}
            figures.append({**result, **asked})
    return {client: _summarize(figures) for client, figures in found.items()}


def _summarize(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """Median of each figure."""
    return {key: round(statistics.median(item[key] for item in figures), 4) for key in figures[0]}


def _run(vault: Vault, client: str, scenario: str, count: int, concurrency: int) -> dict[str, Any]:
    command = [str(ensure_python()), "-m", "bench.library_client", "--client", client, "--scenario", scenario]
    command += ["--url", vault.url, "--count", str(count), "--concurrency", str(concurrency)]
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AZURE_")},
        "SSL_CERT_FILE": str(vault.ca_file),
        "IDENTITY_ENDPOINT": f"{vault.url}/msi/token",
        "IDENTITY_HEADER": "bench",
    }
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{client} failed in {scenario}:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _render_seed() -> str:
    lines = ["vaults:", "  default:", "    secrets:"]
    lines += [f"      {name_of(index)}: {{value: value-{index}}}" for index in range(NAMES)]
    return "\n".join([*lines, ""])
