"""What holds for the rendered objects whatever the values are, and the roles in both scopes."""

from typing import Any

import pytest
import yaml

from tests.chart.release import CHART, NAMESPACE, Helm, Rendered
from tools.gen_chart import ROOT
from tools.realcluster.rules import load_rights, rules

SETS = sorted((CHART / "ci").glob("*.yaml"))
COMPONENT = "app.kubernetes.io/component"
CLUSTER_WIDE = {
    *("ClusterRole", "ClusterRoleBinding", "ClusterKeyVault", "CustomResourceDefinition"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
}


@pytest.fixture(scope="module", params=[None, *SETS], ids=lambda path: path.stem if path else "defaults")
def rendered(request: pytest.FixtureRequest, helm: Helm) -> Rendered:
    return helm.render(*(["--values", str(request.param)] if request.param else []))


def test_every_object_says_where_it_belongs(rendered: Rendered) -> None:
    for item in rendered.objects:
        assert item["metadata"]["labels"]["app.kubernetes.io/instance"] == "vaultbind", item["metadata"]
        assert ("namespace" in item["metadata"]) == (item["kind"] not in CLUSTER_WIDE), item["metadata"]


def test_no_object_is_there_twice(rendered: Rendered) -> None:
    places = [
        (item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
        for item in rendered.objects
    ]
    assert len(places) == len(set(places))


def test_everything_that_selects_selects_the_pods(rendered: Rendered) -> None:
    """Those of the Deployment of the same component."""
    places = {"Service": (), "PodDisruptionBudget": ("matchLabels",), "NetworkPolicy": ("matchLabels",)}
    for deployment in rendered.of_kind("Deployment"):
        template, component = deployment["spec"]["template"], deployment["metadata"]["labels"][COMPONENT]
        spreads = template["spec"].get("topologySpreadConstraints", ())
        selectors = [spread["labelSelector"]["matchLabels"] for spread in spreads]
        selectors += [deployment["spec"]["selector"]["matchLabels"]]
        mine = [item for item in rendered.objects if item["metadata"]["labels"].get(COMPONENT) == component]
        found = [item for item in mine if item["kind"] in places]
        assert {item["kind"] for item in found} >= {"Service", "PodDisruptionBudget"}
        for item in found:
            selector = item["spec"]["podSelector" if item["kind"] == "NetworkPolicy" else "selector"]
            selectors.append(selector["matchLabels"] if places[item["kind"]] else selector)
        labels = template["metadata"]["labels"].items()
        assert [selector for selector in selectors if not selector.items() <= labels] == []


def test_the_monitor_selects_the_service_and_its_port(helm: Helm) -> None:
    rendered = helm.render(serviceMonitor={"enabled": True, "labels": {"release": "p"}, "interval": "1m"})
    monitor, service = rendered.one("ServiceMonitor"), rendered.one("Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"] == [{"port": service["spec"]["ports"][0]["name"], "interval": "1m"}]
    assert monitor["metadata"]["labels"]["release"] == "p"
    assert service["spec"]["ports"][0]["targetPort"] == rendered.container["ports"][0]["name"]


def test_the_pod_is_as_restricted_as_pods_can_be(rendered: Rendered) -> None:
    """What Pod Security `restricted` asks for, and a root filesystem that nobody writes to."""
    pod, container = rendered.pod["spec"]["securityContext"], rendered.container["securityContext"]
    assert pod["runAsNonRoot"]
    assert pod["runAsUser"] > 0
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "hostNetwork" not in rendered.pod["spec"]
    assert [volume for volume in rendered.pod["spec"]["volumes"] if "hostPath" in volume] == []


def test_probes_ask_the_paths_that_the_operator_serves(default: Rendered) -> None:
    container = default.container
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    assert "--metrics-address=:8080" in default.flags
    assert container["ports"] == [{"name": "metrics", "containerPort": 8080}]


def test_the_lease_of_the_flags_is_the_one_that_the_role_names(helm: Helm) -> None:
    rendered = helm.render(release="other")
    assert "--lease-name=other-vaultbind" in rendered.flags
    assert f"--lease-namespace={NAMESPACE}" in rendered.flags
    role = rendered.one("Role", "other-vaultbind-lease")
    assert role["metadata"]["namespace"] == NAMESPACE
    assert role["rules"] == rules("own", lease="other-vaultbind")


@pytest.mark.parametrize("scope", ["Cluster", "Namespaces"])
def test_every_right_has_its_reason_above_it(helm: Helm, scope: str) -> None:
    place = ("template", "vaultbind", str(CHART), "--namespace", NAMESPACE)
    values = {"scope": scope, "rollouts": {"enabled": True}, "rbac": {"serviceAccountTokens": ["shop"]}}
    text = " ".join(helm.run(*place, values=values).replace("# ", "").split())
    granted = [right for right in load_rights() if right.get("scope", scope) == scope]
    assert len(granted) > 10
    for right in granted:
        resources = f'apiGroups: ["{right["group"]}"] resources: [{", ".join(right["resources"])}]'
        assert f"{' '.join(right['why'].split())} - {resources}" in text


TOKENS = "vaultbind-tokens"


@pytest.mark.parametrize("scope", ["Cluster", "Namespaces"])
def test_tokens_of_service_accounts_are_granted_where_the_values_say_so(helm: Helm, scope: str) -> None:
    """Nowhere by default, then in namespaces by name, then everywhere."""
    for aside in ([], ["shop", "bank"], ["*"]):
        rendered = helm.render(scope=scope, rbac={"serviceAccountTokens": aside})
        roles = [item for item in rendered.of_kind("ClusterRole") if item["metadata"]["name"] == TOKENS]
        assert [role["rules"] for role in roles] == ([rules("tokens")] if aside else [])
        bindings = [
            item["metadata"].get("namespace", "*")
            for kind in ("RoleBinding", "ClusterRoleBinding")
            for item in rendered.of_kind(kind)
            if item["metadata"]["name"] == TOKENS
        ]
        assert bindings == aside
        others = [item for item in rendered.of_kind("ClusterRole") if item["metadata"]["name"] != TOKENS]
        granted = [rule for role in [*others, *rendered.of_kind("Role")] for rule in role["rules"]]
        assert not any("serviceaccounts" in name for rule in granted for name in rule["resources"])
    assert rules("tokens") == [
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
    ]


def test_the_cluster_role_holds_the_rights_that_tests_run_with(default: Rendered) -> None:
    assert default.one("ClusterRole", "vaultbind")["rules"] == rules("namespaces", "cluster")
    assert {item["metadata"]["name"] for item in default.of_kind("Role")} == {"vaultbind-lease"}


@pytest.mark.parametrize("scope", ["Cluster", "Namespaces"])
def test_secrets_are_listed_and_watched_only_with_drift_detection_watch(helm: Helm, scope: str) -> None:
    kind = {"Cluster": "ClusterRole", "Namespaces": "Role"}[scope]
    verbs = {}
    for drift in ("Watch", "Get"):
        role = helm.render(scope=scope, driftDetection=drift).one(kind, "vaultbind")
        of_secrets = [rule["verbs"] for rule in role["rules"] if "secrets" in rule["resources"]]
        verbs[drift] = {verb for rule in of_secrets for verb in rule}
        assert role["rules"] == rules(*PLACES[scope], scope=scope, drift=drift)
    assert verbs == {
        "Watch": {"create", "delete", "get", "patch", "list", "watch"},
        "Get": {"create", "delete", "get", "patch"},
    }


PLACES = {"Cluster": ("namespaces", "cluster"), "Namespaces": ("namespaces",)}


def test_scope_namespaces_ends_at_these_namespaces(helm: Helm) -> None:
    scope: dict[str, Any] = {"scope": "Namespaces", "namespaces": ["a", "b"]}
    rendered = helm.render(**scope)
    everywhere = rendered.one("ClusterRole", "vaultbind")["rules"]
    assert {resource for rule in everywhere for resource in rule["resources"]} == {
        "clusterkeyvaults",
        "clusterkeyvaults/status",
    }
    for namespace in ("a", "b"):
        role = rendered.one("Role", "vaultbind", namespace)
        assert role["rules"] == rules("namespaces", scope="Namespaces")
        assert rendered.one("RoleBinding", "vaultbind", namespace)["roleRef"]["name"] == "vaultbind"
    events = rendered.one("Role", "vaultbind-events")
    assert events["metadata"]["namespace"] == "default"
    assert events["rules"] == rules("default", scope="Namespaces")


def test_every_role_is_bound_and_every_binding_leads_to_a_role(rendered: Rendered) -> None:
    roles = {place(item) for kind in ("Role", "ClusterRole") for item in rendered.of_kind(kind)}
    bound = {
        (item["roleRef"]["kind"], item["metadata"].get("namespace"), item["roleRef"]["name"])
        for kind in ("RoleBinding", "ClusterRoleBinding")
        for item in rendered.of_kind(kind)
    }
    aggregated = {("ClusterRole", None, f"vaultbind-{name}") for name in ("view", "edit")}
    by_administrators = ("ClusterRole", None, "vaultbind-values-reader")
    assert bound == roles - aggregated - {by_administrators}


def test_no_role_has_a_wildcard(rendered: Rendered) -> None:
    every = [
        rule for kind in ("Role", "ClusterRole") for item in rendered.of_kind(kind) for rule in item["rules"]
    ]
    assert every
    assert "*" not in yaml.safe_dump(every)


def test_view_reads_and_edit_writes_our_kinds_in_namespaces(default: Rendered) -> None:
    view, edit = (default.one("ClusterRole", f"vaultbind-{name}") for name in ("view", "edit"))
    assert [rule["verbs"] for rule in view["rules"]] == [["get", "list", "watch"]]
    assert {resource for rule in edit["rules"] for resource in rule["resources"]} == {
        "vaultbindings",
        "keyvaults",
    }
    of_edit = "rbac.authorization.k8s.io/aggregate-to-edit"
    assert (view["metadata"]["labels"][of_edit], edit["metadata"]["labels"][of_edit]) == ("true", "true")
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in edit["metadata"]["labels"]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "crds").glob("*.yaml")))
def test_crds_of_the_chart_are_the_crds(default: Rendered, name: str) -> None:
    source = yaml.safe_load((ROOT / "crds" / f"{name}.yaml").read_text())
    assert default.one("CustomResourceDefinition", source["metadata"]["name"])["spec"] == source["spec"]


def test_the_default_vault_is_a_hook_until_the_cluster_knows_its_kind(helm: Helm) -> None:
    vault = {"url": "https://a.vault.azure.net", "access": [{"namespaces": {"all": True}}]}
    fresh = helm.render(defaultVault=vault).one("ClusterKeyVault")
    known = ("--api-versions", "vaultbind.dev/v1alpha1/ClusterKeyVault")
    later = helm.render(*known, defaultVault=vault).one("ClusterKeyVault")
    assert fresh["spec"] == later["spec"] == vault
    assert fresh["metadata"]["annotations"]["helm.sh/hook"] == "post-install"
    assert later["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_network_policy_lets_out_what_is_needed_and_no_more(helm: Helm) -> None:
    policy = helm.render(
        networkPolicy={
            "enabled": True,
            "apiServerPorts": [16443],
            "metricsFrom": [{"namespaceSelector": {}}],
            "extraEgress": [{"ports": [{"port": 3128}]}],
        }
    ).one("NetworkPolicy")["spec"]
    ports = [port["port"] for rule in policy["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 16443, 443, 80, 3128]
    assert policy["ingress"] == [{"ports": [{"port": "metrics"}], "from": [{"namespaceSelector": {}}]}]
    assert policy["policyTypes"] == ["Ingress", "Egress"]


def place(item: dict[str, Any]) -> tuple[str, str | None, str]:
    return item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]
