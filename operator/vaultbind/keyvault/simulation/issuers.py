"""The issuers and contacts of a vault, and the test authority that answers in the name of every issuer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from vaultbind.keyvault.simulation.bundles import CertificateKey
from vaultbind.keyvault.simulation.issuing import issue_authorities
from vaultbind.keyvault.simulation.limits import check_name
from vaultbind.keyvault.simulation.problems import VaultProblem, bad_parameter
from vaultbind.keyvault.simulation.signing import CLOCK_SKEW_SECONDS, Authority
from vaultbind.keyvault.simulation.tables import Table

HIDDEN: Final = frozenset({"pwd"})
"""Members of `credentials` that never come back."""
ALL: Final = "all"
"""Key of the one row of contacts."""
AUTHORITIES: Final = ("root", "intermediate")
Contacts = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAuthority:
    """A certificate of the test CA as a vault's state keeps it."""

    der: bytes
    key: CertificateKey = field(repr=False)

    def load(self) -> Authority:
        """The same, ready to sign."""
        return Authority(certificate=x509.load_der_x509_certificate(self.der), key=self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An account at a certification authority; times in epoch seconds."""

    name: str
    provider: str
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)
    organization: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True
    created: int
    updated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerChange:
    """What a request says about an issuer; None leaves it as it is."""

    provider: str | None = None
    credentials: Mapping[str, Any] | None = field(default=None, repr=False)
    organization: Mapping[str, Any] | None = None
    enabled: bool | None = None


class IssuerBook:
    """Issuers by name, and the contacts of one vault; methods raise VaultProblem."""

    def __init__(self) -> None:
        """Begin without issuers and contacts."""
        self._issuers = Table[Issuer](Issuer)
        self._contacts = Table[Contacts](Contacts)
        self._authorities = Table[StoredAuthority](StoredAuthority)
        self.tables: Mapping[str, Table[Any]] = {
            "issuers": self._issuers,
            "contacts": self._contacts,
            "authorities": self._authorities,
        }

    def set(self, name: str, change: IssuerChange, now: int) -> Issuer:
        """Write an issuer anew."""
        check_name(name)
        if not change.provider:
            raise bad_parameter("Property provider has invalid value\r\n")
        issuer = Issuer(
            name=name,
            provider=change.provider,
            credentials=change.credentials or {},
            organization=change.organization or {},
            enabled=change.enabled is not False,
            created=now,
            updated=now,
        )
        self._issuers[name.lower()] = issuer
        return issuer

    def update(self, name: str, change: IssuerChange, now: int) -> Issuer:
        """Change what the request names."""
        issuer = self.get(name)
        changed = replace(
            issuer,
            provider=change.provider or issuer.provider,
            credentials=issuer.credentials if change.credentials is None else change.credentials,
            organization=issuer.organization if change.organization is None else change.organization,
            enabled=issuer.enabled if change.enabled is None else change.enabled,
            updated=now,
        )
        self._issuers[name.lower()] = changed
        return changed

    def get(self, name: str) -> Issuer:
        """One issuer."""
        issuer = self._issuers.get(name.lower())
        if issuer is None:
            raise VaultProblem(404, "CertificateIssuerNotFound", "Issuer not found")
        return issuer

    def find(self, name: str) -> Issuer | None:
        """One issuer, None when there is none of this name."""
        return self._issuers.get(name.lower())

    def delete(self, name: str) -> Issuer:
        """Forget an issuer; certificates that it issued stay."""
        issuer = self.get(name)
        del self._issuers[name.lower()]
        return issuer

    def page(self, after: str, limit: int) -> tuple[list[Issuer], bool]:
        """Issuers in name order from behind `after` (lower case), and whether more follow."""
        keys = [key for key in sorted(self._issuers) if key > after]
        return [self._issuers[key] for key in keys[:limit]], len(keys) > limit

    def authorities(self, now: int) -> tuple[Authority, ...]:
        """Root and intermediate of the test CA, made when they are first needed."""
        if not self._authorities:
            made = issue_authorities(now - CLOCK_SKEW_SECONDS)
            for name, authority in zip(AUTHORITIES, made, strict=True):
                der = authority.certificate.public_bytes(Encoding.DER)
                self._authorities[name] = StoredAuthority(der=der, key=authority.key)
        return tuple(self._authorities[name].load() for name in AUTHORITIES)

    def set_contacts(self, contacts: Contacts) -> None:
        """Write the contacts anew."""
        self._contacts[ALL] = contacts

    def contacts(self) -> Contacts:
        """Whom the service writes to."""
        contacts = self._contacts.get(ALL)
        if contacts is None:
            raise VaultProblem(404, "ContactsNotFound", "Contacts not found")
        return contacts

    def delete_contacts(self) -> Contacts:
        """Forget the contacts."""
        contacts = self.contacts()
        del self._contacts[ALL]
        return contacts
