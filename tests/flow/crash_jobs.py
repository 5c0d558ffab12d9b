"""One job for each way through the room, made for operators that die, and what the end of them must be."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import MERGE, encode
from vaultbind.kube.resources import CONFIG_MAPS, CRYPTO_JOBS, SECRETS

PLAIN = b"0123456789abcdef"
SIZES = (128, 256)
Wait = Callable[..., Awaitable[None]]
"""Waits until jobs are complete: `jobs.complete`, or `jobs.until_complete` where no operator can be asked."""


async def set_up(world: World, complete: Wait = jobs.complete) -> None:
    """A key, a plaintext, and outputs that the opposite operations work on."""
    for size in SIZES:
        world.seed.create_key(f"aes-{size}", key_type="oct-HSM", size=size)
    await world.create(SECRETS, "plain", data=encode(k=PLAIN.decode()))
    for name, operation in (("sealed", "Encrypt"), ("wrapped", "WrapKey"), ("signed", "Sign")):
        source = {"text": "a"} if operation == "Sign" else {"secretKeyRef": {"name": "plain", "key": "k"}}
        await jobs.submit(world, name, operation, "seal", input=source, output={"configMap": {}})
    source = {"secretKeyRef": {"name": "plain", "key": "k"}}
    await jobs.submit(
        world, "enveloped", "Encrypt", "seal", envelope=True, input=source, output={"configMap": {}}
    )
    await complete(world, "sealed", "wrapped", "signed", "enveloped")


def _jobs(number: str) -> Mapping[str, tuple[str, dict[str, Any]]]:
    """One job for each way through the room."""
    plain = {"input": {"secretKeyRef": {"name": "plain", "key": "k"}}}
    text = {"input": {"text": "a"}}
    secret: dict[str, Any] = {"output": {"secret": {}}}
    jws = {"configMap": {}, "format": "JWS"}
    digest = {"messageType": "Digest", "input": {"value": base64.b64encode(b"d" * 32).decode()}}
    given = {"signature": {"configMapRef": {"name": "signed"}}}
    made: dict[str, tuple[str, dict[str, Any]]] = {
        "encrypt": ("Encrypt", {**plain, "output": {"configMap": {}}}),
        "again": ("Encrypt", {**plain, "output": {"configMap": {}}}),  # its output is a former self's
        "decrypt": ("Decrypt", {"input": {"configMapRef": {"name": "sealed"}}, **secret}),
        "wrap": ("WrapKey", {**plain, **secret}),
        "unwrap": ("UnwrapKey", {"input": {"configMapRef": {"name": "wrapped"}}, **secret}),
        "envelope": ("Encrypt", {**plain, "envelope": True, "output": {"configMap": {}}}),
        "open": ("Decrypt", {"envelope": True, "input": {"configMapRef": {"name": "enveloped"}}, **secret}),
        "sign": ("Sign", {**text, "activeDeadlineSeconds": 86_400}),
        "digest": ("Sign", digest),
        "jws": ("Sign", {**text, "output": jws}),
        "verify": ("Verify", {**text, **given}),
        "verify-digest": ("Verify", {**digest, **given}),
        "aes-128": ("Encrypt", {**plain, "output": {"configMap": {}}}),  # its size has to be found out
        "aes-256": ("Encrypt", {**plain, "output": {"configMap": {}}}),
        "rotate": ("RotateKey", {"minAge": "30m"}),
        "brief": ("Sign", {**text, "ttlSecondsAfterFinished": 0}),
    }
    return {f"{number}-{name}": job for name, job in made.items()}


async def submit_all(world: World, number: str) -> list[str]:
    """Submit them; returns the names of those that stay."""
    world.seed.create_key(f"key-{number}")
    annotations = {"vaultbind.dev/cryptojob": f"{number}-again"}
    metadata = {"labels": {"vaultbind.dev/cryptojob-uid": "gone"}, "annotations": annotations}
    await world.create(CONFIG_MAPS, f"{number}-again", metadata=metadata, data={"result": "old"})
    submitted = _jobs(number)
    for name, (operation, spec) in submitted.items():
        own = {"rotate": f"key-{number}", "aes-128": "aes-128", "aes-256": "aes-256"}
        key = own.get(name.removeprefix(f"{number}-"), "seal")
        await jobs.submit(world, name, operation, key, **spec)
    await _submit_claimed(world, f"{number}-claimed")
    return [*(name for name in submitted if not name.endswith("-brief")), f"{number}-claimed"]


async def _submit_claimed(world: World, name: str) -> None:
    """A job that a former operator has claimed and not done."""
    await jobs.submit(world, name, "Sign", "seal", input={"text": "a"}, suspend=True)
    path = f"{CRYPTO_JOBS.path(world.namespace, name)}/status"
    status = await jobs.status(world, "signed")
    claim = {"keyId": status["keyId"], "algorithm": status["algorithm"]}
    await world.cluster.request("PATCH", path, {"status": claim}, content_type=MERGE)
    await world.patch(CRYPTO_JOBS, name, {"spec": {"suspend": False}})


async def check_end(world: World, number: str, seen: Mapping[str, Any], where: str) -> None:
    """All jobs have ended as they must, once; `seen`: results that there were when the operator died."""
    assert len(world.vault.vault.keys.store.versions(f"key-{number}")) == 2, where
    for name in ("decrypt", "unwrap", "open"):
        assert await world.secret(f"{number}-{name}") == {"result": PLAIN}, where
    assert (await jobs.status(world, f"{number}-verify"))["result"] == {"valid": True}, where
    assert (await jobs.config_map(world, f"{number}-again"))["result"] != "old", where
    for size in SIZES:
        assert (await jobs.config_map(world, f"{number}-aes-{size}"))["algorithm"] == f"A{size}GCM", where
    end: dict[str, Any] = {}
    await snapshot(world, f"{number}-", end)
    for name, thing in seen.items():
        if not name.endswith("-brief"):
            assert end[name] == thing, f"{where}: there were two results of {name}"


async def snapshot(world: World, prefix: str, into: dict[str, Any]) -> None:
    """Every result that anybody could have seen by now: outputs as they are, statuses that are final."""
    for resource in (SECRETS, CONFIG_MAPS):
        for obj in await world.cluster.objects(resource, world.namespace):
            name = obj["metadata"]["name"]
            if name.startswith(prefix) and (obj.get("data") or {}).get("result") != "old":
                into[f"{resource.kind} {name}"] = (obj["metadata"]["resourceVersion"], obj["data"])
    for job in await world.cluster.objects(CRYPTO_JOBS, world.namespace):
        status = job.get("status") or {}
        if job["metadata"]["name"].startswith(prefix) and "completionTime" in status:
            into[f"CryptoJob {job['metadata']['name']}"] = status
