"""Sizes, ends, and which requests make reads stale."""

import pytest

from vaultbind.keyvault.cache.entry import CacheKey, Entry
from vaultbind.keyvault.cache.policy import OVERHEAD, CacheConfig, make_entry, make_negative_entry, measure
from vaultbind.keyvault.cache.store import EntryStore
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.transport.policies import Call
from vaultbind.keyvault.types.certificate import Certificate, CertificateProperties
from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import Key, KeyProperties
from vaultbind.keyvault.types.secret import Secret, SecretProperties

SECRET = Secret(value=SecretString("x" * 100), properties=SecretProperties(id="i", name="n"))
CERTIFICATE = Certificate(cer=b"x" * 200, properties=CertificateProperties(id="i", name="n"))
KEY = Key(
    key=JsonWebKey(kid="i", kty="RSA", n=b"x" * 300, e=b"1"), properties=KeyProperties(id="i", name="n")
)


@pytest.mark.parametrize(("value", "size"), [(SECRET, 100), (CERTIFICATE, 200), (KEY, 300), (None, 0)])
def test_sizes(value: object, size: int) -> None:
    assert measure(value) == OVERHEAD + size


def test_ends() -> None:
    config = CacheConfig(ttl=10, refresh_after=0.5, negative_ttl=2)
    entry = make_entry(config, SECRET, 100)
    never = make_entry(CacheConfig(ttl=10, refresh_after=1), SECRET, 100)
    gone = make_negative_entry(config, KeyVaultError(KeyVaultErrorKind.SECRET_NOT_FOUND), 100)
    other = make_negative_entry(config, KeyVaultError(KeyVaultErrorKind.TIMEOUT), 100)

    assert (entry.refresh_at, entry.expires_at) == (105, 110)
    assert never.refresh_at > never.expires_at
    assert (gone.expires_at, other.expires_at) == (102, 100)


def test_values_that_nobody_asks_for_leave_the_memory() -> None:
    store = EntryStore(CacheConfig(ttl=10))
    for number in range(5):
        store.put(CacheKey("secret", str(number), ""), Entry(size=1, expires_at=10), 0)
    assert (len(store), store.bytes) == (5, 5)

    store.put(CacheKey("secret", "last", ""), Entry(size=1, expires_at=20), 10)

    assert (len(store), store.bytes) == (1, 1)
    assert store.evictions == 0


def test_what_is_larger_than_all_may_be_is_not_kept_and_drives_nothing_out() -> None:
    store = EntryStore(CacheConfig(max_bytes=10))
    store.put(CacheKey("secret", "small", ""), Entry(size=10, expires_at=10), 0)
    store.put(CacheKey("secret", "large", ""), Entry(size=11, expires_at=10), 0)

    assert store.find(CacheKey("secret", "small", ""), 0) is not None
    assert store.find(CacheKey("secret", "large", ""), 0) is None


CALLS = [
    ("GET", "/secrets/{name}", False),
    ("PUT", "/secrets/{name}", True),
    ("PATCH", "/keys/{name}/{version}", True),
    ("DELETE", "/certificates/{name}", True),
    ("POST", "/keys/{name}/create", True),
    ("POST", "/keys/{name}/rotate", True),
    ("POST", "/secrets/restore", True),
    ("POST", "/deletedsecrets/{name}/recover", True),
    ("POST", "/certificates/{name}/pending/merge", True),
    ("POST", "/secrets/{name}/backup", False),
    ("POST", "/rng", False),
    *(
        ("POST", f"/keys/{{name}}/{{version}}/{verb}", False)
        for verb in ("encrypt", "decrypt", "sign", "verify", "wrapkey", "unwrapkey", "release")
    ),
]


@pytest.mark.parametrize(("method", "route", "changes"), CALLS)
def test_which_calls_change_something(method: str, route: str, changes: bool) -> None:
    assert Call(kind="key", method=method, route=route).changes is changes
