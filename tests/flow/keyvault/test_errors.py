"""Every kind of error, provoked once at the emulator over HTTPS: a kind without a provocation fails."""

import dataclasses
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.flow.keyvault.conftest import TENANT, House
from vaultbind.keyvault import (
    BreakerConfig,
    ClientSecretIdentity,
    CreateKeyOptions,
    KeyOperation,
    KeyType,
    KeyVaultClient,
    KeyVaultError,
    KeyVaultErrorKind,
    RetryConfig,
    SecretString,
    SignatureAlgorithm,
)
from vaultbind.keyvault.simulation import Denial, Ending, Fault, VaultSettings

Kind = KeyVaultErrorKind


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a kind comes about: what is prepared, how the client is set, what it asks, and the error's rest."""

    ask: Callable[[KeyVaultClient], Awaitable[object]]
    prepare: Callable[[House], object] = lambda _: None
    settings: Callable[[House], dict[str, Any]] = lambda _: {}
    vault: VaultSettings | None = None
    status: int | None = None
    code: str = ""
    name: str | None = "db"
    retryable: bool = False


def get_db(client: KeyVaultClient) -> Awaitable[object]:
    return client.secrets.get_secret("db")


def fault(**members: Any) -> Callable[[House], object]:
    return lambda house: house.emulator.estate.faults.add(Fault(**members))


def deny(code: str) -> Callable[[House], object]:
    return lambda house: house.emulator.estate.access.deny(Denial(code=code))


def secret(house: House) -> object:
    return house.emulator.driver("shop").set_secret("db", "x")


def disabled(house: House) -> object:
    return house.emulator.driver("shop").set_secret("db", "x", enabled=False)


async def use_key_for_nothing(client: KeyVaultClient) -> None:
    options = CreateKeyOptions(key_type=KeyType.EC, operations=(KeyOperation.VERIFY,))
    await client.keys.create_key("db", options)
    await client.keys.sign("db", SignatureAlgorithm.ES256, b"d" * 32)


async def change_managed(client: KeyVaultClient) -> None:
    from tests.flow.keyvault.operations import certificate

    await certificate(client, "db")
    await client.secrets.delete_secret("db")


async def sign_with_another_curve(client: KeyVaultClient) -> None:
    await client.keys.create_key("db", CreateKeyOptions(key_type=KeyType.EC))
    await client.keys.sign("db", SignatureAlgorithm.ES512, b"d" * 64)


async def restore_onto_itself(client: KeyVaultClient) -> None:
    await client.secrets.set_secret("db", "x")
    await client.secrets.restore_secret(await client.secrets.backup_secret("db"))


async def set_deleted(client: KeyVaultClient) -> None:
    await client.secrets.set_secret("db", "x")
    await client.secrets.delete_secret("db")
    await client.secrets.set_secret("db", "x")


async def set_while_deleted(client: KeyVaultClient) -> None:
    await client.secrets.set_secret("db", "x")
    await client.secrets.delete_secret("db", wait=0)
    await client.secrets.set_secret("db", "x")


async def twice(client: KeyVaultClient) -> None:
    with pytest.raises(KeyVaultError):
        await get_db(client)
    await get_db(client)


async def configure(_: KeyVaultClient) -> None:
    _ = KeyVaultClient.from_env({"AZURE_KEYVAULT_URL": "http://shop"})


def wrong_secret(house: House) -> dict[str, Any]:
    identity = ClientSecretIdentity(
        tenant_id=TENANT,
        client_id="app",
        client_secret=SecretString("wrong"),
        authority_host=house.emulator.authority_host,
    )
    return {"credential": identity}


def once(_: House) -> dict[str, Any]:
    return {"retry": RetryConfig(attempts=1)}


WAYS: dict[KeyVaultErrorKind, Way] = {
    Kind.SECRET_NOT_FOUND: Way(ask=get_db, status=404, code="SecretNotFound"),
    Kind.KEY_NOT_FOUND: Way(ask=lambda client: client.keys.get_key("db"), status=404, code="KeyNotFound"),
    Kind.CERTIFICATE_NOT_FOUND: Way(
        ask=lambda client: client.certificates.get_certificate("db"), status=404, code="CertificateNotFound"
    ),
    Kind.NOT_FOUND: Way(ask=get_db, prepare=fault(status=404), status=404, code="NotFound"),
    Kind.DISABLED: Way(ask=get_db, prepare=disabled, status=403, code="SecretDisabled"),
    Kind.FORBIDDEN: Way(ask=get_db, prepare=deny("ForbiddenByRbac"), status=403, code="ForbiddenByRbac"),
    Kind.FORBIDDEN_BY_FIREWALL: Way(
        ask=get_db, prepare=deny("ForbiddenByFirewall"), status=403, code="ForbiddenByFirewall"
    ),
    Kind.OPERATION_FORBIDDEN: Way(ask=use_key_for_nothing, status=403, code="KeyOperationForbidden"),
    Kind.MANAGED_BY_KEY_VAULT: Way(ask=change_managed, status=403, code="SecretManagedByKeyVault"),
    Kind.UNAUTHORIZED: Way(ask=get_db, prepare=fault(status=401), status=401, code="Unauthorized"),
    Kind.AUTHENTICATION_FAILED: Way(ask=get_db, settings=wrong_secret, code="AADSTS7000215"),
    Kind.BAD_PARAMETER: Way(ask=sign_with_another_curve, status=400, code="BadParameter"),
    Kind.CONFLICT: Way(ask=restore_onto_itself, status=409, code="Conflict", name=None),
    Kind.DELETED_BUT_RECOVERABLE: Way(ask=set_deleted, status=409, code="ObjectIsDeletedButRecoverable"),
    Kind.BEING_DELETED: Way(
        ask=set_while_deleted,
        vault=VaultSettings(deletion_seconds=3600),
        status=409,
        code="ObjectIsBeingDeleted",
        retryable=True,
    ),
    Kind.BEING_RECOVERED: Way(
        ask=get_db,
        prepare=fault(status=409, code="Conflict", inner_code="ObjectIsBeingRecovered"),
        status=409,
        code="ObjectIsBeingRecovered",
        retryable=True,
    ),
    Kind.THROTTLED: Way(
        ask=get_db, prepare=fault(status=429), settings=once, status=429, code="Throttled", retryable=True
    ),
    Kind.TIMEOUT: Way(
        ask=get_db,
        prepare=fault(delay=5.0),
        settings=lambda _: {"total_timeout": 0.4},
        code="TotalTimeout",
        retryable=True,
    ),
    Kind.UNREACHABLE: Way(
        ask=get_db,
        prepare=fault(ending=Ending.REFUSED),
        settings=once,
        code="ConnectionCut",
        retryable=True,
    ),
    Kind.SERVER_ERROR: Way(
        ask=get_db,
        prepare=fault(status=500),
        settings=once,
        status=500,
        code="InternalServerError",
        retryable=True,
    ),
    Kind.BREAKER_OPEN: Way(
        ask=twice,
        prepare=fault(status=500),
        settings=lambda house: {**once(house), "breaker": BreakerConfig(failures=1)},
        code="BreakerOpen",
        retryable=True,
    ),
    Kind.RATE_LIMITED: Way(
        ask=twice,
        settings=lambda _: {"requests_per_second": 0.1, "burst": 2, "max_wait": 0.01},
        code="RateLimited",
        retryable=True,
    ),
    Kind.VALIDATION: Way(ask=lambda client: client.secrets.set_secret("db", "x" * 25_601), code="Validation"),
    Kind.CONFIGURATION: Way(ask=configure, code="Configuration", name=None),
    Kind.PROTOCOL: Way(ask=get_db, prepare=fault(status=418), status=418, code="InternalServerError"),
}


def rows() -> list[Any]:
    return [pytest.param(WAYS[kind].vault, kind, id=kind.value) for kind in Kind if kind in WAYS]


def test_every_kind_has_a_way() -> None:
    assert set(WAYS) == set(Kind)


@pytest.mark.parametrize(("house", "kind"), rows(), indirect=["house"])
async def test_an_error_tells_what_it_is(house: House, kind: KeyVaultErrorKind) -> None:
    way = WAYS[kind]
    way.prepare(house)
    opened: AbstractAsyncContextManager[KeyVaultClient] = house.another(**way.settings(house))

    async with opened as client:
        with pytest.raises(KeyVaultError) as caught:
            await way.ask(client)

    error = caught.value
    assert (error.kind, error.code, error.http_status) == (kind, way.code, way.status)
    assert (error.object_name, error.retryable) == (way.name, way.retryable)
    assert (error.request_id is not None) is (way.status is not None)
    assert "geheim" not in repr(error)
