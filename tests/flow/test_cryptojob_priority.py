"""Many jobs at once: they end, they are counted, and bindings do not wait for them."""

import asyncio
import re

from tests.flow import jobs
from tests.flow.world import World
from vaultbind.kube.resources import CRYPTO_JOBS, SECRETS, VAULT_BINDINGS

MANY = 200


async def test_two_hundred_jobs_do_not_hold_back_bindings(world: World) -> None:
    world.seed.create_key("release")
    world.seed.set_secret("a", "1")
    await jobs.connect(world)
    spec = world.binding_spec(operation="Sign", key={"name": "release"}, input={"text": "a"})
    names = [f"sign-{number}" for number in range(MANY)]
    await asyncio.gather(*(world.create(CRYPTO_JOBS, name, spec=spec) for name in names))
    await world.until(lambda: _has_begun(world))
    await world.bind("app", data=[{"key": "a", "secret": {"name": "a"}}])
    await world.until(lambda: world.has(VAULT_BINDINGS, "app", "Ready", "Synced"))
    left = MANY - await _count_ended(world)
    assert left > MANY / 4, "the binding came first, or it would prove nothing"
    assert await world.secret("app") == {"a": b"1"}
    await jobs.complete(world, *names)
    assert await world.get(SECRETS, "app") is not None
    metrics, _ = await world.life.ask(world.life.operator.metrics.render)
    counted = dict(
        re.findall(
            r"^(vaultbind_crypto\w+_(?:total|count)\{[^}]*\}) ([0-9.]+)$", metrics.decode(), re.MULTILINE
        )
    )
    assert counted == {
        'vaultbind_crypto_attempts_total{algorithm="ES256",operation="Sign",outcome="done"}': f"{MANY}.0",
        'vaultbind_crypto_jobs_total{operation="Sign",outcome="complete"}': f"{MANY}.0",
        'vaultbind_crypto_job_duration_seconds_count{operation="Sign"}': f"{MANY}.0",
    }


async def _has_begun(world: World) -> bool:
    return await _count_ended(world) > 0


async def _count_ended(world: World) -> int:
    found = await world.cluster.objects(CRYPTO_JOBS, world.namespace)
    return sum("completionTime" in (job.get("status") or {}) for job in found)
