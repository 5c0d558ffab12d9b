"""Whether the cluster offers variables out of files (`fileKeyRef`), found out by trying."""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import NODES, PODS

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 600.0
FIRST_MINOR: Final = 35
"""Kubelets of 1.35 and newer read env files."""
PAGE: Final = 500
_VERSION: Final = re.compile(r"v?1\.(\d+)\.")


@dataclass(slots=True, kw_only=True)
class EnvFiles:
    """The verdict, asked for again every ten minutes; the last one counts while asking fails."""

    client: KubeClient
    namespace: str
    """Where the trial pod would be."""
    offered: bool = False

    async def run(self, pause: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep) -> None:
        """Ask again and again, until cancelled."""
        while True:
            await pause(CHECK_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Ask once. Raises nothing: what cannot be found out is told, and is as before."""
        try:
            offered = await self._is_kept_by_the_server() and await self._is_read_by_all_nodes()
        except KubeError as error:
            logger.warning("whether env files are offered cannot be checked: %s", error.message)
            return
        if offered != self.offered:
            logger.info("variables come from %s from now on", "env files" if offered else "Secrets")
        self.offered = offered

    async def _is_kept_by_the_server(self) -> bool:
        """A server without the feature drops the field in silence, though its OpenAPI document shows it."""
        try:
            stored = await self.client.create(PODS, self.namespace, _trial_pod(), dry_run=True)
        except KubeError as error:
            if error.kind is KubeErrorKind.INVALID:
                return False
            raise
        (container,) = stored["spec"]["containers"]
        return "fileKeyRef" in (container["env"][0].get("valueFrom") or {})

    async def _is_read_by_all_nodes(self) -> bool:
        continue_ = ""
        while True:
            page = await self.client.list(NODES, limit=PAGE, continue_=continue_)
            if not all(map(_can_read, page["items"])):
                return False
            continue_ = str(page["metadata"].get("continue") or "")
            if not continue_:
                return True


def _can_read(node: Mapping[str, Any]) -> bool:
    """Whether a node reads env files, or takes no pods anyway."""
    if (node.get("spec") or {}).get("unschedulable"):
        return True
    version = str(((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", ""))
    match = _VERSION.match(version)
    return match is not None and int(match[1]) >= FIRST_MINOR


def _trial_pod() -> dict[str, Any]:
    ref = {"volumeName": "files", "path": "variables", "key": "A", "optional": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "vaultbind-trial-"},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "trial",
                    "image": "trial",
                    "env": [{"name": "A", "valueFrom": {"fileKeyRef": ref}}],
                    "resources": {
                        "requests": {"cpu": "1m", "memory": "1Mi"},
                        "limits": {"cpu": "1m", "memory": "1Mi"},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "runAsNonRoot": True,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }
            ],
            "volumes": [{"name": "files", "emptyDir": {}}],
        },
    }
