"""What handlers get, monitors remember and logs keep: the value comes to the handler, and nowhere else."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.keyvault.canary.leaks import Output, everything_recorded, find_leaks
from tests.unit.keyvault.canary.operations import RUNS, SECRET, VALUES
from tests.unit.keyvault.canary.test_canary import ENCODINGS, hidden_values, seed
from vaultbind.keyvault import (
    CacheConfig,
    Certificate,
    Key,
    KeyVaultError,
    MockKeyVaultClient,
    MonitorState,
    ObjectProperties,
    RotationHandler,
    Secret,
)
from vaultbind.keyvault.rotation.monitor import LOG, ExpiryMonitor
from vaultbind.keyvault.simulation.replay import load_log, replay

NEW = "canary/renewed+secret =&?-7787"


class Careless(RotationHandler):
    """Gets everything that there is to get, and raises it."""

    def __init__(self, encode: Callable[[bytes], str] = ENCODINGS["plain"]) -> None:
        self.encode = encode
        self.got: list[str] = []

    async def on_near_expiry(self, properties: ObjectProperties, days_until_expiry: int) -> None:
        self.got.append(f"{properties.kind} expires")
        raise ValueError(self.encode(NEW.encode()))

    async def on_expired(self, properties: ObjectProperties) -> None:
        self.got.append(f"{properties.kind} has expired")
        raise ValueError(self.encode(NEW.encode()))

    async def on_secret_rotated(self, secret: Secret, previous_version: str) -> None:
        self.got.append(secret.value.expose_secret())
        raise ValueError(self.encode(secret.value.expose_secret().encode())) from KeyError(secret)

    async def on_key_rotated(self, key: Key, previous_version: str) -> None:
        self.got.append(key.name)
        raise LookupError(self.encode(NEW.encode()))

    async def on_certificate_renewed(self, certificate: Certificate, previous_version: str) -> None:
        bundle = await certificate.with_private_key()
        assert bundle.private_key_pem is not None
        self.got.append("private key")
        raise ExceptionGroup(str(bundle.private_key_pem), [ValueError(NEW)])


async def renew(client: MockKeyVaultClient) -> None:
    """New versions of everything, and one secret that comes to its end."""
    for name, days in (("db", 20), ("old", 1)):
        client.vault.set_secret(name, NEW, expires=client.time.now() + timedelta(days=days))
    await client.keys.rotate_key("ec")
    client.vault.issue_certificate("web", ["web.example"])


async def watch(client: MockKeyVaultClient, output: Output, handler: Careless) -> None:
    """The monitor as a program runs it: started, its state saved after each change, its handler failing."""

    async def save(state: MonitorState) -> None:
        output.keep(state)
        raise OSError(handler.encode(NEW.encode()))

    client.register_rotation_handler(handler)
    await client.expiry_monitor.start(timedelta(hours=12), save=save)
    await client.advance(60)
    await renew(client)
    await client.advance(timedelta(days=2))
    output.show(client.expiry_monitor.state)
    output.show(await client.expiry_monitor.check_once())


async def test_nothing_comes_out_of_handlers_states_and_logs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output, handler = Output(), Careless()
    file = tmp_path / "log.jsonl"
    with everything_recorded(output):
        async with MockKeyVaultClient(observer=output.observer, tracing=True, cache=CacheConfig()) as client:
            seed(client)
            await watch(client, output, handler)
            values = VALUES | {"renewed": NEW.encode()} | await hidden_values(client)
            for run in RUNS:
                output.show(await run(client))
            output.keep_log(client.access_log, file)
        async with MockKeyVaultClient(observer=output.observer, tracing=True) as other:
            seed(other)
            output.show(await replay(load_log(file), other, writes=True))
            output.keep_log(other.access_log, tmp_path / "again.jsonl")
    texts = output.texts("".join(capfd.readouterr()))

    assert {NEW, "ec", "private key", "secret expires", "secret has expired"} <= set(handler.got)
    assert client.expiry_monitor.handler_errors > len(handler.got), "those of `save` count, too"
    assert find_leaks(texts, values) == set()
    for channel in ("states", "access log", "files"):
        assert "db" in texts[channel], f"{channel} was recorded"
    assert "Careless.on_secret_rotated failed: ValueError" in texts["logs"]


async def test_a_log_that_is_damaged_is_told_without_its_content(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text(f'{{"name": "{SECRET}"}}\n', encoding="utf-8")
    with pytest.raises(KeyVaultError) as caught:
        load_log(file)
    with pytest.raises(KeyVaultError) as state:
        MonitorState.from_json(f'{{"objects": {{"{SECRET}": 5}}}}')

    output = Output()
    output.fail(caught.value)
    output.fail(state.value)
    assert find_leaks(output.texts(), VALUES) == set()


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_a_monitor_that_told_what_handlers_raise_would_be_found(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def contain(_: ExpiryMonitor, method: Any, title: str, *arguments: Any) -> None:
        try:
            await method(*arguments)
        except Exception as error:  # noqa: BLE001 - the mistake that is to be found
            LOG.log(logging.DEBUG, "%s failed: %s", title, error)

    monkeypatch.setattr(ExpiryMonitor, "_contain", contain)
    output = Output()
    with everything_recorded(output):
        async with MockKeyVaultClient() as client:
            seed(client)
            await watch(client, output, Careless(ENCODINGS[encoding]))

    assert ("logs", "renewed", encoding) in find_leaks(output.texts(), {"renewed": NEW.encode()})
