"""A certificate and the managed key and secret of its name: written, changed, deleted together."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from vaultbind.keyvault.simulation.bundles import Bundle, CertificateKey, render_value
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.keymaterial import render_public
from vaultbind.keyvault.simulation.limits import check_name, check_tags
from vaultbind.keyvault.simulation.policies import Policy, is_exportable, key_operations
from vaultbind.keyvault.simulation.problems import VaultProblem, already_exists
from vaultbind.keyvault.simulation.records import (
    Attributes,
    CertificateVersion,
    KeyVersion,
    Kind,
    SecretVersion,
)
from vaultbind.keyvault.simulation.store import Deletion, ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version that is about to be written; `bundle` is None as long as nobody has signed it."""

    name: str
    version: str
    policy: Policy
    key: CertificateKey
    bundle: Bundle | None
    attributes: Attributes
    tags: Mapping[str, str] | None = None
    preserve_order: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trio:
    """The three stores of one vault, as certificates use them; methods raise VaultProblem."""

    certificates: ObjectStore[CertificateVersion]
    keys: ObjectStore[KeyVersion]
    secrets: ObjectStore[SecretVersion]

    def claim(self, name: str, now: int, changes: Changes) -> None:
        """See that a certificate of this name may be written."""
        check_name(name)
        check_tags(Kind.CERTIFICATES, changes.tags)
        self.certificates.claim(name, now)
        self.keys.claim(name, now)
        self.secrets.claim(name, now)
        if name in self.certificates:
            return
        if name in self.keys:
            raise already_exists(Kind.KEYS, name)
        if name in self.secrets:
            raise already_exists(Kind.SECRETS, name)

    def write(self, new: NewVersion) -> CertificateVersion:
        """Add a version, or put it in the place of the one that waited for its signature."""
        certificate = _certificate(new)
        if self._waits(new):
            self.certificates.replace(certificate)
            self.keys.replace(_key(new))
            self.secrets.replace(_secret(new))
        else:
            self.certificates.add(certificate)
            self.keys.add(_key(new))
            self.secrets.add(_secret(new))
        return certificate

    def _waits(self, new: NewVersion) -> bool:
        try:
            self.certificates.get(new.name, new.version)
        except VaultProblem:
            return False
        return True

    def change(
        self, record: CertificateVersion, attributes: Attributes, tags: Mapping[str, str] | None
    ) -> CertificateVersion:
        """Give a version other attributes and tags; key and secret follow."""
        changed = replace(record, attributes=attributes, tags=tags)
        self.certificates.replace(changed)
        key = self.keys.get(record.name, record.version)
        self.keys.replace(replace(key, attributes=attributes, tags=tags))
        secret = self.secrets.get(record.name, record.version)
        self.secrets.replace(replace(secret, attributes=attributes, tags=tags))
        return changed

    def delete(self, name: str, now: int) -> Deletion[CertificateVersion]:
        """Delete all three softly."""
        deletion = self.certificates.delete(name, now)
        self.keys.delete(name, now)
        self.secrets.delete(name, now)
        return deletion

    def recover(self, name: str, now: int) -> CertificateVersion:
        """Bring all three back."""
        record = self.certificates.recover(name, now)
        self.keys.recover(name, now)
        self.secrets.recover(name, now)
        return record

    def purge(self, name: str, now: int) -> None:
        """Forget all three for good."""
        self.certificates.purge(name, now)
        self.keys.purge(name, now)
        self.secrets.purge(name, now)


def issued_attributes(leaf: x509.Certificate, now: int, *, enabled: bool) -> Attributes:
    """Attributes of a version whose certificate is there: the time window is the certificate's."""
    return Attributes(
        enabled=enabled,
        not_before=int(leaf.not_valid_before_utc.timestamp()),
        expires=int(leaf.not_valid_after_utc.timestamp()),
        created=now,
        updated=now,
    )


def _certificate(new: NewVersion) -> CertificateVersion:
    leaf = new.bundle.leaf if new.bundle else None
    der = leaf.public_bytes(Encoding.DER) if leaf else b""
    return CertificateVersion(
        name=new.name,
        version=new.version,
        der=der,
        thumbprint=hashlib.sha1(der, usedforsecurity=False).digest() if der else b"",
        subject=leaf.subject.rfc4514_string() if leaf else "",
        content_type=new.policy["secret_props"]["contentType"],
        attributes=new.attributes,
        tags=new.tags,
        preserve_order=new.preserve_order,
    )


def _key(new: NewVersion) -> KeyVersion:
    return KeyVersion(
        name=new.name,
        version=new.version,
        key_type=new.policy["key_props"]["kty"],
        material=new.key,
        public=render_public(new.key),
        operations=key_operations(new.policy),
        attributes=new.attributes,
        tags=new.tags,
        managed=True,
    )


def _secret(new: NewVersion) -> SecretVersion:
    content_type = new.policy["secret_props"]["contentType"]
    value = ""
    if new.bundle is not None:
        value = render_value(
            new.bundle,
            content_type,
            exportable=is_exportable(new.policy),
            preserve_order=new.preserve_order,
        )
    return SecretVersion(
        name=new.name,
        version=new.version,
        value=value,
        content_type=content_type,
        attributes=new.attributes,
        tags=new.tags,
        managed=True,
    )
