"""Nothing that goes into or comes out of an operation shows anywhere but where it belongs."""

import json
import logging
from typing import Any

import pytest

from tests.flow import jobs
from tests.flow.test_binding_secrecy import CANARY, found
from tests.flow.world import World
from tests.flow.world_cluster import encode
from vaultbind.keyvault.simulation import Fault
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, CONFIG_MAPS, CRYPTO_JOBS, EVENTS, SECRETS


async def test_no_plaintext_shows_anywhere_but_in_secrets(
    quiet_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = quiet_world
    world.seed.create_key("seal", key_type="RSA")
    world.seed.create_key("release")
    with caplog.at_level(logging.DEBUG):
        await world.start_operator()
        await jobs.connect(world)
        await _let_everything_happen(world)
        world.log.check()
    await _assert_silence(world)


async def _let_everything_happen(world: World) -> None:
    """Good and bad jobs of each operation, a crash, an outage in the middle."""
    await world.create(SECRETS, "app", data=encode(k=CANARY, long=CANARY * 40))
    await world.create(CONFIG_MAPS, "taken", data={"result": "theirs"})
    one = {"secretKeyRef": {"name": "app", "key": "k"}}
    long = {"secretKeyRef": {"name": "app", "key": "long"}}
    good = {
        "encrypt": ("Encrypt", {"input": one, "output": {"configMap": {}}}),
        "wrap": ("WrapKey", {"input": one, "output": {"configMap": {}}}),
        "envelope": (
            "Encrypt",
            {"input": {"secretRef": {"name": "app"}}, "envelope": True, "output": {"configMap": {}}},
        ),
    }
    for name, (operation, spec) in good.items():
        await jobs.submit(world, name, operation, "seal", **spec)
    await jobs.submit(world, "sign", "Sign", "release", input=one)
    await jobs.complete(world, *good, "sign")
    back = {
        "decrypt": ("Decrypt", "encrypt", {}),
        "unwrap": ("UnwrapKey", "wrap", {}),
        "open": ("Decrypt", "envelope", {"envelope": True}),
    }
    for name, (operation, made, extra) in back.items():
        source = {"configMapRef": {"name": made}}
        await jobs.submit(world, name, operation, "seal", input=source, output={"secret": {}}, **extra)
    await jobs.complete(world, *back)
    bad: dict[str, dict[str, Any]] = {
        "too-long": {"input": long},
        "not-hex": {"input": {**one, "decode": "Hex"}},
        "no-base64": {"input": {**one, "decode": "Base64"}},
        "taken": {"input": one, "output": {"configMap": {}}},
    }
    for name, spec in bad.items():
        await jobs.submit(world, name, "Encrypt", "seal", backoffLimit=0, **spec)
    await jobs.ended(world, *bad)
    world.emulator.faults.add(Fault(method="POST", status=500, count=4))
    await jobs.submit(world, "late", "Encrypt", "seal", input=one)
    await world.advance(400)
    await world.restart()
    await world.advance(400)
    await jobs.complete(world, "late")
    assert await world.secret("open") == {"k": CANARY.encode(), "long": (CANARY * 40).encode()}


async def _assert_silence(world: World) -> None:
    secrets = await world.cluster.objects(SECRETS, world.namespace)
    assert found(json.dumps(secrets)), "positive control: the Secrets themselves hold the values"
    assert len(world.log.lines) > 50
    assert any(line.startswith("DEBUG") for line in world.log.lines)
    places = {"log": world.log.lines, "Secret's metadata": [json.dumps(item["metadata"]) for item in secrets]}
    for resource in (CRYPTO_JOBS, CONFIG_MAPS, CLUSTER_KEY_VAULTS, EVENTS):
        namespace = world.namespace if resource.namespaced else ""
        objects = await world.cluster.objects(resource, namespace)
        places[resource.kind] = [json.dumps(item, ensure_ascii=False) for item in objects]
        assert places[resource.kind], resource.kind
    metrics, _ = await world.life.ask(world.life.operator.metrics.render)
    places["metrics"] = metrics.decode().splitlines()
    leaks = {place: [line for line in lines if found(line)] for place, lines in places.items()}
    assert leaks == {key: [] for key in places}
    assert any("vaultbind_crypto_attempts_total" in line for line in places["metrics"])
