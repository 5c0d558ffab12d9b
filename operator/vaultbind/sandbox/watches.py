"""Watches: what a change is for one watcher, and a cursor over the log of changes. No sockets here."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import orjson

from vaultbind.sandbox.cluster import Cluster, present
from vaultbind.sandbox.documents import JsonObject, metadata
from vaultbind.sandbox.errors import Cause, StatusError, bad_request, expired, invalid
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.negotiation import Representation
from vaultbind.sandbox.representations import partial_metadata, render_bookmark
from vaultbind.sandbox.requests import ApiRequest
from vaultbind.sandbox.selectors import Matcher, build_matcher
from vaultbind.sandbox.store import Change, ChangeType
from vaultbind.sandbox.tables import render_table

Event = tuple[str, JsonObject]


def translate(change: Change, kind: ResourceKind, namespace: str, matches: Matcher) -> Event | None:
    """What a watcher with a selector sees of a change: entering is ADDED, leaving is DELETED."""
    if change.storage != kind.stored_as:
        return None
    if namespace and metadata(change.object).get("namespace") != namespace:
        return None
    was_seen = change.previous is not None and matches(change.previous)
    is_seen = change.type is not ChangeType.DELETED and matches(change.object)
    if is_seen:
        return ("MODIFIED" if was_seen else "ADDED", change.object)
    if was_seen and change.previous is not None:
        meta = {**metadata(change.previous), "resourceVersion": str(change.revision)}
        return ("DELETED", {**change.previous, "metadata": meta})
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """What a watch asks for."""

    kind: ResourceKind
    namespace: str
    matches: Matcher
    representation: Representation
    revision: int | None
    """Start after this one; None: start with the present objects."""
    wants_bookmarks: bool
    marks_initial_end: bool
    """Tell by a bookmark where the present objects end; the real server does without being asked."""
    include: str = "Metadata"
    timeout: float | None = None
    """Seconds."""


def parse_watch(request: ApiRequest, current_revision: int) -> WatchOptions:
    """Read a watch's query; raises StatusError 400, 422."""
    target, query = request.target, request.query
    wants_bookmarks = request.flag("allowWatchBookmarks")
    sends_initial = request.flag("sendInitialEvents")
    if sends_initial and query.get("resourceVersionMatch") != "NotOlderThan":
        problem = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        cause = Cause(field="resourceVersionMatch", message=problem, reason="FieldValueForbidden")
        raise invalid("meta.k8s.io", "ListOptions", "", [cause])
    asked = parse_revision(query.get("resourceVersion", ""))
    skips_initial = query.get("sendInitialEvents", "").lower() == "false"
    start = None if asked == 0 or sends_initial else asked
    return WatchOptions(
        kind=target.kind,
        namespace=target.namespace,
        matches=build_matcher(query.get("labelSelector", ""), query.get("fieldSelector", ""), target.kind),
        representation=request.representation,
        revision=current_revision if skips_initial and start is None else start,
        wants_bookmarks=wants_bookmarks,
        marks_initial_end=wants_bookmarks,
        include=query.get("includeObject", "Metadata"),
        timeout=float(query["timeoutSeconds"]) if query.get("timeoutSeconds") else None,
    )


def parse_revision(text: str) -> int:
    """A resourceVersion as a number, 0 when absent; raises StatusError 400."""
    if not text.isdecimal() and text:
        raise bad_request(f"resourceVersion: Invalid value: {text!r}: must be a number")
    return int(text or 0)


class WatchStream:
    """One watcher: lines to send, and a bell that rings when there may be more."""

    def __init__(self, cluster: Cluster, options: WatchOptions, clock: Callable[[], datetime]) -> None:
        """Nothing is read before `start`."""
        self.options = options
        self.is_cut = False
        self._cluster = cluster
        self._clock = clock
        self._cursor = 0
        self._has_told_columns = False
        self._error: StatusError | None = None
        self._bell = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether the stream has come to its end."""
        return self.is_cut or self._error is not None

    def ring(self) -> None:
        """Wake the reader."""
        self._bell.set()

    def cut(self) -> None:
        """End the stream without a word."""
        self.is_cut = True
        self._bell.set()

    def expire(self) -> None:
        """End the stream with 410 Gone, as after a compaction."""
        self._error = expired("The resourceVersion for the provided watch is too old.")
        self._bell.set()

    async def wait(self, seconds: float) -> bool:
        """Whether the bell rang within the time."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return False
        self._bell.clear()
        return True

    def start(self) -> list[bytes]:
        """The first lines: present objects when those were asked for."""
        store = self._cluster.store
        if self.options.revision is not None:
            self._cursor = self.options.revision
            return []
        self._cursor = store.revision
        present_objects = store.objects(self.options.kind.stored_as, self.options.namespace)
        lines = [self._line("ADDED", found) for found in present_objects if self.options.matches(found)]
        if self.options.marks_initial_end:
            lines.append(self.bookmark(ends_initial=True))
        return lines

    def read(self) -> list[bytes]:
        """Lines for all that happened since the last call; an error line when the history is gone."""
        if self._error is not None:
            return [self._encode("ERROR", self._error.as_status())]
        try:
            changes = self._cluster.store.changes_since(min(self._cursor, self._cluster.store.revision))
        except StatusError as error:
            self._error = error
            return [self._encode("ERROR", error.as_status())]
        lines = [self._line(*event) for event in self._events(changes)]
        if changes:
            self._cursor = changes[-1].revision
        return lines

    def _events(self, changes: Iterable[Change]) -> Iterator[Event]:
        options = self.options
        for change in changes:
            if change.revision <= self._cursor:
                continue
            event = translate(change, options.kind, options.namespace, options.matches)
            if event is not None:
                yield event

    def bookmark(self, *, ends_initial: bool = False) -> bytes:
        """A line that only tells the revision up to which everything was sent."""
        partial = self.options.representation is Representation.METADATA
        revision = max(self._cursor, self._cluster.store.compacted)
        document = render_bookmark(self.options.kind, revision, partial=partial, ends_initial=ends_initial)
        return self._encode("BOOKMARK", document)

    def _line(self, event_type: str, document: JsonObject) -> bytes:
        shown = present(document, self.options.kind)
        match self.options.representation:
            case Representation.METADATA:
                shown = partial_metadata(shown)
            case Representation.TABLE:
                listing = {"resourceVersion": metadata(shown)["resourceVersion"]}
                shown = render_table(
                    self.options.kind, [shown], self._clock(), include=self.options.include, listing=listing
                )
                if self._has_told_columns:
                    shown["columnDefinitions"] = None
                self._has_told_columns = True
            case Representation.PLAIN:
                pass
        return self._encode(event_type, shown)

    @staticmethod
    def _encode(event_type: str, document: JsonObject) -> bytes:
        return orjson.dumps({"type": event_type, "object": document}, option=orjson.OPT_APPEND_NEWLINE)
