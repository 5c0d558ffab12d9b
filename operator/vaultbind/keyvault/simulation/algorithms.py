"""Which algorithm goes with which operation and which key, and how long its input must be."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from vaultbind.keyvault.simulation.keymaterial import KeyMaterial, curve_name
from vaultbind.keyvault.simulation.problems import VaultProblem, bad_parameter


class Operation(StrEnum):
    """What a key can be used for; the words of `key_ops`."""

    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    SIGN = "sign"
    VERIFY = "verify"
    WRAP = "wrapKey"
    UNWRAP = "unwrapKey"


class Padding(StrEnum):
    """Families of RSA encryption."""

    PKCS1 = "RSA1_5"
    OAEP = "RSA-OAEP"
    OAEP_256 = "RSA-OAEP-256"


class Mode(StrEnum):
    """Families of AES."""

    CBC = "CBC"
    CBC_PAD = "CBCPAD"
    GCM = "GCM"
    WRAP = "KW"
    WRAP_ANY = "CKM_AES_KEY_WRAP"
    WRAP_PAD = "CKM_AES_KEY_WRAP_PAD"


AES_BITS: Final = (128, 192, 256)
AES_CONTENT: Final[Mapping[str, tuple[Mode, int]]] = {
    f"A{bits}{mode}": (mode, bits) for bits in AES_BITS for mode in (Mode.CBC, Mode.CBC_PAD, Mode.GCM)
}
"""Algorithms that encrypt with AES, with the size of the key that each needs."""
AES_WRAP: Final[Mapping[str, tuple[Mode, int]]] = {
    **{f"A{bits}KW": (Mode.WRAP, bits) for bits in AES_BITS},
    Mode.WRAP_ANY.value: (Mode.WRAP_ANY, 0),
    Mode.WRAP_PAD.value: (Mode.WRAP_PAD, 0),
}
"""Algorithms that wrap keys with AES; size 0: a key of any size."""
DIGEST_BYTES: Final[Mapping[str, int]] = {
    f"{family}{bits}": bits // 8 for family in ("RS", "PS", "ES", "HS") for bits in (256, 384, 512)
} | {"ES256K": 32}
CURVE_ALGORITHMS: Final[Mapping[str, str]] = {
    "P-256": "ES256",
    "P-256K": "ES256K",
    "P-384": "ES384",
    "P-521": "ES512",
}


def allowed_algorithms(material: KeyMaterial, operation: Operation) -> frozenset[str]:
    """Names of the algorithms that a key offers for an operation; empty when it cannot do it at all."""
    if operation in {Operation.SIGN, Operation.VERIFY}:
        return _signing(material)
    if isinstance(material, bytes):
        wraps = operation in {Operation.WRAP, Operation.UNWRAP}
        bits = len(material) * 8
        table = AES_WRAP if wraps else AES_CONTENT
        return frozenset(name for name, (_, wanted) in table.items() if wanted in {0, bits})
    return frozenset(Padding) if isinstance(material, rsa.RSAPrivateKey) else frozenset()


def _signing(material: KeyMaterial) -> frozenset[str]:
    if isinstance(material, bytes):
        return frozenset({"HS256", "HS384", "HS512"})
    if isinstance(material, rsa.RSAPrivateKey):
        return frozenset(f"{family}{bits}" for family in ("RS", "PS") for bits in (256, 384, 512))
    return frozenset({CURVE_ALGORITHMS[curve_name(material)]})


def check_algorithm(material: KeyMaterial, operation: Operation, algorithm: str) -> None:
    """Raise VaultProblem (BadParameter) for an algorithm that the key does not offer."""
    if algorithm not in allowed_algorithms(material, operation):
        raise incompatible(algorithm)


def incompatible(algorithm: str) -> VaultProblem:
    """400 for an algorithm that does not go with the key or the operation."""
    return bad_parameter(f"Key and signing algorithm are incompatible. Algorithm: {algorithm[:32]}.")


def check_digest(algorithm: str, digest: bytes) -> None:
    """Raise VaultProblem (BadParameter) for a digest of the wrong length."""
    wanted = DIGEST_BYTES[algorithm]
    if len(digest) != wanted:
        raise bad_parameter(
            f"Invalid length of 'value': {len(digest)} bytes. "
            f"{algorithm} requires {wanted} bytes, encoded with base64url."
        )


def failed(operation: Operation) -> VaultProblem:
    """400 for input that an operation can not work on: too long, damaged, or of another key."""
    return bad_parameter(f"The parameter is incorrect: {operation} failed on the given input.\r\n")
