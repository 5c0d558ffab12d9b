"""Every operation of the client once, with values that must not come out anywhere.

A new public method of a service or of the client needs a line here: `test_canary.py` names it.
"""

import io
from collections.abc import Awaitable, Callable
from typing import Any

from vaultbind.keyvault import KeyVaultError, MockKeyVaultClient
from vaultbind.keyvault.services.certificates import CertificatesService
from vaultbind.keyvault.services.keys import KeysService
from vaultbind.keyvault.services.secrets import SecretsService
from vaultbind.keyvault.types.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm
from vaultbind.keyvault.types.key import CreateKeyOptions, KeyType

SECRET = "canary/se+cret ü=&?value-7781"
PLAINTEXT = b"canary/plain+text =&?value-7782"
CONTENT_KEY = b"canary/content+key-of-32-bytes!!"
MESSAGE = b"canary/message+to sign=&?-7783"
FILE = b"canary/file+content =&?-7784" * 3000
AAD = b"canary/additional+data =&?-7785"
VALUES = {
    "secret": SECRET.encode(),
    "plaintext": PLAINTEXT,
    "content key": CONTENT_KEY,
    "message": MESSAGE,
    "file": FILE[:28],
}

Run = Callable[[MockKeyVaultClient], Awaitable[object]]
OAEP, WRAP, ES256 = EncryptionAlgorithm.RSA_OAEP_256, KeyWrapAlgorithm.RSA_OAEP_256, SignatureAlgorithm.ES256


async def decrypt(client: MockKeyVaultClient) -> object:
    sealed = await client.keys.encrypt("rsa", OAEP, PLAINTEXT)
    return await client.keys.decrypt("rsa", OAEP, sealed.ciphertext)


async def unwrap(client: MockKeyVaultClient) -> object:
    sealed = await client.keys.wrap_key("rsa", WRAP, CONTENT_KEY)
    return await client.keys.unwrap_key("rsa", WRAP, sealed.encrypted_key)


async def verify(client: MockKeyVaultClient) -> object:
    signed = await client.keys.sign("ec", ES256, message=MESSAGE)
    return await client.keys.verify("ec", ES256, message=MESSAGE, signature=signed.signature)


async def open_envelope(client: MockKeyVaultClient) -> object:
    sealed = await client.envelope_encrypt("rsa", FILE, aad=AAD)
    assert await client.envelope_decrypt(sealed, aad=AAD) == FILE
    return await _fails(client.envelope_decrypt(sealed[:-1], aad=AAD))


async def stream(client: MockKeyVaultClient) -> object:
    sealed, back = io.BytesIO(), io.BytesIO()
    await client.envelopes.encrypt_stream("rsa", io.BytesIO(FILE), sealed)
    await client.envelopes.decrypt_stream(io.BytesIO(sealed.getvalue()), back)
    assert back.getvalue() == FILE
    return client.envelopes


async def check_expiry(client: MockKeyVaultClient) -> object:
    return await client.expiry_monitor.check_once()


async def _fails(call: Awaitable[object]) -> object:
    try:
        await call
    except KeyVaultError as error:
        return error
    raise AssertionError


SECRETS: dict[str, Run] = {
    "set_secret": lambda client: client.secrets.set_secret("db", SECRET, tags={"team": "shop"}),
    "get_secret": lambda client: client.secrets.get_secret("db"),
    "list_secrets": lambda client: _all(client.secrets.list_secrets()),
    "list_secret_versions": lambda client: _all(client.secrets.list_secret_versions("db")),
}
KEYS: dict[str, Run] = {
    "create_key": lambda client: client.keys.create_key("new", CreateKeyOptions(key_type=KeyType.EC)),
    "get_key": lambda client: client.keys.get_key("rsa"),
    "list_keys": lambda client: _all(client.keys.list_keys()),
    "list_key_versions": lambda client: _all(client.keys.list_key_versions("rsa")),
    "rotate_key": lambda client: client.keys.rotate_key("ec"),
    "encrypt": lambda client: client.keys.encrypt("rsa", OAEP, PLAINTEXT),
    "decrypt": decrypt,
    "wrap_key": lambda client: client.keys.wrap_key("rsa", WRAP, CONTENT_KEY),
    "unwrap_key": unwrap,
    "sign": lambda client: client.keys.sign("ec", ES256, message=MESSAGE),
    "verify": verify,
    "get_random_bytes": lambda client: _length(client.keys.get_random_bytes(32)),
}
CERTIFICATES: dict[str, Run] = {
    "get_certificate": lambda client: client.certificates.get_certificate("web"),
    "list_certificates": lambda client: _all(client.certificates.list_certificates()),
    "list_certificate_versions": lambda client: _all(client.certificates.list_certificate_versions("web")),
}
CLIENT: dict[str, Run] = {
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
    MockKeyVaultClient: CLIENT,
}
HARMLESS = {
    *("aclose", "access_log", "advance", "breaker_state", "builder", "cache_stats", "certificates", "config"),
    *("estate", "fail_next", "from_env", "keys", "kind", "new", "register_rotation_handler", "secrets"),
    *("seed", "vault", "vault_url"),
}
"""Public names that ask the vault nothing."""


async def _all(listing: Any) -> object:
    return await listing


async def _length(call: Awaitable[bytes]) -> int:
    """The raw answer is the caller's own: its bytes are what was asked for."""
    return len(await call)
