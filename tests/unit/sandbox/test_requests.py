import pytest

from vaultbind.sandbox.bodies import parse_body, parse_manifests
from vaultbind.sandbox.deletion import Propagation, parse_delete_options
from vaultbind.sandbox.errors import StatusError
from vaultbind.sandbox.negotiation import Representation, parse_accept
from vaultbind.sandbox.registry import Registry
from vaultbind.sandbox.requests import parse_manager, parse_target, parse_verb

REGISTRY = Registry()
TARGETS = {
    "/api/v1/namespaces": ("namespaces", "", "", ""),
    "/api/v1/namespaces/n": ("namespaces", "", "n", ""),
    "/api/v1/namespaces/n/status": ("namespaces", "", "n", "status"),
    "/api/v1/secrets": ("secrets", "", "", ""),
    "/api/v1/namespaces/n/secrets": ("secrets", "n", "", ""),
    "/api/v1/namespaces/n/secrets/s": ("secrets", "n", "s", ""),
    "/api/v1/namespaces/n/pods/p/status": ("pods", "n", "p", "status"),
    "/apis/coordination.k8s.io/v1/namespaces/n/leases/l": ("leases", "n", "l", ""),
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/c": ("clusterroles", "", "c", ""),
}


@pytest.mark.parametrize(("path", "want"), TARGETS.items(), ids=TARGETS.keys())
def test_paths(path: str, want: tuple[str, str, str, str]) -> None:
    target = parse_target(path, REGISTRY)

    assert (target.kind.plural, target.namespace, target.name, target.subresource) == want


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/other",
        "/api/v2/secrets",
        "/api/v1",
        "/apis/apps/v1/nothings",
        "/api/v1/namespaces/n/secrets/s/status",
        "/api/v1/namespaces/n/pods/p/log",
        "/api/v1/namespaces/n/pods/p/status/x",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/n/clusterroles",
    ],
)
def test_unknown_paths(path: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_target(path, REGISTRY)

    assert caught.value.code == 404


VERBS = {
    ("GET", "/api/v1/secrets", ""): "list",
    ("GET", "/api/v1/secrets", "1"): "watch",
    ("GET", "/api/v1/secrets", "false"): "list",
    ("POST", "/api/v1/namespaces/n/secrets", ""): "create",
    ("DELETE", "/api/v1/namespaces/n/secrets", ""): "deletecollection",
    ("GET", "/api/v1/namespaces/n/secrets/s", ""): "get",
    ("PUT", "/api/v1/namespaces/n/secrets/s", ""): "update",
    ("PATCH", "/api/v1/namespaces/n/secrets/s", ""): "patch",
    ("DELETE", "/api/v1/namespaces/n/secrets/s", ""): "delete",
    ("POST", "/api/v1/namespaces", ""): "create",
}


@pytest.mark.parametrize(("request_line", "want"), VERBS.items(), ids=map(str, VERBS))
def test_verbs(request_line: tuple[str, str, str], want: str) -> None:
    method, path, watch = request_line

    assert parse_verb(method, parse_target(path, REGISTRY), {"watch": watch}) == want


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/namespaces/n/secrets/s"),
        ("PUT", "/api/v1/namespaces/n/secrets"),
        ("POST", "/api/v1/secrets"),
        ("DELETE", "/api/v1/secrets"),
        ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
    ],
)
def test_methods_that_are_not_allowed(method: str, path: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_verb(method, parse_target(path, REGISTRY), {})

    assert caught.value.code == 405


def test_the_field_manager_is_asked_for_or_guessed() -> None:
    assert parse_manager({"fieldManager": "me"}, "kubectl/1.0 (x)") == "me"
    assert parse_manager({}, "kubectl/1.0 (x)") == "kubectl"
    assert parse_manager({}, "") == "unknown"
    assert len(parse_manager({}, "x" * 500)) == 128


AS = "application/json;as={};g=meta.k8s.io;v=v1"
ACCEPTED = {
    "": Representation.PLAIN,
    "*/*": Representation.PLAIN,
    "application/json": Representation.PLAIN,
    "text/html, application/*;q=0.5": Representation.PLAIN,
    AS.format("Table"): Representation.TABLE,
    AS.format("PartialObjectMetadata") + ",application/json": Representation.METADATA,
    AS.format("Other") + ",application/json": Representation.PLAIN,
    "application/json;as=Table;g=meta.k8s.io;v=v1beta1,application/json": Representation.PLAIN,
    "application/vnd.kubernetes.protobuf,application/json": Representation.PLAIN,
}


@pytest.mark.parametrize(("header", "want"), ACCEPTED.items(), ids=map(str, ACCEPTED))
def test_accepted_forms(header: str, want: Representation) -> None:
    assert parse_accept(header) is want


@pytest.mark.parametrize("header", ["text/html", "application/vnd.kubernetes.protobuf", AS.format("Other")])
def test_forms_that_are_not_served(header: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_accept(header)

    assert caught.value.code == 406


def test_lists_and_objects_have_metadata_forms_of_their_own() -> None:
    assert parse_accept(AS.format("PartialObjectMetadataList"), is_list=True) is Representation.METADATA
    for header, is_list in (("PartialObjectMetadata", True), ("PartialObjectMetadataList", False)):
        with pytest.raises(StatusError):
            parse_accept(AS.format(header), is_list=is_list)


def test_bodies_are_json_or_yaml() -> None:
    assert parse_body(b'{"a": 1}', "application/json") == {"a": 1}
    assert parse_body(b"a: 2026-01-01", "application/yaml") == {"a": "2026-01-01"}
    assert parse_body(b" ", "text/plain") is None
    assert parse_manifests("a: 1\n---\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("raw", "content_type", "code"),
    [(b"{secret", "application/json", 400), (b"{secret", "application/yaml", 400), (b"x", "text/plain", 415)],
    ids=str,
)
def test_bodies_that_cannot_be_read_are_not_told(raw: bytes, content_type: str, code: int) -> None:
    with pytest.raises(StatusError) as caught:
        parse_body(raw, content_type)

    assert caught.value.code == code
    assert "secret" not in caught.value.message
    assert caught.value.__cause__ is None


def test_delete_options_come_from_body_and_query() -> None:
    body = {
        "preconditions": {"uid": "u", "resourceVersion": "1"},
        "propagationPolicy": "Orphan",
        "dryRun": ["All"],
    }
    options = parse_delete_options(body, {})

    assert (options.uid, options.resource_version, options.dry_run) == ("u", "1", True)
    assert options.propagation is Propagation.ORPHAN
    assert (
        parse_delete_options(body, {"propagationPolicy": "Foreground"}).propagation is Propagation.FOREGROUND
    )
    assert parse_delete_options({"orphanDependents": True}, {}).propagation is Propagation.ORPHAN
    assert parse_delete_options(None, {}).propagation is Propagation.BACKGROUND
    with pytest.raises(StatusError):
        parse_delete_options({"propagationPolicy": "Other"}, {})
