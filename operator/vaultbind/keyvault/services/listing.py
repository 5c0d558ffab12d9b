"""A list of the vault, read page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind

T_co = TypeVar("T_co", covariant=True)
FetchPage = Callable[[str | None], Awaitable[tuple[list[T_co], str | None]]]


class Listing(Generic[T_co]):
    """`async for item in listing` reads as it goes; `await listing` gives all; both may be repeated.

    Reading raises KeyVaultError. Pages may be short or empty; the vault's order is kept.

        listing = client.secrets.list_secrets()
        enabled = [item.name async for item in listing if item.enabled]
        pages = [len(page) async for page in listing.by_page()]
    """

    def __init__(self, fetch: FetchPage[T_co]) -> None:
        """`fetch` gets a page by the previous page's link, or the first one for None."""
        self._fetch = fetch

    async def by_page(self) -> AsyncIterator[list[T_co]]:
        """Read page by page; raises KeyVaultError (PROTOCOL) when the links go round in circles."""
        link: str | None = None
        seen: set[str] = set()
        while True:
            page, link = await self._fetch(link)
            yield page
            if link is None:
                return
            if link in seen:
                raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, code="CircularNextLink")
            seen.add(link)

    async def __aiter__(self) -> AsyncIterator[T_co]:
        async for page in self.by_page():
            for item in page:
                yield item

    def __await__(self) -> Generator[Any, None, list[T_co]]:
        return self._collect().__await__()

    async def _collect(self) -> list[T_co]:
        found: list[T_co] = []
        async for page in self.by_page():
            found += page
        return found
