"""The six operations on key material: from a request to bytes. Rules about keys are in `keyrules`."""

from collections.abc import Callable, Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from vaultbind.keyvault.simulation import asymmetric, symmetric
from vaultbind.keyvault.simulation.algorithms import Operation, check_algorithm, check_digest
from vaultbind.keyvault.simulation.exchange import CryptoInput, CryptoOutput
from vaultbind.keyvault.simulation.keymaterial import KeyMaterial
from vaultbind.keyvault.simulation.problems import bad_parameter

SYMMETRIC: Final[Mapping[Operation, Callable[[bytes, CryptoInput], CryptoOutput]]] = {
    Operation.ENCRYPT: symmetric.encrypt,
    Operation.DECRYPT: symmetric.decrypt,
    Operation.WRAP: symmetric.wrap,
    Operation.UNWRAP: symmetric.unwrap,
}


def transform(material: KeyMaterial, operation: Operation, asked: CryptoInput) -> CryptoOutput:
    """Encrypt, decrypt, wrap or unwrap; raises VaultProblem (BadParameter)."""
    check_algorithm(material, operation, asked.algorithm)
    if isinstance(material, bytes):
        return SYMMETRIC[operation](material, asked)
    assert isinstance(material, rsa.RSAPrivateKey)  # noqa: S101 - no algorithm of these goes with a curve
    if asked.iv is not None or asked.aad is not None or asked.tag is not None:
        raise bad_parameter("Properties iv, aad and tag are for AES algorithms only.\r\n")
    inward = operation in {Operation.ENCRYPT, Operation.WRAP}
    work = asymmetric.encrypt if inward else asymmetric.decrypt
    return CryptoOutput(value=work(material, asked.algorithm, asked.value, operation))


def sign(material: KeyMaterial, algorithm: str, digest: bytes) -> bytes:
    """Sign a digest; raises VaultProblem (BadParameter) for a wrong algorithm or length."""
    check_algorithm(material, Operation.SIGN, algorithm)
    check_digest(algorithm, digest)
    if isinstance(material, bytes):
        return symmetric.sign(material, algorithm, digest)
    return asymmetric.sign(material, algorithm, digest)


def verify(material: KeyMaterial, algorithm: str, digest: bytes, signature: bytes) -> bool:
    """Tell whether a signature fits; raises VaultProblem (BadParameter) as `sign` does."""
    check_algorithm(material, Operation.VERIFY, algorithm)
    check_digest(algorithm, digest)
    if isinstance(material, bytes):
        return symmetric.verify(material, algorithm, digest, signature)
    return asymmetric.verify(material, algorithm, digest, signature)
