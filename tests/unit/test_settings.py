"""Settings of `vaultbind run`: all mistakes at once, defaults, what text becomes."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from vaultbind.api.address import Address, parse_address
from vaultbind.expiry.outlets import OutletSettings
from vaultbind.expiry.sink import SinkSettings
from vaultbind.settings import RunSettings, SettingsError, parse_settings
from vaultbind.vaults.bearer import EVENT_GRID, EntraSettings
from vaultbind.vaults.events import WebhookSettings
from vaultbind.vaults.policy import AZURE_AUTHORITY_HOSTS, AZURE_VAULT_SUFFIXES, VaultPolicy

TENANT = "00000000-0000-0000-0000-00000000CAFE"
ENTRA = {"events_entra_tenant": TENANT, "events_entra_audiences": ("api://events",)}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address(host="127.0.0.1", port=8080)),
        (" localhost:0 ", Address(host="localhost", port=0)),
        (":9", Address(host="0.0.0.0", port=9)),
        ("[::1]:65535", Address(host="::1", port=65535)),
    ],
)
def test_address(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8080",
        "host",
        "host:",
        "host:x",
        "host:-1",
        "host:65536",
        "a:1/path",
        "a:1?q",
        "a:1#f",
        "u@a:1",
        "[::1",
    ],
)
def test_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not HOST:PORT"):
        parse_address(text)


def test_defaults() -> None:
    assert parse_settings() == RunSettings()
    policy = RunSettings().policy
    assert policy == VaultPolicy(
        vault_suffixes=AZURE_VAULT_SUFFIXES,
        authority_hosts=AZURE_AUTHORITY_HOSTS,
        ambient_for_namespaced=False,
    )
    assert RunSettings().stale_after == timedelta(hours=1)


FLAGS = [
    pytest.param(
        {"cloudevents_sink": "https://sink.example", "cloudevents_token_file": "t"},
        {"outlets": OutletSettings(sink=SinkSettings(url="https://sink.example", token_file=Path("t")))},
        id="a sink for CloudEvents",
    ),
    pytest.param(
        {"events": "webhook", **ENTRA, "events_entra_authority": "https://login.microsoftonline.us/"},
        {
            "outlets": OutletSettings(
                webhook=WebhookSettings(
                    host="0.0.0.0",
                    port=8082,
                    entra=EntraSettings(
                        tenant=TENANT.lower(),
                        audiences=("api://events",),
                        senders=(EVENT_GRID,),
                        authority="https://login.microsoftonline.us",
                    ),
                )
            )
        },
        id="a webhook for tokens of Entra",
    ),
    pytest.param({"namespaces": ("a", "b-1", "a")}, {"namespaces": ("a", "b-1")}, id="namespaces, each once"),
    pytest.param(
        {"metrics_address": "[::]:1"}, {"metrics": Address(host="::", port=1)}, id="address of metrics"
    ),
    pytest.param({"leader_election": False}, {"leader_election": False}, id="no election"),
    pytest.param(
        {"lease_namespace": "ops", "lease_name": "vb"},
        {"lease_namespace": "ops", "lease_name": "vb"},
        id="lease",
    ),
    pytest.param({"stale_after": "1h30m"}, {"stale_after": timedelta(minutes=90)}, id="staleness"),
    pytest.param({"stale_after": "0s"}, {"stale_after": timedelta(0)}, id="no staleness at all"),
    pytest.param(
        {"allowed_vault_suffixes": " .Vault.Localhost:8443 ,, .b "},
        {"policy": VaultPolicy(vault_suffixes=(".vault.localhost:8443", ".b"))},
        id="vault suffixes",
    ),
    pytest.param(
        {"allowed_authority_hosts": "Login.Example"},
        {"policy": VaultPolicy(authority_hosts=("login.example",))},
        id="authority hosts",
    ),
    pytest.param({"allowed_vault_suffixes": " , "}, {}, id="only commas are the default"),
    pytest.param(
        {"ambient_credentials_for_namespaced": True},
        {"policy": VaultPolicy(ambient_for_namespaced=True)},
        id="ambient identity",
    ),
]


@pytest.mark.parametrize(("flags", "changed"), FLAGS)
def test_flags(flags: dict[str, Any], changed: dict[str, Any]) -> None:
    assert parse_settings(**flags) == RunSettings(**changed)


BAD_NAMESPACES = ["", "A", "-a", "a-", "a.b", "a" * 64, "a\n"]


@pytest.mark.parametrize("name", BAD_NAMESPACES)
def test_no_namespace(name: str) -> None:
    with pytest.raises(SettingsError, match="not a namespace's name"):
        parse_settings(namespaces=(name,))


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        parse_settings(namespaces=("A", "fine", "B"), metrics_address="x", stale_after="soon")
    flags = [problem.partition(":")[0] for problem in raised.value.problems]
    assert flags == ["--namespace 'A'", "--namespace 'B'", "--metrics-address", "--stale-after"]
    assert str(raised.value) == "\n".join(raised.value.problems)


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"cloudevents_sink": "ftp://a"}, "--cloudevents-sink: is not http://... or https://..."),
        ({"events_secret_file": "t"}, "--events-secret-file: needs --events webhook or pull"),
        (
            {"events": "webhook"},
            "--events webhook: needs --events-secret-file or --events-entra-tenant, or anybody could send",
        ),
        (ENTRA, "--events-entra-tenant: needs --events webhook"),
        ({"events_entra_audiences": ("a",)}, "--events-entra-audience: needs --events-entra-tenant"),
        (
            {"events": "webhook", **ENTRA, "events_entra_tenant": "common"},
            "--events-entra-tenant: must be the tenant's id, of 32 hexadecimal digits",
        ),
        (
            {"events": "webhook", "events_entra_tenant": TENANT},
            "--events-entra-tenant: needs --events-entra-audience, or tokens for others were taken",
        ),
        (
            {"events": "webhook", **ENTRA, "events_entra_authority": "https://a/b"},
            "--events-entra-authority: must be https://HOST",
        ),
        (
            {"events": "webhook", "events_secret_file": "t", "events_address": "x"},
            "--events-address: 'x' is not HOST:PORT with a port of 0 to 65535",
        ),
        (
            {"events": "pull", "events_topic": "t", "events_subscription": "s"},
            "--events-endpoint: must be the https:// address of the namespace",
        ),
        (
            {"events": "pull", "events_endpoint": "https://a"},
            "--events pull: needs --events-topic and --events-subscription",
        ),
        ({"cloudevents_token_file": "t"}, "--cloudevents-token-file: needs --cloudevents-sink"),
    ],
)
def test_outlets_that_cannot_be_used(flags: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_settings(**flags)
    assert raised.value.problems == (problem,)


def test_a_flag_that_does_not_exist() -> None:
    with pytest.raises(TypeError, match="no such flags: cloudevent_sink"):
        parse_settings(cloudevent_sink="a")  # type: ignore[call-arg]  # a flag with a typo


def test_certificates_to_keep() -> None:
    settings = parse_settings(
        serving_certificates=["webhook-tls=a.x.svc, b.x.svc", "broker-tls=c.x.svc"],
        webhook_configuration="vaultbind",
    )

    assert settings.trust is not None
    assert settings.trust.serving == {"webhook-tls": ("a.x.svc", "b.x.svc"), "broker-tls": ("c.x.svc",)}
    assert settings.trust.webhooks == "vaultbind"
    assert parse_settings().trust is None


@pytest.mark.parametrize("text", ["webhook-tls", "=a.svc", "webhook-tls=", "webhook-tls=A", "x=a,,b"])
def test_certificates_that_are_named_wrongly(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--serving-certificate .*: not SECRET=DNS-NAME"):
        parse_settings(serving_certificates=[text])
