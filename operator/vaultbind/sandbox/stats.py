"""Counts of requests, for tests and the demo: what a program asked of the API."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

WRITE_VERBS: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RequestKey:
    """What requests are counted by."""

    verb: str
    resource: str
    """Plural, with its group unless that is the core one: `secrets`, `vaultbindings.vaultbind.dev`."""
    subresource: str = ""
    patch: str = ""
    """merge, json, strategic or apply."""
    representation: str = "plain"
    """plain, metadata or table."""
    manager: str = ""
    """Field manager or first word of the User-Agent."""
    status: int = 200


class Stats:
    """A counter that can be asked by any of its members."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._counts: Counter[RequestKey] = Counter()

    def record(self, key: RequestKey) -> None:
        """Count one request."""
        self._counts[key] += 1

    def count(self, **members: str | int) -> int:
        """Requests whose key has all the given members, such as `count(verb="patch", resource="secrets")`."""
        return sum(
            count
            for key, count in self._counts.items()
            if all(getattr(key, name) == value for name, value in members.items())
        )

    def writes(self, **members: str | int) -> int:
        """Requests with a verb that writes, filtered as in `count`."""
        return sum(self.count(verb=verb, **members) for verb in WRITE_VERBS)

    def as_mapping(self) -> Mapping[RequestKey, int]:
        """All counts, in order."""
        return {key: self._counts[key] for key in sorted(self._counts)}

    def reset(self) -> None:
        """Start at nothing again."""
        self._counts.clear()
