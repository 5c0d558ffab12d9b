"""A configuration that exists is valid, and one that cannot exist tells everything that is wrong."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.keyvault.certs.authority import leaf
from tests.unit.keyvault.fakes import (
    VAULT,
    CannedTransport,
    FakeClock,
    FakeCredential,
    answer,
    canned,
    secret,
)
from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.config import KeyVaultConfig, KeyVaultConfigBuilder
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.observer import NullObserver
from vaultbind.keyvault.resilience.breaker import BreakerConfig
from vaultbind.keyvault.resilience.ratelimit import TokenBucket
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.rotation.config import MonitorConfig
from vaultbind.keyvault.transport.identities import (
    ClientSecretIdentity,
)
from vaultbind.keyvault.types.common import ObjectKind, SecretString

PEM = leaf().pem
ENV = "VAULTBIND_KEYVAULT_"
MISTAKES: list[tuple[str, Callable[[], object], list[str]]] = [
    (
        "fields",
        lambda: KeyVaultConfig(
            vault_url="http://x",
            connect_timeout=0,
            burst=-1,
            retry=RetryConfig(attempts=0, budget=-1, share=-1),
            cache=CacheConfig(ttl=0, negative_ttl=-1, refresh_after=0, max_entries=0, max_bytes=0),
        ),
        [
            *(
                "vault_url",
                "connect_timeout",
                "burst",
                "retry.attempts",
                "retry.budget",
                "retry.share",
                "cache.ttl",
                "cache.negative_ttl",
            ),
            *("cache.refresh_after", "cache.max_entries", "cache.max_bytes"),
        ],
    ),
    (
        "not a number",
        lambda: KeyVaultConfig(vault_url=VAULT, read_timeout=float("nan"), max_wait=float("inf")),
        ["read_timeout", "max_wait"],
    ),
    (
        "numbers within",
        lambda: KeyVaultConfig(
            vault_url=VAULT,
            retry=RetryConfig(base_delay=-1, max_delay=0, budget=float("nan")),
            breaker=BreakerConfig(failures=0, open_seconds=0, max_open_seconds=float("inf")),
        ),
        ["retry.base_delay", "retry.budget", "breaker.failures", "breaker.open_seconds", "breaker.max_open"],
    ),
    (
        "texts",
        lambda: KeyVaultConfig(
            vault_url=VAULT, user_agent="a\r\nb", api_version="7&x", proxy="socks5://p", ca_pem="pem"
        ),
        ["user_agent", "api_version", "proxy", "ca_pem"],
    ),
    (
        "a credential",
        lambda: KeyVaultConfig(vault_url=VAULT, credential="geheim"),  # type: ignore[arg-type]
        ["credential: must be an identity"],
    ),
    (
        "a vault elsewhere",
        lambda: KeyVaultConfig(vault_url=VAULT, allowed_suffixes=(".vault.azure.cn", ".localhost")),
        ["vault_url: must end in .vault.azure.cn or .localhost"],
    ),
    ("no url", lambda: KeyVaultConfig.from_env({}), ["AZURE_KEYVAULT_URL"]),
    (
        "environment",
        lambda: KeyVaultConfig.from_env(
            {
                "AZURE_KEYVAULT_URL": "x",
                ENV + "BURST": "many",
                ENV + "VERIFY_CHALLENGE_RESOURCE": "perhaps",
                ENV + "READ_TIMEOUT": "-1",
                ENV + "READ_TIMOUT": "1",
            }
        ),
        [
            "vault_url",
            ENV + "BURST",
            ENV + "VERIFY_CHALLENGE_RESOURCE",
            "read_timeout",
            ENV + "READ_TIMOUT: unknown",
        ],
    ),
    ("builder", lambda: KeyVaultConfigBuilder().set(brust=1).build(), ["vault_url", "brust: unknown"]),
]


@pytest.mark.parametrize(("make", "told"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_all_mistakes_at_once(make: Callable[[], object], told: list[str]) -> None:
    with pytest.raises(KeyVaultError) as caught:
        make()

    assert caught.value.kind is KeyVaultErrorKind.CONFIGURATION
    for part in told:
        assert part in str(caught.value)
    assert str(caught.value).count(";") == len(told) - 1


def test_a_value_of_the_environment_is_not_repeated() -> None:
    with pytest.raises(KeyVaultError) as caught:
        KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT, ENV + "BURST": "hunter2"})

    assert "hunter2" not in str(caught.value)


KINDS: list[tuple[KeyVaultConfig, list[str]]] = [
    (KeyVaultConfig(vault_url=VAULT), ["2025-07-01"] * 3),
    (KeyVaultConfig(vault_url=VAULT, api_version="7.6", keys_api_version="7.4"), ["7.6", "7.6", "7.4"]),
    (
        KeyVaultConfigBuilder(VAULT).api_version("7.6", secrets="7.1", certificates="7.2").build(),
        ["7.1", "7.2", "7.6"],
    ),
    (
        KeyVaultConfig.from_env({"AZURE_KEYVAULT_URL": VAULT, ENV + "KEYS_API_VERSION": "7.3"}),
        ["2025-07-01", "2025-07-01", "7.3"],
    ),
]


@pytest.mark.parametrize(("config", "versions"), KINDS)
async def test_each_kind_may_have_a_version_of_its_own(config: KeyVaultConfig, versions: list[str]) -> None:
    transport = canned(answer({"value": []}))
    client = KeyVaultClient(replace(config, credential=FakeCredential()), transport=transport)
    for listing in (
        client.secrets.list_secrets(),
        client.certificates.list_issuers(),
        client.keys.list_deleted_keys(),
    ):
        await listing
    await client.send_request("GET", "/keys/k")

    asked = [re.findall(r"api-version=([^&]*)", request.url) for request in transport.requests[1:]]
    assert asked == [[version] for version in (*versions, versions[2])]


def test_defaults_are_strict() -> None:
    config = KeyVaultConfig(vault_url=VAULT)

    assert config.verify_challenge_resource
    assert config.cache is None
    assert (config.requests_per_second, config.burst) == (200, 1000)


def test_the_builder_sets_what_it_says() -> None:
    credential = ClientSecretIdentity(tenant_id="t", client_id="c", client_secret=SecretString("s3cr3t"))
    config = (
        KeyVaultConfigBuilder()
        .vault_url(VAULT)
        .credential(credential)
        .timeouts(connect=1, total=3)
        .retry(RetryConfig(attempts=1))
        .rate_limit(5, 6)
        .cache(CacheConfig(ttl=9))
        .breaker(BreakerConfig(failures=2))
        .monitor(MonitorConfig(kinds=(ObjectKind.SECRET,)))
        .proxy("http://proxy:3128")
        .user_agent("shop/1")
        .api_version("7.6")
        .allowed_suffixes(".vault.azure.net", ".localhost")
        .ca_pem(PEM)
        .build()
    )

    assert config == KeyVaultConfig(
        vault_url=VAULT,
        credential=credential,
        connect_timeout=1,
        total_timeout=3,
        retry=RetryConfig(attempts=1),
        requests_per_second=5,
        burst=6,
        cache=CacheConfig(ttl=9),
        breaker=BreakerConfig(failures=2),
        monitor=MonitorConfig(kinds=(ObjectKind.SECRET,)),
        proxy="http://proxy:3128",
        user_agent="shop/1",
        api_version="7.6",
        allowed_suffixes=(".vault.azure.net", ".localhost"),
        ca_pem=PEM,
    )
    assert "s3cr3t" not in repr(config)


def test_tracing_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaultbind.keyvault.config_rules.find_spec", lambda _: None)
    with pytest.raises(KeyVaultError, match=r"tracing: opentelemetry-api is missing .*vaultbind\[otel\]"):
        KeyVaultConfig(vault_url=VAULT, tracing=True)


async def test_ways_to_make_a_client() -> None:
    config = KeyVaultConfig(vault_url="HTTPS://Shop.Vault.Azure.NET:443/")
    async with KeyVaultClient.new(config) as client:
        assert client.vault_url == VAULT
    async with await KeyVaultClient.from_env({"AZURE_KEYVAULT_URL": VAULT}) as client:
        assert client.vault_url == VAULT
    async with KeyVaultClient.builder().vault_url(VAULT) as client:
        assert client.vault_url == VAULT
    async with await KeyVaultClient.builder().vault_url(VAULT) as client:
        assert client.vault_url == VAULT
    built = KeyVaultClient.builder().vault_url(VAULT).observer(NullObserver()).build()
    await built.aclose()
    await built.aclose()


async def test_a_builder_that_failed_has_nothing_to_close() -> None:
    builder = KeyVaultClient.builder()

    with pytest.raises(KeyVaultError, match="vault_url"):
        async with builder:
            pass
    await builder.__aexit__(None, None, None)


async def test_parts_of_a_client_can_be_shared() -> None:
    clock, transport = FakeClock(), canned(answer(secret()))
    limiter = TokenBucket(1, 1, clock, max_wait=0.1)
    builder = KeyVaultClient.builder().vault_url(VAULT).credential(FakeCredential())
    client = builder.transport(transport).limiter(limiter).build()

    with pytest.raises(KeyVaultError) as caught:
        await client.get_secret("db")

    assert caught.value.kind is KeyVaultErrorKind.RATE_LIMITED
    assert len(transport.requests) == 1, "the challenge took the only token"


async def test_what_the_caller_gave_is_not_closed() -> None:
    transport: CannedTransport = canned(ValueError())
    credential = FakeCredential()
    builder = KeyVaultClient.builder().vault_url(VAULT).credential(credential)
    client = builder.transport(transport).build()

    await client.aclose()

    assert (transport.closed, credential.closed) == (0, 0)


def test_a_proxys_password_is_not_shown() -> None:
    config = KeyVaultConfig(vault_url=VAULT, proxy="http://me:geheim@proxy:3128")

    assert "geheim" not in repr(config)
    assert config.proxy == "http://me:geheim@proxy:3128"


def test_wrong_types_are_told_by_path_together_with_what_else_is_wrong() -> None:
    wrong: Any = {
        "vault_url": 5,
        "connect_timeout": "5",
        "burst": -1,
        "retry": RetryConfig(attempts="3"),  # type: ignore[arg-type]
        "cache": CacheConfig(ttl=-1.0),
        "monitor": 7,
        "allowed_suffixes": ".vault.azure.net",
    }
    with pytest.raises(KeyVaultError) as caught:
        _ = KeyVaultConfig(**wrong)

    assert caught.value.kind is KeyVaultErrorKind.CONFIGURATION
    assert caught.value.detail.split("; ") == [
        "vault_url: is of type int, not str",
        "connect_timeout: is of type str, not float",
        "retry.attempts: is of type str, not int",
        "monitor: is of type int, not MonitorConfig",
        "allowed_suffixes: is of type str, not tuple[str, ...]",
        "burst: must be positive",
        "cache.ttl: must be positive",
    ]
