"""Specs of objects that ask a vault, each parsed once per generation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from vaultbind.api.errors import SpecError
from vaultbind.api.refs import ObjectKey, VaultObjectRef
from vaultbind.engine.cache import RawObject
from vaultbind.vaults.causes import Trouble
from vaultbind.vaults.policy import Denial
from vaultbind.vaults.session import VaultSession

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed(Generic[S]):
    """A spec as parsed, or why it cannot be."""

    uid: str
    generation: int
    spec: S | None = None
    refs: tuple[VaultObjectRef, ...] = ()
    """Objects of the vault that it is about."""
    denial: Denial | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Generic[S]):
    """An object that may ask its vault, or why it may not."""

    parsed: Parsed[S]
    session: VaultSession | None = None
    denial: Denial | None = None
    trouble: Trouble | None = None
    """Why it is not known which objects it is about (`dataFrom.find`)."""


@dataclass(slots=True, kw_only=True)
class SpecBook(Generic[S]):
    """What `parse` made of each object; `parse` raises SpecError. `wanted` tells the objects of a spec."""

    parse: Callable[[RawObject], S]
    wanted: Callable[[S], tuple[VaultObjectRef, ...]] = lambda _: ()
    _known: dict[ObjectKey, Parsed[S]] = field(default_factory=dict)

    def read(self, key: ObjectKey, obj: RawObject) -> Parsed[S]:
        """The spec of an object as it is now; the same value as long as its generation is the same."""
        metadata = obj["metadata"]
        uid, generation = str(metadata["uid"]), int(metadata.get("generation", 0))
        known = self._known.get(key)
        if known is not None and (known.uid, known.generation) == (uid, generation):
            return known
        try:
            spec = self.parse(obj)
            parsed = Parsed(uid=uid, generation=generation, spec=spec, refs=self.wanted(spec))
        except SpecError as error:
            denial = Denial(reason=error.reason, message=str(error))
            parsed = Parsed(uid=uid, generation=generation, denial=denial)
        self._known[key] = parsed
        return parsed

    def known(self, key: ObjectKey) -> Parsed[S] | None:
        """What was read last."""
        return self._known.get(key)

    def forget(self, key: ObjectKey) -> None:
        """Drop an object that is gone."""
        self._known.pop(key, None)
