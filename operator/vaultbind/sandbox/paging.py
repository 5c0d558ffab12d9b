"""Lists in pages: a continue token holds a revision and a place, later pages come from the same state."""

import base64
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import orjson

from vaultbind.sandbox.documents import JsonObject
from vaultbind.sandbox.errors import bad_request, expired

_SNAPSHOTS: Final = 64
_TOO_OLD: Final = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You can start a new list without the continue parameter."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a list; `remaining` counts what comes after it."""

    items: list[JsonObject]
    revision: int
    continue_token: str = ""
    remaining: int | None = None


class Pager:
    """Keeps the states that unfinished lists were started on."""

    def __init__(self) -> None:
        """Start without any."""
        self._snapshots: OrderedDict[tuple[str, int], list[JsonObject]] = OrderedDict()

    def first(self, scope: str, items: list[JsonObject], revision: int, limit: int) -> Page:
        """The first page of a list; `scope` is all that a token must be used with again."""
        if not limit or len(items) <= limit:
            return Page(items=items, revision=revision)
        self._snapshots[scope, revision] = items
        self._snapshots.move_to_end((scope, revision))
        while len(self._snapshots) > _SNAPSHOTS:
            self._snapshots.popitem(last=False)
        return self._page(items, revision, 0, limit)

    def following(self, scope: str, token: str, limit: int) -> Page:
        """The page that a token stands for; raises StatusError 400 and 410."""
        try:
            decoded = orjson.loads(base64.urlsafe_b64decode(token))
            revision, start = int(decoded["rv"]), int(decoded["start"])
        except (ValueError, KeyError, TypeError):
            raise bad_request("continue key is not valid") from None
        items = self._snapshots.get((scope, revision))
        if items is None:
            raise expired(_TOO_OLD)
        return self._page(items, revision, start, limit)

    def forget(self) -> None:
        """Make all tokens expire."""
        self._snapshots.clear()

    @staticmethod
    def _page(items: list[JsonObject], revision: int, start: int, limit: int) -> Page:
        end = start + limit if limit else len(items)
        remaining = max(len(items) - end, 0)
        token = ""
        if remaining:
            token = base64.urlsafe_b64encode(orjson.dumps({"rv": revision, "start": end})).decode()
        return Page(
            items=items[start:end], revision=revision, continue_token=token, remaining=remaining or None
        )
