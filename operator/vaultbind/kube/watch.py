"""A metadata-only watch that never ends: list, watch, and after a break resume or list again.

What was deleted while nobody looked is found by comparing the new list with what was known, and told as
DELETED like any other. Whatever the server does is waited out: the watch ends only by cancellation.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from vaultbind.kube.client import KubeClient
from vaultbind.kube.error_mapping import Call, parse_status_object
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.listing import fetch_metadata_list
from vaultbind.kube.objects import metadata_of, resource_version_of, uid_of
from vaultbind.kube.resources import Resource

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"
_BOOKMARK: Final = "BOOKMARK"
_ERROR: Final = "ERROR"

SERVER_TIMEOUT: Final = 290.0
"""Seconds after which the server ends a watch; up to a tenth more, so that not all end at once."""
SILENCE: Final = 70.0
"""Seconds without a byte after which a watch is taken for dead: bookmarks come once a minute."""
PAGE: Final = 500
"""Objects per answer of a list that does not come from the server's cache: the first is whole."""
FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 30.0

_KEPT_FIELDS: Final = ("name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences")
_RESUMABLE: Final = frozenset(
    {
        KubeErrorKind.UNREACHABLE,
        KubeErrorKind.THROTTLED,
        KubeErrorKind.UNAUTHORIZED,
        KubeErrorKind.FORBIDDEN,
    }
)
"""After these the old version is as good as before; after any other answer a fresh list is taken."""

_Key = tuple[str, str]


class MetadataWatch:
    """Tells `on_event(type, object)` of everything that matches, from the first list on.

    Types are ADDED, MODIFIED and DELETED. A DELETED that was found by comparing lists carries only name,
    namespace, uid, resourceVersion, labels and ownerReferences. An object that was deleted and made anew in
    between is told as DELETED and ADDED. `on_event` must be quick and must not raise.
    `synced` is set when the first list has been told. Times are seconds; `clock` is monotonic.
    """

    def __init__(
        self,
        client: KubeClient,
        resource: Resource,
        *,
        namespace: str = "",
        label_selector: str = "",
        on_event: Callable[[str, dict[str, Any]], None],
        silence: float = SILENCE,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.synced = asyncio.Event()
        self.heard_at: float | None = None
        """When the server was last heard, by `clock`: a list, an event or a bookmark."""
        self.trouble = ""
        """Why the last attempt failed, for people; empty while the watch works."""
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._label_selector = label_selector
        self._on_event = on_event
        self._silence = silence
        self._clock = clock
        self._pause = pause
        self._jitter = jitter
        self._known: dict[_Key, dict[str, Any]] = {}
        self._version: str | None = "0"
        self._listed = False
        self._failures = 0

    async def run(self) -> None:
        """List and watch until cancelled; failures are waited out, at most half a minute each."""
        while True:
            cause = await self._round()
            if cause:
                self._client.observer.watch_ended(self._resource.plural, cause)
                self._failures += 1
                await self._pause(self._delay())

    async def _round(self) -> str:
        """One list, if one is due, and one watch. Returns why to wait before the next, or nothing."""
        heard = self.heard_at
        try:
            if not self._listed:
                await self._list()
            await self._watch()
        except KubeError as error:
            return self._note(error)
        return "" if self.heard_at != heard else "closed"

    @property
    def plural(self) -> str:
        """What is watched."""
        return self._resource.plural

    def _note(self, error: KubeError) -> str:
        """Decide what to do next time: resume, or list anew, consistently."""
        self.trouble = error.message
        if error.kind is KubeErrorKind.TIMEOUT and error.status == 0 and self._listed:
            return "silent"
        if error.kind not in _RESUMABLE:
            self._listed = False
            self._version = None
        return "expired" if error.kind is KubeErrorKind.GONE else error.kind.name.lower()

    def _delay(self) -> float:
        """Exponential with full jitter; the first is short, as most breaks are."""
        return min(LONGEST_DELAY, FIRST_DELAY * (1 << min(self._failures - 1, 16))) * self._jitter()

    async def _list(self) -> None:
        found = await fetch_metadata_list(
            self._client,
            self._resource,
            self._namespace,
            label_selector=self._label_selector,
            page=PAGE,
            resource_version=self._version,
        )
        self.heard_at = self._clock()
        self.trouble = ""
        self._compare(found.items)
        self._version = found.resource_version
        self._listed = True
        self.synced.set()

    async def _watch(self) -> None:
        opened = self._client.watch(
            self._resource,
            self._namespace,
            label_selector=self._label_selector,
            resource_version=self._version or "",
            timeout=SERVER_TIMEOUT * (1 + 0.1 * self._jitter()),
            silence=self._silence,
        )
        start = self._clock()
        try:
            async with opened as events:
                async for event in events:
                    self.heard_at = self._clock()
                    self._take(event)
        finally:
            if self._clock() - start >= LONGEST_DELAY:  # it worked; the next failure is a new one
                self._failures = 0

    def _take(self, event: dict[str, Any]) -> None:
        """Digest one event of the stream. Raises the KubeError that an ERROR event carries."""
        kind, obj = str(event.get("type")), event["object"]
        if kind == _ERROR:
            call = Call(verb="watch", resource=self._resource, namespace=self._namespace)
            raise parse_status_object(call, int(obj.get("code") or 0), obj)
        self._failures = 0
        self._version = resource_version_of(obj) or self._version
        if kind == _BOOKMARK:
            return
        self._remember(kind, obj)
        self._on_event(kind, obj)

    def _remember(self, kind: str, obj: dict[str, Any]) -> None:
        if kind == DELETED:
            self._known.pop(_key(obj), None)
        else:
            self._known[_key(obj)] = _short(obj)

    def _compare(self, items: Iterable[dict[str, Any]]) -> None:
        """Tell the difference between what was known and a list."""
        now = {_key(item): item for item in items}
        for key, old in list(self._known.items()):
            if key not in now or uid_of(now[key]) != uid_of(old):
                del self._known[key]
                self._on_event(DELETED, old)
        for key, item in now.items():
            before = self._known.get(key)
            if before is None or resource_version_of(before) != resource_version_of(item):
                kind = ADDED if before is None else MODIFIED
                self._remember(kind, item)
                self._on_event(kind, item)


def _key(obj: dict[str, Any]) -> _Key:
    metadata = metadata_of(obj)
    return str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def _short(obj: dict[str, Any]) -> dict[str, Any]:
    """What is kept of an object, to tell its end by."""
    metadata = metadata_of(obj)
    return {"metadata": {field: metadata[field] for field in _KEPT_FIELDS if field in metadata}}
