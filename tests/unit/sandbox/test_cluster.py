"""Rules that need no HTTP; most of them are tested against the real server, too, in tests/flow/sandbox."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from vaultbind.sandbox.builtin_kinds import SECRETS
from vaultbind.sandbox.cluster import Cluster, key_of
from vaultbind.sandbox.crds import render_kinds, validate_crd
from vaultbind.sandbox.deletion import DeleteOptions, Propagation
from vaultbind.sandbox.discovery import render_discovery
from vaultbind.sandbox.documents import is_same
from vaultbind.sandbox.drafting import WriteOptions
from vaultbind.sandbox.errors import StatusError
from vaultbind.sandbox.garbage import collect
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.metadata import is_qualified_name
from vaultbind.sandbox.openapi import render_openapi
from vaultbind.sandbox.patches import PatchType

ME = WriteOptions(manager="me")


def new_cluster() -> Cluster:
    moments, numbers = count(), count()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return Cluster(
        clock=lambda: start + timedelta(seconds=next(moments)), new_uid=lambda: f"uid-{next(numbers)}"
    )


def create(cluster: Cluster, resource: str, body: dict[str, Any], namespace: str = "default") -> Any:
    plural, _, group = resource.partition(".")
    kind = cluster.registry.by_storage((group, plural))
    return cluster.create(kind, namespace, {**kind.type_meta, **body}, ME).document


def crd(*versions: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "metadata": {"name": "things.x.dev"},
        "spec": {
            "group": "x.dev",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing", "categories": ["all"]},
            "versions": [
                {"name": name, "served": True, "storage": name == versions[-1], "schema": schema}
                for name in versions
            ],
        },
    }


def test_an_object_is_shown_in_every_version_of_its_kind() -> None:
    cluster = new_cluster()
    create(cluster, "customresourcedefinitions.apiextensions.k8s.io", crd("v1", "v2"), "")
    one = cluster.registry.by_path("x.dev", "v1", "things")
    two = cluster.registry.by_path("x.dev", "v2", "things")
    assert one is not None
    assert two is not None
    cluster.create(one, "default", {**one.type_meta, "metadata": {"name": "a"}, "x": 1}, ME)
    patched = cluster.patch(two, "default", "a", {"x": 2}, PatchType.MERGE, ME).document

    assert patched["apiVersion"] == "x.dev/v2"
    assert cluster.get(one, "default", "a")["apiVersion"] == "x.dev/v1"
    assert [found["x"] for found in cluster.objects(one, "default")] == [2]


def test_a_definition_that_changes_changes_its_kinds() -> None:
    cluster = new_cluster()
    definitions = "customresourcedefinitions.apiextensions.k8s.io"
    create(cluster, definitions, crd("v1"), "")
    kind = cluster.registry.by_storage(("apiextensions.k8s.io", "customresourcedefinitions"))
    cluster.patch(kind, "", "things.x.dev", {"spec": crd("v1", "v2")["spec"]}, PatchType.MERGE, ME)

    assert cluster.registry.by_path("x.dev", "v2", "things") is not None
    assert render_discovery("/apis/x.dev/v2", cluster.registry) is not None
    assert render_discovery("/apis/x.dev/v3", cluster.registry) is None


BAD_DEFINITIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "empty": (
        {"metadata": {"name": "a"}},
        ["spec.group", "spec.scope", "spec.names.plural", "spec.names.kind", "spec.versions"],
    ),
    "name": ({**crd("v1"), "metadata": {"name": "a"}}, ["metadata.name"]),
    "storage": (
        {**crd("v1"), "spec": {**crd("v1")["spec"], "versions": crd("v1", "v2")["spec"]["versions"][:1]}},
        ["spec.versions"],
    ),
    "schema": (
        {**crd("v1"), "spec": {**crd("v1")["spec"], "versions": [{"name": "v1", "storage": True}]}},
        ["spec.versions[0].schema.openAPIV3Schema"],
    ),
}


@pytest.mark.parametrize(("document", "fields"), BAD_DEFINITIONS.values(), ids=BAD_DEFINITIONS.keys())
def test_bad_definitions(document: dict[str, Any], fields: list[str]) -> None:
    assert [cause.field for cause in validate_crd(document)] == fields


def test_versions_that_are_not_served_are_no_kinds() -> None:
    document = crd("v1", "v2")
    document["spec"]["versions"][0]["served"] = False

    assert [kind.version for kind in render_kinds(document)] == ["v2"]


SECRET_TYPES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "basic auth needs one of two": (
        {"type": "kubernetes.io/basic-auth"},
        ["data[username]", "data[password]"],
    ),
    "basic auth with one": ({"type": "kubernetes.io/basic-auth", "data": {"username": ""}}, []),
    "docker": ({"type": "kubernetes.io/dockerconfigjson"}, ["data[.dockerconfigjson]"]),
    "ssh": ({"type": "kubernetes.io/ssh-auth"}, ["data[ssh-privatekey]"]),
    "own type": ({"type": "example.com/x"}, []),
    "dots": ({"data": {"..": "", ".": "", ".a": "", "..b": ""}}, ["data[..]", "data[.]", "data[..b]"]),
    "service account": (
        {"type": "kubernetes.io/service-account-token"},
        ["metadata.annotations[kubernetes.io/service-account.name]"],
    ),
}


@pytest.mark.parametrize(("body", "fields"), SECRET_TYPES.values(), ids=SECRET_TYPES.keys())
def test_types_of_secrets(body: dict[str, Any], fields: list[str]) -> None:
    cluster = new_cluster()
    try:
        create(cluster, "secrets", {"metadata": {"name": "a"}, **body})
        found = []
    except StatusError as error:
        found = [cause["field"] for cause in error.details["causes"]]

    assert found == fields


def test_config_maps_have_limits_and_can_be_frozen() -> None:
    cluster = new_cluster()
    maps = cluster.registry.by_storage(("", "configmaps"))
    with pytest.raises(StatusError, match="Too long"):
        create(cluster, "configmaps", {"metadata": {"name": "a"}, "data": {"k": "x" * (1024 * 1024 + 1)}})
    with pytest.raises(StatusError, match="valid config key"):
        create(cluster, "configmaps", {"metadata": {"name": "a"}, "binaryData": {"a b": ""}})
    create(cluster, "configmaps", {"metadata": {"name": "a"}, "data": {"k": "v"}, "immutable": True})
    with pytest.raises(StatusError, match="field is immutable when"):
        cluster.patch(maps, "default", "a", {"data": {"k": "w"}}, PatchType.MERGE, ME)


def test_put_makes_leases_that_are_missing() -> None:
    cluster = new_cluster()
    leases = cluster.registry.by_storage(("coordination.k8s.io", "leases"))
    body = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}}

    assert cluster.update(leases, "default", "l", body, ME).created
    with pytest.raises(StatusError, match="not found"):
        cluster.update(SECRETS, "default", "s", {"metadata": {"name": "s"}}, ME)


@pytest.mark.parametrize(
    ("patch", "patch_type"), [({}, PatchType.JSON), ([], PatchType.MERGE), ([], PatchType.APPLY)], ids=str
)
def test_patches_have_a_form(patch: Any, patch_type: PatchType) -> None:
    cluster = new_cluster()
    create(cluster, "secrets", {"metadata": {"name": "a"}})
    with pytest.raises(StatusError) as caught:
        cluster.patch(SECRETS, "default", "a", patch, patch_type, ME)

    assert caught.value.code == 400


def test_the_status_of_nothing_cannot_be_applied() -> None:
    cluster = new_cluster()
    pods = cluster.registry.by_storage(("", "pods"))
    status = WriteOptions(manager="me", subresource="status")
    body = {**pods.type_meta, "metadata": {"name": "p"}, "status": {}}
    with pytest.raises(StatusError) as caught:
        cluster.patch(pods, "default", "p", body, PatchType.APPLY, status)

    assert caught.value.code == 404


def test_an_apply_with_a_revision_does_not_create() -> None:
    cluster = new_cluster()
    body = {**SECRETS.type_meta, "metadata": {"name": "a", "resourceVersion": "5"}}
    with pytest.raises(StatusError) as caught:
        cluster.patch(SECRETS, "default", "a", body, PatchType.APPLY, ME)

    assert caught.value.code == 409


def test_an_object_that_depends_on_itself_or_in_a_ring_stays() -> None:
    cluster = new_cluster()
    one = create(cluster, "configmaps", {"metadata": {"name": "a"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": one["metadata"]["uid"]}
    maps: ResourceKind = cluster.registry.by_storage(("", "configmaps"))
    cluster.patch(maps, "default", "a", {"metadata": {"ownerReferences": [reference]}}, PatchType.MERGE, ME)

    assert collect(cluster) == 0


def test_an_owner_in_another_namespace_is_no_owner() -> None:
    cluster = new_cluster()
    owner = create(cluster, "configmaps", {"metadata": {"name": "a"}}, "kube-system")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": owner["metadata"]["uid"]}
    create(cluster, "configmaps", {"metadata": {"name": "b", "ownerReferences": [reference]}})

    assert collect(cluster) == 1
    assert cluster.objects(cluster.registry.by_storage(("", "configmaps")), "default") == []


def test_a_finalizer_of_a_person_outlives_the_foreground() -> None:
    cluster = new_cluster()
    create(cluster, "configmaps", {"metadata": {"name": "a", "finalizers": ["x.dev/f"]}})
    maps = cluster.registry.by_storage(("", "configmaps"))
    cluster.delete(maps, "default", "a", DeleteOptions(propagation=Propagation.FOREGROUND))
    collect(cluster)

    assert cluster.get(maps, "default", "a")["metadata"]["finalizers"] == ["x.dev/f"]


@pytest.mark.parametrize("blocking", [True, False])
def test_only_what_blocks_an_owner_holds_it_up_in_the_foreground(blocking: bool) -> None:
    cluster = new_cluster()
    owner = create(cluster, "configmaps", {"metadata": {"name": "owner"}})["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    child = {"name": "child", "finalizers": ["x.dev/f"], "ownerReferences": [reference]}
    reference["blockOwnerDeletion"] = blocking
    create(cluster, "configmaps", {"metadata": child})
    maps = cluster.registry.by_storage(("", "configmaps"))
    cluster.delete(maps, "default", "owner", DeleteOptions(propagation=Propagation.FOREGROUND))
    collect(cluster)

    assert cluster.get(maps, "default", "child")["metadata"]["deletionTimestamp"]
    assert [found["metadata"]["name"] for found in cluster.objects(maps, "default")] == (
        ["child", "owner"] if blocking else ["child"]
    )


def test_what_is_gone_can_be_removed_again() -> None:
    cluster = new_cluster()
    create(cluster, "pods", {"metadata": {"name": "a"}})
    pods = cluster.registry.by_storage(("", "pods"))
    assert cluster.get(pods, "default", "a")["status"] == {"phase": "Pending"}
    cluster.remove(key_of(pods, "default", "a"))
    revision = cluster.store.revision
    cluster.remove(key_of(pods, "default", "a"))

    assert cluster.store.revision == revision


@pytest.mark.parametrize(
    ("name", "is_good"),
    [
        ("a", True),
        ("x.dev/a_b.C-1", True),
        ("", False),
        ("-a", False),
        ("a" * 64, False),
        ("X.dev/a", False),
        ("x/y/z", False),
        (f"{'a.' * 130}dev/a", False),
    ],
)
def test_qualified_names(name: str, is_good: bool) -> None:
    assert is_qualified_name(name) is is_good


def test_names_of_roles_may_have_colons_and_annotations_a_limit() -> None:
    cluster = new_cluster()
    create(cluster, "clusterroles.rbac.authorization.k8s.io", {"metadata": {"name": "system:x"}}, "")
    with pytest.raises(StatusError, match="may not contain"):
        create(cluster, "clusterroles.rbac.authorization.k8s.io", {"metadata": {"name": "a%b"}}, "")
    meta = {"name": "a", "annotations": {"k": "v" * 300_000}}
    with pytest.raises(StatusError, match="Too long"):
        create(cluster, "secrets", {"metadata": meta})
    with pytest.raises(StatusError, match="not a qualified name"):
        create(cluster, "secrets", {"metadata": {"name": "a", "annotations": {"a b": "c"}}})


def test_discovery_and_openapi_name_what_is_served() -> None:
    registry = new_cluster().registry
    openapi = render_openapi("/openapi/v3", registry)
    core = render_openapi("/openapi/v3/api/v1", registry)

    assert openapi is not None
    assert core is not None
    assert "apis/coordination.k8s.io/v1" in openapi["paths"]
    assert "/api/v1/namespaces/{namespace}/secrets/{name}" in core["paths"]
    assert "/api/v1/namespaces/{name}" in core["paths"]
    assert render_openapi("/openapi/v3/apis/none/v1", registry) is None
    assert render_openapi("/other", registry) is None
    assert render_discovery("/version", registry) is not None
    assert render_discovery("/apis/none", registry) is None
    assert render_discovery("/api/v2", registry) is None
    assert render_discovery("/livez", registry) == "ok"
    with pytest.raises(KeyError):
        registry.by_storage(("none", "nothings"))


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ([1, 2], [2, 1], False),
        (1, True, False),
        ("a", "a", True),
    ],
    ids=str,
)
def test_sameness(left: Any, right: Any, same: bool) -> None:
    assert is_same(left, right) is same
