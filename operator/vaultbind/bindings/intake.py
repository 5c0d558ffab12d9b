"""What is known of each binding before any I/O: its parsed spec, its target and its interests."""

from dataclasses import dataclass, field

from vaultbind.api.binding import BindingSpec
from vaultbind.api.refs import ObjectKey
from vaultbind.engine.cache import RawObject
from vaultbind.rendering.checked import parse_checked
from vaultbind.rendering.wanted import wanted
from vaultbind.vaults import specs
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.policy import Denial
from vaultbind.vaults.session import VaultSession
from vaultbind.vaults.specs import SpecBook

Parsed = specs.Parsed[BindingSpec]
Prepared = specs.Prepared[BindingSpec]


@dataclass(slots=True, kw_only=True)
class Intake:
    """Keeps the hub's book of interests right, and knows who wants which Secret."""

    hub: VaultHub
    _specs: SpecBook[BindingSpec] = field(
        default_factory=lambda: SpecBook(parse=parse_checked, wanted=wanted)
    )
    _by_target: dict[tuple[str, str], set[ObjectKey]] = field(default_factory=dict)

    def prepare(self, key: ObjectKey, obj: RawObject) -> Prepared:
        """Parse, resolve the vault, check access, register interests."""
        parsed = self._parse(key, obj)
        if parsed.spec is None:
            self.hub.book.drop(key)
            return specs.Prepared(parsed=parsed, denial=parsed.denial)
        denial, session = self._resolve(key, parsed.spec)
        interests = parsed.refs if session is not None and not parsed.spec.suspend else ()
        if not parsed.spec.follows and (obj.get("status") or {}).get("revision"):
            interests = tuple(self.hub.book.refs_of(key).intersection(interests))  # see `settle`
        if parsed.spec.data_from and parsed.spec.finds and session is not None and not parsed.spec.suspend:
            # what it had found is wanted until it is known what it finds now
            had = self.hub.book.refs_of(key) if self.hub.book.vault_of(key) == parsed.spec.vault else ()
            self.hub.book.note(key, parsed.spec.vault, (*interests, *had), parsed.spec.finds)
        else:
            self.hub.book.note(key, parsed.spec.vault, interests)
        return specs.Prepared(parsed=parsed, session=session, denial=denial)

    def settle(self, key: ObjectKey, spec: BindingSpec) -> None:
        """Let no look go to the vault for a binding that has what it asked for and does not follow.

        Who has to read again notes so itself, before it reads; until then `prepare` adds nothing.
        """
        self.hub.book.note(key, spec.vault, ())

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
        known = self._specs.known(key)
        parsed = self._specs.read(key, obj)
        if parsed is not known:
            self._forget(key, known)
            if parsed.spec is not None:
                self._by_target.setdefault((key.namespace, parsed.spec.target.name), set()).add(key)
        return parsed

    def _forget(self, key: ObjectKey, parsed: Parsed | None) -> None:
        if parsed is not None and parsed.spec is not None:
            target = (key.namespace, parsed.spec.target.name)
            self._by_target[target].discard(key)
            if not self._by_target[target]:
                del self._by_target[target]

    def drop(self, key: ObjectKey) -> None:
        """Forget a binding that is gone; whoever waits for its target may look again."""
        self._forget(key, self._specs.known(key))
        self._specs.forget(key)
        self.hub.book.drop(key)

    def with_target(self, namespace: str, secret: str) -> frozenset[ObjectKey]:
        """Bindings whose target is that Secret."""
        return frozenset(self._by_target.get((namespace, secret), ()))
