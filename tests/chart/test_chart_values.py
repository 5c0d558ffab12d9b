"""What each value does to the rendered objects, and what the schema refuses."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.chart.release import CHART, NAMESPACE, Helm, HelmError, Rendered
from tests.unit.docs.test_pages import flags as flags_of
from tools.gen_cli_help import commands
from vaultbind.api.keyvault_parser import parse_keyvault

VAULT = {"url": "https://shop.vault.azure.net", "access": [{"namespaces": {"all": True}}]}
ON = {"enabled": True}
TENANT = "00000000-0000-0000-0000-00000000cafe"
ENTRA = {"tenant": TENANT, "audiences": ["api://events"]}
PULL = {
    "endpoint": "https://n.westeurope-1.eventgrid.azure.net",
    "topic": "keyvault",
    "subscription": "ours",
}
SETS = sorted((CHART / "ci").glob("*.yaml"))
CRDS = len(list((CHART.parents[1] / "crds").glob("*.yaml")))

Check = Callable[[Rendered], object]


def pod_spec(key: str) -> Check:
    return lambda rendered: rendered.pod["spec"].get(key)


def of_container(key: str) -> Check:
    return lambda rendered: rendered.container.get(key)


def flags(rendered: Rendered) -> object:
    return rendered.flags[3:-3]


def account(rendered: Rendered) -> object:
    return rendered.one("ServiceAccount")["metadata"].get("annotations")


def count(kind: str) -> Check:
    return lambda rendered: len(rendered.of_kind(kind))


def mounted(rendered: Rendered, name: str) -> list[str]:
    """Where the container has a volume."""
    return [item["mountPath"] for item in rendered.container["volumeMounts"] if item["name"] == name]


def pod_metadata(key: str, name: str) -> Check:
    return lambda rendered: rendered.pod["metadata"][key].get(name)


SWITCHES: tuple[tuple[str, dict[str, Any], Check, object, object], ...] = (
    # name, values, what is looked at, what that is by default, what the values make of it
    (
        "image-tag",
        {"image": {"tag": "1.2.3"}},
        of_container("image"),
        "ghcr.io/vaultbind/vaultbind:0.1.0",
        "ghcr.io/vaultbind/vaultbind:1.2.3",
    ),
    (
        "image-digest",
        {"image": {"repository": "r/v", "tag": "1", "digest": "sha256:" + "0" * 64}},
        of_container("image"),
        "ghcr.io/vaultbind/vaultbind:0.1.0",
        "r/v@sha256:" + "0" * 64,
    ),
    (
        "pull-policy",
        {"image": {"pullPolicy": "Always"}},
        of_container("imagePullPolicy"),
        "IfNotPresent",
        "Always",
    ),
    (
        "pull-secrets",
        {"imagePullSecrets": [{"name": "r"}]},
        pod_spec("imagePullSecrets"),
        None,
        [{"name": "r"}],
    ),
    ("replicas", {"replicas": 3}, lambda r: r.one("Deployment")["spec"]["replicas"], 2, 3),
    ("one-replica-has-no-budget", {"replicas": 1}, count("PodDisruptionBudget"), 1, 0),
    ("no-budget", {"podDisruptionBudget": {"enabled": False}}, count("PodDisruptionBudget"), 1, 0),
    (
        "priority",
        {"priorityClassName": "system-cluster-critical"},
        pod_spec("priorityClassName"),
        None,
        "system-cluster-critical",
    ),
    ("grace", {"terminationGracePeriodSeconds": 60}, pod_spec("terminationGracePeriodSeconds"), 30, 60),
    (
        "resources",
        {"resources": {"limits": {"memory": "1Gi"}}},
        lambda r: r.container["resources"]["limits"],
        {"memory": "512Mi"},
        {"memory": "1Gi"},
    ),
    ("node-selector", {"nodeSelector": {"a": "b"}}, pod_spec("nodeSelector"), None, {"a": "b"}),
    (
        "tolerations",
        {"tolerations": [{"operator": "Exists"}]},
        pod_spec("tolerations"),
        None,
        [{"operator": "Exists"}],
    ),
    ("affinity", {"affinity": {"nodeAffinity": {}}}, pod_spec("affinity"), None, {"nodeAffinity": {}}),
    (
        "no-spread",
        {"topologySpreadConstraints": []},
        lambda r: len(pod_spec("topologySpreadConstraints")(r) or ()),  # type: ignore[arg-type]
        1,
        0,
    ),
    ("pod-label", {"podLabels": {"team": "a"}}, pod_metadata("labels", "team"), None, "a"),
    ("pod-annotation", {"podAnnotations": {"x/y": "z"}}, pod_metadata("annotations", "x/y"), None, "z"),
    (
        "env",
        {"extraEnv": [{"name": "A", "value": "b"}]},
        of_container("env"),
        None,
        [{"name": "A", "value": "b"}],
    ),
    (
        "volumes",
        {"extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}]},
        lambda r: [volume["name"] for volume in r.pod["spec"]["volumes"]],
        ["tmp"],
        ["tmp", "ca"],
    ),
    (
        "mounts",
        {"extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}]},
        lambda r: [mount["mountPath"] for mount in r.container["volumeMounts"]],
        ["/tmp"],
        ["/tmp", "/ca"],
    ),
    ("suffixes", {"allowedVaultSuffixes": [".a", ".b"]}, flags, [], ["--allowed-vault-suffixes=.a,.b"]),
    ("authorities", {"allowedAuthorityHosts": ["a", "b"]}, flags, [], ["--allowed-authority-hosts=a,b"]),
    (
        "ambient",
        {"ambientCredentialsForNamespaced": True},
        flags,
        [],
        ["--ambient-credentials-for-namespaced"],
    ),
    (
        "namespaces",
        {"scope": "Namespaces", "namespaces": ["a", "b"]},
        flags,
        [],
        ["--namespace=a", "--namespace=b"],
    ),
    ("own-namespace", {"scope": "Namespaces"}, flags, [], [f"--namespace={NAMESPACE}"]),
    ("drift", {"driftDetection": "Get"}, flags, [], ["--drift-detection=Get"]),
    ("stale", {"staleAfter": "2h"}, lambda r: r.flags[-3], "--stale-after=1h", "--stale-after=2h"),
    (
        "log-format",
        {"log": {"format": "text"}},
        lambda r: r.flags[-2],
        "--log-format=json",
        "--log-format=text",
    ),
    (
        "log-level",
        {"log": {"level": "debug"}},
        lambda r: r.flags[-1],
        "--log-level=info",
        "--log-level=debug",
    ),
    (
        "further-flags",
        {"extraArgs": ["--log-level=error"]},
        lambda r: r.flags[-1],
        "--log-level=info",
        "--log-level=error",
    ),
    (
        "workload-identity",
        {"workloadIdentity": {"clientId": "c", "tenantId": "t"}},
        account,
        None,
        {"azure.workload.identity/client-id": "c", "azure.workload.identity/tenant-id": "t"},
    ),
    (
        "workload-identity-label",
        {"workloadIdentity": {"clientId": "c"}},
        pod_metadata("labels", "azure.workload.identity/use"),
        None,
        "true",
    ),
    ("account-annotations", {"serviceAccount": {"annotations": {"a": "b"}}}, account, None, {"a": "b"}),
    (
        "account-of-others",
        {"serviceAccount": {"create": False, "name": "mine"}},
        pod_spec("serviceAccountName"),
        "vaultbind",
        "mine",
    ),
    (
        "account-is-not-made",
        {"serviceAccount": {"create": False, "name": "mine"}},
        count("ServiceAccount"),
        1,
        0,
    ),
    (
        "account-is-bound",
        {"serviceAccount": {"create": False, "name": "mine"}},
        lambda r: {
            s["name"]
            for kind in ("RoleBinding", "ClusterRoleBinding")
            for b in r.of_kind(kind)
            for s in b["subjects"]
        },
        {"vaultbind"},
        {"mine"},
    ),
    ("no-aggregation", {"rbac": {"aggregate": False}}, count("ClusterRole"), 3, 1),
    (
        "no-roles",
        {"rbac": {"create": False}},
        lambda r: sum(item["apiVersion"].startswith("rbac") for item in r.objects),
        6,
        0,
    ),
    (
        "rollouts-rights",
        {"rollouts": ON},
        lambda r: [
            rule["verbs"]
            for rule in r.one("ClusterRole", "vaultbind")["rules"]
            if "apps" in rule["apiGroups"]
        ],
        [],
        [["get", "list", "patch"]],
    ),
    (
        "rollouts-pace",
        {"rollouts": {**ON, "perMinute": 3}},
        lambda r: [flag for flag in r.flags if "restarts" in flag],
        [],
        ["--restarts-per-minute=3"],
    ),
    (
        "events",
        {"events": {"webhook": True, "secret": {"name": "eg", "key": "code"}}},
        lambda r: (
            [flag for flag in r.flags if "events" in flag],
            [item["secret"] for item in r.pod["spec"]["volumes"] if "secret" in item],
            sorted(item["spec"]["ports"][0]["port"] for item in r.of_kind("Service")),
        ),
        ([], [], [8080]),
        (
            [
                "--events=webhook",
                "--events-address=:8082",
                "--events-secret-file=/var/run/vaultbind/events/secret",
            ],
            [{"secretName": "eg", "items": [{"key": "code", "path": "secret"}]}],
            [8080, 8082],
        ),
    ),
    (
        "events-entra",
        {"events": {"webhook": True, "entra": ENTRA}},
        lambda r: ([flag for flag in r.flags if "events" in flag], mounted(r, "events")),
        ([], []),
        (
            [
                "--events=webhook",
                "--events-address=:8082",
                f"--events-entra-tenant={TENANT}",
                "--events-entra-audience=api://events",
            ],
            [],
        ),
    ),
    (
        "events-entra-and-secret",
        {
            "events": {
                "webhook": True,
                "secret": {"name": "eg", "key": "code"},
                "entra": {**ENTRA, "senders": ["a"], "authority": "https://login.microsoftonline.us"},
            }
        },
        lambda r: ([flag for flag in r.flags if "events" in flag], mounted(r, "events")),
        ([], []),
        (
            [
                "--events=webhook",
                "--events-address=:8082",
                f"--events-entra-tenant={TENANT}",
                "--events-entra-audience=api://events",
                "--events-entra-sender=a",
                "--events-entra-authority=https://login.microsoftonline.us",
                "--events-secret-file=/var/run/vaultbind/events/secret",
            ],
            ["/var/run/vaultbind/events"],
        ),
    ),
    (
        "events-pull",
        {"events": {"pull": PULL}},
        lambda r: ([flag for flag in r.flags if "events" in flag], mounted(r, "events")),
        ([], []),
        (
            [
                "--events=pull",
                "--events-endpoint=https://n.westeurope-1.eventgrid.azure.net",
                "--events-topic=keyvault",
                "--events-subscription=ours",
            ],
            [],
        ),
    ),
    (
        "events-pull-by-key",
        {"events": {"pull": PULL, "secret": {"name": "eg", "key": "code"}}},
        lambda r: (
            [flag for flag in r.flags if "secret" in flag],
            mounted(r, "events"),
            len(r.of_kind("Service")),
        ),
        ([], [], 1),
        (["--events-secret-file=/var/run/vaultbind/events/secret"], ["/var/run/vaultbind/events"], 1),
    ),
    (
        "rotation-handlers",
        {"rotationHandlers": ["acme.rotation:Page", "acme:page"]},
        lambda r: [flag for flag in r.flags if "handler" in flag],
        [],
        ["--rotation-handler=acme.rotation:Page", "--rotation-handler=acme:page"],
    ),
    (
        "cloudevents",
        {"cloudEvents": {"sink": "https://sink.example/in"}},
        lambda r: [flag for flag in r.flags if "cloudevents" in flag],
        [],
        ["--cloudevents-sink=https://sink.example/in"],
    ),
    (
        "cloudevents-token",
        {"cloudEvents": {"sink": "https://s.example", "tokenSecret": {"name": "sink", "key": "pass"}}},
        lambda r: (
            [flag for flag in r.flags if "token" in flag],
            [item["secret"] for item in r.pod["spec"]["volumes"] if "secret" in item],
            [item for item in r.container["volumeMounts"] if item["name"] == "sink"],
        ),
        ([], [], []),
        (
            ["--cloudevents-token-file=/var/run/vaultbind/sink/token"],
            [{"secretName": "sink", "items": [{"key": "pass", "path": "token"}]}],
            [{"name": "sink", "mountPath": "/var/run/vaultbind/sink", "readOnly": True}],
        ),
    ),
    ("no-crds", {"crds": {"install": False}}, count("CustomResourceDefinition"), CRDS, 0),
    (
        "crds-go",
        {"crds": {"keep": False}},
        lambda r: [crd["metadata"].get("annotations") for crd in r.of_kind("CustomResourceDefinition")],
        [{"helm.sh/resource-policy": "keep"}] * CRDS,
        [None] * CRDS,
    ),
    ("service-monitor", {"serviceMonitor": ON}, count("ServiceMonitor"), 0, 1),
    ("network-policy", {"networkPolicy": ON}, count("NetworkPolicy"), 0, 1),
    ("default-vault", {"defaultVault": VAULT}, count("ClusterKeyVault"), 0, 1),
    (
        "extra-map",
        {
            "extraObjects": [
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-x"}}
            ]
        },
        lambda r: [item["metadata"]["name"] for item in r.of_kind("ConfigMap")],
        [],
        ["vaultbind-x"],
    ),
    (
        "extra-text",
        {"extraObjects": ["kind: ConfigMap\napiVersion: v1\nmetadata: {name: y}"]},
        count("ConfigMap"),
        0,
        1,
    ),
    (
        "full-name",
        {"fullnameOverride": "vb"},
        lambda r: r.one("Deployment")["metadata"]["name"],
        "vaultbind",
        "vb",
    ),
    (
        "name",
        {"nameOverride": "vb"},
        lambda r: r.one("Deployment")["metadata"]["name"],
        "vaultbind",
        "vaultbind-vb",
    ),
)


@pytest.mark.parametrize(
    ("values", "look", "before", "after"), [pytest.param(*row, id=name) for name, *row in SWITCHES]
)
def test_a_switch_does_what_it_says(
    helm: Helm, default: Rendered, values: dict[str, Any], look: Check, before: object, after: object
) -> None:
    assert look(default) == before
    assert look(helm.render(**values)) == after


def test_every_value_has_a_switch_that_is_tested() -> None:
    """Over all tests of this folder: a value that none of them sets has no test."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    text = "".join(path.read_text() for path in CHART.parents[1].glob("tests/chart/test_*.py"))
    assert [name for name in values if f'"{name}"' not in text and f"{name}=" not in text] == []


REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("events-from-anybody", {"events": {"webhook": True}}, "missing propert"),
    ("events-without-audience", {"events": {"webhook": True, "entra": {"tenant": TENANT}}}, "minItems"),
    ("events-of-common", {"events": {"entra": {**ENTRA, "tenant": "common"}}}, "does not match pattern"),
    ("events-twice", {"events": {"webhook": True, "entra": ENTRA, "pull": PULL}}, "maxLength"),
    ("events-without-topic", {"events": {"pull": {**PULL, "topic": ""}}}, "minLength"),
    ("events-in-the-open", {"events": {"pull": {**PULL, "endpoint": "http://n"}}}, "does not match pattern"),
    ("unknown", {"replica": 3}, "additional properties 'replica' not allowed"),
    ("unknown-below", {"image": {"name": "x"}}, "additional properties 'name' not allowed"),
    ("type", {"replicas": "two"}, "got string, want integer"),
    ("drift", {"driftDetection": "Poll"}, "'Watch'"),
    ("scope", {"scope": "cluster"}, "'Cluster', 'Namespaces'"),
    ("digest", {"image": {"digest": "latest"}}, "does not match pattern"),
    ("duration", {"staleAfter": "1 hour"}, "does not match pattern"),
    (
        "vault-without-access",
        {"defaultVault": {"url": "https://a.vault.azure.net"}},
        "missing property 'access'",
    ),
    ("suffix-with-comma", {"allowedVaultSuffixes": [".a,.b"]}, "does not match pattern"),
    ("level", {"log": {"level": "trace"}}, "'debug', 'info'"),
    ("grace", {"terminationGracePeriodSeconds": 1}, "minimum"),
    (
        "spread-with-selector",
        {
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "b", "labelSelector": {}}
            ]
        },
        "'not' failed",
    ),
)


@pytest.mark.parametrize(("values", "complaint"), [pytest.param(*row, id=name) for name, *row in REFUSED])
def test_the_schema_refuses(helm: Helm, values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(HelmError, match=complaint):
        helm.render(**values)


def test_an_account_of_others_must_be_named(helm: Helm) -> None:
    with pytest.raises(HelmError, match="name the ServiceAccount that exists"):
        helm.render(serviceAccount={"create": False})


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_helm_finds_nothing_wrong(helm: Helm, path: Any) -> None:
    output = helm.run("lint", "--strict", str(CHART), "--values", str(path))
    assert "0 chart(s) failed" in output
    assert "[WARNING]" not in output


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_flags_of_each_value_set_exist(helm: Helm, path: Any) -> None:
    known = flags_of(commands()["run"])
    used = helm.render("--values", str(path)).flags
    assert [flag for flag in used if flag.partition("=")[0] not in known] == []


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_vaults_of_each_value_set_are_taken_by_the_parser(helm: Helm, path: Any) -> None:
    for vault in helm.render("--values", str(path)).of_kind("ClusterKeyVault"):
        parse_keyvault(vault)
