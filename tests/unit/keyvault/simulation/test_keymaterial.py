"""Keys: what a JWK shows, and that an imported one is the same key."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from vaultbind.keyvault.simulation import SimulatedVault, VaultProblem
from vaultbind.keyvault.simulation.keymaterial import (
    CURVES,
    decode,
    encode,
    generate,
    parse_jwk,
    render_public,
)


def octets(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8 or 1, "big"))


@pytest.mark.parametrize("curve", CURVES)
def test_an_elliptic_key_shows_its_curve_and_full_width_coordinates(curve: str) -> None:
    key = generate("EC", None, curve)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    jwk = render_public(key)
    assert jwk["crv"] == curve
    assert len(decode(jwk["x"])) == len(decode(jwk["y"])) == (key.curve.key_size + 7) // 8
    point = key.public_key().public_numbers()
    assert (int.from_bytes(decode(jwk["x"])), int.from_bytes(decode(jwk["y"]))) == (point.x, point.y)


def test_an_imported_elliptic_key_is_the_same_key() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    jwk = {"kty": "EC", **render_public(key), "d": octets(key.private_numbers().private_value)}
    assert render_public(parse_jwk(jwk)) == render_public(key)


def test_an_imported_rsa_key_is_the_same_key() -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    numbers = key.private_numbers()
    jwk = {"kty": "RSA", **render_public(key)}
    jwk |= {name: octets(getattr(numbers, name)) for name in ("d", "p", "q")}
    record = SimulatedVault("v").keys.import_key("k", jwk, now=1, hsm=True)
    assert record.key_type == "RSA-HSM"
    assert record.public == render_public(key)


def test_a_symmetric_key_shows_nothing_of_itself() -> None:
    record = SimulatedVault("v").keys.create("k", now=1, key_type="oct-HSM", size=128)
    assert record.public == {}
    assert "material" not in repr(record)


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}, id="not on the curve"),
        pytest.param({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, id="public half only"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": 7}, id="wrong type"),
        pytest.param({}, id="empty"),
    ],
)
def test_a_bad_jwk_is_refused(jwk: dict[str, str]) -> None:
    with pytest.raises(VaultProblem, match="BadParameter"):
        parse_jwk(jwk)


def test_operations_default_to_all_that_the_type_can() -> None:
    vault = SimulatedVault("v")
    assert vault.keys.create("e", now=1, key_type="EC").operations == ("sign", "verify")
