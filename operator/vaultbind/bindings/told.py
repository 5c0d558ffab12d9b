"""Pure: which keys of a Secret messages may name.

`dataFrom.extract` makes keys of names that are a part of a value. Those are counted, and so is a key that
goes and that the spec does not name: it may have been one under a former spec.
"""

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet

from vaultbind.api.given_keys import given_keys
from vaultbind.bindings.facts import Content, Facts


def tell_keys(facts: Facts, content: Content, keys: Iterable[str], ours: Collection[str]) -> str:
    """Words for keys that change: `keys a, b`, `2 keys` or `keys a, b and 2 more`; `ours` are those of us."""
    found = sorted(keys)
    may = _told(facts, content, found, ours)
    named = [key for key in found if key in may]
    left = len(found) - len(named)
    if not named:
        return "1 key" if left == 1 else f"{left} keys"
    return f"keys {', '.join(named)}" + (f" and {left} more" if left else "")


def _told(facts: Facts, content: Content, keys: Iterable[str], ours: Collection[str]) -> AbstractSet[str]:
    if given_keys(facts.spec.data, facts.spec.data_from).is_open:
        return content.told
    return content.told.union(key for key in keys if key not in ours)
