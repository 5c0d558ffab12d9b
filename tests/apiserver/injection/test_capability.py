"""Whether env files are offered, asked of servers that keep the field and of one that drops it."""

import json
from collections.abc import Iterator

import pytest

from tools.realcluster import RealCluster
from vaultbind.injection.capability import EnvFiles
from vaultbind.kube.connection import connect

NAMESPACE = "default"
WITHOUT = ("--feature-gates=EnvFiles=false", "--disable-admission-plugins=ServiceAccount")


@pytest.fixture(scope="module")
def older(apiserver: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """A server that knows the field in its schema, and has the feature off."""
    folder = tmp_path_factory.mktemp("older") / "0"
    with RealCluster.start(apiserver.binaries, folder, controllers=False, apiserver_flags=WITHOUT) as cluster:
        yield cluster


async def is_offered(cluster: RealCluster) -> bool:
    client = await connect(kubeconfig=cluster.kubeconfig)
    try:
        found = EnvFiles(client=client, namespace=NAMESPACE)
        await found.check()
    finally:
        await client.aclose()
    return found.offered


async def test_a_server_that_drops_the_field_does_not_offer_it_though_its_schema_shows_it(
    older: RealCluster,
) -> None:
    schema = json.dumps(older.call("GET", "/openapi/v3/api/v1").body)

    assert "fileKeyRef" in schema
    assert not await is_offered(older)


async def test_every_node_that_takes_pods_has_to_be_new_enough(apiserver: RealCluster) -> None:
    assert await is_offered(apiserver)
    path = "/api/v1/nodes"
    merge = "application/merge-patch+json"
    try:
        assert apiserver.call("POST", path, {"metadata": {"name": "old"}}).status == 201
        info = {"kubeletVersion": "v1.34.9"}
        status = {"status": {"nodeInfo": info}}
        answer = apiserver.call("PATCH", f"{path}/old/status", status, content_type=merge)
        assert answer.body["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.9"
        assert not await is_offered(apiserver)

        apiserver.call("PATCH", f"{path}/old", {"spec": {"unschedulable": True}}, content_type=merge)
        assert await is_offered(apiserver)
    finally:
        apiserver.call("DELETE", f"{path}/old")


async def test_the_question_leaves_no_pod(apiserver: RealCluster) -> None:
    await is_offered(apiserver)
    found = apiserver.call("GET", f"/api/v1/namespaces/{NAMESPACE}/pods").body["items"]
    assert [item["metadata"]["name"] for item in found if "trial" in item["metadata"]["name"]] == []
