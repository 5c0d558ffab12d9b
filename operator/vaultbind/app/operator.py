"""The controller without its feed: everything that `vaultbind run` holds, ready to be fed and stopped."""

import asyncio
import logging
import random
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from vaultbind.api.conditions import ConditionType, find_condition
from vaultbind.api.names import (
    KIND_BINDING,
    KIND_CLUSTER_KEYVAULT,
    KIND_CRYPTO_JOB,
    KIND_KEYVAULT,
    LABEL_MANAGED,
)
from vaultbind.api.refs import ObjectKey
from vaultbind.app.feed import Feed
from vaultbind.app.kinds import KIND_LOOK
from vaultbind.app.outlets import Outlets, build_outlets
from vaultbind.app.rooms import LookMetrics, VaultAndExpiry, WholeBinding
from vaultbind.app.sink import KubeSink
from vaultbind.app.startup import report_missing_rights, wait_for_kinds, wait_synced
from vaultbind.bindings.apply import SecretWriter
from vaultbind.bindings.intake import Intake
from vaultbind.bindings.observe import BindingObserver
from vaultbind.bindings.passwords import PasswordReader
from vaultbind.bindings.reconcile import BindingRoom
from vaultbind.bindings.secrets import WatchedSecrets
from vaultbind.cryptojobs.apply import JobWorker
from vaultbind.cryptojobs.deadline import Deadline
from vaultbind.cryptojobs.intake import JobIntake
from vaultbind.cryptojobs.observe import JobObserver
from vaultbind.cryptojobs.phase import Claimant
from vaultbind.cryptojobs.reconcile import CryptoJobRoom
from vaultbind.engine.cache import ObjectCache
from vaultbind.engine.clock import Clock
from vaultbind.engine.engine import Engine
from vaultbind.engine.queue import Priority
from vaultbind.expiry.absence import Absences
from vaultbind.expiry.ends import Ends
from vaultbind.expiry.notices import Notices
from vaultbind.expiry.reconcile import ExpiryRoom
from vaultbind.expiry.renewals import Renewals
from vaultbind.expiry.rotation import KeyRotations
from vaultbind.injection.trust import TrustKeeper, TrustSettings
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError
from vaultbind.kube.resources import NAMESPACES, SECRETS
from vaultbind.kube.watch import MetadataWatch
from vaultbind.rollouts.apply import Restarter
from vaultbind.rollouts.pace import RestartPace
from vaultbind.rollouts.reconcile import RolloutRoom
from vaultbind.settings import DriftDetection, RunSettings
from vaultbind.telemetry.metrics import Metrics
from vaultbind.vaults.clients import VaultClients
from vaultbind.vaults.events import EventPuller, EventWebhook
from vaultbind.vaults.hints import KIND_HINT, HintRoom
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.room import VaultRoom

logger = logging.getLogger(__name__)


class Operator:
    """One controller. Order: `prepare`, then feed `feed.take` while `work` runs, then `stop`."""

    def __init__(
        self, *, settings: RunSettings, client: KubeClient, clock: Clock, metrics: Metrics, identity: str
    ) -> None:
        """Put the parts together; nothing is started."""
        self.settings = settings
        self.client = client
        self.metrics = metrics
        self.identity = identity
        self._clock = clock
        self._namespaces: dict[str, Mapping[str, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.warm = asyncio.Event()
        """Set once `prepare` has ended."""
        self.broken = asyncio.Event()
        """Set when a part in the background that must go on has ended by an error that nobody foresaw."""
        self.secrets = WatchedSecrets(on_change=self._on_secret)
        self.clients = VaultClients(kube=client, observers=metrics.vaults, clock=clock)
        cache = ObjectCache()
        self.hub = VaultHub(
            cache=cache,
            clock=clock,
            policy=settings.policy,
            make_client=self.clients.make,
            is_outdated=self.clients.is_outdated,
            enqueue=self._enqueue,
            namespace_labels=lambda name: self._namespaces.get(name, {}),
            stale_after=settings.stale_after,
        )
        self.intake = Intake(hub=self.hub)
        self.jobs = JobIntake(hub=self.hub)
        self.restarts = RestartPace(settings.restarts_per_minute)
        self.outlets = self._build_outlets()
        self.hints = HintRoom(hub=self.hub, clock=clock, observer=metrics.hints, enqueue=self._enqueue)
        self.webhook = self._build_webhook()
        self.engine: Engine = self._build_engine(cache)
        self.feed = Feed(engine=self.engine, client=client, namespaces=settings.namespaces)
        self._watches = self._build_watches()
        self._show_metrics()

    def _build_engine(self, cache: ObjectCache) -> Engine:
        vaults = VaultRoom(
            hub=self.hub,
            observer=LookMetrics(self.metrics.vaults),
            draw=random.random,
            wakes_readers=self._asks_for_secrets,
        )
        bindings = WholeBinding(
            bindings=self._build_bindings(),
            rollouts=self._build_rollouts(),
            intake=self.intake,
            hub=self.hub,
            absences=Absences(hub=self.hub, reads=self.outlets.reads),
            now=self._clock.now,
        )
        keyvaults = self._build_keyvaults(vaults, bindings)
        return Engine(
            clock=self._clock,
            cache=cache,
            sink=KubeSink(client=self.client, now=self._clock.now, instance=self.identity),
            rooms={
                KIND_BINDING: bindings.reconcile,
                KIND_CRYPTO_JOB: self._build_crypto().reconcile,
                KIND_KEYVAULT: keyvaults.reconcile,
                KIND_CLUSTER_KEYVAULT: keyvaults.reconcile,
                KIND_LOOK: vaults.look,
                KIND_HINT: self.hints.look,
            },
            observer=self.metrics.engine,
            lane_of=self._lane_of,
        )

    def _build_keyvaults(self, vaults: VaultRoom, bindings: WholeBinding) -> VaultAndExpiry:
        expiry = ExpiryRoom(
            hub=self.hub,
            observer=self.metrics.expiry,
            now=self._clock.now,
            outbox=self.outlets.outbox,
            on_told=self.outlets.handlers.tell if self.outlets.handlers is not None else None,
            on_outbox=self.outlets.wake,
        )
        renewals, rotations = Renewals(reads=self.outlets.reads), KeyRotations(reads=self.outlets.reads)
        return VaultAndExpiry(
            vaults=vaults,
            expiry=expiry,
            ends=Ends(reads=self.outlets.reads, has_asked=renewals.has_asked),
            notices=Notices(reads=self.outlets.reads, policy_of=rotations.policy_of),
            renewals=renewals,
            is_awaited=bindings.is_awaited,
            rotations=rotations,
        )

    def _build_outlets(self) -> Outlets:
        return build_outlets(
            self.settings.outlets,
            hub=self.hub,
            clock=self._clock,
            metrics=self.metrics.expiry,
            judge=lambda vault: self._enqueue(vault, Priority.ROUTINE),
            may_send=lambda: self.engine.may_work(),  # noqa: PLW0108 - set after the engine was made
        )

    def _build_webhook(self) -> EventWebhook | None:
        settings = self.settings.outlets.webhook
        if settings is None:
            return None
        return EventWebhook(settings, self.hints.take, self._clock, self.metrics.hints)

    def _build_bindings(self) -> BindingRoom:
        return BindingRoom(
            intake=self.intake,
            observer=BindingObserver(
                client=self.client,
                index=self.secrets,
                passwords=PasswordReader(client=self.client),
                clock=self._clock,
                stale_after=self.settings.stale_after,
                asks=self._asks_for_secrets,
            ),
            writer=SecretWriter(client=self.client, index=self.secrets),
            watcher=self.metrics.bindings,
            stale_after=self.settings.stale_after,
        )

    @property
    def _asks_for_secrets(self) -> bool:
        """Whether Secrets are looked at one by one instead of being watched."""
        return self.settings.drift_detection is DriftDetection.GET

    def _build_crypto(self) -> CryptoJobRoom:
        deadline = Deadline(clock=self._clock)
        claimant = Claimant(
            name=self.identity, began=self._clock.now(), exclusive=self.settings.leader_election
        )
        return CryptoJobRoom(
            intake=self.jobs,
            observer=JobObserver(client=self.client, clock=self._clock, deadline=deadline, claimant=claimant),
            worker=JobWorker(client=self.client, deadline=deadline, draw=secrets.token_bytes),
            watcher=self.metrics.crypto,
            clock=self._clock,
        )

    def _build_rollouts(self) -> RolloutRoom:
        restarter = Restarter(
            client=self.client,
            clock=self._clock,
            pace=self.restarts,
            observer=self.metrics.bindings,
            instance=self.identity,
        )
        return RolloutRoom(client=self.client, restarter=restarter)

    def _build_watches(self) -> list[MetadataWatch]:
        watches = [
            MetadataWatch(
                self.client,
                SECRETS,
                namespace=namespace,
                label_selector=f"{LABEL_MANAGED}=true",
                on_event=self.secrets.on_event,
            )
            for namespace in self.settings.namespaces or ("",)
            if not self._asks_for_secrets
        ]
        if not self.settings.namespaces:
            watches.append(MetadataWatch(self.client, NAMESPACES, on_event=self._on_namespace))
        return watches

    def _show_metrics(self) -> None:
        for priority in Priority:
            self.metrics.engine.show_queue(priority.name.lower(), partial(self.engine.queue.depth, priority))
        self.metrics.bindings.show_ready(self._count_ready)

    def _count_ready(self) -> Mapping[str, int]:
        """How many bindings have which status of Ready; one without any counts as Unknown."""
        return Counter(_ready_of(obj) for _, obj in self.engine.cache.items(KIND_BINDING))

    def _enqueue(self, key: ObjectKey, priority: Priority) -> None:
        self.engine.add(key, priority)

    def _lane_of(self, key: ObjectKey) -> str:
        """Bindings of one KeyVault share a lane, its jobs another, as do hints about one vault.

        A look or a KeyVault has its own.
        """
        obj = self.engine.cache.get(key)
        if key.kind == KIND_CRYPTO_JOB:
            return f"jobs of {self.jobs.vault_of(key, obj) if obj is not None else 'nobody'}"
        if key.kind == KIND_HINT:
            return f"hints of {key.namespace}"  # the host: a flood of them must not go before all others
        if key.kind != KIND_BINDING:
            return str(key)
        vault = self.intake.vault_of(key, obj) if obj is not None else self.hub.book.vault_of(key)
        return f"readers of {vault}" if vault is not None else "readers of no vault"

    # -- what the watches tell ------------------------------------------------------------------

    def _on_secret(self, namespace: str, name: str) -> None:
        for key in self.intake.with_target(namespace, name):
            self.engine.add(key, Priority.URGENT)

    def _on_namespace(self, event: str, obj: dict[str, Any]) -> None:
        name, labels = obj["metadata"]["name"], obj["metadata"].get("labels") or {}
        if event == "DELETED":
            self._namespaces.pop(name, None)
            return
        before, self._namespaces[name] = self._namespaces.get(name, {}), labels
        if labels != before:
            self._requeue_namespace(name)

    def _requeue_namespace(self, namespace: str) -> None:
        """Labels of a namespace decide what it may read and use."""
        for kind in (KIND_BINDING, KIND_CRYPTO_JOB):
            for key in self.engine.cache.keys(kind):
                if key.namespace == namespace:
                    self.engine.add(key, Priority.ROUTINE)

    def judge_expiry(self, vault: ObjectKey, uid: str) -> bool:
        """Let a KeyVault and its bindings be judged by the time of day; False where it is gone."""
        known = self.engine.cache.get(vault)
        if known is None or known["metadata"].get("uid") != uid:
            return False
        self.engine.add(vault, Priority.ROUTINE)
        for reader in self.hub.book.readers_of(vault):
            obj = self.engine.cache.get(reader)
            if obj is not None and (obj.get("status") or {}).get("expires"):
                self.engine.add(reader, Priority.ROUTINE)
        return True

    # -- life -------------------------------------------------------------------------------------

    def lead_while(self, is_leader: Callable[[], bool]) -> None:
        """Begin no work, write nothing and ask no vault while `is_leader` says no."""
        self.engine.may_work = self.client.may_write = self.clients.may_ask = is_leader

    async def prepare(self) -> None:
        """Check the cluster, start the watches, wait for their first lists; a standby stops here, warm."""
        self._start(self.clients.warm(), "identities", vital=False)
        await wait_for_kinds(self.client, self.settings.namespaces)
        for watch in self._watches:
            self._start(watch.run(), f"watch of {watch.plural}")
        self._start(report_missing_rights(self.client, self.settings), "rights", vital=False)
        await wait_synced(self._watches)
        self.warm.set()

    async def work(self) -> None:
        """Take the first list, then run the engine and the sweep."""
        await self._fill()
        if self.engine.stopping:
            return
        for key, obj in self.engine.cache.items(KIND_BINDING):
            self.intake.prepare(key, obj)
        logger.info("in sync with the cluster: %d objects", len(self.engine.cache))
        self._start(self._sweep(), "sweep")
        if self.settings.trust is not None:
            self._start(self._keep_trust(self.settings.trust), "certificates")
        self._start(self.outlets.run(), "outlets")
        if self.webhook is not None:
            self._start(self.webhook.run(), "events")
        if self.settings.outlets.pull is not None:
            self._start(EventPuller(self.settings.outlets.pull, self.hints.take).run(), "events")
        await self.engine.run()

    async def _keep_trust(self, settings: TrustSettings) -> None:
        namespace = settings.namespace or self.client.connection.default_namespace
        kept = replace(settings, namespace=namespace)
        await TrustKeeper(client=self.client, settings=kept, clock=self._clock).run()

    async def _fill(self) -> None:
        while True:
            try:
                await self.feed.fill()
            except KubeError as error:
                logger.warning("our kinds cannot be listed: %s; will retry", error.message)
                await asyncio.sleep(1.0)
            else:
                return

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.settings.sweep_interval.total_seconds())
            await self._sweep_once()

    async def _sweep_once(self) -> None:
        try:
            result = await self.feed.sweep()
            if result.behind:
                await asyncio.sleep(30.0)
                await self.feed.sweep()
        except KubeError as error:
            logger.warning("the sweep failed and comes again: %s", error.message)
        except Exception as error:  # noqa: BLE001 - a sweep that ended would end in silence
            logger.error("the sweep failed and comes again: unexpected %s", type(error).__name__)

    def _start(self, coroutine: Any, name: str, *, vital: bool = True) -> None:
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, vital=vital))

    def _ended(self, task: asyncio.Task[None], *, vital: bool) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: ended by an unexpected %s", task.get_name(), type(error).__name__)
            if vital:
                self.broken.set()

    async def stop(self, seconds: float) -> None:
        """Finish what runs, within `seconds`, and close everything but the cluster's client."""
        if not await self.engine.drain(seconds):
            logger.warning("some work did not end in time and was cancelled")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.hub.aclose()
        await self.clients.aclose()
        await self.outlets.aclose()


def _ready_of(obj: Mapping[str, Any]) -> str:
    ready = find_condition(obj.get("status") or {}, ConditionType.READY)
    return str(ready["status"]) if ready is not None else "Unknown"
