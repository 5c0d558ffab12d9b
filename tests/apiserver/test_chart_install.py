"""The chart on a cluster: install, upgrade, rollback, uninstall, and what is left behind."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.installation import Installation
from tests.chart.release import CHART, NAMESPACE
from tools.realcluster import ClusterError

pytestmark = pytest.mark.timeout(900)
"""More than `Installation.until` waits, twice."""

VAULT: dict[str, Any] = {"url": "https://shop.vault.azure.net", "access": [{"namespaces": {"all": True}}]}
NAMES = sorted(path.stem for path in Path("crds").glob("*.yaml"))
CRDS = {f"CustomResourceDefinition/{name}.vaultbind.dev" for name in NAMES}
SETS = sorted((CHART / "ci").glob("*.yaml"))
BINDING = {
    "apiVersion": "vaultbind.dev/v1alpha1",
    "kind": "VaultBinding",
    "metadata": {"name": "db", "namespace": "shop"},
    "spec": {"data": [{"key": "password", "secret": {"name": "shop-db"}}]},
}
MONITORS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {"kind": "ServiceMonitor", "plural": "servicemonitors"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}
"""A stand-in: Prometheus Operator's own CRD is not here, so only that the object is sent is seen.
It stays when a test is over: to remove a CRD takes an API server half a minute."""


def test_the_first_install_on_an_empty_cluster_brings_a_default_vault(installation: Installation) -> None:
    told = installation.install(defaultVault=VAULT)
    assert "The ClusterKeyVault `default` leads to https://shop.vault.azure.net." in told
    first = installation.get("clusterkeyvault", "default")
    assert first["spec"] == VAULT

    installation.upgrade(defaultVault={**VAULT, "refreshInterval": "5m"})
    second = installation.get("clusterkeyvault", "default")
    assert second["spec"] == {**VAULT, "refreshInterval": "5m"}
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert "helm.sh/hook" not in second["metadata"]["annotations"]

    installation.rollback("1")
    third = installation.get("clusterkeyvault", "default")
    assert third["metadata"]["uid"] == first["metadata"]["uid"]

    installation.uninstall()
    assert installation.get("clusterkeyvault", "default")["metadata"]["uid"] == first["metadata"]["uid"]
    installation.install(defaultVault=VAULT)
    last = installation.get("clusterkeyvault", "default")
    assert (last["spec"], last["metadata"]["uid"]) == (VAULT, first["metadata"]["uid"])


def test_an_uninstall_leaves_the_crds_and_nothing_else(installation: Installation) -> None:
    installation.install()
    assert installation.objects() > CRDS
    told = installation.uninstall()
    assert installation.objects() == CRDS
    assert all(f"{name}.vaultbind.dev" in told for name in NAMES)


def test_without_keep_the_crds_go_and_nothing_is_stuck(installation: Installation) -> None:
    """No operator runs here: whatever waited for one would wait for ever."""
    installation.install(crds={"keep": False}, replicas=0)
    installation.settle()
    installation.cluster.kubectl("create", "namespace", "shop")
    installation.apply(BINDING)
    installation.uninstall()
    installation.until(lambda: not installation.objects(), "objects of the release are left")


def test_a_namespace_ends_with_its_bindings_while_no_operator_runs(installation: Installation) -> None:
    installation.install(defaultVault=VAULT, replicas=0)
    installation.settle()
    installation.cluster.kubectl("create", "namespace", "shop")
    keyvault = {**BINDING, "kind": "KeyVault", "spec": {"url": VAULT["url"]}}
    installation.apply(BINDING, keyvault)
    owner = installation.get("vaultbinding", "db", "-n", "shop")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "db",
            "namespace": "shop",
            "ownerReferences": [
                {
                    "apiVersion": owner["apiVersion"],
                    "kind": owner["kind"],
                    "name": "db",
                    "uid": owner["metadata"]["uid"],
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
    }
    installation.apply(secret)
    installation.delete_namespace("shop")


def test_an_upgrade_brings_new_crds_and_a_rollback_the_old_ones(
    installation: Installation, tmp_path: Path
) -> None:
    """There is no release before this one: its chart stands in for it, with another number and field."""
    old = tmp_path / "vaultbind"
    shutil.copytree(CHART, old)
    path = old / "templates" / "crds" / "vaultbindings.yaml"
    text = path.read_text()
    without = text.replace("                suspend:\n", "                paused:\n")
    assert without != text
    path.write_text(without)
    chart = yaml.safe_load((old / "Chart.yaml").read_text())
    (old / "Chart.yaml").write_text(yaml.safe_dump({**chart, "version": "0.0.9", "appVersion": "0.0.9"}))

    installation.install(chart=old)
    assert fields(installation) >= {"paused"}
    installation.upgrade()
    assert "suspend" in fields(installation)
    assert "paused" not in fields(installation)
    image = installation.get("deployment", "vaultbind", "-n", NAMESPACE)["spec"]["template"]["spec"]
    assert image["containers"][0]["image"].endswith(":0.1.0")
    installation.rollback("1")
    assert "paused" in fields(installation)
    image = installation.get("deployment", "vaultbind", "-n", NAMESPACE)["spec"]["template"]["spec"]
    assert image["containers"][0]["image"].endswith(":0.0.9")


def fields(installation: Installation) -> set[str]:
    """Fields of a binding's spec that the cluster knows."""
    crd = installation.get("crd", "vaultbindings.vaultbind.dev")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return set(schema["properties"]["spec"]["properties"])


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_each_value_set_is_accepted_and_installs(installation: Installation, path: Path) -> None:
    for namespace in (NAMESPACE, "shop", "shop-staging"):
        installation.cluster.kubectl("create", "namespace", namespace)
    installation.apply(MONITORS)
    installation.settle()
    installation.install("--values", str(path))
    assert "Deployment/vaultbind" in installation.objects()
    rendered = installation.helm.render("--values", str(path), crds={"install": True})
    dry_run(installation, rendered.objects)


def test_a_dry_run_sees_a_field_that_is_none(installation: Installation) -> None:
    """The control of the test above."""
    installation.cluster.kubectl("create", "namespace", NAMESPACE)
    deployment = installation.helm.render().one("Deployment")
    deployment["spec"]["template"]["spec"]["tolerationz"] = []
    with pytest.raises(ClusterError, match="tolerationz"):
        dry_run(installation, [deployment])


def dry_run(installation: Installation, objects: list[dict[str, Any]]) -> None:
    """Let the API server judge objects without storing them."""
    whole = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    apply = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
    installation.cluster.kubectl(*apply, input=whole)


def test_the_pods_are_admitted_where_pods_are_restricted(installation: Installation) -> None:
    installation.install()
    label = "pod-security.kubernetes.io/enforce=restricted"
    installation.cluster.kubectl("label", "namespace", NAMESPACE, label)
    template = installation.get("deployment", "vaultbind", "-n", NAMESPACE)["spec"]["template"]
    pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {"name": "x", "namespace": NAMESPACE, "labels": template["metadata"]["labels"]}
    create = ("create", "--dry-run=server", "-f", "-")

    def is_refused(*, may_escalate: bool) -> bool:
        pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = may_escalate
        told = installation.cluster.kubectl(*create, input=json.dumps(pod), check=not may_escalate)
        return "violates PodSecurity" in told.stderr

    installation.until(lambda: is_refused(may_escalate=True), "pods are not restricted")
    assert not is_refused(may_escalate=False)


def test_editors_of_a_namespace_may_bind_and_viewers_may_look(installation: Installation) -> None:
    installation.install()
    installation.cluster.kubectl("create", "namespace", "shop")
    for role in ("view", "edit"):
        binding = ("rolebinding", role, f"--clusterrole={role}", f"--user={role}er", "-n", "shop")
        installation.cluster.kubectl("create", *binding)
    rights = {
        *((user, "get", kind) for user in ("viewer", "editer") for kind in ("vaultbindings", "keyvaults")),
        *(("editer", "create", kind) for kind in ("vaultbindings", "keyvaults")),
    }

    def allowed() -> set[tuple[str, str, str]]:
        return {
            (user, verb, kind)
            for user in ("viewer", "editer")
            for verb in ("get", "create")
            for kind in ("vaultbindings", "keyvaults")
            if installation.may(user, verb, f"{kind}.vaultbind.dev", "shop")
        }

    installation.until(lambda: allowed() >= rights, "view and edit were not extended")
    assert allowed() == rights
    for user in ("viewer", "editer"):  # asked for real: `can-i` in a namespace says yes to what has none
        for kind, expected in (("keyvaults", ""), ("clusterkeyvaults", "Forbidden")):
            found = installation.cluster.kubectl("get", kind, "-n", "shop", "--as", user, check=False)
            assert expected in found.stderr
            assert (found.returncode == 0) is (not expected), "a RoleBinding gives nothing cluster-wide"


def test_the_plain_manifests_install_and_leave_nothing_behind(installation: Installation) -> None:
    installation.cluster.kubectl("apply", "-k", "deploy")
    assert installation.objects() > CRDS
    installation.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "deploy/install.yaml")
    installation.cluster.kubectl("delete", "-k", "deploy", "--wait=false")
    installation.until(lambda: not installation.objects(), "objects are left")


def test_an_upgrade_leaves_the_authorities_that_the_operator_keeps(installation: Installation) -> None:
    """Not one pod is refused because Helm has put its own caBundle in place."""
    values: dict[str, Any] = {"enabled": True, "broker": {"enabled": True}}
    installation.install(injection=values)
    kinds = ("mutatingwebhookconfiguration", "validatingwebhookconfiguration")
    bundle = "LS0t"
    for kind in kinds:
        webhooks = installation.get(kind, "vaultbind")["webhooks"]
        for item in webhooks:
            item["clientConfig"]["caBundle"] = bundle
        change = json.dumps({"webhooks": webhooks})
        installation.cluster.kubectl("patch", kind, "vaultbind", "--type=merge", "-p", change)
    try:
        installation.upgrade(injection={**values, "excludedNamespaces": ["monitoring"]})
        after = {kind: installation.get(kind, "vaultbind")["webhooks"] for kind in kinds}
    finally:
        installation.uninstall()

    assert {item["clientConfig"]["caBundle"] for items in after.values() for item in items} == {bundle}
    pods = after["mutatingwebhookconfiguration"][0]
    assert "monitoring" in pods["namespaceSelector"]["matchExpressions"][0]["values"]
    assert pods["failurePolicy"] == "Fail"
