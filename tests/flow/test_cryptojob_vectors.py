"""Published examples: RFC 7515, 7516, 7520 (JOSE), 6979 (ECDSA), 3394, 5649 (key wrap), NIST (CBC, GCM)."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.flow import jobs, vectors
from tests.flow.world import World
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.keymaterial import CURVES, parse_jwk
from vaultbind.kube.resources import SECRETS

ALL_OPERATIONS = ("encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify")
Fields = dict[str, Any]


def octets(text: str) -> str:
    """Hexadecimal digits of a standard, in base64."""
    return base64.b64encode(bytes.fromhex(text)).decode()


def url_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(f"{text}==")


def url_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def oct_key(key: str) -> dict[str, str]:
    return {"kty": "oct", "k": url_text(bytes.fromhex(key))}


def ec_key(curve: str, private: str) -> dict[str, str]:
    """The published private key with the public one, which `cryptography` works out."""
    key = ec.derive_private_key(int(private, 16), CURVES[curve]())
    size = (key.key_size + 7) // 8
    point = key.public_key().public_numbers()
    numbers = {"x": point.x, "y": point.y, "d": int(private, 16)}
    return {"kty": "EC", "crv": curve, **{name: url_text(n.to_bytes(size)) for name, n in numbers.items()}}


def import_key(world: World, name: str, jwk: dict[str, str]) -> None:
    now = int(world.clock.an_hour_ago().timestamp())
    operations = ("sign", "verify") if jwk["kty"] == "EC" else ALL_OPERATIONS
    world.vault.vault.keys.import_key(
        name, jwk, now=now, hsm=jwk["kty"] == "oct", changes=Changes(operations=operations)
    )


JWS = {
    "rs256": (vectors.RS256_KEY, vectors.ES256_PAYLOAD, vectors.RS256_JWS),
    "ps384": (vectors.PS384_KEY, url_bytes(vectors.PS384_JWS.split(".")[1]), vectors.PS384_JWS),
    "es256": (vectors.ES256_KEY, vectors.ES256_PAYLOAD, vectors.ES256_JWS),
    "es512": (vectors.ES512_KEY, b"Payload", vectors.ES512_JWS),
}


async def test_jws_of_the_rfcs(world: World) -> None:
    for name, (key, _, _) in JWS.items():
        import_key(world, name, key)
    await jobs.connect(world)
    names = []
    for name, (_, payload, jws) in JWS.items():
        source = {"value": base64.b64encode(payload).decode()}
        header, _, signature = jws.split(".")
        forms: dict[str, Fields] = {
            f"{name}-whole": {"value": jws, "format": "JWS"},
            f"{name}-detached": {"value": f"{header}..{signature}", "format": "JWSDetached"},
        }
        asked = {"algorithm": name.upper(), "failOnInvalid": True}
        for job, given in forms.items():
            await jobs.submit(world, job, "Verify", name, input=source, signature=given, **asked)
            names.append(job)
    await jobs.complete(world, *names)


async def test_the_rsa_signature_of_the_rfc_is_the_one_that_we_make(world: World) -> None:
    """PKCS #1 v1.5 knows no chance: the same key and input give the same bytes."""
    import_key(world, "rsa", vectors.RS256_KEY)
    await jobs.connect(world)
    signing_input, _, signature = vectors.RS256_JWS.rpartition(".")
    for size in (256, 384, 512):
        asked: Fields = {"algorithm": f"RS{size}", "input": {"text": signing_input}}
        await jobs.submit(world, f"sign-{size}", "Sign", "rsa", **asked)
    await jobs.complete(world, "sign-256", "sign-384", "sign-512")
    assert await jobs.result(world, "sign-256") == url_bytes(signature)
    key = parse_jwk(vectors.RS256_KEY)
    assert isinstance(key, rsa.RSAPrivateKey)
    for name, digest in (("sign-384", hashes.SHA384()), ("sign-512", hashes.SHA512())):
        theirs = key.sign(signing_input.encode(), padding.PKCS1v15(), digest)
        assert await jobs.result(world, name) == theirs


async def test_rsa_encryption_of_the_rfc(world: World) -> None:
    import_key(world, "oaep", vectors.OAEP_KEY)
    import_key(world, "pkcs1", vectors.RSA15_KEY)
    await jobs.connect(world)
    expected = {}
    for key, algorithm, cipher, plain in (
        ("oaep", "RSA-OAEP", vectors.OAEP_CIPHERTEXT, vectors.OAEP_PLAIN),
        ("pkcs1", "RSA1_5", vectors.RSA15_CIPHERTEXT, vectors.RSA15_PLAIN),
    ):
        given = {"value": base64.b64encode(url_bytes(cipher)).decode()}
        asked: Fields = {"algorithm": algorithm, "input": given, "output": {"secret": {}}}
        for operation in ("Decrypt", "UnwrapKey"):
            name = f"{operation}-{key}".lower()
            await jobs.submit(world, name, operation, key, **asked)
            expected[name] = bytes.fromhex(plain)
    await jobs.complete(world, *expected)
    for name, plain_bytes in expected.items():
        assert await world.secret(name) == {"result": plain_bytes}


async def test_ecdsa_of_the_rfc(world: World) -> None:
    names = []
    for number, (curve, _, private, *_) in enumerate(vectors.ECDSA.values()):
        import_key(world, f"ec-{number}", ec_key(curve, private))
    await jobs.connect(world)
    for number, (_, algorithm, _, message, r, s) in enumerate(vectors.ECDSA.values()):
        forms = {"Raw": bytes.fromhex(r + s), "DER": encode_dss_signature(int(r, 16), int(s, 16))}
        for form, signature in forms.items():
            name = f"{form}-{number}".lower()
            given = {"value": base64.b64encode(signature).decode(), "format": form}
            asked: Fields = {"algorithm": algorithm, "signature": given, "failOnInvalid": True}
            await jobs.submit(world, name, "Verify", f"ec-{number}", input={"text": message}, **asked)
            names.append(name)
        other: Fields = {"input": {"text": f"{message}."}, "signature": {"value": octets(r + s)}}
        await jobs.submit(world, f"wrong-{number}", "Verify", f"ec-{number}", **other)
    wrong = [f"wrong-{number}" for number in range(len(vectors.ECDSA))]
    await jobs.complete(world, *names, *wrong)
    for name in names:
        assert (await jobs.status(world, name))["result"] == {"valid": True}
    for name in wrong:
        assert (await jobs.status(world, name))["result"] == {"valid": False}


async def test_key_wrap_of_the_rfcs(world: World) -> None:
    plains = {}
    for number, (_, key, plain, _) in enumerate(vectors.WRAPS.values()):
        import_key(world, f"kek-{number}", oct_key(key))
        plains[f"plain-{number}"] = octets(plain)
    await jobs.connect(world)
    await world.create(SECRETS, "keys", data=plains)
    names = []
    for number, (algorithm, _, _, wrapped) in enumerate(vectors.WRAPS.values()):
        source = {"secretKeyRef": {"name": "keys", "key": f"plain-{number}"}}
        back: Fields = {"input": {"value": octets(wrapped)}, "output": {"secret": {}}}
        kek, asked = f"kek-{number}", {"algorithm": algorithm}
        await jobs.submit(world, f"wrap-{number}", "WrapKey", kek, input=source, **asked)
        await jobs.submit(world, f"unwrap-{number}", "UnwrapKey", kek, **back, **asked)
        names += [f"wrap-{number}", f"unwrap-{number}"]
    await jobs.complete(world, *names)
    for number, (_, _, plain, wrapped) in enumerate(vectors.WRAPS.values()):
        assert await jobs.result(world, f"wrap-{number}") == bytes.fromhex(wrapped)
        assert await world.secret(f"unwrap-{number}") == {"result": bytes.fromhex(plain)}


async def test_cbc_of_nist(world: World) -> None:
    for algorithm, key, _ in vectors.CBC.values():
        import_key(world, algorithm, oct_key(key))
    await jobs.connect(world)
    await world.create(SECRETS, "plain", data={"blocks": octets(vectors.CBC_PLAIN)})
    source, iv = {"secretKeyRef": {"name": "plain", "key": "blocks"}}, {"value": octets(vectors.CBC_IV)}
    names = []
    for algorithm, _, cipher in vectors.CBC.values():
        asked: Fields = {"algorithm": algorithm, "iv": iv}
        forth, back = f"encrypt-{algorithm.lower()}", f"decrypt-{algorithm.lower()}"
        given: Fields = {"input": {"value": octets(cipher)}, "output": {"secret": {}}}
        await jobs.submit(world, forth, "Encrypt", algorithm, input=source, **asked)
        await jobs.submit(world, back, "Decrypt", algorithm, **given, **asked)
        names += [forth, back]
    await jobs.complete(world, *names)
    for algorithm, _, cipher in vectors.CBC.values():
        assert await jobs.result(world, f"encrypt-{algorithm.lower()}") == bytes.fromhex(cipher)
        plain = await world.secret(f"decrypt-{algorithm.lower()}")
        assert plain == {"result": bytes.fromhex(vectors.CBC_PLAIN)}


@pytest.mark.parametrize("case", ["right", "other tag"])
async def test_gcm_of_its_specification(world: World, case: str) -> None:
    """The service draws the iv when it encrypts, so only the way back can be compared."""
    for algorithm, key, _, _ in vectors.GCM.values():
        import_key(world, algorithm, oct_key(key))
    await jobs.connect(world)
    names = []
    for algorithm, _, cipher, tag in vectors.GCM.values():
        asked = {"iv": octets(vectors.GCM_IV), "aad": octets(vectors.GCM_AAD), "tag": octets(tag)}
        if case == "other tag":
            asked["tag"] = octets("00" * 16)
        extras = {name: {"value": value} for name, value in asked.items()}
        given: Fields = {"input": {"value": octets(cipher)}, "output": {"secret": {}}, **extras}
        names.append(algorithm.lower())
        await jobs.submit(world, names[-1], "Decrypt", algorithm, algorithm=algorithm, **given)
    await jobs.ended(world, *names)
    for name in names:
        if case == "other tag":
            assert (await jobs.conditions(world, name))["Failed"] == "True OperationRefused"
            assert await world.get(SECRETS, name) is None
        else:
            assert await world.secret(name) == {"result": bytes.fromhex(vectors.GCM_PLAIN)}
