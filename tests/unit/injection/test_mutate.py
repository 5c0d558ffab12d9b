import json
from copy import deepcopy
from typing import Any

import pytest

from tests.unit.injection.pods import BINDINGS, DB, INSTALLATION, OLD_CLUSTER, TLS, make_pod, named
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.facts import BindingKeys, Installation, Variable
from vaultbind.injection.mutate import Mutation, mutate, wish_of
from vaultbind.injection.variables import Bindings

Pod = dict[str, Any]

ISTIO = {"name": "istio-proxy", "image": "istio", "restartPolicy": "Always"}
ISTIO_INIT = {"name": "istio-init", "image": "istio"}
LINKERD = {"name": "linkerd-proxy", "image": "linkerd"}
JOB = {"kind": "Job", "name": "import", "controller": True}
ALL = {"mode": "both", "refresh": "on"}


def with_owner(pod: Pod, owner: dict[str, Any]) -> Pod:
    pod["metadata"]["ownerReferences"] = [owner]
    return pod


def with_metadata(pod: Pod, **fields: Any) -> Pod:
    pod["metadata"] |= fields
    return pod


def on_nodes(*values: str, key: str = "kubernetes.io/os") -> dict[str, Any]:
    """Affinity to nodes with any of these values: a term for each."""
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]} for value in values]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


SHAPES = {
    "a plain pod": make_pod(),
    "files and variables, refreshed": make_pod(ALL),
    "no volumes, no mounts": make_pod(containers=[{"name": "web"}]),
    "volumes and mounts of its own": make_pod(
        containers=[{"name": "web", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        volumes=[{"name": "data", "emptyDir": {}}],
    ),
    "a mount above ours": make_pod(
        containers=[{"name": "web", "volumeMounts": [{"name": "run", "mountPath": "/var/run"}]}],
        volumes=[{"name": "run", "emptyDir": {}}],
    ),
    "a mount with a similar path": make_pod(
        containers=[
            {"name": "web", "volumeMounts": [{"name": "x", "mountPath": "/var/run/secrets/vaultbind2"}]}
        ],
    ),
    "init containers": make_pod(ALL, initContainers=[{"name": "migrate"}]),
    "a native sidecar": make_pod(ALL, initContainers=[{"name": "logs", "restartPolicy": "Always"}]),
    "several containers": make_pod(ALL, containers=[{"name": "web"}, {"name": "side"}]),
    "one of several": make_pod(ALL | {"containers": "side"}, containers=[{"name": "web"}, {"name": "side"}]),
    "an init container by name": make_pod({"containers": "migrate"}, initContainers=[{"name": "migrate"}]),
    "ephemeral containers": make_pod(ephemeralContainers=[{"name": "debug"}]),
    "the host's network": make_pod(hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet"),
    "a node selector for Linux": make_pod(nodeSelector={"kubernetes.io/os": "linux"}, os={"name": "linux"}),
    "nodes of either kind": make_pod(affinity=on_nodes("windows", "linux")),
    "nodes by their zone": make_pod(affinity=on_nodes("a", key="topology.kubernetes.io/zone")),
    "a generated name": with_metadata(make_pod(), name=None, generateName="shop-"),
    "of a Job": with_owner(make_pod(ALL, restartPolicy="Never"), JOB),
    "of a ReplicaSet": with_owner(make_pod(ALL), {"kind": "ReplicaSet", "controller": True}),
    "restartPolicy OnFailure": make_pod(restartPolicy="OnFailure"),
    "without the ServiceAccount's token": make_pod(automountServiceAccountToken=False),
    "a read-only root": make_pod(
        containers=[{"name": "web", "securityContext": {"readOnlyRootFilesystem": True}}]
    ),
    "a user of its own": make_pod(securityContext={"runAsUser": 1000, "runAsNonRoot": True, "fsGroup": 1}),
    "restricted": make_pod(
        securityContext={"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    ),
    "a range of OpenShift": make_pod(
        securityContext={"seLinuxOptions": {"level": "s0:c1"}, "fsGroup": 10**9}
    ),
    "root": make_pod(securityContext={"runAsUser": 0}),
    "variables of its own": make_pod(ALL, containers=[{"name": "web", "env": [{"name": "A", "value": "1"}]}]),
    "one of our variables": make_pod(
        ALL, containers=[{"name": "web", "env": [{"name": "USER", "value": "me"}]}]
    ),
    "Istio before us": make_pod(ALL, initContainers=[ISTIO_INIT], containers=[{"name": "web"}, ISTIO]),
    "Istio's native sidecar": make_pod(ALL, initContainers=[ISTIO]),
    "Linkerd before us": make_pod(ALL, containers=[LINKERD, {"name": "web"}]),
    "signals": make_pod(
        {"refresh": "on", "on-change": "signal:SIGHUP:nginx"},
        shareProcessNamespace=True,
        containers=[{"name": "web", "securityContext": {"runAsUser": 101}}],
    ),
    "no metadata but the label": {"metadata": make_pod()["metadata"], "spec": {"containers": []}},
}


def changed(pod: Pod, installation: Installation = INSTALLATION, bindings: Bindings = BINDINGS) -> Pod:
    return done(pod, installation, bindings).pod


def done(pod: Pod, installation: Installation = INSTALLATION, bindings: Bindings = BINDINGS) -> Mutation:
    found = mutate(pod, installation, bindings)
    assert found is not None
    return found


@pytest.mark.parametrize("installation", [INSTALLATION, OLD_CLUSTER], ids=["env files", "older"])
@pytest.mark.parametrize("pod", SHAPES.values(), ids=SHAPES)
def test_twice_is_as_once_and_the_pod_given_is_left_alone(pod: Pod, installation: Installation) -> None:
    before = deepcopy(pod)
    once = done(pod, installation)

    assert pod == before
    assert done(before, installation) == once
    assert done(once.pod, installation).pod == once.pod


@pytest.mark.parametrize("pod", SHAPES.values(), ids=SHAPES)
def test_nothing_of_the_pod_is_lost(pod: Pod) -> None:
    def strip(spec: Pod) -> Pod:
        """The pod without what is ours."""
        kept = deepcopy(spec)
        for part in ("initContainers", "containers", "volumes"):
            items = [item for item in kept.pop(part, []) if not item["name"].startswith("vaultbind-")]
            for item in items:
                for field in ("env", "volumeMounts"):
                    own = [entry for entry in item.pop(field, []) if "vaultbind-" not in json.dumps(entry)]
                    item.update({field: own} if own else {})
            kept |= {part: items} if items else {}
        return kept

    after = changed(pod)

    assert strip(after["spec"]) == strip(pod["spec"])
    assert after["metadata"]["annotations"].pop("vaultbind.dev/injected")
    assert after["metadata"] == pod["metadata"]


@pytest.mark.parametrize("pod", SHAPES.values(), ids=SHAPES)
def test_the_agent_is_first_and_restricted(pod: Pod) -> None:
    first = changed(pod)["spec"]["initContainers"][0]

    assert first["name"] == "vaultbind-agent"
    own = first["securityContext"]
    assert own["runAsNonRoot"] is True
    assert own["allowPrivilegeEscalation"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert own["seccompProfile"] == {"type": "RuntimeDefault"}
    assert first["resources"]["limits"] == {"memory": "64Mi"}


UNTOUCHED = {
    "no label": make_pod(inject=None),
    "label false": make_pod(inject="false"),
    "a static pod": make_pod({"kubernetes.io/config.mirror": "abc"}),
    "a static pod with mistakes": make_pod({"kubernetes.io/config.mirror": "abc", "mode": "?"}),
    "no label, and mistakes": make_pod({"mode": "?"}, inject=None),
}


@pytest.mark.parametrize("pod", UNTOUCHED.values(), ids=UNTOUCHED)
def test_not_touched(pod: Pod) -> None:
    assert mutate(pod, INSTALLATION, {}) is None
    assert wish_of(pod) is None


# -- files


def test_files_are_mounted_read_only_from_memory() -> None:
    spec = changed(make_pod({"mount-path": "/secrets"}))["spec"]

    assert spec["containers"][0]["volumeMounts"] == [
        {"name": "vaultbind-files", "mountPath": "/secrets", "readOnly": True}
    ]
    assert named(spec["volumes"], "vaultbind-files")["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Mi"}
    assert "env" not in spec["containers"][0]


def test_only_the_agent_sees_the_token() -> None:
    spec = changed(make_pod(ALL))["spec"]
    (source,) = named(spec["volumes"], "vaultbind-token")["projected"]["sources"]

    assert source["serviceAccountToken"] == {
        "audience": "vaultbind",
        "expirationSeconds": 600,
        "path": "token",
    }
    holders = [
        item["name"]
        for item in spec["initContainers"] + spec["containers"]
        if "vaultbind-token" in json.dumps(item)
    ]
    assert holders == ["vaultbind-agent", "vaultbind-refresh"]


def test_the_agent_is_told_what_to_do() -> None:
    pod = make_pod({"bindings": "shop-db,shop-tls", "mode": "both", "file-mode": "0400"})
    agent = changed(pod)["spec"]["initContainers"][0]

    assert agent["command"] == ["python3", "-I", "-m", "vaultbind.agent", "init"]
    assert {item["name"]: item["value"] for item in agent["env"]} == {
        "VAULTBIND_BINDINGS": "shop-db,shop-tls",
        "VAULTBIND_BROKER": "https://vaultbind-broker.vaultbind.svc:8443",
        "VAULTBIND_BROKER_CA": INSTALLATION.broker_ca,
        "VAULTBIND_TOKEN_FILE": "/vaultbind/token/token",
        "VAULTBIND_DEADLINE": "120",
        "VAULTBIND_FILES": "/vaultbind/files",
        "VAULTBIND_FILE_MODE": "0400",
        "VAULTBIND_ENV_FILE": "/vaultbind/env/variables",
        "VAULTBIND_VARIABLES": "shop-db/USER,shop-db/PASSWORD,shop-db/EXTRA?",
    }


def test_refreshing_adds_a_native_sidecar_behind_the_agent() -> None:
    agents = changed(make_pod({"refresh": "30s"}, initContainers=[{"name": "migrate"}]))["spec"][
        "initContainers"
    ]

    assert [item["name"] for item in agents] == ["vaultbind-agent", "vaultbind-refresh", "migrate"]
    assert "restartPolicy" not in agents[0]
    assert agents[1]["restartPolicy"] == "Always"
    assert agents[1]["command"][-1] == "refresh"
    told = {item["name"]: item["value"] for item in agents[1]["env"]}
    assert told["VAULTBIND_REFRESH"] == "30"
    assert told["VAULTBIND_ON_CHANGE"] == "none"


def test_a_signal_reaches_the_sidecar() -> None:
    pod = SHAPES["signals"]
    refresher = named(changed(pod)["spec"]["initContainers"], "vaultbind-refresh")

    assert {"name": "VAULTBIND_ON_CHANGE", "value": "SIGHUP:nginx"} in refresher["env"]
    assert refresher["securityContext"]["runAsUser"] == 101


def test_pods_of_jobs_are_not_refreshed() -> None:
    found = done(SHAPES["of a Job"])

    assert [item["name"] for item in found.pod["spec"]["initContainers"]] == ["vaultbind-agent"]
    assert found.warnings == ("vaultbind.dev/refresh is off for pods of Jobs",)


# -- variables


def test_variables_come_from_the_file_where_the_cluster_offers_it() -> None:
    after = changed(make_pod({"mode": "env"}))

    assert after["spec"]["containers"][0]["env"] == [
        {
            "name": name,
            "valueFrom": {
                "fileKeyRef": {
                    "volumeName": "vaultbind-env",
                    "path": "variables",
                    "key": name,
                    "optional": optional,
                }
            },
        }
        for name, optional in (("USER", False), ("PASSWORD", False), ("EXTRA", True))
    ]
    assert "volumeMounts" not in after["spec"]["containers"][0]
    assert json.loads(after["metadata"]["annotations"]["vaultbind.dev/injected"]) == {
        "bindings": ["shop-db"],
        "containers": ["web"],
        "env": "file",
        "mode": "env",
    }


@pytest.mark.parametrize(
    ("pod", "installation"),
    [
        (make_pod({"mode": "env"}), OLD_CLUSTER),
        (make_pod({"mode": "env", "env-source": "secret"}), INSTALLATION),
    ],
    ids=["an older cluster", "as asked"],
)
def test_variables_from_the_secret_need_no_agent(pod: Pod, installation: Installation) -> None:
    after = changed(pod, installation)

    assert after["spec"]["containers"][0]["env"] == [
        {"name": "USER", "valueFrom": {"secretKeyRef": {"name": "shop-db", "key": "USER"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "shop-db", "key": "PASSWORD"}}},
        {
            "name": "EXTRA",
            "valueFrom": {"secretKeyRef": {"name": "shop-db", "key": "EXTRA", "optional": True}},
        },
    ]
    assert set(after["spec"]) == {"containers"}
    assert '"env":"secret"' in after["metadata"]["annotations"]["vaultbind.dev/injected"]


def test_files_beside_variables_from_the_secret() -> None:
    spec = changed(make_pod({"mode": "both"}), OLD_CLUSTER)["spec"]

    assert [item["name"] for item in spec["volumes"]] == ["vaultbind-token", "vaultbind-files"]
    assert "VAULTBIND_VARIABLES" not in json.dumps(spec["initContainers"])


def test_a_variable_that_the_container_sets_is_kept_and_told() -> None:
    found = done(SHAPES["one of our variables"])

    env = found.pod["spec"]["containers"][0]["env"]
    assert [item["name"] for item in env] == ["USER", "PASSWORD", "EXTRA"]
    assert env[0] == {"name": "USER", "value": "me"}
    assert found.warnings == ("container web sets USER itself, which is kept",)


def test_keys_that_are_no_names_are_told_where_nothing_else_shows_them() -> None:
    told = "keys of VaultBinding shop-db that are no variable's name: connection.json"

    assert done(make_pod({"mode": "env"})).warnings == (told,)
    assert done(make_pod({"mode": "both"})).warnings == ()


# -- whom it touches


@pytest.mark.parametrize("name", ["Istio before us", "Istio's native sidecar", "Linkerd before us"])
def test_proxies_get_nothing(name: str) -> None:
    spec = changed(SHAPES[name])["spec"]

    for item in spec["containers"] + spec["initContainers"]:
        if item["name"].startswith(("istio", "linkerd")):
            assert "vaultbind" not in json.dumps(item)


def test_a_proxy_that_comes_behind_us_gets_nothing_and_we_stay_first() -> None:
    once = changed(make_pod(ALL))
    once["spec"]["initContainers"].insert(0, ISTIO_INIT)
    once["spec"]["containers"].append(ISTIO)

    spec = changed(once)["spec"]

    assert [item["name"] for item in spec["initContainers"]] == [
        "vaultbind-agent",
        "vaultbind-refresh",
        "istio-init",
    ]
    assert spec["containers"][1] == ISTIO


def test_defaults_that_the_server_fills_in_change_nothing() -> None:
    once = changed(make_pod(ALL))
    stored = deepcopy(once)
    named(stored["spec"]["volumes"], "vaultbind-token")["projected"]["defaultMode"] = 420
    stored["spec"]["initContainers"][0]["terminationMessagePath"] = "/dev/termination-log"

    assert done(stored).pod == once


def test_named_containers_only() -> None:
    spec = changed(SHAPES["one of several"])["spec"]

    assert "vaultbind" not in json.dumps(named(spec["containers"], "web"))
    assert "vaultbind-files" in json.dumps(named(spec["containers"], "side"))
    migrate = named(changed(SHAPES["an init container by name"])["spec"]["initContainers"], "migrate")
    assert migrate["volumeMounts"][0]["name"] == "vaultbind-files"


IDENTITIES: dict[str, tuple[dict[str, Any], list[dict[str, Any] | None], dict[str, int]]] = {
    "nobody says": ({}, [None], {}),
    "the pod says": ({"runAsUser": 1000}, [None], {}),
    "the container says": ({}, [{"runAsUser": 101}], {"runAsUser": 101}),
    "the container says otherwise": ({"runAsUser": 1000}, [{"runAsUser": 101}], {"runAsUser": 101}),
    "two agree": ({}, [{"runAsUser": 101}, {"runAsUser": 101}], {"runAsUser": 101}),
    "two differ": ({"runAsUser": 7}, [{"runAsUser": 101}, {"runAsUser": 102}], {}),
    "one is silent": ({}, [{"runAsUser": 101}, None], {}),
    "a pod of root": ({"runAsUser": 0}, [None], {"runAsUser": 65532, "runAsGroup": 65532}),
    "a container of root": ({}, [{"runAsUser": 0}], {}),
    "root pod, other container": ({"runAsUser": 0}, [{"runAsUser": 101}], {"runAsUser": 101}),
}


@pytest.mark.parametrize(("pod", "containers", "identity"), IDENTITIES.values(), ids=IDENTITIES)
def test_as_whom_the_agent_runs(
    pod: dict[str, Any], containers: list[dict[str, Any] | None], identity: dict[str, int]
) -> None:
    listed = [
        {"name": f"c{index}", **({"securityContext": own} if own is not None else {})}
        for index, own in enumerate(containers)
    ]
    spec = changed(make_pod(securityContext=pod, containers=listed))["spec"]
    own = spec["initContainers"][0]["securityContext"]

    assert {key: own[key] for key in ("runAsUser", "runAsGroup") if key in own} == identity


def test_a_dollar_is_not_expanded_by_the_kubelet() -> None:
    pod = make_pod({"mount-path": "/a$(B)"})
    spec = changed(pod)["spec"]

    assert spec["containers"][0]["volumeMounts"][0]["mountPath"] == "/a$(B)"
    installation = Installation(image="x", broker_url="https://a/$(B)")
    told = changed(pod, installation)["spec"]["initContainers"][0]["env"]
    assert {"name": "VAULTBIND_BROKER", "value": "https://a/$$(B)"} in told


# -- refusals

CLASH = {
    "one": BindingKeys(secret="one", variables=(Variable(name="A"),)),
    "two": BindingKeys(secret="two", variables=(Variable(name="A"),)),
}
NO_SECRET = {"shop-db": BindingKeys(variables=(Variable(name="A"),))}
OPEN = {"shop-db": BindingKeys(secret="x", variables=(Variable(name="A"),), is_open=True)}
REFUSED: dict[str, tuple[Pod, Bindings, Installation, str]] = {
    "Windows by selector": (
        make_pod(nodeSelector={"kubernetes.io/os": "windows"}),
        BINDINGS,
        INSTALLATION,
        "Windows",
    ),
    "Windows by affinity": (make_pod(affinity=on_nodes("windows")), BINDINGS, INSTALLATION, "Windows"),
    "Windows by the pod": (make_pod(os={"name": "windows"}), BINDINGS, INSTALLATION, "Windows"),
    "our path is mounted": (
        make_pod(
            containers=[
                {"name": "web", "volumeMounts": [{"name": "x", "mountPath": "/var/run/secrets/vaultbind/"}]}
            ]
        ),
        BINDINGS,
        INSTALLATION,
        "container 'web' mounts volume 'x' at /var/run/secrets/vaultbind; choose another",
    ),
    "a mount below our path": (
        make_pod(
            {"mount-path": "/a"},
            containers=[{"name": "web", "volumeMounts": [{"name": "x", "mountPath": "/a/b"}]}],
        ),
        BINDINGS,
        INSTALLATION,
        "mounts volume 'x' at /a/b",
    ),
    "a volume of our name": (
        make_pod(volumes=[{"name": "vaultbind-files"}]),
        BINDINGS,
        INSTALLATION,
        "spec.volumes has 'vaultbind-files'",
    ),
    "an init container of our name": (
        make_pod(initContainers=[{"name": "vaultbind-agent"}]),
        BINDINGS,
        INSTALLATION,
        "spec.initContainers has 'vaultbind-agent'",
    ),
    "no such container": (
        make_pod({"containers": "wbe"}, initContainers=[{"name": "migrate"}]),
        BINDINGS,
        INSTALLATION,
        "names 'wbe'; the pod has migrate, web",
    ),
    "the host's network without DNS": (
        make_pod(hostNetwork=True),
        BINDINGS,
        INSTALLATION,
        "dnsPolicy: ClusterFirstWithHostNet",
    ),
    "the node's DNS": (make_pod(dnsPolicy="Default"), BINDINGS, INSTALLATION, "the cluster's DNS"),
    "a signal without sight": (
        make_pod({"refresh": "on", "on-change": "restart"}),
        BINDINGS,
        INSTALLATION,
        "shareProcessNamespace: true",
    ),
    "a restart that would be the end": (
        make_pod(
            {"refresh": "on", "on-change": "restart"}, shareProcessNamespace=True, restartPolicy="Never"
        ),
        BINDINGS,
        INSTALLATION,
        "restartPolicy: Always",
    ),
    "no such binding": (
        make_pod({"mode": "env"}),
        {"shop-db": None},
        INSTALLATION,
        "VaultBinding shop-db does not exist",
    ),
    "keys not known": (make_pod({"mode": "env"}), OPEN, INSTALLATION, "known only when its vault is read"),
    "two bindings, one variable": (
        make_pod({"mode": "env", "bindings": "one,two"}),
        CLASH,
        INSTALLATION,
        "one and two both have key A",
    ),
    "no key is a variable's name": (
        make_pod({"mode": "both", "bindings": "shop-tls"}),
        BINDINGS,
        INSTALLATION,
        "none of the bindings",
    ),
    "no Secret on an older cluster": (
        make_pod({"mode": "env"}),
        NO_SECRET,
        OLD_CLUSTER,
        "writes no Secret (creationPolicy None)",
    ),
    "no Secret although asked": (
        make_pod({"mode": "env", "env-source": "secret"}),
        NO_SECRET,
        INSTALLATION,
        "writes no Secret",
    ),
    "no env files although asked": (
        make_pod({"mode": "env", "env-source": "file"}),
        BINDINGS,
        OLD_CLUSTER,
        "Kubernetes 1.35",
    ),
    "no broker": (
        make_pod(),
        BINDINGS,
        Installation(image="x", env_files=True),
        "runs no broker, which agents get values from",
    ),
    "no broker for an env file": (
        make_pod({"mode": "env"}),
        BINDINGS,
        Installation(image="x", env_files=True),
        "vaultbind.dev/env-source: secret",
    ),
    "a label that is no answer": (make_pod(inject="on"), BINDINGS, INSTALLATION, '"true" or "false"'),
    "a mistake in an annotation": (make_pod({"mode": "x"}), BINDINGS, INSTALLATION, "vaultbind.dev/mode"),
}


@pytest.mark.parametrize(("pod", "bindings", "installation", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(pod: Pod, bindings: Bindings, installation: Installation, message: str) -> None:
    with pytest.raises(InjectionError) as caught:
        mutate(pod, installation, bindings)

    assert message in str(caught.value)


def test_variables_from_secrets_need_no_broker() -> None:
    pod = make_pod({"mode": "env", "env-source": "secret"})
    spec = changed(pod, Installation(image="x", env_files=True))["spec"]

    assert spec["containers"][0]["env"][0]["valueFrom"]["secretKeyRef"]["name"] == "shop-db"


def test_a_binding_without_secret_is_fine_with_env_files() -> None:
    spec = changed(make_pod({"mode": "env"}), INSTALLATION, NO_SECRET)["spec"]

    assert spec["containers"][0]["env"][0]["valueFrom"]["fileKeyRef"]["key"] == "A"


def test_variables_of_several_bindings_keep_the_order_of_the_annotation() -> None:
    bindings = {"b": DB, "a": BindingKeys(secret="a", variables=(Variable(name="Z"),)), "t": TLS}
    env = changed(make_pod({"mode": "env", "bindings": "a,b,t"}), OLD_CLUSTER, bindings)["spec"][
        "containers"
    ][0]["env"]

    assert [item["name"] for item in env] == ["Z", "USER", "PASSWORD", "EXTRA"]
