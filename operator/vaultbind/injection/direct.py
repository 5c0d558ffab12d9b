"""`python -m vaultbind.injection.direct init|refresh`: the agent that asks vaults itself, as its pod.

The same program as `vaultbind.agent` around another fetch: the pod's token goes to Entra ID, and what that
gives to the vault. It has the client library in it, and so three times the memory.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from vaultbind.agent.errors import AgentError, RetryableError
from vaultbind.agent.program import run
from vaultbind.agent.work import Fetch
from vaultbind.api.binding import BindingSpec
from vaultbind.api.conditions import Reason
from vaultbind.api.errors import SpecError
from vaultbind.api.refs import VaultObjectRef
from vaultbind.injection.sources import PodAuth, VaultAddress, parse_sources
from vaultbind.keyvault import (
    FederatedIdentity,
    KeyVaultClient,
    KeyVaultConfig,
    KeyVaultError,
    SharedTransport,
)
from vaultbind.keyvault import Priority as Pace
from vaultbind.rendering.render import Rendered, render
from vaultbind.rendering.values import VaultValue
from vaultbind.rendering.wanted import wanted
from vaultbind.vaults.causes import decide_trouble, is_not_found
from vaultbind.vaults.objects import fetch_object

ReadToken = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One binding, understood: what to ask, whom, and as whom."""

    name: str
    spec: BindingSpec
    client: KeyVaultClient
    client_id: str


class Vaults:
    """One event loop and one client for each vault, as long as the program runs.

    Vaults of one authority's trust share a transport, and with it the token of one tenant.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._clients: dict[VaultAddress, KeyVaultClient] = {}
        self._transports: dict[str, SharedTransport] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self._runner.run(self._aclose())
        self._runner.close()

    def make_fetch(self, environ: Mapping[str, str]) -> Fetch:
        """Ask the vaults that the environment names. Raises AgentError for what is missing or wrong."""
        try:
            auth = parse_sources(environ["VAULTBIND_SOURCES"])
            token_file = Path(environ["VAULTBIND_TOKEN_FILE"])
        except KeyError as error:
            raise AgentError(f"{error.args[0]} is not set") from None
        except ValueError as error:
            raise AgentError(f"VAULTBIND_SOURCES cannot be read: {error}") from None
        read_token = partial(_read_token, token_file)  # one for all: identities are compared by it
        tasks = {name: self._understand(auth, name, read_token) for name in auth.sources}
        return partial(self._fetch_now, tasks)

    def _understand(self, auth: PodAuth, name: str, read_token: ReadToken) -> Task:
        """Raises AgentError for what a webhook of another version may have written."""
        source = auth.sources[name]
        try:
            spec = source.parse(name)
            client = self._client(source.vault, auth.client_id, read_token)
        except (SpecError, KeyVaultError, TypeError) as error:
            raise AgentError(
                f"VaultBinding {name}: this agent cannot use what VAULTBIND_SOURCES says of it: {error}; "
                "webhook and agent may be of different versions: delete the pod, a new one gets what fits"
            ) from None
        return Task(name=name, spec=spec, client=client, client_id=auth.client_id)

    def _fetch_now(self, tasks: Mapping[str, Task], binding: str) -> dict[str, bytes]:
        task = tasks.get(binding)
        if task is None:
            raise AgentError(f"VaultBinding {binding}: VAULTBIND_SOURCES says nothing of it; delete the pod")
        return self._runner.run(self._fetch(task))

    async def _fetch(self, task: Task) -> dict[str, bytes]:
        """Keys and values of one binding. Raises RetryableError: who may what in a vault changes."""
        refs = wanted(task.spec)
        reads = (self._read(task, ref) for ref in refs)
        values = dict(zip(refs, await asyncio.gather(*reads), strict=True))
        rendered = render(task.spec, values, now=datetime.now(UTC))
        if not isinstance(rendered, Rendered):
            raise RetryableError(f"VaultBinding {task.name}: {rendered[0].reason.word}: {rendered[0]}")
        return dict(rendered.data)

    def _client(self, vault: VaultAddress, client_id: str, read_token: ReadToken) -> KeyVaultClient:
        if vault not in self._clients:
            identity = FederatedIdentity(
                tenant_id=vault.tenant_id,
                client_id=client_id,
                fetch_assertion=read_token,
                authority_host=vault.authority_host,
            )
            config = KeyVaultConfig(vault_url=vault.url, credential=identity)
            transport = self._transports.setdefault(
                vault.ca_bundle, SharedTransport(ca_pem=vault.ca_bundle or None)
            )
            self._clients[vault] = KeyVaultClient(config, transport=transport)
        return self._clients[vault]

    async def _read(self, task: Task, ref: VaultObjectRef) -> VaultValue | None:
        try:
            return await fetch_object(task.client, ref, Pace.FRESH)
        except KeyVaultError as error:
            if is_not_found(error):
                return None
            raise refusal_of(error, ref, task.name, task.client_id) from None

    async def _aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        for transport in self._transports.values():
            await transport.aclose()


async def _read_token(path: Path) -> str:
    """The pod's token, which the kubelet renews."""
    return (await asyncio.to_thread(path.read_text, encoding="ascii")).strip()


def refusal_of(error: KeyVaultError, ref: VaultObjectRef, binding: str, client_id: str) -> RetryableError:
    """Say as whom the vault was asked: whoever reads it has to give a role to that identity."""
    trouble = decide_trouble(error, ref)
    told = trouble.message
    if trouble.reason is Reason.UNAUTHORIZED:
        told = f"{ref}: {error.code}; the identity has to trust this cluster for the pod's ServiceAccount"
    return RetryableError(
        f"VaultBinding {binding}: {trouble.reason.word}: {told}; asked as client {client_id}",
        trouble.retry_after,
    )


if __name__ == "__main__":
    with Vaults() as vaults:
        status = run(sys.argv[1:], os.environ, vaults.make_fetch, "vaultbind.injection.direct")
    sys.exit(status)
