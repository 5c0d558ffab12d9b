"""Secrets on the wire beyond plain ones: outContentType, previousVersion, operations that take their time."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.unit.keyvault.simulation.desk import Desk
from vaultbind.keyvault.simulation import VaultSettings

PEM, PFX = "application/x-pem-file", "application/x-pkcs12"


def desk_with_certificate(content_type: str = PFX, *, exportable: bool = True) -> Desk:
    desk = Desk()
    policy = {
        "key_props": {"kty": "EC", "crv": "P-256", "exportable": exportable},
        "x509_props": {"subject": "CN=a.test"},
        "issuer": {"name": "Self"},
        "secret_props": {"contentType": content_type},
    }
    assert desk.ask("POST", "/certificates/tls/create", {"policy": policy})[0] == 202
    return desk


def read(desk: Desk, wanted: str, version: str = "2025-07-01") -> tuple[int, Any]:
    return desk.ask("GET", f"/secrets/tls?api-version={version}&outContentType={wanted}")


def test_a_pfx_is_given_as_pem_when_asked() -> None:
    desk = desk_with_certificate()
    status, secret = read(desk, PEM)
    assert (status, secret["contentType"]) == (200, PEM)
    key = load_pem_private_key(secret["value"].encode(), None)
    leaf = x509.load_pem_x509_certificate(secret["value"].encode())
    assert leaf.public_key() == key.public_key()
    assert secret["value"].startswith("-----BEGIN PRIVATE KEY-----")
    assert desk.ask("GET", "/secrets/tls")[1]["contentType"] == PFX


def test_a_key_that_must_stay_is_not_in_the_pem_either() -> None:
    _, secret = read(desk_with_certificate(exportable=False), PEM)
    assert secret["value"].startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE KEY" not in secret["value"]


@pytest.mark.parametrize(
    ("stored", "wanted"), [(PEM, PEM), (PEM, PFX), (PFX, PFX), (PFX, "text/plain")], ids=str
)
def test_every_other_conversion_is_refused(stored: str, wanted: str) -> None:
    status, content = read(desk_with_certificate(stored), wanted)
    assert (status, content["error"]["code"]) == (400, "BadParameter")


def test_a_plain_secret_is_not_converted_and_older_versions_know_no_conversion() -> None:
    desk = desk_with_certificate()
    desk.ask("PUT", "/secrets/s", {"value": "x", "contentType": PFX})
    asked = f"/secrets/s?api-version=2026-04-01&outContentType={PEM}"
    assert desk.refusal("GET", asked) == (400, "BadParameter")
    assert read(desk, PEM, version="7.6")[1]["contentType"] == PFX


def test_a_renewed_certificate_tells_its_previous_version() -> None:
    desk = desk_with_certificate()
    first = desk.ask("GET", "/secrets/tls?api-version=2025-07-01")[1]
    desk.ask("POST", "/certificates/tls/create", {})
    second = desk.ask("GET", "/secrets/tls?api-version=2025-07-01")[1]
    assert "previousVersion" not in first
    assert second["previousVersion"] == first["id"].rsplit("/", 1)[1]
    assert "previousVersion" not in desk.ask("GET", "/secrets/tls?api-version=7.6")[1]
    desk.ask("PUT", "/secrets/s", {"value": "1"})
    desk.ask("PUT", "/secrets/s", {"value": "2"})
    assert "previousVersion" not in desk.ask("GET", "/secrets/s?api-version=2025-07-01")[1]


# ---- operations that take their time
def slow_desk() -> Desk:
    desk = Desk(settings=VaultSettings(deletion_seconds=5))
    desk.ask("PUT", "/secrets/s", {"value": "x"})
    desk.ask("POST", "/keys/k/create", {"kty": "EC"})
    for path in ("/secrets/s", "/keys/k"):
        desk.ask("DELETE", path)
    return desk


CREATE = {
    "secrets/s": ("PUT", "/secrets/s", {"value": "y"}),
    "keys/k": ("POST", "/keys/k/create", {"kty": "EC"}),
}
OBJECTS = pytest.mark.parametrize("thing", list(CREATE))


@OBJECTS
def test_a_deletion_is_under_way_for_a_while(thing: str) -> None:
    desk = slow_desk()
    assert desk.ask("GET", f"/deleted{thing}")[0] == 404
    assert desk.refusal(*CREATE[thing]) == (409, "ObjectIsBeingDeleted")
    desk.pass_time(5)
    assert desk.ask("GET", f"/deleted{thing}")[0] == 200
    assert desk.refusal(*CREATE[thing]) == (409, "ObjectIsDeletedButRecoverable")


@OBJECTS
def test_a_recovery_is_under_way_for_a_while(thing: str) -> None:
    desk = slow_desk()
    desk.pass_time(5)
    assert desk.ask("POST", f"/deleted{thing}/recover")[0] == 200
    assert desk.ask("GET", f"/{thing}")[0] == 404
    assert desk.ask("GET", f"/deleted{thing}")[0] == 404
    assert desk.refusal(*CREATE[thing]) == (409, "ObjectIsBeingRecovered")
    assert desk.ask("GET", f"/deleted{thing.split('/', maxsplit=1)[0]}")[1]["value"] == []
    desk.pass_time(5)
    assert desk.ask("GET", f"/{thing}")[0] == 200
    assert desk.ask(*CREATE[thing])[0] == 200


@OBJECTS
def test_a_purge_is_under_way_for_a_while(thing: str) -> None:
    desk = slow_desk()
    desk.pass_time(5)
    assert desk.ask("DELETE", f"/deleted{thing}") == (204, None)
    assert desk.ask("GET", f"/deleted{thing}")[0] == 404
    assert desk.refusal(*CREATE[thing]) == (409, "ObjectIsBeingDeleted")
    assert desk.ask("POST", f"/deleted{thing}/recover")[0] == 404
    desk.pass_time(5)
    assert desk.ask(*CREATE[thing])[0] == 200
