"""A bare HTTP client for one cluster API, and a kind of objects to play with."""

import asyncio
import base64
import io
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

from tools.realcluster import RealCluster
from vaultbind.sandbox import Sandbox

JSON = "application/json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
_AS = "application/json;as={};g=meta.k8s.io;v=v1"
METADATA = _AS.format("PartialObjectMetadata")
METADATA_LIST = _AS.format("PartialObjectMetadataList")
TABLE = _AS.format("Table")
WIDGET = {"apiVersion": "test.vaultbind.dev/v1", "kind": "Widget"}
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def revision(self) -> str:
        return str(self.body["metadata"]["resourceVersion"])

    @property
    def fields(self) -> dict[str, Any]:
        """fieldsV1 by manager, operation and subresource."""
        entries = self.body["metadata"].get("managedFields", ())
        return {
            "/".join(filter(None, (entry["manager"], entry["operation"], entry.get("subresource")))): entry[
                "fieldsV1"
            ]
            for entry in entries
        }

    @property
    def causes(self) -> list[tuple[str, str]]:
        causes = self.body.get("details", {}).get("causes", ())
        return sorted((cause["field"], cause["reason"]) for cause in causes)


class Api:
    """One cluster API; every test has a namespace of its own in it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> None:
        self.session = session
        self.url = url
        self.headers = headers
        self.namespace = f"test-{secrets.token_hex(4)}"

    @classmethod
    @asynccontextmanager
    async def of_sandbox(cls, sandbox: Sandbox) -> AsyncIterator[Self]:
        async with cls._connected(
            sandbox.url, sandbox.client_context(), {"Authorization": f"Bearer {sandbox.token}"}
        ) as api:
            yield api

    @classmethod
    @asynccontextmanager
    async def of_real(cls, cluster: RealCluster) -> AsyncIterator[Self]:
        context = ssl.create_default_context(cadata=cluster.ca_pem)
        context.load_cert_chain(cluster.pki.path("admin.crt"), cluster.pki.path("admin.key"))
        async with cls._connected(cluster.url, context, {}) as api:
            yield api

    @classmethod
    @asynccontextmanager
    async def _connected(
        cls, url: str, context: ssl.SSLContext | None, headers: Mapping[str, str]
    ) -> AsyncIterator[Self]:
        connector = aiohttp.TCPConnector(ssl=context if context is not None else False)
        async with aiohttp.ClientSession(connector=connector) as session:
            api = cls(session, url, headers)
            await api.prepare()
            yield api
            await api.call("DELETE", f"/api/v1/namespaces/{api.namespace}")

    async def prepare(self) -> None:
        """Make the kind and the namespace, and wait until the kind is served."""
        await self.call("POST", CRD_PATH, WIDGET_CRD)
        await self.call("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        async with asyncio.timeout(60):
            while (await self.call("GET", self.widgets)).status != 200:  # noqa: ASYNC110 - it is far away
                await asyncio.sleep(0.05)

    @property
    def core(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}"

    @property
    def secrets(self) -> str:
        return f"{self.core}/secrets"

    @property
    def maps(self) -> str:
        return f"{self.core}/configmaps"

    @property
    def widgets(self) -> str:
        return f"/apis/test.vaultbind.dev/v1/namespaces/{self.namespace}/widgets"

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
        agent: str = "tester/1.0",
    ) -> Answer:
        headers = {**self.headers, "Content-Type": content_type, "Accept": accept, "User-Agent": agent}
        data = None if body is None else io.BytesIO(json.dumps(body).encode())
        async with self.session.request(method, self.url + path, data=data, headers=headers) as response:
            text = await response.text()
            is_json = response.content_type == JSON
            return Answer(
                status=response.status,
                body=json.loads(text) if is_json and text else text,
                headers=dict(response.headers),
            )

    async def merge(self, path: str, patch: object) -> Answer:
        return await self.call("PATCH", path, patch, content_type=MERGE)

    async def apply(self, path: str, configuration: object) -> Answer:
        return await self.call("PATCH", path, configuration, content_type=APPLY)

    async def watch(self, path: str, count: int, *, accept: str = JSON) -> list[dict[str, Any]]:
        """The first `count` events, fewer when the server ends the stream; the status when it refuses."""
        found: list[dict[str, Any]] = []
        async with (
            asyncio.timeout(60),
            self.session.get(self.url + path, headers={**self.headers, "Accept": accept}) as response,
        ):
            if response.status != 200:
                return [{"type": response.status, "object": await response.json()}]
            async for line in response.content:
                found.append(json.loads(line))
                if len(found) == count:
                    break
        return found


def seen(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Type and name of events."""
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


def _list_map(key: str, **properties: object) -> dict[str, object]:
    return {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": [key],
        "items": {
            "type": "object",
            "required": [key],
            "properties": {key: {"type": "string"}, **properties},
        },
    }


_STRING = {"type": "string"}
_SPEC = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 8, "pattern": "^[a-z]+$"},
        "size": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "mode": {"type": "string", "enum": ["Fast", "Slow"]},
        "note": {"type": "string", "nullable": True},
        "when": {"type": "string", "format": "date-time"},
        "tags": {"type": "array", "items": _STRING, "x-kubernetes-list-type": "set", "maxItems": 3},
        "plain": {"type": "array", "items": _STRING, "minItems": 1},
        "items": _list_map(
            "key",
            value=_STRING,
            deep={"type": "object", "properties": {"on": {"type": "boolean", "default": True}}},
        ),
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "map": {"type": "object", "additionalProperties": _STRING, "maxProperties": 2},
        "port": {"x-kubernetes-int-or-string": True},
        "one": {
            "type": "object",
            "properties": {"a": _STRING, "b": _STRING},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
    },
}
_STATUS = {
    "type": "object",
    "default": {"observedGeneration": -1},
    "properties": {
        "observedGeneration": {"type": "integer"},
        "conditions": _list_map("type", status=_STRING),
    },
}
WIDGET_CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.test.vaultbind.dev"},
    "spec": {
        "group": "test.vaultbind.dev",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {
                        "name": "Ready",
                        "type": "string",
                        "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
                    },
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {
                        "name": "Note",
                        "type": "string",
                        "jsonPath": r".metadata.annotations.test\.dev/note",
                        "priority": 1,
                    },
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {"spec": _SPEC, "status": _STATUS},
                    }
                },
            }
        ],
    },
}
