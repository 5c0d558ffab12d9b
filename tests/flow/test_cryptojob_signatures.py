"""Forms of signatures, digests, and what a wrong one means."""

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import encode
from vaultbind.keyvault.simulation.keymaterial import KeyMaterial
from vaultbind.kube.resources import CONFIG_MAPS, CRYPTO_JOBS, SECRETS

MESSAGE = b"v1.2.3"
TEXT = {"text": MESSAGE.decode()}
SHA256 = ec.ECDSA(hashes.SHA256())


def public(material: KeyMaterial) -> ec.EllipticCurvePublicKey:
    assert isinstance(material, ec.EllipticCurvePrivateKey)
    return material.public_key()


def der(signature: bytes) -> bytes:
    half = len(signature) // 2
    return encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_digest_is_signed_as_it_is(world: World) -> None:
    key = world.seed.create_key("release")
    await jobs.connect(world)
    digest = hashlib.sha256(MESSAGE).digest()
    value = base64.b64encode(digest).decode()
    await jobs.submit(world, "sign", "Sign", "release", messageType="Digest", input={"value": value})
    await world.create(CONFIG_MAPS, "sums", data={"sha256": digest.hex()})
    by_name = {"configMapKeyRef": {"name": "sums", "key": "sha256"}, "decode": "Hex"}
    await jobs.submit(world, "sign-sum", "Sign", "release", messageType="Digest", input=by_name)
    await jobs.complete(world, "sign", "sign-sum")
    for name in ("sign", "sign-sum"):
        signature = await jobs.result(world, name)
        public(key.material).verify(der(signature), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    given = {"value": (await jobs.status(world, "sign"))["result"]["value"]}
    source = {"value": value}
    await jobs.submit(
        world, "verify", "Verify", "release", messageType="Digest", input=source, signature=given
    )
    await jobs.submit(
        world, "mistake", "Verify", "release", messageType="Message", input=source, signature=given
    )
    await jobs.complete(world, "verify", "mistake")
    assert (await jobs.status(world, "verify"))["result"] == {"valid": True}
    assert (await jobs.status(world, "mistake"))["result"] == {"valid": False}, "hashed once more"


@pytest.mark.parametrize("form", ["Raw", "DER", "JWS", "JWSDetached"])
async def test_every_form_of_a_signature(world: World, form: str) -> None:
    key = world.seed.create_key("release", curve="P-521")
    await jobs.connect(world)
    output = {"configMap": {"name": "signature"}, "format": form}
    await jobs.submit(world, "sign", "Sign", "release", input=TEXT, output=output)
    await jobs.complete(world, "sign")
    output_of_it = await jobs.config_map(world, "signature")
    given = output_of_it["result"]
    _check_outside(public(key.material), form, given, jobs.key_id(world, "release", key))
    await world.create(SECRETS, "copy", data=encode(signature=given))
    await world.create(SECRETS, "whole", data=encode(**output_of_it))
    decode = {} if form.startswith("JWS") else {"decode": "Base64"}
    sources: dict[str, dict[str, Any]] = {
        "inline": {"value": given},
        "map-key": {"configMapKeyRef": {"name": "signature", "key": "result"}, **decode},
        "secret-key": {"secretKeyRef": {"name": "copy", "key": "signature"}, **decode},
        "whole": {"configMapRef": {"name": "signature"}},
        "whole-secret": {"secretRef": {"name": "whole"}},
    }
    for name, source in sources.items():
        signature = {**source, "format": form}
        await jobs.submit(
            world, name, "Verify", "release", input=TEXT, signature=signature, failOnInvalid=True
        )
    await jobs.complete(world, *sources)
    for name in sources:
        assert (await jobs.status(world, name))["result"] == {"valid": True}, name


def _check_outside(key: ec.EllipticCurvePublicKey, form: str, given: str, key_id: str) -> None:
    scheme = ec.ECDSA(hashes.SHA512())
    if form == "Raw":
        key.verify(der(base64.b64decode(given)), MESSAGE, scheme)
    elif form == "DER":
        key.verify(base64.b64decode(given), MESSAGE, scheme)
    else:
        header, payload, signature = given.split(".")
        assert json.loads(unpadded(header)) == {"alg": "ES512", "kid": key_id}
        assert unpadded(payload) == (MESSAGE if form == "JWS" else b"")
        inside = base64.urlsafe_b64encode(MESSAGE).decode().rstrip("=")
        key.verify(der(unpadded(signature)), f"{header}.{inside}".encode(), scheme)


async def test_a_wrong_signature_is_told_and_fails_only_if_asked(world: World) -> None:
    world.seed.create_key("release")
    await jobs.connect(world)
    wrong = {"value": base64.b64encode(b"\1" * 64).decode()}
    await jobs.submit(world, "tell", "Verify", "release", input=TEXT, signature=wrong)
    await jobs.submit(world, "fail", "Verify", "release", input=TEXT, signature=wrong, failOnInvalid=True)
    await jobs.ended(world, "tell", "fail")
    assert await jobs.conditions(world, "tell") == {"Complete": "True Completed", "Ready": "True Completed"}
    assert await jobs.conditions(world, "fail") == {
        "Failed": "True SignatureInvalid",
        "Ready": "False SignatureInvalid",
        "Stalled": "True SignatureInvalid",
    }
    for name in ("tell", "fail"):
        assert (await jobs.status(world, name))["result"] == {"valid": False}
    assert await world.events() == ["SignatureInvalid fail"]


FORGED = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
CRITICAL = base64.urlsafe_b64encode(b'{"alg":"ES256","crit":["b64"],"b64":false}').decode().rstrip("=")
BROKEN = {
    "short": ({"value": "AAAA", "format": "DER"}, "no DER signature"),
    "other-algorithm": ({"value": f"{FORGED}..AAAA", "format": "JWSDetached"}, "not made by ES256"),
    "extensions": ({"value": f"{CRITICAL}..AAAA", "format": "JWSDetached"}, "extensions"),
    "other-payload": ({"value": f"{FORGED}.AAAA.AAAA", "format": "JWS"}, "not the input"),
    "not-detached": ({"value": f"{FORGED}.AAAA.AAAA", "format": "JWSDetached"}, "not detached"),
}


async def test_what_is_no_signature_at_all_fails_at_once(world: World) -> None:
    world.seed.create_key("release")
    await jobs.connect(world)
    for name, (signature, _) in BROKEN.items():
        await jobs.submit(world, name, "Verify", "release", input=TEXT, signature=signature)
    await jobs.ended(world, *BROKEN)
    for name, (_, words) in BROKEN.items():
        assert (await jobs.conditions(world, name))["Failed"] == "True InputInvalid"
        assert words in await jobs.told(world, name, "InputInvalid")
    assert [line for line in (await world.spent()).vault if "verify" in line] == []
    assert len(await world.cluster.objects(CRYPTO_JOBS, world.namespace)) == len(BROKEN)
