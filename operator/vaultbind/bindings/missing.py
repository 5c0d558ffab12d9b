"""Pure: objects that are gone from the vault, and what `spec.target.whenMissing` says of them.

An object is gone where the vault says so of just this object, and nothing else is wrong; a vault that fails,
refuses or hides changes nothing. It applies to a Secret that was written before: the first one needs all.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vaultbind.api.binding import BindingSpec, NamedEntry, Source, WhenMissing
from vaultbind.api.conditions import Reason
from vaultbind.api.data_from import FindEntry
from vaultbind.api.refs import VaultObjectRef
from vaultbind.bindings.facts import Facts
from vaultbind.bindings.manifest import is_merge
from vaultbind.bindings.ownership import Owner
from vaultbind.rendering.problems import RenderProblem
from vaultbind.rendering.wanted import known_as, ref_of


def find_gone(spec: BindingSpec, found: Mapping[VaultObjectRef, Any]) -> tuple[str, ...]:
    """Objects of entries that are not optional, and that the vault does not have, as messages name them.

    None of them where whenMissing is Retain. `found`: what was seen or read of each, None where it is gone.
    """
    if spec.target.when_missing is WhenMissing.RETAIN:
        return ()
    sources: list[Source | NamedEntry] = [entry.source for entry in spec.data if not entry.optional]
    sources += [entry for entry in spec.named_from if not entry.optional]
    gone = [source for source in sources if found.get(ref_of(source), source) is None]
    return tuple(dict.fromkeys(str(known_as(source)) for source in gone))


def decide_gone(
    facts: Facts, found: Mapping[VaultObjectRef, Any], problems: tuple[RenderProblem, ...]
) -> tuple[str, ...]:
    """Objects whose absence, and nothing but that, keeps a written Secret from being right."""
    is_all = all(problem.reason is Reason.OBJECT_NOT_FOUND for problem in problems)
    return find_gone(facts.spec, found) if is_all and _is_written(facts) else ()


def _is_written(facts: Facts) -> bool:
    """Whether there is, or was, a Secret of this binding; after whenMissing Delete the revision tells."""
    if facts.existing is not None:
        return facts.existing.ownership.owner is Owner.OURS and facts.mark is not None
    return bool(facts.status.get("revision")) and not is_merge(facts.spec)


def forgive(spec: BindingSpec, found: Mapping[VaultObjectRef, Any]) -> BindingSpec:
    """The spec with each entry optional whose object is gone."""
    return replace(
        spec,
        data=tuple(
            replace(entry, optional=True) if found.get(ref_of(entry.source)) is None else entry
            for entry in spec.data
        ),
        data_from=tuple(
            entry
            if isinstance(entry, FindEntry) or found.get(ref_of(entry)) is not None
            else replace(entry, optional=True)
            for entry in spec.data_from
        ),
    )


def describe_gone(facts: Facts) -> str:
    """`secret a is gone from the vault`."""
    verb = "are" if len(facts.gone) > 1 else "is"
    return f"{', '.join(facts.gone)} {verb} gone from the vault"
