"""Whole lists, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from vaultbind.kube.client import KubeClient
from vaultbind.kube.resources import Resource

Ask = Callable[..., Awaitable[dict[str, Any]]]
"""`KubeClient.list` or `KubeClient.list_metadata`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataList:
    """All objects of a list, metadata only, and the version of the collection to watch from."""

    items: tuple[dict[str, Any], ...]
    resource_version: str


async def fetch_pages(
    ask: Ask,
    resource: Resource,
    namespace: str = "",
    *,
    label_selector: str = "",
    page: int = 0,
    resource_version: str | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """Each answer of a list; `page` limits one where the server is not asked for its cache.

    Raises `KubeError`, GONE also where the list changed too much between two pages.
    """
    token = ""
    while True:
        answer = await ask(
            resource,
            namespace,
            label_selector=label_selector,
            limit=page,
            resource_version=resource_version,
            continue_=token,
        )
        yield answer
        token = str((answer.get("metadata") or {}).get("continue") or "")
        if not token:
            return


async def fetch_metadata_list(
    client: KubeClient,
    resource: Resource,
    namespace: str = "",
    *,
    label_selector: str = "",
    page: int = 0,
    resource_version: str | None = "0",
) -> MetadataList:
    """List the metadata of everything. Raises `KubeError` as `fetch_pages` does."""
    items: list[dict[str, Any]] = []
    version = ""
    async for answer in fetch_pages(
        client.list_metadata,
        resource,
        namespace,
        label_selector=label_selector,
        page=page,
        resource_version=resource_version,
    ):
        items += answer.get("items") or ()
        version = str((answer.get("metadata") or {}).get("resourceVersion", ""))
    return MetadataList(items=tuple(items), resource_version=version)
