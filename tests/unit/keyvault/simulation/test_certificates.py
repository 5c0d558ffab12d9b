"""Certificates: what comes in, what the managed secret and key show, and that the three move together."""

import base64
import hashlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from vaultbind.keyvault.simulation import Kind, SimulatedVault, VaultProblem
from vaultbind.keyvault.simulation.bundles import render_pem, render_pfx
from vaultbind.keyvault.simulation.certificates import Upload
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.issuing import Chain, issue_chain
from vaultbind.keyvault.simulation.policies import PEM, PFX

Call = Callable[[SimulatedVault], object]
NOW = 1_800_000_000
EC_POLICY = {
    "key_props": {"kty": "EC", "crv": "P-256"},
    "x509_props": {"subject": "CN=a.test"},
    "issuer": {"name": "Self"},
}
AS_PEM = {"secret_props": {"contentType": PEM}}


@pytest.fixture(scope="module")
def chain() -> Chain:
    return issue_chain(["a.test", "127.0.0.1"], not_before=NOW - 600, not_after=NOW + 86_400)


def spki(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def imported(value: str, **options: Any) -> SimulatedVault:
    vault = SimulatedVault("shop")
    vault.certificates.import_certificate("tls", Upload(value=value, **options), now=NOW)
    return vault


def test_the_chain_of_the_test_ca_verifies_up_to_its_root(chain: Chain) -> None:
    certificates = [chain.leaf, *chain.intermediates, chain.root, chain.root]
    for lower, upper in pairwise(certificates):
        lower.verify_directly_issued_by(upper)
    assert len(chain.intermediates) == 1
    names = chain.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.test"]


def test_an_imported_pem_comes_back_as_pem_key_first_in_the_order_of_the_upload(chain: Chain) -> None:
    secret = imported(render_pem(chain.bundle(content_type=PEM)), policy=AS_PEM).secrets.get("tls")
    assert secret.content_type == PEM
    assert secret.managed
    assert secret.value.startswith("-----BEGIN PRIVATE KEY-----")
    found = x509.load_pem_x509_certificates(secret.value.encode())
    assert found == [chain.leaf, *chain.intermediates]
    assert spki(load_pem_private_key(secret.value.encode(), None).public_key()) == spki(
        chain.leaf.public_key()
    )


@pytest.mark.parametrize("password", ["", "geheim"], ids=["no password", "with password"])
def test_an_imported_pfx_comes_back_without_password(chain: Chain, password: str) -> None:
    value = render_pfx(chain.bundle(with_root=True), password=password)
    secret = imported(value, password=password or None).secrets.get("tls")
    assert secret.content_type == PFX
    key, leaf, others = pkcs12.load_key_and_certificates(base64.b64decode(secret.value), None)
    assert leaf == chain.leaf
    assert set(others) == {*chain.intermediates, chain.root}
    assert key is not None
    assert spki(key.public_key()) == spki(chain.leaf.public_key())


def test_the_certificate_shows_what_the_leaf_says(chain: Chain) -> None:
    record = imported(render_pem(chain.bundle(content_type=PEM)), policy=AS_PEM).certificates.get("tls")
    assert record.der == chain.leaf.public_bytes(Encoding.DER)
    assert record.thumbprint == hashlib.sha1(record.der).digest()
    assert (record.attributes.not_before, record.attributes.expires) == (NOW - 600, NOW + 86_400)


def test_certificate_key_and_secret_share_the_version() -> None:
    vault = SimulatedVault("shop")
    vault.certificates.create("tls", EC_POLICY, now=NOW)
    versions = {v.get("tls").version for v in (vault.certificates, vault.keys, vault.secrets)}
    assert len(versions) == 1
    assert vault.keys.get("tls").managed


def test_a_created_certificate_is_self_signed_for_its_policy() -> None:
    vault = SimulatedVault("shop")
    policy = {**EC_POLICY, "x509_props": {"subject": "CN=b.test,O=Shop", "sans": {"dns_names": ["b.test"]}}}
    pending = vault.certificates.create("tls", policy, now=NOW)
    leaf = x509.load_der_x509_certificate(vault.certificates.get("tls").der)
    leaf.verify_directly_issued_by(leaf)
    assert pending.status == "inProgress"
    assert vault.certificates.get_pending("tls").status == "completed"
    assert leaf.subject.rfc4514_string() == "CN=b.test,O=Shop"
    assert x509.load_der_x509_csr(pending.csr).is_signature_valid
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)


def test_a_key_that_is_not_exportable_stays_out_of_the_secret(chain: Chain) -> None:
    policy = {"key_props": {"exportable": False}, **AS_PEM}
    vault = imported(render_pem(chain.bundle(content_type=PEM)), policy=policy)
    assert "PRIVATE KEY" not in vault.secrets.get("tls").value


def test_disabling_the_certificate_disables_its_secret_but_it_stays_readable() -> None:
    vault = SimulatedVault("shop")
    vault.certificates.create("tls", EC_POLICY, now=NOW)
    vault.certificates.update("tls", now=NOW + 1, changes=Changes(enabled=False))
    assert vault.certificates.get("tls").attributes.enabled is False
    with pytest.raises(VaultProblem, match="SecretDisabled"):
        vault.secrets.get("tls")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda v: v.secrets.set("tls", "x", now=NOW), id="set its secret"),
        pytest.param(
            lambda v: v.secrets.update("tls", now=NOW, changes=Changes(enabled=True)), id="update it"
        ),
        pytest.param(lambda v: v.secrets.delete("tls", now=NOW), id="delete its secret"),
        pytest.param(lambda v: v.keys.create("tls", now=NOW, key_type="EC"), id="new version of its key"),
        pytest.param(lambda v: v.keys.delete("tls", now=NOW), id="delete its key"),
    ],
)
def test_what_belongs_to_a_certificate_cannot_be_changed_by_itself(
    call: Call,
) -> None:
    vault = SimulatedVault("shop")
    vault.certificates.create("tls", EC_POLICY, now=NOW)
    with pytest.raises(VaultProblem, match="ManagedByKeyVault"):
        call(vault)


def test_deletion_recovery_and_purge_take_key_and_secret_along() -> None:
    vault = SimulatedVault("shop")
    vault.certificates.create("tls", EC_POLICY, now=NOW)
    vault.certificates.delete("tls", now=NOW)
    assert not any("tls" in one.store for one in (vault.certificates, vault.keys, vault.secrets))
    vault.recover(Kind.CERTIFICATES, "tls", now=NOW)
    assert all("tls" in one.store for one in (vault.certificates, vault.keys, vault.secrets))
    vault.certificates.delete("tls", now=NOW)
    with pytest.raises(VaultProblem, match="SecretManagedByKeyVault"):
        vault.purge(Kind.SECRETS, "tls", now=NOW)
    vault.purge(Kind.CERTIFICATES, "tls", now=NOW)
    assert vault.secrets.set("tls", "free again", now=NOW).value == "free again"


def test_a_name_of_a_plain_secret_or_key_is_refused() -> None:
    vault = SimulatedVault("shop")
    vault.secrets.set("one", "x", now=NOW)
    vault.keys.create("two", now=NOW, key_type="EC")
    for name in ("one", "two"):
        with pytest.raises(VaultProblem, match="409"):
            vault.certificates.create(name, EC_POLICY, now=NOW)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("nonsense!", id="neither PFX nor PEM"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", id="broken PEM"),
        pytest.param(base64.b64encode(b"no pfx").decode(), id="broken PFX"),
    ],
)
def test_an_unreadable_upload_is_refused_without_quoting_it(value: str) -> None:
    with pytest.raises(VaultProblem, match="BadParameter") as caught:
        imported(value)
    assert value not in str(caught.value)


def test_pem_in_base64_is_read_as_well(chain: Chain) -> None:
    pem = render_pem(chain.bundle(content_type=PEM))
    assert imported(base64.b64encode(pem.encode()).decode(), policy=AS_PEM).secrets.get("tls").value == pem


def test_a_key_of_another_certificate_is_refused(chain: Chain) -> None:
    other = issue_chain(["b.test"], not_before=NOW, not_after=NOW + 10)
    pem = render_pem(other.bundle(content_type=PEM))
    foreign = pem.split("-----END PRIVATE KEY-----\n")[0] + "-----END PRIVATE KEY-----\n"
    with pytest.raises(VaultProblem, match="does not match"):
        imported(foreign + chain.leaf.public_bytes(Encoding.PEM).decode(), policy=AS_PEM)


def test_policy_changes_are_merged_and_leave_the_rest() -> None:
    vault = SimulatedVault("shop")
    vault.certificates.create("tls", EC_POLICY, now=NOW)
    policy = vault.certificates.update_policy("tls", {"x509_props": {"validity_months": 3}}, now=NOW + 5)
    assert policy["x509_props"]["validity_months"] == 3
    assert policy["x509_props"]["subject"] == "CN=a.test"
    assert policy["attributes"] == {"enabled": True, "created": NOW, "updated": NOW + 5}
