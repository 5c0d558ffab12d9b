"""Decisions as requests, and what the server's refusals become."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.unit.bindings.objects import KEY
from vaultbind.api.conditions import Reason
from vaultbind.bindings.apply import Applied, SecretWriter
from vaultbind.bindings.facts import Create, Decision, Keep, Patch, Recreate, Refuse
from vaultbind.bindings.secrets import WatchedSecrets
from vaultbind.engine.engine import StaleStateError
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import Resource

BODY = {"kind": "Secret", "metadata": {"name": "db", "namespace": "shop"}, "data": {"k": "dg=="}}
CREATE = Create(body=BODY, revision=1)
PATCH = Patch(body={"data": {"k": "dg=="}}, revision=2)
RECREATE = Recreate(body=BODY, uid="s1", resource_version="7", revision=2)
LABEL = {"vaultbind.dev/managed": "true"}


def metadata(version: int, uid: str = "s1") -> dict[str, Any]:
    return {
        "namespace": "shop",
        "name": "db",
        "uid": uid,
        "resourceVersion": str(version),
        "labels": LABEL,
    }


@dataclass
class Server:
    """Answers each verb with metadata, or with the error that a test has set for it."""

    errors: dict[str, KubeErrorKind] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[Mapping[str, Any]] = field(default_factory=list)
    watch: Callable[[str, Mapping[str, Any]], None] = lambda *_: None
    """Told of what was written before the answer is given."""

    def _answer(self, verb: str) -> dict[str, Any]:
        self.asked.append(verb)
        if verb in self.errors:
            raise KubeError(self.errors[verb], f"{verb}: no")
        answer = metadata(9, "s2" if verb == "create" else "s1")
        if verb not in {"try", "get"}:
            event = "DELETED" if verb == "delete" else "MODIFIED"
            self.watch(event, {"metadata": answer})
        return {"metadata": answer}

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: Mapping[str, Any],
        *,
        metadata_only: bool,
        field_manager: str = "vaultbind",
        dry_run: bool = False,
    ) -> dict[str, Any]:
        assert (resource.plural, namespace, field_manager, metadata_only) == (
            "secrets",
            "shop",
            "vaultbind",
            True,
        )
        self.bodies.append(body)
        return self._answer("try" if dry_run else "create")

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Mapping[str, Any],
        *,
        field_manager: str,
        metadata_only: bool,
    ) -> dict[str, Any]:
        assert (resource.plural, namespace, name, metadata_only) == ("secrets", "shop", "db", True)
        self.bodies.append(body)
        return self._answer(f"patch as {field_manager}")

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str
    ) -> None:
        assert (resource.plural, namespace, name) == ("secrets", "shop", "db")
        self.asked.append(f"only {uid}/{resource_version}")
        self._answer("delete")

    async def get_metadata(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        assert (resource.plural, namespace, name) == ("secrets", "shop", "db")
        return self._answer("get")


def writer_on(server: Server) -> SecretWriter:
    index = WatchedSecrets(on_change=lambda *_: None)
    index.put(metadata(7))
    return SecretWriter(client=cast("KubeClient", server), index=index)


def known(writer: SecretWriter) -> str | None:
    found = writer.index.get("shop", "db")
    return None if found is None else str(found["resourceVersion"])


GUARD = "only s1/7"
DONE = [
    pytest.param(CREATE, ["create"], id="create"),
    pytest.param(PATCH, ["patch as someone"], id="patch"),
    pytest.param(RECREATE, ["try", GUARD, "delete", "create"], id="recreate"),
]


@pytest.mark.parametrize(("decision", "asked"), DONE)
async def test_what_is_written_is_known_from_the_answer(decision: Decision, asked: list[str]) -> None:
    server = Server()
    writer = writer_on(server)
    assert await writer.apply(KEY, "db", decision, "someone") == Applied(written=True)
    assert server.asked == asked
    assert known(writer) == "9"


@pytest.mark.parametrize(("decision", "asked"), DONE)
async def test_our_own_write_is_no_news_even_where_the_watch_tells_of_it_first(
    decision: Decision, asked: list[str]
) -> None:
    told: list[str] = []
    index = WatchedSecrets(on_change=lambda _, name: told.append(name))
    index.put(metadata(7))
    server = Server(watch=index.on_event)
    writer = SecretWriter(client=cast("KubeClient", server), index=index)
    await writer.apply(KEY, "db", decision, "someone")
    assert server.asked == asked
    assert told == []
    await writer.retire(KEY, "db", metadata(7))
    assert (told, known(writer)) == ([], None)
    index.on_event("ADDED", {"metadata": metadata(12)})
    assert told == ["db"]


@pytest.mark.parametrize("decision", [Keep(), Refuse(reason=Reason.CONFLICT, message="no")])
async def test_nothing_is_asked_where_nothing_is_to_be_written(decision: Decision) -> None:
    server = Server()
    assert await writer_on(server).apply(KEY, "db", decision, "someone") == Applied()
    assert server.asked == []


async def test_the_new_secret_is_tried_beside_the_old_one_before_that_is_deleted() -> None:
    server = Server()
    await writer_on(server).apply(KEY, "db", RECREATE, "someone")
    trial, real = server.bodies
    assert trial["metadata"] == {"namespace": "shop", "generateName": "vaultbind-"}
    assert trial["data"] == BODY["data"]
    assert real == BODY


@pytest.mark.parametrize(
    ("verb", "kind", "asked"),
    [
        ("try", KubeErrorKind.INVALID, ["try"]),
        ("delete", KubeErrorKind.FORBIDDEN, ["try", GUARD, "delete"]),
    ],
)
async def test_the_old_secret_stays_where_the_new_one_cannot_be(
    verb: str, kind: KubeErrorKind, asked: list[str]
) -> None:
    server = Server(errors={verb: kind})
    writer = writer_on(server)
    applied = await writer.apply(KEY, "db", RECREATE, "someone")
    assert applied.error is not None
    assert applied.error.kind is kind
    assert server.asked == asked
    assert known(writer) == "7"


async def test_a_secret_that_could_not_come_back_is_known_to_be_gone() -> None:
    server = Server(errors={"create": KubeErrorKind.SERVER_ERROR})
    writer = writer_on(server)
    assert (await writer.apply(KEY, "db", RECREATE, "someone")).error is not None
    assert known(writer) is None


async def test_a_secret_that_is_there_already_is_found() -> None:
    server = Server(errors={"create": KubeErrorKind.ALREADY_EXISTS})
    assert await writer_on(server).apply(KEY, "db", CREATE, "someone") == Applied(found=metadata(9))
    assert server.asked == ["create", "get"]


CONFLICTS = [
    pytest.param(PATCH, "patch as someone", KubeErrorKind.CONFLICT, id="patched by somebody"),
    pytest.param(PATCH, "patch as someone", KubeErrorKind.NOT_FOUND, id="deleted by somebody"),
    pytest.param(RECREATE, "delete", KubeErrorKind.CONFLICT, id="changed before it is deleted"),
]


@pytest.mark.parametrize("there", [True, False], ids=["there", "gone"])
@pytest.mark.parametrize(("decision", "verb", "kind"), CONFLICTS)
async def test_a_state_that_is_old_is_renewed(
    decision: Decision, verb: str, kind: KubeErrorKind, there: bool
) -> None:
    server = Server(errors={verb: kind} | ({} if there else {"get": KubeErrorKind.NOT_FOUND}))
    writer = writer_on(server)
    with pytest.raises(StaleStateError):
        await writer.apply(KEY, "db", decision, "someone")
    assert server.asked[-1] == "get"
    assert known(writer) == ("9" if there else None)


ERRORS = [
    pytest.param(CREATE, {"create": KubeErrorKind.FORBIDDEN}, KubeErrorKind.FORBIDDEN, id="create"),
    pytest.param(PATCH, {"patch as someone": KubeErrorKind.TIMEOUT}, KubeErrorKind.TIMEOUT, id="patch"),
    pytest.param(
        PATCH,
        {"patch as someone": KubeErrorKind.CONFLICT, "get": KubeErrorKind.UNREACHABLE},
        KubeErrorKind.UNREACHABLE,
        id="the state cannot be renewed",
    ),
]


@pytest.mark.parametrize(("decision", "errors", "kind"), ERRORS)
async def test_other_errors_are_reported(
    decision: Decision, errors: dict[str, KubeErrorKind], kind: KubeErrorKind
) -> None:
    applied = await writer_on(Server(errors=errors)).apply(KEY, "db", decision, "someone")
    assert (applied.written, applied.error is not None and applied.error.kind) == (False, kind)


RETIRED = [
    pytest.param({}, None, id="deleted"),
    pytest.param({"delete": KubeErrorKind.NOT_FOUND}, None, id="gone before"),
    pytest.param({"delete": KubeErrorKind.CONFLICT}, StaleStateError, id="changed meanwhile"),
    pytest.param({"delete": KubeErrorKind.FORBIDDEN}, KubeError, id="not allowed"),
]


@pytest.mark.parametrize(("errors", "raised"), RETIRED)
async def test_a_former_target_is_deleted_as_it_was_seen(
    errors: dict[str, KubeErrorKind], raised: type[Exception] | None
) -> None:
    server = Server(errors=errors)
    writer = writer_on(server)
    if raised is None:
        await writer.retire(KEY, "db", metadata(7))
    else:
        with pytest.raises(raised):
            await writer.retire(KEY, "db", metadata(7))
    assert server.asked == [GUARD, "delete"]
    assert (known(writer) is None) is (raised is None)
