"""What a binding gives: its spec, its KeyVault and the vault's objects, rendered; kept for seconds."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vaultbind.api.binding import BindingSpec
from vaultbind.api.errors import SpecError
from vaultbind.api.names import KIND_BINDING, KIND_KEYVAULT
from vaultbind.api.pod_values import KEEP_SECONDS
from vaultbind.api.refs import ObjectKey, VaultObjectRef
from vaultbind.engine.clock import Clock
from vaultbind.engine.engine import StaleStateError
from vaultbind.engine.queue import Priority
from vaultbind.injection.recent import Recent
from vaultbind.injection.refusal import Reason, RefusalError
from vaultbind.keyvault import KeyVaultError
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, KEY_VAULTS, NAMESPACES, VAULT_BINDINGS, Resource
from vaultbind.rendering.checked import parse_for_pods
from vaultbind.rendering.render import Rendered, render
from vaultbind.rendering.values import VaultValue
from vaultbind.rendering.wanted import wanted
from vaultbind.vaults.causes import Trouble, decide_trouble, trouble_for_readers
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.session import VaultPausedError, VaultSession

_Values = dict[VaultObjectRef, VaultValue | None]


@dataclass(slots=True, kw_only=True)
class ValueSource:
    """Rendered values of bindings. `hub` is this process' own and is fed from here."""

    client: KubeClient
    hub: VaultHub
    clock: Clock
    labels: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels of namespaces, as the hub asks for them."""
    _rendered: "Recent[ObjectKey, Mapping[str, bytes]]" = field(init=False)
    _objects: "Recent[tuple[str, VaultObjectRef], VaultValue | None]" = field(init=False)
    _failed: dict[ObjectKey, tuple[BindingSpec, _Values, str]] = field(default_factory=dict)
    """What could not be rendered, from what, and why; for seconds."""
    _sessions: dict[str, VaultSession] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put the two short memories in front of cluster and vault."""
        now = self.clock.monotonic
        self._rendered = Recent(ask=self._render, seconds=KEEP_SECONDS, clock=now)
        self._objects = Recent(ask=self._read, seconds=KEEP_SECONDS, clock=now)

    async def fetch(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Keys and bytes of a binding. Raises RefusalError: BINDING_NOT_FOUND, NOT_READY, CLUSTER_ERROR."""
        return await self._rendered.get(ObjectKey(KIND_BINDING, namespace, name))

    async def purge_for_ever(self) -> None:
        """Forget values in time also while nobody asks; until cancelled."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            await self.purge()

    async def purge(self) -> None:
        """Forget what is too old, and sessions to which no KeyVault leads any more."""
        self._rendered.purge()
        self._objects.purge()
        self._failed.clear()
        self._sessions = {name: session for name, session in self._sessions.items() if not session.retired}
        await self.hub.close_retired()

    @property
    def sessions(self) -> int:
        """Number of sessions in memory."""
        return len(self._sessions)

    @property
    def held(self) -> int:
        """Number of values in memory."""
        return len(self._rendered) + len(self._objects) + len(self._failed)

    async def _render(self, key: ObjectKey) -> Mapping[str, bytes]:
        spec = await self._fetch_spec(key)
        session = await self._resolve(key, spec)
        refs = wanted(spec)
        self._sessions[session.name] = session
        results = await asyncio.gather(
            *(self._objects.get((session.name, ref)) for ref in refs), return_exceptions=True
        )
        values: _Values = {}
        for ref, result in zip(refs, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            values[ref] = result
        return self._render_anew(key, spec, values)

    def _render_anew(self, key: ObjectKey, spec: BindingSpec, values: _Values) -> Mapping[str, bytes]:
        """Render, unless just this failed already: a costly template would be rendered for each pod."""
        failed = self._failed.get(key)
        if failed is None or failed[:2] != (spec, values):
            rendered = render(spec, values, now=self.clock.now())
            if isinstance(rendered, Rendered):
                return rendered.data
            failed = self._failed[key] = (spec, values, f"{rendered[0].reason.word}: {rendered[0]}")
        raise RefusalError(Reason.NOT_READY, failed[2])

    async def _fetch_spec(self, key: ObjectKey) -> BindingSpec:
        obj = await self._get(VAULT_BINDINGS, key.namespace, key.name)
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            raise RefusalError(Reason.BINDING_NOT_FOUND, "it does not exist in the pod's namespace")
        try:
            return parse_for_pods(obj)
        except SpecError as error:
            raise RefusalError(Reason.NOT_READY, f"{error.reason.word}: {error}") from None

    async def _resolve(self, key: ObjectKey, spec: BindingSpec) -> VaultSession:
        """Find the vault and see that this namespace may read it."""
        await self._feed(spec.vault)
        resolution = self.hub.resolve(spec.vault)
        if resolution is None:
            raise RefusalError(Reason.NOT_READY, f"{spec.vault} does not exist")
        if resolution.session is None:
            word = resolution.denial.reason.word if resolution.denial is not None else ""
            raise RefusalError(Reason.NOT_READY, f"{spec.vault} cannot be used: {word}")
        if resolution.spec is not None and resolution.spec.access is not None:
            namespace = await self._get(NAMESPACES, "", key.namespace)
            self.labels[key.namespace] = ((namespace or {}).get("metadata") or {}).get("labels") or {}
        denial = self.hub.decide_access(resolution, key.namespace, spec.sources())
        if denial is not None:
            raise RefusalError(Reason.NOT_READY, f"{denial.reason.word}: {denial.message}")
        return resolution.session

    async def _feed(self, vault: ObjectKey) -> None:
        """Tell the hub of the KeyVault as it is now."""
        resource = KEY_VAULTS if vault.kind == KIND_KEYVAULT else CLUSTER_KEY_VAULTS
        obj = await self._get(resource, vault.namespace, vault.name)
        if obj is not None:
            self.hub.cache.put(vault, {**obj, "kind": vault.kind})
        elif self.hub.cache.remove(vault) is not None:
            self.hub.leave(vault)

    async def _read(self, key: tuple[str, VaultObjectRef]) -> VaultValue | None:
        session, ref = self._sessions.get(key[0]), key[1]
        try:
            if session is None:
                raise StaleStateError
            return (await session.read(ref, None, Priority.URGENT)).value
        except VaultPausedError as error:
            raise _not_ready(trouble_for_readers(error.trouble)) from None
        except KeyVaultError as error:
            raise _not_ready(decide_trouble(error, ref)) from None
        except StaleStateError:
            raise RefusalError(
                Reason.NOT_READY, "its KeyVault was changed just now", retry_after=1.0
            ) from None

    async def _get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        try:
            return await self.client.get(resource, namespace, name)
        except KubeError as error:
            if error.kind is KubeErrorKind.NOT_FOUND:
                return None
            raise RefusalError(
                Reason.CLUSTER_ERROR,
                f"the broker cannot ask the API server: {error.kind.value}",
                retry_after=error.retry_after,
            ) from None


def _not_ready(trouble: Trouble) -> RefusalError:
    return RefusalError(
        Reason.NOT_READY, f"{trouble.reason.word}: {trouble.message}", retry_after=trouble.retry_after
    )
