"""The hot calls to the API server: plain dictionaries in and out, one error type.

Half a dozen verbs over HTTP/1.1 and orjson, because the official package costs five times the CPU per call.
Everything rare goes through the same verbs with another `Resource`.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, Self
from urllib.parse import urlencode

import aiohttp
import orjson

from vaultbind.api.names import FIELD_MANAGER
from vaultbind.kube.error_mapping import Call
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.exchange import Request
from vaultbind.kube.observer import KubeObserver, NullKubeObserver
from vaultbind.kube.resources import LEASES, Resource
from vaultbind.kube.session import KubeConnection
from vaultbind.kube.wire import Wire

REQUEST_TIMEOUT: Final = 30.0
"""Seconds for one whole request, waiting for a free connection included."""

_JSON: Final = "application/json"
_METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_MERGE_PATCH: Final = "application/merge-patch+json"


class KubeClient:
    """Client of one API server. Every method raises `KubeError` and nothing else of the network.

    A 429 with a short Retry-After is waited for and tried once more (the server has not acted on it), and a
    read whose connection broke is tried once more. All other failures are the caller's to time.
    """

    def __init__(
        self,
        connection: KubeConnection,
        *,
        observer: KubeObserver | None = None,
        request_timeout: float = REQUEST_TIMEOUT,
        wire: Wire | None = None,
    ) -> None:
        self.connection = connection
        self.observer: KubeObserver = observer or NullKubeObserver()
        self.may_write: Callable[[], bool] | None = None
        """Asked right before each write but those of a Lease is sent: whether this process still leads.

        Through a proxy a write may wait for a free connection after that.
        """
        self._wire = wire or Wire(connection, observer=self.observer, request_timeout=request_timeout)

    @property
    def server(self) -> str:
        """The API server's address, for `kopf.AiohttpSession`."""
        return self.connection.server

    @property
    def session(self) -> aiohttp.ClientSession:
        """Our session. Kopf closes what it is given: hand it `connection.open_session()` instead."""
        return self.connection.session

    async def aclose(self) -> None:
        """Close the session and its connections."""
        await self.connection.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """One object."""
        call = Call(verb="get", resource=resource, namespace=namespace, name=name)
        return await self._read(call, {}, accept=_JSON)

    async def get_metadata(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """One object's metadata, nothing else: a Secret's values do not travel."""
        call = Call(verb="get", resource=resource, namespace=namespace, name=name)
        return await self._read(call, {}, accept=_METADATA)

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        limit: int = 0,
        resource_version: str | None = None,
        continue_: str = "",
    ) -> dict[str, Any]:
        """One page of a list; an empty namespace means all of them.

        `resource_version="0"` takes what the server has in its cache: quick, maybe a moment old.
        Raises `KubeError` GONE where the `continue_` token is too old.
        """
        query = _list_query(label_selector, limit, resource_version, continue_)
        return await self._read(
            Call(verb="list", resource=resource, namespace=namespace), query, accept=_JSON
        )

    async def list_metadata(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        limit: int = 0,
        resource_version: str | None = None,
        continue_: str = "",
    ) -> dict[str, Any]:
        """One page of a list, metadata only; arguments and errors as of `list`."""
        query = _list_query(label_selector, limit, resource_version, continue_)
        call = Call(verb="list", resource=resource, namespace=namespace)
        return await self._read(call, query, accept=_METADATA_LIST)

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: Mapping[str, Any],
        *,
        field_manager: str = FIELD_MANAGER,
        dry_run: bool = False,
        metadata_only: bool = False,
    ) -> dict[str, Any]:
        """Create an object and return it as stored, or only its metadata.

        Raises `KubeError` ALREADY_EXISTS where the name is taken.
        """
        call = Call(verb="create", resource=resource, namespace=namespace, name=_name_in(body))
        target = f"{resource.path(namespace)}?{_write_query(field_manager, dry_run=dry_run)}"
        request = _write("POST", call, target, body, content_type=_JSON, metadata_only=metadata_only)
        return await self._change(request)

    async def create_subresource(
        self, resource: Resource, namespace: str, name: str, subresource: str, body: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Post to a subresource of an object that is there, such as `token` of a ServiceAccount.

        Raises `KubeError` NOT_FOUND where the object does not exist.
        """
        call = Call(verb="create", resource=resource, namespace=namespace, name=name, subresource=subresource)
        target = resource.path(namespace, name, subresource)
        return await self._change(_write("POST", call, target, body, content_type=_JSON, metadata_only=False))

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        *,
        subresource: str = "",
        field_manager: str = FIELD_MANAGER,
        dry_run: bool = False,
        metadata_only: bool = False,
    ) -> dict[str, Any]:
        """Change an object (RFC 7386) and return it as stored, or only its metadata.

        Raises `KubeError` CONFLICT where `body` has a metadata.resourceVersion that is no longer current.
        """
        call = Call(verb="patch", resource=resource, namespace=namespace, name=name, subresource=subresource)
        query = _write_query(field_manager, dry_run=dry_run)
        target = f"{resource.path(namespace, name, subresource)}?{query}"
        request = _write("PATCH", call, target, body, content_type=_MERGE_PATCH, metadata_only=metadata_only)
        return await self._change(request)

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        """Delete an object, if it is still the one with this uid and resourceVersion.

        Raises `KubeError` CONFLICT where it is not, NOT_FOUND where there is none.
        """
        call = Call(verb="delete", resource=resource, namespace=namespace, name=name)
        target = resource.path(namespace, name)
        options = _delete_options(uid, resource_version)
        await self._change(_write("DELETE", call, target, options, content_type=_JSON, metadata_only=True))

    def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        resource_version: str,
        timeout: float,
        silence: float,
        metadata_only: bool = True,
    ) -> AbstractAsyncContextManager[AsyncIterator[dict[str, Any]]]:
        """Open a watch and give its events, bookmarks and ERROR events included.

        The server ends it after `timeout` seconds; without a byte for `silence` seconds `KubeError` TIMEOUT
        is raised. Opening and iterating raise `KubeError`.
        """
        query = _watch_query(label_selector, resource_version, timeout)
        request = Request(
            call=Call(verb="watch", resource=resource, namespace=namespace),
            method="GET",
            target=_target(resource.path(namespace), query),
            headers={"Accept": _METADATA if metadata_only else _JSON},
        )
        return self._wire.stream(request, silence=silence)

    async def _change(self, request: Request) -> dict[str, Any]:
        """Send a write, unless somebody else may lead when its turn has come.

        A process that wakes up from a pause would write an old state where nothing has changed since, which
        no resourceVersion refuses.
        """

        def check() -> None:
            if self.may_write is not None and not self.may_write():
                raise KubeError(
                    KubeErrorKind.CONFLICT, f"{request.call}: this process does not lead any more"
                )

        guarded = request.call.resource is not LEASES
        return await self._wire.exchange(replace(request, check=check) if guarded else request)

    async def _read(self, call: Call, query: Mapping[str, str], *, accept: str) -> dict[str, Any]:
        target = _target(call.resource.path(call.namespace, call.name), query)
        return await self._wire.exchange(
            Request(call=call, method="GET", target=target, headers={"Accept": accept})
        )


def _target(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _write(
    method: str, call: Call, target: str, body: Mapping[str, Any], *, content_type: str, metadata_only: bool
) -> Request:
    headers = {"Accept": _METADATA if metadata_only else _JSON, "Content-Type": content_type}
    return Request(call=call, method=method, target=target, headers=headers, body=orjson.dumps(body))


def _list_query(
    label_selector: str, limit: int, resource_version: str | None, continue_: str
) -> dict[str, str]:
    """Query of a list; a continued one must not name a version again."""
    pairs = {
        "labelSelector": label_selector,
        "limit": str(limit) if limit else "",
        "resourceVersion": "" if continue_ else resource_version or "",
        "continue": continue_,
    }
    return {key: value for key, value in pairs.items() if value}


def _watch_query(label_selector: str, resource_version: str, timeout: float) -> dict[str, str]:
    query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(int(timeout))}
    query["resourceVersion"] = resource_version
    return query | ({"labelSelector": label_selector} if label_selector else {})


@lru_cache(maxsize=16)
def _write_query(field_manager: str, *, dry_run: bool) -> str:
    return urlencode({"fieldManager": field_manager} | ({"dryRun": "All"} if dry_run else {}))


def _delete_options(uid: str | None, resource_version: str | None) -> dict[str, Any]:
    guards = {"uid": uid, "resourceVersion": resource_version}
    return {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {key: value for key, value in guards.items() if value},
    }


def _name_in(body: Mapping[str, Any]) -> str:
    metadata = body.get("metadata")
    return str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""
