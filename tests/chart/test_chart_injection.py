"""What `injection` adds to the chart, and that nothing of it is there without."""

import re
from typing import Any

import pytest

from tests.apiserver.injection.admission import POD_AUTH_RULES, RULES, check_webhook, pod_webhook
from tests.apiserver.injection.broker import BROKER_RULES
from tests.chart.release import CHART, NAMESPACE, Helm, HelmError, Rendered
from tests.unit.docs.test_pages import flags as flags_of
from tools.gen_cli_help import commands
from tools.realcluster.rules import load_injection_rights
from vaultbind.injection.identity import ROLE
from vaultbind.settings import parse_settings
from vaultbind.telemetry import definitions

BROKER = {"enabled": True, "credentialSecrets": [{"namespace": "shop", "name": "azure"}]}
SERVING = ("-webhook", "-broker")
OWN_METRICS = "vaultbind_(admission|broker)_"
ISSUER = {"kind": "ClusterIssuer", "name": "company"}


@pytest.fixture
def whole(helm: Helm) -> Rendered:
    return helm.render(injection={"enabled": True, "broker": BROKER})


def arguments(rendered: Rendered, name: str) -> list[str]:
    args: list[str] = pod(rendered, name)["containers"][0]["args"]
    return args


def pod(rendered: Rendered, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = rendered.one("Deployment", name)["spec"]["template"]["spec"]
    return spec


def granted(rendered: Rendered, name: str) -> set[tuple[str, str, str]]:
    """Group, resource and verb of all roles that are bound to an account."""
    roles = {
        item["roleRef"]["name"]
        for kind in ("RoleBinding", "ClusterRoleBinding")
        for item in rendered.of_kind(kind)
        if item["subjects"][0]["name"] == name
    }
    found = [
        rule
        for kind in ("Role", "ClusterRole")
        for item in rendered.of_kind(kind)
        if item["metadata"]["name"] in roles
        for rule in item["rules"]
        if not rule.get("resourceNames")
    ]
    return flat(found)


def flat(rules: list[Any]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_nothing_of_it_is_there_without(default: Rendered) -> None:
    text = str(default.objects)
    for word in ("WebhookConfiguration", "vaultbind-webhook", "vaultbind-broker", "serving-certificate"):
        assert word not in text


def test_without_a_broker_there_is_none(helm: Helm) -> None:
    rendered = helm.render(injection={"enabled": True})

    assert "vaultbind-broker" not in str(rendered.objects)
    assert not any(flag.startswith("--broker-url") for flag in arguments(rendered, "vaultbind-webhook"))


@pytest.mark.parametrize("name", ["webhook", "broker"])
def test_its_arguments_are_the_commands(whole: Rendered, name: str) -> None:
    command, *given = arguments(whole, f"vaultbind-{name}")

    assert command == name
    known = flags_of(commands()[name])
    assert [flag for flag in given if flag.partition("=")[0] not in known] == []


def test_the_operator_keeps_the_certificates_that_are_mounted(whole: Rendered) -> None:
    flags = arguments(whole, "vaultbind")
    rows = [flag.partition("=")[2] for flag in flags if flag.startswith("--serving-certificate=")]
    settings = parse_settings(serving_certificates=rows)

    assert settings.trust is not None
    assert settings.trust.serving == {
        f"vaultbind-{name}-tls": (f"vaultbind-{name}.{NAMESPACE}.svc",) for name in ("webhook", "broker")
    }
    for name in ("webhook", "broker"):
        (volume,) = [item for item in pod(whole, f"vaultbind-{name}")["volumes"] if item["name"] == "tls"]
        assert volume["secret"]["secretName"] in settings.trust.serving
    assert "--webhook-configuration=vaultbind" in flags


def test_agents_are_sent_to_the_brokers_service(whole: Rendered) -> None:
    service = whole.one("Service", "vaultbind-broker")

    assert f"--broker-url=https://vaultbind-broker.{NAMESPACE}.svc:8443" in arguments(
        whole, "vaultbind-webhook"
    )
    assert service["spec"]["ports"][0]["port"] == 8443


@pytest.mark.parametrize("name", ["webhook", "broker"])
def test_services_lead_to_the_pods(whole: Rendered, name: str) -> None:
    labels = whole.one("Deployment", f"vaultbind-{name}")["spec"]["template"]["metadata"]["labels"].items()
    selectors = [whole.one("Service", f"vaultbind-{name}")["spec"]["selector"]]
    selectors.append(whole.one("PodDisruptionBudget", f"vaultbind-{name}")["spec"]["selector"]["matchLabels"])

    assert [selector for selector in selectors if not selector.items() <= labels] == []
    controller = whole.one("Deployment", "vaultbind")["spec"]["selector"]["matchLabels"].items()
    assert not controller <= labels


def test_a_monitor_finds_both_and_keeps_only_what_is_theirs(helm: Helm) -> None:
    """An alert that asks whether an operator is there must not be put off by a webhook."""
    injection = {"enabled": True, "broker": {"enabled": True}}
    rendered = helm.render(serviceMonitor={"enabled": True, "labels": {"release": "p"}}, injection=injection)
    monitor = rendered.one("ServiceMonitor", "vaultbind-injection")
    assert monitor["metadata"]["labels"]["release"] == "p"
    selector, (endpoint,) = monitor["spec"]["selector"], monitor["spec"]["endpoints"]
    (expression,) = selector["matchExpressions"]
    found = {
        service["metadata"]["name"]: [port["targetPort"] for port in service["spec"]["ports"]]
        for service in rendered.of_kind("Service")
        if selector["matchLabels"].items() <= service["metadata"]["labels"].items()
        and service["metadata"]["labels"].get(expression["key"]) in expression["values"]
        and endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    }
    assert found == {f"vaultbind{name}": ["https", "metrics"] for name in SERVING}
    (rule,) = endpoint["metricRelabelings"]
    kept = {item.name for item in definitions.ALL if re.fullmatch(rule["regex"], item.name)}
    assert (rule["action"], rule["sourceLabels"]) == ("keep", ["__name__"])
    assert kept == {name for name in (item.name for item in definitions.ALL) if re.match(OWN_METRICS, name)}
    assert len(kept) >= 3


def test_rights_are_those_that_the_tests_on_a_real_api_server_run_with(whole: Rendered) -> None:
    assert granted(whole, "vaultbind-webhook") == flat(list(RULES))
    assert granted(whole, "vaultbind-broker") == flat(list(BROKER_RULES))
    assert flat(whole.one("ClusterRole", ROLE)["rules"]) == {("vaultbind.dev", "vaultbindings/values", "get")}


@pytest.mark.parametrize("name", ["webhook", "broker"])
def test_neither_may_read_secrets_at_large_or_change_what_is_not_its_own(whole: Rendered, name: str) -> None:
    """Secrets by name are no part of `granted`; the pods of the webhook's right are in its own namespace."""
    mine = granted(whole, f"vaultbind-{name}")
    assert not [right for right in mine if right[1] == "secrets"]
    changes = {(resource, verb) for _, resource, verb in mine if verb not in ("get", "list", "watch")}
    asked = {("tokenreviews", "create"), ("subjectaccessreviews", "create")}
    assert changes == {"webhook": {("pods", "create")}, "broker": asked}[name]
    everywhere = whole.one("ClusterRole", f"vaultbind-{name}")["rules"]
    assert ("", "pods", "create") not in flat(everywhere)


ROLES = (
    *("clusterrole-webhook", "role-webhook", "clusterrole-trust"),
    *("clusterrole-values-reader", "clusterrole-broker", "role-broker"),
)


def test_every_right_of_injection_is_granted_with_its_reason_above_it(helm: Helm) -> None:
    values = {"injection": {"enabled": True, "podAuth": {"enabled": True}, "broker": BROKER}}
    shown = [part for name in ROLES for part in ("--show-only", f"templates/{name}.yaml")]
    rendered = helm.run("template", "vaultbind", str(CHART), *shown, values=values)
    text = " ".join(rendered.replace("# ", "").split())
    for right in load_injection_rights():
        group = f'apiGroups: ["{right["group"]}"]'
        assert f"{right['why']} - {group} resources: [{', '.join(right['resources'])}]" in text


def test_pods_that_ask_vaults_as_themselves_need_two_rights_more_and_no_broker(helm: Helm) -> None:
    rendered = helm.render(
        injection={"enabled": True, "podAuth": {"enabled": True}},
        allowedVaultSuffixes=[".a"],
        allowedAuthorityHosts=["b"],
    )

    assert granted(rendered, "vaultbind-webhook") == flat([*RULES, *POD_AUTH_RULES])
    given = arguments(rendered, "vaultbind-webhook")
    for flag in (
        "--pod-auth-audience=api://AzureADTokenExchange",
        "--pod-auth-memory-limit=128Mi",
        "--allowed-vault-suffixes=.a",
        "--allowed-authority-hosts=b",
    ):
        assert flag in given
    known = flags_of(commands()["webhook"])
    assert [flag for flag in given[1:] if flag.partition("=")[0] not in known] == []


def test_without_it_the_webhook_is_told_nothing_of_it(whole: Rendered) -> None:
    assert not [flag for flag in arguments(whole, "vaultbind-webhook") if "pod-auth" in flag]


def test_the_broker_reads_the_named_secrets_only(whole: Rendered) -> None:
    role = whole.one("Role", "vaultbind-broker-azure", "shop")

    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["azure"], "verbs": ["get"]}
    ]


def test_the_configuration_is_the_one_that_is_tested(whole: Rendered) -> None:
    (pods,) = whole.one("MutatingWebhookConfiguration")["webhooks"]
    tested = pod_webhook(1, b"", "x")

    service = pods["clientConfig"].pop("service")
    assert service == {"name": "vaultbind-webhook", "namespace": NAMESPACE, "path": "/inject"}
    assert pods.pop("clientConfig") == {}, "no caBundle: Helm would undo what the operator keeps"
    for key in (
        "rules",
        "objectSelector",
        "failurePolicy",
        "reinvocationPolicy",
        "sideEffects",
    ):
        given = pods[key] if key != "rules" else [{k: v for k, v in pods[key][0].items() if k != "scope"}]
        assert given == tested[key], key
    assert pods["timeoutSeconds"] == 5, "tests are more patient"
    (place,) = pods["namespaceSelector"]["matchExpressions"]
    assert (place["operator"], place["values"]) == ("NotIn", ["kube-system", NAMESPACE])


def test_our_kinds_are_checked_and_never_held_up(whole: Rendered) -> None:
    found = whole.one("ValidatingWebhookConfiguration")["webhooks"]

    plurals = ("vaultbindings", "keyvaults", "clusterkeyvaults", "cryptojobs")
    for item, plural in zip(found, plurals, strict=True):
        tested = check_webhook(1, b"", "x", plural)
        assert item["clientConfig"]["service"]["path"] == f"/check-{plural}"
        assert item["rules"] == tested["rules"]
        assert item["failurePolicy"] == "Ignore"


def test_further_namespaces_can_be_left_out(helm: Helm) -> None:
    values = {"enabled": True, "excludedNamespaces": ["monitoring", "kube-system"]}
    (pods,) = helm.render(injection=values).one("MutatingWebhookConfiguration")["webhooks"]

    assert pods["namespaceSelector"]["matchExpressions"][0]["values"] == [
        "kube-system",
        NAMESPACE,
        "monitoring",
    ]


def test_cert_manager_instead_of_our_own_authority(helm: Helm) -> None:
    values = {"enabled": True, "broker": {"enabled": True}, "certManagerIssuer": ISSUER}
    rendered = helm.render(injection=values)

    for name in ("vaultbind-webhook", "vaultbind-broker"):
        spec = rendered.one("Certificate", name)["spec"]
        assert spec["secretName"] == f"{name}-tls"
        assert spec["dnsNames"] == [f"{name}.{NAMESPACE}.svc"]
        assert spec["issuerRef"] == ISSUER
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        annotations = rendered.one(kind)["metadata"]["annotations"]
        assert annotations == {"cert-manager.io/inject-ca-from": f"{NAMESPACE}/vaultbind-webhook"}
    assert not any("certificate" in flag for flag in arguments(rendered, "vaultbind"))
    assert "vaultbind-trust" not in {name for _, name in rendered.names()}


def test_the_brokers_own_identity(helm: Helm) -> None:
    values = {"enabled": True, "broker": {"enabled": True, "workloadIdentityClientId": "id-1"}}
    rendered = helm.render(injection=values)

    account = rendered.one("ServiceAccount", "vaultbind-broker")
    assert account["metadata"]["annotations"] == {"azure.workload.identity/client-id": "id-1"}
    template = rendered.one("Deployment", "vaultbind-broker")["spec"]["template"]
    assert template["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert "annotations" not in rendered.one("ServiceAccount", "vaultbind-webhook")["metadata"]


def test_the_brokers_limits_on_vaults_are_the_operators(helm: Helm) -> None:
    rendered = helm.render(
        injection={"enabled": True, "broker": {"enabled": True}},
        allowedVaultSuffixes=[".a"],
        allowedAuthorityHosts=["b"],
        ambientCredentialsForNamespaced=True,
    )
    flags = arguments(rendered, "vaultbind-broker")

    for flag in (
        "--allowed-vault-suffixes=.a",
        "--allowed-authority-hosts=b",
        "--ambient-credentials-for-namespaced",
    ):
        assert flag in flags
        assert flag in arguments(rendered, "vaultbind")


def test_pods_pass_the_restricted_standard(whole: Rendered) -> None:
    for name in ("vaultbind-webhook", "vaultbind-broker"):
        spec = pod(whole, name)
        own = spec["containers"][0]["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert own["readOnlyRootFilesystem"]
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert not own["allowPrivilegeEscalation"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "some namespaces only": (
        {"scope": "Namespaces", "injection": {"enabled": True}},
        "injection.enabled needs scope Cluster",
    ),
    "unknown value": ({"injection": {"enable": True}}, "enable"),
    "no memory": ({"injection": {"agent": {"memoryLimit": "lots"}}}, "memoryLimit"),
    "no deadline": ({"injection": {"agent": {"deadlineSeconds": 0}}}, "deadlineSeconds"),
    "no audience": ({"injection": {"podAuth": {"audience": ""}}}, "audience"),
    "unknown env files": ({"injection": {"envFiles": "maybe"}}, "envFiles"),
    "a Secret without name": (
        {"injection": {"broker": {"credentialSecrets": [{"namespace": "a"}]}}},
        "credentialSecrets",
    ),
}


@pytest.mark.parametrize(("values", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(helm: Helm, values: dict[str, Any], message: str) -> None:
    with pytest.raises(HelmError, match=message):
        helm.render(**values)


def test_policies_let_in_who_calls_and_let_out_what_each_needs(helm: Helm) -> None:
    """The webhook reaches no vault; the broker hears only pods that opted in, and nobody else is let in."""
    rendered = helm.render(
        injection={"enabled": True, "broker": BROKER},
        networkPolicy={"enabled": True, "extraEgress": [{"ports": [{"port": 3128}]}]},
    )
    policies = {name: rendered.one("NetworkPolicy", f"vaultbind{name}")["spec"] for name in ("", *SERVING)}
    out = {
        name: {port["port"] for rule in spec["egress"] for port in rule["ports"]}
        for name, spec in policies.items()
    }
    assert out == {
        "": {53, 80, 443, 3128, 6443},
        "-webhook": {53, 443, 6443},
        "-broker": {53, 80, 443, 3128, 6443},
    }
    let_in = {
        name: [(rule["ports"][0]["port"], rule.get("from")) for rule in spec["ingress"]]
        for name, spec in policies.items()
    }
    opted_in = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"vaultbind.dev/inject": "true"}}}
    assert let_in == {
        "": [("metrics", None)],
        "-webhook": [("https", None), ("metrics", None)],
        "-broker": [("https", [opted_in]), ("metrics", None)],
    }
    for name in SERVING:
        labels = rendered.one("Deployment", f"vaultbind{name}")["spec"]["template"]["metadata"]["labels"]
        assert policies[name]["podSelector"]["matchLabels"].items() <= labels.items()


def test_the_webhook_hears_only_those_who_are_named_as_the_api_server(helm: Helm) -> None:
    peers = [{"ipBlock": {"cidr": "10.0.0.7/32"}}]
    rendered = helm.render(
        injection={"enabled": True, "broker": BROKER},
        networkPolicy={"enabled": True, "apiServerFrom": peers},
    )
    policies = {name: rendered.one("NetworkPolicy", f"vaultbind{name}")["spec"] for name in ("", *SERVING)}

    assert policies["-webhook"]["ingress"] == [
        {"ports": [{"port": "https"}], "from": peers},
        {"ports": [{"port": "metrics"}]},
    ]
    assert [name for name, spec in policies.items() if "10.0.0.7" in str(spec)] == ["-webhook"]
