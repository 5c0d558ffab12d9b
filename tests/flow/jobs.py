"""CryptoJobs in a world: how they are made, waited for and read."""

import base64
from typing import Any

from tests.flow.world import DEADLINE, World, summarize
from vaultbind.api.conditions import ConditionType
from vaultbind.api.cryptojob import CryptoOperation
from vaultbind.keyvault.simulation.records import KeyVersion
from vaultbind.kube.resources import CONFIG_MAPS, CRYPTO_JOBS

ALL = {"allowedKeys": ["*"], "allowedOperations": [operation.value for operation in CryptoOperation]}
ENDS = (ConditionType.COMPLETE.value, ConditionType.FAILED.value)


async def connect(world: World, **spec: Any) -> None:
    """Make the world's ClusterKeyVault, open to every CryptoJob."""
    await world.connect(**{"crypto": ALL, **spec})


async def submit(world: World, name: str, operation: str, key: str, **spec: Any) -> dict[str, Any]:
    """Create a job for a key of the world's vault."""
    version = spec.pop("version", None)
    named = {"name": key, **({"version": version} if version else {})}
    whole = world.binding_spec(operation=operation, key=named, **spec)
    return await world.create(CRYPTO_JOBS, name, spec=whole)


async def ended(world: World, *names: str) -> None:
    """Wait until jobs have completed or failed, and nothing is left to do."""
    await until_ended(world, *names)
    await world.settled()


async def until_ended(world: World, *names: str, seconds: float = DEADLINE) -> None:
    """Wait until jobs have completed or failed, whoever the operator is."""

    async def all_ended() -> bool:
        found = {
            job["metadata"]["name"]: job for job in await world.cluster.objects(CRYPTO_JOBS, world.namespace)
        }
        return all(_has_ended(found[name]) for name in names)

    await world.until(all_ended, seconds=seconds)


def _has_ended(job: dict[str, Any]) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(item["type"] in ENDS and item["status"] == "True" for item in conditions)


async def complete(world: World, *names: str) -> None:
    """Wait until jobs have ended; each must be Complete."""
    await until_complete(world, *names)
    await world.settled()


async def until_complete(world: World, *names: str, seconds: float = DEADLINE) -> None:
    """The same, whoever the operator is."""
    await until_ended(world, *names, seconds=seconds)
    for name in names:
        told = await conditions(world, name)
        assert told.get("Complete", "").startswith("True"), f"{name}: {await world.tell()}"


async def told(world: World, name: str, reason: str) -> str:
    """Wait until condition Ready of a job gives that reason; return its message."""
    await world.until(lambda: world.has(CRYPTO_JOBS, name, "Ready", reason))
    await world.settled()
    conditions = (await status(world, name))["conditions"]
    return next(str(item["message"]) for item in conditions if item["type"] == "Ready")


async def status(world: World, name: str) -> dict[str, Any]:
    """Status of a job."""
    return await world.status(name, CRYPTO_JOBS)


async def conditions(world: World, name: str) -> dict[str, str]:
    """Conditions of a job as `{type: "status reason"}`."""
    return summarize(await status(world, name))


async def result(world: World, name: str) -> bytes:
    """The result that a job put into its status."""
    return base64.b64decode((await status(world, name))["result"]["value"])


async def config_map(world: World, name: str) -> dict[str, str]:
    """Data of a ConfigMap that must be there."""
    data: dict[str, str] = (await world.there(CONFIG_MAPS, name)).get("data") or {}
    return data


def key_id(world: World, key: str, version: KeyVersion) -> str:
    """Id of a key's version."""
    return f"{world.emulator.vault_url('shop')}/keys/{key}/{version.version}"
