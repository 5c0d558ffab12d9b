"""Pure: what a binding's `find` entries find in the vault's lists, or why that cannot be told."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from vaultbind.api.binding import BindingSpec
from vaultbind.api.conditions import Reason
from vaultbind.api.data_from import FindEntry
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.rendering.find import has_name
from vaultbind.rendering.rewrite import Effort, EffortError
from vaultbind.rendering.wanted import read_as
from vaultbind.vaults.access import MayRead
from vaultbind.vaults.catalog import Catalog, Catalogs, Listed, NoList, find_all
from vaultbind.vaults.causes import Trouble
from vaultbind.vaults.look import MOST_LISTED, MOST_PAGES

MOST_FOUND: Final = 100
"""Objects that a binding may find: each is got when any of them changes."""

_FORBIDDEN: Final = (
    "the vault refuses the list of {kind}s, which dataFrom.find needs: grant the identity {kind}s/list on "
    "the whole vault (a role such as Key Vault Secrets User has it), or name the objects in spec.data"
)
_SWITCHED_OFF: Final = (
    "detection of the KeyVault is Get, and dataFrom.find needs the list of {kind}s: set detection: Auto "
    "there, or name the objects in spec.data"
)
_TOO_LONG: Final = (
    f"the list of {{kind}}s has more than {MOST_PAGES} pages or {MOST_LISTED} objects, so nothing can be "
    "found in it: split the vault, or name the objects in spec.data"
)
_WHY: Final[Mapping[NoList, tuple[Reason, str]]] = {
    NoList.FORBIDDEN: (Reason.LIST_NEEDED, _FORBIDDEN),
    NoList.SWITCHED_OFF: (Reason.LIST_NEEDED, _SWITCHED_OFF),
    NoList.TOO_LONG: (Reason.LIST_TOO_LONG, _TOO_LONG),
}
TAKES_TOO_LONG: Final = Trouble(
    reason=Reason.INVALID_SPEC,
    message="a regexp of dataFrom.find takes too long over the names in the vault: write a simpler one",
)
"""No number: how many objects there are is not for everybody."""


def explain_missing(kinds: Iterable[VaultObjectKind], catalogs: Catalogs) -> Trouble | None:
    """Why there is no list of one of these kinds; None where there are all."""
    for kind in sorted(kinds):
        known = catalogs.get(kind)
        if isinstance(known, NoList):
            reason, words = _WHY[known]
            return Trouble(reason=reason, message=words.format(kind=kind.value))
        if known is None:
            return Trouble(reason=Reason.VAULT_ERROR, message=f"there is no list of {kind.value}s yet")
    return None


def search(
    spec: BindingSpec,
    catalogs: Mapping[VaultObjectKind, Catalog],
    may_read: MayRead,
    unlisted: Mapping[VaultObjectRef, Listed],
) -> BindingSpec | Trouble:
    """The spec with what each `find` finds; `unlisted` are objects that a list lacks and that are there."""
    try:
        found = iter(find_all(spec.finds, catalogs, may_read, unlisted))
    except EffortError:
        return TAKES_TOO_LONG
    entries = (
        replace(entry, found=next(found)) if isinstance(entry, FindEntry) else entry
        for entry in spec.data_from
    )
    expanded = replace(spec, data_from=tuple(entries))
    count = len({ref for entry in expanded.finds for ref in entry.found})
    if count <= MOST_FOUND:
        return expanded
    message = (
        f"{count} objects fit dataFrom.find, a binding may find {MOST_FOUND}: "
        "narrow name or tags, or use several bindings"
    )
    return Trouble(reason=Reason.TOO_MANY_OBJECTS, message=message)


def find_doubtful(
    spec: BindingSpec,
    before: Iterable[VaultObjectRef],
    catalogs: Mapping[VaultObjectKind, Catalog],
    may_read: MayRead,
) -> frozenset[VaultObjectRef]:
    """Objects, as people know them, that were found `before` (as they are read), and that the lists lack.

    A list may be short or old, or a permission lost: one get of each tells whether it is gone. Raises
    EffortError.
    """
    effort = Effort()
    doubtful = set()
    for entry in spec.finds:
        for kind in entry.kinds:
            doubtful |= {
                VaultObjectRef(kind, ref.name)
                for ref in before
                if read_as(VaultObjectRef(kind, ref.name)) == ref
                and ref.name.lower() not in catalogs[kind].items
                and may_read(kind, ref.name)
                and has_name(entry, ref.name, effort)
            }
    return frozenset(doubtful)


def told_before(status: Mapping[str, Any]) -> frozenset[VaultObjectRef]:
    """Objects that the status tells of, as they were read: at most 64."""
    objects = status.get("objects") or ()
    return frozenset(VaultObjectRef(VaultObjectKind(item["kind"]), item["name"]) for item in objects)
