"""The client of a real vault as a whole: its short ways, envelopes, raw requests, and what watches expiry."""

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from vaultbind.keyvault import (
    CertificatePolicy,
    CreateKeyOptions,
    EncryptionAlgorithm,
    KeyType,
    KeyVaultClient,
    KeyVaultError,
    KeyVaultErrorKind,
    KeyWrapAlgorithm,
    MonitorState,
    ObjectKind,
    ObjectProperties,
    RotationHandler,
    Secret,
    SetSecretOptions,
    read_envelope_header,
)

RSA, WRAP = EncryptionAlgorithm.RSA_OAEP_256, KeyWrapAlgorithm.RSA_OAEP_256
LONG = b"more than one block of RSA " * 10_000


async def test_the_vault_can_be_used(client: KeyVaultClient) -> None:
    found = await client.health_check()

    assert found.is_healthy, found.error
    assert all(found.authorized.values()), found.authorized
    assert abs(found.clock_skew or 0) < 60


async def test_the_short_ways_to_secrets_and_keys(client: KeyVaultClient, name: str) -> None:
    old = await client.set_secret(name, "one")
    await client.set_secret(name, "two")
    made = await client.keys.create_key(name, CreateKeyOptions(key_type=KeyType.RSA, size=2048))

    assert (await client.get_secret(name)).value.expose_secret() == "two"
    assert (await client.get_secret_version(name, old.version)).value.expose_secret() == "one"
    assert (await client.get_key(name)).key == made.key
    sealed = await client.encrypt(name, RSA, b"plain")
    assert await client.decrypt(name, RSA, sealed) == b"plain"


async def test_the_short_way_to_a_certificate(client: KeyVaultClient, name: str) -> None:
    policy = CertificatePolicy(issuer="Self", subject="CN=vaultbind-e2e", validity_months=1)
    made = await client.certificates.create_certificate(name, policy)

    assert (await client.get_certificate(name)).cer == made.cer


async def test_whole_lists_know_what_was_made(client: KeyVaultClient, name: str) -> None:
    policy = CertificatePolicy(issuer="Self", subject="CN=vaultbind-e2e", validity_months=1)
    await client.certificates.create_certificate(name, policy)

    secrets, keys = await client.secrets.list_all(), await client.keys.list_all()
    certificates = await client.certificates.list_all()

    for items in (secrets, keys, certificates):
        assert name in {item.name for item in items}, "a certificate's secret and key are listed, too"


async def test_envelopes_of_any_size(client: KeyVaultClient, name: str) -> None:
    made = await client.keys.create_key(name, CreateKeyOptions(key_type=KeyType.RSA, size=2048))

    envelope = await client.envelope_encrypt(name, LONG, aad=b"report 7")
    await client.keys.rotate_key(name)
    assert read_envelope_header(envelope).key_version == made.version
    assert await client.envelope_decrypt(envelope, aad=b"report 7") == LONG
    with pytest.raises(KeyVaultError) as caught:
        await client.envelope_decrypt(envelope, aad=b"report 8")
    assert (caught.value.kind, caught.value.code) == (KeyVaultErrorKind.VALIDATION, "EnvelopeBroken")


async def test_envelopes_from_file_to_file(client: KeyVaultClient, name: str) -> None:
    envelopes = client.envelopes
    key = await client.keys.create_key(name, CreateKeyOptions(key_type=KeyType.RSA, size=2048))
    sealed, back = io.BytesIO(), io.BytesIO()

    await envelopes.encrypt_stream(key, io.BytesIO(LONG), sealed)
    await envelopes.decrypt_stream(io.BytesIO(sealed.getvalue()), back, key=name)
    assert back.getvalue() == LONG
    short = await envelopes.encrypt(key, b"short", algorithm=WRAP)
    assert await envelopes.decrypt(short) == b"short"


async def test_a_request_that_no_service_knows(client: KeyVaultClient, name: str) -> None:
    await client.set_secret(name, "value")

    body = json.loads(await client.send_request("GET", f"/secrets/{name}/", name=name))

    assert (body["value"], body["id"].split("/")[4]) == ("value", name)


class Noting(RotationHandler):
    """Remembers what it is told of one object."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.told: list[str] = []

    async def on_near_expiry(self, properties: ObjectProperties, days_until_expiry: int) -> None:
        if properties.name == self.name:
            self.told.append(f"{properties.kind} expires in {days_until_expiry}")

    async def on_secret_rotated(self, secret: Secret, previous_version: str) -> None:
        if secret.name == self.name:
            self.told.append(f"{previous_version} became {secret.version}")


async def test_expiry_and_rotation_are_told(client: KeyVaultClient, name: str) -> None:
    monitor, handler = client.expiry_monitor, Noting(name)
    client.register_rotation_handler(handler)
    soon = datetime.now(UTC) + timedelta(days=6, hours=12)
    old = await client.set_secret(name, "one")
    await monitor.check_once()

    await asyncio.sleep(1.1)  # a real vault's times are whole seconds, by which versions are told apart
    new = await client.secrets.set_secret(name, "two", SetSecretOptions(expires_on=soon))
    found = await monitor.check_once()

    assert handler.told == [f"{old.version} became {new.version}", "secret expires in 6"]
    assert ObjectKind.SECRET not in found.failures
    assert (monitor.state, monitor.handler_errors) == (MonitorState.from_json(monitor.state.to_json()), 0)


async def test_the_monitor_runs_until_it_is_stopped(client: KeyVaultClient) -> None:
    monitor = client.expiry_monitor
    await monitor.start(timedelta(hours=6))
    assert monitor.is_running
    await monitor.stop()
    assert not monitor.is_running
