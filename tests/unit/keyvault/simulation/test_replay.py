"""A log that is asked again: what is the same, what differs, what is left out."""

from pathlib import Path

import pytest

from vaultbind.keyvault import (
    AccessLogEntry,
    KeyVaultClient,
    KeyVaultConfig,
    KeyVaultError,
    KeyVaultErrorKind,
    MockKeyVaultClient,
    replay,
)
from vaultbind.keyvault.errors import KeyVaultErrorKind as Kind
from vaultbind.keyvault.simulation import Estate
from vaultbind.keyvault.simulation.access_log import parse_lines, render_lines
from vaultbind.keyvault.simulation.replay import load_log, save_log
from vaultbind.keyvault.simulation.transport import SimulatedCredential, SimulatedTransport
from vaultbind.keyvault.types.crypto import SignatureAlgorithm


async def live(client: MockKeyVaultClient) -> None:
    """A day in the life of a vault, failures included."""
    client.seed(keys={"signing": "EC"})
    first = await client.secrets.set_secret("db", "hunter2-first")
    await client.secrets.set_secret("db", "hunter2-second")
    await client.secrets.get_secret("db")
    await client.secrets.get_secret("db", first.version)
    await client.secrets.list_secrets()
    await client.secrets.list_secret_versions("db")
    client.fail_next(1)
    await client.secrets.get_secret("db")
    with pytest.raises(KeyVaultError):
        await client.secrets.get_secret("nothing")
    await client.keys.sign("signing", SignatureAlgorithm.ES256, message=b"hunter2-message")
    await client.advance(3600)
    await client.keys.list_keys()


async def test_the_same_vault_answers_the_same() -> None:
    async with MockKeyVaultClient(seed_text="a") as client, MockKeyVaultClient(seed_text="a") as again:
        await live(client)
        again.seed(keys={"signing": "EC"})
        result = await replay(client.access_log, again, writes=True)

        assert result.differences == ()
        assert [entry.outcome for entry in result.skipped if entry.action != "sign"] == ["503"]
        assert [entry.action for entry in result.skipped if entry.outcome == "200"] == ["sign"]
        assert result.replayed == len(client.access_log) - len(result.skipped)
        assert again.time.now().replace(microsecond=0) == client.time.now().replace(microsecond=0)


async def test_differences() -> None:
    async with MockKeyVaultClient(seed_text="a") as client, MockKeyVaultClient(seed_text="b") as again:
        client.seed(secrets={"db": "v", "gone": "v"})
        for name in ("db", "gone", "new"):
            try:
                await client.secrets.get_secret(name)
            except KeyVaultError as error:
                assert error.kind is Kind.SECRET_NOT_FOUND  # noqa: PT017 - one of three is missing
        again.seed(secrets={"db": "v", "new": "v"})
        result = await replay(client.access_log, again)

        found = [(item.entry.name, item.entry.outcome, item.outcome) for item in result.differences]
        assert found == [("gone", "200", "404"), ("new", "404", "2xx")]


async def test_any_client_can_be_asked() -> None:
    estate = Estate()
    estate.driver("shop").set_secret("db", "v")
    config = KeyVaultConfig(vault_url="https://shop.vault.azure.net", credential=SimulatedCredential(estate))
    async with (
        MockKeyVaultClient() as client,
        KeyVaultClient(config, transport=SimulatedTransport(estate)) as other,
    ):
        client.seed(secrets={"db": "v"})
        await client.secrets.get_secret("db")
        result = await replay(client.access_log, other)

    assert (result.replayed, result.differences) == (1, ())


async def test_nothing_is_written_unless_allowed() -> None:
    async with MockKeyVaultClient() as client, MockKeyVaultClient() as again:
        await client.secrets.set_secret("db", "v")
        result = await replay(client.access_log, again)

        assert (result.replayed, [entry.action for entry in result.skipped]) == (0, ["set"])
        assert not again.access_log


async def test_on_disk(tmp_path: Path) -> None:
    async with MockKeyVaultClient() as client:
        await live(client)
        save_log(client.access_log, tmp_path / "log.jsonl")

        assert load_log(tmp_path / "log.jsonl") == list(client.access_log)
        text = (tmp_path / "log.jsonl").read_text(encoding="utf-8")
        assert text.count("\n") == len(client.access_log)
        assert "hunter2" not in text


ENTRY = AccessLogEntry(
    time=1.5,
    vault="shop",
    method="GET",
    route="/secrets",
    kind="secrets",
    action="list",
    name="",
    principal="p",
    outcome="200",
)
GOOD = render_lines([ENTRY])
BROKEN = [
    ("no JSON", "hunter2"),
    ("no object", "[]"),
    ("a field is missing", '{"time":1}'),
    ("an unknown field", GOOD.replace('"vault"', '"valut"')),
    ("a time that is none", GOOD.replace("1.5", '"soon"')),
    ("a number for a text", GOOD.replace('"shop"', "7")),
]


@pytest.mark.parametrize("line", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_is_no_log_is_refused_by_its_line(line: str) -> None:
    with pytest.raises(KeyVaultError, match="line 2 is no entry") as caught:
        parse_lines(f"{GOOD}{line}\n")

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert "hunter2" not in str(caught.value)
    assert parse_lines(GOOD + "\n") == [ENTRY]
