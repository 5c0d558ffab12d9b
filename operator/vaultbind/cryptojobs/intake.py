"""What is known of each job before any I/O: its parsed spec, its vault, and whether it may ask it."""

from dataclasses import dataclass, field

from vaultbind.api.cryptojob import CryptoJobSpec
from vaultbind.api.cryptojob_parser import parse_cryptojob
from vaultbind.api.errors import SpecError
from vaultbind.api.refs import ObjectKey
from vaultbind.cryptojobs.phase import is_finished
from vaultbind.engine.cache import RawObject
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.policy import Denial
from vaultbind.vaults.session import VaultSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A spec as parsed, or why it cannot be."""

    uid: str
    generation: int
    spec: CryptoJobSpec | None = None
    denial: Denial | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A job that may ask the vault, or why it may not."""

    parsed: Parsed
    session: VaultSession | None = None
    denial: Denial | None = None


@dataclass(slots=True, kw_only=True)
class JobIntake:
    """Parses each generation once; a job that is not finished is brought back when its KeyVault changes."""

    hub: VaultHub
    _parsed: dict[ObjectKey, Parsed] = field(default_factory=dict)

    def prepare(self, key: ObjectKey, obj: RawObject) -> Prepared:
        """Parse, resolve the vault, check what the KeyVault allows."""
        parsed = self._parse(key, obj)
        if parsed.spec is None or is_finished(obj.get("status") or {}):
            self.hub.book.drop(key)
            return Prepared(parsed=parsed, denial=parsed.denial)
        self.hub.book.note(key, parsed.spec.vault, ())
        denial, session = self._resolve(key, parsed.spec)
        return Prepared(parsed=parsed, session=session, denial=denial)

    def vault_of(self, key: ObjectKey, obj: RawObject) -> ObjectKey | None:
        """KeyVault that a job names; None for an invalid spec."""
        spec = self._parse(key, obj).spec
        return spec.vault if spec is not None else None

    def _resolve(self, key: ObjectKey, spec: CryptoJobSpec) -> tuple[Denial | None, VaultSession | None]:
        resolution = self.hub.find(spec.vault, "make a job with another vaultRef")
        if isinstance(resolution, Denial):
            return resolution, None
        denial = self.hub.decide_crypto(resolution, key.namespace, spec.key, spec.operation)
        return denial, resolution.session if denial is None else None

    def _parse(self, key: ObjectKey, obj: RawObject) -> Parsed:
        metadata = obj["metadata"]
        uid, generation = str(metadata["uid"]), int(metadata.get("generation", 0))
        known = self._parsed.get(key)
        if known is not None and (known.uid, known.generation) == (uid, generation):
            return known
        try:
            parsed = Parsed(uid=uid, generation=generation, spec=parse_cryptojob(obj))
        except SpecError as error:
            denial = Denial(reason=error.reason, message=str(error))
            parsed = Parsed(uid=uid, generation=generation, denial=denial)
        self._parsed[key] = parsed
        return parsed

    def drop(self, key: ObjectKey) -> None:
        """Forget a job that is gone."""
        self._parsed.pop(key, None)
        self.hub.book.drop(key)
