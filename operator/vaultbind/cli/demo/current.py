"""The cluster of the kubeconfig at hand: what it is called, and whether the demo may use it."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from vaultbind.cli.demo.clusters import CurrentCluster, fetch_missing_crds, fetch_vault_names
from vaultbind.cli.demo.manifests import fetch_crds
from vaultbind.cli.demo.outcome import DemoError
from vaultbind.cli.demo.production import find_production_name
from vaultbind.kube.access import fetch_context_names
from vaultbind.kube.connection import connect


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done to the cluster."""

    names: tuple[str, ...]
    """Of the context first, then of cluster, namespace and server."""
    missing_crds: tuple[str, ...] = ()
    vaults: tuple[str, ...] = ()
    """ClusterKeyVaults that are there already: the demo's operator would judge them, too."""

    @property
    def context(self) -> str:
        """Name of the context."""
        return self.names[0]


async def fetch_plan() -> Plan:
    """Ask the cluster what is missing; changes nothing. Raises KubeConfigError, KubeError, DemoError."""
    names = fetch_context_names()
    async with await connect() as client:
        return Plan(
            names=(*names, client.server),
            missing_crds=await fetch_missing_crds(client, fetch_crds()),
            vaults=await fetch_vault_names(client),
        )


def check_plan(plan: Plan, *, yes: bool, ask: Callable[[str], bool] | None) -> None:
    """Raise DemoError where the cluster must not be used; `ask` asks people, None where there are none."""
    if plan.vaults:
        found = f"ClusterKeyVault {plan.vaults[0]}"
        raise DemoError(f"vaultbind is in use in context {plan.context!r} ({found}): no place for a demo")
    if yes:
        return
    if name := find_production_name(plan.names):
        raise DemoError(f"{name!r} looks like production; --yes runs the demo there all the same")
    if not plan.missing_crds:
        return
    what = f"installing {len(plan.missing_crds)} CRDs of vaultbind.dev into context {plan.context!r}"
    if ask is None:
        raise DemoError(f"{what} needs --yes where nobody can be asked")
    if not ask(f"The demo begins by {what}, and removes them afterwards. Go on?"):
        raise DemoError("nothing was changed")


@asynccontextmanager
async def use_current(plan: Plan, say: Callable[[str], None]) -> AsyncIterator[CurrentCluster]:
    """Use the cluster, and clean up with the end of the block."""
    async with await connect() as client:
        cluster = CurrentCluster(client, plan.context, secrets.token_hex(3))
        try:
            yield cluster
        finally:
            for left in await cluster.clean_up():
                say(f"left in the cluster: {left}")
