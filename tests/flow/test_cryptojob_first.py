"""A CryptoJob from apply to result: what it costs, what it tells, where the result is."""

import base64
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.flow import jobs
from tests.flow.world import Spent, World, stamp
from tests.flow.world_cluster import encode
from vaultbind.api.durations import parse_duration
from vaultbind.kube.resources import CONFIG_MAPS, CRYPTO_JOBS, SECRETS

OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


async def test_a_signature_in_the_status(world: World) -> None:
    key = world.seed.create_key("release", key_type="EC")
    await jobs.connect(world)
    await world.mark()
    await jobs.submit(world, "sign", "Sign", "release", input={"text": "v1.2.3"})
    await jobs.complete(world, "sign")
    assert await world.spent() == Spent(
        writes=["patch cryptojobs/status sign"] * 2,
        vault=["keys.get release", "keys.sign release"],
    )
    status = await jobs.status(world, "sign")
    signature = base64.b64decode(status["result"]["value"])
    der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    assert isinstance(key.material, ec.EllipticCurvePrivateKey)
    key.material.public_key().verify(der, b"v1.2.3", ec.ECDSA(hashes.SHA256()))
    assert (await jobs.conditions(world, "sign")) == {"Complete": "True Completed", "Ready": "True Completed"}
    assert status["keyId"] == jobs.key_id(world, "release", key)
    assert status["algorithm"] == "ES256"
    assert parse_duration(status["duration"]) < timedelta(minutes=1)
    assert status["startTime"] <= status["completionTime"] <= stamp(world.clock.now())
    assert {item["lastTransitionTime"] for item in status["conditions"]} == {status["completionTime"]}
    assert await world.events() == []


async def test_there_and_back(world: World) -> None:
    key = world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    await world.create(SECRETS, "db", data=encode(password="hunter2"))
    await world.mark()
    await jobs.submit(
        world,
        "seal",
        "Encrypt",
        "seal",
        input={"secretKeyRef": {"name": "db", "key": "password"}},
        output={"configMap": {"name": "sealed"}},
    )
    await jobs.complete(world, "seal")
    assert (await world.spent()).writes == ["create configmaps sealed", *["patch cryptojobs/status seal"] * 2]
    data = await jobs.config_map(world, "sealed")
    assert set(data) == {"result", "keyId", "algorithm"}
    assert (data["keyId"], data["algorithm"]) == (jobs.key_id(world, "seal", key), "RSA-OAEP-256")
    assert isinstance(key.material, rsa.RSAPrivateKey)
    assert key.material.decrypt(base64.b64decode(data["result"]), OAEP) == b"hunter2"
    world.vault.create_key("seal", key_type="RSA")  # a newer version: the output names the one that is needed
    await jobs.submit(
        world,
        "open",
        "Decrypt",
        "seal",
        input={"configMapRef": {"name": "sealed"}},
        output={"secret": {"name": "opened", "key": "password"}},
    )
    await jobs.complete(world, "open")
    assert await world.secret("opened") == {"password": b"hunter2"}
    status = await jobs.status(world, "open")
    assert status["output"] == {"kind": "Secret", "name": "opened"}
    assert status["keyId"] == data["keyId"]
    assert "result" not in status


async def test_the_output_says_whose_it_is_and_goes_with_its_job(world: World) -> None:
    key = world.seed.create_key("release", key_type="EC")
    await jobs.connect(world)
    outputs: dict[str, dict[str, Any]] = {
        "ours": {"configMap": {"owner": "Job"}},
        "free": {"configMap": {"owner": "None"}},
        "ours-as-well": {"secret": {"owner": "Job"}},
        "free-as-well": {"secret": {"owner": "None"}},
    }
    for name, output in outputs.items():
        await jobs.submit(world, name, "Sign", "release", input={"text": "a"}, output=output)
    await jobs.complete(world, *outputs)
    job = await world.there(CRYPTO_JOBS, "ours")
    metadata = (await world.there(CONFIG_MAPS, "ours"))["metadata"]
    assert metadata["labels"] == {"vaultbind.dev/cryptojob-uid": job["metadata"]["uid"]}
    assert metadata["annotations"] == {
        "vaultbind.dev/cryptojob": "ours",
        "vaultbind.dev/key-id": jobs.key_id(world, "release", key),
        "vaultbind.dev/algorithm": "ES256",
    }
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "vaultbind.dev/v1alpha1",
            "kind": "CryptoJob",
            "name": "ours",
            "uid": job["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]
    assert "ownerReferences" not in (await world.there(CONFIG_MAPS, "free"))["metadata"]
    assert "ownerReferences" in (await world.there(SECRETS, "ours-as-well"))["metadata"]
    assert "ownerReferences" not in (await world.there(SECRETS, "free-as-well"))["metadata"]
    assert "finalizers" not in job["metadata"]
    for name in ("ours", "free"):
        await world.delete(CRYPTO_JOBS, name)

    async def is_gone() -> bool:
        return await world.get(CONFIG_MAPS, "ours") is None

    await world.until(is_gone)
    assert await world.get(CONFIG_MAPS, "free") is not None


async def test_finished_is_final(world: World) -> None:
    world.seed.create_key("release", key_type="EC")
    await jobs.connect(world)
    await jobs.submit(world, "sign", "Sign", "release", input={"text": "a"})
    await jobs.complete(world, "sign")
    before = await jobs.status(world, "sign")
    await world.restart()
    assert (await world.spent()).writes == []
    await world.patch(CRYPTO_JOBS, "sign", {"spec": {"suspend": True, "backoffLimit": 1}})
    await world.settled()
    after = await jobs.status(world, "sign")
    assert after["observedGeneration"] == 2
    for condition in after["conditions"]:
        condition["observedGeneration"] = 1
    assert after == {**before, "observedGeneration": 2}
    assert [line for line in (await world.spent()).vault if "sign" in line] == []
