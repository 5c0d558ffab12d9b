"""Pure: bindings that do not follow the vault (`spec.refreshPolicy`), and what was written for them.

The mark on the Secret is the claim: it names the generation of the spec that the Secret was made for. While
it stands, the vault is not asked; a Secret that somebody edited is repaired with the versions that the
status tells. Whoever takes the Secret or its mark away asks for what the vault holds then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from vaultbind.api.binding import BindingSpec, RefreshPolicy, WhenMissing
from vaultbind.api.conditions import Reason
from vaultbind.api.names import ANNOTATION_REQUESTED_AT, LABEL_BINDING_UID
from vaultbind.api.refs import VaultObjectRef
from vaultbind.bindings.compare import drift_of, is_told
from vaultbind.bindings.facts import Existing, Facts
from vaultbind.bindings.mark import Mark
from vaultbind.bindings.missing import find_gone
from vaultbind.bindings.ownership import Owner
from vaultbind.rendering.wanted import ref_of
from vaultbind.vaults.causes import Trouble
from vaultbind.vaults.reads import Reading

_LATER: Final[Mapping[RefreshPolicy, str]] = {
    RefreshPolicy.ON_SPEC_CHANGE: "later ones are taken when the spec changes",
    RefreshPolicy.ONCE: "later ones, and changes of data and dataFrom, are not taken while it is there",
}


def stands(policy: RefreshPolicy, mark: Mark, generation: int) -> bool:
    """Whether what was written with that mark is what the policy asks for at that generation."""
    return policy is RefreshPolicy.ONCE or (
        policy is RefreshPolicy.ON_SPEC_CHANGE and mark.generation == generation
    )


def compare_kept(facts: Facts, refs: Sequence[VaultObjectRef], verified: tuple[str, str] | None) -> Facts:
    """Find out whether the Secret is as it was written, whatever the vault holds now.

    `refs` are the objects of the spec; `verified` is the stamp of a Secret whose content was compared
    although its owners look wrong.
    """
    existing, mark = facts.existing, facts.mark
    if existing is None or mark is None or facts.generation is None:
        return facts
    if not _is_written_by(facts.uid, existing) or not is_told(facts, mark):
        return facts
    if not stands(facts.spec.refresh_policy, mark, facts.generation):
        return facts
    drift = drift_of(facts, existing.metadata, mark, verified)
    in_sync = not drift.data and existing.ownership.owner is Owner.OURS
    stale = facts.stale and not in_sync
    return replace(
        facts, drift=drift, kept=True, in_sync=in_sync, stale=stale, gone=_gone_before(facts, refs)
    )


def _is_written_by(uid: str, existing: Existing) -> bool:
    """Whether this very binding wrote the Secret, even if it lost its owner; a restored backup is none."""
    labels = existing.metadata.get("labels") or {}
    return existing.ownership.owner is Owner.OURS or labels.get(LABEL_BINDING_UID) == uid


def _gone_before(facts: Facts, refs: Sequence[VaultObjectRef]) -> tuple[str, ...]:
    """What whenMissing Prune had to do without when the Secret was written, as the status tells."""
    if facts.spec.target.when_missing is WhenMissing.RETAIN:
        return ()
    asked = kept_refs(facts, refs)
    return find_gone(facts.spec, {ref: None for ref in refs if ref not in asked})


def kept_refs(facts: Facts, refs: Sequence[VaultObjectRef]) -> dict[VaultObjectRef, VaultObjectRef]:
    """What to ask for in place of `refs`, so that a repair gives what was written.

    Left out is what the vault did not have then. Where the status does not tell (it names the first objects
    only, and those of another spec), the latest version is all that there is.
    """
    told: dict[tuple[str, str], list[str]] = {}
    for item in facts.status.get("objects") or ():
        told.setdefault((item["kind"], item["name"]), []).append(str(item.get("version") or "").lower())
    pinned = {ref._replace(version=ref.version.lower()) for ref in refs if ref.version}
    is_whole = _is_all_told(facts)
    asked = {}
    for ref in refs:
        versions = told.get((ref.kind.value, ref.name), [])
        if not ref.version and versions:  # of two, the one that no other entry names
            others = [version for version in versions if ref._replace(version=version) not in pinned]
            asked[ref] = ref._replace(version=(others or versions)[0])
        elif not is_whole or ref.version.lower() in versions:
            asked[ref] = ref
    return asked


def _is_all_told(facts: Facts) -> bool:
    """Whether the status names all that the Secret was made of, for the spec as it is now."""
    is_same_spec = facts.mark is not None and facts.mark.generation == facts.generation
    return is_same_spec and facts.status.get("objectCount") == len(facts.status.get("objects") or ())


def find_lost(
    spec: BindingSpec,
    asked: Mapping[VaultObjectRef, VaultObjectRef],
    readings: Mapping[VaultObjectRef, Reading],
) -> Trouble | None:
    """A version that was written, or an object that the spec needs, and that the vault does not have.

    No repair goes without it: what `whenMissing` says is about what a look finds.
    """
    needed = {ref_of(entry.source) for entry in spec.data if not entry.optional}
    needed |= {ref_of(entry) for entry in spec.named_from if not entry.optional}
    absent = [pair for pair in asked.items() if readings[pair[0]].value is None]
    lost = [wanted for ref, wanted in absent if ref != wanted or ref in needed]
    if not lost:
        return None
    more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    message = f"{lost[0]}, which the repair of the Secret needs, is not in the vault{more}"
    return Trouble(reason=Reason.OBJECT_NOT_FOUND, message=message)


def with_kept(facts: Facts) -> Facts:
    """What a repair read, told as such: the same content, or what to do where it cannot be had."""
    if facts.trouble is not None and not facts.trouble.vault_wide:
        return replace(facts, trouble=_with_way_out(facts.trouble, facts.spec))
    if facts.content is None or facts.mark is None or not _is_all_told(facts):
        return facts
    if facts.spec.passwords:  # those are of now, and the digest tells
        return facts
    return replace(facts, content=replace(facts.content, digest=facts.mark.digest))


def _with_way_out(trouble: Trouble, spec: BindingSpec) -> Trouble:
    way_out = (
        f"refreshPolicy {spec.refresh_policy} repairs with the versions that were written: to take those of "
        f"now, delete Secret {spec.target.name} or set annotation {ANNOTATION_REQUESTED_AT}"
    )
    return replace(trouble, message=f"{trouble.message}; {way_out}")


def describe_kept(spec: BindingSpec) -> str:
    """What a good Secret of such a binding holds."""
    policy = spec.refresh_policy
    return (
        f"Secret {spec.target.name} holds the versions that status.objects names; "
        f"refreshPolicy {policy}: {_LATER[policy]}"
    )
