"""A sandbox: one embedded cluster API that listens on loopback, with controls for tests and the demo."""

import asyncio
import base64
import secrets
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import yaml
from aiohttp import web

from vaultbind.sandbox.bodies import parse_manifests
from vaultbind.sandbox.cluster import Cluster
from vaultbind.sandbox.config import SandboxConfig
from vaultbind.sandbox.deletion import DeleteOptions
from vaultbind.sandbox.documents import JsonObject, clone, metadata
from vaultbind.sandbox.drafting import WriteOptions
from vaultbind.sandbox.errors import StatusError
from vaultbind.sandbox.faults import Fault, Faults
from vaultbind.sandbox.garbage import collect
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.patches import PatchType
from vaultbind.sandbox.server import ApiServer
from vaultbind.sandbox.stats import Stats
from vaultbind.sandbox.store import Change, ChangeType, Store
from vaultbind.sandbox.tls import ServerIdentity, build_identity

_MAX_PASSES = 20


class Sandbox:
    """An embedded Kubernetes API; use `async with Sandbox.start(SandboxConfig()) as sandbox`."""

    def __init__(self, config: SandboxConfig) -> None:
        """Make the cluster; it listens only inside `start`."""
        self.cluster = Cluster(
            clock=config.clock, new_uid=lambda: str(uuid.uuid4()), store=Store(history=config.history)
        )
        self.token = config.token or secrets.token_urlsafe(24)
        self.port = config.port
        self._config = config
        self._server = ApiServer(self.cluster, config, clock=config.clock)
        self._server.tokens.add(self.token)
        self._identity: ServerIdentity | None = build_identity() if config.tls else None
        self._collection: asyncio.TimerHandle | None = None

    @classmethod
    @asynccontextmanager
    async def start(cls, config: SandboxConfig | None = None) -> AsyncIterator[Self]:
        """Listen until the block is left; raises OSError when the port is taken."""
        sandbox = cls(config or SandboxConfig())
        app = sandbox._server.build_app()
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        unsubscribe = sandbox.store.subscribe(sandbox._on_change)
        try:
            await sandbox._listen(runner)
            yield sandbox
        finally:
            unsubscribe()
            if sandbox._collection is not None:
                sandbox._collection.cancel()
            sandbox.drop_watches()
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        context = self._identity.context if self._identity else None
        await web.TCPSite(runner, self._config.host, self._config.port, ssl_context=context).start()
        self.port = runner.addresses[0][1]

    # ---------------------------------------------------------------------------------- how to reach it
    @property
    def url(self) -> str:
        """Base address."""
        return f"{'https' if self._config.tls else 'http'}://{self._config.host}:{self.port}"

    @property
    def ca_pem(self) -> str:
        """The authority that clients must trust; empty without TLS."""
        return self._identity.ca_pem if self._identity else ""

    def client_context(self) -> ssl.SSLContext | None:
        """A TLS context that trusts this sandbox and nothing else."""
        return ssl.create_default_context(cadata=self.ca_pem) if self._identity else None

    def kubeconfig(self, namespace: str = "default") -> str:
        """A kubeconfig with the administrator's token: YAML text, to be kept from other users."""
        cluster: dict[str, Any] = {"server": self.url}
        if self._identity:
            cluster["certificate-authority-data"] = base64.b64encode(self.ca_pem.encode()).decode()
        context = {"cluster": "sandbox", "user": "admin", "namespace": namespace}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "sandbox", "context": context}],
            "current-context": "sandbox",
        }
        return yaml.safe_dump(document, sort_keys=False)

    def issue_token(self) -> str:
        """One more valid token, for tests of rotation."""
        token = secrets.token_urlsafe(24)
        self._server.tokens.add(token)
        return token

    def revoke_token(self, token: str) -> None:
        """Answer 401 to a token from now on."""
        self._server.tokens.discard(token)

    # ------------------------------------------------------------------------------------ what is in it
    @property
    def store(self) -> Store:
        """The state itself; what it hands out must not be changed."""
        return self.cluster.store

    @property
    def stats(self) -> Stats:
        """Counts of requests over HTTP."""
        return self._server.stats

    def get(self, resource: str, namespace: str, name: str) -> JsonObject | None:
        """A copy of one object, None when there is none; `resource` is `secrets` or `plural.group`."""
        try:
            return clone(self.cluster.get(self.kind(resource), namespace, name))
        except StatusError:
            return None

    def objects(self, resource: str, namespace: str = "") -> list[JsonObject]:
        """Copies of all objects of a resource."""
        return [clone(found) for found in self.cluster.objects(self.kind(resource), namespace)]

    def apply(self, manifests: str | JsonObject, *, manager: str = "kubectl") -> list[JsonObject]:
        """Apply objects from YAML text or one document, by force; raises StatusError.

        This and the other methods here go around HTTP: they are not counted and meet no faults.
        """
        documents = parse_manifests(manifests) if isinstance(manifests, str) else [clone(manifests)]
        return [self._apply_one(document, manager) for document in documents]

    def _apply_one(self, document: JsonObject, manager: str) -> JsonObject:
        api_version, name = str(document.get("apiVersion")), str(document.get("kind"))
        kind = self.cluster.registry.by_kind(api_version, name)
        if kind is None:
            raise KeyError(f"no such kind: {api_version} {name}")
        meta = metadata(document)
        written = self.cluster.patch(
            kind,
            meta.get("namespace", "default") if kind.namespaced else "",
            meta["name"],
            document,
            PatchType.APPLY,
            WriteOptions(manager=manager, force=True),
        )
        return clone(written.document)

    def patch(
        self,
        resource: str,
        namespace: str,
        name: str,
        patch: JsonObject,
        *,
        manager: str = "kubectl-edit",
        subresource: str = "",
    ) -> JsonObject:
        """Change an object by a merge patch, as a person would; raises StatusError."""
        options = WriteOptions(manager=manager, subresource=subresource)
        kind = self.kind(resource)
        return clone(self.cluster.patch(kind, namespace, name, patch, PatchType.MERGE, options).document)

    def delete(self, resource: str, namespace: str, name: str) -> None:
        """Delete an object in the background; raises StatusError."""
        self.cluster.delete(self.kind(resource), namespace, name, DeleteOptions())

    def kind(self, resource: str) -> ResourceKind:
        """The kind behind `plural` or `plural.group`; raises KeyError."""
        plural, _, group = resource.partition(".")
        return self.cluster.registry.by_storage((group, plural))

    # ---------------------------------------------------------------------------------------- controls
    @property
    def faults(self) -> Faults:
        """What goes wrong over HTTP."""
        return self._server.faults

    def inject(self, fault: Fault) -> None:
        """Let requests fail."""
        self._server.faults.add(fault)

    @property
    def open_watches(self) -> int:
        """Number of watches that are being served."""
        return len(self._server.watches)

    def drop_watches(self) -> None:
        """Cut the connection of every watch."""
        for watch in list(self._server.watches):
            watch.cut()

    def compact(self) -> None:
        """Forget all history: an old resourceVersion or continue token is answered by 410 from now on."""
        self.store.compact()
        self._server.answerer.pager.forget()

    def expire_watches(self) -> None:
        """Compact, and end every open watch with 410 Gone."""
        self.compact()
        for watch in list(self._server.watches):
            watch.expire()

    # ----------------------------------------------------------------------------------------- garbage
    def _on_change(self, change: Change) -> None:
        meta = metadata(change.object)
        is_relevant = (
            change.type is ChangeType.DELETED or meta.get("deletionTimestamp") or meta.get("ownerReferences")
        )
        if self._config.collects_garbage and is_relevant and self._collection is None:
            loop = asyncio.get_running_loop()
            self._collection = loop.call_later(self._config.garbage_delay, self._collect)

    def _collect(self) -> None:
        """Collect until nothing is left to do; what this changes asks for no further collection."""
        try:
            for _ in range(_MAX_PASSES):
                if not collect(self.cluster):
                    break
        finally:
            self._collection = None
