import asyncio
import subprocess
import sys
from typing import Any

import pytest

from tests.unit.injection.cluster import FakeCluster
from tests.unit.injection.pods import INSTALLATION, make_pod
from vaultbind.app.kinds import FED
from vaultbind.injection.capability import EnvFiles
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.lookup import KeyLookup
from vaultbind.injection.reviews import JobReviews, PodReviews, check_object
from vaultbind.kube.errors import KubeErrorKind
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, KEY_VAULTS, NODES, SECRETS, VAULT_BINDINGS, Resource

DATA = [{"key": "PASSWORD", "secret": {"name": "shop-password"}}]


class Stage:
    def __init__(self) -> None:
        self.now = 0.0
        self.cluster = FakeCluster()
        self.cluster.put(VAULT_BINDINGS, "shop", "shop-db", spec={"data": DATA})
        lookup = KeyLookup(self.cluster.client, lambda: self.now)
        self.reviews = PodReviews(installation=lambda: INSTALLATION, lookup=lookup)

    async def names(self, pod: dict[str, Any]) -> list[str]:
        found = await self.reviews.review(pod, "shop")
        assert found is not None
        return [item["name"] for item in found.pod["spec"]["containers"][0].get("env", [])]


async def test_files_need_no_question() -> None:
    stage = Stage()

    assert await stage.names(make_pod()) == []
    assert stage.cluster.calls == []


async def test_variables_are_asked_for_once_in_a_while() -> None:
    stage = Stage()
    for _ in range(3):
        assert await stage.names(make_pod({"mode": "env"})) == ["PASSWORD"]
    assert stage.cluster.calls == ["get vaultbindings shop-db"]

    stage.now = 6.0
    await stage.names(make_pod({"mode": "env"}))
    assert len(stage.cluster.calls) == 2


async def test_a_binding_that_comes_a_moment_later_is_seen_at_once() -> None:
    stage = Stage()
    with pytest.raises(InjectionError, match="VaultBinding late does not exist"):
        await stage.names(make_pod({"mode": "env", "bindings": "late"}))
    stage.cluster.put(VAULT_BINDINGS, "shop", "late", spec={"data": DATA})

    assert await stage.names(make_pod({"mode": "env", "bindings": "late"})) == ["PASSWORD"]


async def test_bindings_of_another_namespace_are_not_seen() -> None:
    stage = Stage()
    with pytest.raises(InjectionError, match="does not exist"):
        await stage.reviews.review(make_pod({"mode": "env"}), "other")


async def test_a_spec_that_cannot_be_used_is_told() -> None:
    stage = Stage()
    stage.cluster.put(VAULT_BINDINGS, "shop", "broken", spec={"data": []})
    with pytest.raises(InjectionError, match="VaultBinding broken cannot be used: spec"):
        await stage.names(make_pod({"mode": "env", "bindings": "broken"}))


async def test_a_server_that_does_not_answer_refuses_the_pod() -> None:
    stage = Stage()
    stage.cluster.errors["get vaultbindings"] = KubeErrorKind.UNREACHABLE
    with pytest.raises(InjectionError, match="VaultBindings cannot be read: no connection; try again"):
        await stage.names(make_pod({"mode": "env"}))


async def test_a_forged_review_tells_names_of_keys_and_no_value() -> None:
    """Nobody is asked who sent it; what must not be in the answer is not even read."""
    stage = Stage()
    stage.cluster.put(SECRETS, "shop", "shop-db", data={"PASSWORD": "czNjcjN0"})
    forged = make_pod({"mode": "env"}, serviceAccountName="nobody")

    assert await stage.names(forged) == ["PASSWORD"]
    assert stage.cluster.calls == ["get vaultbindings shop-db"]
    found = await stage.reviews.review(forged, "shop")
    assert "czNjcjN0" not in str(found)
    assert "shop-password" not in str(found), "nor names of objects in the vault"


def test_what_a_review_runs_has_no_client_of_a_vault_in_it() -> None:
    """Nothing that could call Azure is loaded, pods that ask as themselves included."""
    program = "import sys, vaultbind.injection.reviews; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()

    assert "vaultbind.injection.pod_auth" in loaded
    assert [name for name in loaded if name.startswith(("azure", "vaultbind.keyvault", "msal"))] == []


@pytest.mark.parametrize("resource", FED.values(), ids=FED)
def test_every_kind_that_the_operator_is_fed_with_is_checked(resource: Resource) -> None:
    with pytest.raises(InjectionError, match="spec"):
        check_object({"kind": resource.kind, "metadata": {}, "spec": {}})


def test_objects_of_ours() -> None:
    good = {"kind": "VaultBinding", "metadata": {"name": "a"}, "spec": {"data": DATA}}
    assert check_object(good) == ""

    newer = {**good, "spec": {"data": DATA, "fromTomorrow": True}}
    assert "spec.fromTomorrow: this release does not know the field" in check_object(newer)

    broken = {**good, "spec": {"data": DATA, "target": {"template": {"data": {"app.conf": "a\n{{ nope }}"}}}}}
    with pytest.raises(InjectionError, match=r"spec\.target\.template\.data\[app\.conf\]: line 2: no key"):
        check_object(broken)

    with pytest.raises(InjectionError, match=r"spec\.url"):
        check_object({"kind": "KeyVault", "metadata": {}, "spec": {"url": "https://a.vault.azure.net:0"}})


# -- jobs


def job(operation: str = "Sign", key: str = "ci-release", **vault: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"key": {"name": key}, "operation": operation, "input": {"text": "a"}}
    if operation == "Verify":
        spec["signature"] = {"value": "AAAA"}
    ref = {"vaultRef": vault} if vault else {}
    return {"kind": "CryptoJob", "metadata": {"name": "j", "namespace": "shop"}, "spec": spec | ref}


def vault_spec(**crypto: list[str]) -> dict[str, Any]:
    return {"url": "https://a.vault.azure.net", **({"crypto": crypto} if crypto else {})}


NEAR = {"kind": "KeyVault", "name": "near"}


@pytest.mark.parametrize(
    ("crypto", "given", "allowed"),
    [
        pytest.param({}, job(**NEAR), True, id="a KeyVault that says nothing"),
        pytest.param({"allowedKeys": ["CI-*"]}, job(**NEAR), True, id="a key that it names"),
        pytest.param({"allowedKeys": ["app-*"]}, job(**NEAR), False, id="a key that it does not name"),
        pytest.param({"allowedOperations": ["Verify"]}, job(**NEAR), False, id="another operation"),
        pytest.param({"allowedOperations": ["Verify"]}, job("Verify", **NEAR), True, id="its operation"),
        pytest.param({}, job(), False, id="a ClusterKeyVault that says nothing"),
        pytest.param({"allowedKeys": ["*"]}, job(), False, id="a ClusterKeyVault that says half"),
        pytest.param({"allowedKeys": ["*"], "allowedOperations": ["Sign"]}, job(), True, id="all of it"),
    ],
)
async def test_a_keyvault_says_at_admission_what_jobs_may_do(
    crypto: dict[str, list[str]], given: dict[str, Any], allowed: bool
) -> None:
    cluster = FakeCluster()
    cluster.put(KEY_VAULTS, "shop", "near", spec=vault_spec(**crypto))
    everyone = [{"namespaces": {"all": True}}]
    cluster.put(CLUSTER_KEY_VAULTS, "", "default", spec={**vault_spec(**crypto), "access": everyone})
    reviews = JobReviews(client=cluster.client)
    assert check_object(given) == ""
    if allowed:
        assert await reviews.review(given) == ""
    else:
        with pytest.raises(InjectionError, match="Sign with key ci-release is not allowed; allowedKeys"):
            await reviews.review(given)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, "KeyVault near does not exist: whether it allows this job is seen later"),
        (KubeErrorKind.FORBIDDEN, "KeyVault near cannot be read: whether it allows this job is seen later"),
    ],
)
async def test_a_keyvault_that_cannot_be_asked_is_a_warning(error: KubeErrorKind | None, told: str) -> None:
    cluster = FakeCluster()
    if error is not None:
        cluster.errors["get keyvaults"] = error
    assert await JobReviews(client=cluster.client).review(job(**NEAR)) == told


async def test_a_keyvault_that_cannot_be_used_is_told_by_its_own_status() -> None:
    cluster = FakeCluster()
    cluster.put(KEY_VAULTS, "shop", "near", spec={"url": "nonsense"})
    assert await JobReviews(client=cluster.client).review(job(**NEAR)) == ""


# -- env files


def node(version: str, **spec: Any) -> dict[str, Any]:
    return {"spec": spec, "status": {"nodeInfo": {"kubeletVersion": version}}}


KEPT = {"spec": {"containers": [{"env": [{"name": "A", "valueFrom": {"fileKeyRef": {"key": "A"}}}]}]}}
DROPPED = {"spec": {"containers": [{"env": [{"name": "A", "valueFrom": {}}]}]}}
CLUSTERS: dict[str, tuple[dict[str, Any], list[dict[str, Any]], bool]] = {
    "new everywhere": (KEPT, [node("v1.37.2"), node("v1.35.0")], True),
    "no nodes yet": (KEPT, [], True),
    "an old server": (DROPPED, [node("v1.37.2")], False),
    "an old node": (KEPT, [node("v1.37.2"), node("v1.34.9")], False),
    "an old node that takes no pods": (KEPT, [node("v1.34.9", unschedulable=True)], True),
    "a node that tells nothing": (KEPT, [{"metadata": {}}], False),
    "a version of a vendor": (KEPT, [node("v1.36.1-gke.1000")], True),
}


@pytest.mark.parametrize(("stored", "nodes", "offered"), CLUSTERS.values(), ids=CLUSTERS)
async def test_whether_env_files_are_offered(
    stored: dict[str, Any], nodes: list[dict[str, Any]], offered: bool
) -> None:
    cluster = FakeCluster(answers={"pods": stored})
    for index, item in enumerate(nodes):
        cluster.put(NODES, "", f"n{index}", **item)
    found = EnvFiles(client=cluster.client, namespace="vaultbind")
    await found.check()

    assert found.offered is offered


async def test_it_is_asked_again_and_again() -> None:
    """A cluster is upgraded while the webhook runs."""
    cluster = FakeCluster(answers={"pods": DROPPED})
    found = EnvFiles(client=cluster.client, namespace="vaultbind")
    await found.check()
    verdicts = [found.offered]

    async def pause(seconds: float) -> None:
        verdicts.append(found.offered)
        if len(verdicts) > 3:
            raise asyncio.CancelledError
        assert seconds == 600.0
        cluster.answers["pods"] = KEPT

    with pytest.raises(asyncio.CancelledError):
        await found.run(pause)
    assert verdicts == [False, False, True, True]


async def test_a_server_that_refuses_the_field_does_not_offer_it() -> None:
    cluster = FakeCluster(errors={"create pods": KubeErrorKind.INVALID})
    found = EnvFiles(client=cluster.client, namespace="vaultbind", offered=True)
    await found.check()

    assert not found.offered


async def test_what_cannot_be_found_out_stays(caplog: pytest.LogCaptureFixture) -> None:
    cluster = FakeCluster(errors={"create pods": KubeErrorKind.FORBIDDEN})
    found = EnvFiles(client=cluster.client, namespace="vaultbind", offered=True)
    await found.check()

    assert found.offered
    assert "whether env files are offered cannot be checked: create pods: forbidden" in caplog.text
