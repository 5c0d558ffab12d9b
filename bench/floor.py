"""The floor: the same Secrets and status patches, written by a bare loop with the same client and account.

The account matters: an administrator's certificate is neither looked up among roles nor queued.

The same watch runs beside it that sees the bindings become Ready in the scenario: it belongs to the
measuring, and the API server and the processors have to bear it in both or in none.
"""

import base64
import time
from typing import Any

from bench.cluster import AT_ONCE, Watcher, in_parallel, render_binding
from vaultbind.api.names import (
    ANNOTATION_BINDING,
    ANNOTATION_SOURCE,
    API_VERSION,
    LABEL_BINDING_UID,
    LABEL_MANAGED,
)
from vaultbind.kube.client import KubeClient
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS


async def measure_floor(
    client: KubeClient, writer: KubeClient, namespace: str, count: int
) -> dict[str, float]:
    """Write `count` Secrets and statuses for bindings of no vault; seconds and writes/s.

    `client` creates the bindings and watches, as people do; `writer` has the operator's account.
    `seconds_to_create`: what the loop took before, to create those bindings.
    """
    made: list[dict[str, Any]] = []

    async def create(index: int) -> None:
        body = render_binding(f"floor-{index:05}", "nowhere", f"s-{index:05}")
        made.append(await client.create(VAULT_BINDINGS, namespace, body))

    began = time.monotonic()
    await in_parallel([lambda index=index: create(index) for index in range(count)])  # type: ignore[misc]
    seconds_to_create = time.monotonic() - began
    async with Watcher(client, namespace).watching() as watcher:
        started = time.monotonic()
        await in_parallel([lambda obj=obj: _write(writer, namespace, obj) for obj in made])  # type: ignore[misc]
        done = await watcher.until(lambda: len(watcher.ready) >= count, 180)
        seconds = done - started
    return {
        "seconds": round(seconds, 2),
        "seconds_to_create": round(seconds_to_create, 2),
        "writes_per_second": round(2 * count / seconds),
        "connections": AT_ONCE,
    }


async def _write(client: KubeClient, namespace: str, obj: dict[str, Any]) -> None:
    await client.create(SECRETS, namespace, _secret(obj), metadata_only=True)
    await client.merge_patch(
        VAULT_BINDINGS, namespace, obj["metadata"]["name"], _status(obj), subresource="status"
    )


def _secret(obj: dict[str, Any]) -> dict[str, Any]:
    name, uid = obj["metadata"]["name"], obj["metadata"]["uid"]
    owner = {"apiVersion": API_VERSION, "kind": "VaultBinding", "name": name, "uid": uid, "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "labels": {LABEL_MANAGED: "true", LABEL_BINDING_UID: uid},
            "annotations": {ANNOTATION_BINDING: name, ANNOTATION_SOURCE: "v1." + "0" * 110},
            "ownerReferences": [owner],
        },
        "type": "Opaque",
        "data": {"value": base64.b64encode(b"x" * 32).decode()},
    }


def _status(obj: dict[str, Any]) -> dict[str, Any]:
    name, stamp = obj["metadata"]["name"], "2026-01-01T00:00:00Z"
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": "Synced",
            "message": f"Secret {name} holds what the vault holds",
            "observedGeneration": 1,
            "lastTransitionTime": stamp,
        }
        for kind in ("Ready", "Synced", "Expiring")
    ]
    status = {
        "conditions": conditions,
        "secretName": name,
        "revision": 1,
        "lastChanged": stamp,
        "observedGeneration": 1,
        "objects": [{"kind": "secret", "name": name, "version": "0" * 32, "enabled": True}],
        "objectCount": 1,
    }
    version = obj["metadata"]["resourceVersion"]
    return {"metadata": {"uid": obj["metadata"]["uid"], "resourceVersion": version}, "status": status}
