"""Every algorithm on every key: there and back, refused where it must be, and as other programs do it."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.keyvault.simulation.material import OCT, make
from vaultbind.keyvault.simulation import VaultProblem, crypto
from vaultbind.keyvault.simulation.algorithms import Operation, allowed_algorithms
from vaultbind.keyvault.simulation.exchange import CryptoInput
from vaultbind.keyvault.simulation.keymaterial import CURVES

BITS = (128, 192, 256)
IV = bytes(range(16))
RSA_ENCRYPTION = ["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"]
ENCRYPTION = [("RSA", name) for name in RSA_ENCRYPTION] + [
    (str(bits), f"A{bits}{mode}") for bits in BITS for mode in ("CBC", "CBCPAD", "GCM")
]
WRAPPING = [("RSA", name) for name in RSA_ENCRYPTION] + [
    (str(bits), name) for bits in BITS for name in (f"A{bits}KW", "CKM_AES_KEY_WRAP", "CKM_AES_KEY_WRAP_PAD")
]
SIGNING = (
    [("RSA", f"{family}{bits}") for family in ("RS", "PS") for bits in (256, 384, 512)]
    + [("P-256", "ES256"), ("P-256K", "ES256K"), ("P-384", "ES384"), ("P-521", "ES512")]
    + [("256", f"HS{bits}") for bits in (256, 384, 512)]
)


def digest_for(algorithm: str, text: bytes = b"text") -> bytes:
    return hashlib.new(f"sha{algorithm[2:5]}", text).digest()


def iv_for(algorithm: str) -> bytes | None:
    return IV if "CBC" in algorithm else None


@pytest.mark.parametrize(("kind", "algorithm"), ENCRYPTION)
def test_what_is_encrypted_is_decrypted(kind: str, algorithm: str) -> None:
    key, plain = make(kind), b"sixteen bytes, 2" * 2
    aad = b"more" if "GCM" in algorithm else None
    asked = CryptoInput(algorithm=algorithm, value=plain, iv=iv_for(algorithm), aad=aad)
    sealed = crypto.transform(key, Operation.ENCRYPT, asked)
    assert plain not in sealed.value
    back = CryptoInput(algorithm=algorithm, value=sealed.value, iv=sealed.iv, tag=sealed.tag, aad=aad)
    assert crypto.transform(key, Operation.DECRYPT, back).value == plain


@pytest.mark.parametrize(("kind", "algorithm"), WRAPPING)
def test_what_is_wrapped_is_unwrapped(kind: str, algorithm: str) -> None:
    key = make(kind)
    wrapped = crypto.transform(key, Operation.WRAP, CryptoInput(algorithm=algorithm, value=OCT[256]))
    asked = CryptoInput(algorithm=algorithm, value=wrapped.value)
    assert crypto.transform(key, Operation.UNWRAP, asked).value == OCT[256]


@pytest.mark.parametrize(("kind", "algorithm"), SIGNING)
def test_what_is_signed_is_verified_and_nothing_else(kind: str, algorithm: str) -> None:
    key, digest = make(kind), digest_for(algorithm)
    signature = crypto.sign(key, algorithm, digest)
    assert crypto.verify(key, algorithm, digest, signature)
    assert not crypto.verify(key, algorithm, digest_for(algorithm, b"other"), signature)
    assert not crypto.verify(key, algorithm, digest, signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not crypto.verify(key, algorithm, digest, signature[:-1])


def test_the_table_of_algorithms_is_that_of_the_service() -> None:
    """No key offers an algorithm that is not in the tables above, and each offers all of them."""
    for kind in ("RSA", *CURVES, "128", "192", "256"):
        key = make(kind)
        assert allowed_algorithms(key, Operation.ENCRYPT) == {name for k, name in ENCRYPTION if k == kind}
        assert allowed_algorithms(key, Operation.UNWRAP) == {name for k, name in WRAPPING if k == kind}
        signing = {name for k, name in SIGNING if k == ("256" if kind.isdigit() else kind)}
        assert allowed_algorithms(key, Operation.VERIFY) == signing


@pytest.mark.parametrize(
    ("kind", "operation", "asked"),
    [
        pytest.param(
            "RSA",
            Operation.ENCRYPT,
            CryptoInput(algorithm="RSA-OAEP-256", value=bytes(191)),
            id="block too long",
        ),
        pytest.param(
            "RSA", Operation.DECRYPT, CryptoInput(algorithm="RSA-OAEP", value=bytes(256)), id="not ours"
        ),
        pytest.param("RSA", Operation.DECRYPT, CryptoInput(algorithm="RSA-OAEP", value=b"x"), id="too short"),
        pytest.param(
            "RSA", Operation.ENCRYPT, CryptoInput(algorithm="A128GCM", value=b"x"), id="AES with RSA"
        ),
        pytest.param("RSA", Operation.ENCRYPT, CryptoInput(algorithm="", value=b"x"), id="no algorithm"),
        pytest.param(
            "RSA", Operation.ENCRYPT, CryptoInput(algorithm="RSA-OAEP", value=b"x", iv=IV), id="iv with RSA"
        ),
        pytest.param(
            "P-256", Operation.ENCRYPT, CryptoInput(algorithm="RSA-OAEP", value=b"x"), id="EC encrypts"
        ),
        pytest.param(
            "128", Operation.ENCRYPT, CryptoInput(algorithm="A256GCM", value=b"x"), id="wrong key size"
        ),
        pytest.param(
            "128",
            Operation.ENCRYPT,
            CryptoInput(algorithm="A128GCM", value=b"x", iv=IV[:12]),
            id="own GCM iv",
        ),
        pytest.param(
            "128", Operation.ENCRYPT, CryptoInput(algorithm="A128CBC", value=IV), id="CBC without iv"
        ),
        pytest.param(
            "128", Operation.DECRYPT, CryptoInput(algorithm="A128CBC", value=b"x", iv=IV), id="half a block"
        ),
        pytest.param(
            "128",
            Operation.DECRYPT,
            CryptoInput(algorithm="A128CBCPAD", value=IV, iv=IV),
            id="padding damaged",
        ),
        pytest.param(
            "128", Operation.DECRYPT, CryptoInput(algorithm="A128GCM", value=b"x"), id="GCM without tag"
        ),
        pytest.param(
            "128",
            Operation.DECRYPT,
            CryptoInput(algorithm="A128GCM", value=b"x", iv=IV[:12], tag=IV),
            id="GCM tag damaged",
        ),
        pytest.param("128", Operation.WRAP, CryptoInput(algorithm="A128KW", value=b"x"), id="KW of one byte"),
        pytest.param(
            "128", Operation.UNWRAP, CryptoInput(algorithm="A128KW", value=bytes(40)), id="KW damaged"
        ),
        pytest.param(
            "128", Operation.WRAP, CryptoInput(algorithm="A128GCM", value=IV), id="wrapping with GCM"
        ),
    ],
)
def test_what_the_service_refuses(kind: str, operation: Operation, asked: CryptoInput) -> None:
    with pytest.raises(VaultProblem) as caught:
        crypto.transform(make(kind), operation, asked)
    assert (caught.value.status, caught.value.code) == (400, "BadParameter")


@pytest.mark.parametrize(
    ("kind", "algorithm", "length"),
    [("RSA", "RS256", 20), ("RSA", "PS512", 32), ("P-521", "ES512", 32), ("256", "HS384", 32)],
)
def test_a_digest_has_the_length_of_its_algorithm(kind: str, algorithm: str, length: int) -> None:
    for call in (
        lambda: crypto.sign(make(kind), algorithm, bytes(length)),
        lambda: crypto.verify(make(kind), algorithm, bytes(length), b"s"),
    ):
        with pytest.raises(VaultProblem, match=f"{length} bytes. {algorithm} requires"):
            call()


@pytest.mark.parametrize(("kind", "algorithm"), [("P-256", "ES384"), ("P-256", "ES256K"), ("RSA", "ES256")])
def test_a_signing_algorithm_of_another_key_is_refused(kind: str, algorithm: str) -> None:
    with pytest.raises(VaultProblem, match="incompatible"):
        crypto.sign(make(kind), algorithm, digest_for(algorithm))


def test_the_largest_blocks_of_rsa() -> None:
    for algorithm, size in (("RSA-OAEP-256", 190), ("RSA-OAEP", 214), ("RSA1_5", 245)):
        asked = CryptoInput(algorithm=algorithm, value=bytes(size))
        assert len(crypto.transform(make("RSA"), Operation.ENCRYPT, asked).value) == 256


# ---- alike to `cryptography`
def test_the_public_half_encrypts_and_verifies_locally() -> None:
    key = make("RSA")
    assert isinstance(key, rsa.RSAPrivateKey)
    public = key.public_key()
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    asked = CryptoInput(algorithm="RSA-OAEP-256", value=public.encrypt(b"plain", scheme))
    assert crypto.transform(key, Operation.DECRYPT, asked).value == b"plain"
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=48)
    public.verify(crypto.sign(key, "PS384", digest_for("PS384")), b"text", pss, hashes.SHA384())


@pytest.mark.parametrize(
    ("curve", "algorithm", "width"),
    [("P-256", "ES256", 32), ("P-256K", "ES256K", 32), ("P-384", "ES384", 48), ("P-521", "ES512", 66)],
)
def test_an_elliptic_signature_is_r_and_s_in_full_width(curve: str, algorithm: str, width: int) -> None:
    key = make(curve)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    scheme = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:5]]
    signature = crypto.sign(key, algorithm, digest_for(algorithm))
    assert len(signature) == 2 * width
    r, s = (int.from_bytes(half) for half in (signature[:width], signature[width:]))
    key.public_key().verify(encode_dss_signature(r, s), b"text", ec.ECDSA(scheme))
    r, s = decode_dss_signature(key.sign(b"text", ec.ECDSA(scheme)))
    foreign = r.to_bytes(width) + s.to_bytes(width)
    assert crypto.verify(key, algorithm, digest_for(algorithm), foreign)


@settings(max_examples=30)
@given(plain=st.binary(max_size=200), aad=st.none() | st.binary(max_size=40))
def test_gcm_is_gcm_for_any_input(plain: bytes, aad: bytes | None) -> None:
    asked = CryptoInput(algorithm="A256GCM", value=plain, aad=aad)
    sealed = crypto.transform(OCT[256], Operation.ENCRYPT, asked)
    assert sealed.iv is not None
    assert sealed.tag is not None
    assert AESGCM(OCT[256]).decrypt(sealed.iv, sealed.value + sealed.tag, aad) == plain


def test_plain_cbc_comes_back_with_zeros_behind_it() -> None:
    asked = CryptoInput(algorithm="A256CBC", value=b"seventeen bytes, ", iv=IV)
    sealed = crypto.transform(OCT[256], Operation.ENCRYPT, asked).value
    back = CryptoInput(algorithm="A256CBC", value=sealed, iv=IV)
    assert crypto.transform(OCT[256], Operation.DECRYPT, back).value == b"seventeen bytes, " + bytes(15)


@settings(max_examples=30)
@given(plain=st.binary(max_size=200))
def test_padded_cbc_takes_any_length(plain: bytes) -> None:
    sealed = crypto.transform(
        OCT[192], Operation.ENCRYPT, CryptoInput(algorithm="A192CBCPAD", value=plain, iv=IV)
    )
    back = CryptoInput(algorithm="A192CBCPAD", value=sealed.value, iv=IV)
    assert len(sealed.value) == len(plain) // 16 * 16 + 16
    assert crypto.transform(OCT[192], Operation.DECRYPT, back).value == plain


def test_key_wrap_is_that_of_rfc_3394() -> None:
    """The vector of section 4.6: 256 bits of key data with a 256-bit key."""
    data = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    wrapped = crypto.transform(OCT[256], Operation.WRAP, CryptoInput(algorithm="A256KW", value=data))
    expected = "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
    assert wrapped.value.hex().upper() == expected
    assert aes_key_unwrap(OCT[256], wrapped.value) == data


# ---- alike to OpenSSL's command line
openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on the PATH")


def run(folder: Path, arguments: str, data: bytes = b"") -> bytes:
    command = ["openssl", *arguments.split()]
    return subprocess.run(command, cwd=folder, input=data, capture_output=True, check=True).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind in ("RSA", "P-384"):
        key = make(kind)
        assert not isinstance(key, bytes)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / f"{kind}.key").write_bytes(private)
        (tmp_path / f"{kind}.pub").write_bytes(public)
    (tmp_path / "text").write_bytes(b"text")
    return tmp_path


@openssl
@pytest.mark.parametrize(
    ("algorithm", "options"),
    [
        ("RSA1_5", "rsa_padding_mode:pkcs1"),
        ("RSA-OAEP", "rsa_padding_mode:oaep"),
        ("RSA-OAEP-256", "rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256"),
    ],
)
def test_openssl_decrypts_what_we_encrypt_and_we_what_it_does(
    folder: Path, algorithm: str, options: str
) -> None:
    asked = CryptoInput(algorithm=algorithm, value=b"plain")
    ours = crypto.transform(make("RSA"), Operation.ENCRYPT, asked).value
    assert run(folder, f"pkeyutl -decrypt -inkey RSA.key -pkeyopt {options}", ours) == b"plain"
    theirs = run(folder, f"pkeyutl -encrypt -pubin -inkey RSA.pub -pkeyopt {options}", b"plain")
    back = CryptoInput(algorithm=algorithm, value=theirs)
    assert crypto.transform(make("RSA"), Operation.DECRYPT, back).value == b"plain"


@openssl
@pytest.mark.parametrize(
    ("algorithm", "options"),
    [
        ("RS256", "-sha256"),
        ("RS512", "-sha512"),
        ("PS256", "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32"),
        ("PS384", "-sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:48"),
    ],
)
def test_openssl_verifies_what_we_sign_and_we_what_it_does(
    folder: Path, algorithm: str, options: str
) -> None:
    (folder / "ours").write_bytes(crypto.sign(make("RSA"), algorithm, digest_for(algorithm)))
    told = run(folder, f"dgst {options} -verify RSA.pub -signature ours text")
    assert told.strip() == b"Verified OK"
    theirs = run(folder, f"dgst {options} -sign RSA.key text")
    assert crypto.verify(make("RSA"), algorithm, digest_for(algorithm), theirs)


@openssl
def test_openssl_signs_with_a_curve_as_we_do(folder: Path) -> None:
    r, s = decode_dss_signature(run(folder, "dgst -sha384 -sign P-384.key text"))
    assert crypto.verify(make("P-384"), "ES384", digest_for("ES384"), r.to_bytes(48) + s.to_bytes(48))


@openssl
@pytest.mark.parametrize("bits", BITS)
def test_openssl_decrypts_padded_cbc(folder: Path, bits: int) -> None:
    asked = CryptoInput(algorithm=f"A{bits}CBCPAD", value=b"any length", iv=IV)
    sealed = crypto.transform(OCT[bits], Operation.ENCRYPT, asked)
    key, iv = OCT[bits].hex(), IV.hex()
    assert run(folder, f"enc -d -aes-{bits}-cbc -K {key} -iv {iv}", sealed.value) == b"any length"


@openssl
@pytest.mark.parametrize("bits", [256, 512])
def test_openssl_makes_the_same_hmac(folder: Path, bits: int) -> None:
    digest = digest_for(f"HS{bits}")
    told = run(folder, f"dgst -sha{bits} -mac HMAC -macopt hexkey:{OCT[256].hex()} -binary", digest)
    assert told == crypto.sign(OCT[256], f"HS{bits}", digest)
