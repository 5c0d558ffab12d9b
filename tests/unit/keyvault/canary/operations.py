"""Every operation of the client once, with values that must not come out anywhere.

A new public method of a service or of the client needs a line here: `test_canary.py` names it.
"""

import base64
import io
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from vaultbind.keyvault import Envelopes, KeyVaultClient, KeyVaultError
from vaultbind.keyvault.services.certificates import CertificatesService
from vaultbind.keyvault.services.keys import KeysService
from vaultbind.keyvault.services.secrets import SecretsService
from vaultbind.keyvault.types.certificate import CertificatePolicy, WellKnownIssuer
from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from vaultbind.keyvault.types.issuer import CertificateContact, CertificateIssuer
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import CreateKeyOptions, KeyRotationPolicy, KeyType
from vaultbind.keyvault.types.secret import SetSecretOptions

SECRET = "canary/se+cret ü=&?value-7781"
PLAINTEXT = b"canary/plain+text =&?value-7782"
CONTENT_KEY = b"canary/content+key-of-32-bytes!!"
MESSAGE = b"canary/message+to sign=&?-7783"
FILE = b"canary/file+content =&?-7784" * 3000
AAD = b"canary/additional+data =&?-7785"
RELEASE = "canary-release-token-7786"
PRIVATE = b"canary-private-key-of-32-bytes!!"
SELF_SIGNED = CertificatePolicy(issuer=WellKnownIssuer.SELF, subject="CN=shop", key_type="EC", curve="P-256")
VALUES = {
    "private key": PRIVATE,
    "secret": SECRET.encode(),
    "plaintext": PLAINTEXT,
    "content key": CONTENT_KEY,
    "message": MESSAGE,
    "token of a release": RELEASE.encode(),
    "file": FILE[:28],
}

Run = Callable[[KeyVaultClient], Awaitable[object]]
OAEP, WRAP, ES256 = EncryptionAlgorithm.RSA_OAEP_256, KeyWrapAlgorithm.RSA_OAEP_256, SignatureAlgorithm.ES256


async def decrypt(client: KeyVaultClient) -> object:
    sealed = await client.keys.encrypt("rsa", OAEP, PLAINTEXT)
    return await client.keys.decrypt("rsa", OAEP, sealed.ciphertext)


async def unwrap(client: KeyVaultClient) -> object:
    sealed = await client.keys.wrap_key("rsa", WRAP, CONTENT_KEY)
    return await client.keys.unwrap_key("rsa", WRAP, sealed.encrypted_key)


async def verify(client: KeyVaultClient) -> object:
    signed = await client.keys.sign("ec", ES256, message=MESSAGE)
    return await client.keys.verify("ec", ES256, message=MESSAGE, signature=signed.signature)


async def open_envelope(client: KeyVaultClient) -> object:
    sealed = await client.envelope_encrypt("rsa", FILE, aad=AAD)
    assert await client.envelope_decrypt(sealed, aad=AAD) == FILE
    return await _fails(client.envelope_decrypt(sealed[:-1], aad=AAD))


async def stream(client: KeyVaultClient) -> object:
    sealed, back = io.BytesIO(), io.BytesIO()
    await client.envelopes.encrypt_stream("rsa", io.BytesIO(FILE), sealed)
    await client.envelopes.decrypt_stream(io.BytesIO(sealed.getvalue()), back)
    assert back.getvalue() == FILE
    return client.envelopes


async def check_expiry(client: KeyVaultClient) -> object:
    return await client.expiry_monitor.check_once()


async def _fails(call: Awaitable[object]) -> object:
    try:
        await call
    except KeyVaultError as error:
        return error
    raise AssertionError


async def release(client: KeyVaultClient) -> object:
    """The token proves who asks: it is nobody else's business."""
    return await _fails(client.keys.release_key("rsa", f"a.{RELEASE}.c", nonce=RELEASE))


async def secrets_life(client: KeyVaultClient) -> object:
    """From the first version to the grave and back."""
    service = client.secrets
    await service.set_secret("gone", SECRET)
    blob = await service.backup_secret("gone")
    shown: list[object] = [blob, await service.delete_secret("gone")]
    shown += [await service.get_deleted_secret("gone"), await service.list_deleted_secrets()]
    shown += [await service.recover_deleted_secret("gone"), await service.delete_secret("gone")]
    await service.purge_deleted_secret("gone")
    shown += [await service.restore_secret(blob)]
    return shown


async def keys_life(client: KeyVaultClient) -> object:
    service = client.keys
    await service.create_key("gone", CreateKeyOptions(key_type=KeyType.EC))
    blob = await service.backup_key("gone")
    shown: list[object] = [blob, await service.delete_key("gone")]
    shown += [await service.get_deleted_key("gone"), await service.list_deleted_keys()]
    shown += [await service.recover_deleted_key("gone"), await service.delete_key("gone")]
    await service.purge_deleted_key("gone")
    shown += [await service.restore_key(blob)]
    return shown


async def authorities(client: KeyVaultClient) -> object:
    service = client.certificates
    issuer = CertificateIssuer(name="ca", provider="DigiCert", account_id="7", password=SecretString(SECRET))
    shown: list[object] = [issuer, await service.create_issuer(issuer), await service.update_issuer(issuer)]
    shown += [await service.get_issuer("ca"), await service.list_issuers(), await service.delete_issuer("ca")]
    shown.append(await service.set_contacts([CertificateContact(email="a@shop.example")]))
    return [*shown, await service.get_contacts(), await service.delete_contacts()]


async def certificates_life(client: KeyVaultClient) -> object:
    service = client.certificates
    await service.create_certificate("gone-web", SELF_SIGNED)
    blob = await service.backup_certificate("gone-web")
    shown: list[object] = [blob, await service.delete_certificate("gone-web")]
    shown += [await service.get_deleted_certificate("gone-web"), await service.list_deleted_certificates()]
    shown += [
        await service.recover_deleted_certificate("gone-web"),
        await service.delete_certificate("gone-web"),
    ]
    await service.purge_deleted_certificate("gone-web")
    shown += [await service.restore_certificate(blob)]
    return shown


async def pending_certificate(client: KeyVaultClient) -> object:
    """A request that somebody outside would sign; what is merged here is not its answer."""
    service = client.certificates
    policy = replace(SELF_SIGNED, issuer=WellKnownIssuer.UNKNOWN)
    shown: list[object] = [await service.begin_create_certificate("asked", policy)]
    shown += [await service.get_certificate_operation("asked")]
    other = await service.get_certificate("web")
    shown += [await _fails(service.merge_certificate("asked", [other.cer]))]
    shown += [await service.delete_certificate_operation("asked")]
    await service.begin_create_certificate("cancelled", SELF_SIGNED)
    # the simulated issuer is done already, so that the vault refuses
    shown += [await _fails(service.cancel_certificate_operation("cancelled"))]
    return shown


async def certificate_settings(client: KeyVaultClient) -> object:
    service = client.certificates
    policy = await service.get_certificate_policy("web")
    found = await service.get_certificate("web")
    shown: list[object] = [policy, await service.update_certificate_policy("web", policy)]
    shown += [await service.get_certificate_version("web", found.version)]
    shown += [await service.update_certificate_properties("web", tags={"team": "shop"})]
    return shown


async def import_certificate(client: KeyVaultClient) -> object:
    pfx = base64.b64decode((await client.secrets.get_secret("web")).value.expose_secret())
    return await client.certificates.import_certificate("imported-web", pfx)


async def import_key(client: KeyVaultClient) -> object:
    number = int.from_bytes(PRIVATE)
    return await client.keys.import_key(
        "imported", JsonWebKey.from_key(ec.derive_private_key(number, ec.SECP256R1()))
    )


async def public_key(client: KeyVaultClient) -> object:
    local = await client.keys.open_public_key("rsa")
    return [local, local.encrypt(OAEP, PLAINTEXT), local.wrap_key(WRAP, CONTENT_KEY)]


async def rotation_policy(client: KeyVaultClient) -> object:
    policy = await client.keys.get_key_rotation_policy("rsa")
    return [policy, await client.keys.update_key_rotation_policy("rsa", KeyRotationPolicy())]


async def short_ways(client: KeyVaultClient) -> object:
    shown: list[object] = [await client.set_secret("short", SECRET), await client.get_secret("short")]
    version = (await client.get_secret("short")).version
    shown += [await client.get_secret_version("short", version)]
    shown += [await client.get_key("rsa"), await client.get_certificate("web")]
    sealed = await client.encrypt("rsa", OAEP, PLAINTEXT)
    assert await client.decrypt("rsa", OAEP, sealed) == PLAINTEXT
    return shown


SECRETS: dict[str, Run] = {
    "set_secret": lambda client: client.secrets.set_secret(
        "db", SecretString(SECRET), SetSecretOptions(tags={"team": "shop"})
    ),
    "get_secret": lambda client: client.secrets.get_secret("db"),
    "get_secret_version": short_ways,
    "list_all": lambda client: client.secrets.list_all(),
    "list_secrets": lambda client: _all(client.secrets.list_secrets()),
    "list_secret_versions": lambda client: _all(client.secrets.list_secret_versions("db")),
    "update_secret_properties": lambda client: client.secrets.update_secret_properties("db", enabled=True),
    **dict.fromkeys(("backup_secret", "delete_secret", "get_deleted_secret"), secrets_life),
    **dict.fromkeys(("list_deleted_secrets", "purge_deleted_secret"), secrets_life),
    **dict.fromkeys(("recover_deleted_secret", "restore_secret"), secrets_life),
}
KEYS: dict[str, Run] = {
    "create_key": lambda client: client.keys.create_key("new", CreateKeyOptions(key_type=KeyType.EC)),
    "import_key": import_key,
    "get_key": lambda client: client.keys.get_key("rsa"),
    "list_all": lambda client: client.keys.list_all(),
    "list_keys": lambda client: _all(client.keys.list_keys()),
    "list_key_versions": lambda client: _all(client.keys.list_key_versions("rsa")),
    "update_key_properties": lambda client: client.keys.update_key_properties("rsa", enabled=True),
    "rotate_key": lambda client: client.keys.rotate_key("ec"),
    "get_key_rotation_policy": rotation_policy,
    "update_key_rotation_policy": rotation_policy,
    "open_public_key": public_key,
    "encrypt": lambda client: client.keys.encrypt("rsa", OAEP, PLAINTEXT),
    "decrypt": decrypt,
    "wrap_key": lambda client: client.keys.wrap_key("rsa", WRAP, CONTENT_KEY),
    "unwrap_key": unwrap,
    "sign": lambda client: client.keys.sign("ec", ES256, message=MESSAGE),
    "verify": verify,
    "release_key": release,
    "get_key_attestation": lambda client: _fails(client.keys.get_key_attestation("rsa")),
    "get_random_bytes": lambda client: _length(client.keys.get_random_bytes(32)),
    **dict.fromkeys(("backup_key", "delete_key", "get_deleted_key", "list_deleted_keys"), keys_life),
    **dict.fromkeys(("purge_deleted_key", "recover_deleted_key", "restore_key"), keys_life),
}
CERTIFICATES: dict[str, Run] = {
    "get_certificate": lambda client: client.certificates.get_certificate("web"),
    "list_all": lambda client: client.certificates.list_all(),
    "list_certificates": lambda client: _all(client.certificates.list_certificates()),
    "list_certificate_versions": lambda client: _all(client.certificates.list_certificate_versions("web")),
    "import_certificate": import_certificate,
    **dict.fromkeys(("get_certificate_policy", "update_certificate_policy"), certificate_settings),
    **dict.fromkeys(("get_certificate_version", "update_certificate_properties"), certificate_settings),
    **dict.fromkeys(("begin_create_certificate", "get_certificate_operation"), pending_certificate),
    **dict.fromkeys(("cancel_certificate_operation", "delete_certificate_operation"), pending_certificate),
    **dict.fromkeys(("merge_certificate",), pending_certificate),
    **dict.fromkeys(("create_issuer", "get_issuer", "list_issuers", "update_issuer"), authorities),
    **dict.fromkeys(("delete_issuer", "set_contacts", "get_contacts", "delete_contacts"), authorities),
    **dict.fromkeys(("create_certificate", "backup_certificate", "delete_certificate"), certificates_life),
    **dict.fromkeys(("get_deleted_certificate", "list_deleted_certificates"), certificates_life),
    **dict.fromkeys(("purge_deleted_certificate", "recover_deleted_certificate"), certificates_life),
    **dict.fromkeys(("restore_certificate",), certificates_life),
}
CLIENT: dict[str, Run] = {
    **dict.fromkeys(("get_secret", "get_secret_version", "set_secret", "get_key"), short_ways),
    **dict.fromkeys(("get_certificate", "encrypt", "decrypt"), short_ways),
    "health_check": lambda client: client.health_check(),
    "envelope_encrypt": open_envelope,
    "envelope_decrypt": open_envelope,
    "envelopes": stream,
    "expiry_monitor": check_expiry,
    "send_request": lambda client: _length(client.send_request("GET", "/secrets/db/", name="db")),
}
OPERATIONS: dict[type[Any], dict[str, Run]] = {
    SecretsService: SECRETS,
    KeysService: KEYS,
    CertificatesService: CERTIFICATES,
    KeyVaultClient: CLIENT,
    Envelopes: dict.fromkeys(("encrypt", "decrypt", "encrypt_stream", "decrypt_stream"), stream),
}
RUNS: tuple[Run, ...] = tuple(dict.fromkeys(run for found in OPERATIONS.values() for run in found.values()))
"""Each once."""
HARMLESS = {
    *("aclose", "breaker_state", "builder", "cache_stats", "certificates", "config", "from_env", "keys"),
    "observer_failures",
    *("clock_offset", "kind", "new", "register_rotation_handler", "secrets", "vault_url"),
}
"""Public names that ask the vault nothing."""


async def _all(listing: Any) -> object:
    return await listing


async def _length(call: Awaitable[bytes]) -> int:
    """The raw answer is the caller's own: its bytes are what was asked for."""
    return len(await call)
