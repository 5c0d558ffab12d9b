"""`dataFrom.find`: which objects fit, by what a list of the vault shows of them."""

from collections.abc import Iterable

from vaultbind.api.data_from import FindEntry
from vaultbind.api.refs import VaultObjectKind
from vaultbind.rendering.patterns import compile_pattern
from vaultbind.rendering.rewrite import Effort, cost_of

Tags = Iterable[tuple[str, str]]


def has_name(entry: FindEntry, name: str, effort: Effort) -> bool:
    """Whether the whole name matches, in the case that the vault shows.

    Raises EffortError where that costs more than is left, PatternError for what `check_rewrites` refuses.
    """
    if not entry.regexp:
        return True
    pattern = compile_pattern(entry.regexp)
    effort.spend(cost_of(pattern, name))
    return pattern.is_whole(name)


def has_tags(entry: FindEntry, tags: Tags) -> bool:
    """Whether an object has all the tags, with these values."""
    return not entry.tags or set(entry.tags) <= set(tags)


def kinds_to_list(entries: Iterable[FindEntry]) -> frozenset[VaultObjectKind]:
    """Kinds whose lists show what fits, and how what is read of it looks: of certificates their secrets."""
    kinds = {kind for entry in entries for kind in entry.kinds}
    if VaultObjectKind.CERTIFICATE in kinds:
        kinds.add(VaultObjectKind.SECRET)
    return frozenset(kinds)
