"""Addresses of vaults: what is one, and which are allowed."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.validation import has_allowed_suffix, parse_vault_url

URLS = [
    ("plain", "https://shop.vault.azure.net", "https://shop.vault.azure.net"),
    ("slash", "https://shop.vault.azure.net/", "https://shop.vault.azure.net"),
    ("case", "HTTPS://Shop.VAULT.azure.net", "https://shop.vault.azure.net"),
    ("default port", "https://shop.vault.azure.net:443", "https://shop.vault.azure.net"),
    ("port", "https://shop.vault.localhost:8443", "https://shop.vault.localhost:8443"),
    ("address", "https://127.0.0.1:8443", "https://127.0.0.1:8443"),
]


@pytest.mark.parametrize(("url", "normal"), [row[1:] for row in URLS], ids=[row[0] for row in URLS])
def test_good_urls(url: str, normal: str) -> None:
    assert str(parse_vault_url(url)) == normal


BAD = [
    ("empty", ""),
    ("no TLS", "http://shop.vault.azure.net"),
    ("no scheme", "shop.vault.azure.net"),
    ("user", "https://me@shop.vault.azure.net"),
    ("password", "https://a:b@shop.vault.azure.net"),
    ("path", "https://shop.vault.azure.net/secrets"),
    ("query", "https://shop.vault.azure.net?a"),
    ("fragment", "https://shop.vault.azure.net#a"),
    ("backslash", "https://evil.example\\.vault.azure.net"),
    ("space", "https://shop.vault.azure.net "),
    ("line feed", "https://shop.vault.azure.net\n"),
    ("tab", "https://sh\top.vault.azure.net"),
    ("empty label", "https://shop..azure.net"),
    ("trailing dot", "https://shop.vault.azure.net."),
    ("dash first", "https://-shop.vault.azure.net"),
    ("other script", "https://shöp.vault.azure.net"),
    ("other digits", "https://shop.vault.azure.net:٤٤٣"),
    ("port zero", "https://shop.vault.azure.net:0"),
    ("port too high", "https://shop.vault.azure.net:65536"),
    ("no port", "https://shop.vault.azure.net:"),
    ("long label", f"https://{'a' * 64}.vault.azure.net"),
]


@pytest.mark.parametrize("url", [row[1] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_urls(url: str) -> None:
    with pytest.raises(KeyVaultError) as caught:
        parse_vault_url(url)

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION


@given(st.text(max_size=40))
def test_nothing_but_the_documented_error_is_raised(text: str) -> None:
    for url in (text, f"https://{text}"):
        with suppress(KeyVaultError):
            assert parse_vault_url(url).host == parse_vault_url(url).host.lower()


AZURE = (".vault.azure.net", ".vault.azure.cn")
SUFFIXES = [
    ("Azure", "https://shop.vault.azure.net", AZURE, True),
    ("China", "https://shop.vault.azure.cn", AZURE, True),
    ("case of the suffix", "https://shop.vault.azure.net", (".Vault.Azure.NET",), True),
    ("space around the suffix", "https://shop.vault.azure.net", (" .vault.azure.net ",), True),
    ("not by letters", "https://evilvault.azure.net", AZURE, False),
    ("longer elsewhere", "https://shop.vault.azure.net.evil.example", AZURE, False),
    ("the suffix itself", "https://vault.azure.net", AZURE, False),
    ("the suffix itself without a dot", "https://vault.azure.net", ("vault.azure.net",), True),
    ("no suffixes", "https://shop.vault.azure.net", (), False),
    ("empty suffix", "https://shop.vault.azure.net", ("",), False),
    ("only a dot", "https://shop.vault.azure.net", (".",), False),
    ("the suffix's port", "https://shop.vault.localhost:8443", (".vault.localhost:8443",), True),
    ("another port", "https://shop.vault.localhost:8444", (".vault.localhost:8443",), False),
    ("no port where the suffix has one", "https://shop.vault.localhost", (".vault.localhost:8443",), False),
    ("default port of the suffix", "https://shop.vault.azure.net", (".vault.azure.net:443",), True),
    ("any port where the suffix has none", "https://shop.vault.localhost:8444", (".vault.localhost",), True),
    ("bad port of the suffix", "https://shop.vault.localhost:8443", (".vault.localhost:x",), False),
    ("empty port of the suffix", "https://shop.vault.localhost", (".vault.localhost:",), False),
    ("address", "https://127.0.0.1:8443", ("127.0.0.1:8443",), True),
]


@pytest.mark.parametrize(
    ("url", "suffixes", "allowed"), [row[1:] for row in SUFFIXES], ids=[row[0] for row in SUFFIXES]
)
def test_suffixes(url: str, suffixes: tuple[str, ...], allowed: bool) -> None:
    assert has_allowed_suffix(parse_vault_url(url), suffixes) is allowed
