"""Every kind of source, from the vault to the bytes of the Secret."""

import base64
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tests.flow.world import Spent, World
from vaultbind.keyvault.simulation.issuing import Chain
from vaultbind.kube.resources import SECRETS

pytestmark = pytest.mark.both_drifts

PEM_FILE = "application/x-pem-file"
PAYMENT = json.dumps(
    {"apiKey": "k-1", "tls.version": "1.3", "db": {"host": "h", "a/b": "slash"}, "list": [7, 2.50]}
)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def key_pem(chain: Chain) -> bytes:
    return chain.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def is_key_of(text: bytes, chain: Chain) -> bool:
    found: Any = load_pem_private_key(text, None)
    return bool(found.private_numbers() == chain.key.private_numbers())


async def bind(world: World, entries: dict[str, Any], **spec: Any) -> dict[str, bytes]:
    """Bind keys to sources and return the Secret."""
    await world.connect()
    await world.bind("app", data=[{"key": key, **source} for key, source in entries.items()], **spec)
    await world.ready("app")
    return await world.secret("app")


async def test_plain_secrets_and_a_json_property(world: World) -> None:
    world.seed.set_secret("password", "pa$$ w\u00f6rd\n")
    world.seed.set_secret("payment", PAYMENT)
    entries = {
        "password": {"secret": {"name": "password"}},
        "whole": {"secret": {"name": "payment"}},
        "api": {"secret": {"name": "payment", "property": "apiKey"}},
        "dotted-key": {"secret": {"name": "payment", "property": "tls.version"}},
        "dotted-path": {"secret": {"name": "payment", "property": "db.host"}},
        "pointer": {"secret": {"name": "payment", "property": "/db/a~1b"}},
        "element": {"secret": {"name": "payment", "property": "/list/1"}},
        "object": {"secret": {"name": "payment", "property": "db"}},
    }
    assert await bind(world, entries) == {
        "password": "pa$$ w\u00f6rd\n".encode(),
        "whole": PAYMENT.encode(),
        "api": b"k-1",
        "dotted-key": b"1.3",
        "dotted-path": b"h",
        "pointer": b"slash",
        "element": b"2.5",
        "object": b'{"host":"h","a/b":"slash"}',
    }
    spent = await world.spent()
    assert spent.vault == ["secrets.get password", "secrets.get payment"]


async def test_values_are_decoded(world: World) -> None:
    binary = bytes(range(256))
    texts = {
        "base64": base64.b64encode(binary).decode(),
        "base64url": base64.urlsafe_b64encode(binary).decode().rstrip("="),
        "hex": binary.hex(),
        "auto": base64.b64encode(binary).decode(),
    }
    for name, text in texts.items():
        world.seed.set_secret(name, text)
    words = {"base64": "Base64", "base64url": "Base64URL", "hex": "Hex", "auto": "Auto"}
    entries = {name: {"secret": {"name": name, "decode": word}} for name, word in words.items()}
    entries["none"] = {"secret": {"name": "hex", "decode": "None"}}
    assert await bind(world, entries) == {**dict.fromkeys(words, binary), "none": binary.hex().encode()}


async def test_parts_of_a_certificate(world: World) -> None:
    chain = world.seed.issue_certificate("web", ["shop.example"], intermediates=2, with_root=True)
    parts = ("Chain", "Key", "KeyAndChain", "Leaf", "CA")
    entries = {part: {"certificate": {"name": "web", "include": part}} for part in parts}
    entries["default"] = {"certificate": {"name": "web", "format": "PEM"}}
    found = await bind(world, entries)
    above = pem(chain.leaf, *chain.intermediates)
    assert {part: found[part] for part in ("Chain", "Leaf", "CA", "default")} == {
        "Chain": above,
        "Leaf": pem(chain.leaf),
        "CA": pem(chain.root),
        "default": above,
    }
    assert is_key_of(found["Key"], chain)
    assert found["KeyAndChain"] == found["Key"] + above
    assert await world.spent() == Spent(
        writes=["create secrets app", "patch vaultbindings/status app"],
        vault=["certificates.get web", "secrets.get web"],
    )


async def test_tls_from_a_certificate(world: World) -> None:
    world.seed.set_secret("other", "x")
    chain = world.seed.issue_certificate("web", ["shop.example"], with_root=True)
    await world.connect()
    await world.bind(
        "web", dataFrom=[{"tls": {"name": "web"}}], data=[{"key": "more", "secret": {"name": "other"}}]
    )
    await world.ready("web")
    secret = await world.there(SECRETS, "web")
    assert secret["type"] == "kubernetes.io/tls"
    found = await world.secret("web")
    assert is_key_of(found.pop("tls.key"), chain)
    assert found == {
        "tls.crt": pem(chain.leaf, *chain.intermediates),
        "ca.crt": pem(chain.root),
        "more": b"x",
    }


async def test_a_chain_in_any_order_is_rebuilt_and_the_root_dropped(world: World) -> None:
    chain = world.seed.issue_certificate("first", ["shop.example"], intermediates=2)
    lower, upper = chain.intermediates
    text = (pem(chain.root, upper, chain.leaf, lower) + key_pem(chain)).decode()
    world.seed.import_certificate("web", text, policy={"secret_props": {"contentType": PEM_FILE}})
    await world.connect()
    await world.bind("web", dataFrom=[{"tls": {"name": "web"}}])
    await world.ready("web")
    found = await world.secret("web")
    assert found["tls.crt"] == pem(chain.leaf, lower, upper)
    assert found["ca.crt"] == pem(chain.root)


@pytest.mark.parametrize("with_root", [True, False])
async def test_ca_crt_is_there_where_the_authority_is_known(world: World, with_root: bool) -> None:
    world.seed.issue_certificate("web", ["shop.example"], with_root=with_root)
    await world.connect()
    await world.bind("web", dataFrom=[{"tls": {"name": "web"}}])
    await world.ready("web")
    assert ("ca.crt" in await world.secret("web")) is with_root


async def test_public_keys(world: World) -> None:
    world.seed.create_key("curve", key_type="EC", curve="P-256")
    world.seed.create_key("rsa", key_type="RSA", size=2048)
    entries = {
        f"{name}-{form}": {"publicKey": {"name": name, "format": form}}
        for name in ("curve", "rsa")
        for form in ("PEM", "JWK")
    }
    entries["default"] = {"publicKey": {"name": "curve"}}
    found = await bind(world, entries)
    assert found["default"] == found["curve-PEM"]
    keys = world.vault.vault.keys
    for name in ("curve", "rsa"):
        material: Any = keys.get(name).material
        expected = material.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        assert found[f"{name}-PEM"] == expected
        jwk = json.loads(found[f"{name}-JWK"])
        assert jwk.pop("kid").endswith(f"/keys/{name}/{keys.get(name).version}")
        assert jwk.items() >= keys.get(name).public.items()
        assert not jwk.keys() & {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert (await world.spent()).vault == ["keys.get curve", "keys.get rsa"]


async def test_a_pinned_version_stays(world: World) -> None:
    seed = world.seed
    old = seed.set_secret("a", "old").version
    seed.set_secret("a", "new")
    chain = seed.issue_certificate("web", ["old.example"])
    certificate = seed.vault.certificates.get("web").version
    seed.issue_certificate("web", ["new.example"])
    key = seed.create_key("signing")
    seed.create_key("signing")
    await world.connect()
    await world.bind(
        "app",
        data=[
            {"key": "old", "secret": {"name": "a", "version": old}},
            {"key": "new", "secret": {"name": "a"}},
            {"key": "leaf", "certificate": {"name": "web", "include": "Leaf", "version": certificate}},
            {"key": "jwk", "publicKey": {"name": "signing", "format": "JWK", "version": key.version}},
        ],
        dataFrom=[{"tls": {"name": "web", "version": certificate}}],
    )
    await world.ready("app")
    before = await world.secret("app")
    assert (before["old"], before["new"]) == (b"old", b"new")
    assert before["leaf"] == pem(chain.leaf)
    assert before["tls.crt"] == pem(chain.leaf, *chain.intermediates)
    assert json.loads(before["jwk"])["x"] == key.public["x"]
    await world.calm()
    world.vault.set_secret("a", "newer")
    world.vault.issue_certificate("web", ["newer.example"])
    world.vault.create_key("signing")
    await world.next_look()
    assert await world.secret("app") == {**before, "new": b"newer"}
    await world.calm()
    await world.next_look()
    pinned = ["certificates.get web", "keys.get signing", "secrets.get a", "secrets.get web"]
    assert await world.spent() == Spent(vault=sorted([*pinned, "secrets.list"]))


async def test_optional_entries_may_be_missing(world: World) -> None:
    world.seed.set_secret("a", "1")
    world.seed.set_secret("json", '{"x": 1}')
    await world.connect()
    await world.bind(
        "app",
        data=[
            {"key": "a", "secret": {"name": "a"}},
            {"key": "object", "secret": {"name": "later"}, "optional": True},
            {"key": "property", "secret": {"name": "json", "property": "y"}, "optional": True},
            {"key": "key", "publicKey": {"name": "none"}, "optional": True},
        ],
        dataFrom=[{"tls": {"name": "none"}, "optional": True}],
        target={"type": "Opaque"},
    )
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}
    await world.calm()
    world.vault.set_secret("later", "2")
    await world.next_look()
    assert await world.secret("app") == {"a": b"1", "object": b"2"}
    assert (await world.status("app"))["revision"] == 2
    await world.calm()
    world.vault.delete("secrets", "later")
    await world.next_look()
    assert await world.secret("app") == {"a": b"1"}
    assert (await world.status("app"))["revision"] == 3
