"""Payloads beyond one block: envelopes, and whole Secrets in them."""

import base64
from typing import Any

import pytest

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import encode
from vaultbind.kube.resources import CONFIG_MAPS, CRYPTO_JOBS, SECRETS

VALUES = {"username": "shop", "password": "hunter2", "note": "ä\n" * 4000}
RESULT = {name: value.encode() for name, value in VALUES.items()}
WHOLE = {"secretRef": {"name": "app"}}


@pytest.mark.parametrize(
    ("key_type", "algorithm"), [("RSA", None), ("RSA", "RSA-OAEP"), ("oct-HSM", None), ("oct-HSM", "A256KW")]
)
async def test_a_whole_secret_there_and_back(world: World, key_type: str, algorithm: str | None) -> None:
    key = world.seed.create_key("seal", key_type=key_type)
    await jobs.connect(world)
    await world.create(SECRETS, "app", data=encode(**VALUES))
    named = {"algorithm": algorithm} if algorithm else {}
    aad = {"value": base64.b64encode(b"shop/app").decode()}
    output = {"configMap": {"name": "sealed", "owner": "None"}}
    await jobs.submit(
        world, "seal", "Encrypt", "seal", envelope=True, input=WHOLE, aad=aad, output=output, **named
    )
    await jobs.complete(world, "seal")
    data = await jobs.config_map(world, "sealed")
    assert set(data) == {"result", "keyId", "algorithm", "aad", "content"}
    assert (data["content"], data["keyId"]) == ("SecretData", jobs.key_id(world, "seal", key))
    assert base64.b64decode(data["result"]).startswith(b"VBEN")
    world.vault.create_key("seal", key_type=key_type)
    # as git gives it back: the data alone
    await world.create(CONFIG_MAPS, "from-git", data=data)
    await jobs.submit(
        world,
        "open",
        "Decrypt",
        "seal",
        envelope=True,
        input={"configMapRef": {"name": "from-git"}},
        output={"secret": {"name": "restored"}},
    )
    await jobs.complete(world, "open")
    assert await world.secret("restored") == RESULT
    assert (await world.spent()).vault.count("keys.decrypt seal") == 0


async def test_an_envelope_names_its_key_version(world: World) -> None:
    key = world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    await world.create(SECRETS, "app", data=encode(k="x" * 100_000))
    source = {"secretKeyRef": {"name": "app", "key": "k"}}
    await jobs.submit(world, "seal", "Encrypt", "seal", envelope=True, input=source, output={"secret": {}})
    await jobs.complete(world, "seal")
    newer = world.vault.create_key("seal", key_type="RSA").version
    sealed = await world.secret("seal")
    inline = {"value": sealed["result"].decode()}
    await jobs.submit(world, "open", "Decrypt", "seal", envelope=True, input=inline, output={"secret": {}})
    await jobs.complete(world, "open")
    assert await world.secret("open") == {"result": b"x" * 100_000}
    assert (await jobs.status(world, "open"))["keyId"] == jobs.key_id(world, "seal", key)
    world.vault.create_key("other", key_type="RSA")
    wrong: dict[str, dict[str, Any]] = {
        "no-envelope": {"input": {"value": "AAAA"}},
        "other-version": {"input": inline, "version": newer},
        "changed": {"input": {"value": base64.b64encode(base64.b64decode(inline["value"])[:-1]).decode()}},
        "other-aad": {"input": inline, "aad": {"value": "AAAA"}},
    }
    for name, spec in wrong.items():
        await jobs.submit(world, name, "Decrypt", "seal", envelope=True, output={"secret": {}}, **spec)
    await jobs.submit(world, "not-asked", "Decrypt", "seal", input=inline, output={"secret": {}})
    await jobs.submit(
        world, "other-key", "Decrypt", "other", envelope=True, input=inline, output={"secret": {}}
    )
    names = [*wrong, "not-asked", "other-key"]
    await jobs.ended(world, *names)
    for name in names:
        assert (await jobs.conditions(world, name))["Failed"] == "True InputInvalid", name
        assert await world.get(SECRETS, name) is None


async def test_what_does_not_fit_is_told(world: World) -> None:
    world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    await world.create(SECRETS, "app", data=encode(k="x" * 60_000, half="x" * 500_000))
    await world.patch(SECRETS, "app", {"data": encode(other="x" * 400_000)})
    one: dict[str, Any] = {"secretKeyRef": {"name": "app", "key": "k"}}
    into: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "into-status": (one, {"status": {}}),
        "into-map": (WHOLE, {"configMap": {}}),
    }
    for name, (source, output) in into.items():
        await jobs.submit(world, name, "Encrypt", "seal", envelope=True, input=source, output=output)
    await jobs.ended(world, "into-status", "into-map")
    for name in ("into-status", "into-map"):
        await jobs.told(world, name, "ResultTooLarge")
    assert len(await world.cluster.objects(CRYPTO_JOBS, world.namespace)) == 2
