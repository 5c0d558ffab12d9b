from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vaultbind.keyvault.types.certificate import CertificateProperties
from vaultbind.keyvault.types.key import KeyProperties
from vaultbind.keyvault.types.secret import SecretProperties
from vaultbind.rendering.fingerprint import Fingerprint, fingerprint_of, is_settled

T = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
COMMON: dict[str, Any] = {
    "id": "i",
    "name": "n",
    "created_on": T,
    "updated_on": T,
    "tags": {"b": "2", "a": "1"},
}
SECRET = SecretProperties(**COMMON, content_type="text/plain", managed=True)
CERTIFICATE = CertificateProperties(**COMMON, x509_thumbprint=b"\x01")
KEY = KeyProperties(**COMMON)


def test_fields_by_kind() -> None:
    base = Fingerprint(created=T, updated=T, enabled=True, tags=(("a", "1"), ("b", "2")))
    assert fingerprint_of(SECRET) == replace(base, content_type="text/plain")
    assert fingerprint_of(CERTIFICATE) == replace(base, x5t=b"\x01")
    assert fingerprint_of(KEY) == base


@pytest.mark.parametrize(
    "change",
    [
        {"created_on": T - timedelta(days=1)},
        {"updated_on": T + timedelta(seconds=1)},
        {"enabled": False},
        {"tags": {"a": "1"}},
        {"content_type": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_a_change_moves(change: dict[str, Any]) -> None:
    assert fingerprint_of(replace(SECRET, **change)) != fingerprint_of(SECRET)


def test_a_new_certificate_moves_its_thumbprint() -> None:
    assert fingerprint_of(replace(CERTIFICATE, x509_thumbprint=b"\x02")) != fingerprint_of(CERTIFICATE)


@pytest.mark.parametrize("change", [{"version": "1"}, {"id": "i/1"}, {"tags": {"a": "1", "b": "2"}}])
def test_a_bundle_and_a_lists_item_have_the_same(change: dict[str, Any]) -> None:
    assert fingerprint_of(replace(SECRET, **change)) == fingerprint_of(SECRET)


@pytest.mark.parametrize(
    ("age", "settled"), [(2.001, True), (2, False), (1, False), (0, False), (-5, False)], ids=str
)
def test_settled_only_two_seconds_after_the_last_change(age: float, *, settled: bool) -> None:
    assert is_settled(fingerprint_of(SECRET), T + timedelta(seconds=age)) is settled


def test_without_a_time_never_settled() -> None:
    assert not is_settled(fingerprint_of(replace(SECRET, updated_on=None)), T)
