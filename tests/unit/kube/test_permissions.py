from typing import Any

import orjson
import pytest

from tests.unit.kube.api_stub import json_answer, rig
from vaultbind.kube.permissions import fetch_allowed
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [
        pytest.param({"status": {"allowed": True}}, True, id="yes"),
        pytest.param({"status": {"allowed": False}}, False, id="no"),
        pytest.param({"status": None}, False, id="nothing"),
        pytest.param({}, False, id="no status"),
    ],
)
async def test_the_server_is_asked(answer: dict[str, Any], allowed: bool) -> None:
    async with rig(json_answer(answer, 201)) as it:
        assert allowed is await fetch_allowed(it.client, "watch", SECRETS)

        [seen] = it.stub.seen
        assert seen.path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        attributes = orjson.loads(seen.body)["spec"]["resourceAttributes"]
        assert attributes == {"verb": "watch", "version": "v1", "resource": "secrets"}


async def test_subresources_and_namespaces_are_named() -> None:
    async with rig(json_answer({}, 201)) as it:
        await fetch_allowed(it.client, "patch", VAULT_BINDINGS, "shop", subresource="status")

        assert orjson.loads(it.stub.seen[0].body)["spec"]["resourceAttributes"] == {
            "verb": "patch",
            "group": "vaultbind.dev",
            "version": "v1alpha1",
            "resource": "vaultbindings",
            "subresource": "status",
            "namespace": "shop",
        }
