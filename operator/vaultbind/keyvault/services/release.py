"""How keys leave a vault, sealed for an attested environment, and what their hardware says about them."""

from vaultbind.keyvault.crypto_rules import parse_algorithm
from vaultbind.keyvault.services.crypto import KeyCrypto
from vaultbind.keyvault.types.key import KeyAttestation, KeyExportEncryptionAlgorithm, ReleaseResult
from vaultbind.keyvault.validation import check_release, parse_name, parse_version
from vaultbind.keyvault.wire.keys import parse_attestation, parse_release, render_release


class KeyRelease(KeyCrypto):
    """Release and attestation; both are for keys in hardware, and need its makers to be of use."""

    async def release_key(
        self,
        name: str,
        target_attestation_token: str,
        *,
        version: str = "",
        algorithm: KeyExportEncryptionAlgorithm | None = None,
        nonce: str | None = None,
    ) -> ReleaseResult:
        """Have an exportable key sealed for the environment that a token speaks of; needs `keys/release`.

            released = await client.keys.release_key("exported", token)
            print(released.value.count("."))  # a JWS: signed by the vault, for the environment to open

        The key's release policy decides. `nonce` comes back in the answer. Raises KeyVaultError: VALIDATION,
        KEY_NOT_FOUND, FORBIDDEN (the policy does not allow this environment), BAD_PARAMETER (no such
        token, the key is not exportable) and those of any call.
        """
        parse_name(name)
        parse_version(version)
        check_release(target_attestation_token, nonce)
        if algorithm is not None:
            algorithm = parse_algorithm(KeyExportEncryptionAlgorithm, algorithm)
        content = render_release(target_attestation_token, algorithm, nonce)
        operation = self._of_version("POST", name, version, "/release", content=content)
        return self._parse_as(await self._send(operation), name, parse_release)

    async def get_key_attestation(self, name: str, version: str = "") -> KeyAttestation:
        """Read what the hardware says about a key of a Managed HSM; needs `keys/get`.

            attestation = await client.keys.get_key_attestation("exported")
            print(attestation.version, len(attestation.public_key_attestation))

        Since version 7.6 of the interface. Raises KeyVaultError: KEY_NOT_FOUND, BAD_PARAMETER or NOT_FOUND (a
        vault, or a key outside of hardware), FORBIDDEN and those of any call.
        """
        parse_name(name)
        parse_version(version)
        operation = self._of_version("GET", name, version, "/attestation")
        return self._parse_as(await self._send(operation), name, parse_attestation)
