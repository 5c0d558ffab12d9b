"""Certificates of a simulated vault, each with a managed key and secret of the same name and version."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from vaultbind.keyvault.simulation.bundles import Bundle, parse_upload, render_value
from vaultbind.keyvault.simulation.changes import NO_CHANGES, Changes, changed_attributes
from vaultbind.keyvault.simulation.issuing import make_certificate_key, self_signed, signing_request
from vaultbind.keyvault.simulation.keymaterial import curve_name, render_public, type_of
from vaultbind.keyvault.simulation.limits import VersionIds, check_name, check_tags
from vaultbind.keyvault.simulation.policies import (
    DEFAULT_USAGE,
    Policy,
    complete_policy,
    is_exportable,
    key_operations,
    merge_policy,
)
from vaultbind.keyvault.simulation.problems import already_exists, bad_parameter, not_found
from vaultbind.keyvault.simulation.records import (
    Attributes,
    CertificateVersion,
    KeyVersion,
    Kind,
    PendingOperation,
    SecretVersion,
)
from vaultbind.keyvault.simulation.store import Deletion, ObjectStore
from vaultbind.keyvault.simulation.tables import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What an import brings: PFX or PEM text and its password; `policy` as the request has it."""

    value: str
    password: str | None = None
    policy: Mapping[str, Any] | None = None
    preserve_order: bool = False


class SimulatedCertificates:
    """What the service does with certificates; `now` in epoch seconds; methods raise VaultProblem."""

    def __init__(
        self,
        store: ObjectStore[CertificateVersion],
        keys: ObjectStore[KeyVersion],
        secrets: ObjectStore[SecretVersion],
        ids: VersionIds,
    ) -> None:
        """Work on the three stores of one vault."""
        self.store = store
        self._keys = keys
        self._secrets = secrets
        self._ids = ids
        self.policies = Table[Policy](Policy)
        self.pending = Table[PendingOperation](PendingOperation)

    def create(
        self, name: str, policy: Mapping[str, Any], *, now: int, changes: Changes = NO_CHANGES
    ) -> PendingOperation:
        """Issue a self-signed certificate (issuer `Self`); the operation is complete on return."""
        self._claim(name, now, changes)
        complete = complete_policy(policy, now)
        issuer = complete["issuer"]["name"]
        if issuer != "Self":
            raise bad_parameter("The simulation issues certificates of issuer Self only.")
        key = make_certificate_key(complete)
        bundle = Bundle(key=key, leaf=self_signed(complete, key, now))
        record = self._write(name, bundle, complete, now, changes)
        csr = signing_request(complete, key)
        pending = PendingOperation(issuer=issuer, csr=csr, request_id=record.version, status="completed")
        self.pending[name.lower()] = pending
        return pending

    def import_certificate(
        self, name: str, upload: Upload, *, now: int, changes: Changes = NO_CHANGES
    ) -> CertificateVersion:
        """Take a certificate with its key from PFX or PEM; the chain keeps the order of the upload."""
        self._claim(name, now, changes)
        bundle = parse_upload(upload.value, upload.password)
        policy = complete_policy(_import_policy(bundle, upload.policy or {}), now)
        return self._write(name, bundle, policy, now, changes, preserve_order=upload.preserve_order)

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
        self.policies[name.lower()] = policy
        return policy

    def get_pending(self, name: str) -> PendingOperation:
        """Read the last creation."""
        self.store.get(name)
        pending = self.pending.get(name.lower())
        if pending is None:
            raise not_found(Kind.CERTIFICATES, name)
        return pending

    def delete_pending(self, name: str) -> PendingOperation:
        """Forget the last creation."""
        pending = self.get_pending(name)
        del self.pending[name.lower()]
        return pending

    def update(self, name: str, version: str = "", *, now: int, changes: Changes) -> CertificateVersion:
        """Change attributes and tags of a version; its key and secret follow."""
        check_tags(Kind.CERTIFICATES, changes.tags)
        record = self.store.get(name, version)
        allowed = Changes(enabled=changes.enabled, tags=changes.tags)
        attributes = changed_attributes(record.attributes, allowed, now)
        tags = record.tags if changes.tags is None else dict(changes.tags)
        changed = replace(record, attributes=attributes, tags=tags)
        self.store.replace(changed)
        key = self._keys.get(name, record.version)
        self._keys.replace(replace(key, attributes=attributes, tags=tags))
        secret = self._secrets.get(name, record.version)
        self._secrets.replace(replace(secret, attributes=attributes, tags=tags))
        return changed

    def delete(self, name: str, *, now: int) -> Deletion[CertificateVersion]:
        """Delete softly, with key and secret."""
        deletion = self.store.delete(name, now)
        self._keys.delete(name, now)
        self._secrets.delete(name, now)
        return deletion

    def recover(self, name: str, *, now: int) -> CertificateVersion:
        """Bring a deleted certificate back, with key and secret."""
        record = self.store.recover(name, now)
        self._keys.recover(name, now)
        self._secrets.recover(name, now)
        return record

    def purge(self, name: str, *, now: int) -> None:
        """Forget a deleted certificate, its key and its secret."""
        self.store.purge(name, now)
        self._keys.purge(name, now)
        self._secrets.purge(name, now)

    def _claim(self, name: str, now: int, changes: Changes) -> None:
        check_name(name)
        check_tags(Kind.CERTIFICATES, changes.tags)
        self.store.claim(name, now)
        self._keys.claim(name, now)
        self._secrets.claim(name, now)
        if name in self.store:
            return
        if name in self._keys:
            raise already_exists(Kind.KEYS, name)
        if name in self._secrets:
            raise already_exists(Kind.SECRETS, name)

    def _write(
        self,
        name: str,
        bundle: Bundle,
        policy: Policy,
        now: int,
        changes: Changes,
        *,
        preserve_order: bool = False,
    ) -> CertificateVersion:
        attributes = _attributes(bundle.leaf, now, enabled=changes.enabled is not False)
        tags = None if changes.tags is None else dict(changes.tags)
        der = bundle.leaf.public_bytes(Encoding.DER)
        record = CertificateVersion(
            name=name,
            version=self._ids.take(),
            der=der,
            thumbprint=hashlib.sha1(der, usedforsecurity=False).digest(),
            subject=bundle.leaf.subject.rfc4514_string(),
            attributes=attributes,
            tags=tags,
            preserve_order=preserve_order,
        )
        self.store.add(record)
        self._keys.add(_key(record, bundle, policy))
        self._secrets.add(_secret(record, bundle, policy))
        self.policies[name.lower()] = policy
        return record


def _attributes(leaf: x509.Certificate, now: int, *, enabled: bool) -> Attributes:
    return Attributes(
        enabled=enabled,
        not_before=int(leaf.not_valid_before_utc.timestamp()),
        expires=int(leaf.not_valid_after_utc.timestamp()),
        created=now,
        updated=now,
    )


def _key(record: CertificateVersion, bundle: Bundle, policy: Policy) -> KeyVersion:
    return KeyVersion(
        name=record.name,
        version=record.version,
        key_type=policy["key_props"]["kty"],
        material=bundle.key,
        public=render_public(bundle.key),
        operations=key_operations(policy),
        attributes=record.attributes,
        tags=record.tags,
        managed=True,
    )


def _secret(record: CertificateVersion, bundle: Bundle, policy: Policy) -> SecretVersion:
    content_type = policy["secret_props"]["contentType"]
    return SecretVersion(
        name=record.name,
        version=record.version,
        value=render_value(bundle, content_type, exportable=is_exportable(policy)),
        content_type=content_type,
        attributes=record.attributes,
        tags=record.tags,
        managed=True,
    )


def _import_policy(bundle: Bundle, asked: Mapping[str, Any]) -> dict[str, Any]:
    key = bundle.key
    shape: dict[str, Any] = (
        {"key_size": key.key_size} if isinstance(key, rsa.RSAPrivateKey) else {"crv": curve_name(key)}
    )
    asked_key = {name: value for name, value in (asked.get("key_props") or {}).items() if value is not None}
    x509_props = {
        "subject": bundle.leaf.subject.rfc4514_string(),
        "key_usage": list(DEFAULT_USAGE),
        **_subject_names(bundle.leaf),
        **(asked.get("x509_props") or {}),
    }
    return {
        **asked,
        "key_props": {**asked_key, "kty": type_of(key), **shape},
        "secret_props": {"contentType": bundle.content_type, **(asked.get("secret_props") or {})},
        "x509_props": {name: value for name, value in x509_props.items() if value is not None},
        "issuer": {"name": "Unknown", **(asked.get("issuer") or {})},
    }


def _subject_names(leaf: x509.Certificate) -> dict[str, Any]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return {}
    return {"sans": {"dns_names": names.get_values_for_type(x509.DNSName)}}
