"""A configuration that exists is valid, and one that cannot exist tells everything that is wrong."""

from collections.abc import Callable

import pytest

from tests.unit.keyvault.fakes import VAULT, CannedTransport, FakeCredential, canned
from vaultbind.keyvault.cache.policy import CacheConfig
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.config import KeyVaultConfig, KeyVaultConfigBuilder
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.observer import NullObserver
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.transport.auth import ClientSecretIdentity, DefaultIdentity
from vaultbind.keyvault.types.common import SecretString

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


def test_from_env() -> None:
    config = KeyVaultConfig.from_env(
        {
            "AZURE_KEYVAULT_URL": VAULT,
            "AZURE_CLIENT_ID": "not ours",
            ENV + "CONNECT_TIMEOUT": "1.5",
            ENV + "BURST": "7",
            ENV + "RETRY_ATTEMPTS": "2",
            ENV + "CACHE_TTL": "60",
            ENV + "VERIFY_CHALLENGE_RESOURCE": "False",
            ENV + "PROXY": "",
        }
    )

    assert (config.vault_url, config.connect_timeout, config.burst) == (VAULT, 1.5, 7)
    assert config.retry == RetryConfig(attempts=2)
    assert config.cache == CacheConfig(ttl=60)
    assert config.proxy is None
    assert not config.verify_challenge_resource
    assert isinstance(config.credential, DefaultIdentity)


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
        .ca_pem("pem")
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
        ca_pem="pem",
    )
    assert "s3cr3t" not in repr(config)


async def test_ways_to_make_a_client() -> None:
    config = KeyVaultConfig(vault_url="HTTPS://Shop.Vault.Azure.NET:443/")
    async with KeyVaultClient.new(config) as client:
        assert client.vault_url == VAULT
    async with await KeyVaultClient.from_env({"AZURE_KEYVAULT_URL": VAULT}) as client:
        assert client.vault_url == VAULT
    built = KeyVaultClient.builder().vault_url(VAULT).observer(NullObserver()).build_client()
    await built.aclose()
    await built.aclose()


async def test_what_the_caller_gave_is_not_closed() -> None:
    transport: CannedTransport = canned(ValueError())
    credential = FakeCredential()
    builder = KeyVaultClient.builder().vault_url(VAULT).credential(credential)
    client = builder.transport(transport).build_client()

    await client.aclose()

    assert (transport.closed, credential.closed) == (0, 0)
