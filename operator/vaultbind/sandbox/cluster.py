"""The cluster behind the API: reads and writes with the rules of the real server, without any I/O.

Time and identity are passed in. `Cluster` finds the object and keeps the store; what a write makes of
an object is in drafting.py, who owns its fields in ownership.py, what a deletion leaves behind in
garbage.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from vaultbind.sandbox.apply import apply_configuration
from vaultbind.sandbox.builtin_kinds import CRDS, EVENTS_V1, NAMESPACES
from vaultbind.sandbox.deletion import (
    DeleteOptions,
    check_preconditions,
    finalizers_after_delete,
    is_container,
    marked_for_deletion,
)
from vaultbind.sandbox.documents import JsonObject, is_same, metadata, timestamp
from vaultbind.sandbox.drafting import Draft, WriteOptions, draft_new, draft_successor
from vaultbind.sandbox.errors import (
    Cause,
    already_exists,
    internal,
    invalid,
    not_found,
    terminating,
)
from vaultbind.sandbox.events import from_core
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.managed_fields import APPLY, Entry
from vaultbind.sandbox.ownership import (
    entries_after_update,
    entries_before_apply,
    is_unchanged,
    manager_key,
    own_part,
    set_entries,
    strips_entries,
    with_entries_of,
)
from vaultbind.sandbox.patches import PatchType
from vaultbind.sandbox.registry import Registry
from vaultbind.sandbox.store import ObjectKey, Store
from vaultbind.sandbox.write_checks import (
    check_configuration,
    check_declared,
    check_identity,
    check_name,
    check_uid_is_kept,
    patched,
)

DEFAULT_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a write answers."""

    document: JsonObject
    created: bool = False
    warnings: tuple[str, ...] = ()


class Cluster:
    """All objects and kinds; every public method either does the whole write or raises StatusError."""

    def __init__(
        self, *, clock: Callable[[], datetime], new_uid: Callable[[], str], store: Store | None = None
    ) -> None:
        """`clock` gives aware times; `new_uid` identities and the random part of generated names."""
        self.store = store or Store()
        self.registry = Registry()
        self._clock = clock
        self._new_uid = new_uid
        options = WriteOptions(manager="kube-apiserver")
        for name in DEFAULT_NAMESPACES:
            self.create(NAMESPACES, "", {"metadata": {"name": name}}, options)

    # ------------------------------------------------------------------------------------------- reads
    def get(self, kind: ResourceKind, namespace: str, name: str) -> JsonObject:
        """One object as this version of its kind shows it; raises StatusError 404."""
        return present(self._live(kind, namespace, name), kind)

    def objects(self, kind: ResourceKind, namespace: str = "") -> list[JsonObject]:
        """All objects of a kind, ordered by namespace and name."""
        return [present(found, kind) for found in self.store.objects(kind.stored_as, namespace)]

    def _live(self, kind: ResourceKind, namespace: str, name: str) -> JsonObject:
        found = self.store.get(key_of(kind, namespace, name))
        if found is None:
            raise not_found(kind.group, kind.plural, name)
        return found

    # ------------------------------------------------------------------------------------------ writes
    def create(self, kind: ResourceKind, namespace: str, body: JsonObject, options: WriteOptions) -> Written:
        """POST. Raises StatusError 400, 403, 404 (namespace), 409, 422."""
        if metadata(body).get("resourceVersion"):
            raise internal("resourceVersion should not be set on objects to be created")
        draft = self._draft_new(kind, namespace, body, options)
        entries = entries_after_update(kind, {}, draft.document, options, self._now())
        return self._store_new(draft, entries, options)

    def update(
        self, kind: ResourceKind, namespace: str, name: str, body: JsonObject, options: WriteOptions
    ) -> Written:
        """PUT. Raises StatusError 400, 404, 409, 422."""
        check_name(name, body)
        if kind.create_on_update and self.store.get(key_of(kind, namespace, name)) is None:
            return self.create(kind, namespace, body, options)
        live = self._live(kind, namespace, name)
        if not metadata(body).get("resourceVersion") and not kind.unconditional_update:
            problem = "Invalid value: 0: must be specified for an update"
            cause = Cause(field="metadata.resourceVersion", message=problem)
            raise invalid(kind.group, kind.plural, name, [cause])
        return self._replace(kind, live, body, options)

    def patch(  # noqa: PLR0917 - what the request line says, in its order
        self,
        kind: ResourceKind,
        namespace: str,
        name: str,
        patch: Any,
        patch_type: PatchType,
        options: WriteOptions,
    ) -> Written:
        """PATCH of any kind. Raises StatusError 400, 404, 409, 422."""
        if patch_type is PatchType.APPLY:
            return self._apply(kind, namespace, name, patch, options)
        live = self._live(kind, namespace, name)
        body = patched(present(live, kind), patch, patch_type, kind)
        check_name(name, body)
        if not options.subresource:
            check_uid_is_kept(kind, live, body)
        return self._replace(kind, live, body, options)

    def _apply(
        self, kind: ResourceKind, namespace: str, name: str, configuration: Any, options: WriteOptions
    ) -> Written:
        check_configuration(kind, name, configuration)
        found = self.store.get(key_of(kind, namespace, name))
        if found is None and options.subresource:
            raise not_found(kind.group, kind.plural, name)
        live = present(found, kind) if found else {}
        check_identity(kind, live, configuration)
        check_declared(kind, configuration)
        applied = apply_configuration(
            live,
            own_part(configuration, kind, options),
            kind.schema,
            entries=entries_before_apply(kind, live, options),
            key=manager_key(kind, options, APPLY),
            force=options.force,
            time=self._now(),
        )
        if found is None:
            draft = self._draft_new(kind, namespace, applied.document, options)
            return self._store_new(draft, applied.entries, options)
        return self._replace(kind, found, applied.document, options, applied.entries)

    def _draft_new(
        self, kind: ResourceKind, namespace: str, body: JsonObject, options: WriteOptions
    ) -> Draft:
        self._check_namespace(kind, namespace, str(metadata(body).get("name", "")))
        draft = draft_new(kind, namespace, body, options, now=self._now(), uid=self._new_uid())
        if self.store.get(key_of(kind, namespace, draft.name)) is not None:
            raise already_exists(kind.group, kind.plural, draft.name)
        draft.refuse_if_invalid()
        return draft

    def _store_new(self, draft: Draft, entries: tuple[Entry, ...], options: WriteOptions) -> Written:
        set_entries(draft.document, entries)
        if not options.dry_run:
            self._put(draft.kind, draft.document)
        return Written(document=present(draft.document, draft.kind), created=True, warnings=draft.warnings)

    def _replace(
        self,
        kind: ResourceKind,
        live: JsonObject,
        body: JsonObject,
        options: WriteOptions,
        applied: tuple[Entry, ...] | None = None,
    ) -> Written:
        """The common end of every change of an object that exists; `applied` are entries of an apply."""
        check_identity(kind, live, body)
        draft = draft_successor(kind, live, body, options, now=self._now())
        draft.refuse_if_invalid()
        document, entries = draft.document, applied
        if strips_entries(body):
            entries = ()
        elif entries is None:
            before = with_entries_of(live, body)
            entries = entries_after_update(kind, before, document, options, self._now())
        if is_unchanged(live, document, entries):
            return Written(document=present(live, kind), warnings=draft.warnings)
        set_entries(document, entries)
        if not options.dry_run:
            self._commit(kind, document)
        return Written(document=present(document, kind), warnings=draft.warnings)

    def _commit(self, kind: ResourceKind, document: JsonObject) -> None:
        """Store a changed object; one whose last finalizer went while it was being deleted is removed."""
        meta = document["metadata"]
        if meta.get("deletionTimestamp") and not meta.get("finalizers") and not is_container(kind):
            self.remove(key_of(kind, meta.get("namespace", ""), meta["name"]))
        else:
            self._put(kind, document)

    def _put(self, kind: ResourceKind, document: JsonObject) -> None:
        meta = document["metadata"]
        self.store.put(key_of(kind, meta.get("namespace", ""), meta["name"]), document)
        if kind.stored_as == CRDS.stored_as:
            self.registry.add_crd(document)

    # --------------------------------------------------------------------------------------- deletions
    def delete(
        self, kind: ResourceKind, namespace: str, name: str, options: DeleteOptions
    ) -> tuple[JsonObject, bool]:
        """DELETE; gives the object and whether it is gone at once. Raises StatusError 404, 409."""
        live = self._live(kind, namespace, name)
        check_preconditions(kind, live, options)
        finalizers = finalizers_after_delete(live, options.propagation)
        if not finalizers and not is_container(kind):
            if not options.dry_run:
                self.remove(key_of(kind, namespace, name))
            return present(live, kind), True
        marked = marked_for_deletion(live, finalizers, self._now())
        if not options.dry_run and not is_same(live, marked):
            self.store.put(key_of(kind, namespace, name), marked)
        return present(marked, kind), False

    def remove(self, key: ObjectKey) -> None:
        """Take an object out of the store without further questions; no error when it is gone."""
        document = self.store.get(key)
        if document is None:
            return
        self.store.remove(key)
        if key.storage == CRDS.stored_as:
            self.registry.remove_crd(document)

    # ----------------------------------------------------------------------------------------- details
    def _now(self) -> str:
        return timestamp(self._clock().astimezone(UTC))

    def _check_namespace(self, kind: ResourceKind, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        found = self.store.get(key_of(NAMESPACES, "", namespace))
        if found is None:
            raise not_found("", "namespaces", namespace)
        if metadata(found).get("deletionTimestamp"):
            raise terminating(kind.group, kind.plural, name, namespace)


def key_of(kind: ResourceKind, namespace: str, name: str) -> ObjectKey:
    """Where an object of a kind is stored."""
    return ObjectKey(storage=kind.stored_as, namespace=namespace if kind.namespaced else "", name=name)


def present(document: JsonObject, kind: ResourceKind) -> JsonObject:
    """A stored object as one version of its kind shows it."""
    if kind.group == EVENTS_V1.group:
        return from_core(document)
    if document.get("apiVersion") == kind.api_version:
        return document
    return {**document, "apiVersion": kind.api_version}
