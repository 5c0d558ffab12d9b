"""Many jobs at once: they end, they are counted, and bindings do not wait for them."""

import asyncio
import re

from tests.flow import jobs
from tests.flow.world import WRITES, World
from vaultbind.kube.error_mapping import Call
from vaultbind.kube.resources import CRYPTO_JOBS, SECRETS, VAULT_BINDINGS

MANY = 200


async def test_two_hundred_jobs_do_not_hold_back_bindings(world: World) -> None:
    world.seed.create_key("release")
    world.seed.set_secret("a", "1")
    await jobs.connect(world)
    spec = world.binding_spec(operation="Sign", key={"name": "release"}, input={"text": "a"})
    names = [f"sign-{number}" for number in range(MANY)]
    await asyncio.gather(*(world.create(CRYPTO_JOBS, name, spec=spec) for name in names))
    await world.until(lambda: any(call.resource is CRYPTO_JOBS for call in _writes(world)))
    await world.bind("app", data=[{"key": "a", "secret": {"name": "a"}}])
    await world.until(lambda: world.has(VAULT_BINDINGS, "app", "Ready", "Synced"))
    assert await world.secret("app") == {"a": b"1"}
    await jobs.complete(world, *names)
    writes = _writes(world)
    made = next(number for number, call in enumerate(writes) if call.resource is SECRETS)
    later = {call.name for call in writes[made:] if call.resource is CRYPTO_JOBS}
    assert len(later) > MANY / 4, "the binding came first, or it would prove nothing"
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


def _writes(world: World) -> list[Call]:
    """What the operator has written, in its order."""
    return [call for call in world.calls if call.verb in WRITES and world._is_ours(call)]
