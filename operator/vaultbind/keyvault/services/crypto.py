"""What keys are used for. Every operation runs in the vault; nothing is computed here with a key.

A key is named, or given as the Key that `get_key` returned: then its version is used, and its type, size and
curve are checked before the wire. Sending an operation twice does no harm, so failures are repeated.
"""

from vaultbind.keyvault.crypto_rules import (
    CipherInput,
    check_decryption,
    check_digest,
    check_encryption,
    check_random_count,
    check_unwrapping,
    check_wrapping,
    hash_message,
    parse_algorithm,
    tell_room,
)
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.services.base import Operation
from vaultbind.keyvault.services.lifecycle import ObjectLifecycle
from vaultbind.keyvault.types.crypto import (
    DecryptResult,
    EncryptionAlgorithm,
    EncryptResult,
    KeyWrapAlgorithm,
    SignatureAlgorithm,
    SignResult,
    UnwrapResult,
    VerifyResult,
    WrapResult,
)
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import Key, KeyProperties
from vaultbind.keyvault.validation import parse_name, parse_version
from vaultbind.keyvault.wire.crypto import (
    OperationAnswer,
    parse_operation,
    parse_random,
    parse_verification,
    render_count,
    render_operation,
    render_verification,
)


class KeyCrypto(ObjectLifecycle[Key, KeyProperties]):
    """Encrypt, sign, wrap and their opposites.

    `key` is a name, a Key, or the `key_id` of a result, which names the version that was used.

        opened = await client.keys.decrypt(sealed.key_id, sealed.algorithm, sealed.ciphertext)

    All raise KeyVaultError: KEY_NOT_FOUND, DISABLED, FORBIDDEN, OPERATION_FORBIDDEN (not among the key's
    operations), VALIDATION, BAD_PARAMETER and those of any call.
    """

    async def encrypt(
        self,
        key: str | Key,
        algorithm: EncryptionAlgorithm,
        plaintext: bytes,
        *,
        version: str = "",
        iv: bytes | None = None,
        aad: bytes | None = None,
    ) -> EncryptResult:
        """Encrypt one block; needs `keys/encrypt`.

            rsa = EncryptionAlgorithm.RSA_OAEP_256
            sealed = await client.keys.encrypt("orders", rsa, b"card 4711")
            print(sealed.key_id, sealed.ciphertext.hex())

        RSA takes k - 66 bytes (RSA-OAEP-256: 190 for 2048 bits, 446 for 4096) and neither iv nor aad; CBC
        needs an iv of 16 random bytes, never used before; with GCM the service makes the iv and `aad` is
        authenticated. For anything larger: `envelope_encrypt`.

        Raises KeyVaultError: VALIDATION, KEY_NOT_FOUND, OPERATION_FORBIDDEN, DISABLED, FORBIDDEN,
        BAD_PARAMETER and those of any call.
        """
        algorithm = parse_algorithm(EncryptionAlgorithm, algorithm)
        check_encryption(algorithm, CipherInput(data=plaintext, iv=iv, aad=aad), _public(key))
        content = render_operation(algorithm, plaintext, iv=iv, aad=aad)
        try:
            answer = await self._operate("encrypt", key, version, content)
        except KeyVaultError as error:
            if error.kind is not KeyVaultErrorKind.BAD_PARAMETER:
                raise
            raise error.advised(tell_room(algorithm, len(plaintext))) from None
        return EncryptResult(
            key_id=answer.key_id,
            algorithm=algorithm,
            ciphertext=answer.value,
            iv=answer.iv if answer.iv is not None else iv,
            tag=answer.tag,
            aad=answer.aad if answer.aad is not None else aad,
        )

    async def decrypt(
        self,
        key: str | Key,
        algorithm: EncryptionAlgorithm,
        ciphertext: bytes,
        *,
        version: str = "",
        iv: bytes | None = None,
        tag: bytes | None = None,
        aad: bytes | None = None,
    ) -> DecryptResult:
        """Decrypt what `encrypt` returned, with its iv, tag and aad; needs `keys/decrypt`.

            opened = await client.keys.decrypt(sealed.key_id, sealed.algorithm, sealed.ciphertext)
            print(opened.plaintext)

        It must be the version that encrypted (`key_id` of the result), or the service refuses. Whoever can
        see whether a CBC ciphertext decrypts can decrypt it: authenticate it first.

        Raises KeyVaultError: VALIDATION, KEY_NOT_FOUND, OPERATION_FORBIDDEN, DISABLED, FORBIDDEN,
        BAD_PARAMETER and those of any call.
        """
        algorithm = parse_algorithm(EncryptionAlgorithm, algorithm)
        check_decryption(algorithm, CipherInput(data=ciphertext, iv=iv, aad=aad, tag=tag), _public(key))
        content = render_operation(algorithm, ciphertext, iv=iv, aad=aad, tag=tag)
        answer = await self._operate("decrypt", key, version, content)
        return DecryptResult(key_id=answer.key_id, algorithm=algorithm, plaintext=answer.value)

    async def sign(
        self,
        key: str | Key,
        algorithm: SignatureAlgorithm,
        digest: bytes | None = None,
        *,
        message: bytes | None = None,
        version: str = "",
    ) -> SignResult:
        """Sign a digest (32, 48 or 64 bytes, as the algorithm says) or a message; needs `keys/sign`.

            signed = await client.keys.sign("signing", SignatureAlgorithm.ES256, message=b"paid")

        A message is hashed here and never sent. HS256, HS384 and HS512 authenticate the digest as well.
        Raises KeyVaultError: VALIDATION, KEY_NOT_FOUND, OPERATION_FORBIDDEN, DISABLED, FORBIDDEN,
        BAD_PARAMETER and those of any call.
        """
        algorithm = parse_algorithm(SignatureAlgorithm, algorithm)
        digest = _digest(algorithm, digest, message)
        check_digest(algorithm, digest, _public(key))
        answer = await self._operate("sign", key, version, render_operation(algorithm, digest))
        return SignResult(key_id=answer.key_id, algorithm=algorithm, signature=answer.value)

    async def verify(
        self,
        key: str | Key,
        algorithm: SignatureAlgorithm,
        digest: bytes | None = None,
        *,
        signature: bytes,
        message: bytes | None = None,
        version: str = "",
    ) -> VerifyResult:
        """Verify the signature of a digest or a message; needs `keys/verify`. A wrong one is no error.

            es = SignatureAlgorithm.ES256
            good = await client.keys.verify("signing", es, message=b"paid", signature=signed.signature)
            if not good:
                print("not ours")

        Raises KeyVaultError: VALIDATION, KEY_NOT_FOUND, OPERATION_FORBIDDEN, DISABLED, FORBIDDEN,
        BAD_PARAMETER and those of any call.
        """
        algorithm = parse_algorithm(SignatureAlgorithm, algorithm)
        digest = _digest(algorithm, digest, message)
        check_digest(algorithm, digest, _public(key))
        operation = self._operation("verify", key, version, render_verification(algorithm, digest, signature))
        body = await self._send(operation)
        valid = self._parse_as(body, operation.name, parse_verification)
        key_id = self._pipeline.url + operation.path.removesuffix("/verify").rstrip("/")
        return VerifyResult(key_id=key_id, algorithm=algorithm, is_valid=valid)

    async def wrap_key(
        self, key: str | Key, algorithm: KeyWrapAlgorithm, key_bytes: bytes, *, version: str = ""
    ) -> WrapResult:
        """Encrypt a symmetric key; needs `keys/wrapKey`. RSA takes one block, AES steps of 8 bytes.

            rsa = KeyWrapAlgorithm.RSA_OAEP_256
            wrapped = await client.keys.wrap_key("orders", rsa, secrets.token_bytes(32))

        Raises KeyVaultError: VALIDATION, KEY_NOT_FOUND, OPERATION_FORBIDDEN, DISABLED, FORBIDDEN,
        BAD_PARAMETER and those of any call.
        """
        algorithm = parse_algorithm(KeyWrapAlgorithm, algorithm)
        check_wrapping(algorithm, key_bytes, _public(key))
        answer = await self._operate("wrapkey", key, version, render_operation(algorithm, key_bytes))
        return WrapResult(key_id=answer.key_id, algorithm=algorithm, encrypted_key=answer.value)

    async def unwrap_key(
        self, key: str | Key, algorithm: KeyWrapAlgorithm, encrypted_key: bytes, *, version: str = ""
    ) -> UnwrapResult:
        """Decrypt a wrapped key by the version that wrapped it; needs `keys/unwrapKey`.

            opened = await client.keys.unwrap_key(wrapped.key_id, wrapped.algorithm, wrapped.encrypted_key)
            print(len(opened.key))

        Raises KeyVaultError: VALIDATION, KEY_NOT_FOUND, OPERATION_FORBIDDEN, DISABLED, FORBIDDEN,
        BAD_PARAMETER and those of any call.
        """
        algorithm = parse_algorithm(KeyWrapAlgorithm, algorithm)
        check_unwrapping(algorithm, encrypted_key, _public(key))
        answer = await self._operate("unwrapkey", key, version, render_operation(algorithm, encrypted_key))
        return UnwrapResult(key_id=answer.key_id, algorithm=algorithm, key=answer.value)

    async def get_random_bytes(self, count: int) -> bytes:
        """Random bytes of the HSM, 1 to 128; needs `rng` of a Managed HSM: a vault knows no such path.

            nonce = await client.keys.get_random_bytes(32)

        Raises KeyVaultError: VALIDATION, NOT_FOUND (no Managed HSM), FORBIDDEN and those of any call.
        """
        check_random_count(count)
        operation = Operation(
            method="POST",
            path="/rng",
            route="/rng",
            name=None,
            content=render_count(count),
        )
        found = self._parse_as(await self._send(operation), None, parse_random)
        if len(found) != count:
            raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, code="OtherCount")
        return found

    async def _operate(self, verb: str, key: str | Key, version: str, content: bytes) -> OperationAnswer:
        operation = self._operation(verb, key, version, content)
        return self._parse_as(await self._send(operation), operation.name, parse_operation)

    def _split(self, key: str) -> tuple[str, str]:
        """Name and version in an id of this vault; what is none is a name, to be checked as one."""
        stem = f"{self._pipeline.url}/keys/"
        if not str(key).lower().startswith(stem):
            return key, ""
        name, _, version = key[len(stem) :].partition("/")
        return name, version

    def _operation(self, verb: str, key: str | Key, version: str, content: bytes) -> Operation:
        if isinstance(key, Key):
            name, version = key.name, version or key.version
        else:
            name, named = self._split(key)
            version = version or named
        parse_name(name)
        parse_version(version)
        return self._of_version("POST", name, version, f"/{verb}", content=content)


def _public(key: str | Key) -> JsonWebKey | None:
    return key.key if isinstance(key, Key) else None


def _digest(algorithm: SignatureAlgorithm, digest: bytes | None, message: bytes | None) -> bytes:
    if digest is not None and message is None:
        return digest
    if message is not None and digest is None:
        return hash_message(algorithm, message)
    raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail="give either a digest or a message")
