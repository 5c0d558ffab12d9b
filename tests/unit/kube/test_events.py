from datetime import UTC, datetime
from typing import Any, cast

import pytest

from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.events import MAX_MESSAGE, EventType, post_event, render_event

NOW = datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC)
BINDING: dict[str, Any] = {
    "apiVersion": "vaultbind.dev/v1alpha1",
    "kind": "VaultBinding",
    "metadata": {"name": "db", "namespace": "shop", "uid": "u-1", "resourceVersion": "7"},
}


def rendered(**more: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "type": EventType.WARNING,
        "reason": "Throttled",
        "message": "wait",
        "now": NOW,
    }
    return render_event(more.pop("about", BINDING), **(arguments | more))


def test_an_event_says_what_happened_to_whom() -> None:
    event = rendered(instance="pod-1")

    assert event["involvedObject"] == {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": "VaultBinding",
        "namespace": "shop",
        "name": "db",
        "uid": "u-1",
        "resourceVersion": "7",
    }
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "Throttled", "wait")
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-01-31T12:00:00Z"
    assert event["source"] == {"component": "vaultbind"}
    assert event["reportingInstance"] == "pod-1"
    assert event["metadata"]["namespace"] == "shop"


def test_its_name_follows_from_what_it_says() -> None:
    assert rendered()["metadata"]["name"] == rendered(instance="other")["metadata"]["name"]
    assert rendered()["metadata"]["name"] != rendered(message="else")["metadata"]["name"]
    assert rendered()["metadata"]["name"] != rendered(reason="Else")["metadata"]["name"]
    assert rendered()["metadata"]["name"] != rendered(type=EventType.NORMAL)["metadata"]["name"]
    assert rendered()["metadata"]["name"] != rendered(now=NOW.replace(second=1))["metadata"]["name"]


def test_what_is_told_once_has_one_name_whenever_it_is_told() -> None:
    later = NOW.replace(hour=13)
    assert rendered(once="a")["metadata"]["name"] == rendered(once="a", now=later)["metadata"]["name"]
    assert rendered(once="a")["metadata"]["name"] != rendered(once="b")["metadata"]["name"]


def test_its_name_fits_for_the_longest_object_name() -> None:
    name = rendered(about=BINDING | {"metadata": {"name": "a" * 229 + "-" + "b" * 23, "uid": "u"}})[
        "metadata"
    ]["name"]

    assert len(name) <= 253
    assert name.startswith("a" * 229 + ".")


def test_a_long_message_is_cut() -> None:
    assert len(rendered(message="x" * 5000)["message"]) == MAX_MESSAGE
    assert rendered(message="x" * MAX_MESSAGE)["message"] == "x" * MAX_MESSAGE


def test_events_of_cluster_scoped_objects_live_in_default() -> None:
    event = rendered(about=BINDING | {"metadata": {"name": "main", "uid": "u"}})

    assert event["metadata"]["namespace"] == "default"
    assert "namespace" not in event["involvedObject"]


class FailingClient:
    def __init__(self, kind: KubeErrorKind) -> None:
        self.kind = kind
        self.calls = 0

    async def create(self, *_: Any, **__: Any) -> dict[str, Any]:
        self.calls += 1
        raise KubeError(self.kind, "x")


async def test_told_twice_is_no_error() -> None:
    client = FailingClient(KubeErrorKind.ALREADY_EXISTS)

    await post_event(cast(KubeClient, client), rendered())

    assert client.calls == 1


async def test_other_errors_are_the_callers() -> None:
    with pytest.raises(KubeError):
        await post_event(cast(KubeClient, FailingClient(KubeErrorKind.FORBIDDEN)), rendered())
