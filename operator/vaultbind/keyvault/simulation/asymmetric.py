"""What RSA and elliptic keys do."""

from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from vaultbind.keyvault.simulation.algorithms import Operation, Padding, failed

HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
Signer = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def encrypt(key: rsa.RSAPrivateKey, algorithm: str, plain: bytes, operation: Operation) -> bytes:
    """Encrypt one block; raises VaultProblem (BadParameter) when it is too long."""
    try:
        return key.public_key().encrypt(plain, _padding(algorithm))
    except ValueError:
        raise failed(operation) from None


def decrypt(key: rsa.RSAPrivateKey, algorithm: str, sealed: bytes, operation: Operation) -> bytes:
    """Decrypt one block; raises VaultProblem (BadParameter) when it is not this key's."""
    try:
        return key.decrypt(sealed, _padding(algorithm))
    except ValueError:
        raise failed(operation) from None


def _padding(algorithm: str) -> padding.AsymmetricPadding:
    if algorithm == Padding.PKCS1:
        return padding.PKCS1v15()
    digest = hashes.SHA256() if algorithm == Padding.OAEP_256 else hashes.SHA1()  # noqa: S303 - RSA-OAEP is defined so
    return padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)


def sign(key: Signer, algorithm: str, digest: bytes) -> bytes:
    """Sign a digest; an elliptic signature is r and s in full width, one behind the other."""
    scheme = _hash(algorithm)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, _signature_padding(algorithm, scheme), Prehashed(scheme))
    r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(scheme))))
    width = _width(key)
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def verify(key: Signer, algorithm: str, digest: bytes, signature: bytes) -> bool:
    """Tell whether a signature is this key's over the digest."""
    scheme = _hash(algorithm)
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            chosen = _signature_padding(algorithm, scheme)
            key.public_key().verify(signature, digest, chosen, Prehashed(scheme))
        else:
            key.public_key().verify(_to_der(key, signature), digest, ec.ECDSA(Prehashed(scheme)))
    except InvalidSignature:
        return False
    return True


def _to_der(key: ec.EllipticCurvePrivateKey, signature: bytes) -> bytes:
    width = _width(key)
    if len(signature) != 2 * width:
        raise InvalidSignature
    return encode_dss_signature(
        int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big")
    )


def _width(key: ec.EllipticCurvePrivateKey) -> int:
    return (key.curve.key_size + 7) // 8


def _hash(algorithm: str) -> hashes.HashAlgorithm:
    return HASHES[algorithm[2:5]]


def _signature_padding(algorithm: str, scheme: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if algorithm.startswith("PS"):
        return padding.PSS(mgf=padding.MGF1(scheme), salt_length=scheme.digest_size)
    return padding.PKCS1v15()
