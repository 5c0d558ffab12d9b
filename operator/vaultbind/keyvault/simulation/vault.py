"""One simulated vault: a pure state machine. Time is passed in, as epoch seconds."""

from collections.abc import Mapping
from typing import Any

from vaultbind.keyvault.simulation.certificates import SimulatedCertificates
from vaultbind.keyvault.simulation.keys import SimulatedKeys
from vaultbind.keyvault.simulation.limits import VersionIds
from vaultbind.keyvault.simulation.problems import managed
from vaultbind.keyvault.simulation.records import (
    CertificateVersion,
    KeyVersion,
    Kind,
    SecretVersion,
    VaultSettings,
)
from vaultbind.keyvault.simulation.rsapool import RsaSource, make_rsa
from vaultbind.keyvault.simulation.secrets import SimulatedSecrets
from vaultbind.keyvault.simulation.store import Deletion, ObjectStore
from vaultbind.keyvault.simulation.tables import Table
from vaultbind.keyvault.simulation.trio import Trio

AnyVersion = SecretVersion | KeyVersion | CertificateVersion


class SimulatedVault:
    """Secrets, keys and certificates under one name.

        vault = SimulatedVault("shop")
        made = vault.secrets.set("db", "s3cr3t", now=1_800_000_000)
        print(vault.secrets.get("db").version == made.version)

    Its methods raise VaultProblem where the service would refuse.
    """

    def __init__(
        self, name: str, settings: VaultSettings | None = None, rsa_keys: RsaSource = make_rsa
    ) -> None:
        """Begin empty; version ids derive from the settings' seed and the vault's name."""
        self.name = name
        self.settings = settings or VaultSettings()
        self.ids = ids = VersionIds(f"{self.settings.seed}/{name}")
        secret_store = ObjectStore[SecretVersion](Kind.SECRETS, self.settings)
        key_store = ObjectStore[KeyVersion](Kind.KEYS, self.settings)
        certificate_store = ObjectStore[CertificateVersion](Kind.CERTIFICATES, self.settings)
        self.secrets = SimulatedSecrets(secret_store, ids)
        self.keys = SimulatedKeys(key_store, ids, rsa_keys)
        trio = Trio(certificates=certificate_store, keys=key_store, secrets=secret_store)
        self.certificates = SimulatedCertificates(trio, ids, self.settings, rsa_keys)
        self.tables: Mapping[str, Table[Any]] = {
            "policies": self.certificates.policies,
            "pending": self.certificates.pending,
            **self.certificates.issuers.tables,
            "rotation": self.keys.rotation,
        }

    def advance(self, *, now: int) -> None:
        """Do what is due by itself at this time; called before each request, and when time was moved.

        After KeyWanted (of a pool that has none ready), the next call goes on from where this one was.
        """
        for kind in Kind:
            self.store(kind).settle(now)
        self.keys.rotate_due(now=now)
        self.certificates.settle(now)

    def recover(self, kind: Kind, name: str, *, now: int) -> AnyVersion:
        """Bring a deleted object back; raises VaultProblem (404; 403 for a certificate's key or secret)."""
        if kind is Kind.CERTIFICATES:
            return self.certificates.recover(name, now=now)
        if kind is Kind.KEYS:
            return self.keys.recover(name, now=now)
        self._refuse_managed(kind, name, now)
        return self.store(kind).recover(name, now)

    def purge(self, kind: Kind, name: str, *, now: int) -> None:
        """Forget a deleted object for good; raises VaultProblem (404; 403 for a certificate's)."""
        if kind is Kind.CERTIFICATES:
            self.certificates.purge(name, now=now)
            return
        self._refuse_managed(kind, name, now)
        self.store(kind).purge(name, now)

    def get_deleted(self, kind: Kind, name: str, *, now: int) -> Deletion[AnyVersion]:
        """Read a deleted object; raises VaultProblem (404)."""
        return self.store(kind).get_deleted(name, now)

    def page(
        self, kind: Kind, after: str, limit: int, *, pending: bool = True
    ) -> tuple[list[AnyVersion], bool]:
        """Latest versions in name order from behind `after` (lower case), and whether more follow.

        Without `pending`, certificates that nobody has signed yet are left out.
        """
        is_shown = None if pending or kind is not Kind.CERTIFICATES else _is_issued
        return self.store(kind).page(after, limit, is_shown)

    def versions(self, kind: Kind, name: str) -> list[AnyVersion]:
        """All versions of an object, in order of their ids; of an unknown one none, as the service says."""
        return self.store(kind).versions(name)

    def deleted_page(
        self, kind: Kind, after: str, limit: int, *, now: int, pending: bool = True
    ) -> tuple[list[Deletion[AnyVersion]], bool]:
        """Deleted objects in name order from behind `after` (lower case), and whether more follow."""
        keys = [
            (key, deletion)
            for key, deletion in self.store(kind).deleted(now).items()
            if key > after and (pending or _is_issued(deletion.history.latest))
        ]
        return [deletion for _, deletion in keys[:limit]], len(keys) > limit

    def _refuse_managed(self, kind: Kind, name: str, now: int) -> None:
        deletion = self.store(kind).get_deleted(name, now)
        latest = deletion.history.latest
        if latest.managed:
            raise managed(kind, latest.name)

    def store(self, kind: Kind) -> "ObjectStore[AnyVersion]":
        """Objects of one kind."""
        stores: dict[Kind, ObjectStore[AnyVersion]] = {
            Kind.SECRETS: self.secrets.store,  # type: ignore[dict-item]
            Kind.KEYS: self.keys.store,  # type: ignore[dict-item]
            Kind.CERTIFICATES: self.certificates.store,  # type: ignore[dict-item]
        }
        return stores[kind]


def _is_issued(record: AnyVersion) -> bool:
    return not isinstance(record, CertificateVersion) or record.is_issued
