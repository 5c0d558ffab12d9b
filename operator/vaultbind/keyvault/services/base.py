"""What the three services share: get, list, and how a call becomes a request."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Generic, Protocol, TypeVar

from vaultbind.keyvault.arguments import tell_wrong_types
from vaultbind.keyvault.cache.entry import CacheKey
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.transport.policies import Call
from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties
from vaultbind.keyvault.validation import parse_name, parse_version
from vaultbind.keyvault.wire.documents import Json, parse_document, parse_page

PAGE_SIZE = 25
"""The service's largest page."""


class HasProperties(Protocol):
    """A whole object: a value or certificate or key, with its properties."""

    @property
    def properties(self) -> ObjectProperties:
        """What a list would show, and the version."""
        ...


Full = TypeVar("Full", bound=HasProperties)
Item = TypeVar("Item", bound=ObjectProperties)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One request that is neither a get nor a list: `path` and its template `route` from the vault's root."""

    method: str
    path: str
    route: str
    name: str | None
    content: bytes | None = None


class ObjectService(Generic[Full, Item]):
    """Get and list, the same for all kinds of objects."""

    kind: ClassVar[ObjectKind]

    def __init_subclass__(cls) -> None:
        """Let the public methods of a service tell a wrong type of argument."""
        tell_wrong_types(cls)

    def __init__(
        self,
        pipeline: VaultPipeline,
        parse_full: Callable[[Json], Full],
        parse_item: Callable[[Json], Item],
    ) -> None:
        """All services of a vault share its pipeline; the parsers make values of the service's JSON."""
        self._pipeline = pipeline
        self._parse_full = parse_full
        self._parse_item = parse_item
        self._collection = f"/{self.kind.collection}"
        self._base = pipeline.url + self._collection
        self._query = pipeline.query_of(self.kind)

    async def list_all(self, *, priority: Priority = Priority.FRESH) -> list[Item]:
        """All items of the list of this kind at once; needs `list` of the kind on the whole vault.

            items = await client.secrets.list_all()

        Raises KeyVaultError: FORBIDDEN and those of any call.
        """
        return await self._list(priority)

    async def _get(self, name: str, version: str, priority: Priority) -> Full:
        parse_name(name)
        parse_version(version)
        cache = self._pipeline.cache
        if cache is None:
            return await self._fetch(name, version, priority)
        key = CacheKey(self.kind, name.lower(), version)
        return await cache.read(key, partial(self._fetch, name, version), priority)

    async def _fetch(self, name: str, version: str, priority: Priority, more: str = "") -> Full:
        route = f"{self._collection}/{{name}}/{{version}}" if version else f"{self._collection}/{{name}}"
        call = self._call("GET", route, name, priority)
        body = await self._pipeline.request(call, f"{self._base}/{name}/{version}{self._query}{more}")
        return self._parse(body, name)

    async def _send(self, operation: Operation) -> bytes:
        """Carry out an operation and return the answer's body; raises KeyVaultError with its name."""
        call = self._call(operation.method, operation.route, operation.name, Priority.FRESH)
        url = f"{self._pipeline.url}{operation.path}{self._query}"
        return await self._pipeline.request(call, url, operation.content)

    def _parse(self, body: bytes, name: str) -> Full:
        try:
            found = parse_document(body, self._parse_full)
        except KeyVaultError as error:
            raise error.named(name) from None
        if found.properties.name.lower() != name.lower():
            raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, code="OtherObject", object_name=name)
        return found

    def _parse_as(self, body: bytes, name: str | None, parse: Callable[[Json], T]) -> T:
        try:
            return parse_document(body, parse)
        except KeyVaultError as error:
            raise error.named(name) from None

    def _list(self, priority: Priority, more: str = "") -> Listing[Item]:
        call = self._call("GET", self._collection, None, priority)
        first = f"{self._base}{self._query}&maxresults={PAGE_SIZE}{more}"
        return self._listing(call, first, self._parse_item)

    def _list_versions(self, name: str, priority: Priority) -> Listing[Item]:
        parse_name(name)
        call = self._call("GET", f"{self._collection}/{{name}}/versions", name, priority)
        return self._listing(
            call, f"{self._base}/{name}/versions{self._query}&maxresults={PAGE_SIZE}", self._parse_item
        )

    def _listing(self, call: Call, first: str, parse: Callable[[Json], T]) -> Listing[T]:
        async def fetch(link: str | None) -> tuple[list[T], str | None]:
            url = first if link is None else self._pipeline.resolve(link)
            return parse_page(await self._pipeline.request(call, url), parse)

        return Listing(fetch)

    def _call(self, method: str, route: str, name: str | None, priority: Priority) -> Call:
        if priority.__class__ is not Priority:  # a list would find out only when it is read
            raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail="priority is a Priority")
        return Call(kind=self.kind.value, method=method, route=route, name=name, priority=priority)
