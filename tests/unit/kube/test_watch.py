import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any, cast

import pytest

from tests.unit.kube.api_stub import Counter, json_answer, rig, stream_answer
from tests.unit.kube.virtual_time import now, run_virtually
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import SECRETS
from vaultbind.kube.watch import FIRST_DELAY, LONGEST_DELAY, PAGE, MetadataWatch

Step = dict[str, Any] | float | KubeError
"""An event, seconds to wait, or what the stream raises."""


def secret(name: str, version: int, *, uid: str = "", **more: Any) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": name, "uid": uid or f"u-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata | more}


def event(kind: str, name: str, version: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "object": secret(name, version, **more)}


def bookmark(version: int) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}}


def error_event(code: int, reason: str = "") -> dict[str, Any]:
    return {"type": "ERROR", "object": {"code": code, "reason": reason, "message": "hunter2"}}


def failure(kind: KubeErrorKind, status: int = 0) -> KubeError:
    return KubeError(kind, "x", status=status)


class ScriptedClient:
    """Answers lists and watches in turn; when the script is over, watches stay open for ever."""

    def __init__(
        self, lists: list[tuple[int, list[dict[str, Any]]] | KubeError], watches: list[Sequence[Step]]
    ) -> None:
        self.observer = Counter()
        self.lists = lists
        self.watches = watches
        self.listed: list[str | None] = []
        self.watched: list[tuple[float, str]] = []

    async def list_metadata(
        self, *_: Any, resource_version: str | None, limit: int, **__: Any
    ) -> dict[str, Any]:
        assert limit == PAGE
        self.listed.append(resource_version)
        answer = self.lists.pop(0)
        if isinstance(answer, KubeError):
            raise answer
        return {"metadata": {"resourceVersion": str(answer[0])}, "items": answer[1]}

    @asynccontextmanager
    async def watch(
        self, *_: Any, resource_version: str, **__: Any
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        self.watched.append((now(), resource_version))
        yield self._play(self.watches.pop(0) if self.watches else [1e9])

    async def _play(self, steps: Sequence[Step]) -> AsyncIterator[dict[str, Any]]:
        for step in steps:
            if isinstance(step, KubeError):
                raise step
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield step


class Story:
    """One watch over a script, for so many virtual seconds."""

    def __init__(
        self,
        lists: list[tuple[int, list[dict[str, Any]]] | KubeError],
        *watches: Sequence[Step],
        jitter: float = 1.0,
        seconds: float = 1000.0,
    ) -> None:
        self.client = ScriptedClient(lists, list(watches))
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.synced = False
        self._jitter = jitter
        self._seconds = seconds
        run_virtually(self._run())

    async def _run(self) -> None:
        watch = MetadataWatch(
            cast("KubeClient", self.client),
            SECRETS,
            on_event=lambda kind, obj: self.told.append((kind, obj)),
            clock=now,
            jitter=lambda: self._jitter,
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await watch.run()
        self.synced = watch.synced.is_set()

    @property
    def short(self) -> list[str]:
        return [f"{kind} {obj['metadata']['name']}" for kind, obj in self.told]

    @property
    def versions(self) -> list[str]:
        return [version for _, version in self.client.watched]

    @property
    def causes(self) -> list[str]:
        return [cause for _, cause in self.client.observer.ends]


def test_the_first_list_comes_from_the_cache_and_is_told_as_added() -> None:
    story = Story([(5, [secret("a", 1), secret("b", 2)])])

    assert story.short == ["ADDED a", "ADDED b"]
    assert story.synced
    assert story.client.listed == ["0"]
    assert story.versions == ["5"]


def test_events_are_told_as_they_are() -> None:
    changed = event("MODIFIED", "a", 7, annotations={"x": "y"})
    story = Story([(5, [secret("a", 1)])], [event("ADDED", "b", 6), changed, event("DELETED", "b", 8), 1e9])

    assert story.short == ["ADDED a", "ADDED b", "MODIFIED a", "DELETED b"]
    assert story.told[2][1] is changed["object"]


def test_an_ended_watch_goes_on_where_it_was_without_a_wait() -> None:
    story = Story([(5, [])], [event("ADDED", "a", 6), 290.0, bookmark(9), 1.0], [1e9])

    assert story.versions == ["5", "9"]
    assert [at for at, _ in story.client.watched] == [1000.0, 1291.0]
    assert story.client.listed == ["0"]
    assert story.causes == []
    assert story.short == ["ADDED a"]


@pytest.mark.parametrize(
    "expired",
    [
        pytest.param(error_event(410, "Expired"), id="in the stream"),
        pytest.param(failure(KubeErrorKind.GONE, 410), id="on opening"),
    ],
)
def test_after_410_the_difference_is_told(expired: Step) -> None:
    before = [
        secret("stays", 1),
        secret("changed", 2),
        secret("anew", 3),
        secret("gone", 4, labels={"l": "v"}),
    ]
    after = [secret("stays", 1), secret("changed", 7), secret("anew", 8, uid="u-2"), secret("new", 9)]
    story = Story([(5, before), (20, after)], [1.0, expired])

    assert story.short[:4] == ["ADDED stays", "ADDED changed", "ADDED anew", "ADDED gone"]
    assert sorted(story.short[4:]) == [
        "ADDED anew",
        "ADDED new",
        "DELETED anew",
        "DELETED gone",
        "MODIFIED changed",
    ]
    assert story.short.index("DELETED anew") < len(story.short) - 1 - story.short[::-1].index("ADDED anew")
    assert story.client.listed == ["0", None]  # the second list must not come from an old cache
    assert story.versions == ["5", "20"]
    assert story.causes == ["expired"]


def test_a_deletion_found_by_a_list_still_tells_whose_it_was() -> None:
    owners = [{"uid": "u", "controller": True}]
    gone = secret("gone", 4, labels={"l": "v"}, ownerReferences=owners, managedFields=["long"])
    story = Story([(5, [gone]), (20, [])], [error_event(410)])

    assert story.told[-1] == (
        "DELETED",
        secret("gone", 4, labels={"l": "v"}, ownerReferences=owners),
    )


def test_what_was_deleted_in_the_stream_is_not_deleted_again() -> None:
    story = Story([(5, [secret("a", 1)]), (20, [])], [event("DELETED", "a", 6), error_event(410)])

    assert story.short == ["ADDED a", "DELETED a"]


def test_what_was_added_in_the_stream_is_known_to_the_next_list() -> None:
    again = [secret("a", 6)]
    story = Story(
        [(5, []), (20, again), (21, [])], [event("ADDED", "a", 6), error_event(410)], [error_event(410)]
    )

    assert story.short == ["ADDED a", "DELETED a"]


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        pytest.param(failure(KubeErrorKind.UNREACHABLE), "unreachable", id="cut"),
        pytest.param(failure(KubeErrorKind.TIMEOUT), "silent", id="silence"),
        pytest.param(failure(KubeErrorKind.UNAUTHORIZED, 401), "unauthorized", id="token"),
        pytest.param(failure(KubeErrorKind.FORBIDDEN, 403), "forbidden", id="role"),
        pytest.param(error_event(429, "TooManyRequests"), "throttled", id="throttled"),
    ],
)
def test_a_break_resumes_without_a_list(step: Step, cause: str) -> None:
    story = Story([(5, [secret("a", 1)])], [bookmark(8), step], [event("MODIFIED", "a", 9), 1e9])

    assert story.versions == ["5", "8"]
    assert story.client.listed == ["0"]
    assert story.causes == [cause]
    assert story.short == ["ADDED a", "MODIFIED a"]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(error_event(500, "InternalError"), id="server error"),
        pytest.param(error_event(504, "Timeout"), id="a version that the server does not know yet"),
        pytest.param({"type": "ERROR", "object": {}}, id="an error without a code"),
        pytest.param(failure(KubeErrorKind.INVALID, 400), id="refused version"),
    ],
)
def test_any_other_answer_causes_a_fresh_list(step: Step) -> None:
    story = Story([(5, []), (20, [])], [step])

    assert story.client.listed == ["0", None]
    assert story.versions == ["5", "20"]


def test_a_list_that_is_too_large_comes_by_pages_then() -> None:
    """The server's cache gives a list whole, whatever limit is asked for."""
    story = Story([failure(KubeErrorKind.SERVER_ERROR), (20, [secret("a", 1)])])

    assert story.client.listed == ["0", None]
    assert story.short == ["ADDED a"]


def test_failures_are_waited_out_for_ever_with_growing_delays() -> None:
    down = [failure(KubeErrorKind.UNREACHABLE)]
    story = Story([(5, [])], *([down] * 12))
    times = [at for at, _ in story.client.watched]
    delays = [after - before for before, after in pairwise(times)]

    assert delays[:4] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY, 8 * FIRST_DELAY]
    assert delays[-1] == LONGEST_DELAY
    assert len(times) == 13


def test_delays_have_full_jitter() -> None:
    story = Story([(5, [])], [failure(KubeErrorKind.UNREACHABLE)], jitter=0.25)
    (first, _), (second, _) = story.client.watched

    assert second - first == 0.25 * FIRST_DELAY


def test_a_watch_that_worked_makes_the_next_failure_a_first_one() -> None:
    down = [failure(KubeErrorKind.UNREACHABLE)]
    worked: list[Step] = [event("ADDED", "a", 6), failure(KubeErrorKind.UNREACHABLE)]
    story = Story([(5, [])], down, down, down, worked, [1e9])
    times = [at for at, _ in story.client.watched]

    assert times[4] - times[3] == FIRST_DELAY


def test_a_server_that_expires_every_watch_at_once_is_not_flooded() -> None:
    story = Story([(5, [])] * 200, *([[error_event(410)]] * 199), seconds=600.0)

    assert len(story.client.listed) < 30


def test_a_server_that_closes_every_watch_at_once_is_not_flooded() -> None:
    story = Story([(5, [])], *([[]] * 199), seconds=600.0)

    assert len(story.client.watched) < 30
    assert set(story.causes) == {"closed"}


def test_silence_every_minute_does_not_make_delays_grow() -> None:
    quiet: list[Step] = [70.0, failure(KubeErrorKind.TIMEOUT)]
    story = Story([(5, [])], *([quiet] * 10), seconds=720.0)
    times = [at for at, _ in story.client.watched]

    assert times[10] - times[9] == 70.0 + FIRST_DELAY


@pytest.mark.parametrize(
    "kind", [KubeErrorKind.FORBIDDEN, KubeErrorKind.UNREACHABLE, KubeErrorKind.SERVER_ERROR]
)
def test_the_first_list_may_fail_for_a_while(kind: KubeErrorKind) -> None:
    story = Story([failure(kind), failure(kind), (5, [secret("a", 1)])])

    assert story.short == ["ADDED a"]
    assert story.synced


def test_not_synced_before_the_first_list() -> None:
    story = Story([failure(KubeErrorKind.UNREACHABLE)] * 50, seconds=60.0)

    assert not story.synced


async def test_over_a_real_connection() -> None:
    first = {"metadata": {"resourceVersion": "5", "continue": "more"}, "items": [secret("a", 1)]}
    second = {"metadata": {"resourceVersion": "5"}, "items": [secret("b", 2)]}
    stop, told = asyncio.Event(), asyncio.Queue[str]()

    def tell(kind: str, obj: dict[str, Any]) -> None:
        told.put_nowait(f"{kind} {obj['metadata']['name']}")

    async def wait() -> None:
        await stop.wait()

    line = b'{"type":"ADDED","object":{"metadata":{"name":"c","resourceVersion":"6"}}}\n'
    async with rig(json_answer(first), json_answer(second), stream_answer(line, then=wait)) as it:
        watch = MetadataWatch(it.client, SECRETS, label_selector="x=y", on_event=tell)
        task = asyncio.create_task(watch.run())
        got = [await asyncio.wait_for(told.get(), 60) for _ in range(3)]
        await cancelled(task, stop.set)

        assert got == ["ADDED a", "ADDED b", "ADDED c"]
        assert watch.synced.is_set()
        assert [seen.query.get("continue") for seen in it.stub.seen] == [None, "more", None]
        assert it.stub.seen[2].query["resourceVersion"] == "5"
        assert {seen.query["labelSelector"] for seen in it.stub.seen} == {"x=y"}


async def cancelled(task: asyncio.Task[None], then: Callable[[], None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    then()
