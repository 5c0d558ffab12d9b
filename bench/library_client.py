"""One client, one scenario, one process: prints what it took as JSON. `bench.library` starts it.

Clients: `ours`; `sdk`, the plain Azure SDK with its defaults; `sdk-tuned`, the SDK on our transport, with the
session, the TLS context and the timeouts that ours has.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, Self

NAMES = 1000
CACHED_READS = 100_000


class Client(Protocol):
    """What is measured of a client."""

    async def get(self, name: str) -> str:
        """Value of a secret."""
        ...

    async def list_all(self) -> int:
        """Count the properties of all secrets."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class Ours:
    """vaultbind.keyvault, its rate limit out of the way."""

    def __init__(self, url: str, **settings: Any) -> None:
        from vaultbind.keyvault import KeyVaultClient, KeyVaultConfig, ManagedIdentity

        config = KeyVaultConfig(
            vault_url=url,
            credential=ManagedIdentity(),
            requests_per_second=1e6,
            burst=1_000_000,
            **settings,
        )
        self.client = KeyVaultClient(config)

    async def get(self, name: str) -> str:
        """Value of a secret."""
        return (await self.client.secrets.get_secret(name)).value.expose_secret()

    async def list_all(self) -> int:
        """Count the properties of all secrets."""
        return len(await self.client.secrets.list_secrets())

    async def aclose(self) -> None:
        """Close connections."""
        await self.client.aclose()


class Sdk:
    """azure-keyvault-secrets and azure-identity as their pages show them, or on our transport."""

    def __init__(self, url: str, *, tuned: bool) -> None:
        from azure.identity.aio import ManagedIdentityCredential
        from azure.keyvault.secrets.aio import SecretClient

        from vaultbind.keyvault import SharedTransport

        options: dict[str, Any] = {"transport": SharedTransport()} if tuned else {}
        self.transport = options.get("transport")
        self.credential = ManagedIdentityCredential(**options)
        self.client = SecretClient(url, self.credential, **options)

    async def get(self, name: str) -> str:
        """Value of a secret."""
        return (await self.client.get_secret(name)).value or ""

    async def list_all(self) -> int:
        """Count the properties of all secrets."""
        return len([item async for item in self.client.list_properties_of_secrets()])

    async def aclose(self) -> None:
        """Close connections."""
        await self.client.close()
        await self.credential.close()
        if self.transport is not None:
            await self.transport.aclose()


CLIENTS: dict[str, Callable[[str], Client]] = {
    "ours": Ours,
    "sdk": lambda url: Sdk(url, tuned=False),
    "sdk-tuned": lambda url: Sdk(url, tuned=True),
}


async def measure_gets(client: Client, count: int, concurrency: int) -> dict[str, float]:
    """Read `count` values, `concurrency` at a time, on connections that are open."""
    await client.get(name_of(0))
    await asyncio.gather(*(client.get(name_of(index)) for index in range(concurrency)))
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            value = await client.get(name_of(number % NAMES))
            if value != f"value-{number % NAMES}":
                raise AssertionError("another value")

    with Stopwatch() as watch:
        await asyncio.gather(*(work() for _ in range(concurrency)))
    return {"requests": count, **watch.figures}


async def measure_herd(client: Client, count: int, concurrency: int) -> dict[str, float]:
    """First calls of a process, all at once; the emulator counts challenges and tokens."""
    with Stopwatch() as watch:
        await asyncio.gather(*(client.get(name_of(number)) for number in range(concurrency)))
    return {"requests": concurrency, "of": count, **watch.figures}


async def measure_listing(client: Client, count: int, concurrency: int) -> dict[str, float]:
    """List the properties of all secrets, `count` times after one to warm up."""
    await client.list_all()
    with Stopwatch() as watch:
        for _ in range(count):
            if await client.list_all() != NAMES:
                raise AssertionError("a list of another length")
    return {"lists": count, "concurrency": concurrency, **watch.figures}


async def measure_cached(client: Client, count: int, concurrency: int) -> dict[str, float]:
    """Read one value again and again, out of the cache."""
    await client.get(name_of(0))
    with Stopwatch() as watch:
        for _ in range(count):
            await client.get(name_of(0))
    return {"reads": count, "concurrency": concurrency, **watch.figures}


Scenario = Callable[[Client, int, int], Awaitable[dict[str, float]]]
SCENARIOS: dict[str, Scenario] = {
    "gets": measure_gets,
    "herd": measure_herd,
    "listing": measure_listing,
    "cached": measure_cached,
}
MODELS = "models"
"""The scenario without a vault."""


class Stopwatch:
    """Seconds of the clock and of this process's processor time."""

    def __enter__(self) -> Self:
        self.figures: dict[str, float] = {}
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        self.figures = {"seconds": round(wall, 4), "cpu_seconds": round(cpu, 4)}


def name_of(index: int) -> str:
    """Name of a seeded secret."""
    return f"s-{index:05}"


async def run(arguments: argparse.Namespace) -> dict[str, float]:
    if arguments.scenario == MODELS:
        from bench.library_models import measure_models

        return measure_models(arguments.client, arguments.count)
    if arguments.scenario == "cached":
        from vaultbind.keyvault import CacheConfig

        client: Client = Ours(arguments.url, cache=CacheConfig(ttl=3600))
    else:
        client = CLIENTS[arguments.client](arguments.url)
    try:
        return await SCENARIOS[arguments.scenario](client, arguments.count, arguments.concurrency)
    finally:
        await client.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", choices=CLIENTS, default="ours")
    parser.add_argument("--scenario", choices=(*SCENARIOS, MODELS), required=True)
    parser.add_argument("--url", default=os.environ.get("AZURE_KEYVAULT_URL", ""))
    parser.add_argument("--count", type=int, default=CACHED_READS)
    parser.add_argument("--concurrency", type=int, default=1)
    print(json.dumps(asyncio.run(run(parser.parse_args()))))


if __name__ == "__main__":
    main()
