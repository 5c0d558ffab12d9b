"""Whatever happens to certificates, in whatever order: certificate, key and secret stay one thing."""

import base64
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs12
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.keyvault.simulation.test_pending import answer, encoded
from vaultbind.keyvault.simulation import Kind, SimulatedVault, VaultProblem, VaultSettings
from vaultbind.keyvault.simulation.bundles import render_pfx
from vaultbind.keyvault.simulation.certificates import Upload
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.issuers import IssuerChange
from vaultbind.keyvault.simulation.issuing import issue_authorities, issue_chain
from vaultbind.keyvault.simulation.pending import Status
from vaultbind.keyvault.simulation.records import CertificateVersion
from vaultbind.keyvault.simulation.state import load_vault, parse_vault, render_vault

NOW = 1_800_000_000
DAY = 86_400
NAMES = st.sampled_from(["tls", "web"])
OUTSIDE = issue_authorities(NOW - DAY, 0)[0]
UPLOAD = render_pfx(issue_chain(["up.test"], not_before=NOW, not_after=NOW + 90 * DAY).bundle())
ACTIONS = st.sampled_from(
    [
        [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}],
        [{"trigger": {"days_before_expiry": 20}, "action": {"action_type": "AutoRenew"}}],
        [{"trigger": {"lifetime_percentage": 50}, "action": {"action_type": "EmailContacts"}}],
    ]
)


def policy(issuer: str, actions: list[Any], *, reuse: bool, exportable: bool) -> dict[str, Any]:
    return {
        "key_props": {"kty": "EC", "crv": "P-256", "reuse_key": reuse, "exportable": exportable},
        "x509_props": {"subject": "CN=a.test", "validity_months": 3},
        "issuer": {"name": issuer},
        "lifetime_actions": actions if issuer != "Unknown" else None,
    }


def held(vault: SimulatedVault) -> Any:
    """What a vault holds; equal means: the very same records."""
    stores = {
        kind: {
            name: (dict(found[0].versions), found[1] is None)
            for name in vault.store(kind).held()
            if (found := vault.store(kind).find(name))
        }
        for kind in Kind
    }
    return stores, {name: dict(table) for name, table in vault.tables.items()}


def public_bytes(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


class Certificates(RuleBasedStateMachine):
    """Requests in any order; a refusal is one of the service's and changes nothing."""

    @initialize(seconds=st.sampled_from([0, 10]))
    def begin(self, seconds: int) -> None:
        self.now = NOW
        self.vault = SimulatedVault("shop", VaultSettings(issuance_seconds=seconds, retention_days=90))
        self.vault.certificates.issuers.set("ca", IssuerChange(provider="Test"), NOW)

    def attempt(self, act: Any) -> Any:
        before = held(self.vault)
        try:
            return act()
        except VaultProblem as problem:
            status = problem.status
        assert 400 <= status < 500
        assert held(self.vault) == before, "a refusal changes nothing"
        return None

    @rule(
        name=NAMES,
        issuer=st.sampled_from(["Self", "ca", "Unknown", "nobody"]),
        actions=ACTIONS,
        reuse=st.booleans(),
        exportable=st.booleans(),
    )
    def create(self, name: str, issuer: str, actions: list[Any], reuse: bool, exportable: bool) -> None:
        operation = self.vault.certificates.find_pending(name)
        is_blocked = operation is not None and operation.is_open and name in self.vault.certificates.store
        wanted = policy(issuer, actions, reuse=reuse, exportable=exportable)
        made = self.attempt(lambda: self.vault.certificates.create(name, wanted, now=self.now))
        assert made is None or (made.is_open and not is_blocked and issuer != "nobody")

    @rule(name=NAMES)
    def import_one(self, name: str) -> None:
        certificates = self.vault.certificates
        self.attempt(lambda: certificates.import_certificate(name, Upload(value=UPLOAD), now=self.now))

    @rule(name=NAMES, right=st.booleans())
    def merge(self, name: str, right: bool) -> None:
        operation = self.vault.certificates.find_pending(name)
        if operation is None:
            return
        key = None if right else ec.generate_private_key(ec.SECP256R1())
        leaf = answer(operation, OUTSIDE, key)
        merged = self.attempt(lambda: self.vault.certificates.merge(name, [encoded(leaf)], now=self.now))
        assert merged is None or right

    @rule(name=NAMES)
    def cancel(self, name: str) -> None:
        self.attempt(lambda: self.vault.certificates.cancel_pending(name))

    @rule(name=NAMES)
    def forget_operation(self, name: str) -> None:
        self.attempt(lambda: self.vault.certificates.delete_pending(name))

    @rule(name=NAMES, enabled=st.booleans())
    def switch(self, name: str, enabled: bool) -> None:
        changes = Changes(enabled=enabled, tags={"on": str(enabled)})
        self.attempt(lambda: self.vault.certificates.update(name, now=self.now, changes=changes))

    @rule(name=NAMES, actions=ACTIONS)
    def change_policy(self, name: str, actions: list[Any]) -> None:
        change = {"lifetime_actions": actions}
        self.attempt(lambda: self.vault.certificates.update_policy(name, change, now=self.now))

    @rule(enabled=st.booleans())
    def switch_issuer(self, enabled: bool) -> None:
        self.vault.certificates.issuers.update("ca", IssuerChange(enabled=enabled), self.now)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self.attempt(lambda: self.vault.certificates.delete(name, now=self.now))

    @rule(name=NAMES)
    def recover(self, name: str) -> None:
        self.attempt(lambda: self.vault.recover(Kind.CERTIFICATES, name, now=self.now))

    @rule(name=NAMES)
    def purge(self, name: str) -> None:
        self.attempt(lambda: self.vault.purge(Kind.CERTIFICATES, name, now=self.now))

    @rule(seconds=st.sampled_from([1, 10, 30 * DAY, 200 * DAY]))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.vault.advance(now=self.now)

    @rule()
    def restart(self) -> None:
        """What a vault is made of survives the way through JSON; nothing else is needed to go on."""
        document = orjson.loads(orjson.dumps(render_vault(self.vault)))
        again = SimulatedVault("shop", self.vault.settings)
        load_vault(again, parse_vault(document, "vault"))
        assert render_vault(again) == document
        self.vault = again

    @invariant()
    def the_three_are_one(self) -> None:
        names = [set(self.vault.store(kind).names()) for kind in Kind]
        assert names[0] == names[1] == names[2]
        for name in names[0]:
            self.check_name(name)

    def check_name(self, name: str) -> None:
        versions = self.vault.versions(Kind.CERTIFICATES, name)
        assert name in self.vault.certificates.policies
        for record in versions:
            assert isinstance(record, CertificateVersion)
            key = self.vault.keys.get(name, record.version)
            secret = self.vault.secrets.store.get(name, record.version)
            assert key.managed
            assert secret.managed
            assert record.attributes == key.attributes == secret.attributes
            assert record.tags == key.tags == secret.tags
            if record.is_issued:
                self.check_issued(record, secret.value)
            else:
                assert (record.attributes.enabled, secret.value) == (False, "")
        assert len(self.vault.versions(Kind.KEYS, name)) == len(versions)
        assert len(self.vault.versions(Kind.SECRETS, name)) == len(versions)

    def check_issued(self, record: CertificateVersion, value: str) -> None:
        certificate = x509.load_der_x509_certificate(record.der)
        material = self.vault.keys.get(record.name, record.version).material
        assert not isinstance(material, bytes)
        assert public_bytes(certificate.public_key()) == public_bytes(material.public_key())
        assert record.attributes.expires == int(certificate.not_valid_after_utc.timestamp())
        key, leaf, _ = pkcs12.load_key_and_certificates(base64.b64decode(value), None)
        if leaf is not None:
            assert leaf == certificate
        if key is not None:
            assert public_bytes(key.public_key()) == public_bytes(material.public_key())

    @invariant()
    def an_operation_says_what_became_of_it(self) -> None:
        for name, operation in self.vault.certificates.pending.items():
            if name not in self.vault.certificates.store:
                continue
            ids = {record.version for record in self.vault.versions(Kind.CERTIFICATES, name)}
            if operation.status is Status.COMPLETED:
                assert operation.version in ids
                assert self.vault.certificates.get(name, operation.version).is_issued
            if operation.is_open and operation.due is not None:
                assert operation.due >= self.now or operation.due > operation.started - 1
            assert (operation.error is not None) == (operation.status in {Status.FAILED, Status.CANCELLED})


Certificates.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestCertificates = Certificates.TestCase
