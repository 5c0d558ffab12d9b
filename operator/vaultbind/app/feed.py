"""What the cluster tells, on its way into the engine, and the sweep that finds what it did not tell."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vaultbind.api.refs import ObjectKey
from vaultbind.app.kinds import FED, TIMED
from vaultbind.engine.engine import Engine
from vaultbind.engine.sweep import SweepResult, compare
from vaultbind.kube.client import KubeClient
from vaultbind.kube.listing import fetch_metadata_list, fetch_pages
from vaultbind.kube.resources import Resource
from vaultbind.kube.sieve import FirstLists, Listed

logger = logging.getLogger(__name__)

Version = tuple[str, int]

PAGE = 500
"""Objects in one answer of a list."""


@dataclass(slots=True, kw_only=True)
class Feed:
    """Puts objects into the engine; `synced` is set once all that existed at start is known."""

    engine: Engine
    client: KubeClient
    namespaces: Sequence[str]
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    first: FirstLists = field(init=False)
    """What Kopf gets in the place of its own first lists."""
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when an object has not caught up from one sweep to the next: the watch is dead, we have to end."""
    _behind: Mapping[ObjectKey, Version] = field(default_factory=dict)
    """What the last sweep's list showed of the objects that the cache had not, or older."""

    def __post_init__(self) -> None:
        """Know which lists there will be."""
        self.first = FirstLists(resource.path(namespace) for _, resource, namespace in self._places())

    def hear(self, event_type: str | None, obj: Mapping[str, Any]) -> bool:
        """Whether what Kopf hears is worth the way through a handler; the echo of our own write is not."""
        key = _key_of(obj)
        known = self.engine.cache.get(key)
        if event_type == "DELETED" or known is None:
            return True
        return _is_other(known, obj) and not self.engine.hold(key, _slim(obj))

    def take(self, event_type: str | None, obj: Mapping[str, Any]) -> None:
        """Take one event of the watch: None (first list), ADDED, MODIFIED or DELETED."""
        key = _key_of(obj)
        if event_type == "DELETED":
            self.engine.remove(key, str(obj["metadata"]["uid"]))
        else:
            self.engine.put(key, _slim(obj))

    async def fill(self) -> None:
        """Take all objects as they are now: nothing has to wait until Kopf has come through them one by one.

        Kopf watches on from these very lists. Raises KubeError.
        """
        known: dict[str, Listed] = {}
        seen: set[ObjectKey] = set()
        for kind, resource, namespace in self._places():
            version = ""
            shown: list[dict[str, Any]] = []
            async for answer in fetch_pages(self.client.list, resource, namespace, page=PAGE):
                items = [{**item, "kind": kind} for item in answer.get("items") or ()]
                for item in items:
                    seen.add(_key_of(item))
                    self.take(None, item)
                shown += items if kind in TIMED else ()
                version = str(answer["metadata"]["resourceVersion"])
            known[resource.path(namespace)] = Listed(version=version, items=tuple(shown))
        for key, (uid, _) in self._cached().items():
            if key not in seen:  # an attempt before, which failed, had it
                self.engine.remove(key, uid)
        self.synced.set()
        self.first.offer(known)

    async def sweep(self) -> SweepResult:
        """Hold a metadata list against the cache once. Raises KubeError."""
        before = self._cached()
        listed = await self._list()
        cached = self._cached()
        result = compare(listed, before, cached)
        for key, uid in result.gone:
            logger.warning("%s: its deletion was missed by the watch", key)
            self.engine.remove(key, uid)
        dead = [
            key
            for key in result.behind
            if _is_left_behind(self._behind.get(key), listed[key], cached.get(key))
        ]
        if dead:
            logger.error("the watch is dead: %d objects have not caught up since the last sweep", len(dead))
            self.dead.set()
        self._behind = {key: listed[key] for key in result.behind}
        return result

    def _cached(self) -> dict[ObjectKey, Version]:
        items = (item for kind in FED for item in self.engine.cache.items(kind))
        return {key: _version(obj["metadata"]) for key, obj in items}

    async def _list(self) -> dict[ObjectKey, Version]:
        """All objects as they are now: a list from an API server's cache may be older than ours."""
        listed: dict[ObjectKey, Version] = {}
        for kind, resource, namespace in self._places():
            found = await fetch_metadata_list(
                self.client, resource, namespace, page=PAGE, resource_version=None
            )
            listed |= {_key_of({**item, "kind": kind}): _version(item["metadata"]) for item in found.items}
        return listed

    def _places(self) -> Iterator[tuple[str, Resource, str]]:
        """Kind, resource and namespace of each list that shows all objects; an empty one means all."""
        for kind, resource in FED.items():
            for namespace in self.namespaces if resource.namespaced and self.namespaces else ("",):
                yield kind, resource, namespace


def _key_of(obj: Mapping[str, Any]) -> ObjectKey:
    metadata = obj["metadata"]
    return ObjectKey(str(obj["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))


def _is_other(known: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Whether two states of one name are not the very same."""
    before, after = known["metadata"], seen["metadata"]
    return any(before.get(name) != after.get(name) for name in ("uid", "resourceVersion"))


def _is_left_behind(listed_before: Version | None, listed: Version, cached: Version | None) -> bool:
    """Whether the cache has not even reached what the sweep before had listed; a namesake is another."""
    if listed_before is None or listed_before[0] != listed[0]:
        return False
    return cached is None or (cached[0] == listed_before[0] and cached[1] < listed_before[1])


def _version(metadata: Mapping[str, Any]) -> Version:
    text = str(metadata.get("resourceVersion", ""))
    return str(metadata.get("uid")), int(text) if text.isdecimal() else 0


def _slim(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The object without what nobody here reads."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}
