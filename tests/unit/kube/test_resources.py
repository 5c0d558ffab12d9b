import pytest

from vaultbind.kube.resources import (
    CLUSTER_KEY_VAULTS,
    LEASES,
    NAMESPACES,
    SECRETS,
    SELF_SUBJECT_ACCESS_REVIEWS,
    VAULT_BINDINGS,
    Resource,
)


@pytest.mark.parametrize(
    ("resource", "parts", "path"),
    [
        pytest.param(SECRETS, (), "/api/v1/secrets", id="core, whole cluster"),
        pytest.param(SECRETS, ("shop",), "/api/v1/namespaces/shop/secrets", id="core, one namespace"),
        pytest.param(SECRETS, ("shop", "db"), "/api/v1/namespaces/shop/secrets/db", id="core, one object"),
        pytest.param(NAMESPACES, ("", "shop"), "/api/v1/namespaces/shop", id="cluster-scoped object"),
        pytest.param(
            VAULT_BINDINGS,
            ("shop", "db", "status"),
            "/apis/vaultbind.dev/v1alpha1/namespaces/shop/vaultbindings/db/status",
            id="subresource",
        ),
        pytest.param(
            CLUSTER_KEY_VAULTS,
            ("", "main", "status"),
            "/apis/vaultbind.dev/v1alpha1/clusterkeyvaults/main/status",
            id="cluster-scoped subresource",
        ),
        pytest.param(
            LEASES,
            ("ops", "x"),
            "/apis/coordination.k8s.io/v1/namespaces/ops/leases/x",
            id="group without version in names",
        ),
        pytest.param(
            SELF_SUBJECT_ACCESS_REVIEWS,
            (),
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            id="review",
        ),
        pytest.param(
            SECRETS,
            ("shop", "a/../../x?y"),
            "/api/v1/namespaces/shop/secrets/a%2F..%2F..%2Fx%3Fy",
            id="a name cannot leave its place",
        ),
    ],
)
def test_path(resource: Resource, parts: tuple[str, ...], path: str) -> None:
    assert path == resource.path(*parts)


@pytest.mark.parametrize(
    ("resource", "namespace", "name"),
    [
        pytest.param(NAMESPACES, "shop", "x", id="namespace of a cluster-scoped resource"),
        pytest.param(SECRETS, "", "db", id="name without its namespace"),
        pytest.param(SECRETS, "..", "db", id="namespace that climbs"),
        pytest.param(SECRETS, "shop", "..", id="name that climbs"),
        pytest.param(SECRETS, "shop", ".", id="name that stays"),
    ],
)
def test_a_path_of_something_else_is_refused(resource: Resource, namespace: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"name"):
        resource.path(namespace, name)


def test_api_version() -> None:
    assert SECRETS.api_version == "v1"
    assert VAULT_BINDINGS.api_version == "vaultbind.dev/v1alpha1"
