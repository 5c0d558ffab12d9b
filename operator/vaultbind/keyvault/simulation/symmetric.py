"""What a symmetric key does: AES for content and for keys, HMAC. Nothing here leaves the process."""

import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from vaultbind.keyvault.simulation.algorithms import AES_CONTENT, AES_WRAP, Mode, Operation, failed
from vaultbind.keyvault.simulation.exchange import CryptoInput, CryptoOutput
from vaultbind.keyvault.simulation.problems import bad_parameter

BLOCK: Final = 16
GCM_IV: Final = 12
GCM_TAG: Final = 16


def encrypt(key: bytes, asked: CryptoInput) -> CryptoOutput:
    """Encrypt; plain CBC fills up with zeros. Raises VaultProblem (BadParameter) for a wrong iv."""
    mode, _ = AES_CONTENT[asked.algorithm]
    if mode is Mode.GCM:
        return _encrypt_gcm(key, asked)
    iv = _cbc_iv(asked)
    plain = asked.value
    if mode is Mode.CBC_PAD:
        padder = PKCS7(BLOCK * 8).padder()
        plain = padder.update(plain) + padder.finalize()
    else:
        plain += bytes(-len(plain) % BLOCK)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return CryptoOutput(value=encryptor.update(plain) + encryptor.finalize(), iv=iv)


def _encrypt_gcm(key: bytes, asked: CryptoInput) -> CryptoOutput:
    if asked.iv is not None:
        raise bad_parameter("Property iv must not be given: the service makes it for AES-GCM.\r\n")
    iv = secrets.token_bytes(GCM_IV)
    sealed = AESGCM(key).encrypt(iv, asked.value, asked.aad)
    return CryptoOutput(value=sealed[:-GCM_TAG], iv=iv, tag=sealed[-GCM_TAG:], aad=asked.aad)


def decrypt(key: bytes, asked: CryptoInput) -> CryptoOutput:
    """Decrypt; raises VaultProblem (BadParameter) for damaged input. Plain CBC keeps its padding."""
    mode, _ = AES_CONTENT[asked.algorithm]
    if mode is Mode.GCM:
        return CryptoOutput(value=_decrypt_gcm(key, asked))
    iv = _cbc_iv(asked)
    if len(asked.value) % BLOCK:
        raise failed(Operation.DECRYPT)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plain = decryptor.update(asked.value) + decryptor.finalize()
    return CryptoOutput(value=_unpad(plain) if mode is Mode.CBC_PAD else plain)


def _decrypt_gcm(key: bytes, asked: CryptoInput) -> bytes:
    if asked.iv is None or len(asked.iv) != GCM_IV or asked.tag is None or len(asked.tag) != GCM_TAG:
        raise bad_parameter("Property iv or tag has invalid value: AES-GCM needs 12 and 16 bytes.\r\n")
    try:
        return AESGCM(key).decrypt(asked.iv, asked.value + asked.tag, asked.aad)
    except InvalidTag:
        raise failed(Operation.DECRYPT) from None


def _cbc_iv(asked: CryptoInput) -> bytes:
    if asked.iv is None or len(asked.iv) != BLOCK:
        raise bad_parameter("Property iv has invalid value: AES-CBC needs 16 bytes.\r\n")
    return asked.iv


def _unpad(plain: bytes) -> bytes:
    unpadder = PKCS7(BLOCK * 8).unpadder()
    try:
        return unpadder.update(plain) + unpadder.finalize()
    except ValueError:
        raise failed(Operation.DECRYPT) from None


def wrap(key: bytes, asked: CryptoInput) -> CryptoOutput:
    """Wrap a key; raises VaultProblem (BadParameter) for a length that the algorithm cannot take."""
    mode, _ = AES_WRAP[asked.algorithm]
    work = keywrap.aes_key_wrap_with_padding if mode is Mode.WRAP_PAD else keywrap.aes_key_wrap
    try:
        return CryptoOutput(value=work(key, asked.value))
    except ValueError:
        raise failed(Operation.WRAP) from None


def unwrap(key: bytes, asked: CryptoInput) -> CryptoOutput:
    """Unwrap a key; raises VaultProblem (BadParameter) for damaged input or another key's."""
    mode, _ = AES_WRAP[asked.algorithm]
    work = keywrap.aes_key_unwrap_with_padding if mode is Mode.WRAP_PAD else keywrap.aes_key_unwrap
    try:
        return CryptoOutput(value=work(key, asked.value))
    except (ValueError, keywrap.InvalidUnwrap):
        raise failed(Operation.UNWRAP) from None


def sign(key: bytes, algorithm: str, digest: bytes) -> bytes:
    """HMAC over the digest that was given."""
    return hmac.digest(key, digest, f"sha{algorithm[2:]}")


def verify(key: bytes, algorithm: str, digest: bytes, signature: bytes) -> bool:
    """Tell whether the HMAC is this key's."""
    return hmac.compare_digest(sign(key, algorithm, digest), signature)
