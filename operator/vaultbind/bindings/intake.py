"""What is known of each binding before any I/O: its parsed spec, its target and its interests."""

from dataclasses import dataclass, field

from vaultbind.api.binding import BindingSpec
from vaultbind.api.binding_parser import parse_binding
from vaultbind.api.errors import SpecError
from vaultbind.api.refs import ObjectKey, VaultObjectRef
from vaultbind.engine.cache import RawObject
from vaultbind.rendering.wanted import wanted
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.policy import Denial
from vaultbind.vaults.session import VaultSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A spec as parsed, or why it cannot be."""

    uid: str
    generation: int
    spec: BindingSpec | None = None
    refs: tuple[VaultObjectRef, ...] = ()
    denial: Denial | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A binding that may ask the vault: or why it may not."""

    parsed: Parsed
    session: VaultSession | None = None
    denial: Denial | None = None


@dataclass(slots=True, kw_only=True)
class Intake:
    """Parses each generation once and keeps the hub's book of interests right."""

    hub: VaultHub
    _parsed: dict[ObjectKey, Parsed] = field(default_factory=dict)
    _by_target: dict[tuple[str, str], set[ObjectKey]] = field(default_factory=dict)

    def prepare(self, key: ObjectKey, obj: RawObject) -> Prepared:
        """Parse, resolve the vault, check access, register interests."""
        parsed = self._parse(key, obj)
        if parsed.spec is None:
            self.hub.book.drop(key)
            return Prepared(parsed=parsed, denial=parsed.denial)
        denial, session = self._resolve(key, parsed.spec)
        interests = parsed.refs if session is not None and not parsed.spec.suspend else ()
        self.hub.book.note(key, parsed.spec.vault, interests)
        return Prepared(parsed=parsed, session=session, denial=denial)

    def vault_of(self, key: ObjectKey, obj: RawObject) -> ObjectKey | None:
        """KeyVault that a binding names, known before anybody looked at it; None for an invalid spec."""
        spec = self.spec_of(key, obj)
        return spec.vault if spec is not None else None

    def spec_of(self, key: ObjectKey, obj: RawObject) -> BindingSpec | None:
        """What a binding asks for; None for an invalid spec."""
        return self._parse(key, obj).spec

    def _resolve(self, key: ObjectKey, spec: BindingSpec) -> tuple[Denial | None, VaultSession | None]:
        resolution = self.hub.find(spec.vault, "correct spec.vaultRef")
        if isinstance(resolution, Denial):
            return resolution, None
        denial = self.hub.decide_access(resolution, key.namespace, spec.sources())
        return denial, resolution.session if denial is None else None

    def _parse(self, key: ObjectKey, obj: RawObject) -> Parsed:
        metadata = obj["metadata"]
        uid, generation = str(metadata["uid"]), int(metadata.get("generation", 0))
        known = self._parsed.get(key)
        if known is not None and (known.uid, known.generation) == (uid, generation):
            return known
        self._forget(key)
        try:
            spec = parse_binding(obj)
            parsed = Parsed(uid=uid, generation=generation, spec=spec, refs=wanted(spec))
            self._by_target.setdefault((key.namespace, spec.target.name), set()).add(key)
        except SpecError as error:
            denial = Denial(reason=error.reason, message=str(error))
            parsed = Parsed(uid=uid, generation=generation, denial=denial)
        self._parsed[key] = parsed
        return parsed

    def _forget(self, key: ObjectKey) -> None:
        parsed = self._parsed.pop(key, None)
        if parsed is not None and parsed.spec is not None:
            target = (key.namespace, parsed.spec.target.name)
            self._by_target[target].discard(key)
            if not self._by_target[target]:
                del self._by_target[target]

    def drop(self, key: ObjectKey) -> None:
        """Forget a binding that is gone; whoever waits for its target may look again."""
        self._forget(key)
        self.hub.book.drop(key)

    def with_target(self, namespace: str, secret: str) -> frozenset[ObjectKey]:
        """Bindings whose target is that Secret."""
        return frozenset(self._by_target.get((namespace, secret), ()))
