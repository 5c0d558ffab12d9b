"""Deletion, recovery, purge and backup, the same for all kinds of objects.

The service answers a deletion or recovery at once and carries it out within seconds. The methods here wait
for the end of it, at most `wait` seconds; with 0 they return what the service answered. Waiting is done by
reads of the object's live or deleted form: an identity that may not do these reads does not wait.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.base import PAGE_SIZE, Full, Item, ObjectService, Operation
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.types.common import BackupBlob, DeletedObject
from vaultbind.keyvault.validation import parse_name
from vaultbind.keyvault.wire.documents import Json, parse_backup, render_bytes, render_document

WAIT = 30.0
"""Seconds that a deletion, recovery or purge is waited for, unless told otherwise."""
LONGEST_POLL = 4.0
_NOT_FOUND = frozenset(
    {
        KeyVaultErrorKind.SECRET_NOT_FOUND,
        KeyVaultErrorKind.KEY_NOT_FOUND,
        KeyVaultErrorKind.CERTIFICATE_NOT_FOUND,
        KeyVaultErrorKind.NOT_FOUND,
    }
)
_UNDER_WAY = frozenset({KeyVaultErrorKind.BEING_DELETED, KeyVaultErrorKind.BEING_RECOVERED})

_TELLING = _NOT_FOUND | _UNDER_WAY | {KeyVaultErrorKind.FORBIDDEN, KeyVaultErrorKind.DISABLED}

Deleted = TypeVar("Deleted", bound=DeletedObject[Any])
T = TypeVar("T")


class ObjectLifecycle(ObjectService[Full, Item]):
    """What can happen to an object as a whole; the services give these methods their names and types."""

    async def _delete(self, name: str, wait: float, parse: Callable[[Json], Deleted]) -> Deleted:
        parse_name(name)
        body = await self._send(self._of_live("DELETE", name))
        deleted = self._parse_as(body, name, parse)
        if wait > 0 and deleted.recovery_id is not None:
            await self._await_end(name, wait, lambda: self._exists(self._of_deleted("GET", name)))
        return deleted

    async def _recover(self, name: str, wait: float, parse: Callable[[Json], T]) -> T:
        parse_name(name)
        body = await self._send(self._of_deleted("POST", name, "/recover"))
        recovered = self._parse_as(body, name, parse)
        if wait > 0:
            await self._await_end(name, wait, lambda: self._exists(self._of_live("GET", name)))
        return recovered

    async def _purge(self, name: str, wait: float) -> None:
        """A deletion that is still under way is waited for first, then the name's being free."""
        parse_name(name)
        if wait <= 0:
            await self._send(self._of_deleted("DELETE", name))
            return
        started = self._pipeline.clock.monotonic()
        await self._await_end(name, wait, lambda: self._try_purge(name))
        left = wait - (self._pipeline.clock.monotonic() - started)
        if left > 0:
            await self._await_end(name, left, lambda: self._is_gone(self._of_deleted("GET", name)))

    async def _try_purge(self, name: str) -> bool:
        try:
            await self._send(self._of_deleted("DELETE", name))
        except KeyVaultError as error:
            if error.kind not in _UNDER_WAY:
                raise
            return False
        return True

    async def _get_deleted(self, name: str, parse: Callable[[Json], Deleted]) -> Deleted:
        parse_name(name)
        return self._parse_as(await self._send(self._of_deleted("GET", name)), name, parse)

    def _list_deleted(self, priority: Priority, parse: Callable[[Json], Deleted]) -> Listing[Deleted]:
        route = f"/deleted{self.kind.collection}"
        call = self._call("GET", route, None, priority)
        return self._listing(call, f"{self._pipeline.url}{route}{self._query}&maxresults={PAGE_SIZE}", parse)

    async def _backup(self, name: str) -> BackupBlob:
        parse_name(name)
        body = await self._send(self._of_live("POST", name, "/backup"))
        return BackupBlob(kind=self.kind, data=self._parse_as(body, name, parse_backup))

    async def _restore(self, backup: BackupBlob, parse: Callable[[Json], T]) -> T:
        if backup.kind is not self.kind:
            detail = f"this is the backup of a {backup.kind}, not of a {self.kind}"
            raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)
        path = f"{self._collection}/restore"
        content = render_document({"value": render_bytes(backup.data)})
        operation = Operation(method="POST", path=path, route=path, name=None, content=content)
        return self._parse_as(await self._send(operation), None, parse)

    async def _await_end(self, name: str, wait: float, is_done: Callable[[], Awaitable[bool]]) -> None:
        """Ask until it is done, after 0, 1, 2, 4, 4, ... seconds; raises TIMEOUT after `wait` seconds."""
        clock = self._pipeline.clock
        end = clock.monotonic() + wait
        pause = 1.0
        while not await is_done():
            left = end - clock.monotonic()
            if left <= 0:
                raise KeyVaultError(KeyVaultErrorKind.TIMEOUT, code="StillUnderWay", object_name=name)
            await clock.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_POLL)

    async def _exists(self, operation: Operation) -> bool:
        """Tell whether a read finds something, or is none of our business."""
        return await self._look(operation) not in _NOT_FOUND | _UNDER_WAY

    async def _is_gone(self, operation: Operation) -> bool:
        """Tell whether a read finds nothing, or is none of our business."""
        return await self._look(operation) in _NOT_FOUND | {KeyVaultErrorKind.FORBIDDEN}

    async def _look(self, operation: Operation) -> KeyVaultErrorKind | None:
        """How a read fails, as far as that tells of the object's state; raises any other failure."""
        try:
            await self._send(operation)
        except KeyVaultError as error:
            if error.kind not in _TELLING:
                raise
            return error.kind
        return None

    def _of_live(
        self,
        method: str,
        name: str,
        verb: str = "",
        *,
        content: bytes | None = None,
    ) -> Operation:
        return Operation(
            method=method,
            path=f"{self._collection}/{name}{verb}",
            route=f"{self._collection}/{{name}}{verb}",
            name=name,
            content=content,
        )

    def _of_version(
        self, method: str, name: str, version: str, verb: str = "", *, content: bytes | None = None
    ) -> Operation:
        """On a version. Without one its segment stays, empty: the service then takes the latest."""
        return Operation(
            method=method,
            path=f"{self._collection}/{name}/{version}{verb}",
            route=f"{self._collection}/{{name}}/{{version}}{verb}",
            name=name,
            content=content,
        )

    def _of_deleted(self, method: str, name: str, verb: str = "") -> Operation:
        collection = f"/deleted{self.kind.collection}"
        return Operation(
            method=method,
            path=f"{collection}/{name}{verb}",
            route=f"{collection}/{{name}}{verb}",
            name=name,
        )
