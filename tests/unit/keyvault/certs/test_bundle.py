"""Reading a certificate's value: forms, writers, order of parts, and each way to be unreadable."""

from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import Certificate, load_der_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.keyvault.certs.authority import Issued, issue, leaf, lower, pem_value, root, upper
from vaultbind.keyvault.certs import (
    CertificateBundle,
    CertificateParseError,
    CertificateParseErrorKind,
    parse_bundle,
    render_der,
    render_key_der,
    render_pem,
)
from vaultbind.keyvault.certs.bundle import MAX_CERTIFICATES

WRITTEN_BY = Path(__file__).parent / "written_by"
PFX = "application/x-pkcs12"
PEM = "application/x-pem-file"
Kind = CertificateParseErrorKind


def written_by(program: str) -> str:
    return (WRITTEN_BY / f"{program}.txt").read_text()


def names(*certificates: Certificate) -> list[str]:
    return [str(certificate.subject.rfc4514_string()) for certificate in certificates]


def pfx_value(*parts: Issued, key: Issued | None) -> str:
    first, *others = parts
    return b64encode(
        pkcs12.serialize_key_and_certificates(
            b"shop",
            key.key if key else None,
            first.certificate,
            [part.certificate for part in others],
            NoEncryption(),
        )
    ).decode()


def is_the_usual(bundle: CertificateBundle) -> bool:
    return (
        bundle.chain == (leaf().certificate, lower().certificate, upper().certificate)
        and bundle.roots == (root().certificate,)
        and bundle.require_private_key().decode() == leaf().key_pem
    )


@pytest.mark.parametrize("program", ["openssl3", "openssl11", "windows_3des", "java8", "java17", "nomac"])
def test_a_pfx_with_empty_password_is_read_whoever_wrote_it(program: str) -> None:
    bundle = parse_bundle(written_by(program), PFX)
    assert names(*bundle.chain) == ["CN=fixture leaf", "CN=fixture intermediate"]
    assert names(*bundle.roots) == ["CN=fixture root"]
    assert bundle.left_out == ()
    key = load_pem_private_key(bundle.require_private_key(), None)
    assert key.public_key() == bundle.leaf.public_key()
    assert bundle.require_private_key().startswith(b"-----BEGIN PRIVATE KEY-----\n")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(pem_value(root(), upper(), lower(), leaf(), key=leaf()), id="root first"),
        pytest.param(pem_value(leaf(), lower(), upper(), root(), key=leaf()), id="leaf first"),
        pytest.param(pem_value(lower(), leaf(), root(), upper()) + leaf().key_pem, id="key last"),
        pytest.param(
            pem_value(leaf(), lower(), upper(), root(), key=leaf()).replace("\n", "\r\n"), id="CRLF"
        ),
        pytest.param(
            "Bag Attributes\n  friendlyName: shop\n"
            + pem_value(root(), leaf(), upper(), lower(), key=leaf()),
            id="text between",
        ),
        pytest.param(
            pem_value(leaf(), lower(), upper(), root(), key=leaf()).replace("\n", " "), id="one line"
        ),
        pytest.param(
            pem_value(leaf(), lower(), upper(), root()).replace(" CERT", " X509 CERT") + leaf().key_pem,
            id="old label",
        ),
        pytest.param(pfx_value(leaf(), root(), upper(), lower(), key=leaf()), id="PFX"),
    ],
)
@pytest.mark.parametrize("content_type", [PFX, PEM, PEM.upper(), None, ""])
def test_the_form_is_seen_from_the_value(value: str, content_type: str | None) -> None:
    assert is_the_usual(parse_bundle(value, content_type))


@given(st.permutations([root(), upper(), lower(), leaf(), issue("stranger")]), st.integers(0, 5))
def test_any_order_of_the_parts_gives_the_same_bundle(parts: list[Issued], key_at: int) -> None:
    texts = [part.pem for part in parts]
    texts.insert(key_at, leaf().key_pem)
    bundle = parse_bundle("".join(texts), PEM)
    assert is_the_usual(bundle)
    assert bundle.left_out == (issue("stranger").certificate,)


def test_the_key_of_another_certificate_is_passed_over() -> None:
    text = pem_value(leaf(), lower(), upper(), root())
    for first, second in ((leaf(), issue("stranger")), (issue("stranger"), leaf())):
        assert is_the_usual(parse_bundle(first.key_pem + text + second.key_pem, PEM))


@pytest.mark.parametrize(
    "form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL], ids=["PKCS8", "traditional"]
)
def test_keys_come_out_as_pkcs8(form: PrivateFormat) -> None:
    key = leaf().key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    bundle = parse_bundle(parameters + key + leaf().pem, PEM)
    assert bundle.require_private_key().decode() == leaf().key_pem


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(written_by("nokey"), id="PFX"),
        pytest.param(pem_value(root(), leaf()), id="PEM"),
        pytest.param(b64encode(leaf().der).decode(), id="DER"),
    ],
)
def test_a_value_without_key_has_a_leaf_all_the_same(value: str) -> None:
    bundle = parse_bundle(value, PFX)
    assert names(bundle.leaf)[0].endswith("leaf")
    assert bundle.private_key_pem is None
    with pytest.raises(CertificateParseError) as caught:
        bundle.require_private_key()
    assert caught.value.kind is Kind.NO_PRIVATE_KEY


def _encrypted(form: PrivateFormat) -> str:
    pem = leaf().key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"word"))
    return leaf().pem + pem.decode()


def damaged(part: bytes, by: bytes) -> str:
    """The leaf in DER with a part changed: the library reads some parts only when they are asked for."""
    assert part in leaf().der
    return b64encode(leaf().der.replace(part, by)).decode()


WRONG = {
    "other content type": ("text/plain", pem_value(leaf(), key=leaf()), Kind.UNSUPPORTED_CONTENT_TYPE),
    "empty": (PFX, "", Kind.NOT_A_CERTIFICATE),
    "no base64": (PFX, "hunter2!", Kind.NOT_A_CERTIFICATE),
    "not ASCII": (PFX, "pässword", Kind.NOT_A_CERTIFICATE),
    "base64 of nothing known": (PFX, b64encode(b"hunter2").decode(), Kind.NOT_A_CERTIFICATE),
    "PFX cut off": (PFX, b64encode(b64decode(written_by("nomac"))[:800]).decode(), Kind.PASSWORD_PROTECTED),
    "PFX with a password": (PFX, written_by("password"), Kind.PASSWORD_PROTECTED),
    "PEM cut off": (PEM, leaf().pem[:-30], Kind.NOT_A_CERTIFICATE),
    "BEGIN without end": (PEM, leaf().pem + "-----BEGIN CERT", Kind.NOT_A_CERTIFICATE),
    "PEM that is no base64": (PEM, leaf().pem.replace("MII", "M!I"), Kind.NOT_A_CERTIFICATE),
    "empty PEM block": (
        PEM,
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        Kind.NOT_A_CERTIFICATE,
    ),
    "PEM of another thing": (
        PEM,
        leaf().key_pem.replace("PRIVATE KEY", "CERTIFICATE"),
        Kind.NOT_A_CERTIFICATE,
    ),
    "damaged name": (PEM, damaged(b"leaf", b"\xffeaf"), Kind.NOT_A_CERTIFICATE),
    "version that is none": (
        PEM,
        damaged(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09"),
        Kind.NOT_A_CERTIFICATE,
    ),
    "key in PKCS#8 with a password": (PEM, _encrypted(PrivateFormat.PKCS8), Kind.PASSWORD_PROTECTED),
    "key in old form with a password": (
        PEM,
        _encrypted(PrivateFormat.TraditionalOpenSSL),
        Kind.PASSWORD_PROTECTED,
    ),
    "damaged key": (PEM, leaf().pem + leaf().pem.replace("CERTIFICATE", "PRIVATE KEY"), Kind.UNREADABLE_KEY),
    "only a key": (PEM, leaf().key_pem, Kind.NO_CERTIFICATE),
    "key of no certificate": (PEM, pem_value(leaf(), lower(), key=root()), Kind.KEY_MISMATCH),
    "too many": (PEM, leaf().pem * (MAX_CERTIFICATES + 1), Kind.TOO_MANY_CERTIFICATES),
}


@pytest.mark.filterwarnings("ignore:PKCS#12 bundle could not be parsed as DER")
@pytest.mark.parametrize(("content_type", "value", "kind"), WRONG.values(), ids=WRONG.keys())
def test_an_unreadable_value_is_told_by_kind_and_never_by_content(
    content_type: str, value: str, kind: CertificateParseErrorKind
) -> None:
    with pytest.raises(CertificateParseError) as caught:
        parse_bundle(value, content_type)
    assert caught.value.kind is kind
    assert str(caught.value) == kind.value
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.filterwarnings("ignore:PKCS#12 bundle could not be parsed as DER")
@given(st.text() | st.binary().map(lambda data: b64encode(data).decode()))
def test_no_value_raises_anything_else(value: str) -> None:
    with pytest.raises(CertificateParseError):
        parse_bundle(value)


def test_repr_shows_no_key() -> None:
    bundle = parse_bundle(pem_value(leaf(), key=leaf()), PEM)
    assert "PRIVATE" not in repr(bundle)
    assert leaf().key_pem.splitlines()[1] not in repr(bundle)


@pytest.mark.parametrize(
    "key",
    [ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)],
    ids=["Ed25519", "RSA"],
)
def test_other_kinds_of_keys_are_compared_too(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(CertificateParseError) as caught:
        parse_bundle(leaf().pem + pem, PEM)
    assert caught.value.kind is Kind.KEY_MISMATCH


def test_pem_out_is_one_certificate_after_the_other() -> None:
    assert render_pem([leaf().certificate, lower().certificate]).decode() == leaf().pem + lower().pem


def test_der_out_is_the_certificate_and_its_key_as_unencrypted_pkcs8() -> None:
    bundle = parse_bundle(pem_value(leaf(), lower(), key=leaf()), PEM)
    assert bundle.private_key_pem is not None

    assert load_der_x509_certificate(render_der(bundle.leaf)) == leaf().certificate
    key = render_key_der(bundle.private_key_pem)
    assert key == leaf().key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    load_der_private_key(key, None)
