"""What is told while the cluster does not answer, lacks our kinds or our rights."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.app.objects import FakeKube
from tests.unit.kube.virtual_time import now, run_virtually
from vaultbind.app.startup import explain, report_missing_rights, wait_for_kinds, wait_synced
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import VAULT_BINDINGS, Resource
from vaultbind.kube.watch import MetadataWatch
from vaultbind.settings import DriftDetection, RunSettings

REFUSED = KubeError(KubeErrorKind.UNREACHABLE, "list: no connection")


@dataclass
class Hesitant(FakeKube):
    """Fails a number of times before it answers."""

    failures: list[KubeError] = field(default_factory=list)

    async def list_metadata(self, resource: Resource, namespace: str = "", **more: Any) -> dict[str, Any]:
        self.error = self.failures.pop(0) if self.failures else None
        return await super().list_metadata(resource, namespace, **more)


def client_of(kube: object) -> KubeClient:
    return cast("KubeClient", kube)


def test_each_kind_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    kube = Hesitant(failures=[REFUSED, REFUSED, REFUSED])

    async def story() -> None:
        started = now()
        await wait_for_kinds(client_of(kube), ("team-a", "team-b"))
        assert now() - started == 1 + 2 + 4

    run_virtually(story())
    assert caplog.text.count("waiting for the cluster: list: no connection") == 3
    answered = [
        *(("vaultbindings", "team-a"), ("keyvaults", "team-a"), ("clusterkeyvaults", "")),
        ("cryptojobs", "team-a"),
    ]
    assert [(plural, place) for _, plural, place in kube.asked[3:]] == answered


def test_waiting_gets_slower_but_never_ends() -> None:
    kube = Hesitant(failures=[REFUSED] * 8)

    async def story() -> None:
        started = now()
        await wait_for_kinds(client_of(kube), ())
        assert now() - started == 1 + 2 + 4 + 8 + 16 + 30 * 3

    run_virtually(story())


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (KubeErrorKind.NOT_FOUND, "it does not know vaultbindings.vaultbind.dev; kubectl apply -f crds/"),
        (KubeErrorKind.FORBIDDEN, "list: no; grant the operator's account its ClusterRole"),
        (KubeErrorKind.TIMEOUT, "list: no"),
    ],
)
def test_what_to_do_is_told(kind: KubeErrorKind, words: str) -> None:
    assert explain(KubeError(kind, "list: no"), VAULT_BINDINGS) == words


@dataclass
class Reviewer:
    """Answers what an account may do."""

    denied: frozenset[tuple[str, str, str]] = frozenset()
    """Verb, resource with subresource, namespace."""
    error: KubeError | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    connection: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(default_namespace="ops"))

    async def create(self, resource: Resource, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
        assert (resource.plural, namespace) == ("selfsubjectaccessreviews", "")
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        given = body["spec"]["resourceAttributes"]
        name = "/".join(filter(None, (given["resource"], given.get("subresource"))))
        name += f" {given['name']}" if "name" in given else ""
        question = (given["verb"], name, given.get("namespace", ""))
        self.asked.append(question)
        return {"status": {"allowed": question not in self.denied}}


async def missing(reviewer: Reviewer, **settings: Any) -> None:
    await report_missing_rights(client_of(reviewer), RunSettings(**settings))


async def test_nothing_is_told_where_nothing_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    reviewer = Reviewer()
    await missing(reviewer)
    assert caplog.text == ""
    assert len(reviewer.asked) == len(set(reviewer.asked))
    for question in (
        ("patch", "vaultbindings/status", ""),
        ("watch", "secrets", ""),
        ("list", "namespaces", ""),
        ("create", "leases", "ops"),
        ("patch", "leases vaultbind", "ops"),
    ):
        assert question in reviewer.asked


async def test_the_lease_is_asked_for_by_its_name_where_it_is() -> None:
    reviewer = Reviewer()
    await missing(reviewer, lease_namespace="election", lease_name="mine")
    leases = {question for question in reviewer.asked if question[1].startswith("leases")}
    assert leases == {
        ("create", "leases", "election"),
        ("get", "leases mine", "election"),
        ("patch", "leases mine", "election"),
    }


async def test_without_a_watch_no_right_to_watch_secrets_is_needed() -> None:
    reviewer = Reviewer()
    await missing(reviewer, drift_detection=DriftDetection.GET)
    verbs = {verb for verb, resource, _ in reviewer.asked if resource == "secrets"}
    assert verbs == {"create", "delete", "get", "patch"}


async def test_a_missing_right_is_told(caplog: pytest.LogCaptureFixture) -> None:
    await missing(Reviewer(denied=frozenset({("create", "secrets", "")})))
    assert "our account may not create secrets in the whole cluster; add it to its role" in caplog.text
    assert caplog.text.count("our account may not") == 1


async def test_rights_are_asked_for_each_namespace(caplog: pytest.LogCaptureFixture) -> None:
    reviewer = Reviewer(denied=frozenset({("get", "secrets", "b"), ("patch", "keyvaults/status", "a")}))
    await missing(reviewer, namespaces=("a", "b"), leader_election=False)
    assert "may not get secrets in namespace b;" in caplog.text
    assert "may not patch keyvaults/status (vaultbind.dev) in namespace a;" in caplog.text
    assert caplog.text.count("our account may not") == 2
    resources = {resource for _, resource, _ in reviewer.asked}
    assert not resources & {"namespaces", "leases"}
    cluster_wide = [question for question in reviewer.asked if question[1].startswith("clusterkeyvaults")]
    assert {place for _, _, place in cluster_wide} == {""}
    assert len(cluster_wide) == len(set(cluster_wide))


async def test_a_server_that_does_not_tell_is_no_reason_to_stop(caplog: pytest.LogCaptureFixture) -> None:
    await missing(Reviewer(error=KubeError(KubeErrorKind.FORBIDDEN, "create: forbidden")))
    assert "our own rights cannot be checked: create: forbidden" in caplog.text


def test_a_watch_that_does_not_come_is_told_with_its_trouble(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        quick = SimpleNamespace(plural="namespaces", trouble="", synced=asyncio.Event())
        slow = SimpleNamespace(plural="secrets", trouble="list secrets: forbidden", synced=asyncio.Event())
        quick.synced.set()
        asyncio.get_running_loop().call_later(12.0, slow.synced.set)
        started = now()
        await wait_synced(cast("list[MetadataWatch]", [quick, slow]))
        assert now() - started == pytest.approx(12.0)

    run_virtually(story())
    assert caplog.text.count("still waiting for the first list of secrets: list secrets: forbidden") == 2
    assert "namespaces" not in caplog.text
