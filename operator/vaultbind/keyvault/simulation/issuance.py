"""How certificates come into being by themselves: issuers' answers and renewals, each at its moment."""

from collections import Counter
from dataclasses import dataclass
from typing import Final, TypeGuard

from cryptography.hazmat.primitives.asymmetric import rsa

from vaultbind.keyvault.simulation import pending as operations
from vaultbind.keyvault.simulation.bundles import Bundle, CertificateKey
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.issuers import IssuerBook
from vaultbind.keyvault.simulation.keymaterial import KeyMaterial, curve_name
from vaultbind.keyvault.simulation.limits import VersionIds
from vaultbind.keyvault.simulation.pending import PendingOperation
from vaultbind.keyvault.simulation.policies import Policy
from vaultbind.keyvault.simulation.records import Attributes, CertificateVersion
from vaultbind.keyvault.simulation.renewal import renewal_time
from vaultbind.keyvault.simulation.rsapool import RsaSource, make_rsa
from vaultbind.keyvault.simulation.signing import issue, make_certificate_key, request_signature, validity
from vaultbind.keyvault.simulation.tables import Table
from vaultbind.keyvault.simulation.trio import NewVersion, Trio, issued_attributes

NEVER: Final = 1 << 62
MOST_RENEWALS: Final = 24
"""Of one certificate in one leap of time; the next one is made at the leap's end."""
RETRY_SECONDS: Final = 86_400
"""Between a renewal that failed and the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a new version shall be: its policy and what the request said beside it."""

    name: str
    policy: Policy
    changes: Changes
    preserve_order: bool = False


class Issuance:
    """Policies, pending operations and issuers of one vault; times in epoch seconds."""

    def __init__(
        self, trio: Trio, ids: VersionIds, issuance_seconds: int, rsa_keys: RsaSource = make_rsa
    ) -> None:
        """Write to `trio`; an issuer takes `issuance_seconds` to answer; RSA keys come from `rsa_keys`."""
        self.issuers = IssuerBook()
        self.policies = Table[Policy](Policy)
        self.pending = Table[PendingOperation](PendingOperation)
        self._trio = trio
        self._ids = ids
        self._seconds = issuance_seconds
        self._rsa_keys = rsa_keys
        self._due: dict[str, int] = {}
        self._next_due = NEVER
        self._settled = 0
        """When it was last settled: nothing happens at an earlier moment than that."""
        self._renewals: Counter[str] = Counter()
        """Of each certificate, in the leap of time that is being settled."""
        self._changed: set[str] = set()
        """Names about which the two above may be wrong."""
        trio.certificates.listeners.append(self._forget_purged)
        for source in (trio.certificates, self.policies, self.pending):
            source.listeners.append(lambda name, _: self._changed.add(name))

    def _forget_purged(self, name: str, _: object) -> None:
        """What belongs to a certificate goes with it, also when time purges it."""
        if self._trio.certificates.find(name) is None:
            self.policies.pop(name, None)
            self.pending.pop(name, None)

    def settle(self, now: int) -> None:
        """Do what is due by now: issuers' answers and renewals, each at its own moment.

        After KeyWanted, the next call goes on from where this one was.
        """
        last = min(self._settled, now)
        while self._find_next() <= now:
            name = min(self._due, key=self._due.__getitem__)
            moment = max(self._due[name], last)
            operation = self.pending.get(name)
            if operation is not None and operation.is_open:
                self._answer(operation, moment)
                continue
            self._renew(name, moment if self._renewals[name] < MOST_RENEWALS else now)
            self._renewals[name] += 1
        self._settled = now
        self._renewals.clear()

    def begin(self, order: Order, now: int) -> PendingOperation:
        """Start an operation; `settle` ends it. Raises VaultProblem for keys and names that can not be."""
        name, policy = order.name, order.policy
        key = self._choose_key(name, policy)
        operation = PendingOperation(
            name=name,
            version=self._ids.take(),
            request_id=self._ids.take(),
            csr=request_signature(policy, key),
            key=key,
            policy=policy,
            changes=order.changes,
            preserve_order=order.preserve_order,
            started=now,
            due=operations.due_time(policy, now, self._seconds),
        )
        self.pending[name.lower()] = operation
        self.policies[name.lower()] = policy
        if name not in self._trio.certificates:
            self._trio.write(_unsigned(operation))
        return operation

    def _choose_key(self, name: str, policy: Policy) -> CertificateKey:
        """A new key, or the last one where the policy wants that and it is of the wanted type and size."""
        wanted = policy["key_props"]
        if wanted["reuse_key"] and name in self._trio.certificates:
            latest = self._trio.keys.get(name)
            if latest.key_type == wanted["kty"] and _has_shape(latest.material, wanted):
                return latest.material
        return make_certificate_key(policy, self._rsa_keys)

    def _answer(self, operation: PendingOperation, now: int) -> None:
        """End an operation as its issuer does."""
        ended = self._ended(operation)
        if ended.status is operations.Status.COMPLETED:
            bundle = self._issue(operation, now)
            self.write(operation.version, bundle, order_of(operation), now)
        self.pending[operation.name.lower()] = ended

    def _ended(self, operation: PendingOperation) -> PendingOperation:
        if operation.cancellation_requested:
            return operations.end_cancelled(operation)
        if operations.is_self_issued(operation):
            return operations.complete(operation)
        issuer = self.issuers.find(operation.issuer)
        if issuer is None or not issuer.enabled:
            state = "disabled" if issuer else "gone"
            return operations.fail(operation, f"The issuer {operation.issuer} is {state}.")
        return operations.complete(operation)

    def _issue(self, operation: PendingOperation, now: int) -> Bundle:
        if operations.is_self_issued(operation):
            return Bundle(key=operation.key, leaf=issue(operation.policy, operation.key, now))
        root, intermediate = self.issuers.authorities(now)
        leaf = issue(operation.policy, operation.key, now, intermediate)
        return Bundle(key=operation.key, leaf=leaf, others=(intermediate.certificate, root.certificate))

    def _renew(self, name: str, now: int) -> None:
        latest = self._trio.certificates.get(name)
        order = Order(
            name=latest.name,
            policy=self.policies[name],
            changes=Changes(tags=latest.tags),
            preserve_order=latest.preserve_order,
        )
        self.begin(order, now)

    def write(self, version: str, bundle: Bundle, order: Order, now: int) -> CertificateVersion:
        """Put a signed version into the stores."""
        tags = order.changes.tags
        enabled = order.changes.enabled is not False
        return self._trio.write(
            NewVersion(
                name=order.name,
                version=version,
                policy=order.policy,
                key=bundle.key,
                bundle=bundle,
                attributes=issued_attributes(bundle.leaf, now, enabled=enabled),
                tags=None if tags is None else dict(tags),
                preserve_order=order.preserve_order,
            )
        )

    def _find_next(self) -> int:
        """When something happens next to any certificate by itself."""
        if not self._changed:
            return self._next_due
        for name in self._changed:
            moment = self._moment(name)
            if moment is None:
                self._due.pop(name, None)
            else:
                self._due[name] = moment
        self._changed.clear()
        self._next_due = min(self._due.values(), default=NEVER)
        return self._next_due

    def _moment(self, key: str) -> int | None:
        if key not in self._trio.certificates:
            return None
        operation = self.pending.get(key)
        if operation is not None and operation.is_open:
            return operation.due
        latest = self._trio.certificates.get(key)
        begin, end = latest.attributes.not_before, latest.attributes.expires
        if not latest.is_issued or not latest.attributes.enabled or begin is None or end is None:
            return None
        policy = self.policies.get(key)
        moment = renewal_time(policy, begin, end) if policy else None
        if moment is not None and operation is not None and operation.error is not None:
            return max(moment, operation.started + RETRY_SECONDS)
        return moment


def _has_shape(material: KeyMaterial, wanted: Policy) -> TypeGuard[CertificateKey]:
    """Whether a key has the size or curve of a policy's `key_props`."""
    if isinstance(material, bytes):
        return False
    if isinstance(material, rsa.RSAPrivateKey):
        return bool(material.key_size == wanted["key_size"])
    return bool(curve_name(material) == wanted.get("crv", "P-256"))


def order_of(operation: PendingOperation) -> Order:
    """What an operation was asked for."""
    return Order(
        name=operation.name,
        policy=operation.policy,
        changes=operation.changes,
        preserve_order=operation.preserve_order,
    )


def _unsigned(operation: PendingOperation) -> NewVersion:
    """The first version while nobody has signed it: it is there, off, and names no certificate."""
    begin, end = validity(operation.policy, operation.started)
    attributes = Attributes(
        enabled=False,
        not_before=begin,
        expires=end,
        created=operation.started,
        updated=operation.started,
    )
    return NewVersion(
        name=operation.name,
        version=operation.version,
        policy=operation.policy,
        key=operation.key,
        bundle=None,
        attributes=attributes,
        tags=operation.changes.tags,
        preserve_order=operation.preserve_order,
    )
