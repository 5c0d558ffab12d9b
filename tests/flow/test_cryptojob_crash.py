"""The operator dies at every await of `cryptojobs/`: the next start ends the job, with one result."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.flow import jobs
from tests.flow.await_points import Gate, Point, find_points, gated
from tests.flow.world import World
from tests.flow.world_cluster import MERGE, encode
from vaultbind.handlers import controller
from vaultbind.kube.resources import CONFIG_MAPS, CRYPTO_JOBS, SECRETS

PACKAGE = "vaultbind.cryptojobs"
POINTS = find_points(PACKAGE)
MODULES = {point.module for point in POINTS}
PLAIN = b"0123456789abcdef"


def test_the_points_are_those_of_the_room() -> None:
    """A control: the syntax tree knows as many awaits as the text has words of that name."""
    names = {module.rpartition(".")[2] for module in MODULES}
    assert names == {"apply", "deadline", "observe", "operate", "reconcile"}
    assert len(POINTS) > 25
    assert len(set(POINTS)) == len(POINTS)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    monkeypatch.setattr(controller, "DRAIN_SECONDS", 0.05)
    with gated(PACKAGE) as made:
        yield made


@pytest.mark.timeout(120)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the dead close no sockets
@pytest.mark.parametrize("point", POINTS, ids=str)
async def test_a_crash_at_any_await(world: World, gate: Gate, point: Point) -> None:
    """On the real API server, which is slower, only behind each await."""
    world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    await world.create(SECRETS, "plain", data=encode(k=PLAIN.decode()))
    await _make_what_was_sealed(world)
    moments = ("after",) if world.cluster.sandbox is None else ("before", "after")
    for moment in moments:
        await _crash(world, gate, point, moment, moment)
    end: dict[str, Any] = {}
    await _snapshot(world, "", end)
    await world.restart()
    later: dict[str, Any] = {}
    await _snapshot(world, "", later)
    assert later == end


async def _make_what_was_sealed(world: World) -> None:
    """Outputs that the opposite operations work on."""
    for name, operation in (("sealed", "Encrypt"), ("wrapped", "WrapKey"), ("signed", "Sign")):
        source = {"text": "a"} if operation == "Sign" else {"secretKeyRef": {"name": "plain", "key": "k"}}
        await jobs.submit(world, name, operation, "seal", input=source, output={"configMap": {}})
    source = {"secretKeyRef": {"name": "plain", "key": "k"}}
    await jobs.submit(
        world, "enveloped", "Encrypt", "seal", envelope=True, input=source, output={"configMap": {}}
    )
    await jobs.complete(world, "sealed", "wrapped", "signed", "enveloped")


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
        "rotate": ("RotateKey", {"minAge": "30m"}),
        "brief": ("Sign", {**text, "ttlSecondsAfterFinished": 0}),
    }
    return {f"{number}-{name}": job for name, job in made.items()}


async def _crash(world: World, gate: Gate, point: Point, moment: str, number: str) -> None:
    world.seed.create_key(f"key-{number}")
    annotations = {"vaultbind.dev/cryptojob": f"{number}-again"}
    metadata = {"labels": {"vaultbind.dev/cryptojob-uid": "gone"}, "annotations": annotations}
    await world.create(CONFIG_MAPS, f"{number}-again", metadata=metadata, data={"result": "old"})
    gate.set(point, moment)
    submitted = _jobs(number)
    for name, (operation, spec) in submitted.items():
        key = f"key-{number}" if operation == "RotateKey" else "seal"
        await jobs.submit(world, name, operation, key, **spec)
    await _submit_claimed(world, f"{number}-claimed")
    await world.until(gate.sprung.is_set)
    seen: dict[str, Any] = {}
    await world.restart(lambda: _snapshot(world, f"{number}-", seen))
    lasting = [name for name in submitted if not name.endswith("-brief")]
    await jobs.complete(world, *lasting, f"{number}-claimed")
    where = f"{point} {moment}"
    assert await world.get(CRYPTO_JOBS, f"{number}-brief") is None, where
    assert len(world.vault.vault.keys.store.versions(f"key-{number}")) == 2, where
    for name in ("decrypt", "unwrap", "open"):
        assert await world.secret(f"{number}-{name}") == {"result": PLAIN}, where
    assert (await jobs.status(world, f"{number}-verify"))["result"] == {"valid": True}, where
    assert (await jobs.config_map(world, f"{number}-again"))["result"] != "old", where
    end: dict[str, Any] = {}
    await _snapshot(world, f"{number}-", end)
    for name, thing in seen.items():
        if not name.endswith("-brief"):
            assert end[name] == thing, f"{where}: there were two results of {name}"


async def _submit_claimed(world: World, name: str) -> None:
    """A job that a former operator has claimed and not done."""
    await jobs.submit(world, name, "Sign", "seal", input={"text": "a"}, suspend=True)
    path = f"{CRYPTO_JOBS.path(world.namespace, name)}/status"
    status = await jobs.status(world, "signed")
    claim = {"keyId": status["keyId"], "algorithm": status["algorithm"]}
    await world.cluster.request("PATCH", path, {"status": claim}, content_type=MERGE)
    await world.patch(CRYPTO_JOBS, name, {"spec": {"suspend": False}})


async def _snapshot(world: World, prefix: str, into: dict[str, Any]) -> None:
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
