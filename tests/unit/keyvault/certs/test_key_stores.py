"""Key stores that we write: what others read in them, and that the same content gives the same bytes."""

import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.keyvault.certs import reading
from tests.unit.keyvault.certs.authority import Issued, issue, leaf, lower, root, upper
from vaultbind.keyvault.certs.der import integer, set_of
from vaultbind.keyvault.certs.jks import render_jks
from vaultbind.keyvault.certs.pkcs12 import render_pkcs12
from vaultbind.keyvault.certs.store import KeyStore, derive_salts

PASSWORD = "changeit"
Write = Callable[[KeyStore, str], bytes]
WRITERS: dict[str, Write] = {"PKCS12": render_pkcs12, "JKS": render_jks}
each_form = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
needs_keytool = pytest.mark.skipif(not shutil.which("keytool"), reason="no Java on the PATH: keytool")
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl on the PATH")


def keyed(*chain: Issued, alias: str = "shop-tls", key: bytes | None = None) -> KeyStore:
    parts = chain or (leaf(), lower(), upper())
    return KeyStore(
        alias=alias,
        certificates=tuple(part.certificate for part in parts),
        private_key=key or reading.pkcs8(parts[0].key),
    )


def trusting(*parts: Issued, alias: str = "shop-ca") -> KeyStore:
    return KeyStore(alias=alias, certificates=tuple(part.certificate for part in parts or (root(), upper())))


# -- what is in them --------------------------------------------------------------------------------


@pytest.mark.parametrize("password", [PASSWORD, " ", "~" * 128, ""], ids=["usual", "space", "long", "empty"])
def test_a_pkcs12_with_a_key(password: str) -> None:
    found = pkcs12.load_pkcs12(render_pkcs12(keyed(), password), password.encode())
    assert found.key is not None
    assert reading.pkcs8(found.key) == reading.pkcs8(leaf().key)
    assert found.cert == pkcs12.PKCS12Certificate(leaf().certificate, b"shop-tls")
    assert [item.certificate for item in found.additional_certs] == [lower().certificate, upper().certificate]


def test_an_empty_password_is_no_password_to_readers() -> None:
    assert pkcs12.load_pkcs12(render_pkcs12(keyed(), ""), None).key is not None


def test_a_pkcs12_that_is_trusted() -> None:
    found = pkcs12.load_pkcs12(render_pkcs12(trusting(), PASSWORD), PASSWORD.encode())
    assert (found.key, found.cert) == (None, None)
    assert found.additional_certs == [
        pkcs12.PKCS12Certificate(root().certificate, b"shop-ca"),
        pkcs12.PKCS12Certificate(upper().certificate, b"shop-ca-1"),
    ]


@pytest.mark.parametrize("wrong", [b"changeit ", b"", b"Changeit"])
def test_another_password_opens_nothing(wrong: bytes) -> None:
    with pytest.raises(ValueError, match=r"[Ii]nvalid password"):
        pkcs12.load_pkcs12(render_pkcs12(keyed(), PASSWORD), wrong)
    with pytest.raises(AssertionError):
        reading.read_jks(render_jks(keyed(), PASSWORD), wrong.decode())


def test_a_jks_with_a_key() -> None:
    found = reading.read_jks(render_jks(keyed(), PASSWORD), PASSWORD)
    assert found.keys == {"shop-tls": reading.pkcs8(leaf().key)}
    assert found.certificates == [part.certificate for part in (leaf(), lower(), upper())]
    assert found.dates == [int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)]


def test_a_jks_that_is_trusted() -> None:
    old = issue("old", start=datetime(1960, 1, 1, tzinfo=UTC))
    found = reading.read_jks(render_jks(trusting(root(), old), PASSWORD), PASSWORD)
    assert (found.keys, found.aliases) == ({}, ["shop-ca", "shop-ca-1"])
    assert found.certificates == [root().certificate, old.certificate]
    assert found.dates[1] == int(datetime(1960, 1, 1, tzinfo=UTC).timestamp() * 1000)


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=1, max_size=3000), st.from_regex(r"[ -~]{1,128}", fullmatch=True))
def test_a_jks_of_any_key_and_password(key: bytes, password: str) -> None:
    found = reading.read_jks(render_jks(keyed(key=key), password), password)
    assert found.keys["shop-tls"] == key


# -- the same, and not the same ----------------------------------------------------------------------


@each_form
@pytest.mark.parametrize("store", [keyed, trusting])
def test_the_same_content_gives_the_same_bytes(write: Write, store: Callable[[], KeyStore]) -> None:
    assert write(store(), PASSWORD) == write(store(), PASSWORD)


OTHERS = {
    "password": (keyed(), "another"),
    "alias": (keyed(alias="other"), PASSWORD),
    "key": (keyed(key=reading.pkcs8(lower().key)), PASSWORD),
    "chain": (keyed(leaf(), lower()), PASSWORD),
    "order of the chain": (keyed(leaf(), upper(), lower()), PASSWORD),
}


@each_form
@pytest.mark.parametrize("other", OTHERS)
def test_other_content_gives_other_bytes(write: Write, other: str) -> None:
    assert write(keyed(), PASSWORD) != write(*OTHERS[other])


def salt_of_pkcs12(der: bytes) -> bytes:
    """Salt of the first encryption: behind the word PBKDF2, a SEQUENCE and an OCTET STRING of 16 bytes."""
    found = re.search(rb"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c\x30.\x04\x10(.{16})", der, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("other", [name for name in OTHERS if name != "password"])
def test_no_two_contents_of_a_pkcs12_have_one_salt(other: str) -> None:
    """One password, one salt and other content would be one key and one initialisation vector for both."""
    assert salt_of_pkcs12(render_pkcs12(keyed(), PASSWORD)) != salt_of_pkcs12(render_pkcs12(*OTHERS[other]))


def test_no_salt_is_made_of_the_password() -> None:
    """A quick hash of the password, in the open, would spare whoever guesses it the thousands of rounds."""
    for store in (keyed(), trusting()):
        one, other = (render_pkcs12(store, password) for password in (PASSWORD, "another"))
        assert salt_of_pkcs12(one) == salt_of_pkcs12(other)
    one, other = (render_jks(keyed(), password) for password in (PASSWORD, "another"))
    marker = bytes.fromhex("2a021101010500")
    at = one.index(marker)
    assert one[at : at + 30] == other[at : at + 30], "two bytes of tag and length, the salt behind them"


def test_two_keys_of_a_jks_have_two_salts() -> None:
    """Under one salt the difference of two files would be the difference of the two keys."""
    marker = bytes.fromhex("2a021101010500")
    files = [render_jks(keyed(key=bytes([number]) * 100), PASSWORD) for number in (1, 2)]
    one, other = (file[file.index(marker) + 7 :][3:23] for file in files)
    assert one != other


def test_salts_differ_by_label() -> None:
    assert derive_salts(b"a", 16, b"content") != derive_salts(b"b", 16, b"content")


def test_repr_shows_no_key() -> None:
    assert "private_key" not in repr(keyed())


# -- DER ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "der"), [(0, "020100"), (127, "02017f"), (128, "02020080"), (10_000, "02022710")]
)
def test_whole_numbers_are_not_negative(number: int, der: str) -> None:
    assert integer(number) == bytes.fromhex(der)


def test_a_set_has_one_order() -> None:
    one, other = integer(1), integer(2)
    assert set_of([one, other]) == set_of([other, one])


# -- other programs ---------------------------------------------------------------------------------------


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def rsa_key() -> bytes:
    return reading.pkcs8(rsa.generate_private_key(65537, 2048))


@needs_keytool
@each_form
def test_java_reads_key_and_chain(write: Write, tmp_path: Path) -> None:
    file = tmp_path / "store"
    file.write_bytes(write(keyed(), PASSWORD))
    told = run(
        "keytool", "-list", "-v", "-keystore", file, "-storepass", PASSWORD, "-J-XX:TieredStopAtLevel=1"
    )
    assert f"Keystore type: {'JKS' if write is render_jks else 'PKCS12'}" in told
    assert "Alias name: shop-tls" in told
    assert "Entry type: PrivateKeyEntry" in told
    assert "Certificate chain length: 3" in told
    assert re.findall(r"Owner: CN=(\w+)", told) == ["leaf", "lower", "upper"]


@needs_keytool
@each_form
def test_java_opens_the_key(write: Write, tmp_path: Path) -> None:
    """Written anew by Java into a store of its own, it is the same key."""
    file, copy = tmp_path / "store", tmp_path / "copy"
    file.write_bytes(write(keyed(), PASSWORD))
    run(
        *(
            "keytool",
            "-importkeystore",
            "-srckeystore",
            file,
            "-srcstorepass",
            PASSWORD,
            "-destkeystore",
            copy,
        ),
        *("-deststoretype", "PKCS12", "-deststorepass", "another", "-J-XX:TieredStopAtLevel=1"),
    )
    found = pkcs12.load_pkcs12(copy.read_bytes(), b"another")
    assert found.key is not None
    assert reading.pkcs8(found.key) == reading.pkcs8(leaf().key)


@needs_keytool
@each_form
def test_java_sees_trusted_certificates(write: Write, tmp_path: Path) -> None:
    file = tmp_path / "store"
    file.write_bytes(write(trusting(), PASSWORD))
    told = run("keytool", "-list", "-keystore", file, "-storepass", PASSWORD, "-J-XX:TieredStopAtLevel=1")
    assert re.findall(r"^(\S+), .*, (\w+),", told, re.MULTILINE) == [
        ("shop-ca", "trustedCertEntry"),
        ("shop-ca-1", "trustedCertEntry"),
    ]


@needs_openssl
@pytest.mark.parametrize("password", [PASSWORD, ""])
def test_openssl_reads_key_and_chain(password: str, tmp_path: Path, rsa_key: bytes) -> None:
    file = tmp_path / "store"
    file.write_bytes(render_pkcs12(keyed(key=rsa_key), password))
    told = run("openssl", "pkcs12", "-in", file, "-passin", f"pass:{password}", "-info", "-nodes")
    assert "MAC: sha256, Iteration 10000" in told
    assert told.count("PBES2, PBKDF2, AES-256-CBC, Iteration 10000, PRF hmacWithSHA256") == 2
    assert (told.count("BEGIN CERTIFICATE"), told.count("BEGIN PRIVATE KEY")) == (3, 1)
