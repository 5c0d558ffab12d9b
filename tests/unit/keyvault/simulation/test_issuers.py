"""Certificates, issuers and contacts on the wire, as recorded from the service."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.unit.keyvault.simulation.desk import HOST, SECONDS, Desk
from tests.unit.keyvault.simulation.test_pending import answer, encoded
from vaultbind.keyvault.simulation import VaultSettings
from vaultbind.keyvault.simulation.bundles import render_pfx
from vaultbind.keyvault.simulation.issuing import issue_authorities, issue_chain

BASE = f"https://{HOST}/certificates"
ADMIN = {"first_name": "John", "last_name": "Doe", "email": "a@a.test", "phone": "425"}
ISSUER = {
    "provider": "Test",
    "credentials": {"account_id": "me", "pwd": "geheim"},
    "org_details": {"admin_details": [ADMIN]},
}
CONTACTS = [{"email": "a@a.test", "name": "a", "phone": "1"}, {"email": "b@b.test"}]


def policy(issuer: str) -> dict[str, Any]:
    return {
        "key_props": {"kty": "EC", "crv": "P-256"},
        "x509_props": {"subject": "CN=a.test"},
        "issuer": {"name": issuer},
    }


def test_an_issuer_from_setting_to_deleting() -> None:
    desk = Desk()
    shown = {
        "id": f"{BASE}/issuers/ca",
        "provider": "Test",
        "credentials": {"account_id": "me"},
        "org_details": {"zip": 0, "admin_details": [ADMIN]},
        "attributes": {"enabled": True, "created": SECONDS, "updated": SECONDS},
    }
    assert desk.ask("PUT", "/certificates/issuers/ca", ISSUER) == (200, shown)
    assert desk.ask("GET", "/certificates/issuers/CA/") == (200, shown)
    assert desk.ask("PATCH", "/certificates/issuers/ca", {}) == (200, shown)
    changed = {"attributes": {"enabled": False}, "credentials": {"account_id": None}}
    _, patched = desk.ask("PATCH", "/certificates/issuers/ca", changed)
    assert (patched["provider"], patched["attributes"]["enabled"]) == ("Test", False)
    assert "credentials" not in patched
    assert desk.ask("DELETE", "/certificates/issuers/ca") == (200, patched)
    missing = {"error": {"code": "CertificateIssuerNotFound", "message": "Issuer not found"}}
    assert desk.ask("GET", "/certificates/issuers/ca") == (404, missing)


def test_issuers_come_in_pages() -> None:
    desk = Desk()
    for number in range(30):
        desk.ask("PUT", f"/certificates/issuers/i{number:02}", {"provider": "Test"})
    _, page = desk.ask("GET", "/certificates/issuers")
    assert page["value"][0] == {"id": f"{BASE}/issuers/i00", "provider": "Test"}
    assert len(page["value"]) == 25
    link = page["nextLink"].removeprefix(f"https://{HOST}:443")
    _, rest = desk.ask("GET", link)
    assert ([item["id"][-3:] for item in rest["value"]], rest["nextLink"]) == (
        [f"i{number}" for number in range(25, 30)],
        None,
    )


def test_contacts_from_setting_to_deleting() -> None:
    desk = Desk()
    shown = {"id": f"{BASE}/contacts", "contacts": CONTACTS}
    assert desk.ask("PUT", "/certificates/contacts", {"contacts": CONTACTS}) == (200, shown)
    assert desk.ask("GET", "/certificates/contacts") == (200, shown)
    assert desk.ask("DELETE", "/certificates/contacts/") == (200, shown)
    missing = {"error": {"code": "ContactsNotFound", "message": "Contacts not found"}}
    assert desk.ask("GET", "/certificates/contacts") == (404, missing)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/certificates/issuers/ca", {}),
        ("PUT", "/certificates/issuers/c.a", ISSUER),
        ("PUT", "/certificates/issuers/ca", {**ISSUER, "attributes": {"enabled": 1}}),
        ("PUT", "/certificates/issuers/ca", {**ISSUER, "credentials": "x"}),
        ("PUT", "/certificates/contacts", {"contacts": []}),
        ("PUT", "/certificates/contacts", {"contacts": [{"name": "a"}]}),
        ("PUT", "/certificates/contacts", {}),
        ("POST", "/certificates/tls/import", {}),
        ("POST", "/certificates/tls/create", {"policy": 7}),
        ("PATCH", "/certificates/tls/pending", {"cancellation_requested": False}),
        ("POST", "/certificates/tls/pending/merge", {"x5c": "AAAA"}),
    ],
)
def test_bad_bodies_are_refused(method: str, path: str, body: Any) -> None:
    assert Desk().refusal(method, path, body) == (400, "BadParameter")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/certificates/contacts"),
        ("POST", "/certificates/issuers"),
        ("POST", "/certificates/issuers/ca"),
        ("GET", "/certificates/tls/pending/merge"),
        ("PUT", "/certificates/tls/pending"),
    ],
)
def test_wrong_methods(method: str, path: str) -> None:
    assert Desk().ask(method, path)[0] == 405


def test_a_creation_on_the_wire() -> None:
    desk = Desk(settings=VaultSettings(issuance_seconds=10))
    reply = desk.reply("POST", "/certificates/tls/create", {"policy": policy("Self"), "tags": {"a": "b"}})
    status, pending = desk.ask("GET", "/certificates/tls/pending")
    wanted = f"{BASE}/tls/pending?api-version=7.4&request_id={pending['request_id']}"
    assert (reply.response.status, reply.response.headers["Location"]) == (202, wanted)
    assert (reply.response.headers["Retry-After"], status) == ("10", 200)
    csr = pending.pop("csr")
    assert csr
    assert pending == {
        "id": f"{BASE}/tls/pending",
        "issuer": {"name": "Self"},
        "cancellation_requested": False,
        "status": "inProgress",
        "status_details": (
            "Pending certificate created. Certificate request is in progress. "
            "This may take some time based on the issuer provider. Please check again later."
        ),
        "request_id": pending["request_id"],
        "preserveCertOrder": False,
    }
    assert desk.ask("GET", f"/certificates/tls/pending?request_id={'0' * 32}")[0] == 404


def test_a_certificate_that_waits_names_neither_key_nor_secret() -> None:
    desk = Desk()
    desk.ask("POST", "/certificates/tls/create", {"policy": policy("Unknown")})
    _, waiting = desk.ask("GET", "/certificates/tls")
    assert set(waiting) == {"id", "attributes", "policy", "pending", "tags", "preserveCertOrder"}
    assert waiting["attributes"]["enabled"] is False
    assert desk.refusal("GET", "/secrets/tls") == (403, "SecretDisabled")
    assert desk.ask("GET", "/certificates")[1]["value"] == []
    _, listed = desk.ask("GET", "/certificates?includePending=true")
    assert [set(item) for item in listed["value"]] == [{"id", "attributes", "tags"}]


def test_what_a_list_was_asked_for_stays_a_value_in_its_link() -> None:
    desk = Desk(page_sizes=(0, 25))
    desk.ask("POST", "/certificates/tls/create", {"policy": policy("Self")})
    for asked, seen in (("true", {"true"}), ("x%26maxresults%3D0%23", {"x&maxresults=0#"})):
        link = desk.ask("GET", f"/certificates?includePending={asked}")[1]["nextLink"]
        query = parse_qs(urlsplit(link).query)
        assert set(query["includePending"]) == seen
        assert query["maxresults"] == ["25"]


def test_an_operation_that_ended_shows_target_or_error() -> None:
    desk = Desk()
    desk.ask("PUT", "/certificates/issuers/ca", {"provider": "Test", "attributes": {"enabled": False}})
    desk.ask("POST", "/certificates/good/create", {"policy": policy("Self")})
    desk.ask("POST", "/certificates/bad/create", {"policy": policy("ca")})
    _, good = desk.ask("GET", "/certificates/good/pending")
    _, bad = desk.ask("GET", "/certificates/bad/pending")
    assert (good["status"], good["target"]) == ("completed", f"{BASE}/good")
    assert "status_details" not in good
    assert (bad["status"], bad["error"]["code"]) == ("failed", "Certificate issuer error")


def test_cancelling_and_deleting_an_operation_show_it_once_more() -> None:
    desk = Desk(settings=VaultSettings(issuance_seconds=10))
    desk.ask("POST", "/certificates/tls/create", {"policy": policy("Self")})
    status, cancelled = desk.ask("PATCH", "/certificates/tls/pending", {"cancellation_requested": True})
    assert (status, cancelled["cancellation_requested"], cancelled["status"]) == (200, True, "inProgress")
    assert desk.ask("DELETE", "/certificates/tls/pending") == (200, cancelled)
    assert desk.refusal("DELETE", "/certificates/tls/pending") == (404, "PendingCertificateNotFound")
    assert "pending" not in desk.ask("GET", "/certificates/tls")[1]


def test_a_policy_on_the_wire() -> None:
    desk = Desk()
    desk.ask("POST", "/certificates/tls/create", {"policy": policy("Self")})
    change = {"x509_props": {"validity_months": 3}}
    _, patched = desk.ask("PATCH", "/certificates/tls/policy", change)
    assert (patched["id"], patched["x509_props"]["validity_months"]) == (f"{BASE}/tls/policy", 3)
    assert desk.ask("GET", "/certificates/tls/policy") == (200, patched)
    _, whole = desk.ask("PATCH", "/certificates/tls/", {"policy": {"x509_props": {"validity_months": 4}}})
    assert whole["policy"]["x509_props"]["validity_months"] == 4


def test_an_import_and_its_changes_on_the_wire() -> None:
    desk = Desk()
    chain = issue_chain(["a.test"], not_before=SECONDS, not_after=SECONDS + 86_400)
    body = {"value": render_pfx(chain.bundle(), password="geheim"), "pwd": "geheim", "tags": {"a": "b"}}
    status, made = desk.ask("POST", "/certificates/tls/import", body)
    assert (status, made["tags"], made["attributes"]["exp"]) == (200, {"a": "b"}, SECONDS + 86_400)
    assert "pending" not in made
    version = made["id"].rsplit("/", 1)[1]
    change = {"attributes": {"enabled": False, "exp": 1}, "tags": {}}
    status, changed = desk.ask("PATCH", f"/certificates/tls/{version}", change)
    assert (status, changed["tags"], changed["attributes"]["enabled"]) == (200, {}, False)
    assert changed["attributes"]["exp"] == SECONDS + 86_400, "the time window is the certificate's"
    assert desk.refusal("GET", "/secrets/tls") == (403, "SecretDisabled")


def test_a_merge_on_the_wire() -> None:
    desk = Desk()
    desk.ask("POST", "/certificates/tls/create", {"policy": policy("Unknown")})
    operation = desk.estate.vault("shop").certificates.get_pending("tls")
    leaf = answer(operation, issue_authorities(SECONDS - 600, 0)[0])
    reply = desk.reply("POST", "/certificates/tls/pending/merge", {"x5c": [encoded(leaf)]})
    assert reply.response.status == 201
    assert reply.response.headers["Location"] == f"{BASE}/tls?api-version=7.4"
    _, merged = desk.ask("GET", "/certificates/tls")
    assert merged["cer"] == encoded(leaf)
    assert {"kid", "sid", "x5t", "contentType"} <= set(merged)
