"""Status patches and Events on their way to the API server."""

from typing import cast

import pytest

from tests.unit.app.objects import NOW, FakeKube, binding
from vaultbind.api.conditions import Reason
from vaultbind.api.refs import ObjectKey
from vaultbind.app.sink import KubeSink
from vaultbind.engine.engine import GoneError, SinkError, StaleStateError
from vaultbind.engine.report import Note, NoteType
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind

DB = ObjectKey("VaultBinding", "shop", "db")
PATCH = {"metadata": {"uid": "u1", "resourceVersion": "1"}, "status": {"revision": 1}}
NOTE = Note(type=NoteType.WARNING, reason=Reason.TIMEOUT, message="too slow")


def sink_on(kube: FakeKube) -> KubeSink:
    return KubeSink(client=cast("KubeClient", kube), now=lambda: NOW, instance="pod-1")


async def test_a_status_is_patched_and_the_answer_is_slim() -> None:
    kube = FakeKube()
    stored = await sink_on(kube).write_status(DB, PATCH)
    assert kube.asked == [("patch", "vaultbindings/status", "shop/db")]
    assert kube.bodies == [PATCH]
    assert (stored["metadata"]["resourceVersion"], stored["status"]) == ("2", {"revision": 1})
    assert "managedFields" not in stored["metadata"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (KubeErrorKind.CONFLICT, StaleStateError),
        (KubeErrorKind.NOT_FOUND, GoneError),
        (KubeErrorKind.FORBIDDEN, SinkError),
        (KubeErrorKind.INVALID, SinkError),
        (KubeErrorKind.UNREACHABLE, SinkError),
    ],
)
async def test_errors(kind: KubeErrorKind, error: type[Exception]) -> None:
    kube = FakeKube(error=KubeError(kind, "patch db: no"))
    with pytest.raises(error) as raised:
        await sink_on(kube).write_status(DB, PATCH)
    assert raised.value.__cause__ is None
    assert (str(raised.value) == "status: patch db: no") is (error is SinkError)


async def test_an_event_is_posted_beside_its_object() -> None:
    kube = FakeKube()
    await sink_on(kube).post_note(binding(), NOTE)
    assert kube.asked == [("create", "events", "shop")]
    event = kube.bodies[0]
    shown = (event["type"], event["reason"], event["message"], event["reportingInstance"])
    assert shown == ("Warning", "Timeout", "too slow", "pod-1")
    assert event["involvedObject"]["uid"] == "u1"


async def test_an_event_that_cannot_be_posted_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    kube = FakeKube(error=KubeError(KubeErrorKind.FORBIDDEN, "create event: forbidden"))
    await sink_on(kube).post_note(binding(), NOTE)
    assert "event Timeout could not be posted: create event: forbidden" in caplog.text
