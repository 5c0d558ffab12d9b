"""No value leaves the client by any way but its own methods: not at DEBUG, not in errors, not encoded."""

import base64
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.unit.keyvault.canary.leaks import Output, everything_recorded, find_leaks
from tests.unit.keyvault.canary.operations import HARMLESS, OPERATIONS, RUNS, SECRET, VALUES
from vaultbind.keyvault import (
    AccessLogEntry,
    KeyVaultError,
    KeyVaultErrorKind,
    MockKeyVaultClient,
    MonitorState,
    ObjectKind,
)
from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.rotation.state import ObjectKey, Seen
from vaultbind.keyvault.simulation.faults import Ending, Fault


@pytest.mark.parametrize("service", list(OPERATIONS), ids=lambda service: service.__name__)
def test_every_public_method_is_among_the_operations(service: type) -> None:
    public = {name for name in dir(service) if not name.startswith("_")}

    missing = public - OPERATIONS[service].keys() - HARMLESS
    assert not missing, f"add them to operations.py: {sorted(missing)}"
    assert OPERATIONS[service].keys() <= public


def seed(client: MockKeyVaultClient) -> None:
    client.seed(secrets={"db": SECRET}, keys={"ec": "EC"}, certificates={"web": ["web.example"]})
    client.vault.create_key("rsa", key_type="RSA", size=2048)


async def test_nothing_comes_out(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output()
    values = dict(VALUES)
    with everything_recorded(output):
        async with MockKeyVaultClient(observer=output.observer, tracing=True, cache=CacheConfig()) as client:
            seed(client)
            values |= await hidden_values(client)
            for run in RUNS:
                output.show(await run(client))
            output.show(client.cache_stats)
            output.show(client.config)
    texts = output.texts("".join(capfd.readouterr()))

    assert find_leaks(texts, values) == set()
    for channel in ("logs", "results", "prometheus", "spans", "otel"):
        assert "/secrets" in texts[channel] or "db" in texts[channel], f"{channel} was recorded"
    assert "azure" in texts["logs"]


FAULTS = [
    ("a refusal that quotes", Fault(status=400, message=SECRET)),
    ("a conflict whose code quotes", Fault(status=409, code=SECRET, inner_code=SECRET)),
    ("throttled", Fault(status=429, message=SECRET, retry_after=60)),
    ("the service fails", Fault(status=500, message=SECRET)),
    ("cut", Fault(ending=Ending.CUT)),
    ("refused", Fault(ending=Ending.REFUSED)),
    ("no JSON", Fault(status=200, message=SECRET)),
]


@pytest.mark.parametrize("fault", [row[1] for row in FAULTS], ids=[row[0] for row in FAULTS])
async def test_nothing_comes_out_of_failures(fault: Fault, capfd: pytest.CaptureFixture[str]) -> None:
    output = Output()
    values = dict(VALUES)
    failures = 0
    with everything_recorded(output):
        async with MockKeyVaultClient(observer=output.observer, tracing=True) as client:
            seed(client)
            values |= await hidden_values(client)
            client.estate.faults.add(fault)
            for run in RUNS:
                try:
                    output.show(await run(client))
                except KeyVaultError as error:
                    failures += 1
                    output.fail(error)
                await client.advance(120)

    assert failures > 10
    assert find_leaks(output.texts("".join(capfd.readouterr())), values) == set()


async def hidden_values(client: MockKeyVaultClient) -> dict[str, bytes]:
    """What the test itself does not choose: the token, and the private key of a certificate."""
    token = (await client.config.credential.get_token("https://vault.azure.net/.default")).token  # type: ignore[union-attr]
    pfx = (await client.secrets.get_secret("web")).value.expose_secret()
    key = pkcs12.load_key_and_certificates(base64.b64decode(pfx), None)[0]
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    private = key.private_numbers().private_value.to_bytes(key.key_size // 8)
    return {"token": token[-40:].encode(), "certificate's key": private, "certificate": pfx[-200:].encode()}


# ------------------------------------------------------------------ would it be found?

ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "plain": lambda value: value.decode(),
    "base64": lambda value: base64.b64encode(b"before " + value + b" behind").decode(),
    "base64url": lambda value: base64.urlsafe_b64encode(b'{"value":"' + value + b'"}').decode(),
    "hex": bytes.hex,
    "url": lambda value: quote(value, safe=""),
}


def plant(channel: str, text: str, output: Output, folder: Path) -> None:
    """Let a value out, as a mistake in our code would."""
    match channel:
        case "logs":
            logging.getLogger("azure.core").debug("request", extra={"body": text})
        case "results":
            output.show(KeyVaultError(KeyVaultErrorKind.CONFLICT, detail=text))
        case "errors":
            output.fail(_chained(text))
        case "warnings":
            warnings.warn(text, stacklevel=1)
        case "printed":
            sys.stderr.write(text)
        case "states":
            key = ObjectKey(ObjectKind.SECRET, text)
            output.keep(MonitorState(objects={key: Seen(mark="1", version=text)}))
        case "access log" | "files":
            output.keep_log([entry_of(text)], folder / "log.jsonl")
        case "prometheus" | "otel":
            output.observer.request("secret", "GET", text, 200, 0.1)
        case "spans":
            from opentelemetry import trace

            trace.get_tracer("test").start_span("request", attributes={"url": text}).end()


def _chained(text: str) -> KeyVaultError:
    try:
        try:
            raise ValueError(text)
        except ValueError:
            raise KeyVaultError(KeyVaultErrorKind.CONFLICT)  # noqa: B904 - the mistake that is to be found
    except KeyVaultError as error:
        return error


def entry_of(text: str) -> AccessLogEntry:
    words = {"vault": "mock", "method": "GET", "route": "/secrets/{name}", "kind": "secrets", "action": "get"}
    return AccessLogEntry(time=1.0, name=text, principal="operator", outcome="200", **words)


CHANNELS = tuple(Output().texts())


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_planted_leak_is_found(
    channel: str, encoding: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = Output()
    with everything_recorded(output):
        plant(channel, ENCODINGS[encoding](VALUES["secret"]), output, tmp_path)

    found = find_leaks(output.texts("".join(capfd.readouterr())), VALUES)
    assert (channel, "secret", encoding) in found
