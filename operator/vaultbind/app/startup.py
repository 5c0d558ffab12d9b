"""What is checked before any work: that the cluster answers, knows our kinds and lets us do our work.

Nothing here is fatal: what is missing is told, again and again, until it is there.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.permissions import fetch_allowed
from vaultbind.kube.resources import (
    CLUSTER_KEY_VAULTS,
    CONFIG_MAPS,
    CRYPTO_JOBS,
    EVENTS,
    KEY_VAULTS,
    LEASES,
    NAMESPACES,
    SECRETS,
    VAULT_BINDINGS,
    Resource,
)
from vaultbind.kube.watch import MetadataWatch
from vaultbind.settings import DriftDetection, RunSettings

logger = logging.getLogger(__name__)

LONGEST_WAIT = 30.0
TELL_AFTER = 5.0
"""Seconds of waiting for a first list after which that is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One thing that the operator has to be allowed to do."""

    verb: str
    resource: Resource
    subresource: str = ""
    name: str = ""
    """Only for the object of this name."""

    def __str__(self) -> str:
        """As RBAC names it."""
        name = f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural
        return f"{self.verb} {name}" + (f" ({self.resource.group})" if self.resource.group else "")


OURS = (VAULT_BINDINGS, KEY_VAULTS, CLUSTER_KEY_VAULTS, CRYPTO_JOBS)
RIGHTS: tuple[Right, ...] = (
    *(Right(verb=verb, resource=kind) for kind in OURS for verb in ("list", "watch")),
    Right(verb="get", resource=VAULT_BINDINGS),
    *(Right(verb="patch", resource=kind, subresource="status") for kind in OURS),
    *(Right(verb=verb, resource=SECRETS) for verb in ("create", "delete", "get", "patch")),
    Right(verb="delete", resource=CRYPTO_JOBS),
    *(Right(verb=verb, resource=CONFIG_MAPS) for verb in ("create", "get", "patch")),
    Right(verb="create", resource=EVENTS),
)
WATCH_RIGHTS = tuple(Right(verb=verb, resource=SECRETS) for verb in ("list", "watch"))
CLUSTER_RIGHTS = tuple(Right(verb=verb, resource=NAMESPACES) for verb in ("list", "watch"))
EVENTS_OF_CLUSTER_KINDS = Right(verb="create", resource=EVENTS)
"""In the namespace `default`: that is where they go."""


async def wait_for_kinds(client: KubeClient, namespaces: Sequence[str]) -> None:
    """Return once the API server answers and serves our kinds; tell what it waits for."""
    place = namespaces[0] if namespaces else ""
    wait = 1.0
    for resource in OURS:
        while True:
            try:
                where = place if resource.namespaced else ""
                await client.list_metadata(resource, where, limit=1, resource_version="0")
                break
            except KubeError as error:
                logger.warning("waiting for the cluster: %s", explain(error, resource))
            await asyncio.sleep(wait)
            wait = min(LONGEST_WAIT, wait * 2)


def explain(error: KubeError, resource: Resource) -> str:
    """What is wrong and what to do, for a first list that failed."""
    if error.kind is KubeErrorKind.NOT_FOUND:
        return f"it does not know {resource.plural}.{resource.group}; kubectl apply -f crds/"
    if error.kind is KubeErrorKind.FORBIDDEN:
        return f"{error.message}; grant the operator's account its ClusterRole"
    return error.message


async def report_missing_rights(client: KubeClient, settings: RunSettings) -> None:
    """Log each right that our account lacks. An API server that does not tell is no reason to stop."""
    for right, place in rights_of(
        settings, client.connection.default_namespace
    ):  # one by one: each connection of a crowd would stay open
        try:
            allowed = await _ask(client, right, place)
        except KubeError as error:
            logger.warning("our own rights cannot be checked: %s", error.message)
            return
        if not allowed:
            where = f"in namespace {place}" if place else "in the whole cluster"
            logger.error("our account may not %s %s; add it to its role", right, where)


def rights_of(settings: RunSettings, own: str) -> list[tuple[Right, str]]:
    """All rights that these settings need, each with its namespace; `own` is the connection's."""
    rights = RIGHTS + (WATCH_RIGHTS if settings.drift_detection is DriftDetection.WATCH else ())
    places = settings.namespaces or ("",)
    asked = [(right, place) for right in rights if right.resource.namespaced for place in places]
    asked += [(right, "") for right in rights if not right.resource.namespaced]
    if settings.namespaces:
        asked.append((EVENTS_OF_CLUSTER_KINDS, "default"))
    else:
        asked += [(right, "") for right in CLUSTER_RIGHTS]
    if settings.leader_election:
        asked += [(right, settings.lease_namespace or own) for right in lease_rights(settings.lease_name)]
    return asked


def lease_rights(name: str) -> tuple[Right, ...]:
    """Rights on the one Lease; it cannot be named before it exists."""
    use = (Right(verb=verb, resource=LEASES, name=name) for verb in ("get", "patch"))
    return (Right(verb="create", resource=LEASES), *use)


async def _ask(client: KubeClient, right: Right, namespace: str) -> bool:
    return await fetch_allowed(
        client,
        right.verb,
        right.resource,
        namespace,
        subresource=right.subresource,
        name=right.name,
    )


async def wait_synced(watches: Sequence[MetadataWatch]) -> None:
    """Wait for the first list of each watch; tell which one does not come and why."""
    for watch in watches:
        while True:
            try:
                async with asyncio.timeout(TELL_AFTER):
                    await watch.synced.wait()
                break
            except TimeoutError:
                logger.warning("still waiting for the first list of %s: %s", watch.plural, watch.trouble)
