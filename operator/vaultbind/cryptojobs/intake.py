"""What is known of each job before any I/O: its parsed spec, its vault, and whether it may ask it."""

from dataclasses import dataclass, field

from vaultbind.api.cryptojob import CryptoJobSpec
from vaultbind.api.cryptojob_parser import parse_cryptojob
from vaultbind.api.refs import ObjectKey
from vaultbind.cryptojobs.phase import is_finished
from vaultbind.engine.cache import RawObject
from vaultbind.vaults import specs
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.policy import Denial
from vaultbind.vaults.session import VaultSession
from vaultbind.vaults.specs import SpecBook

Prepared = specs.Prepared[CryptoJobSpec]


@dataclass(slots=True, kw_only=True)
class JobIntake:
    """A job that is not finished is brought back when its KeyVault changes."""

    hub: VaultHub
    _specs: SpecBook[CryptoJobSpec] = field(default_factory=lambda: SpecBook(parse=parse_cryptojob))

    def prepare(self, key: ObjectKey, obj: RawObject) -> Prepared:
        """Parse, resolve the vault, check what the KeyVault allows."""
        parsed = self._specs.read(key, obj)
        if parsed.spec is None or is_finished(obj.get("status") or {}):
            self.hub.book.drop(key)
            return specs.Prepared(parsed=parsed, denial=parsed.denial)
        self.hub.book.note(key, parsed.spec.vault, ())
        denial, session = self._resolve(key, parsed.spec)
        return specs.Prepared(parsed=parsed, session=session, denial=denial)

    def vault_of(self, key: ObjectKey, obj: RawObject) -> ObjectKey | None:
        """KeyVault that a job names; None for an invalid spec."""
        spec = self._specs.read(key, obj).spec
        return spec.vault if spec is not None else None

    def _resolve(self, key: ObjectKey, spec: CryptoJobSpec) -> tuple[Denial | None, VaultSession | None]:
        resolution = self.hub.find(spec.vault, "make a job with another vaultRef")
        if isinstance(resolution, Denial):
            return resolution, None
        denial = self.hub.decide_crypto(resolution, key.namespace, spec.key, spec.operation)
        return denial, resolution.session if denial is None else None

    def drop(self, key: ObjectKey) -> None:
        """Forget a job that is gone."""
        self._specs.forget(key)
        self.hub.book.drop(key)
