"""Operations with the public half of a key, computed here: no request, no permission but `keys/get` before.

The rules are the service's: a key that is disabled, outside of its time or not meant for the operation is not
used. What was read is believed for a while only. A failure is an error and never becomes a request.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vaultbind.keyvault.arguments import tell_wrong_types
from vaultbind.keyvault.crypto_rules import (
    CipherInput,
    check_digest,
    check_encryption,
    check_wrapping,
    hash_message,
    parse_algorithm,
)
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.clock import Clock
from vaultbind.keyvault.types.crypto import (
    EncryptionAlgorithm,
    EncryptResult,
    KeyWrapAlgorithm,
    SignatureAlgorithm,
    VerifyResult,
    WrapResult,
)
from vaultbind.keyvault.types.key import Key, KeyOperation

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

FRESH_SECONDS = 300.0
"""How long a key that was read is believed, unless told otherwise."""
_IN_ITS_TIME = frozenset({KeyOperation.ENCRYPT, KeyOperation.WRAP_KEY})
"""Outside of a key's time the service still verifies and decrypts, but makes nothing new."""


@tell_wrong_types
@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPublicKey:
    """One version of an RSA or EC key as it was a moment ago; `KeysService.open_public_key` makes it.

    Every method raises KeyVaultError: VALIDATION as the method of KeysService does, DISABLED,
    OPERATION_FORBIDDEN (code KeyNotYetValid, KeyExpired, KeyOperationForbidden; KeyNotFresh: open it again).

        key = await client.keys.open_public_key("orders")
        sealed = key.encrypt(EncryptionAlgorithm.RSA_OAEP_256, b"card 4711")
    """

    key: Key
    clock: Clock = field(repr=False)
    read_at: float
    """Monotonic seconds."""
    max_age: float = FRESH_SECONDS

    def encrypt(self, algorithm: EncryptionAlgorithm, plaintext: bytes) -> EncryptResult:
        """Encrypt one block with RSA; needs `keys/get`, before.

            sealed = public_key.encrypt(EncryptionAlgorithm.RSA_OAEP_256, b"card 4711")

        Raises KeyVaultError: VALIDATION, DISABLED, OPERATION_FORBIDDEN.
        """
        algorithm = parse_algorithm(EncryptionAlgorithm, algorithm)
        self._check(KeyOperation.ENCRYPT)
        check_encryption(algorithm, CipherInput(data=plaintext), self.key.key)
        ciphertext = self._compute(lambda: _encrypt_rsa(self._public(), algorithm, plaintext))
        return EncryptResult(key_id=self.key.key.kid, algorithm=algorithm, ciphertext=ciphertext)

    def wrap_key(self, algorithm: KeyWrapAlgorithm, key_bytes: bytes) -> WrapResult:
        """Encrypt a symmetric key with RSA; needs `keys/get`, before.

            wrapped = public_key.wrap_key(KeyWrapAlgorithm.RSA_OAEP_256, secrets.token_bytes(32))

        Raises KeyVaultError: VALIDATION, DISABLED, OPERATION_FORBIDDEN.
        """
        algorithm = parse_algorithm(KeyWrapAlgorithm, algorithm)
        self._check(KeyOperation.WRAP_KEY)
        check_wrapping(algorithm, key_bytes, self.key.key)
        wrapped = self._compute(lambda: _encrypt_rsa(self._public(), algorithm, key_bytes))
        return WrapResult(key_id=self.key.key.kid, algorithm=algorithm, encrypted_key=wrapped)

    def verify(
        self,
        algorithm: SignatureAlgorithm,
        digest: bytes | None = None,
        *,
        signature: bytes,
        message: bytes | None = None,
    ) -> VerifyResult:
        """Verify the signature of a digest or a message; needs `keys/get`, before. A wrong one is no error.

            good = signing_key.verify(signed.algorithm, message=b"paid", signature=signed.signature)

        Raises KeyVaultError: VALIDATION, DISABLED, OPERATION_FORBIDDEN.
        """
        algorithm = parse_algorithm(SignatureAlgorithm, algorithm)
        self._check(KeyOperation.VERIFY)
        if (digest is None) == (message is None):
            raise self._error(KeyVaultErrorKind.VALIDATION, detail="give either a digest or a message")
        hashed = hash_message(algorithm, message) if message is not None else digest or b""
        check_digest(algorithm, hashed, self.key.key)
        valid = self._compute(lambda: _verify(self._public(), algorithm, hashed, signature))
        return VerifyResult(key_id=self.key.key.kid, algorithm=algorithm, is_valid=valid)

    def _check(self, operation: KeyOperation) -> None:
        properties, now = self.key.properties, datetime.fromtimestamp(self.clock.time(), UTC)
        if self.clock.monotonic() - self.read_at > self.max_age:
            detail = f"it was read more than {math.ceil(self.max_age)} s ago: open it again"
            raise self._error(KeyVaultErrorKind.OPERATION_FORBIDDEN, code="KeyNotFresh", detail=detail)
        if not properties.enabled:
            raise self._error(KeyVaultErrorKind.DISABLED, code="KeyDisabled")
        if operation not in self.key.operations:
            raise self._error(KeyVaultErrorKind.OPERATION_FORBIDDEN, code="KeyOperationForbidden")
        if operation in _IN_ITS_TIME and properties.not_before and now < properties.not_before:
            raise self._error(KeyVaultErrorKind.OPERATION_FORBIDDEN, code="KeyNotYetValid")
        if operation in _IN_ITS_TIME and properties.expires_on and now >= properties.expires_on:
            raise self._error(KeyVaultErrorKind.OPERATION_FORBIDDEN, code="KeyExpired")

    def _public(self) -> Any:
        return self.key.key.to_public_key()

    def _compute(self, operation: Callable[[], Any]) -> Any:
        try:
            return operation()
        except ValueError:
            detail = "the operation failed here, and was not sent to the vault instead"
        raise self._error(KeyVaultErrorKind.PROTOCOL, code="LocalOperationFailed", detail=detail)

    def _error(self, kind: KeyVaultErrorKind, code: str = "", detail: str = "") -> KeyVaultError:
        return KeyVaultError(kind, code=code, detail=detail, object_name=self.key.name)


def _encrypt_rsa(key: "rsa.RSAPublicKey", algorithm: str, data: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    if algorithm == "RSA1_5":
        return key.encrypt(data, padding.PKCS1v15())
    # Azure's plain RSA-OAEP is defined by SHA-1; RSA-OAEP-256 is there for whoever may choose.
    digest = hashes.SHA256() if algorithm == "RSA-OAEP-256" else hashes.SHA1()  # noqa: S303 - see above
    return key.encrypt(data, padding.OAEP(padding.MGF1(digest), digest, None))


def _verify(
    key: "rsa.RSAPublicKey | ec.EllipticCurvePublicKey",
    algorithm: SignatureAlgorithm,
    digest: bytes,
    signature: bytes,
) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    kinds = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}
    hashed = utils.Prehashed(kinds[len(digest)])
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(_der(key, signature), digest, ec.ECDSA(hashed))
            return True
        scheme: Any = padding.PKCS1v15()
        if algorithm.startswith("PS"):
            scheme = padding.PSS(padding.MGF1(kinds[len(digest)]), len(digest))
        key.verify(signature, digest, scheme, hashed)
    except InvalidSignature:
        return False
    return True


def _der(key: "ec.EllipticCurvePublicKey", signature: bytes) -> bytes:
    """Azure's r and s, one after the other, as `cryptography` takes them; raises InvalidSignature."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import utils

    size = (key.curve.key_size + 7) // 8
    if len(signature) != 2 * size:
        raise InvalidSignature
    return utils.encode_dss_signature(int.from_bytes(signature[:size]), int.from_bytes(signature[size:]))
