"""Creations of certificates: what they become, what they refuse meanwhile, and who answers them."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from vaultbind.keyvault.simulation import Kind, SimulatedVault, VaultProblem, VaultSettings
from vaultbind.keyvault.simulation.bundles import render_pfx
from vaultbind.keyvault.simulation.certificates import Upload
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.issuers import IssuerChange
from vaultbind.keyvault.simulation.issuing import issue_authorities, issue_chain
from vaultbind.keyvault.simulation.pending import PendingOperation
from vaultbind.keyvault.simulation.signing import Authority, certificate_builder, sign

NOW = 1_800_000_000
SLOW = VaultSettings(issuance_seconds=10)
Act = Callable[[SimulatedVault], object]


def policy(issuer: str = "Self", **sections: Any) -> dict[str, Any]:
    return {
        "key_props": {"kty": "EC", "crv": "P-256"},
        "x509_props": {"subject": "CN=a.test"},
        "issuer": {"name": issuer},
        **sections,
    }


def ordered(issuer: str = "Self", settings: VaultSettings = SLOW) -> SimulatedVault:
    """A vault in which a first certificate was just asked for; the issuer `ca` is known."""
    vault = SimulatedVault("shop", settings)
    vault.certificates.issuers.set("ca", IssuerChange(provider="Test"), NOW)
    vault.certificates.create("tls", policy(issuer), now=NOW)
    return vault


def state(vault: SimulatedVault) -> tuple[str, bool, bool]:
    """Status of the operation, and whether the certificate is there and on."""
    record = vault.certificates.get("tls")
    return vault.certificates.get_pending("tls").status, record.is_issued, record.attributes.enabled


def refusal(act: Act, vault: SimulatedVault) -> tuple[int, str]:
    with pytest.raises(VaultProblem) as caught:
        act(vault)
    return caught.value.status, caught.value.message


def answer(operation: PendingOperation, by: Authority, key: Any = None) -> x509.Certificate:
    """What an outside CA makes of the request."""
    request = x509.load_der_x509_csr(operation.csr)
    builder = certificate_builder(
        request.subject, by.certificate.subject, key or operation.key, NOW, NOW + 86_400 * 90
    )
    return sign(builder, by.key, by.certificate)


def encoded(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


@pytest.fixture(scope="module")
def outside() -> Authority:
    return issue_authorities(NOW - 600, 0)[0]


def test_an_issuer_takes_its_time_and_then_the_version_is_there() -> None:
    vault = ordered()
    waiting = vault.certificates.get("tls")
    assert state(vault) == ("inProgress", False, False)
    vault.advance(now=NOW + 9)
    assert state(vault) == ("inProgress", False, False)
    vault.advance(now=NOW + 10)
    assert state(vault) == ("completed", True, True)
    assert vault.certificates.get("tls").version == waiting.version


def test_while_it_waits_its_secret_is_off_and_its_key_does_nothing() -> None:
    vault = ordered()
    assert refusal(lambda v: v.secrets.get("tls"), vault)[0] == 403
    assert vault.keys.get("tls").attributes.enabled is False
    assert vault.keys.get("tls").managed


def test_a_second_creation_leaves_the_version_in_use_alone_until_it_ends() -> None:
    vault = ordered()
    vault.advance(now=NOW + 10)
    first = vault.certificates.get("tls")
    vault.certificates.create("tls", policy(), now=NOW + 20)
    vault.advance(now=NOW + 29)
    assert vault.certificates.get("tls") == first
    vault.advance(now=NOW + 30)
    assert vault.certificates.get("tls").version != first.version
    assert len(vault.versions(Kind.CERTIFICATES, "tls")) == 2


@pytest.mark.parametrize("issuer", ["Self", "Unknown"])
@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda v: v.certificates.create("tls", policy(), now=NOW), id="create"),
        pytest.param(
            lambda v: v.certificates.import_certificate("tls", Upload(value="x"), now=NOW), id="import"
        ),
    ],
)
def test_nothing_new_while_one_is_in_progress(issuer: str, act: Act) -> None:
    status, message = refusal(act, ordered(issuer))
    assert (status, "pending key vault certificate's status is inProgress" in message) == (409, True)


def test_a_cancellation_is_heard_when_the_issuer_would_answer() -> None:
    vault = ordered()
    assert vault.certificates.cancel_pending("tls").cancellation_requested
    assert state(vault) == ("inProgress", False, False)
    vault.advance(now=NOW + 10)
    assert state(vault) == ("cancelled", False, False)
    vault.certificates.create("tls", policy(), now=NOW + 11)
    vault.advance(now=NOW + 21)
    assert state(vault) == ("completed", True, True)


@pytest.mark.parametrize(
    ("vault", "status"),
    [
        pytest.param(lambda: ordered("Unknown"), 403, id="of issuer Unknown"),
        pytest.param(lambda: ordered("Self", VaultSettings()), 403, id="completed"),
        pytest.param(lambda: SimulatedVault("empty"), 404, id="of nothing"),
    ],
)
def test_what_can_not_be_cancelled(vault: Callable[[], SimulatedVault], status: int) -> None:
    assert refusal(lambda v: v.certificates.cancel_pending("tls"), vault())[0] == status


def test_a_deleted_operation_never_ends_and_makes_room() -> None:
    vault = ordered()
    vault.certificates.delete_pending("tls")
    vault.advance(now=NOW + 100)
    assert not vault.certificates.get("tls").is_issued
    assert refusal(lambda v: v.certificates.get_pending("tls"), vault) == (
        404,
        "Pending certificate not found: tls",
    )
    vault.certificates.create("tls", policy(), now=NOW + 100)


def test_a_request_id_asks_for_that_creation_only() -> None:
    vault = ordered()
    wanted = vault.certificates.get_pending("tls").request_id
    assert vault.certificates.get_pending("tls", wanted).request_id == wanted
    assert refusal(lambda v: v.certificates.get_pending("tls", "0" * 32), vault)[0] == 404


def test_the_answer_of_an_outside_ca_is_merged(outside: Authority) -> None:
    vault = ordered("Unknown")
    vault.advance(now=NOW + 10_000_000)
    assert state(vault) == ("inProgress", False, False)
    leaf = answer(vault.certificates.get_pending("tls"), outside)
    changes = Changes(tags={"by": "hand"})
    record = vault.certificates.merge(
        "tls", [encoded(outside.certificate), encoded(leaf)], now=NOW + 50, changes=changes
    )
    assert state(vault) == ("completed", True, True)
    assert (record.der, record.tags) == (leaf.public_bytes(Encoding.DER), {"by": "hand"})
    assert record.attributes.expires == int(leaf.not_valid_after_utc.timestamp())
    key, first, others = pkcs12.load_key_and_certificates(
        base64.b64decode(vault.secrets.get("tls").value), None
    )
    assert (first, others) == (leaf, [outside.certificate])
    assert key is not None


@pytest.mark.parametrize(
    ("asked", "merged", "expected"),
    [(False, None, False), (False, True, True), (None, False, False), (None, None, True)],
)
def test_a_merge_has_the_last_word_about_attributes(
    outside: Authority,
    asked: bool | None,
    merged: bool | None,
    expected: bool,
) -> None:
    vault = SimulatedVault("shop")
    first = Changes(enabled=asked, tags={"a": "b"})
    operation = vault.certificates.create("tls", policy("Unknown"), now=NOW, changes=first)
    record = vault.certificates.merge(
        "tls", [encoded(answer(operation, outside))], now=NOW, changes=Changes(enabled=merged)
    )
    assert (record.attributes.enabled, record.tags) == (expected, {"a": "b"})


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(encoded, id="base64 of DER"),
        pytest.param(lambda c: base64.b64encode(encoded(c).encode()).decode(), id="base64 of base64"),
        pytest.param(lambda c: base64.b64encode(c.public_bytes(Encoding.PEM)).decode(), id="base64 of PEM"),
        pytest.param(
            lambda c: base64.urlsafe_b64encode(c.public_bytes(Encoding.DER)).decode().rstrip("="),
            id="base64url without padding",
        ),
    ],
)
def test_an_answer_may_be_encoded_as_clients_do(
    outside: Authority, write: Callable[[x509.Certificate], str]
) -> None:
    vault = ordered("Unknown")
    leaf = answer(vault.certificates.get_pending("tls"), outside)
    assert vault.certificates.merge("tls", [write(leaf)], now=NOW).is_issued


@pytest.mark.parametrize(
    ("items", "words"),
    [
        pytest.param([], "at least one valid item", id="nothing"),
        pytest.param(["%%%"], "at least one valid item", id="no base64"),
        pytest.param([base64.b64encode(b"hello").decode()], "Unable to parse", id="no certificate"),
        pytest.param(
            [base64.b64encode(b"0hello").decode()], "Unable to parse", id="starts like a certificate"
        ),
        pytest.param(
            [base64.b64encode(b"-----BEGIN PKCS7-----\nAAAA").decode()], "Unable to parse", id="damaged PEM"
        ),
    ],
)
def test_what_is_no_answer(items: list[str], words: str) -> None:
    vault = ordered("Unknown")
    status, message = refusal(lambda v: v.certificates.merge("tls", items, now=NOW), vault)
    assert (status, words in message) == (400, True)
    assert state(vault) == ("inProgress", False, False)


def test_an_answer_for_another_key_is_refused(outside: Authority) -> None:
    vault = ordered("Unknown")
    other = ec.generate_private_key(ec.SECP256R1())
    leaf = answer(vault.certificates.get_pending("tls"), outside, other)
    status, message = refusal(lambda v: v.certificates.merge("tls", [encoded(leaf)], now=NOW), vault)
    assert (status, "does not match the public part" in message) == (400, True)


@pytest.mark.parametrize(
    ("vault", "words"),
    [
        pytest.param(lambda: ordered("ca"), "created with issuer : ca", id="an issuer works on it"),
        pytest.param(lambda: ordered("Self", VaultSettings()), "completed", id="it is completed"),
    ],
)
def test_when_a_merge_is_forbidden(vault: Callable[[], SimulatedVault], words: str) -> None:
    status, message = refusal(lambda v: v.certificates.merge("tls", ["AA=="], now=NOW), vault())
    assert (status, words in message) == (403, True)


def test_an_issuer_of_the_vault_signs_with_the_test_ca() -> None:
    vault = ordered("ca", VaultSettings())
    leaf = x509.load_der_x509_certificate(vault.certificates.get("tls").der)
    _, first, others = pkcs12.load_key_and_certificates(
        base64.b64decode(vault.secrets.get("tls").value), None
    )
    intermediate, root = others
    assert first == leaf
    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)


def test_a_disabled_issuer_fails_and_its_failure_can_be_mended_by_a_merge(outside: Authority) -> None:
    vault = ordered("ca")
    vault.certificates.issuers.update("ca", IssuerChange(enabled=False), NOW)
    vault.advance(now=NOW + 10)
    operation = vault.certificates.get_pending("tls")
    assert operation.error == {
        "code": "Certificate issuer error",
        "message": "The issuer ca is disabled.",
    }
    assert state(vault) == ("failed", False, False)
    vault.certificates.merge("tls", [encoded(answer(operation, outside))], now=NOW + 20)
    assert state(vault) == ("completed", True, True)


def test_an_issuer_that_nobody_set_is_refused() -> None:
    vault = SimulatedVault("shop")
    status, message = refusal(lambda v: v.certificates.create("tls", policy("nobody"), now=NOW), vault)
    assert (status, "issuer.name" in message) == (400, True)


def test_an_import_takes_the_place_of_an_ended_operation() -> None:
    vault = ordered("Self", VaultSettings())
    chain = issue_chain(["a.test"], not_before=NOW, not_after=NOW + 100)
    vault.certificates.import_certificate("tls", Upload(value=render_pfx(chain.bundle())), now=NOW)
    assert vault.certificates.find_pending("tls") is None


def test_deletion_stops_the_clock_and_recovery_starts_it_again() -> None:
    vault = ordered()
    vault.certificates.delete("tls", now=NOW + 1)
    vault.advance(now=NOW + 50)
    assert vault.certificates.find_pending("tls") is not None
    vault.certificates.recover("tls", now=NOW + 60)
    assert not vault.certificates.get("tls").is_issued
    vault.advance(now=NOW + 60)
    assert vault.certificates.get("tls").is_issued


def test_a_name_that_was_purged_by_time_is_free_again() -> None:
    vault = ordered()
    vault.certificates.delete("tls", now=NOW + 1)
    later = NOW + 91 * 86_400
    vault.certificates.create("tls", policy("Unknown"), now=later)
    assert vault.certificates.get_pending("tls").issuer == "Unknown"


def test_what_is_not_issued_is_listed_on_demand_only() -> None:
    vault = ordered()
    vault.certificates.create("a-second", policy(), now=NOW - 10)
    vault.advance(now=NOW)
    shown, more = vault.page(Kind.CERTIFICATES, "", 25, pending=False)
    assert ([record.name for record in shown], more) == (["a-second"], False)
    assert len(vault.page(Kind.CERTIFICATES, "", 25, pending=True)[0]) == 2
    vault.certificates.delete("tls", now=NOW)
    assert vault.deleted_page(Kind.CERTIFICATES, "", 25, now=NOW, pending=False)[0] == []
    assert len(vault.deleted_page(Kind.CERTIFICATES, "", 25, now=NOW)[0]) == 1


def test_a_version_that_waits_can_not_be_switched_on() -> None:
    vault = ordered()
    act: Act = lambda v: v.certificates.update("tls", now=NOW, changes=Changes(enabled=True))  # noqa: E731 - one line
    assert refusal(act, vault)[0] == 400


def test_a_certificate_may_be_asked_for_switched_off() -> None:
    vault = SimulatedVault("shop")
    vault.certificates.create("tls", policy(), now=NOW, changes=Changes(enabled=False, tags={"a": "b"}))
    record = vault.certificates.get("tls")
    assert (record.is_issued, record.attributes.enabled, record.tags) == (True, False, {"a": "b"})


@pytest.mark.parametrize("issuer", [{}, {"issuer": {"name": "Self"}}], ids=["no issuer", "Self"])
def test_a_platform_managed_certificate_is_echoed_and_never_comes(issuer: dict[str, Any]) -> None:
    vault = SimulatedVault("shop")
    usage = {"certificateUsage": "PublicTLSServerAuth"}
    vault.certificates.create("tls", {"platformManaged": usage, **issuer}, now=NOW)
    vault.advance(now=NOW + 10_000_000)
    assert state(vault) == ("inProgress", False, False)
    assert vault.certificates.get_policy("tls")["platformManaged"] == usage
