"""The chart on a real API server: installed, looked at, removed."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.chart.release import CHART, NAMESPACE, Helm

KINDS = (
    "deployments,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets,networkpolicies,"
    "clusterroles,clusterrolebindings,customresourcedefinitions"
)
GROUPS = (".vaultbind.dev", ".monitoring.coreos.com")
"""Of the kinds that tests define."""
SECONDS = 300.0
"""Patience. An API server may take more than a minute to remove a CRD that it has just got."""


class HasKubectl(Protocol):
    """A cluster, with or without nodes."""

    def kubectl(
        self, *arguments: str, input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator. Raises ClusterError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Helm and the cluster that it works on."""

    cluster: HasKubectl
    helm: Helm

    def install(self, *arguments: str, chart: Path = CHART, **values: Any) -> str:
        """`helm install`, as the documentation says it."""
        place = ("--namespace", NAMESPACE, "--create-namespace")
        return self.helm.run("install", "vaultbind", str(chart), *place, *arguments, values=values)

    def upgrade(self, *arguments: str, chart: Path = CHART, **values: Any) -> str:
        """`helm upgrade`."""
        place = ("--namespace", NAMESPACE)
        return self.helm.run("upgrade", "vaultbind", str(chart), *place, *arguments, values=values)

    def rollback(self, *arguments: str) -> str:
        """`helm rollback`: to the revision before, where none is named."""
        return self.helm.run("rollback", "vaultbind", *arguments, "--namespace", NAMESPACE)

    def uninstall(self) -> str:
        """`helm uninstall`."""
        return self.helm.run("uninstall", "vaultbind", "--namespace", NAMESPACE)

    def objects(self) -> set[str]:
        """What there is of the release, as `kind/name`."""
        selector = "app.kubernetes.io/instance=vaultbind"
        listed = self.cluster.kubectl("get", KINDS, "-A", "-l", selector, "-o", "json").stdout
        return {f"{item['kind']}/{item['metadata']['name']}" for item in json.loads(listed)["items"]}

    def get(self, *what: str) -> dict[str, Any]:
        """One object, by kubectl."""
        found: dict[str, Any] = json.loads(self.cluster.kubectl("get", *what, "-o", "json").stdout)
        return found

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        """`kubectl apply`."""
        whole = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.cluster.kubectl("apply", "-f", "-", input=json.dumps(whole))

    def flags(self) -> list[str]:
        """Flags of the installed Deployment."""
        template = self.get("deployment", "vaultbind", "-n", NAMESPACE)["spec"]["template"]
        flags: list[str]
        command, *flags = template["spec"]["containers"][0]["args"]
        assert command == "run"
        return flags

    def may(self, user: str, verb: str, resource: str, namespace: str = "") -> bool:
        """Whether somebody may do something, as `kubectl auth can-i` tells it."""
        where = ("-n", namespace) if namespace else ("-A",)
        asked = self.cluster.kubectl("auth", "can-i", verb, resource, "--as", user, *where, check=False)
        return asked.stdout.strip() == "yes"

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something that must come."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(0.1)

    def is_gone(self, *what: str) -> bool:
        """Whether an object does not exist."""
        done = self.cluster.kubectl("get", *what, "--ignore-not-found", "-o", "name")
        return not done.stdout.strip()

    def settle(self) -> None:
        """Wait until the API server serves just the kinds that have a CRD: it is late with both news."""
        self.until(self._is_settled, "what is served is not what is defined")

    def _is_settled(self) -> bool:
        defined = self.cluster.kubectl("get", "crd", "-o", "name").stdout.split()
        served = self.cluster.kubectl("api-resources", "-o", "name", check=False)
        ours = {name for name in served.stdout.split() if name.endswith(GROUPS)}
        return served.returncode == 0 and ours == {name.partition("/")[2] for name in defined}

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace and wait until it is gone: nothing may hold it back."""
        self.cluster.kubectl("delete", "namespace", name, "--wait=false")
        self.until(lambda: self.is_gone("namespace", name), f"namespace {name} is stuck in Terminating")

    def remove_all(self) -> None:
        """Leave nothing but CRDs, as an uninstall does: these take an API server long to remove."""
        namespaces = ("namespace", "shop", "shop-staging", NAMESPACE)
        roles = ("clusterrole,clusterrolebinding", "-l", "app.kubernetes.io/part-of=vaultbind")
        self.settle()
        # where the kind is just about to go, its objects go with it
        self.cluster.kubectl("delete", "clusterkeyvault", "--all", "--wait=false", check=False)
        for what in (namespaces, roles):
            self.cluster.kubectl("delete", *what, "--wait=false", "--ignore-not-found")
        for what in (namespaces, roles):
            self.until(lambda what=what: self.is_gone(*what), f"{what} are stuck")  # type: ignore[misc]
        self.settle()
