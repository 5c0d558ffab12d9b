"""The CRDs on the real API server: each rule's violation is refused with its message, and nothing else is."""

import json
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest

from tests.unit.api import cases, cases_cryptojob
from tests.unit.api.schema import ROOT, places
from tools.realcluster import Answer, RealCluster

API = "/apis/vaultbind.dev/v1alpha1"
PATHS = {
    "VaultBinding": f"{API}/namespaces/default/vaultbindings",
    "KeyVault": f"{API}/namespaces/default/keyvaults",
    "ClusterKeyVault": f"{API}/clusterkeyvaults",
    "CryptoJob": f"{API}/namespaces/default/cryptojobs",
}
BUILDERS = {
    "VaultBinding": cases.binding,
    "KeyVault": cases.keyvault,
    "ClusterKeyVault": cases.cluster_keyvault,
    "CryptoJob": cases_cryptojob.cryptojob,
}
REFUSED = {
    "VaultBinding": cases.INVALID_BINDINGS + cases.LATER_BINDINGS,
    "KeyVault": cases.INVALID_KEYVAULTS + cases.LATER_KEYVAULTS,
    "ClusterKeyVault": cases.INVALID_CLUSTER_KEYVAULTS,
    "CryptoJob": cases_cryptojob.INVALID_CRYPTOJOBS,
}
VALID = {
    "VaultBinding": cases.VALID_BINDINGS,
    "KeyVault": cases.VALID_KEYVAULTS,
    "ClusterKeyVault": cases.VALID_CLUSTER_KEYVAULTS,
    "CryptoJob": cases_cryptojob.VALID_CRYPTOJOBS,
}
RULES = {"VaultBinding": cases.LATER_RULES, "KeyVault": cases.LATER_KEYVAULT_RULES}


def create(cluster: RealCluster, kind: str, spec: Mapping[str, Any]) -> Answer:
    """Ask whether the object would be taken; unknown fields are refused as kubectl does it."""
    body = BUILDERS[kind](spec)
    body["metadata"].pop("namespace", None)
    return cluster.call("POST", f"{PATHS[kind]}?dryRun=All&fieldValidation=Strict", body)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [pytest.param(kind, spec, id=f"{kind}-{name}") for kind in VALID for name, spec in VALID[kind].items()],
)
def test_valid_objects_are_accepted(apiserver: RealCluster, kind: str, spec: Mapping[str, Any]) -> None:
    answer = create(apiserver, kind, spec)
    assert answer.status == 201, answer.body["message"]


@pytest.mark.parametrize(
    ("kind", "case"),
    [pytest.param(kind, case, id=f"{kind}-{case.name}") for kind in REFUSED for case in REFUSED[kind]],
)
def test_invalid_objects_are_refused_with_the_message(
    apiserver: RealCluster, kind: str, case: cases.Refused
) -> None:
    answer = create(apiserver, kind, case.spec)
    if not case.server:
        assert answer.status == 201, answer.body["message"]
    else:
        assert answer.status == 422, answer.body
        assert case.server in answer.body["message"]


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        pytest.param(kind, spec, message, id=f"{kind}-{name}")
        for kind in RULES
        for name, spec, message in RULES[kind]
    ],
)
def test_rules_for_fields_of_later_releases(
    apiserver: RealCluster, kind: str, spec: Mapping[str, Any], message: str
) -> None:
    answer = create(apiserver, kind, spec)
    assert answer.status == 422
    assert message in answer.body["message"]


@pytest.mark.parametrize("path", cases_cryptojob.LIMITS)
def test_texts_of_a_cryptojob_have_a_limit(apiserver: RealCluster, path: str) -> None:
    limit, make = cases_cryptojob.LIMITS[path]
    answer = create(apiserver, "CryptoJob", make(limit))
    assert answer.status == 201, answer.body["message"]
    answer = create(apiserver, "CryptoJob", make(limit + 1))
    assert answer.status == 422, answer.body
    assert f"{path}: Too long: may not be more than {limit} bytes" in answer.body["message"]


@pytest.mark.parametrize("kind", list(PATHS))
def test_status_is_not_ready_before_the_first_look_and_has_its_own_door(
    apiserver: RealCluster, kind: str
) -> None:
    valid = BUILDERS[kind](next(iter(VALID[kind].values())), name="of-status")
    valid["metadata"].pop("namespace", None)
    path = f"{PATHS[kind]}/of-status"
    try:
        made = apiserver.call("POST", PATHS[kind], {**valid, "status": {"observedGeneration": 7}})
        assert made.status == 201, made.body["message"]
        found = apiserver.call("GET", path)
        assert found.body["status"] == {"observedGeneration": -1}
        status = {"status": {"observedGeneration": 1, "conditions": [CONDITION]}}
        patched = apiserver.call("PATCH", f"{path}/status", status, content_type=MERGE_PATCH)
        assert patched.status == 200, patched.body["message"]
        assert patched.body["status"] == status["status"]
        assert patched.body["metadata"]["generation"] == 1
    finally:
        apiserver.call("DELETE", path)


MERGE_PATCH = "application/merge-patch+json"
CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Synced",
    "message": "",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}

AUTH: tuple[dict[str, Any], ...] = (
    {},
    {"default": {}},
    {"managedIdentity": {}},
    {"servicePrincipal": {"clientId": "c", "tenantId": "t", "secretRef": {"name": "s", "key": "k"}}},
    {"workloadIdentity": {"clientId": "c"}},
)
SOURCES = tuple({source: {"name": "a"}} for source in ("secret", "certificate", "publicKey"))
AUTH_SPECS = tuple(cases.vault(**({"auth": auth} if auth else {})) for auth in AUTH)
SOURCE_SPECS = tuple(cases.with_source(**source) for source in SOURCES)


@pytest.mark.parametrize("flags", [(), ("--server-side",)], ids=["client-side", "server-side"])
@pytest.mark.parametrize(
    ("kind", "specs"),
    [pytest.param("KeyVault", AUTH_SPECS, id="auth"), pytest.param("VaultBinding", SOURCE_SPECS, id="data")],
)
def test_each_member_of_a_union_gives_way_to_each_other(
    apiserver: RealCluster,
    apiserver_namespace: str,
    kind: str,
    specs: tuple[dict[str, Any], ...],
    flags: tuple[str, ...],
) -> None:
    """No schema default fills a union, so applying another member never leaves two."""
    changes = list(permutations(specs, 2))
    for side in (0, 1):
        items = [BUILDERS[kind](change[side], name=f"v{number}") for number, change in enumerate(changes)]
        for item in items:
            item["metadata"].pop("namespace")
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        apiserver.kubectl("apply", *flags, "-n", apiserver_namespace, "-f", "-", input=manifest)
    path = PATHS[kind].replace("/default/", f"/{apiserver_namespace}/")
    for number, (_, wanted) in enumerate(changes):
        assert apiserver.call("GET", f"{path}/v{number}").body["spec"] == wanted


@pytest.mark.parametrize(
    ("resource", "columns"),
    [
        ("vb", ["NAME", "READY", "REASON", "SECRET", "VAULT", "EXPIRES", "AGE", "MESSAGE"]),
        ("kv", ["NAME", "READY", "REASON", "URL", "OBJECTS", "AGE", "MESSAGE"]),
        ("ckv", ["NAME", "READY", "REASON", "URL", "OBJECTS", "AGE", "MESSAGE"]),
        ("crj", ["NAME", "OPERATION", "KEY", "STATUS", "DURATION", "AGE", "MESSAGE"]),
    ],
)
def test_columns_and_short_names(
    apiserver: RealCluster, apiserver_namespace: str, resource: str, columns: list[str]
) -> None:
    kind = {"vb": "VaultBinding", "kv": "KeyVault", "ckv": "ClusterKeyVault", "crj": "CryptoJob"}[resource]
    manifest = BUILDERS[kind](next(iter(VALID[kind].values())), name="columns")
    manifest["metadata"].pop("namespace", None)
    scope = ["-n", apiserver_namespace]
    apiserver.kubectl("create", *scope, "-f", "-", input=json.dumps(manifest))
    try:
        wide = apiserver.kubectl("get", resource, "-o", "wide", *scope).stdout
        assert wide.splitlines()[0].split() == columns
        assert "columns" in apiserver.kubectl("get", "vaultbind", *scope).stdout
    finally:
        apiserver.kubectl("delete", resource, "columns", *scope)


@pytest.mark.parametrize("resource", ["vaultbindings", "keyvaults", "clusterkeyvaults", "cryptojobs"])
def test_the_server_finds_nothing_wrong_with_the_schema(apiserver: RealCluster, resource: str) -> None:
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{resource}.vaultbind.dev"
    conditions = {c["type"]: c["status"] for c in apiserver.call("GET", path).body["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions.get("NonStructuralSchema", "False") == "False"


def test_the_examples_are_accepted(apiserver: RealCluster) -> None:
    apiserver.kubectl("create", "namespace", "shop")
    try:
        for path in sorted((ROOT / "examples").glob("*.yaml")):
            if path.name != "vault.yaml":  # that one is the emulator's
                apiserver.kubectl("apply", "--dry-run=server", "-f", str(path))
    finally:
        apiserver.kubectl("delete", "namespace", "shop", "--wait=false")


IMMUTABLE = "only suspend, activeDeadlineSeconds, ttlSecondsAfterFinished and backoffLimit may change"
MUTABLE = {"suspend": True, "activeDeadlineSeconds": 9, "ttlSecondsAfterFinished": 9, "backoffLimit": 1}
CHANGES: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "vaultRef": (cases_cryptojob.job(), {"vaultRef": {"name": "other"}}),
    "key": (cases_cryptojob.job(), {"key": {"name": "other"}}),
    "key.version": (cases_cryptojob.job(), {"key": {"version": cases.VERSION}}),
    "operation": (cases_cryptojob.job("Decrypt"), {"operation": "UnwrapKey"}),
    "algorithm": (cases_cryptojob.job(algorithm="RS256"), {"algorithm": None}),
    "input": (cases_cryptojob.job(), {"input": {"text": "other"}}),
    "messageType": (cases_cryptojob.job(), {"messageType": "Message"}),
    "signature": (cases_cryptojob.job("Verify"), {"signature": {"value": "b3RoZXI="}}),
    "iv": (cases_cryptojob.job("Decrypt"), {"iv": {"value": "aXY="}}),
    "aad": (cases_cryptojob.job("Decrypt"), {"aad": {"value": "aXY="}}),
    "tag": (cases_cryptojob.job("Decrypt"), {"tag": {"value": "aXY="}}),
    "envelope": (cases_cryptojob.job("Decrypt"), {"envelope": True}),
    "output": (cases_cryptojob.job("Decrypt"), {"output": {"secret": {"name": "other"}}}),
    "minAge": (cases_cryptojob.job("RotateKey"), {"minAge": "1h"}),
    "failOnInvalid": (cases_cryptojob.job("Verify"), {"failOnInvalid": True}),
}


@pytest.mark.parametrize("field", [*CHANGES, *MUTABLE])
def test_a_cryptojob_changes_in_four_fields_only(
    apiserver: RealCluster, apiserver_namespace: str, field: str
) -> None:
    """Every field of the spec is here: the table is compared with the schema below."""
    spec, change = CHANGES.get(field, (cases_cryptojob.job(), {field: MUTABLE.get(field)}))
    body = cases_cryptojob.cryptojob(spec, name=field.lower())
    body["metadata"].pop("namespace")
    path = PATHS["CryptoJob"].replace("/default/", f"/{apiserver_namespace}/")
    made = apiserver.call("POST", path, body)
    assert made.status == 201, made.body["message"]
    answer = apiserver.call("PATCH", f"{path}/{field.lower()}", {"spec": change}, content_type=MERGE_PATCH)
    if field in MUTABLE:
        assert answer.status == 200, answer.body["message"]
    else:
        assert answer.status == 422
        assert IMMUTABLE in answer.body["message"]


def test_the_table_of_changes_knows_every_field() -> None:
    fields = places("CryptoJob")["spec"]["properties"]
    assert {name.partition(".")[0] for name in CHANGES} | set(MUTABLE) == set(fields)
