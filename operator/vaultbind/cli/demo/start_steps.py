"""Steps one to four: cluster, vault, operator, and the connection between them."""

from typing import ClassVar

from vaultbind.cli.demo.checks import check_condition
from vaultbind.cli.demo.clusters import DEMO_MANAGER
from vaultbind.cli.demo.outcome import Look, is_not
from vaultbind.cli.demo.stage import OPERATOR_PRINCIPAL, Stage
from vaultbind.cli.demo.steps import Step
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, CRDS


class ClusterStep(Step):
    """CRDs and a namespace."""

    name: ClassVar = "cluster"
    title: ClassVar = "installing the CRDs"
    expected: ClassVar = "the cluster takes our CRDs and serves their kinds"

    async def act(self, stage: Stage) -> None:
        """Install."""
        await stage.cluster.install(stage.manifests.crds)

    async def look(self, stage: Stage) -> Look:
        """Ask for the condition Established, and for the kinds themselves."""
        names = [crd["metadata"]["name"] for crd in stage.manifests.crds]
        for name in names:
            crd = await stage.client.get(CRDS, "", name)
            conditions = (crd.get("status") or {}).get("conditions") or ()
            if not any((item["type"], item["status"]) == ("Established", "True") for item in conditions):
                return is_not(f"{name} is not established")
        await stage.client.list(CLUSTER_KEY_VAULTS, limit=1)
        kinds = ", ".join(crd["spec"]["names"]["kind"] for crd in stage.manifests.crds)
        return Look(told=f"{stage.cluster.title} at {stage.client.server} serves {kinds}")


class VaultStep(Step):
    """The emulator answers over HTTPS."""

    name: ClassVar = "vault"
    title: ClassVar = "reading the vault over HTTPS"
    expected: ClassVar = "the Key Vault emulator answers over HTTPS and holds what examples/vault.yaml says"

    async def look(self, stage: Stage) -> Look:
        """List all kinds with the client library, as a principal of our own."""
        secrets = [item async for item in stage.vault.secrets.list_secrets() if not item.managed]
        certificates = await stage.vault.certificates.list_certificates()
        keys = [item async for item in stage.vault.keys.list_keys() if not item.managed]
        if not (secrets and certificates and keys):
            return is_not("a kind of objects is missing in the vault")
        counts = f"{len(secrets)} secrets, {len(certificates)} certificate, {len(keys)} key"
        return Look(
            told=f"Key Vault emulator at {stage.vault.vault_url}, HTTPS with a CA of its own: {counts}"
        )


class OperatorStep(Step):
    """The operator as a process."""

    name: ClassVar = "operator"
    title: ClassVar = "starting the operator"
    expected: ClassVar = "the operator runs and its /readyz answers 200"

    async def act(self, stage: Stage) -> None:
        """Start the process."""
        await stage.operator.start()

    async def look(self, stage: Stage) -> Look:
        """Ask /readyz."""
        status, _ = await stage.operator.fetch("/readyz")
        if status != 200:
            return is_not(f"/readyz answers {status}" if status else "/readyz does not answer")
        return Look(told=f"`vaultbind run` is ready, process {stage.operator.pid}")


class ConnectStep(Step):
    """A ClusterKeyVault."""

    name: ClassVar = "connect"
    title: ClassVar = "applying examples/keyvault.yaml"
    expected: ClassVar = "the ClusterKeyVault is Ready with reason Connected, and the vault was really asked"

    async def act(self, stage: Stage) -> None:
        """Apply the manifest."""
        await stage.begin_count()
        await stage.client.create(CLUSTER_KEY_VAULTS, "", stage.manifests.vault, field_manager=DEMO_MANAGER)

    async def look(self, stage: Stage) -> Look:
        """Read the condition and the vault's own log."""
        vault = await stage.client.get(CLUSTER_KEY_VAULTS, "", stage.cluster.place.vault)
        if problems := check_condition(vault, "Ready", "True", "Connected"):
            return Look(problems=problems)
        entries = stage.emulator.stats.recent()
        if not any(e.principal == OPERATOR_PRINCIPAL and e.outcome == "200" and e.kind for e in entries):
            return is_not("the vault has not answered any request of the operator")
        interval = vault["spec"].get("refreshInterval", "1m")
        return Look(
            told=f"ClusterKeyVault {vault['metadata']['name']} is Connected, looked at every {interval}"
        )
