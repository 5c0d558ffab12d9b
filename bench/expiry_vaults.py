"""What the benchmark of expiry runs against: vaults with their control interface, a cluster that keeps."""

import asyncio
import http.client
import json
import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from vaultbind.kube.resources import EVENTS, Resource

DAY: Final = timedelta(days=1)
SPREAD: Final = 730 * DAY
"""Over which all ends are spread evenly."""
KINDS: Final = ("secrets", "certificates", "keys")
API: Final = "api-version=7.4"
MOST_LOGGED: Final = 1000
"""Requests that the emulator remembers one by one."""
POLICIES: Final[tuple[Mapping[str, Any] | None, ...]] = (
    None,
    {"lifetimeActions": [{"trigger": {"timeBeforeExpiry": "P15D"}, "action": {"type": "Notify"}}]},
    None,
    {
        "lifetimeActions": [{"trigger": {"timeAfterCreate": "P20D"}, "action": {"type": "Rotate"}}],
        "attributes": {"expiryTime": "P60D"},
    },
)
"""Rotation policies that keys have in turn: none, one that notifies, none, one that rotates."""


def name_vault(number: int) -> str:
    return f"bench-{number}"


def render_seed(objects: int, vaults: int, now: datetime) -> str:
    """A third of each kind in each vault, as a seed file (JSON is YAML)."""
    each = objects // vaults
    return json.dumps({"vaults": {name_vault(number): _render_vault(each, now) for number in range(vaults)}})


def _render_vault(each: int, now: datetime) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for number in range(each):
        kind = KINDS[number % len(KINDS)]
        expires = (now + SPREAD * ((number + 1) / each)).strftime("%Y-%m-%dT%H:%M:%SZ")
        name = f"{kind}-{number}"
        own: dict[str, dict[str, Any]] = {
            "secrets": {"value": "x"},
            "certificates": {"dnsNames": [f"{name}.test"]},
            "keys": {},
        }
        found[kind][name] = {**own[kind], "expires": expires}
    return found


class Service:
    """An emulator: its control interface, and the little that no seed can say."""

    def __init__(self, url: str, ca_pem: str) -> None:
        self.url, self.ca_pem = url, ca_pem
        self.port = urlsplit(url).port
        self._tls = ssl.create_default_context(cadata=ca_pem)

    def url_of(self, vault: str) -> str:
        """Address of a vault."""
        return f"https://{vault}.vault.localhost:{self.port}"

    async def move(self, distance: timedelta) -> None:
        """Let time pass in all vaults: keys are rotated as their policies say."""
        body = {"advance": f"{int(distance.total_seconds())}s"}
        await asyncio.to_thread(self._ask, "POST", "/_vaultbind/time", body)

    async def take_reads(self) -> Counter[tuple[str, str, str]]:
        """Requests about single objects since the last time, by vault, kind and name."""
        log = await asyncio.to_thread(self._ask, "GET", f"/_vaultbind/log?limit={MOST_LOGGED}")
        await self.clear_log()
        if len(log) >= MOST_LOGGED:
            raise RuntimeError("the emulator's log is too short to count what was read")
        named = (entry for entry in log if entry["kind"] in KINDS and entry["name"])
        return Counter(
            (entry["vault"], entry["kind"], entry["name"]) for entry in named if entry["outcome"] != "401"
        )

    async def clear_log(self) -> None:
        """Count from here."""
        await asyncio.to_thread(self._ask, "DELETE", "/_vaultbind/stats")

    async def set_policies(self, objects: int, vaults: int) -> int:
        """Give keys their rotation policies; returns how many have one."""
        return await asyncio.to_thread(self._set_policies, objects // vaults, vaults)

    def _set_policies(self, each: int, vaults: int) -> int:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self._tls)
        resource = f"https://vault.localhost:{self.port}"
        path = f"/msi/token?resource={resource}&api-version=2019-08-01"
        token = self._send(connection, path, "127.0.0.1")["access_token"]
        keys = [number for number in range(each) if KINDS[number % len(KINDS)] == "keys"]
        count = 0
        for vault in range(vaults):
            for turn, number in enumerate(keys):
                policy = POLICIES[turn % len(POLICIES)]
                if policy is not None:
                    host = f"{name_vault(vault)}.vault.localhost"
                    path = f"/keys/keys-{number}/rotationpolicy?{API}"
                    self._send(connection, path, host, token, method="PUT", body=policy)
                    count += 1
        connection.close()
        return count

    def _send(
        self, connection: http.client.HTTPSConnection, path: str, host: str, token: str = "", **call: Any
    ) -> Any:
        method, body = call.get("method", "GET"), call.get("body")
        headers = {"Host": f"{host}:{self.port}", "X-IDENTITY-HEADER": "bench"}
        headers |= {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} if token else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return json.loads(text) if text else None

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self._tls)
        try:
            return self._send(connection, path, "127.0.0.1", method=method, body=body)
        finally:
            connection.close()


@dataclass(slots=True)
class KeepingCluster:
    """Takes statuses and Events as an API server does, and counts them; nothing else is asked of it."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By name."""
    writes: int = 0
    events: int = 0

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Merge the status; members of None go."""
        assert (resource.plural, namespace, subresource) == ("clusterkeyvaults", "", "status")  # noqa: S101 - a benchmark
        self.writes += 1
        obj = self.objects[name]
        status = {**(obj.get("status") or {}), **patch["status"]}
        version = str(int(obj["metadata"]["resourceVersion"]) + 1)
        self.objects[name] = {
            **obj,
            "metadata": {**obj["metadata"], "resourceVersion": version},
            "status": {key: value for key, value in status.items() if value is not None},
        }
        return {**self.objects[name], "metadata": dict(self.objects[name]["metadata"])}

    async def create(
        self, resource: Resource, namespace: str, body: Mapping[str, Any], *, metadata_only: bool = False
    ) -> dict[str, Any]:
        """Take an Event."""
        assert (resource, namespace, metadata_only) == (EVENTS, "default", True)  # noqa: S101 - a benchmark
        self.events += 1
        return dict(body)
