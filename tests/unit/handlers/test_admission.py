"""What Kopf makes of our answers, and the server in front of it."""

import asyncio
import base64
import json
from contextlib import aclosing
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import aiohttp
import jsonpatch
import pytest

from tests.unit.injection.pods import BINDINGS, INSTALLATION
from tests.unit.injection.test_mutate import SHAPES
from vaultbind.handlers.admission import start_webhook
from vaultbind.handlers.admission_server import DECIDED, AdmissionServer, prepare
from vaultbind.handlers.controller import ControllerError
from vaultbind.injection.certificates import make_authority, make_serving
from vaultbind.injection.mutate import mutate
from vaultbind.injection.patch import render_patch
from vaultbind.injection.tls import ServingTls

REVIEW = {"request": {"uid": "1", "namespace": "shop", "object": {"metadata": {"uid": "secret"}}}}


@pytest.mark.parametrize("pod", SHAPES.values(), ids=SHAPES)
def test_the_json_patch_makes_exactly_the_pod_that_was_decided(pod: dict[str, Any]) -> None:
    mutation = mutate(pod, INSTALLATION, BINDINGS)
    assert mutation is not None
    operations = render_patch(pod, mutation.pod)

    assert jsonpatch.apply_patch(deepcopy(pod), json.loads(json.dumps(operations))) == mutation.pod
    assert render_patch(mutation.pod, mutation.pod) == []


async def test_what_a_handler_decided_becomes_the_patch(tmp_path: Path) -> None:
    async def fn(review: Any, *, webhook: str) -> Any:
        pod = {"metadata": {"annotations": {"a": "b"}}}
        DECIDED.get().update(pod=pod)
        return {"response": {"uid": review["request"]["uid"], "allowed": webhook == "inject"}}

    answers = await serve(tmp_path, fn, {"review": json.dumps(REVIEW).encode()})

    response = json.loads(answers["review"][1])["response"]
    assert response["patchType"] == "JSONPatch"
    assert json.loads(base64.b64decode(response["patch"])) == [
        {"op": "add", "path": "/metadata/annotations", "value": {"a": "b"}}
    ]


async def test_a_review_that_is_refused_has_no_patch(tmp_path: Path) -> None:
    async def fn(review: Any, *, webhook: str) -> Any:
        DECIDED.get().update(pod={"metadata": {"annotations": {"a": webhook}}})
        return {"response": {"uid": review["request"]["uid"], "allowed": False}}

    answers = await serve(tmp_path, fn, {"review": json.dumps(REVIEW).encode()})

    assert "patch" not in json.loads(answers["review"][1])["response"]


def test_kopf_is_shown_no_uid_that_it_would_remember_for_ever() -> None:
    review = prepare(deepcopy(REVIEW))

    assert review["request"]["object"]["metadata"] == {"uid": "review", "namespace": "shop"}


@pytest.mark.parametrize("review", [[], {}, {"request": None}, {"request": {"object": []}}])
def test_what_is_no_review_is_not_passed_on(review: Any) -> None:
    with pytest.raises((KeyError, TypeError, AttributeError)):
        prepare(review)


async def serve(
    tmp_path: Path, fn: Any, bodies: dict[str, bytes], *, retired: bool = False
) -> dict[str, tuple[int, bytes]]:
    """Answers of a server around `fn` to a POST of each body, over one connection."""
    now = datetime.now(UTC)
    authority = make_authority(now)
    pair = make_serving(authority, ["localhost"], now)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    server = AdmissionServer("127.0.0.1", 0, ServingTls(tmp_path))
    answers: dict[str, tuple[int, bytes]] = {}
    async with aclosing(cast("Any", server(fn))) as configs:
        await anext(configs)
        assert server.ready.is_set()
        if retired:
            server.retire()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
            for name, body in bodies.items():
                url = f"https://127.0.0.1:{server.port}/inject"
                async with session.post(url, data=body) as response:
                    answers[name] = (response.status, await response.read())
                    assert (response.headers.get("Connection") == "close") is retired
    assert not server.ready.is_set()
    return answers


async def test_kopf_need_not_ask_who_the_user_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user of a pod has no name, and Kopf would not start."""
    told: list[Any] = []

    async def operator(**options: Any) -> None:
        told.append(options["identity"])

    monkeypatch.setattr("kopf.operator", operator)
    nobody = cast("Any", None)
    server = AdmissionServer("127.0.0.1", 0, nobody)
    with pytest.raises(ControllerError, match="ended by itself"):
        await start_webhook(nobody, server, nobody, nobody, asyncio.Event())
    assert told == ["vaultbind"]


async def test_who_is_about_to_go_still_answers_and_keeps_no_connection(tmp_path: Path) -> None:
    async def fn(review: Any, *, webhook: str) -> Any:
        return {"response": {"uid": review["request"]["uid"], "allowed": webhook == "inject"}}

    bodies = {name: json.dumps(REVIEW).encode() for name in ("first", "second")}
    answers = await serve(tmp_path, fn, bodies, retired=True)

    assert [status for status, _ in answers.values()] == [200, 200]


async def test_reviews_are_answered_and_the_rest_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[Any] = []

    async def fn(review: Any, *, webhook: str) -> Any:
        asked.append(webhook)
        if review["request"]["uid"] == "2":
            raise RuntimeError("a value")
        return {"response": {"uid": review["request"]["uid"]}}

    bodies = {
        "review": json.dumps(REVIEW).encode(),
        "no JSON": b"{",
        "no review": b"[]",
        "breaks": json.dumps({"request": {"uid": "2"}}).encode(),
    }
    answers = await serve(tmp_path, fn, bodies)

    assert answers["review"] == (200, b'{"response":{"uid":"1"}}')
    assert answers["no JSON"][0] == answers["no review"][0] == 400
    assert answers["breaks"] == (500, b"the review failed; see the webhook's log")
    assert asked == ["inject", "inject"]
    assert "a review failed: unexpected RuntimeError" in caplog.text
    assert "a value" not in caplog.text
