"""The client for tests: real above the wire, with time that moves only when it should."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from vaultbind.keyvault import (
    BreakerState,
    KeyVaultError,
    KeyVaultErrorKind,
    MockKeyVaultClient,
    RotationHandler,
)
from vaultbind.keyvault.simulation import Ending
from vaultbind.keyvault.types.common import ObjectProperties

DAY = timedelta(days=1)


async def test_what_was_seeded_is_there() -> None:
    async with MockKeyVaultClient() as client:
        client.seed(secrets={"db": "s3cr3t"}, keys={"k": "EC"}, certificates={"web": ["web.example"]})

        assert (await client.secrets.get_secret("db")).value.expose_secret() == "s3cr3t"
        assert [key.name for key in await client.keys.list_keys()] == ["k", "web"]
        assert (await client.certificates.get_certificate("web")).cer
        assert client.vault_url == "https://mock.vault.azure.net"


async def test_failures_are_retried_without_losing_time_of_the_test() -> None:
    async with MockKeyVaultClient() as client:
        client.seed(secrets={"db": "s3cr3t"})
        started = asyncio.get_running_loop().time()
        client.fail_next(2)
        await client.secrets.get_secret("db")

        assert [entry.outcome for entry in client.access_log] == ["503", "503", "200"]
        assert client.time.monotonic() > 0
        assert asyncio.get_running_loop().time() - started < 5


FAILURES = [
    ("for good", {"count": 3}, KeyVaultErrorKind.SERVER_ERROR),
    ("throttled", {"status": 429, "retry_after": 60}, KeyVaultErrorKind.THROTTLED),
    ("by a code", {"status": 403, "code": "Forbidden"}, KeyVaultErrorKind.FORBIDDEN),
    ("refused", {"count": 3, "ending": Ending.REFUSED}, KeyVaultErrorKind.UNREACHABLE),
    ("cut", {"count": 3, "ending": Ending.CUT}, KeyVaultErrorKind.UNREACHABLE),
]


@pytest.mark.parametrize(("fault", "kind"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
async def test_failures(fault: dict[str, object], kind: KeyVaultErrorKind) -> None:
    async with MockKeyVaultClient() as client:
        client.seed(secrets={"db": "s3cr3t"})
        client.fail_next(**fault)  # type: ignore[arg-type]
        with pytest.raises(KeyVaultError) as caught:
            await client.secrets.get_secret("db")
        assert caught.value.kind is kind
        await client.advance(61)

        await client.secrets.get_secret("db")
        assert client.breaker_state is BreakerState.CLOSED


async def test_only_the_path_that_is_meant_fails() -> None:
    async with MockKeyVaultClient() as client:
        client.seed(secrets={"db": "1", "other": "2"})
        client.fail_next(9, status=403, path="/secrets/db*")

        await client.secrets.get_secret("other")
        with pytest.raises(KeyVaultError):
            await client.secrets.get_secret("db")


async def test_a_month_passes_for_vault_client_and_monitor() -> None:
    class Notes(RotationHandler):
        def __init__(self) -> None:
            self.days: list[int] = []

        async def on_near_expiry(self, properties: ObjectProperties, days_until_expiry: int) -> None:
            self.days.append(days_until_expiry)

    notes = Notes()
    async with MockKeyVaultClient(start=datetime(2028, 2, 1, tzinfo=UTC)) as client:
        client.vault.set_secret("db", "v", expires=client.time.now() + 31 * DAY)
        client.register_rotation_handler(notes)
        await client.expiry_monitor.start(DAY)
        await client.advance(32 * DAY)

        assert notes.days == [30, 7, 1]
        assert client.time.now() == datetime(2028, 3, 4, tzinfo=UTC), "a leap year"
        assert (await client.secrets.set_secret("new", "v")).properties.created_on == client.time.now()


async def test_the_same_seed_and_calls_give_the_same_log() -> None:
    async def run(seed: str) -> list[object]:
        async with MockKeyVaultClient(seed_text=seed) as client:
            versions = []
            for number in range(3):
                versions.append((await client.secrets.set_secret("db", f"v{number}")).version)
                client.fail_next()
                await client.secrets.get_secret("db", versions[0])
                await client.advance(60)
            return [*versions, *client.access_log]

    assert await run("a") == await run("a")
    assert await run("a") != await run("b")


async def test_requests_that_no_service_has() -> None:
    async with MockKeyVaultClient() as client:
        client.seed(secrets={"db": "s3cr3t"})
        assert b'"value"' in await client.send_request("GET", "/secrets")
        with pytest.raises(KeyVaultError) as missing:
            await client.send_request("GET", "/secrets/nothing/", name="nothing")
        assert (missing.value.kind, missing.value.object_name) == (
            KeyVaultErrorKind.SECRET_NOT_FOUND,
            "nothing",
        )
        for path in ("secrets", "/other", "/secrets?x=1", "/secrets/../keys", "/secrets/a%2f", ""):
            with pytest.raises(KeyVaultError, match="a path has the form"):
                await client.send_request("GET", path)
