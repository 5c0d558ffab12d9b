"""Keys that the entries of one source of `dataFrom` get in the Secret.

Names of the entries may be a part of a value: messages count them, and name none.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from vaultbind.api.conditions import Reason
from vaultbind.api.data_from import Rewrite
from vaultbind.rendering.keys import is_key
from vaultbind.rendering.problems import EntryError
from vaultbind.rendering.rewrite import Effort, EffortError, rewrite_names

_RULE: Final = "at most 253 letters, digits, '-', '_' and '.'"


def name_keys(
    entries: Mapping[str, bytes],
    rewrites: Sequence[Rewrite] = (),
    *,
    shown: str,
    effort: Effort | None = None,
) -> dict[str, bytes]:
    """The entries under the keys that the Secret gets, in their order. `effort` is the binding's.

    Raises :class:`EntryError` with INVALID_KEY_NAME, DUPLICATE_KEY or INVALID_SPEC (rewrites that cost too
    much).
    """
    names: Sequence[str | None] = list(entries)
    if rewrites:
        names = _rewrite(list(entries), rewrites, shown, effort)
    _check_valid(names, shown)
    _check_unique(names, shown)
    return {name: value for name, value in zip(names, entries.values(), strict=True) if name is not None}


def _rewrite(
    names: Sequence[str], rewrites: Sequence[Rewrite], shown: str, effort: Effort | None
) -> Sequence[str | None]:
    try:
        return rewrite_names(names, rewrites, effort)
    except EffortError:
        text = (
            f"the `rewrite` of {shown} takes too long over {len(names)} entries: write simpler expressions, "
            "or fewer of them"
        )
    raise EntryError(Reason.INVALID_SPEC, text)


def _check_valid(names: Sequence[str | None], shown: str) -> None:
    wrong = [place for place, name in enumerate(names, start=1) if name is None or not is_key(name)]
    if not wrong:
        return
    text = (
        f"{shown} gives {len(wrong)} of {len(names)} entries a name that no key of a Secret may have "
        f"({_RULE}), first entry {wrong[0]}; change it in the vault, or by `rewrite`"
    )
    raise EntryError(Reason.INVALID_KEY_NAME, text)


def _check_unique(names: Sequence[str | None], shown: str) -> None:
    first: dict[str | None, int] = {}
    for place, name in enumerate(names, start=1):
        if name in first:
            text = (
                f"{shown} gives {len(names) - len(set(names))} of {len(names)} entries a key that another "
                f"one has, first entry {place} that of entry {first[name]}; change `rewrite`"
            )
            raise EntryError(Reason.DUPLICATE_KEY, text)
        first[name] = place


def name_found(
    pairs: Sequence[tuple[str, bytes]], rewrites: Sequence[Rewrite] = (), *, effort: Effort | None = None
) -> dict[str, bytes]:
    """Values of objects by the objects' names, under the keys that the Secret gets.

    Raises :class:`EntryError` as `name_keys` does; names of objects are no values, so messages tell them.
    """
    given = [name for name, _ in pairs]
    names: Sequence[str | None] = _rewrite(given, rewrites, "find", effort) if rewrites else given
    made: dict[str, bytes] = {}
    first: dict[str, str] = {}
    for name, (found, value) in zip(names, pairs, strict=True):
        if name is None or not is_key(name):
            text = f"object {found} gets a name that no key of a Secret may have ({_RULE}); change `rewrite`"
            raise EntryError(Reason.INVALID_KEY_NAME, text)
        if name in first:
            raise EntryError(Reason.DUPLICATE_KEY, _tell_twice(first[name], found, name))
        first[name], made[name] = found, value
    return made


def _tell_twice(one: str, other: str, key: str) -> str:
    if one == other:
        return f"objects of two kinds are named {one}; use an entry for each kind, with other `rewrite`"
    return f"objects {one} and {other} both get key {key}; change `rewrite`"
