"""Pure: whether the Secret still fits what the vault showed last, and what the status tells of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vaultbind.api.conditions import ConditionType, Reason, find_condition
from vaultbind.api.refs import VaultObjectRef
from vaultbind.bindings.drift import Drift, decide_drift
from vaultbind.bindings.facts import Facts
from vaultbind.bindings.intake import Prepared
from vaultbind.bindings.manifest import is_merge, manager_of, render_metadata
from vaultbind.bindings.mark import Mark
from vaultbind.bindings.missing import find_gone
from vaultbind.bindings.ownership import Owner
from vaultbind.engine.cache import RawObject
from vaultbind.rendering.digest import digest_input, matches, parse_digest
from vaultbind.vaults.causes import Trouble, trouble_for_readers
from vaultbind.vaults.look import Sighting
from vaultbind.vaults.session import VaultSession


def compare(
    facts: Facts, prepared: Prepared, session: VaultSession, verified: tuple[str, str] | None
) -> Facts:
    """Find out whether the Secret still fits what the last look shows.

    `verified` is the stamp of a Secret whose content was compared although its owners look wrong.
    """
    existing = facts.existing
    mark = facts.mark
    if existing is None or mark is None or existing.ownership.owner is Owner.ADOPTABLE:
        return facts
    drift = drift_of(facts, existing.metadata, mark, verified)
    source = source_of(facts, session)
    same = _is_same_source(source, mark, session.known.sightings, prepared.parsed.refs)
    held = not same and _is_held(facts, prepared, session)
    return replace(
        facts,
        drift=drift,
        in_sync=(same or held) and is_told(facts, mark) and not drift.data,
        gone=find_gone(facts.spec, session.known.sightings) if same else (),
        is_held=held,
    )


def drift_of(
    facts: Facts, metadata: Mapping[str, Any], mark: Mark, verified: tuple[str, str] | None
) -> Drift:
    """What somebody else did to the Secret."""
    wanted = render_metadata(facts.key, facts.uid, facts.spec, mark.render())
    manager = manager_of(facts.spec, facts.uid)
    drift = decide_drift(metadata, wanted, mark, manager, exclusive=not is_merge(facts.spec))
    return replace(drift, data=False) if drift.data and verified == stamp(metadata) else drift


def is_told(facts: Facts, mark: Mark) -> bool:
    """Whether the status tells of the content that the Secret has."""
    return facts.status.get("revision") == mark.revision and _is_secret_named(facts)


def stamp(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """One state of one Secret."""
    return str(metadata.get("uid")), str(metadata.get("resourceVersion"))


def shown(prepared: Prepared, session: VaultSession) -> object:
    """All that tells whether a read would give the same again; never equal where something is not known."""
    sightings = [session.known.sightings.get(ref) for ref in prepared.parsed.refs]
    unsettled = any(ref in session.known.unsettled for ref in prepared.parsed.refs)
    if unsettled or any(ref not in session.known.sightings for ref in prepared.parsed.refs):
        return object()
    prints = tuple(seen.fingerprint if seen is not None else None for seen in sightings)
    return prepared.parsed.uid, prepared.parsed.generation, session.name, prints


def source_of(facts: Facts, session: VaultSession) -> Mapping[str, Any]:
    """The spec's part of the digest; the vault stands in it by URL, passwords by their Secrets' state."""
    source = {**digest_input(facts.spec), "url": session.spec.url}
    return {**source, "passwords": facts.passwords.stamps} if facts.passwords.stamps else source


def _is_same_source(
    source: Mapping[str, Any],
    mark: Mark,
    sightings: Mapping[VaultObjectRef, Sighting | None],
    refs: tuple[VaultObjectRef, ...],
) -> bool:
    """Whether the Secret was made from what is known of the objects now, beyond doubt."""
    if any(ref not in sightings for ref in refs):
        return False
    prints = {ref: seen.fingerprint if (seen := sightings[ref]) is not None else None for ref in refs}
    return matches(parse_digest(mark.digest), source, prints)


def _is_held(facts: Facts, prepared: Prepared, session: VaultSession) -> bool:
    """Whether what the status tells stands: the vault fails and has shown nothing since we started."""
    return (
        session.trouble is not None
        and any(ref not in session.known.sightings for ref in prepared.parsed.refs)
        and facts.status.get("observedGeneration") == prepared.parsed.generation
        and is_good({"status": facts.status})
    )


def with_trouble(facts: Facts, session: VaultSession, obj: RawObject) -> Facts:
    """While the vault fails, what was in sync stays told until it is too old, and nothing else becomes so."""
    if session.trouble is None or (is_good(obj) and not facts.stale):
        return facts
    return replace(facts, trouble=trouble_for_readers(session.trouble))


def with_unknown(
    facts: Facts,
    trouble: Trouble,
    session: VaultSession,
    obj: RawObject,
    verified: tuple[str, str] | None,
    *,
    forced: bool,
) -> Facts:
    """It is not known which objects there should be: that is told, unless what the status tells stands.

    It does while the vault fails, if nobody asked for a look and the Secret is as it was written.
    """
    existing, mark = facts.existing, facts.mark
    is_of_spec = facts.status.get("observedGeneration") == obj["metadata"].get("generation")
    if session.trouble is None or forced or not is_of_spec or not is_good(obj):
        return replace(facts, trouble=trouble)
    if existing is None or mark is None or existing.ownership.owner is Owner.ADOPTABLE:
        return replace(facts, trouble=trouble)
    drift = drift_of(facts, existing.metadata, mark, verified)
    if drift.data or not is_told(facts, mark):
        return replace(facts, trouble=trouble)
    return with_trouble(replace(facts, drift=drift, in_sync=True, is_held=True), session, obj)


def is_good(obj: RawObject) -> bool:
    """Whether the status tells that the Secret is as the vault and the spec say."""
    return is_synced(obj, Reason.SYNCED) or is_synced(obj, Reason.PRUNED)


def is_synced(obj: RawObject, reason: Reason) -> bool:
    """Whether the status gives that reason for Synced."""
    synced = find_condition(obj.get("status") or {}, ConditionType.SYNCED)
    return synced is not None and synced.get("reason") == reason.word


def is_written(facts: Facts) -> bool:
    """Whether the status tells of a Secret of ours under this name."""
    return bool(facts.status.get("revision")) and _is_secret_named(facts) and not is_merge(facts.spec)


def _is_secret_named(facts: Facts) -> bool:
    return facts.status.get("secretName") == facts.spec.target.name
