"""One vault with a clock built in: the short way for seeds, demos and tests to change what it holds."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vaultbind.keyvault.simulation.bundles import render_value
from vaultbind.keyvault.simulation.certificates import Upload
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.issuing import Chain, issue_chain
from vaultbind.keyvault.simulation.policies import PFX
from vaultbind.keyvault.simulation.records import CertificateVersion, KeyVersion, Kind, SecretVersion
from vaultbind.keyvault.simulation.vault import SimulatedVault

SECONDS_PER_DAY = 86_400
Patience = Callable[[Callable[[], KeyVersion]], KeyVersion]


def _at_once(call: Callable[[], KeyVersion]) -> KeyVersion:
    """Call it."""
    return call()


class VaultDriver:
    """Changes to one vault, made now. Every method raises VaultProblem as the service would refuse."""

    def __init__(
        self, vault: SimulatedVault, clock: Callable[[], datetime], patiently: Patience = _at_once
    ) -> None:
        """Drive `vault`; `patiently` calls what needs an RSA key, and waits for the key."""
        self.vault = vault
        self._clock = clock
        self._patiently = patiently

    def set_secret(
        self,
        name: str,
        value: str,
        *,
        content_type: str | None = None,
        tags: Mapping[str, str] | None = None,
        enabled: bool | None = None,
        not_before: datetime | None = None,
        expires: datetime | None = None,
    ) -> SecretVersion:
        """Write a new version of a secret."""
        changes = _changes(enabled, not_before, expires, tags, content_type)
        return self.vault.secrets.set(name, value, now=self._now(), changes=changes)

    def update_secret(
        self,
        name: str,
        version: str = "",
        *,
        content_type: str | None = None,
        tags: Mapping[str, str] | None = None,
        enabled: bool | None = None,
        not_before: datetime | None = None,
        expires: datetime | None = None,
    ) -> SecretVersion:
        """Change attributes of a version, the latest without `version`."""
        changes = _changes(enabled, not_before, expires, tags, content_type)
        return self.vault.secrets.update(name, version, now=self._now(), changes=changes)

    def create_key(
        self,
        name: str,
        *,
        key_type: str = "EC",
        size: int | None = None,
        curve: str | None = None,
        expires: datetime | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> KeyVersion:
        """Make a key, or a new version of it."""
        changes = _changes(None, None, expires, tags, None)
        return self._patiently(
            lambda: self.vault.keys.create(
                name, now=self._now(), key_type=key_type, size=size, curve=curve, changes=changes
            )
        )

    def import_certificate(
        self,
        name: str,
        value: str,
        *,
        password: str | None = None,
        policy: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        enabled: bool | None = None,
    ) -> CertificateVersion:
        """Take base64 PFX or PEM text with its key."""
        upload = Upload(value=value, password=password, policy=policy)
        changes = _changes(enabled, None, None, tags, None)
        return self.vault.certificates.import_certificate(name, upload, now=self._now(), changes=changes)

    def issue_certificate(
        self,
        name: str,
        dns_names: Sequence[str],
        *,
        expires: datetime | None = None,
        intermediates: int = 1,
        with_root: bool = False,
        content_type: str = PFX,
        exportable: bool = True,
        tags: Mapping[str, str] | None = None,
        chain: Chain | None = None,
    ) -> Chain:
        """Import a certificate of a test CA made for it (or `chain`); returns the chain with its key."""
        now = self._now()
        not_after = int(expires.timestamp()) if expires else now + 365 * SECONDS_PER_DAY
        not_before = min(now, not_after - SECONDS_PER_DAY) - 600
        issued = chain or issue_chain(
            dns_names, not_before=not_before, not_after=not_after, intermediates=intermediates
        )
        bundle = issued.bundle(with_root=with_root, content_type=content_type)
        policy = {"key_props": {"exportable": exportable}, "secret_props": {"contentType": content_type}}
        value = render_value(bundle, content_type, exportable=True)
        self.import_certificate(name, value, policy=policy, tags=tags)
        return issued

    def enable(self, kind: Kind | str, name: str, *, enabled: bool = True) -> None:
        """Switch the latest version of an object on or off."""
        changes = Changes(enabled=enabled)
        operations = {
            Kind.SECRETS: self.vault.secrets.update,
            Kind.KEYS: self.vault.keys.update,
            Kind.CERTIFICATES: self.vault.certificates.update,
        }
        operations[Kind(kind)](name, now=self._now(), changes=changes)

    def delete(self, kind: Kind | str, name: str) -> None:
        """Delete an object softly."""
        operations: Mapping[Kind, Callable[..., object]] = {
            Kind.SECRETS: self.vault.secrets.delete,
            Kind.KEYS: self.vault.keys.delete,
            Kind.CERTIFICATES: self.vault.certificates.delete,
        }
        operations[Kind(kind)](name, now=self._now())

    def recover(self, kind: Kind | str, name: str) -> None:
        """Bring a deleted object back."""
        self.vault.recover(Kind(kind), name, now=self._now())

    def purge(self, kind: Kind | str, name: str) -> None:
        """Forget a deleted object."""
        self.vault.purge(Kind(kind), name, now=self._now())

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _changes(
    enabled: bool | None,  # noqa: FBT001 - private, always all five
    not_before: datetime | None,
    expires: datetime | None,
    tags: Mapping[str, str] | None,
    content_type: str | None,
) -> Changes:
    return Changes(
        enabled=enabled,
        not_before=int(not_before.timestamp()) if not_before else None,
        expires=int(expires.timestamp()) if expires else None,
        tags=tags,
        content_type=content_type,
    )
