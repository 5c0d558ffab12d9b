"""Certificates of a simulated vault: created, imported, merged and renewed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vaultbind.keyvault.simulation import pending as operations
from vaultbind.keyvault.simulation.bundles import parse_answer, parse_upload
from vaultbind.keyvault.simulation.changes import NO_CHANGES, Changes, changed_attributes
from vaultbind.keyvault.simulation.importing import import_policy
from vaultbind.keyvault.simulation.issuance import Issuance, Order, order_of
from vaultbind.keyvault.simulation.limits import VersionIds, check_tags
from vaultbind.keyvault.simulation.pending import PendingOperation
from vaultbind.keyvault.simulation.policies import (
    PFX,
    SELF,
    UNKNOWN,
    Policy,
    complete_policy,
    merge_policy,
    policy_section,
    refuse,
)
from vaultbind.keyvault.simulation.policychecks import check_policy
from vaultbind.keyvault.simulation.problems import VaultProblem, bad_parameter
from vaultbind.keyvault.simulation.records import CertificateVersion, Kind, VaultSettings
from vaultbind.keyvault.simulation.rsapool import RsaSource, make_rsa
from vaultbind.keyvault.simulation.store import Deletion
from vaultbind.keyvault.simulation.trio import Trio


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What an import brings: PFX or PEM text and its password; `policy` as the request has it."""

    value: str
    password: str | None = None
    policy: Mapping[str, Any] | None = None
    preserve_order: bool = False


class SimulatedCertificates:
    """What the service does with certificates; `now` in epoch seconds; methods raise VaultProblem.

    What happens by itself (an issuer's answer, a renewal) happens in `settle`.
    """

    def __init__(
        self, trio: Trio, ids: VersionIds, settings: VaultSettings, rsa_keys: RsaSource = make_rsa
    ) -> None:
        """Work on the three stores of one vault; RSA keys come from `rsa_keys`."""
        self.store = trio.certificates
        self._trio = trio
        self._ids = ids
        self._issuance = Issuance(self._trio, ids, settings.issuance_seconds, rsa_keys)
        self.issuers = self._issuance.issuers
        self.pending = self._issuance.pending
        self.policies = self._issuance.policies

    def create(
        self,
        name: str,
        policy: Mapping[str, Any],
        *,
        now: int,
        changes: Changes = NO_CHANGES,
        preserve_order: bool = False,
    ) -> PendingOperation:
        """Ask the policy's issuer for a certificate; returns the operation as it begins, in progress."""
        self._claim(name, now, changes)
        complete = complete_policy(policy or self.policies.get(name.lower(), {}), now)
        check_policy(complete)
        self._check_issuer(complete)
        order = Order(name=name, policy=complete, changes=changes, preserve_order=preserve_order)
        operation = self._issuance.begin(order, now)
        self.settle(now)
        return operation

    def import_certificate(
        self, name: str, upload: Upload, *, now: int, changes: Changes = NO_CHANGES
    ) -> CertificateVersion:
        """Take a certificate with its key from PFX or PEM."""
        self._claim(name, now, changes)
        asked = upload.policy or {}
        content_type = policy_section(asked, "secret_props").get("contentType") or PFX
        bundle = parse_upload(upload.value, upload.password, content_type)
        policy = complete_policy(import_policy(bundle, asked), now)
        check_policy(policy)
        self.pending.pop(name.lower(), None)
        self.policies[name.lower()] = policy
        order = Order(name=name, policy=policy, changes=changes, preserve_order=upload.preserve_order)
        return self._issuance.write(self._ids.take(), bundle, order, now)

    def merge(
        self, name: str, answer: list[str], *, now: int, changes: Changes = NO_CHANGES
    ) -> CertificateVersion:
        """Complete a creation by certificates that somebody else signed, in base64."""
        check_tags(Kind.CERTIFICATES, changes.tags)
        operation = self.get_pending(name)
        operations.check_mergeable(operation)
        bundle = parse_answer(answer, operation.key)
        tags = operation.changes.tags if changes.tags is None else changes.tags
        enabled = operation.changes.enabled if changes.enabled is None else changes.enabled
        order = replace(order_of(operation), changes=Changes(enabled=enabled, tags=tags))
        self.pending[name.lower()] = operations.complete(operation)
        return self._issuance.write(operation.version, bundle, order, now)

    def get(self, name: str, version: str = "") -> CertificateVersion:
        """Read a version, disabled or expired as it may be."""
        return self.store.get(name, version)

    def get_policy(self, name: str) -> Policy:
        """Policy of a live certificate."""
        self.store.get(name)
        return self.policies[name.lower()]

    def policy_of(self, name: str) -> Policy:
        """Policy of a live or deleted certificate."""
        return self.policies[name.lower()]

    def update_policy(self, name: str, changes: Mapping[str, Any], *, now: int) -> Policy:
        """Change the policy of a certificate; versions that exist stay as they are."""
        policy = merge_policy(self.get_policy(name), changes, now)
        check_policy(policy)
        self.policies[name.lower()] = policy
        return policy

    def find_pending(self, name: str) -> PendingOperation | None:
        """The last creation of a live or deleted certificate, None when there is none."""
        return self.pending.get(name.lower())

    def get_pending(self, name: str, request_id: str = "") -> PendingOperation:
        """Read the last creation; with `request_id` only that one."""
        operation = self.pending.get(name.lower())
        if operation is None or name not in self.store or request_id not in {"", operation.request_id}:
            raise VaultProblem(404, "PendingCertificateNotFound", f"Pending certificate not found: {name}")
        return operation

    def cancel_pending(self, name: str) -> PendingOperation:
        """Ask the issuer to cancel; it does when its answer would be due."""
        operation = operations.request_cancellation(self.get_pending(name))
        self.pending[name.lower()] = operation
        return operation

    def delete_pending(self, name: str) -> PendingOperation:
        """Forget the last creation; one that is in progress ends."""
        operation = self.get_pending(name)
        del self.pending[name.lower()]
        return operation

    def update(self, name: str, version: str = "", *, now: int, changes: Changes) -> CertificateVersion:
        """Change attributes and tags of a version; its key and secret follow."""
        check_tags(Kind.CERTIFICATES, changes.tags)
        record = self.store.get(name, version)
        if changes.enabled and not record.is_issued:
            raise bad_parameter("A certificate that is not issued yet can not be enabled.")
        allowed = Changes(enabled=changes.enabled, tags=changes.tags)
        attributes = changed_attributes(record.attributes, allowed, now)
        return self._trio.change(
            record, attributes, record.tags if changes.tags is None else dict(changes.tags)
        )

    def delete(self, name: str, *, now: int) -> Deletion[CertificateVersion]:
        """Delete softly, with key and secret; nothing is issued or renewed until it is recovered."""
        return self._trio.delete(name, now)

    def recover(self, name: str, *, now: int) -> CertificateVersion:
        """Bring a deleted certificate back, with key and secret."""
        return self._trio.recover(name, now)

    def purge(self, name: str, *, now: int) -> None:
        """Forget a deleted certificate, its key and its secret."""
        self._trio.purge(name, now)

    def settle(self, now: int) -> None:
        """Do what is due by now: issuers' answers and renewals, each at its own moment."""
        self._issuance.settle(now)

    def _claim(self, name: str, now: int, changes: Changes) -> None:
        self._trio.claim(name, now, changes)
        operations.check_startable(self.pending.get(name.lower()))

    def _check_issuer(self, policy: Policy) -> None:
        """Raise VaultProblem (BadParameter) for an issuer that nobody has set."""
        name = policy["issuer"]["name"]
        if name.lower() not in {SELF.lower(), UNKNOWN.lower()} and self.issuers.find(name) is None:
            raise refuse("issuer.name")
