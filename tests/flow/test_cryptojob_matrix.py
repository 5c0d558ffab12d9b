"""Every operation, type of key and algorithm; results are checked by `cryptography`, not by us."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import encode
from vaultbind.api.cryptojob import ALGORITHMS, ENVELOPE_ALGORITHMS, CryptoOperation
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.keymaterial import KeyMaterial
from vaultbind.keyvault.simulation.records import KeyVersion
from vaultbind.kube.resources import SECRETS

MESSAGE = b"v1.2.3"
LONG = b"more than a segment of an envelope. " * 2000
BLOCKS = b"sixteen bytes, 2"  # a whole block, which also fits every RSA key
AAD = base64.b64encode(b"context").decode()
RSA_4096_SECONDS = 300.0
"""The emulator makes a real key, and the machine may be busy."""
Fields = dict[str, bytes]


def sha(size: int) -> hashes.HashAlgorithm:
    return {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}[size]


# -- what `cryptography` says of a result -------------------------------------------------------------


def rsa_padding(algorithm: str) -> padding.AsymmetricPadding:
    if algorithm == "RSA1_5":
        return padding.PKCS1v15()
    digest = hashes.SHA256() if algorithm.endswith("256") else hashes.SHA1()
    return padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)


def open_rsa(material: KeyMaterial, algorithm: str, fields: Fields) -> bytes:
    assert isinstance(material, rsa.RSAPrivateKey)
    return material.decrypt(fields["result"], rsa_padding(algorithm))


def open_aes(material: KeyMaterial, algorithm: str, fields: Fields) -> bytes:
    assert isinstance(material, bytes)
    if algorithm.endswith("GCM"):
        return AESGCM(material).decrypt(fields["iv"], fields["result"] + fields["tag"], fields["aad"])
    cipher = Cipher(algorithms.AES(material), modes.CBC(fields["iv"])).decryptor()
    padded = cipher.update(fields["result"]) + cipher.finalize()
    if not algorithm.endswith("PAD"):
        return padded
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def unwrap_aes(material: KeyMaterial, algorithm: str, fields: Fields) -> bytes:
    assert isinstance(material, bytes)
    if algorithm.endswith("PAD"):
        return keywrap.aes_key_unwrap_with_padding(material, fields["result"])
    return keywrap.aes_key_unwrap(material, fields["result"])


def check_rsa(material: KeyMaterial, algorithm: str, signature: bytes) -> None:
    assert isinstance(material, rsa.RSAPrivateKey)
    digest = sha(int(algorithm[2:]))
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm.startswith("PS"):
        scheme = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
    material.public_key().verify(signature, MESSAGE, scheme, digest)


def check_ec(material: KeyMaterial, algorithm: str, signature: bytes) -> None:
    assert isinstance(material, ec.EllipticCurvePrivateKey)
    half = len(signature) // 2
    der = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
    material.public_key().verify(der, MESSAGE, ec.ECDSA(sha(int(algorithm[2:5]))))


def check_hmac(material: KeyMaterial, algorithm: str, signature: bytes) -> None:
    assert isinstance(material, bytes)
    name = f"sha{algorithm[2:]}"
    assert hmac.digest(material, hashlib.new(name, MESSAGE).digest(), name) == signature


def open_envelope(case: "KeyCase", material: KeyMaterial, envelope: bytes) -> tuple[str, bytes]:
    """Wrap algorithm and plaintext of an envelope, by the table of bytes in `envelope/form.py` alone."""
    fixed, offset, texts = envelope[:14], 14, []
    for _ in range(3):
        size = int.from_bytes(envelope[offset : offset + 2])
        texts.append(envelope[offset + 2 : offset + 2 + size])
        offset += 2 + size
    assert fixed[:6] == b"VBEN\1\1"
    header, body, step = envelope[:offset], envelope[offset:], (1 << fixed[6]) + 16
    algorithm = texts[1].decode()
    cipher = AESGCM(case.unwrap(material, algorithm, {"result": texts[2]}))
    digest = hashlib.sha256(len(header).to_bytes(8) + header + base64.b64decode(AAD)).digest()
    segments = [body[at : at + step] for at in range(0, len(body), step)]
    plain = b""
    for number, segment in enumerate(segments):
        nonce = fixed[7:14] + number.to_bytes(4) + bytes([number == len(segments) - 1])
        plain += cipher.decrypt(nonce, segment, digest)
    return algorithm, plain


# -- the table ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCase:
    """One kind of key, and what it can do: default algorithms are marked by being first."""

    name: str
    key_type: str
    size: int | None = None
    curve: str | None = None
    encrypt: tuple[str, ...] = ()
    wrap: tuple[str, ...] = ()
    sign: tuple[str, ...] = ()
    open: Callable[[KeyMaterial, str, Fields], bytes] = open_rsa
    unwrap: Callable[[KeyMaterial, str, Fields], bytes] = open_rsa
    check: Callable[[KeyMaterial, str, bytes], None] = check_rsa


RSA = ("RSA-OAEP-256", "RSA-OAEP", "RSA1_5")
RSA_SIGN = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
WRAP_ANY = ("CKM_AES_KEY_WRAP", "CKM_AES_KEY_WRAP_PAD")


def rsa_case(name: str, key_type: str, size: int) -> KeyCase:
    return KeyCase(name=name, key_type=key_type, size=size, encrypt=RSA, wrap=RSA, sign=RSA_SIGN)


def ec_case(key_type: str, curve: str, algorithm: str) -> KeyCase:
    name = f"{key_type}-{curve}".lower()
    return KeyCase(name=name, key_type=key_type, curve=curve, sign=(algorithm,), check=check_ec)


def oct_case(size: int) -> KeyCase:
    return KeyCase(
        name=f"oct-{size}",
        key_type="oct-HSM",
        size=size,
        encrypt=tuple(f"A{size}{mode}" for mode in ("GCM", "CBC", "CBCPAD")),
        wrap=(f"A{size}KW", *WRAP_ANY),
        sign=("HS256", "HS384", "HS512"),
        open=open_aes,
        unwrap=unwrap_aes,
        check=check_hmac,
    )


CASES = (
    rsa_case("rsa-2048", "RSA", 2048),
    rsa_case("rsa-3072", "RSA", 3072),
    rsa_case("rsa-hsm-4096", "RSA-HSM", 4096),
    *(
        ec_case(key_type, curve, algorithm)
        for key_type in ("EC", "EC-HSM")
        for curve, algorithm in (
            ("P-256", "ES256"),
            ("P-256K", "ES256K"),
            ("P-384", "ES384"),
            ("P-521", "ES512"),
        )
    ),
    *(oct_case(size) for size in (128, 192, 256)),
)


def test_the_table_has_every_algorithm() -> None:
    told = {
        CryptoOperation.ENCRYPT: {name for case in CASES for name in case.encrypt},
        CryptoOperation.WRAP_KEY: {name for case in CASES for name in case.wrap},
        CryptoOperation.SIGN: {name for case in CASES for name in case.sign},
    }
    assert told == {operation: ALGORITHMS[operation] for operation in told}
    assert told[CryptoOperation.WRAP_KEY] == ENVELOPE_ALGORITHMS, "each wraps keys of envelopes, too"


def slug(*parts: str) -> str:
    return "-".join(parts).lower().replace("_", "-")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_every_algorithm(world: World, case: KeyCase) -> None:
    created = world.seed.create_key(case.name, key_type=case.key_type, size=case.size, curve=case.curve)
    if case.check is check_hmac:
        every = ("encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify")
        now = int(world.clock.now().timestamp())
        world.vault.vault.keys.update(case.name, now=now, changes=Changes(operations=every))
    await jobs.connect(world)
    await world.create(SECRETS, "plain", data=encode(block=BLOCKS.decode(), long=LONG.decode()))
    plain = {"secretKeyRef": {"name": "plain", "key": "block"}}
    forward: list[str] = []
    for algorithm in case.wrap:
        name, long = slug("envelope", algorithm), {"secretKeyRef": {"name": "plain", "key": "long"}}
        asked: dict[str, Any] = {"envelope": True, "aad": {"value": AAD}, "output": {"configMap": {}}}
        await jobs.submit(world, name, "Encrypt", case.name, algorithm=algorithm, input=long, **asked)
        forward.append(name)
    for operation, names in (("Encrypt", case.encrypt), ("WrapKey", case.wrap)):
        for algorithm in names:
            name = slug(operation, algorithm)
            extra: dict[str, Any] = {"aad": {"value": AAD}} if algorithm.endswith("GCM") else {}
            output: dict[str, Any] = {"configMap": {}}
            await jobs.submit(
                world, name, operation, case.name, algorithm=algorithm, input=plain, output=output, **extra
            )
            forward.append(name)
    for algorithm in case.sign:
        name, text = slug("sign", algorithm), {"text": MESSAGE.decode()}
        await jobs.submit(
            world, name, "Sign", case.name, algorithm=algorithm, input=text, output={"configMap": {}}
        )
        forward.append(name)
    await jobs.complete(world, *forward)
    await _check_forward(world, case, created.material)
    back = await _submit_back(world, case)
    await jobs.complete(world, *back)
    for name in back:
        if name.startswith("verify"):
            assert (await jobs.status(world, name))["result"] == {"valid": True}
        else:
            assert await world.secret(name) == {"result": LONG if "open" in name else BLOCKS}, name
    await _rotate(world, case, created)


async def _rotate(world: World, case: KeyCase, old: KeyVersion) -> None:
    """The new version is of the same kind, and what was made by the old one is still opened by it."""
    await jobs.submit(world, "rotate", "RotateKey", case.name, minAge="30m")
    versions = world.vault.vault.keys.store.versions
    await world.until(lambda: len(versions(case.name)) == 2, seconds=RSA_4096_SECONDS)
    await jobs.complete(world, "rotate")
    new = world.vault.vault.keys.get(case.name)
    status = await jobs.status(world, "rotate")
    assert status["previousKeyId"] == jobs.key_id(world, case.name, old)
    assert status["keyId"] == jobs.key_id(world, case.name, new)
    assert new.material is not old.material
    assert type(new.material) is type(old.material)
    if isinstance(new.material, bytes):
        assert isinstance(old.material, bytes)
        assert len(new.material) == len(old.material)
        assert new.material != old.material
    else:
        assert not isinstance(old.material, bytes)
        assert new.material.key_size == old.material.key_size
    await _use_both_versions(world, case, new)


async def _use_both_versions(world: World, case: KeyCase, new: KeyVersion) -> None:
    text, algorithm = {"text": MESSAGE.decode()}, case.sign[0]
    asked: dict[str, Any] = {"algorithm": algorithm, "input": text, "output": {"configMap": {}}}
    await jobs.submit(world, "sign-again", "Sign", case.name, **asked)
    signed = {"configMapRef": {"name": slug("sign", algorithm)}}
    given: dict[str, Any] = {"input": text, "signature": signed, "failOnInvalid": True}
    await jobs.submit(world, "verify-old", "Verify", case.name, **given)
    await jobs.complete(world, "sign-again", "verify-old")
    data = await jobs.config_map(world, "sign-again")
    assert data["keyId"] == jobs.key_id(world, case.name, new)
    case.check(new.material, algorithm, base64.b64decode(data["result"]))


async def _check_forward(world: World, case: KeyCase, material: KeyMaterial) -> None:
    for operation, names, opened in (
        ("Encrypt", case.encrypt, case.open),
        ("WrapKey", case.wrap, case.unwrap),
    ):
        for algorithm in names:
            data = await jobs.config_map(world, slug(operation, algorithm))
            assert data["algorithm"] == algorithm
            fields: Fields = {
                key: base64.b64decode(data[key]) for key in ("result", "iv", "tag", "aad") if key in data
            }
            assert opened(material, algorithm, fields) == BLOCKS, algorithm
    for algorithm in case.wrap:
        data = await jobs.config_map(world, slug("envelope", algorithm))
        opened_envelope = open_envelope(case, material, base64.b64decode(data["result"]))
        assert opened_envelope == (algorithm, LONG), algorithm
    for algorithm in case.sign:
        data = await jobs.config_map(world, slug("sign", algorithm))
        case.check(material, algorithm, base64.b64decode(data["result"]))


async def _submit_back(world: World, case: KeyCase) -> list[str]:
    """The opposite of each job, with its output named whole: no algorithm, no version, no iv."""
    names: list[str] = []
    for algorithm in case.wrap:
        name, sealed = slug("open", algorithm), {"configMapRef": {"name": slug("envelope", algorithm)}}
        asked: dict[str, Any] = {"envelope": True, "output": {"secret": {}}}
        await jobs.submit(world, name, "Decrypt", case.name, input=sealed, **asked)
        names.append(name)
    for operation, back, done in (("Encrypt", "Decrypt", case.encrypt), ("WrapKey", "UnwrapKey", case.wrap)):
        for algorithm in done:
            name = slug(back, algorithm)
            source = {"configMapRef": {"name": slug(operation, algorithm)}}
            await jobs.submit(world, name, back, case.name, input=source, output={"secret": {}})
            names.append(name)
    for algorithm in case.sign:
        name, source = slug("verify", algorithm), {"configMapRef": {"name": slug("sign", algorithm)}}
        text = {"text": MESSAGE.decode()}
        await jobs.submit(world, name, "Verify", case.name, input=text, signature=source, failOnInvalid=True)
        names.append(name)
    return names


DEFAULTS = {
    ("rsa-2048", "Encrypt"): "RSA-OAEP-256",
    ("rsa-2048", "WrapKey"): "RSA-OAEP-256",
    ("rsa-2048", "Sign"): "RS256",
    ("ec-p-256", "Sign"): "ES256",
    ("ec-p-256k", "Sign"): "ES256K",
    ("ec-p-384", "Sign"): "ES384",
    ("ec-p-521", "Sign"): "ES512",
    **{(f"oct-{size}", "Encrypt"): f"A{size}GCM" for size in (128, 192, 256)},
    **{(f"oct-{size}", "WrapKey"): f"A{size}KW" for size in (128, 192, 256)},
}


async def test_defaults_by_operation_and_key_type(world: World) -> None:
    for case in CASES:
        if any(case.name == name for name, _ in DEFAULTS):
            world.seed.create_key(case.name, key_type=case.key_type, size=case.size, curve=case.curve)
    await jobs.connect(world)
    await world.create(SECRETS, "plain", data=encode(block=BLOCKS.decode()))
    names = {}
    for (key, operation), algorithm in DEFAULTS.items():
        name = slug(operation, key)
        source = {"text": "a"} if operation == "Sign" else {"secretKeyRef": {"name": "plain", "key": "block"}}
        await jobs.submit(world, name, operation, key, input=source)
        names[name] = algorithm
    await jobs.complete(world, *names)
    assert {name: (await jobs.status(world, name))["algorithm"] for name in names} == names
