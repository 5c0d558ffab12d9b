"""Where inputs come from and where results go, and what is wrong with some of them."""

import base64

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import encode
from vaultbind.kube.resources import CONFIG_MAPS, CRYPTO_JOBS, SECRETS

MESSAGE = b"v1.2.3"
CODED = base64.b64encode(MESSAGE).decode()


async def test_every_input(world: World) -> None:
    key = world.seed.create_key("release")
    await jobs.connect(world)
    url_coded = base64.urlsafe_b64encode(MESSAGE).decode().rstrip("=")
    await world.create(SECRETS, "s", data=encode(plain=MESSAGE.decode(), coded=CODED))
    body = {"data": {"plain": MESSAGE.decode(), "url": url_coded}, "binaryData": {"bytes": CODED}}
    await world.create(CONFIG_MAPS, "m", **body)
    sources = {
        "value": {"value": CODED},
        "text": {"text": MESSAGE.decode()},
        "hex": {"text": MESSAGE.hex(), "decode": "Hex"},
        "as-it-is": {"text": MESSAGE.decode(), "decode": "None"},
        "guessed": {"text": CODED, "decode": "Auto"},
        "secret": {"secretKeyRef": {"name": "s", "key": "plain"}},
        "coded": {"secretKeyRef": {"name": "s", "key": "coded"}, "decode": "Base64"},
        "map": {"configMapKeyRef": {"name": "m", "key": "plain"}},
        "url": {"configMapKeyRef": {"name": "m", "key": "url"}, "decode": "Base64URL"},
        "binary": {"configMapKeyRef": {"name": "m", "key": "bytes"}},
    }
    for name, source in sources.items():
        await jobs.submit(world, name, "Sign", "release", input=source, output={"status": {}})
    await jobs.complete(world, *sources)
    assert isinstance(key.material, ec.EllipticCurvePrivateKey)
    for name in sources:
        signature = await jobs.result(world, name)
        der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        key.material.public_key().verify(der, MESSAGE, ec.ECDSA(hashes.SHA256()))


async def test_a_pinned_version_is_used(world: World) -> None:
    old = world.seed.create_key("release")
    world.seed.create_key("release")
    await jobs.connect(world)
    text = {"text": "a"}
    await jobs.submit(world, "sign", "Sign", "release", version=old.version.upper(), input=text)
    await jobs.complete(world, "sign")
    assert (await jobs.status(world, "sign"))["keyId"] == jobs.key_id(world, "release", old)


async def test_parameters_of_aes(world: World) -> None:
    key = world.seed.create_key("seal", key_type="oct-HSM", size=128)
    await jobs.connect(world)
    assert isinstance(key.material, bytes)
    iv, aad = b"twelve bytes", b"context"
    sealed = AESGCM(key.material).encrypt(iv, MESSAGE, aad)
    ciphertext, tag = sealed[:-16], sealed[-16:]
    await world.create(SECRETS, "s", data=encode(aad=aad.decode(), tag=tag.hex()))
    await world.create(CONFIG_MAPS, "m", data={"iv": base64.b64encode(iv).decode()})
    await jobs.submit(
        world,
        "open",
        "Decrypt",
        "seal",
        algorithm="A128GCM",
        input={"value": base64.b64encode(ciphertext).decode()},
        iv={"configMapKeyRef": {"name": "m", "key": "iv"}, "decode": "Base64"},
        aad={"secretKeyRef": {"name": "s", "key": "aad"}},
        tag={"secretKeyRef": {"name": "s", "key": "tag"}, "decode": "Hex"},
        output={"secret": {}},
    )
    await world.create(SECRETS, "plain", data=encode(text=MESSAGE.decode()))
    source = {"secretKeyRef": {"name": "plain", "key": "text"}}
    inline = {"value": base64.b64encode(aad).decode()}
    await jobs.submit(world, "seal", "Encrypt", "seal", algorithm="A128GCM", input=source, aad=inline)
    given = {"value": base64.b64encode(b"sixteen bytes, 2").decode()}
    await jobs.submit(world, "cbc", "Encrypt", "seal", algorithm="A128CBCPAD", input=source, iv=given)
    await jobs.complete(world, "open", "seal", "cbc")
    assert await world.secret("open") == {"result": MESSAGE}
    found = {
        name: base64.b64decode(text) for name, text in (await jobs.status(world, "seal"))["result"].items()
    }
    opened = AESGCM(key.material).decrypt(found["iv"], found["value"] + found["tag"], found["aad"])
    assert (opened, found["aad"]) == (MESSAGE, aad)
    assert (await jobs.status(world, "cbc"))["result"]["iv"] == given["value"]


async def test_an_input_that_comes_later_is_waited_for(world: World) -> None:
    world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    source = {"secretKeyRef": {"name": "late", "key": "k"}}
    await jobs.submit(world, "seal", "Encrypt", "seal", input=source, backoffLimit=0)
    assert "Secret late does not exist" in await jobs.told(world, "seal", "InputNotFound")
    await world.create(SECRETS, "late", data=encode(other="a"))
    await world.advance(400)
    assert "key k of Secret late" in await jobs.told(world, "seal", "InputNotFound")
    await world.patch(SECRETS, "late", {"data": encode(k="a")})
    await world.advance(400)
    await jobs.complete(world, "seal")
    assert "attempts" not in await jobs.status(world, "seal")


UNUSABLE = {
    "odd": ({"secretKeyRef": {"name": "s", "key": "text"}, "decode": "Hex"}, "cannot be decoded as Hex"),
    "binary": ({"secretKeyRef": {"name": "s", "key": "bytes"}, "decode": "Hex"}, "is no text"),
    "no-output": ({"secretRef": {"name": "s"}}, "no key result"),
    "other-key": ({"secretRef": {"name": "other"}}, "made with key other"),
    "other-vault": ({"secretRef": {"name": "elsewhere"}}, "or in another vault"),
}


async def test_inputs_that_are_of_no_use_fail_at_once(world: World) -> None:
    version = world.seed.create_key("seal", key_type="RSA").version
    await jobs.connect(world)
    body = {"text": base64.b64encode(b"hello").decode(), "bytes": base64.b64encode(b"\xff\xfe").decode()}
    await world.create(SECRETS, "s", data=body)
    url = world.emulator.vault_url("shop")
    for name, key_id in (
        ("other", f"{url}/keys/other/{version}"),
        ("elsewhere", f"https://other.vault.azure.net/keys/seal/{version}"),
    ):
        await world.create(SECRETS, name, data=encode(result=CODED, keyId=key_id, algorithm="RSA-OAEP"))
    for name, (source, _) in UNUSABLE.items():
        await jobs.submit(world, name, "Decrypt", "seal", input=source, output={"secret": {}})
    await jobs.ended(world, *UNUSABLE)
    for name, (_, words) in UNUSABLE.items():
        assert (await jobs.conditions(world, name))["Failed"] == "True InputInvalid", name
        assert words in await jobs.told(world, name, "InputInvalid")
    assert [line for line in (await world.spent()).vault if "decrypt" in line] == []


async def test_what_the_vault_refuses_fails_at_once(world: World) -> None:
    world.seed.create_key("seal", key_type="RSA")
    await jobs.connect(world)
    await world.create(SECRETS, "big", data=encode(text="x" * 191))
    source = {"secretKeyRef": {"name": "big", "key": "text"}}
    await jobs.submit(world, "too-long", "Encrypt", "seal", input=source)
    wrong = {"value": base64.b64encode(b"\1" * 256).decode()}
    await jobs.submit(world, "not-ours", "Decrypt", "seal", input=wrong, output={"secret": {}})
    await jobs.ended(world, "too-long", "not-ours")
    assert "190 bytes" in await jobs.told(world, "too-long", "InputInvalid")
    assert "400 BadParameter" in await jobs.told(world, "not-ours", "OperationRefused")
    assert await world.get(SECRETS, "not-ours") is None


async def test_an_output_of_somebody_else_is_never_touched(world: World) -> None:
    world.seed.create_key("release")
    await jobs.connect(world)
    await world.create(CONFIG_MAPS, "theirs", data={"result": "theirs"})
    other = {"vaultbind.dev/cryptojob-uid": "someone", "vaultbind.dev/cryptojob": "x"}
    metadata = {"labels": {"vaultbind.dev/cryptojob-uid": "someone"}, "annotations": other}
    await world.create(CONFIG_MAPS, "another-s", metadata=metadata, data={"result": "theirs"})
    for name in ("theirs", "another-s"):
        await jobs.submit(
            world, name, "Sign", "release", input={"text": "a"}, output={"configMap": {}}, backoffLimit=0
        )
    await jobs.ended(world, "theirs", "another-s")
    for name in ("theirs", "another-s"):
        assert "OutputNotOwned" in await jobs.told(world, name, "BackoffLimitExceeded")
        assert await jobs.config_map(world, name) == {"result": "theirs"}


async def test_the_output_of_a_former_self_is_replaced(world: World) -> None:
    world.seed.create_key("release")
    await jobs.connect(world)
    output = {"configMap": {"name": "kept", "owner": "None"}}
    await jobs.submit(world, "sign", "Sign", "release", input={"text": "a"}, output=output)
    await jobs.complete(world, "sign")
    first = await world.there(CONFIG_MAPS, "kept")
    await world.patch(CONFIG_MAPS, "kept", {"binaryData": {"rest": "AAAA"}})
    await world.delete(CRYPTO_JOBS, "sign")
    await jobs.submit(
        world, "sign", "Sign", "release", input={"text": "b"}, output={"configMap": {"name": "kept"}}
    )
    await jobs.complete(world, "sign")
    second = await world.there(CONFIG_MAPS, "kept")
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert second["data"]["result"] != first["data"]["result"]
    assert "binaryData" not in second
    assert second["metadata"]["ownerReferences"][0]["name"] == "sign"
    uid = (await world.there(CRYPTO_JOBS, "sign"))["metadata"]["uid"]
    assert second["metadata"]["labels"] == {"vaultbind.dev/cryptojob-uid": uid}
