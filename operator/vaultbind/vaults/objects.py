"""One get of one object, whatever its kind."""

from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.keyvault import KeyVaultClient
from vaultbind.keyvault import Priority as Pace
from vaultbind.rendering.values import VaultValue


async def fetch_object(client: KeyVaultClient, ref: VaultObjectRef, pace: Pace) -> VaultValue:
    """Ask the vault once. Needs the right to get that kind; raises KeyVaultError."""
    if ref.kind is VaultObjectKind.SECRET:
        return await client.secrets.get_secret(ref.name, ref.version, priority=pace)
    if ref.kind is VaultObjectKind.CERTIFICATE:
        return await client.certificates.get_certificate(ref.name, ref.version, priority=pace)
    return await client.keys.get_key(ref.name, ref.version, priority=pace)
