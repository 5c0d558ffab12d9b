"""What the environment can set: every setting, each kind of identity, and all mistakes at once."""

from dataclasses import fields, replace
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from tests.unit.keyvault.certs.authority import leaf
from tests.unit.keyvault.fakes import VAULT
from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.config import KeyVaultConfig
from vaultbind.keyvault.environment import SERVICE_LINK, VARIABLES, Variable
from vaultbind.keyvault.errors import KeyVaultError
from vaultbind.keyvault.resilience.breaker import BreakerConfig
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.rotation.config import MonitorConfig
from vaultbind.keyvault.transport.clouds import find_cloud
from vaultbind.keyvault.transport.identities import (
    AzureCliIdentity,
    ClientCertificateIdentity,
    ClientSecretIdentity,
    CredentialConfig,
    DefaultIdentity,
    ManagedIdentity,
    WorkloadIdentity,
)
from vaultbind.keyvault.types.common import ObjectKind, SecretString

PEM = leaf().pem
ENV = "VAULTBIND_KEYVAULT_"
DEFAULT = replace(KeyVaultConfig(vault_url=VAULT), cache=CacheConfig())
TEXTS: dict[str, tuple[str, Any]] = {
    "connect_timeout": ("1.5", 1.5),
    "read_timeout": ("2", 2.0),
    "total_timeout": ("3", 3.0),
    "retry.attempts": ("4", 4),
    "retry.base_delay": ("0.5", 0.5),
    "retry.max_delay": ("6", 6.0),
    "retry.budget": ("7", 7.0),
    "retry.share": ("0.8", 0.8),
    "retry.reserve": ("9", 9.0),
    "breaker.failures": ("10", 10),
    "breaker.open_seconds": ("11", 11.0),
    "breaker.max_open_seconds": ("12", 12.0),
    "requests_per_second": ("13.5", 13.5),
    "burst": ("14", 14),
    "max_wait": ("15", 15.0),
    "cache.ttl": ("16", 16.0),
    "cache.negative_ttl": ("17", 17.0),
    "cache.refresh_after": ("0.5", 0.5),
    "cache.max_entries": ("19", 19),
    "cache.max_bytes": ("20", 20),
    "monitor.thresholds": ("14d, 12h,30m", (timedelta(days=14), timedelta(hours=12), timedelta(minutes=30))),
    "monitor.kinds": ("secret,key", (ObjectKind.SECRET, ObjectKind.KEY)),
    "monitor.handler_timeout": ("21", 21.0),
    "tracing": ("true", True),
    "ca_pem": ("set by the fixture", PEM),
    "proxy": ("http://q", "http://q"),
    "user_agent": ("shop/1", "shop/1"),
    "api_version": ("7.6", "7.6"),
    "secrets_api_version": ("7.1", "7.1"),
    "keys_api_version": ("7.2", "7.2"),
    "certificates_api_version": ("7.3", "7.3"),
    "verify_challenge_resource": ("False", False),
    "allowed_suffixes": (".vault.azure.net, .localhost", (".vault.azure.net", ".localhost")),
}


@pytest.fixture
def texts(tmp_path: Path) -> dict[str, tuple[str, Any]]:
    (tmp_path / "ca.pem").write_text(PEM)
    return TEXTS | {"ca_pem": (str(tmp_path / "ca.pem"), PEM)}


def test_every_setting_has_a_variable() -> None:
    nested = {"retry": RetryConfig, "breaker": BreakerConfig, "cache": CacheConfig, "monitor": MonitorConfig}
    plain = {item.name for item in fields(KeyVaultConfig)} - nested.keys() - {"vault_url", "credential"}
    within = {f"{name}.{item.name}" for name, group in nested.items() for item in fields(group)}

    assert {variable.path for variable in VARIABLES} == plain | within == TEXTS.keys()


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.path)
def test_each_variable_sets_what_it_says(variable: Variable, texts: dict[str, tuple[str, Any]]) -> None:
    text, value = texts[variable.path]
    config = KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT, variable.name: text})

    assert attrgetter(variable.path)(config) == value
    assert value != attrgetter(variable.path)(DEFAULT), "the text is another than the default"


def test_all_variables_together(texts: dict[str, tuple[str, Any]]) -> None:
    given = {variable.name: texts[variable.path][0] for variable in VARIABLES}
    config = KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT, **given})

    assert {path: attrgetter(path)(config) for path in TEXTS} == {path: row[1] for path, row in texts.items()}


def test_what_is_set_to_nothing_is_not_set() -> None:
    nothing = dict.fromkeys([variable.name for variable in VARIABLES], "")

    assert KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT, **nothing}) == KeyVaultConfig.from_env(
        {"AZURE_KEYVAULT_URL": VAULT}
    )


@pytest.mark.parametrize("variable", [item for item in VARIABLES if item.azure], ids=lambda item: item.azure)
def test_the_azure_sdks_name_counts_unless_ours_is_set(
    variable: Variable, texts: dict[str, tuple[str, Any]]
) -> None:
    text, value = texts[variable.path]
    named = {"AZURE_KEYVAULT_URL": VAULT, variable.azure: text}

    assert attrgetter(variable.path)(KeyVaultConfig.from_env(named)) == value
    ours = str(attrgetter(variable.path)(DEFAULT))
    assert attrgetter(variable.path)(KeyVaultConfig.from_env({**named, variable.name: ours})) != value


READABLE = [item for item in VARIABLES if item.parse is not str and item.path != "allowed_suffixes"]


@pytest.mark.parametrize("variable", READABLE, ids=lambda item: item.path)
def test_a_text_that_cannot_be_read_is_named_and_not_repeated(variable: Variable) -> None:
    with pytest.raises(KeyVaultError) as caught:
        KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT, variable.name: "hunter2"})

    assert f"{variable.name}: cannot be read ({variable.meaning})" in caught.value.detail
    assert "hunter2" not in str(caught.value)


PRINCIPAL = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"}
LOGIN = "https://login.microsoftonline.com"
SECRET = {**PRINCIPAL, "AZURE_CLIENT_SECRET": "hunter2"}
BY_SECRET = ClientSecretIdentity(
    tenant_id="t", client_id="c", client_secret=SecretString("hunter2"), authority_host=LOGIN
)
IDENTITIES: dict[str, tuple[dict[str, str], CredentialConfig]] = {
    "": ({}, DefaultIdentity(authority_host=LOGIN)),
    "default": (PRINCIPAL, DefaultIdentity(authority_host=LOGIN)),
    "workload": (
        {**PRINCIPAL, "AZURE_FEDERATED_TOKEN_FILE": "/token"},
        WorkloadIdentity(tenant_id="t", client_id="c", token_file="/token", authority_host=LOGIN),
    ),
    "managed": ({}, ManagedIdentity()),
    "managed by client": (PRINCIPAL, ManagedIdentity(client_id="c")),
    "managed by resource": (
        {**PRINCIPAL, ENV + "MANAGED_IDENTITY_RESOURCE_ID": "/sub/x"},
        ManagedIdentity(resource_id="/sub/x"),
    ),
    "client-secret": (SECRET, BY_SECRET),
    "client-secret elsewhere": (
        {**SECRET, "AZURE_AUTHORITY_HOST": "https://a"},
        replace(BY_SECRET, authority_host="https://a"),
    ),
    "cli": ({"AZURE_TENANT_ID": "t"}, AzureCliIdentity(tenant_id="t")),
}


@pytest.mark.parametrize("kind", IDENTITIES)
def test_the_identity_of_the_environment(kind: str) -> None:
    variables, identity = IDENTITIES[kind]
    named = {ENV + "CREDENTIAL": kind.partition(" ")[0], "AZURE_KEYVAULT_URL": VAULT, **variables}

    assert KeyVaultConfig.from_env(named).credential == identity


@pytest.mark.parametrize("password", ["", "horse"])
def test_a_client_certificate_of_the_environment(tmp_path: Path, password: str) -> None:
    file = tmp_path / "client.pem"
    file.write_text(PEM)
    named = {
        "AZURE_KEYVAULT_URL": VAULT,
        ENV + "CREDENTIAL": "client-certificate",
        "AZURE_CLIENT_CERTIFICATE_PATH": str(file),
        "AZURE_CLIENT_CERTIFICATE_PASSWORD": password,
        **PRINCIPAL,
    }

    assert KeyVaultConfig.from_env(named).credential == ClientCertificateIdentity(
        tenant_id="t",
        client_id="c",
        certificate=PEM.encode(),
        password=SecretString(password) if password else None,
        authority_host=LOGIN,
    )


IDENTITY_MISTAKES: list[tuple[str, dict[str, str], list[str]]] = [
    ("magic", {}, [ENV + "CREDENTIAL: must be one of default, workload"]),
    (
        "workload",
        {},
        [f"AZURE_{name}: missing" for name in ("TENANT_ID", "CLIENT_ID", "FEDERATED_TOKEN_FILE")],
    ),
    ("client-secret", PRINCIPAL, ["AZURE_CLIENT_SECRET: missing"]),
    (
        "client-certificate",
        {**PRINCIPAL, "AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere/at all"},
        ["AZURE_CLIENT_CERTIFICATE_PATH: cannot be read"],
    ),
]


@pytest.mark.parametrize(("kind", "variables", "told"), IDENTITY_MISTAKES)
def test_what_an_identity_lacks_is_told_with_all_else(
    kind: str, variables: dict[str, str], told: list[str]
) -> None:
    with pytest.raises(KeyVaultError) as caught:
        KeyVaultConfig.from_env({ENV + "CREDENTIAL": kind, ENV + "BURST": "many", **variables})

    for part in (*told, "AZURE_KEYVAULT_URL", ENV + "BURST"):
        assert part in caught.value.detail


def test_a_ca_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyVaultError, match="CA_FILE: cannot be read"):
        KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT, ENV + "CA_FILE": str(tmp_path / "ca.pem")})


PROXIES: list[tuple[str, dict[str, str], str | None]] = [
    ("none", {}, None),
    ("as everybody has it", {"HTTPS_PROXY": "http://p"}, "http://p"),
    ("in small letters", {"https_proxy": "http://p"}, "http://p"),
    ("our own goes first", {"HTTPS_PROXY": "http://p", ENV + "PROXY": "http://q"}, "http://q"),
    ("not for this domain", {"HTTPS_PROXY": "http://p", "NO_PROXY": "a, .vault.azure.net"}, None),
    ("not for this host", {"HTTPS_PROXY": "http://p", "no_proxy": "SHOP.vault.azure.net"}, None),
    ("not for anybody", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
    ("not for others", {"HTTPS_PROXY": "http://p", "NO_PROXY": "op.vault.azure.net"}, "http://p"),
]


@pytest.mark.parametrize(
    ("variables", "proxy"), [row[1:] for row in PROXIES], ids=[row[0] for row in PROXIES]
)
def test_the_proxy_of_the_environment(variables: dict[str, str], proxy: str | None) -> None:
    assert KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT, **variables}).proxy == proxy


CLOUDS: list[tuple[str, dict[str, str], str]] = [
    ("https://a.vault.azure.net", {}, "https://login.microsoftonline.com"),
    ("https://a.vault.azure.cn", {}, "https://login.chinacloudapi.cn"),
    ("https://a.vault.usgovcloudapi.net", {}, "https://login.microsoftonline.us"),
    ("https://a.vault.azure.cn", {"AZURE_AUTHORITY_HOST": "https://login.example"}, "https://login.example"),
    ("https://a.vault.localhost:8443", {}, ""),
]


@pytest.mark.parametrize(("url", "variables", "authority"), CLOUDS)
def test_a_vault_tells_its_cloud(url: str, variables: dict[str, str], authority: str) -> None:
    config = KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": url, **variables})

    assert config.credential == DefaultIdentity(authority_host=authority)


def test_what_is_no_url_has_no_cloud() -> None:
    assert find_cloud("https://[") is None
    with pytest.raises(KeyVaultError, match="vault_url"):
        KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": "https://[", "HTTPS_PROXY": "http://p"})


LINKS = {
    "VAULTBIND_KEYVAULT_SERVICE_HOST": "10.96.0.7",
    "VAULTBIND_KEYVAULT_SERVICE_PORT": "8443",
    "VAULTBIND_KEYVAULT_SERVICE_PORT_HTTPS": "8443",
    "VAULTBIND_KEYVAULT_PORT": "tcp://10.96.0.7:8443",
    "VAULTBIND_KEYVAULT_PORT_8443_TCP": "tcp://10.96.0.7:8443",
    "VAULTBIND_KEYVAULT_PORT_8443_TCP_PROTO": "tcp",
    "VAULTBIND_KEYVAULT_PORT_8443_TCP_PORT": "8443",
    "VAULTBIND_KEYVAULT_PORT_8443_TCP_ADDR": "10.96.0.7",
    "VAULTBIND_KEYVAULT_TEST_SERVICE_HOST": "10.96.0.8",
}


def test_what_kubernetes_says_of_a_service_is_no_mistake() -> None:
    """Pods beside a Service named vaultbind-keyvault, or that and more, have these."""
    config = KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT, **LINKS})
    assert config == KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT})
    with pytest.raises(KeyVaultError, match="VAULTBIND_KEYVAULT_PORTS: unknown variable"):
        KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT, "VAULTBIND_KEYVAULT_PORTS": "1"})


def test_no_variable_of_ours_looks_like_one_of_kubernetes() -> None:
    assert [item.name for item in VARIABLES if SERVICE_LINK.search(item.name)] == []
