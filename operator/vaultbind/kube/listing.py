"""Whole metadata lists, page by page."""

from dataclasses import dataclass
from typing import Any

from vaultbind.kube.client import KubeClient
from vaultbind.kube.resources import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataList:
    """All objects of a list, metadata only, and the version of the collection to watch from."""

    items: tuple[dict[str, Any], ...]
    resource_version: str


async def fetch_metadata_list(
    client: KubeClient,
    resource: Resource,
    namespace: str = "",
    *,
    label_selector: str = "",
    page: int = 0,
    resource_version: str | None = "0",
) -> MetadataList:
    """List everything; `page` limits one answer where the server is not asked for its cache.

    Raises `KubeError`, GONE also where the list changed too much between two pages.
    """
    items: list[dict[str, Any]] = []
    token = ""
    while True:
        answer = await client.list_metadata(
            resource,
            namespace,
            label_selector=label_selector,
            limit=page,
            resource_version=resource_version,
            continue_=token,
        )
        items += answer.get("items") or ()
        metadata = answer.get("metadata") or {}
        token = str(metadata.get("continue") or "")
        if not token:
            return MetadataList(items=tuple(items), resource_version=str(metadata.get("resourceVersion", "")))
