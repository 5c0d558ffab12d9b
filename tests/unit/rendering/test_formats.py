"""The forms of certificates and public keys besides PEM and JWK."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_ssh_public_key,
)

from tests.unit.keyvault.certs.authority import Issued, issue, leaf, lower, root, upper
from tests.unit.rendering.objects import (
    NOW,
    certificate,
    certificate_ref,
    certificate_secret,
    key,
    key_ref,
    only,
    secret_ref,
    spec_of,
    usual_certificate,
)
from vaultbind.api.binding import (
    CertificateFormat,
    CertificateSource,
    Include,
    PublicKeyFormat,
    PublicKeySource,
)
from vaultbind.api.conditions import Reason
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.rendering.render import render

SSH = PublicKeySource(name="k", format=PublicKeyFormat.SSH)


def der_of(include: Include) -> CertificateSource:
    return CertificateSource(name="c", include=include, format=CertificateFormat.DER)


def test_the_leaf_as_der() -> None:
    assert only(der_of(Include.LEAF), certificate(leaf().der), certificate_ref("c")) == leaf().der


def test_the_authority_as_der() -> None:
    assert only(der_of(Include.CA), usual_certificate(), secret_ref("c")) == root().der


def test_the_key_as_der_is_pkcs8() -> None:
    der = only(der_of(Include.KEY), usual_certificate(), secret_ref("c"))
    assert der == leaf().key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert isinstance(load_der_private_key(der, None), ec.EllipticCurvePrivateKey)


def problem(source: CertificateSource | PublicKeySource, *parts: Issued) -> tuple[Reason, str]:
    value = certificate_secret(*parts, key=parts[0])
    result = render(spec_of(("k", source)), {secret_ref("c"): value}, now=NOW)
    assert isinstance(result, tuple), result
    (found,) = result
    return found.reason, found.message


def test_several_authorities_do_not_fit_into_der() -> None:
    """Two roots of one name and key: the authority's own certificate was renewed."""
    renewed = issue("root", days=40000)
    assert problem(der_of(Include.CA), leaf(), lower(), upper(), root(), renewed) == (
        Reason.INVALID_SPEC,
        "certificate c has 2 authorities, and DER holds one certificate: use PEM",
    )


EC_KEYS = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


@pytest.mark.parametrize("curve", EC_KEYS)
def test_a_curve_key_for_openssh(curve: str) -> None:
    made = ec.generate_private_key(EC_KEYS[curve]).public_key()
    line = only(SSH, key(JsonWebKey.from_key(made)), key_ref("k"))
    assert line.split()[0].decode() == f"ecdsa-sha2-nistp{curve.removeprefix('P-')}"
    assert spki(load_ssh_public_key(line)) == spki(made)


def test_an_rsa_key_for_openssh_is_one_line() -> None:
    made = rsa.RSAPublicNumbers(65537, (1 << 2047) + 0x1234567).public_key()
    line = only(SSH, key(JsonWebKey.from_key(made)), key_ref("k"))
    assert line.startswith(b"ssh-rsa AAAA")
    assert line.split() == line.split(b" ")
    assert spki(load_ssh_public_key(line)) == spki(made)


def spki(found: object) -> bytes:
    assert isinstance(found, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    return found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("jwk", "message"),
    [
        (
            JsonWebKey.from_key(ec.generate_private_key(ec.SECP256K1()).public_key()),
            "key k is on curve P-256K, which OpenSSH does not know: use format PEM or JWK",
        ),
        (JsonWebKey(kid="k", kty="oct-HSM"), "key k is symmetric and has no public key"),
    ],
    ids=["P-256K", "symmetric"],
)
def test_keys_that_openssh_does_not_know(jwk: JsonWebKey, message: str) -> None:
    result = render(spec_of(("k", SSH, True)), {key_ref("k"): key(jwk)}, now=NOW)
    assert isinstance(result, tuple), result
    assert [(found.reason, found.message) for found in result] == [(Reason.INVALID_SPEC, message)]
