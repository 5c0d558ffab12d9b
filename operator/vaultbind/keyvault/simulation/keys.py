"""Keys of a simulated vault: making, changing, rotating and using them."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from vaultbind.keyvault.simulation import crypto
from vaultbind.keyvault.simulation.algorithms import Operation
from vaultbind.keyvault.simulation.changes import NO_CHANGES, Changes, changed_attributes, new_attributes
from vaultbind.keyvault.simulation.exchange import CryptoInput, CryptoOutput
from vaultbind.keyvault.simulation.keymaterial import (
    RSA_SIZES,
    KeyMaterial,
    check_operations,
    default_operations,
    generate,
    generate_alike,
    parse_jwk,
    render_public,
    type_of,
)
from vaultbind.keyvault.simulation.keyrules import check_exportable, check_use
from vaultbind.keyvault.simulation.limits import VersionIds, check_name, check_tags
from vaultbind.keyvault.simulation.problems import bad_parameter, managed
from vaultbind.keyvault.simulation.records import Attributes, KeyVersion, Kind
from vaultbind.keyvault.simulation.release import (
    ReleaseRequest,
    check_release,
    parse_attestation,
    render_wrapped,
    wrap_for,
    wrapping_key,
)
from vaultbind.keyvault.simulation.rotation import RotationPolicy, parse_policy
from vaultbind.keyvault.simulation.rsapool import RsaSource, make_rsa
from vaultbind.keyvault.simulation.store import Deletion, ObjectStore
from vaultbind.keyvault.simulation.tables import Table

MOST_ROTATIONS: Final = 24
"""Of one key in one leap of time; the next one is made at the leap's end."""


class SimulatedKeys:
    """What the service does with keys; `now` is in epoch seconds; every method raises VaultProblem."""

    def __init__(
        self, store: ObjectStore[KeyVersion], ids: VersionIds, rsa_keys: RsaSource = make_rsa
    ) -> None:
        """Work on `store`; RSA keys come from `rsa_keys`."""
        self.store = store
        self._ids = ids
        self._rsa_keys = rsa_keys
        self._signer: rsa.RSAPrivateKey | None = None
        self.rotation = Table[RotationPolicy](RotationPolicy)
        self._next_rotation = 0.0
        """Before this time no key is due; 0: not known."""
        self._rotations: Counter[str] = Counter()
        """Of each key by itself, in the leap of time that is being settled."""
        self.store.listeners.append(self._forget_next)
        self.rotation.listeners.append(self._forget_next)

    def create(
        self,
        name: str,
        *,
        now: int,
        key_type: str = "RSA",
        size: int | None = None,
        curve: str | None = None,
        exponent: int | None = None,
        changes: Changes = NO_CHANGES,
    ) -> KeyVersion:
        """Make a key, or a new version of it."""
        self._claim(name, now, changes)
        material = generate(key_type, size, curve, exponent, rsa_keys=self._rsa_keys)
        return self._write(name, key_type, material, now, changes)

    def import_key(
        self, name: str, jwk: Mapping[str, Any], *, now: int, hsm: bool = False, changes: Changes = NO_CHANGES
    ) -> KeyVersion:
        """Take a private key as JWK."""
        self._claim(name, now, changes)
        material = parse_jwk(jwk)
        return self._write(name, f"{type_of(material)}{'-HSM' if hsm else ''}", material, now, changes)

    def get(self, name: str, version: str = "") -> KeyVersion:
        """Read the public half of a version, disabled or not."""
        return self.store.get(name, version)

    def update(self, name: str, version: str = "", *, now: int, changes: Changes) -> KeyVersion:
        """Change attributes, tags, operations and release policy of a version."""
        record = self.store.get(name, version)
        if record.managed:
            raise managed(Kind.KEYS, name)
        check_tags(Kind.KEYS, changes.tags)
        check_operations(record.key_type, changes.operations or ())
        changed = replace(
            record,
            attributes=changed_attributes(record.attributes, changes, now),
            tags=record.tags if changes.tags is None else dict(changes.tags),
            operations=record.operations if changes.operations is None else changes.operations,
            release_policy=_changed_release_policy(record, changes),
        )
        self.store.replace(changed)
        return changed

    def recover(self, name: str, *, now: int) -> KeyVersion:
        """Bring a deleted key back, with all versions and its rotation policy."""
        if self.store.get_deleted(name, now).history.latest.managed:
            raise managed(Kind.KEYS, name)
        return self.store.recover(name, now)

    def delete(self, name: str, *, now: int) -> Deletion[KeyVersion]:
        """Delete softly, with all versions."""
        if self.store.get(name).managed:
            raise managed(Kind.KEYS, name)
        return self.store.delete(name, now)

    def transform(
        self, name: str, version: str, operation: Operation, asked: CryptoInput, *, now: int
    ) -> tuple[KeyVersion, CryptoOutput]:
        """Encrypt, decrypt, wrap or unwrap; tells the version that did it."""
        record = self._usable(name, version, operation, now)
        return record, crypto.transform(record.material, operation, asked)

    def sign(
        self, name: str, version: str, algorithm: str, digest: bytes, *, now: int
    ) -> tuple[KeyVersion, bytes]:
        """Sign a digest; tells the version that did it."""
        record = self._usable(name, version, Operation.SIGN, now)
        return record, crypto.sign(record.material, algorithm, digest)

    def verify(self, name: str, version: str, asked: CryptoInput, signature: bytes, *, now: int) -> bool:
        """Tell whether a signature is of this key over the digest (`value`)."""
        record = self._usable(name, version, Operation.VERIFY, now)
        return crypto.verify(record.material, asked.algorithm, asked.value, signature)

    def release(self, name: str, version: str, asked: ReleaseRequest, *, now: int) -> tuple[KeyVersion, str]:
        """Wrap a key for an attested environment; returns the version and its `key_hsm`."""
        record = self.store.get(name, version)
        claims = parse_attestation(asked.target)
        check_release(record, claims, now)
        kid, key = wrapping_key(claims)
        wrapped = wrap_for(record.material, key, asked.algorithm)
        return record, render_wrapped(wrapped, kid, asked.algorithm)

    def rotate(self, name: str, *, now: int) -> KeyVersion:
        """Make a new version like the latest; it expires as the rotation policy says."""
        latest = self.store.get(name)
        if latest.managed:
            raise managed(Kind.KEYS, name)
        material = generate_alike(latest.material, self._rsa_keys)
        rotated = replace(
            latest,
            version=self._ids.take(),
            material=material,
            public=render_public(material),
            attributes=Attributes(expires=self.get_rotation(name).expires(now), created=now, updated=now),
        )
        self.store.add(rotated)
        return rotated

    def signer(self) -> rsa.RSAPrivateKey:
        """Key that the vault signs released keys with."""
        if self._signer is None:
            self._signer = self._rsa_keys(RSA_SIZES[0])
        return self._signer

    def get_rotation(self, name: str) -> RotationPolicy:
        """Read the rotation policy, the service's default where none was set."""
        self.store.get(name)
        return self.rotation.get(name.lower(), RotationPolicy())

    def set_rotation(self, name: str, content: Mapping[str, Any], *, now: int) -> RotationPolicy:
        """Replace the rotation policy."""
        if self.store.get(name).managed:
            raise managed(Kind.KEYS, name)
        policy = parse_policy(content, self.rotation.get(name.lower()), now)
        self.rotation[name.lower()] = policy
        return policy

    def rotate_due(self, *, now: int) -> None:
        """Rotate every key whose policy says so, as often as it would have happened until now.

        After KeyWanted, the next call goes on from where this one was.
        """
        if now < self._next_rotation:
            return
        dues = []
        for name, policy in self.rotation.items():
            while (due := self._due(name, policy)) <= now:
                self.rotate(name, now=int(due) if self._rotations[name] < MOST_ROTATIONS else now)
                self._rotations[name] += 1
            dues.append(due)
        self._rotations.clear()
        self._next_rotation = min(dues, default=math.inf)

    def _forget_next(self, _key: str, _added: object) -> None:
        self._next_rotation = 0

    def _due(self, name: str, policy: RotationPolicy) -> float:
        due = policy.due(self.store.get(name).attributes) if name in self.store else None
        return math.inf if due is None else due

    def _usable(self, name: str, version: str, operation: Operation, now: int) -> KeyVersion:
        record = self.store.get(name, version)
        check_use(record, operation, now)
        return record

    def _claim(self, name: str, now: int, changes: Changes) -> None:
        check_name(name)
        check_tags(Kind.KEYS, changes.tags)
        self.store.claim(name, now)
        if name not in self.store:
            self.rotation.pop(name.lower(), None)  # a purged key's
        elif self.store.get(name).managed:
            raise managed(Kind.KEYS, name)

    def _write(
        self, name: str, key_type: str, material: KeyMaterial, now: int, changes: Changes
    ) -> KeyVersion:
        check_operations(key_type, changes.operations or ())
        exportable = changes.exportable is True
        check_exportable(exportable=exportable, release_policy=changes.release_policy)
        record = KeyVersion(
            name=name,
            version=self._ids.take(),
            key_type=key_type,
            material=material,
            public=render_public(material),
            operations=default_operations(key_type) if changes.operations is None else changes.operations,
            attributes=new_attributes(changes, now),
            tags=None if changes.tags is None else dict(changes.tags),
            exportable=exportable,
            release_policy=changes.release_policy,
        )
        self.store.add(record)
        return record


def _changed_release_policy(record: KeyVersion, changes: Changes) -> Mapping[str, Any] | None:
    wanted = changes.release_policy
    if wanted is None:
        return record.release_policy
    if not record.exportable:
        raise bad_parameter("A release policy is for exportable keys only.")
    if record.release_policy is not None and record.release_policy["immutable"]:
        raise bad_parameter("The release policy of this key is immutable.")
    return wanted
