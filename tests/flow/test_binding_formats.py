"""Forms of certificates and keys besides PEM and JWK, from the vault to the bytes of the Secret."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.flow.world import Spent, World

pytestmark = pytest.mark.both_drifts


async def bind(world: World, entries: dict[str, Any], **spec: Any) -> dict[str, bytes]:
    """Bind keys to sources and return the Secret."""
    await world.connect()
    await world.bind("app", data=[{"key": key, **source} for key, source in entries.items()], **spec)
    await world.ready("app")
    return await world.secret("app")


async def test_parts_of_a_certificate_as_der(world: World) -> None:
    chain = world.seed.issue_certificate("web", ["shop.example"], intermediates=2, with_root=True)
    entries = {
        include: {"certificate": {"name": "web", "include": include, "format": "DER"}}
        for include in ("Leaf", "CA", "Key")
    }
    assert await bind(world, entries) == {
        "Leaf": chain.leaf.public_bytes(Encoding.DER),
        "CA": chain.root.public_bytes(Encoding.DER),
        "Key": chain.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    }
    await world.calm()
    await world.next_look()
    assert (await world.spent()).writes == []


async def test_public_keys_of_openssh(world: World) -> None:
    for curve in ("P-256", "P-384", "P-521"):
        world.seed.create_key(f"curve-{curve}", key_type="EC", curve=curve)
    world.seed.create_key("rsa", key_type="RSA", size=2048)
    names = ["curve-P-256", "curve-P-384", "curve-P-521", "rsa"]
    found = await bind(world, {name: {"publicKey": {"name": name, "format": "SSH"}} for name in names})
    for name in names:
        material: Any = world.vault.vault.keys.get(name).material
        expected = material.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        assert found[name] == expected, name
    assert await world.spent() == Spent(
        writes=["create secrets app", "patch vaultbindings/status app"],
        vault=sorted(f"keys.get {name}" for name in names),
    )


async def test_a_key_that_openssh_does_not_know_is_told(world: World) -> None:
    world.seed.create_key("coin", key_type="EC", curve="P-256K")
    await world.connect()
    await world.bind("app", data=[{"key": "k", "publicKey": {"name": "coin", "format": "SSH"}}])
    message = await world.told("app", "InvalidSpec")
    assert "key coin is on curve P-256K, which OpenSSH does not know: use format PEM or JWK" in message
