"""The two processes under measurement, and what the kernel says of them."""

import json
import os
import signal
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.environment import ensure_python

TICKS = os.sysconf("SC_CLK_TCK")


def _environ() -> dict[str, str]:
    """Our environment, but with compiled modules kept: an image has them, too."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


class Process:
    """A child process with its processor time and memory."""

    def __init__(self, arguments: list[str], *, log: Path, environ: Mapping[str, str] | None = None) -> None:
        self._log = log.open("ab")
        self.child = subprocess.Popen(
            [str(ensure_python()), "-m", "vaultbind.cli.main", *arguments],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**_environ(), **(environ or {})},
        )

    def cpu_seconds(self) -> float:
        """User and system time so far; 0 once it has ended."""
        if self.child.poll() is not None:
            return 0.0
        fields = Path(f"/proc/{self.child.pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_rss_mb(self) -> float:
        """Highest resident memory so far, in MB."""
        return self._memory_mb("VmHWM:")

    def rss_mb(self) -> float:
        """Resident memory now, in MB."""
        return self._memory_mb("VmRSS:")

    def _memory_mb(self, name: str) -> float:
        for line in Path(f"/proc/{self.child.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024 / 1e6
        return 0.0

    def read_line(self) -> str:
        """Read one line of its standard output."""
        return self.child.stdout.readline().decode().strip() if self.child.stdout else ""

    def stop(self) -> float:
        """End it with SIGTERM; return the seconds that took."""
        started = time.monotonic()
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self._log.close()
        return time.monotonic() - started


class Vault:
    """The emulator as a process, with its control interface."""

    def __init__(self, folder: Path, *, seed: str, latency: str) -> None:
        self.ca_file = folder / "vault-ca.pem"
        seed_file = folder / "seed.yaml"
        seed_file.write_text(seed, encoding="utf-8")
        arguments = ["emulator", "--port", "0", "--ca-file", str(self.ca_file), "--seed", str(seed_file)]
        self.process = Process([*arguments, "--latency", latency], log=folder / "emulator.log")
        self.url = self.process.read_line().split()[1]
        self.port = int(self.url.rsplit(":", 1)[1])
        self._tls = ssl.create_default_context(cafile=str(self.ca_file))
        self._token = ""

    def counts(self) -> dict[str, int]:
        """Requests so far: get, list and other requests of vaults, tokens, and by status 429."""
        found = {"get": 0, "list": 0, "token": 0, "challenge": 0, "throttled": 0, "other": 0}
        for row in self._control("GET", "stats")["requests"]:
            found[_sort(row)] += row["count"]
        return found

    def set_faults(self, faults: list[dict[str, Any]]) -> None:
        """Add faults."""
        self._control("POST", "faults", faults)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._control("DELETE", "faults")

    def set_secret(self, vault: str, name: str, value: str) -> None:
        """Make a new version through the vault's own API."""
        body = json.dumps({"value": value}).encode()
        headers = {
            "Host": f"{vault}.vault.localhost:{self.port}",
            "Authorization": f"Bearer {self.bearer()}",
        }
        url = f"{self.url}/secrets/{name}?api-version=7.4"
        request = urllib.request.Request(  # noqa: S310 - our own emulator
            url, data=body, method="PUT", headers={**headers, "Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, context=self._tls) as answer:  # noqa: S310 - our own emulator
            answer.read()

    def subscribe(self, name: str, endpoint: str) -> None:
        """Push events to an endpoint from now on."""
        self._control("POST", "subscriptions", {"name": name, "endpoint": endpoint})

    def bearer(self) -> str:
        """Token for any vault."""
        if not self._token:
            resource = f"https://vault.localhost:{self.port}"
            url = f"{self.url}/msi/token?resource={resource}&api-version=2019-08-01"
            request = urllib.request.Request(url, headers={"X-IDENTITY-HEADER": "bench"})  # noqa: S310 - our own emulator
            with urllib.request.urlopen(request, context=self._tls) as answer:  # noqa: S310 - our own emulator
                self._token = json.load(answer)["access_token"]
        return self._token

    def _control(self, method: str, path: str, body: object = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(  # noqa: S310 - our own emulator
            f"{self.url}/_vaultbind/{path}", data=data, method=method
        )
        with urllib.request.urlopen(request, context=self._tls) as answer:  # noqa: S310 - our own emulator
            text = answer.read()
        return json.loads(text) if text else None


def _sort(row: Mapping[str, Any]) -> str:
    if row["operation"].startswith("token."):
        return "token"
    by_status = {"401": "challenge", "429": "throttled"}
    if row["status"] in by_status:
        return by_status[row["status"]]
    verb = row["operation"].partition(".")[2]
    return verb if verb in ("get", "list") else "other"
