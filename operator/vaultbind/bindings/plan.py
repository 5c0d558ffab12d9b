"""Pure: facts in, one decision out."""

from collections.abc import Iterable, Mapping
from typing import Any

from vaultbind.api.conditions import Reason
from vaultbind.bindings.drift import is_metadata_drifted, stale_metadata_keys
from vaultbind.bindings.facts import (
    Content,
    Create,
    Decision,
    Existing,
    Facts,
    Keep,
    Patch,
    Recreate,
    Refuse,
    Remove,
)
from vaultbind.bindings.manifest import (
    is_merge,
    is_unwritten,
    manager_of,
    render_data_patch,
    render_metadata,
    render_metadata_patch,
    render_secret,
)
from vaultbind.bindings.mark import Mark, digest_keys
from vaultbind.bindings.missing import describe_gone
from vaultbind.bindings.ownership import Owner
from vaultbind.bindings.told import tell_keys
from vaultbind.kube.managed_fields import data_keys_owned_by, is_locked_by, owners

MAX_OBJECTS = 64
"""Entries of status.objects; `objectCount` counts all."""
METADATA_DETAIL = "labels, annotations or owner"
IMMUTABLE_DETAIL = "immutable"


def decide(facts: Facts) -> Decision:
    """Decide what to do with the Secret, if there is to be one."""
    if facts.trouble is not None:
        return Keep()
    if is_unwritten(facts.spec):
        return Keep(revision=_revision_of_objects(facts))
    return _decide_secret(facts)


def _decide_secret(facts: Facts) -> Decision:
    if (
        facts.existing is not None
        and facts.existing.ownership.owner is Owner.FOREIGN
        and not is_merge(facts.spec)
    ):
        return _refuse_foreign(facts, facts.existing)
    if facts.in_sync:
        return _patch_metadata(facts, facts.existing) if facts.drift.metadata and facts.existing else Keep()
    if facts.content is None:
        return _remove(facts) if facts.gone else Keep()
    if facts.existing is None:
        return _create(facts, facts.content)
    return _change(facts, facts.content, facts.existing)


def _remove(facts: Facts) -> Remove | Keep:
    """What the Secret was made of is gone (whenMissing Delete); only a Secret of ours goes with it."""
    existing = facts.existing
    if existing is None or existing.ownership.owner is not Owner.OURS or is_merge(facts.spec):
        return Keep()
    return Remove(
        uid=existing.metadata["uid"],
        resource_version=existing.metadata["resourceVersion"],
        note=Reason.SECRET_DELETED,
        detail=describe_gone(facts),
    )


def _refuse_foreign(facts: Facts, existing: Existing) -> Refuse:
    name = facts.spec.target.name
    return Refuse(
        reason=Reason.SECRET_NOT_OWNED,
        message=f"Secret {name} exists and belongs to {existing.ownership.other}; "
        f"choose another spec.target.name, "
        f"delete it, use creationPolicy Merge, or hand it over with annotation "
        f"vaultbind.dev/adopt: {facts.key.name}",
    )


def _create(facts: Facts, content: Content) -> Create | Refuse:
    if is_merge(facts.spec):
        return Refuse(
            reason=Reason.TARGET_NOT_FOUND,
            message=f"creationPolicy Merge: Secret {facts.spec.target.name} does not exist; "
            "create it or use creationPolicy Owner",
        )
    before = int(facts.status.get("revision") or 0)
    existed = before > 0 and facts.status.get("secretName") == facts.spec.target.name
    revision = before if existed and not _has_moved(facts, content) else before + 1
    return Create(
        body=render_secret(facts.key, facts.spec, _metadata(facts, content, revision), content.data),
        revision=revision,
        note=Reason.REPAIRED if existed else None,
        detail="it had been deleted" if existed else "",
    )


def _has_moved(facts: Facts, content: Content) -> bool:
    """Whether objects have other versions than those that the status tells of a Secret that is gone.

    It may be gone because we died between the two steps of making it anew.
    """
    told = facts.status.get("objects")
    return told is not None and _versions(told) != _versions(content.objects[:MAX_OBJECTS])


def _change(facts: Facts, content: Content, existing: Existing) -> Decision:
    conflict = _decide_conflict(facts, content, existing)
    if conflict is not None:
        return conflict
    before = facts.mark
    have = existing.data or {}
    owned = data_keys_owned_by(existing.metadata, manager_of(facts.spec, facts.uid))
    extra = frozenset(have) - frozenset(content.data)
    pruned = extra & owned if is_merge(facts.spec) else extra
    changes = render_data_patch(have, content.data, pruned)
    repaired = before is not None and before.digest.rsplit(".", 1)[-1] == content.digest.rsplit(".", 1)[-1]
    revision = _next_revision(facts, before, changed=bool(changes) and not repaired)
    if _must_recreate(facts, existing, changed=bool(changes)):
        return _recreate(facts, content, existing, revision, changed=bool(changes))
    wanted = _metadata(facts, content, revision)
    stale = stale_metadata_keys(existing.metadata, wanted, manager_of(facts.spec, facts.uid))
    body: dict[str, Any] = {"metadata": render_metadata_patch(existing.metadata, wanted, stale)}
    if changes:
        body["data"] = changes
    if facts.spec.target.immutable and not existing.immutable:
        body["immutable"] = True
    is_pruned = bool(facts.gone) and None in changes.values()
    if set(body) == {"metadata"} and set(body["metadata"]) == {"uid", "resourceVersion"}:
        return Keep(revision=revision)
    return Patch(
        body=body,
        revision=revision,
        note=Reason.PRUNED
        if is_pruned
        else _note(
            changed=bool(changes),
            repaired=repaired,
            touched="immutable" in body or _is_touched(facts, existing, before),
        ),
        detail=IMMUTABLE_DETAIL
        if set(body) == {"metadata", "immutable"}
        else _detail(facts, content, changes, owned),
    )


def _is_touched(facts: Facts, existing: Existing, before: Mark | None) -> bool:
    """Whether somebody changed metadata of ours; the mark itself moves without that."""
    if before is None:
        return False
    expected = render_metadata(facts.key, facts.uid, facts.spec, before.render())
    return is_metadata_drifted(existing.metadata, expected)


def _note(*, changed: bool, repaired: bool, touched: bool) -> Reason | None:
    if repaired:
        return Reason.REPAIRED if changed or touched else None
    return Reason.UPDATED if changed else None


def _detail(facts: Facts, content: Content, changes: dict[str, str | None], owned: frozenset[str]) -> str:
    if not changes:
        return METADATA_DETAIL
    if facts.gone and None in changes.values():
        pruned = [key for key, value in changes.items() if value is None]
        others = changes.keys() - pruned
        also = f"; {tell_keys(facts, content, others, owned)} changed" if others else ""
        return f"{tell_keys(facts, content, pruned, owned)}; {describe_gone(facts)}{also}"
    by = f", changed by {', '.join(facts.drift.managers)}" if facts.drift.managers else ""
    return f"{tell_keys(facts, content, changes, owned)}{by}"


def _decide_conflict(facts: Facts, content: Content, existing: Existing) -> Refuse | None:
    """A merging binding takes no key that another manager owns."""
    if not is_merge(facts.spec):
        return None
    manager = manager_of(facts.spec, facts.uid)
    taken = {
        key: names - {manager}
        for key, names in owners(existing.metadata).items()
        if key in content.data and manager not in names
    }
    for key in sorted(taken):
        named = f"key {key}" if key in content.told else "a key that dataFrom gives"
        return Refuse(
            reason=Reason.CONFLICT,
            message=f"{named} of Secret {facts.spec.target.name} belongs to field manager "
            f"{', '.join(sorted(taken[key]))}; choose another key or remove it there",
        )
    return None


def _must_recreate(facts: Facts, existing: Existing, *, changed: bool) -> bool:
    if is_merge(facts.spec):
        return False
    is_other_type = existing.type not in (None, facts.spec.target.type)
    return is_other_type or (existing.immutable and (changed or _is_set_free(facts, existing)))


def _is_set_free(facts: Facts, existing: Existing) -> bool:
    """Whether the spec no longer wants the Secret immutable; what a person has locked is left so."""
    manager = manager_of(facts.spec, facts.uid)
    return not facts.spec.target.immutable and is_locked_by(existing.metadata, manager)


def _recreate(
    facts: Facts, content: Content, existing: Existing, revision: int, *, changed: bool
) -> Recreate:
    why = "it was immutable" if not changed else "immutable"
    why = why if existing.type == facts.spec.target.type else f"type was {existing.type}"
    return Recreate(
        body=render_secret(facts.key, facts.spec, _metadata(facts, content, revision), content.data),
        uid=existing.metadata["uid"],
        resource_version=existing.metadata["resourceVersion"],
        revision=revision,
        note=Reason.RECREATED,
        detail=why,
    )


def _patch_metadata(facts: Facts, existing: Existing) -> Decision:
    """The content is right, only labels, annotations or the owner are not: no value is needed."""
    mark = facts.mark
    if mark is None:
        return Keep()
    wanted = render_metadata(facts.key, facts.uid, facts.spec, mark.render())
    stale = stale_metadata_keys(existing.metadata, wanted, manager_of(facts.spec, facts.uid))
    return Patch(
        body={"metadata": render_metadata_patch(existing.metadata, wanted, stale)},
        revision=mark.revision,
        note=Reason.REPAIRED,
        detail=METADATA_DETAIL,
    )


def _metadata(facts: Facts, content: Content, revision: int) -> dict[str, object]:
    mark = Mark(
        digest=content.digest,
        keys=digest_keys(content.data),
        revision=revision,
        generation=facts.generation,
    )
    return render_metadata(facts.key, facts.uid, facts.spec, mark.render())


def _revision_of_objects(facts: Facts) -> int | None:
    """Without a Secret the objects' versions tell whether the content is another one; their dates do not."""
    told = int(facts.status.get("revision") or 0)
    if facts.content is None:
        return told or None
    now, before = facts.content.objects[:MAX_OBJECTS], facts.status.get("objects") or ()
    return told if told and _versions(now) == _versions(before) else told + 1


def _versions(objects: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(item.get(field) for field in ("kind", "name", "version")) for item in objects]


def _next_revision(facts: Facts, before: Mark | None, *, changed: bool) -> int:
    last = before.revision if before is not None else int(facts.status.get("revision") or 0)
    return last + 1 if changed or last == 0 else last
