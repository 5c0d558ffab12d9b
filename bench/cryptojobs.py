"""CryptoJobs: signatures by jobs, beside the bare library and a bare loop with the same writes."""

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bench.cluster import Watcher, apply_vault, in_parallel, render_vault, requests
from bench.scenarios import NAMESPACE, VAULT, Stage, measure_start
from vaultbind.api.names import API_VERSION
from vaultbind.keyvault import KeyVaultClient, KeyVaultConfig, ManagedIdentity, SignatureAlgorithm
from vaultbind.kube.resources import CRYPTO_JOBS

KEY = "release"
AT_ONCE = 12
"""As many as the operator works on at once for one vault."""
MESSAGE = b"v1.2.3"
SEED = f"vaults:\n  {VAULT}:\n    keys:\n      {KEY}: {{type: EC, curve: P-256}}\n"
CONDITIONS = "{count} jobs, {latency} added to each vault request."
ALL = {"allowedKeys": ["*"], "allowedOperations": ["Sign"]}


def render_job(name: str) -> dict[str, Any]:
    """A signature in the job's own status."""
    return {
        "apiVersion": API_VERSION,
        "kind": "CryptoJob",
        "metadata": {"name": name},
        "spec": {
            "vaultRef": {"kind": "ClusterKeyVault", "name": VAULT},
            "key": {"name": KEY},
            "operation": "Sign",
            "input": {"text": MESSAGE.decode()},
        },
    }


async def measure(stage: Stage) -> dict[str, Any]:
    """All figures: the library alone, the library with two writes of a status each, and the operator."""
    library = await _measure_library(stage, _no_write)
    floor = await _measure_floor(stage)
    jobs = await _measure_jobs(stage)
    again = await _measure_library(stage, _no_write)
    return {"library": library, "floor": floor, "jobs": jobs, "library_after": again}


async def _no_write(_: int, __: str) -> None:
    """The library alone."""


async def _measure_library(stage: Stage, write: Callable[[int, str], Awaitable[None]]) -> dict[str, float]:
    config = KeyVaultConfig(
        vault_url=stage.url(VAULT),
        credential=ManagedIdentity(),
        ca_pem=stage.vault.ca_file.read_text(encoding="ascii"),
        requests_per_second=10_000,
        burst=10_000,
    )
    os.environ |= {"IDENTITY_ENDPOINT": f"{stage.vault.url}/msi/token", "IDENTITY_HEADER": "bench"}
    async with KeyVaultClient(config) as client:
        key = await client.keys.get_key(KEY)

        async def sign(number: int) -> None:
            await write(number, "Running")
            await client.keys.sign(key, SignatureAlgorithm.ES256, message=MESSAGE)
            await write(number, "Completed")

        started = time.monotonic()
        await in_parallel([lambda n=n: sign(n) for n in range(stage.count)], AT_ONCE)  # type: ignore[misc]
        seconds = time.monotonic() - started
    return {"seconds": round(seconds, 2), "per_second": round(stage.count / seconds, 1)}


async def _measure_floor(stage: Stage) -> dict[str, float]:
    """The same signatures and the same two writes of each status, by a bare loop."""
    made: dict[int, dict[str, Any]] = {}

    async def create(number: int) -> None:
        made[number] = await stage.client.create(CRYPTO_JOBS, NAMESPACE, render_job(f"floor-{number}"))

    await in_parallel([lambda n=n: create(n) for n in range(stage.count)])  # type: ignore[misc]

    async def write(number: int, reason: str) -> None:
        name = made[number]["metadata"]["name"]
        condition = {
            "type": "Ready",
            "status": "True" if reason == "Completed" else "Unknown",
            "reason": reason,
            "message": "",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        patch = {
            "metadata": {"resourceVersion": made[number]["metadata"]["resourceVersion"]},
            "status": {"keyId": "x" * 90, "conditions": [condition]},
        }
        made[number] = await stage.writer.merge_patch(
            CRYPTO_JOBS, NAMESPACE, name, patch, subresource="status"
        )

    result = await _measure_library(stage, write)
    stage.cluster.call("DELETE", CRYPTO_JOBS.path(NAMESPACE))
    return result


async def _measure_jobs(stage: Stage) -> dict[str, Any]:
    """Jobs that exist when the operator starts; from its start to the last one's end."""
    bare = await measure_start(stage)

    async def create(number: int) -> None:
        await stage.client.create(CRYPTO_JOBS, NAMESPACE, render_job(f"job-{number}"))

    await in_parallel([lambda n=n: create(n) for n in range(stage.count)])  # type: ignore[misc]
    vault = render_vault(VAULT, stage.url(VAULT))
    vault["spec"] |= {"crypto": ALL, "rateLimit": {"requestsPerSecond": 2_000, "burst": 20_000}}
    await apply_vault(stage.client, vault)
    async with Watcher(stage.client, NAMESPACE, CRYPTO_JOBS).watching() as watcher:
        stage.mark()
        writes = requests(stage.cluster)
        stage.start_operator()
        done = await watcher.until(lambda: len(watcher.ready) >= stage.count, 300)
        first = min(watcher.ready.values())
        counted = stage.counted()
        written = requests(stage.cluster) - writes
    work = counted["cpu_seconds"] - bare["cpu_seconds"]
    return {
        "seconds": round(done - first, 2),
        "per_second": round(stage.count / (done - first), 1),
        "cpu_ms_per_job": round(work / stage.count * 1000, 2),
        "peak_rss_mb": counted["peak_rss_mb"],
        "writes_per_job": round(written["PATCH", "cryptojobs/status"] / stage.count, 3),
        "vault_requests_per_job": round(
            (counted["vault"]["get"] + counted["vault"]["other"]) / stage.count, 3
        ),
        "start": bare,
    }


def render_rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of the table: what, measured, target."""
    jobs, library, floor = result["jobs"], result["library"], result["floor"]
    count = result["count"]
    return [
        (
            f"{count} jobs that sign, over the bare library loop",
            (
                f"{jobs['seconds'] / library['seconds']:.2f}x "
                f"({jobs['per_second']} jobs/s, library {library['per_second']}/s)"
            ),
            "2x",
        ),
        (
            "the same, over a bare loop with the same two status writes",
            f"{jobs['seconds'] / floor['seconds']:.2f}x (loop {floor['per_second']}/s)",
            "-",
        ),
        ("operator CPU per job, over a start with nothing to do", f"{jobs['cpu_ms_per_job']} ms", "-"),
        ("status writes per job", f"{jobs['writes_per_job']}", "2"),
        ("vault requests per job", f"{jobs['vault_requests_per_job']}", "1 to 2"),
        ("operator peak RSS", f"{jobs['peak_rss_mb']} MB", "-"),
        ("library loop afterwards", f"{result['library_after']['per_second']}/s", "-"),
    ]
