"""The kinds that are served: built-in ones and those of the CustomResourceDefinitions that exist."""

from collections.abc import Iterable

from vaultbind.sandbox.builtin_kinds import BUILTIN_KINDS
from vaultbind.sandbox.crds import render_kinds
from vaultbind.sandbox.documents import JsonObject
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.store import StorageKey


class Registry:
    """Looks kinds up by path and by name; changed only when a CustomResourceDefinition is."""

    def __init__(self, kinds: Iterable[ResourceKind] = BUILTIN_KINDS) -> None:
        """Start with the built-in kinds."""
        self._kinds = {(kind.group, kind.version, kind.plural): kind for kind in kinds}

    @property
    def kinds(self) -> tuple[ResourceKind, ...]:
        """All kinds in the order in which they came."""
        return tuple(self._kinds.values())

    def by_path(self, group: str, version: str, plural: str) -> ResourceKind | None:
        """The kind behind an API path."""
        return self._kinds.get((group, version, plural))

    def by_kind(self, api_version: str, kind: str) -> ResourceKind | None:
        """The kind that an object or an owner reference names."""
        return next(
            (
                found
                for found in self._kinds.values()
                if (found.api_version, found.kind) == (api_version, kind)
            ),
            None,
        )

    def by_storage(self, storage: StorageKey) -> ResourceKind:
        """Any version of a stored resource; raises KeyError for one that is not served."""
        for kind in self._kinds.values():
            if kind.stored_as == storage:
                return kind
        raise KeyError(storage)

    def add_crd(self, crd: JsonObject) -> None:
        """Serve the kinds of a CustomResourceDefinition in place of its former ones."""
        self.remove_crd(crd)
        for kind in render_kinds(crd):
            self._kinds[kind.group, kind.version, kind.plural] = kind

    def remove_crd(self, crd: JsonObject) -> None:
        """Serve the kinds of a CustomResourceDefinition no longer."""
        storage = (crd["spec"]["group"], crd["spec"]["names"]["plural"])
        self._kinds = {path: kind for path, kind in self._kinds.items() if kind.stored_as != storage}
