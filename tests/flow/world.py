"""A world to tell flows in: a cluster API, vaults behind HTTPS, the real operator, time that can be moved.

Whatever the operator asks of the cluster and of the vaults is noted; `spent()` gives all of it, so that a
flow fails by one request too many as well as by one too few.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azure.keyvault.secrets._shared import http_challenge_cache

from tests.flow.world_cluster import ApiError, Cluster, decode
from tests.flow.world_log import WorldLog
from tests.flow.world_operator import ASK, KOPF, OperatorThread, WorldClock
from vaultbind.api.names import ANNOTATION_REQUESTED_AT, LABEL_MANAGED
from vaultbind.api.refs import ObjectKey
from vaultbind.app.kinds import FED
from vaultbind.emulator import Emulator, EmulatorConfig
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.kube.error_mapping import Call
from vaultbind.kube.resources import (
    CLUSTER_KEY_VAULTS,
    CRYPTO_JOBS,
    EVENTS,
    KEY_VAULTS,
    NAMESPACES,
    SECRETS,
    VAULT_BINDINGS,
    Resource,
)
from vaultbind.sandbox.sandbox import Sandbox
from vaultbind.settings import DriftDetection, RunSettings
from vaultbind.vaults.policy import VaultPolicy

VAULT = "shop"
"""Name of the vault in the emulator."""
INTERVAL = 60
"""Seconds between two looks at the vault, plus one to be sure."""
DEADLINE = 120.0
"""Seconds for what must come: long, because a busy machine is no bug."""
SOON = 0.4
"""Seconds: work that is due so soon is waited for."""
LEASE = "leader"
READS = frozenset({"get", ASK})
WRITES = frozenset({"create", "patch", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Requests: to the cluster by what they do, to the vault as `secrets.get NAME`; each list is sorted.

    Without a watch of Secrets a pass asks for the metadata of its Secret: that is in `asked`, which counts
    for no comparison, so that one flow tells what it costs besides; `test_binding_get.py` counts it.
    """

    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    vault: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list, compare=False)


@dataclass(slots=True, kw_only=True)
class World:
    """Made by `start_world`."""

    cluster: Cluster
    emulator: Emulator
    clock: WorldClock
    log: WorldLog
    settings: RunSettings
    namespace: str
    vault_name: str
    calls: list[Call] = field(default_factory=list)
    lives: list[OperatorThread] = field(default_factory=list)
    elects: bool = False
    """Whether operators lead by a Lease in the world's namespace."""
    _marked: int = 0
    _told: set[str] = field(default_factory=set)
    _secrets: set[str] = field(default_factory=set)

    @property
    def sandbox(self) -> Sandbox:
        """The embedded cluster API, for flows that run on nothing else."""
        assert self.cluster.sandbox is not None, "this flow is for the sandbox only"
        return self.cluster.sandbox

    # -- the vault ----------------------------------------------------------------------------

    @property
    def vault(self) -> VaultDriver:
        """The vault, changed now."""
        return self.emulator.driver(VAULT)

    @property
    def seed(self) -> VaultDriver:
        """The vault, as if it had been changed an hour ago."""
        estate = self.emulator.estate
        return VaultDriver(estate.vault(VAULT), self.clock.an_hour_ago, estate.rsa_pool.patiently)

    def vault_spec(self, **spec: Any) -> dict[str, Any]:
        """Spec of a ClusterKeyVault that leads to the vault."""
        return {
            "url": self.emulator.vault_url(VAULT),
            "caBundle": self.emulator.ca_pem,
            "auth": {"managedIdentity": {}},
            "access": [{"namespaces": {"all": True}}],
            **spec,
        }

    def vault_status(self) -> list[str]:
        """The write that tells of another number of objects."""
        return [f"patch clusterkeyvaults/status {self.vault_name}"]

    async def connect(self, **spec: Any) -> None:
        """Make the ClusterKeyVault and wait until it is connected; what that took is not counted."""
        await self.create(CLUSTER_KEY_VAULTS, self.vault_name, spec=self.vault_spec(**spec))
        await self.until(lambda: self.has(CLUSTER_KEY_VAULTS, self.vault_name, "Ready", "Connected"))
        await self.settled()
        await self.mark()

    # -- the cluster, as a person -----------------------------------------------------------------

    def _place(self, resource: Resource) -> str:
        return self.namespace if resource.namespaced else ""

    async def create(self, resource: Resource, name: str, **body: Any) -> dict[str, Any]:
        """Create an object in the world's namespace."""
        metadata = {**body.pop("metadata", {}), "name": name}
        return await self.cluster.create(resource, self._place(resource), {**body, "metadata": metadata})

    async def bind(self, name: str, **spec: Any) -> dict[str, Any]:
        """Create a binding to the world's ClusterKeyVault."""
        return await self.create(VAULT_BINDINGS, name, spec=self.binding_spec(**spec))

    def binding_spec(self, **spec: Any) -> dict[str, Any]:
        """Spec of a binding to the world's ClusterKeyVault."""
        return {"vaultRef": {"kind": "ClusterKeyVault", "name": self.vault_name}, **spec}

    async def get(self, resource: Resource, name: str) -> dict[str, Any] | None:
        """One object, or None."""
        return await self.cluster.get(resource, self._place(resource), name)

    async def there(self, resource: Resource, name: str) -> dict[str, Any]:
        """One object that must be there."""
        found = await self.get(resource, name)
        assert found is not None, f"{resource.kind} {name} is not there"
        return found

    async def patch(
        self, resource: Resource, name: str, body: Mapping[str, Any], *, manager: str = "person"
    ) -> dict[str, Any]:
        """Merge-patch an object."""
        return await self.cluster.patch(resource, self._place(resource), name, body, manager=manager)

    async def delete(self, resource: Resource, name: str) -> None:
        """Delete an object."""
        await self.cluster.delete(resource, self._place(resource), name)

    async def secret(self, name: str) -> dict[str, bytes]:
        """Data of a Secret that must be there."""
        return decode(await self.there(SECRETS, name))

    async def status(self, name: str, resource: Resource = VAULT_BINDINGS) -> dict[str, Any]:
        """Status of a binding."""
        status: dict[str, Any] = (await self.there(resource, name)).get("status") or {}
        return status

    async def conditions(self, name: str, resource: Resource = VAULT_BINDINGS) -> dict[str, str]:
        """Conditions as `{type: "status reason"}`."""
        return summarize(await self.status(name, resource))

    async def has(self, resource: Resource, name: str, kind: str, reason: str) -> bool:
        """Whether a condition gives that reason, for the newest generation."""
        obj = await self.there(resource, name)
        conditions = (obj.get("status") or {}).get("conditions") or ()
        return any(
            (item["type"], item["reason"]) == (kind, reason)
            and item["observedGeneration"] == obj["metadata"]["generation"]
            for item in conditions
        )

    async def told(self, name: str, reason: str) -> str:
        """Wait until condition Synced of a binding gives that reason; return its message."""
        await self.until(lambda: self.has(VAULT_BINDINGS, name, "Synced", reason))
        await self.settled()
        conditions = (await self.status(name))["conditions"]
        return next(str(item["message"]) for item in conditions if item["type"] == "Synced")

    async def ready(self, *names: str) -> None:
        """Wait until bindings are in sync and nothing is left to do."""
        for name in names:
            await self.until(lambda name=name: self.has(VAULT_BINDINGS, name, "Synced", "Synced"))  # type: ignore[misc]
        await self.settled()

    async def request_look(self, name: str, request: str) -> None:
        """Ask for one look by annotation and wait for the answer."""
        await self.patch(
            VAULT_BINDINGS, name, {"metadata": {"annotations": {ANNOTATION_REQUESTED_AT: request}}}
        )

        async def is_answered() -> bool:
            return (await self.status(name)).get("lastHandledRequest") == request

        await self.until(is_answered)
        await self.settled()

    # -- time and counts ------------------------------------------------------------------------

    async def advance(self, seconds: float) -> None:
        """Move all clocks but the cluster's, and wait until nothing is left to do."""
        self.clock.offset += seconds
        await self.life.ask(self.life.operator.engine.wake)
        await self.settled()

    async def next_look(self) -> None:
        """Move to just behind the next look at the vault."""
        await self.advance(INTERVAL + 1)

    @property
    def watches_secrets(self) -> bool:
        """Whether the operator hears at once of what somebody does to a Secret."""
        return self.settings.drift_detection is DriftDetection.WATCH

    async def noticed(self) -> None:
        """Wait until the operator has noticed what somebody did to a Secret: at once, or with a look."""
        await (self.settled() if self.watches_secrets else self.next_look())

    @property
    def noticing(self) -> list[str]:
        """What noticing costs the vault."""
        return [] if self.watches_secrets else ["secrets.list"]

    async def calm(self) -> None:
        """Let two looks pass, so that nothing is new any more, and start to count."""
        await self.next_look()
        await self.next_look()
        await self.mark()

    async def mark(self) -> None:
        """Start to count."""
        self._marked = len(self.calls)
        self.emulator.stats.clear()
        self._told = {event["metadata"]["uid"] for event in await self._events()}

    async def spent(self) -> Spent:
        """All requests of the operator since the last count; counting starts anew."""
        await self.settled()
        calls = [call for call in self.calls[self._marked :] if self._is_ours(call)]
        asked = [call for call in calls if call.verb == ASK and self._asks(call)]
        vault = [entry for entry in self.emulator.stats.recent() if entry.kind and entry.outcome != "401"]
        self._marked = len(self.calls)
        self.emulator.stats.clear()
        return Spent(
            writes=sorted(_line(call) for call in calls if call.verb in WRITES),
            reads=sorted(_line(call) for call in calls if call.verb in READS and call not in asked),
            asked=sorted(map(_line, asked)),
            vault=sorted(f"{entry.kind}.{entry.action} {entry.name}".strip() for entry in vault),
        )

    def _asks(self, call: Call) -> bool:
        return call.resource is SECRETS and not self.watches_secrets

    def _is_ours(self, call: Call) -> bool:
        """On the real cluster other tests may have left something behind."""
        if call.resource is EVENTS and call.namespace == "default":
            return call.name.startswith(self.vault_name)
        return call.name == self.vault_name if not call.namespace else call.namespace == self.namespace

    async def _events(self) -> list[dict[str, Any]]:
        return await self.cluster.objects(EVENTS, self.namespace)

    async def events(self) -> list[str]:
        """Events since the last mark or call, as `Reason name`, sorted."""
        await self.settled()
        new = [event for event in await self._events() if event["metadata"]["uid"] not in self._told]
        self._told |= {event["metadata"]["uid"] for event in new}
        return sorted(f"{event['reason']} {event['involvedObject']['name']}" for event in new)

    # -- waiting ----------------------------------------------------------------------------------

    async def until(
        self, condition: Callable[[], bool | Awaitable[bool]], *, seconds: float = DEADLINE
    ) -> None:
        """Wait for something that must come; tells all that is known where it does not."""
        try:
            async with asyncio.timeout(seconds):
                while not await _truth(condition):
                    self.log.check()
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"it did not come to pass\n{await self.tell()}") from None

    async def settled(self) -> None:
        """Wait until the operator has seen all that is, and has nothing left to do now."""
        await self.until(self._is_settled)

    async def _is_settled(self) -> bool:
        wanted = await self._versions()
        return bool(await self.life.ask(lambda: self._is_idle_at(wanted)))

    async def _versions(self) -> dict[ObjectKey, str]:
        found: dict[ObjectKey, str] = {}
        for kind, resource in FED.items():
            for obj in await self.cluster.objects(resource, self._place(resource)):
                found[ObjectKey(kind, *_name_of(obj))] = obj["metadata"]["resourceVersion"]
        managed = f"{LABEL_MANAGED}=true"
        for obj in (
            await self.cluster.objects(SECRETS, self.namespace, managed) if self.watches_secrets else ()
        ):
            found[ObjectKey("Secret", *_name_of(obj))] = obj["metadata"]["resourceVersion"]
            self._secrets.add(obj["metadata"]["name"])
        namespace = await self.cluster.get(NAMESPACES, "", self.namespace)
        labels = ((namespace or {}).get("metadata") or {}).get("labels") or {}
        found[ObjectKey("Namespace", "", self.namespace)] = repr(sorted(labels.items()))
        return found

    def _is_idle_at(self, wanted: Mapping[ObjectKey, str]) -> bool:
        """Run in the operator's loop: whether it knows just that and rests."""
        operator = self.life.operator
        known = {
            key: obj["metadata"]["resourceVersion"]
            for kind in FED
            for key in operator.engine.cache.keys(kind)
            if (obj := operator.engine.cache.get(key)) is not None and key.namespace in ("", self.namespace)
        }
        for name in self._secrets:
            if (metadata := operator.secrets.get(self.namespace, name)) is not None:
                known[ObjectKey("Secret", self.namespace, name)] = metadata["resourceVersion"]
        namespace = ObjectKey("Namespace", "", self.namespace)
        labels = operator._namespaces.get(self.namespace, {})
        known[namespace] = repr(sorted(labels.items()))
        if self.settings.namespaces:  # their labels are not watched then
            known[namespace] = wanted[namespace]
        due = operator.engine.due.next_at()
        rests = due is None or due > self.clock.monotonic() + SOON
        return known == wanted and operator.engine.idle and rests

    # -- the operator's lives -----------------------------------------------------------------------

    @property
    def life(self) -> OperatorThread:
        """The operator that runs."""
        return self.lives[-1]

    async def start_operator(self) -> None:
        """Begin a life."""
        life = OperatorThread(
            settings=self.settings,
            access=self.cluster.operator,
            clock=self.clock,
            calls=self.calls,
            identity=f"world-{len(self.lives) + 1}",
            elected_by=self.cluster.access if self.elects else None,
            lease=(self.namespace, LEASE),
        )
        self.lives.append(life)
        await life.start()

    async def restart(self, while_down: Callable[[], Awaitable[Any] | Any] = lambda: None) -> None:
        """Stop the operator, let something happen, count from here, start it again and let it settle."""
        await self.life.stop()
        happened = while_down()
        if isinstance(happened, Awaitable):
            await happened
        await self.mark()
        await self.start_operator()
        await self.settled()

    # -- telling ------------------------------------------------------------------------------------

    async def tell(self) -> str:
        """All that helps to understand a failure."""
        lines: list[str] = []
        for resource in (CLUSTER_KEY_VAULTS, KEY_VAULTS, VAULT_BINDINGS, CRYPTO_JOBS):
            for obj in await self.cluster.objects(resource, self._place(resource)):
                conditions = (obj.get("status") or {}).get("conditions") or ()
                lines.append(f"{resource.kind} {obj['metadata']['name']}:")
                lines += [f"  {c['type']}={c['status']} {c['reason']}: {c['message']}" for c in conditions]
        for event in await self._events():
            lines.append(f"Event {event['reason']}: {event['message']}")
        lines += [f"request {_line(call)}" for call in self.calls[-30:]]
        lines += [
            f"vault {e.kind}.{e.action} {e.name} {e.outcome}" for e in self.emulator.stats.recent()[-30:]
        ]
        return "\n".join([*lines, *self.log.lines[-60:]])


def summarize(status: Mapping[str, Any]) -> dict[str, str]:
    """Conditions of a status as `{type: "status reason"}`."""
    return {item["type"]: f"{item['status']} {item['reason']}" for item in status.get("conditions") or ()}


def _name_of(obj: Mapping[str, Any]) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _line(call: Call) -> str:
    """What a request does, as tests write it: `patch vaultbindings/status shop-db`."""
    place = f"{call.resource.plural}/{call.subresource}" if call.subresource else call.resource.plural
    name = call.name.rpartition(".")[0] if call.resource is EVENTS else call.name
    return f"{call.verb.replace(ASK, 'get')} {place} {name}".strip()


async def _truth(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    result = condition()
    return await result if isinstance(result, Awaitable) else result


@asynccontextmanager
async def start_world(cluster: Cluster, **settings: Any) -> AsyncIterator[World]:
    """Start vaults and operator; the cluster's part is removed at the end."""
    clock = WorldClock()
    config = EmulatorConfig(clock=clock.now, token_lifetime=30 * 86_400)
    log = WorldLog()
    token = secrets.token_hex(4)
    http_challenge_cache.clear()  # of the whole process: an emulator before may have had the same port
    async with Emulator.start(config) as emulator:
        policy = VaultPolicy(
            vault_suffixes=(f".vault.localhost:{emulator.port}",),
            authority_hosts=(f"127.0.0.1:{emulator.port}",),
        )
        world = World(
            cluster=cluster,
            emulator=emulator,
            clock=clock,
            log=log,
            settings=RunSettings(**{"policy": policy, **settings}),
            namespace=f"flow-{token}",
            vault_name=f"vault-{token}",
        )
        log.attach()
        try:
            await world.cluster.create(NAMESPACES, "", {"metadata": {"name": world.namespace}})
            yield world
        finally:
            await _end(world)
            log.detach()
        log.check()


async def _end(world: World) -> None:
    for life in world.lives:
        await life.stop()
    if world.cluster.sandbox is not None:
        written = world.cluster.sandbox.stats.writes(manager=KOPF)
        assert written == 0, "Kopf wrote to the cluster"
        return
    for resource in (VAULT_BINDINGS, CRYPTO_JOBS):
        for found in await world.cluster.objects(resource, world.namespace):
            await world.delete(resource, found["metadata"]["name"])
    for vault in await world.cluster.objects(CLUSTER_KEY_VAULTS, ""):
        await world.delete(CLUSTER_KEY_VAULTS, vault["metadata"]["name"])
    await world.cluster.delete(NAMESPACES, "", world.namespace)


def stamp(moment: datetime) -> str:
    """A time as a status has it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["ApiError", "Spent", "World", "stamp", "start_world", "summarize"]
