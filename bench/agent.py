"""The agent in a pod: what a start costs, and its memory; by the broker, and as the pod itself.

make bench ARGS=agent        writes bench/results/agent.json
"""

import argparse
import base64
import json
import os
import ssl
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

from bench.environment import ensure_python
from bench.injection import put_certificate
from bench.machine import describe_machine
from bench.processes import Vault
from vaultbind.injection.annotations import Auth
from vaultbind.injection.containers import COMMANDS
from vaultbind.injection.sources import PodAuth, VaultAddress, render_sources, source_of

SUBJECT: Final = "agent"
ROOT: Final = Path(__file__).resolve().parent.parent
STARTS: Final = 9
VALUES: Final = {f"KEY_{number}": "x" * 40 for number in range(10)}
TENANT: Final = "00000000-0000-0000-0000-00000000cafe"
ASSERTION: Final = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJiZW5jaCJ9.eA"
"""Looks like a token, which is all that the emulator asks of clients that nobody registered."""
TARGETS: Final = {"broker": ("150 ms", "24 MB"), "pod": ("-", "-")}


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """Answer as a broker does, and nothing else; gives what an agent is told."""
    authority = put_certificate(folder / "tls")
    data = {key: base64.b64encode(value.encode()).decode() for key, value in VALUES.items()}
    body = json.dumps({"data": data}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls/tls.crt", folder / "tls/tls.key")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"https://localhost:{server.server_address[1]}"
        yield {"VAULTBIND_BROKER": url, "VAULTBIND_BROKER_CA": authority.certificate.decode()}
        server.shutdown()


@contextmanager
def vault(folder: Path) -> Iterator[dict[str, str]]:
    """The emulator; gives what an agent is told that asks it."""
    lines = "".join(f"      {key.replace('_', '-')}: {value}\n" for key, value in VALUES.items())
    found = Vault(folder, seed=f"vaults:\n  bench:\n    secrets:\n{lines}", latency="0ms")
    data = [{"key": key, "secret": {"name": key.replace("_", "-")}} for key in VALUES]
    address = VaultAddress(
        url=f"https://bench.vault.localhost:{found.port}",
        tenant_id=TENANT,
        authority_host=f"https://127.0.0.1:{found.port}",
        ca_bundle=found.ca_file.read_text(encoding="ascii"),
    )
    try:
        yield {
            "VAULTBIND_SOURCES": render_sources(
                PodAuth(client_id="bench", sources={"shop-db": source_of(address, {"data": data})})
            )
        }
    finally:
        found.process.stop()


def measure(folder: Path, auth: Auth, told: Mapping[str, str]) -> dict[str, float]:
    """Milliseconds of a processor and of the clock for an init run, and the peak of one that refreshes."""
    (folder / "token").write_text(ASSERTION, encoding="ascii")
    environ = {
        "PATH": os.environ["PATH"],
        "VAULTBIND_BINDINGS": "shop-db",
        "VAULTBIND_TOKEN_FILE": str(folder / "token"),
        "VAULTBIND_ENV_FILE": str(folder / "variables"),
        "VAULTBIND_VARIABLES": ",".join(f"shop-db/{key}" for key in VALUES),
        "VAULTBIND_REFRESH": "0.01",
        **told,
    }
    command = [str(ensure_python()), *COMMANDS[auth][1:]]
    runs = [_run([*command, "init"], environ, folder / "variables") for _ in range(STARTS + 1)][1:]
    cpu, wall = (statistics.median(column) for column in zip(*runs, strict=True))
    (folder / "variables").unlink()
    peak = _peak_mb([*command, "refresh"], environ)
    return {"cpu_ms": round(cpu * 1000), "wall_ms": round(wall * 1000), "peak_rss_mb": round(peak, 1)}


def _run(command: Sequence[str], environ: Mapping[str, str], written: Path) -> tuple[float, float]:
    written.unlink(missing_ok=True)
    started = time.monotonic()
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not written.exists():
        raise RuntimeError(f"the agent ended with {process.returncode} and wrote nothing")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - started


def _peak_mb(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Highest resident memory once everything is written."""
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None  # noqa: S101 - a pipe was asked for
        line = process.stderr.readline()
        told = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        process.terminate()
    if "new content was written" not in line:
        raise RuntimeError(line)
    return next(int(row.split()[1]) for row in told.splitlines() if row.startswith("VmHWM:")) * 1024 / 1e6


def render_table(result: Mapping[str, Any]) -> str:
    """Markdown."""
    lines = ["| agent | a start, CPU | a start, clock | peak RSS |", "|---|---|---|---|"]
    for name, words in (("broker", "asks the broker"), ("pod", "asks the vault itself (`auth: pod`)")):
        found, (cpu, memory) = result["figures"][name], TARGETS[name]
        lines.append(
            f"| {words} | {found['cpu_ms']} ms (target {cpu}) | {found['wall_ms']} ms "
            f"| {found['peak_rss_mb']} MB (target {memory}) |"
        )
    return "\n".join(lines).replace(" (target -)", "")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=agent", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results/agent.json")
    chosen = parser.parse_args(arguments)
    figures: dict[str, dict[str, float]] = {}
    for auth, source in ((Auth.BROKER, serving), (Auth.POD, vault)):
        with tempfile.TemporaryDirectory(prefix="vaultbind-bench-") as name, source(Path(name)) as told:
            figures[auth.value] = measure(Path(name), auth, told)
    result = {"subject": SUBJECT, "machine": describe_machine(), "keys": len(VALUES), "figures": figures}
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(render_table(result))
    return 0
