"""What a client offers of its vault: the services, and short ways to what is asked for most often."""

from vaultbind.keyvault.arguments import telling
from vaultbind.keyvault.crypto_rules import parse_algorithm
from vaultbind.keyvault.envelope.envelopes import Envelopes
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.services.certificates import CertificatesService
from vaultbind.keyvault.services.keys import KeysService
from vaultbind.keyvault.services.secrets import SecretsService
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.crypto import EncryptionAlgorithm
from vaultbind.keyvault.types.key import Key
from vaultbind.keyvault.types.secret import Secret


class VaultServices:
    """The three services of one vault, and a short way to some of their methods, which raise as theirs."""

    def __init__(self, pipeline: VaultPipeline) -> None:
        """No I/O."""
        self._pipeline = pipeline
        self._secrets = SecretsService(pipeline)
        self._certificates = CertificatesService(pipeline, self._secrets.get_secret)
        self._keys = KeysService(pipeline)

    @property
    def secrets(self) -> SecretsService:
        """The vault's secrets."""
        return self._secrets

    @property
    def certificates(self) -> CertificatesService:
        """The vault's certificates."""
        return self._certificates

    @property
    def keys(self) -> KeysService:
        """The vault's keys."""
        return self._keys

    @property
    def envelopes(self) -> Envelopes:
        """Encryption of payloads of any size, with keys that the vault wraps."""
        return Envelopes(self._keys, self._pipeline.url)

    async def get_secret(self, name: str) -> Secret:
        """Read a secret's latest version; needs `secrets/get`.

            password = (await client.get_secret("db-password")).value.expose_secret()

        Raises as `secrets.get_secret`.
        """
        return await self._secrets.get_secret(name)

    async def get_secret_version(self, name: str, version: str) -> Secret:
        """Read one version of a secret; needs `secrets/get`.

            old = await client.get_secret_version("db-password", version)

        Raises as `secrets.get_secret_version`.
        """
        return await self._secrets.get_secret_version(name, version)

    async def set_secret(self, name: str, value: str | SecretString) -> Secret:
        """Make a new version of a secret; needs `secrets/set`.

            await client.set_secret("db-password", "s3cr3t")

        Raises as `secrets.set_secret`.
        """
        return await self._secrets.set_secret(name, value)

    async def get_key(self, name: str) -> Key:
        """Read a key's latest version; needs `keys/get`.

            key = await client.get_key("orders")

        Raises as `keys.get_key`.
        """
        return await self._keys.get_key(name)

    async def get_certificate(self, name: str) -> Certificate:
        """Read a certificate's latest version; needs `certificates/get`.

            leaf = (await client.get_certificate("shop")).leaf

        Raises as `certificates.get_certificate`.
        """
        return await self._certificates.get_certificate(name)

    @telling
    async def encrypt(self, key_name: str, algorithm: EncryptionAlgorithm, plaintext: bytes) -> bytes:
        """Encrypt one block with the latest version of an RSA key; needs `keys/encrypt`.

            rsa = EncryptionAlgorithm.RSA_OAEP_256
            ciphertext = await client.encrypt("orders", rsa, b"card 4711")

        `keys.encrypt` without the rest of its result. Raises KeyVaultError: VALIDATION for AES, whose iv and
        tag would be lost, and as `keys.encrypt`.
        """
        algorithm = parse_algorithm(EncryptionAlgorithm, algorithm)
        _refuse_aes(algorithm, "keys.encrypt, which returns iv and tag")
        return (await self._keys.encrypt(key_name, algorithm, plaintext)).ciphertext

    @telling
    async def decrypt(self, key_name: str, algorithm: EncryptionAlgorithm, ciphertext: bytes) -> bytes:
        """Decrypt one block with the latest version of an RSA key; needs `keys/decrypt`.

            rsa = EncryptionAlgorithm.RSA_OAEP_256
            plaintext = await client.decrypt("orders", rsa, sealed.ciphertext)

        `keys.decrypt` takes another version. Raises KeyVaultError: VALIDATION for AES, which needs iv and
        tag, and as `keys.decrypt`.
        """
        algorithm = parse_algorithm(EncryptionAlgorithm, algorithm)
        _refuse_aes(algorithm, "keys.decrypt, which takes iv and tag")
        return (await self._keys.decrypt(key_name, algorithm, ciphertext)).plaintext

    async def envelope_encrypt(self, key: str | Key, plaintext: bytes, *, aad: bytes = b"") -> bytes:
        """Encrypt bytes of any number for an RSA key; needs `keys/get` and `keys/wrapKey`.

            sealed = await client.envelope_encrypt("orders", b"a long report", aad=b"report 7")

        `envelopes.encrypt` has more options. Raises as it.
        """
        return await self.envelopes.encrypt(key, plaintext, aad=aad)

    async def envelope_decrypt(self, envelope: bytes, *, aad: bytes = b"") -> bytes:
        """Decrypt what `envelope_encrypt` made with a key of this vault; needs `keys/unwrapKey`.

            report = await client.envelope_decrypt(envelope, aad=b"report 7")

        Raises as `envelopes.decrypt`.
        """
        return await self.envelopes.decrypt(envelope, aad=aad)


def _refuse_aes(algorithm: EncryptionAlgorithm, instead: str) -> None:
    if not algorithm.startswith("RSA"):
        detail = f"{algorithm} is more than bytes to bytes: use {instead}"
        raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)
