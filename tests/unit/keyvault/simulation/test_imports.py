"""Imports in the forms that programs write: by OpenSSL and Java on the spot, by others from files."""

import base64
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from tests.unit.keyvault.certs.test_bundle import written_by
from vaultbind.keyvault.certs.der import SEQUENCE, element
from vaultbind.keyvault.certs.pfx import parse_pfx
from vaultbind.keyvault.simulation import SimulatedVault, VaultProblem, pfxwriter
from vaultbind.keyvault.simulation.bundles import BAD_PEM, BAD_PFX, Bundle, CertificateKey, render_pfx
from vaultbind.keyvault.simulation.certificates import Upload
from vaultbind.keyvault.simulation.issuing import Chain, issue_authorities, issue_chain
from vaultbind.keyvault.simulation.keymaterial import generate
from vaultbind.keyvault.simulation.pfxwriter import write_pfx
from vaultbind.keyvault.simulation.policies import PEM, PFX, complete_policy
from vaultbind.keyvault.simulation.signing import issue

NOW = 1_800_000_000
PASSWORD = "geheim-ü"
LEGACY = ("-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-legacy")
TRIPLE_DES = ("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-legacy")
MICROSOFT = ("-CSP", "Microsoft Enhanced RSA and AES Cryptographic Provider", "-keyex")
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl on the PATH")
needs_keytool = pytest.mark.skipif(not shutil.which("keytool"), reason="no Java on the PATH: keytool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """A chain (leaf, intermediate, root) and its key as files for a program to read."""

    chain: Chain
    key: Path
    leaf: Path
    others: Path
    """Root first, as nobody should rely on."""


def written(folder: Path, key: CertificateKey) -> Files:
    chain = issue_chain(["a.test"], not_before=NOW, not_after=NOW + 86_400, key=key)
    files = Files(chain=chain, key=folder / "key.pem", leaf=folder / "leaf.pem", others=folder / "others.pem")
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files.leaf.write_bytes(chain.leaf.public_bytes(Encoding.PEM))
    others = (chain.root, *chain.intermediates)
    files.others.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in others))
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return written(tmp_path_factory.mktemp("ec"), ec.generate_private_key(ec.SECP384R1()))


@pytest.fixture(scope="module")
def rsa_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    key = generate("RSA", 2048, None)
    assert not isinstance(key, bytes)
    return written(tmp_path_factory.mktemp("rsa"), key)


def run(*command: object) -> bytes:
    return subprocess.run([*map(str, command)], capture_output=True, check=True).stdout


def imported(value: str, content_type: str, password: str | None = None) -> SimulatedVault:
    vault = SimulatedVault("shop")
    upload = Upload(value=value, password=password, policy={"secret_props": {"contentType": content_type}})
    vault.certificates.import_certificate("tls", upload, now=NOW)
    return vault


def is_the_chain(vault: SimulatedVault, chain: Chain) -> bool:
    """Whether certificate, key and the secret's value are those of the chain."""
    key, leaf, others = pkcs12.load_key_and_certificates(
        base64.b64decode(vault.secrets.get("tls").value), None
    )
    return (
        vault.certificates.get("tls").der == chain.leaf.public_bytes(Encoding.DER)
        and leaf == chain.leaf
        and set(others) == {*chain.intermediates, chain.root}
        and isinstance(key, CertificateKey)
        and key.private_numbers() == chain.key.private_numbers()
        and {"sign", "verify"} <= set(vault.keys.get("tls").operations)
    )


@needs_openssl
@pytest.mark.parametrize("password", ["", PASSWORD], ids=["no password", "with password"])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(LEGACY, id="OpenSSL 1.1: RC2 and 3DES, SHA-1"),
        pytest.param(TRIPLE_DES, id="Windows: 3DES, SHA-1"),
        pytest.param((*TRIPLE_DES, *MICROSOFT), id="Windows: with names of its provider"),
        pytest.param((), id="OpenSSL 3: AES, PBKDF2, SHA-256"),
        pytest.param(("-iter", "1", "-noiter"), id="one iteration"),
        pytest.param(("-macalg", "sha512"), id="SHA-512"),
        pytest.param(("-certpbe", "NONE"), id="certificates in the open"),
        pytest.param(("-name", "my leaf", "-caname", "a", "-caname", "ü"), id="friendly names"),
    ],
)
def test_a_pfx_of_openssl(files: Files, options: tuple[str, ...], password: str) -> None:
    data = run(
        *("openssl", "pkcs12", "-export", "-inkey", files.key, "-in", files.leaf),
        *("-certfile", files.others, "-passout", f"pass:{password}", *options),
    )
    value = base64.b64encode(data).decode()
    assert is_the_chain(imported(value, PFX, password or None), files.chain)
    if password:
        for wrong in (None, "", "another"):
            with pytest.raises(VaultProblem) as caught:
                imported(value, PFX, wrong)
            assert caught.value.message == BAD_PFX


@needs_openssl
@pytest.mark.parametrize(
    "options", [("-certpbe", "NONE", "-keypbe", "NONE"), ("-nomac",)], ids=["not encrypted", "no MAC"]
)
def test_a_pfx_of_openssl_that_protects_nothing(files: Files, options: tuple[str, ...]) -> None:
    data = run(
        *("openssl", "pkcs12", "-export", "-inkey", files.key, "-in", files.leaf),
        *("-certfile", files.others, "-passout", "pass:", *options),
    )
    assert is_the_chain(imported(base64.b64encode(data).decode(), PFX), files.chain)


@needs_openssl
def test_a_pfx_with_an_rsa_key(rsa_files: Files) -> None:
    data = run(
        *("openssl", "pkcs12", "-export", "-inkey", rsa_files.key, "-in", rsa_files.leaf),
        *("-certfile", rsa_files.others, "-passout", f"pass:{PASSWORD}"),
    )
    vault = imported(base64.b64encode(data).decode(), PFX, PASSWORD)
    assert is_the_chain(vault, rsa_files.chain)
    assert vault.certificates.get_policy("tls")["key_props"]["key_size"] == 2048


@needs_openssl
@pytest.mark.parametrize("size", [76, 64], ids=["lines of 76", "lines of 64"])
def test_base64_may_have_lines(files: Files, size: int) -> None:
    data = run(
        *("openssl", "pkcs12", "-export", "-inkey", files.key, "-in", files.leaf),
        *("-certfile", files.others, "-passout", "pass:"),
    )
    text = base64.b64encode(data).decode()
    lines = "\r\n".join(text[at : at + size] for at in range(0, len(text), size))
    assert is_the_chain(imported(lines, PFX), files.chain)


@needs_keytool
@pytest.mark.parametrize("options", [(), ("-J-Dkeystore.pkcs12.legacy",)], ids=["Java 17", "as Java 8"])
def test_a_pfx_of_java(tmp_path: Path, options: tuple[str, ...]) -> None:
    store = tmp_path / "store.p12"
    run(
        *("keytool", "-genkeypair", "-alias", "Web", "-keyalg", "EC", "-groupname", "secp256r1"),
        *("-dname", "CN=java.test", "-ext", "san=dns:java.test", "-storetype", "PKCS12"),
        *("-keystore", store, "-storepass", "changeit", "-J-XX:TieredStopAtLevel=1", *options),
    )
    vault = imported(base64.b64encode(store.read_bytes()).decode(), PFX, "changeit")
    policy = vault.certificates.get_policy("tls")
    assert policy["x509_props"]["subject"] == "CN=java.test"
    assert policy["x509_props"]["sans"] == {"dns_names": ["java.test"]}
    assert policy["key_props"]["kty"] == "EC"
    leaf = x509.load_der_x509_certificate(vault.certificates.get("tls").der)
    key, found, _ = pkcs12.load_key_and_certificates(base64.b64decode(vault.secrets.get("tls").value), None)
    assert key is not None
    assert found == leaf
    assert spki(key.public_key()) == spki(leaf.public_key())


def spki(key: object) -> bytes:
    assert hasattr(key, "public_bytes")
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@pytest.mark.parametrize(
    "program", ["openssl3", "openssl11", "windows_3des", "java8", "java17", "nomac", "rsa3des", "rsaaes"]
)
def test_a_pfx_that_was_written_elsewhere(program: str) -> None:
    vault = imported(written_by(program), PFX)
    _, leaf, _ = pkcs12.load_key_and_certificates(base64.b64decode(vault.secrets.get("tls").value), None)
    assert leaf is not None
    assert leaf.public_bytes(Encoding.DER) == vault.certificates.get("tls").der


@pytest.mark.parametrize("program", ["nokey", "password"])
def test_a_pfx_that_can_not_be_used(program: str) -> None:
    with pytest.raises(VaultProblem) as caught:
        imported(written_by(program), PFX)
    assert caught.value.message == BAD_PFX


def pem(*certificates: x509.Certificate, key: str) -> str:
    return key + "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def key_text(files: Files, form: PrivateFormat = PrivateFormat.PKCS8, password: str = "") -> str:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return files.chain.key.private_bytes(Encoding.PEM, form, encryption).decode()


@pytest.mark.parametrize("order", ["leaf first", "root first", "leaf in the middle"])
@pytest.mark.parametrize("key_at", ["first", "last"])
def test_a_pem_in_any_order(files: Files, order: str, key_at: str) -> None:
    chain = files.chain
    certificates = {
        "leaf first": (chain.leaf, *chain.intermediates, chain.root),
        "root first": (chain.root, *chain.intermediates, chain.leaf),
        "leaf in the middle": (chain.root, chain.leaf, *chain.intermediates),
    }[order]
    text = pem(*certificates, key="")
    text = key_text(files) + text if key_at == "first" else text + key_text(files)
    value = imported(text, PEM).secrets.get("tls").value
    found = x509.load_pem_x509_certificates(value.encode())
    assert value.startswith("-----BEGIN PRIVATE KEY-----")
    assert found[0] == chain.leaf
    assert found[1:] == [one for one in certificates if one != chain.leaf]


def test_a_pem_keeps_its_order_when_told(files: Files) -> None:
    chain = files.chain
    certificates = [chain.root, chain.leaf, *chain.intermediates]
    upload = Upload(
        value=pem(*certificates, key=key_text(files)),
        policy={"secret_props": {"contentType": PEM}},
        preserve_order=True,
    )
    vault = SimulatedVault("shop")
    record = vault.certificates.import_certificate("tls", upload, now=NOW)
    assert record.preserve_order
    assert record.der == chain.leaf.public_bytes(Encoding.DER)
    assert x509.load_pem_x509_certificates(vault.secrets.get("tls").value.encode()) == certificates


def ordered_pfx(files: Files, *, with_key: bool = True) -> bytes:
    """Root, leaf, intermediate."""
    chain = files.chain
    key = chain.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    certificates = [chain.root, chain.leaf, *chain.intermediates]
    ders = [certificate.public_bytes(Encoding.DER) for certificate in certificates]
    return write_pfx(key if with_key else None, ders, 1)


@needs_openssl
def test_a_pfx_in_any_order_is_what_openssl_reads(files: Files, tmp_path: Path) -> None:
    file = tmp_path / "ordered.p12"
    file.write_bytes(ordered_pfx(files))
    text = run("openssl", "pkcs12", "-in", file, "-passin", "pass:", "-nodes").decode()
    found = x509.load_pem_x509_certificates(text.encode())
    assert found == [files.chain.root, files.chain.leaf, *files.chain.intermediates]
    assert load_pem_private_key(text.encode(), None).public_key() == files.chain.leaf.public_key()
    with pytest.raises(subprocess.CalledProcessError):
        run("openssl", "pkcs12", "-in", file, "-passin", "pass:wrong", "-nodes")


@pytest.mark.parametrize("preserve", [True, False])
@pytest.mark.parametrize("exportable", [True, False])
def test_a_pfx_keeps_its_order_when_told(files: Files, preserve: bool, exportable: bool) -> None:
    upload = Upload(
        value=base64.b64encode(ordered_pfx(files)).decode(),
        policy={"key_props": {"exportable": exportable}},
        preserve_order=preserve,
    )
    vault = SimulatedVault("shop")
    vault.certificates.import_certificate("tls", upload, now=NOW)
    content = parse_pfx(base64.b64decode(vault.secrets.get("tls").value))
    assert content is not None
    chain = files.chain
    kept = (chain.root, chain.leaf, *chain.intermediates)
    assert content.certificates == (kept if preserve else (chain.leaf, chain.root, *chain.intermediates))
    assert len(content.private_keys) == (1 if exportable else 0)


@needs_openssl
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("pkcs12", "-nodes", "-passin", "pass:"), id="openssl pkcs12, with bag attributes"),
        pytest.param(("pkcs12", "-nodes", "-passin", "pass:", "-legacy"), id="the same, old library"),
    ],
)
def test_a_pem_with_text_around(files: Files, tmp_path: Path, command: tuple[str, ...]) -> None:
    store = tmp_path / "store.p12"
    run(
        *("openssl", "pkcs12", "-export", "-inkey", files.key, "-in", files.leaf, "-name", "my leaf"),
        *("-certfile", files.others, "-passout", "pass:", "-out", store),
    )
    text = run("openssl", *command, "-in", store).decode()
    assert "friendlyName" in text
    vault = imported(text, PEM)
    assert vault.certificates.get("tls").der == files.chain.leaf.public_bytes(Encoding.DER)
    assert "friendlyName" not in vault.secrets.get("tls").value


@needs_openssl
def test_a_pem_with_certificates_spelled_out(files: Files) -> None:
    text = run("openssl", "x509", "-in", files.leaf, "-text").decode()
    vault = imported(text + key_text(files), PEM)
    assert vault.certificates.get("tls").der == files.chain.leaf.public_bytes(Encoding.DER)


@pytest.mark.parametrize("ending", ["\r\n", "\n\n"], ids=["CRLF", "blank lines"])
def test_line_ends_of_a_pem_do_not_matter(files: Files, ending: str) -> None:
    text = pem(files.chain.leaf, key=key_text(files)).replace("\n", ending)
    value = imported(text, PEM).secrets.get("tls").value
    assert load_pem_private_key(value.encode(), None).public_key() == files.chain.leaf.public_key()


PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"


def test_parameters_of_a_curve_beside_the_key_do_not_matter(files: Files) -> None:
    text = PARAMETERS + pem(files.chain.leaf, key=key_text(files))
    assert imported(text, PEM).certificates.get("tls").is_issued


@pytest.mark.parametrize("content_type", [PEM, PFX])
def test_the_content_type_decides_how_it_is_read(files: Files, content_type: str) -> None:
    """The service does not guess: PEM needs `application/x-pem-file` in the policy."""
    text = pem(files.chain.leaf, key=key_text(files))
    wrong = {PEM: render_pfx(files.chain.bundle()), PFX: text}[content_type]
    with pytest.raises(VaultProblem) as caught:
        imported(wrong, content_type)
    assert caught.value.message == {PEM: BAD_PEM, PFX: BAD_PFX}[content_type]
    with pytest.raises(VaultProblem):
        SimulatedVault("shop").certificates.import_certificate("tls", Upload(value=text), now=NOW)


def refused(text: str) -> str:
    with pytest.raises(VaultProblem) as caught:
        imported(text, PEM)
    assert caught.value.code == "BadParameter"
    return caught.value.message


def test_keys_that_are_not_plain_pkcs8_are_refused_as_by_the_service(files: Files, rsa_files: Files) -> None:
    leaf = pem(files.chain.leaf, key="")
    rsa_leaf = pem(rsa_files.chain.leaf, key="")
    forms = {
        "SEC1": PARAMETERS + key_text(files, PrivateFormat.TraditionalOpenSSL) + leaf,
        "PKCS#1": key_text(rsa_files, PrivateFormat.TraditionalOpenSSL) + rsa_leaf,
        "encrypted": key_text(files, password="geheim") + leaf,
        "encrypted as of old": key_text(rsa_files, PrivateFormat.TraditionalOpenSSL, "geheim") + rsa_leaf,
    }
    assert {name: refused(text) for name, text in forms.items()} == dict.fromkeys(forms, BAD_PEM)


def test_pems_that_are_no_certificate_with_its_key(files: Files) -> None:
    key, leaf = key_text(files), pem(files.chain.leaf, key="")
    other = ed25519.Ed25519PrivateKey.generate()
    foreign = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    forms = {
        "no key": leaf,
        "no certificate": key,
        "two keys": key + key + leaf,
        "a key in two forms": key + key_text(files, PrivateFormat.TraditionalOpenSSL) + leaf,
        "cut off": (key + leaf)[:-30],
        "not base64": key + leaf.replace("M", "?", 3),
        "not a certificate": key + key.replace("PRIVATE KEY", "CERTIFICATE"),
        "not a key": leaf.replace("CERTIFICATE", "PRIVATE KEY") + leaf,
        "a key of another kind": foreign + leaf,
        "DER in base64": base64.b64encode(files.chain.leaf.public_bytes(Encoding.DER)).decode(),
        "nothing": "hello",
    }
    assert {name: refused(text) for name, text in forms.items()} == dict.fromkeys(forms, BAD_PEM)


def test_a_key_of_another_certificate_is_named_as_the_mistake(files: Files, rsa_files: Files) -> None:
    assert "does not match the public part" in refused(
        pem(files.chain.leaf, *files.chain.intermediates, key=key_text(rsa_files))
    )


def test_the_policy_of_an_import_is_read_off_the_certificate(files: Files) -> None:
    """As recorded from the service, where a year and ten minutes are 13 months."""
    vault = imported(pem(files.chain.leaf, key=key_text(files)), PEM)
    policy = vault.certificates.get_policy("tls")
    assert policy["key_props"] == {"exportable": True, "kty": "EC", "crv": "P-384", "reuse_key": False}
    assert policy["issuer"] == {"name": "Unknown"}
    assert policy["lifetime_actions"][0]["action"] == {"action_type": "EmailContacts"}
    assert policy["x509_props"] == {
        "subject": "CN=a.test",
        "sans": {"dns_names": ["a.test"]},
        "ekus": [],
        "key_usage": [],
        "validity_months": 1,
        "basic_constraints": {"ca": False},
    }


def test_an_import_of_what_the_service_made_has_its_policy_again_but_for_the_issuer() -> None:
    """As recorded from the service; a year and ten minutes are 13 months there."""
    made = complete_policy(
        {
            "key_props": {"kty": "EC", "crv": "P-256"},
            "x509_props": {
                "subject": "CN=MyCert",
                "key_usage": ["digitalSignature", "keyAgreement", "decipherOnly"],
            },
            "issuer": {"name": "Self"},
        },
        NOW,
    )
    key = ec.generate_private_key(ec.SECP256R1())
    bundle = Bundle(key=key, leaf=issue(made, key, NOW))
    vault = imported(render_pfx(bundle), PFX)
    policy = vault.certificates.get_policy("tls")
    assert policy["x509_props"] == {**made["x509_props"], "validity_months": 13}
    assert policy["key_props"] == made["key_props"]
    assert policy["issuer"] == {"name": "Unknown"}


def test_an_import_of_an_authority_says_that_it_is_one() -> None:
    (root,) = issue_authorities(NOW, 0)
    vault = imported(render_pfx(Bundle(key=root.key, leaf=root.certificate)), PFX)
    asked = vault.certificates.get_policy("tls")["x509_props"]
    assert asked["basic_constraints"] == {"ca": True}
    assert asked["key_usage"] == ["digitalSignature", "keyCertSign", "cRLSign"]
    assert asked["validity_months"] == 120


def test_a_certificate_without_any_extension_is_taken(files: Files) -> None:
    key = files.chain.key
    leaf = files.chain.leaf
    bare = (
        x509.CertificateBuilder(
            subject_name=leaf.subject, issuer_name=leaf.subject, public_key=key.public_key(), serial_number=1
        )
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    asked = imported(pem(bare, key=key_text(files)), PEM).certificates.get_policy("tls")["x509_props"]
    assert (asked["basic_constraints"], asked["key_usage"]) == ({"ca": False}, [])
    assert "sans" not in asked


def test_what_the_request_says_goes_before_the_certificate(files: Files) -> None:
    asked = {
        "secret_props": {"contentType": PEM},
        "issuer": {"name": "Self", "cty": None},
        "x509_props": {"validity_months": 7, "ekus": None},
        "key_props": {"kty": "RSA", "key_size": 2048, "reuse_key": True},
    }
    vault = SimulatedVault("shop")
    upload = Upload(value=pem(files.chain.leaf, key=key_text(files)), policy=asked)
    vault.certificates.import_certificate("tls", upload, now=NOW)
    policy = vault.certificates.get_policy("tls")
    assert policy["issuer"] == {"name": "Self"}
    assert (policy["x509_props"]["validity_months"], policy["x509_props"]["ekus"]) == (7, [])
    assert (policy["key_props"]["kty"], policy["key_props"]["reuse_key"]) == ("EC", True)


def test_a_pfx_with_two_keys_is_refused(files: Files) -> None:
    key = files.chain.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    leaf = files.chain.leaf.public_bytes(Encoding.DER)
    bags = [
        pfxwriter._bag(pfxwriter.CERTIFICATE_BAG, pfxwriter._certificate(leaf), b""),
        pfxwriter._bag(pfxwriter.KEY_BAG, key, b""),
        pfxwriter._bag(pfxwriter.KEY_BAG, key, b""),
    ]
    safe = pfxwriter._data(element(SEQUENCE, *bags))
    content = element(SEQUENCE, safe)
    data = element(
        SEQUENCE, pfxwriter.VERSION, pfxwriter._data(content), pfxwriter._mac(content, b"saltsalt")
    )
    found = parse_pfx(data)
    assert found is not None
    assert len(found.private_keys) == 2
    with pytest.raises(VaultProblem) as caught:
        imported(base64.b64encode(data).decode(), PFX)
    assert caught.value.message == BAD_PFX
