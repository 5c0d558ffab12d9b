"""A cluster under test, seen by a person: plain requests that no part of vaultbind has a hand in."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tools.realcluster import RealCluster
from vaultbind.kube.access import ClusterAccess, fetch_kubeconfig_access
from vaultbind.kube.resources import Resource
from vaultbind.sandbox.config import SandboxConfig
from vaultbind.sandbox.sandbox import Sandbox

CRD_FOLDER = Path(__file__).parents[2] / "crds"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
JSON = "application/json"
PERSON = "person"


class ApiError(AssertionError):
    """The API server refused what the test asked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One API server; `sandbox` only where it is the embedded one. `operator` has its own rights there."""

    access: ClusterAccess
    operator: ClusterAccess
    session: aiohttp.ClientSession
    sandbox: Sandbox | None = None

    async def request(
        self, method: str, path: str, body: object = None, *, content_type: str = JSON, accept: str = JSON
    ) -> dict[str, Any]:
        """Send one request as a person; raises ApiError."""
        headers = {"Content-Type": content_type, "Accept": accept, "User-Agent": PERSON}
        if token := await self.access.tokens.authorization():
            headers["Authorization"] = token
        async with self.session.request(
            method, self.access.server + path, json=body, headers=headers
        ) as answer:
            content: dict[str, Any] = await answer.json()
        if answer.status >= 300:
            raise ApiError(answer.status, str(content.get("message")))
        return content

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """One object, or None."""
        try:
            return await self.request("GET", resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def objects(self, resource: Resource, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a namespace."""
        query = f"?labelSelector={selector}" if selector else ""
        listed = await self.request("GET", resource.path(namespace) + query)
        found: list[dict[str, Any]] = listed["items"]
        return found

    async def create(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], *, manager: str = PERSON
    ) -> dict[str, Any]:
        """Create an object."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        return await self.request("POST", f"{resource.path(namespace)}?fieldManager={manager}", whole)

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], *, manager: str = PERSON
    ) -> dict[str, Any]:
        """Merge-patch an object."""
        path = f"{resource.path(namespace, name)}?fieldManager={manager}"
        return await self.request("PATCH", path, body, content_type=MERGE)

    async def apply(
        self, resource: Resource, namespace: str, name: str, body: Mapping[str, Any], *, manager: str
    ) -> dict[str, Any]:
        """Server-side apply, by force."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        whole["metadata"] = {**(whole.get("metadata") or {}), "name": name}
        path = f"{resource.path(namespace, name)}?fieldManager={manager}&force=true"
        return await self.request("PATCH", path, whole, content_type=APPLY)

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object in the background; its absence is fine."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        try:
            await self.request("DELETE", resource.path(namespace, name), options)
        except ApiError as error:
            if error.status != 404:
                raise


@cache
def crd_documents() -> tuple[dict[str, Any], ...]:
    """Our CRDs, parsed once."""
    return tuple(yaml.safe_load(path.read_text()) for path in sorted(CRD_FOLDER.glob("*.yaml")))


@asynccontextmanager
async def start_sandbox(folder: Path) -> AsyncIterator[Cluster]:
    """Run the embedded cluster API with our CRDs."""
    async with Sandbox.start(SandboxConfig()) as sandbox:
        for document in crd_documents():
            sandbox.apply(document)
        path = folder / "kubeconfig"
        path.write_text(sandbox.kubeconfig())
        async with _connect(path, path, sandbox) as cluster:
            yield cluster


@asynccontextmanager
async def use_real(real: RealCluster, operator: Path) -> AsyncIterator[Cluster]:
    """Use the real API server of the session; `operator` is the operator's kubeconfig."""
    async with _connect(real.kubeconfig, operator, None) as cluster:
        yield cluster


@asynccontextmanager
async def _connect(kubeconfig: Path, operator: Path, sandbox: Sandbox | None) -> AsyncIterator[Cluster]:
    access = fetch_kubeconfig_access(str(kubeconfig))
    connector = aiohttp.TCPConnector(ssl=access.tls or True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Cluster(
            access=access,
            operator=fetch_kubeconfig_access(str(operator)),
            session=session,
            sandbox=sandbox,
        )


def decode(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """A Secret's data."""
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}


def encode(**values: str) -> dict[str, str]:
    """Data of a Secret."""
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
