"""Pure: a list held against the cache, to find what a watch has missed."""

from collections.abc import Mapping
from dataclasses import dataclass

from vaultbind.api.refs import ObjectKey

Versions = Mapping[ObjectKey, tuple[str, int]]
"""uid and resourceVersion (as a number) of each object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """What a list shows that the cache does not."""

    gone: tuple[tuple[ObjectKey, str], ...] = ()
    """Cached, not listed: key and uid. Deletions that the watch did not tell."""
    behind: tuple[ObjectKey, ...] = ()
    """Listed, but missing or older in the cache."""


def compare(listed: Versions, cached_before: Versions, cached: Versions) -> SweepResult:
    """Compare a list with the cache as it was before the list was asked for, and as it is now.

    Objects cached only since then are newer than the list and no deletions.
    """
    gone = tuple(
        (key, uid)
        for key, (uid, _) in cached_before.items()
        if key in cached and cached[key][0] == uid and (key not in listed or listed[key][0] != uid)
    )
    behind = tuple(
        key
        for key, (uid, version) in listed.items()
        if key not in cached or (cached[key][0] == uid and cached[key][1] < version)
    )
    return SweepResult(gone=gone, behind=behind)
