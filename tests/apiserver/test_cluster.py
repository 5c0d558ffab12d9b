"""The fixture itself: what later tests of this tier rely on."""

import time

import pytest

from tools.realcluster import ClusterError, RealCluster


def test_it_is_the_version_that_go_mod_names(apiserver: RealCluster) -> None:
    assert apiserver.call("GET", "/version").body["gitVersion"] == "v1.37.2"


def test_owned_objects_are_collected(apiserver: RealCluster, apiserver_namespace: str) -> None:
    maps = f"/api/v1/namespaces/{apiserver_namespace}/configmaps"
    owner = apiserver.call("POST", maps, {"metadata": {"name": "owner"}}).body["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner}
    apiserver.call("POST", maps, {"metadata": {"name": "owned", "ownerReferences": [reference]}})
    apiserver.call("DELETE", f"{maps}/owner")
    deadline = time.monotonic() + 20
    while apiserver.call("GET", f"{maps}/owned").status != 404:
        assert time.monotonic() < deadline, apiserver.logs()
        time.sleep(0.05)


def test_a_service_account_has_exactly_its_rights(apiserver: RealCluster, apiserver_namespace: str) -> None:
    kubeconfig = apiserver.service_account_kubeconfig(
        apiserver_namespace, "reader", context_namespace=apiserver_namespace
    )
    with pytest.raises(ClusterError, match="cannot list resource"):
        apiserver.kubectl("get", "configmaps", kubeconfig=kubeconfig)
    apiserver.grant(
        apiserver_namespace, "reader", [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
    )
    deadline = time.monotonic() + 10  # RBAC reads its rules from a watch
    while apiserver.kubectl("get", "configmaps", kubeconfig=kubeconfig, check=False).returncode != 0:
        assert time.monotonic() < deadline
    with pytest.raises(ClusterError, match="cannot list resource"):
        apiserver.kubectl("get", "secrets", kubeconfig=kubeconfig)
