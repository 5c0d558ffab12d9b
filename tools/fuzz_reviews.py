"""Reviews as a cluster sends them to the webhook, and as it never would."""

import asyncio
import json
from functools import cache
from random import Random
from typing import Any, Final, cast

from tests.unit.injection.pods import BINDINGS, INSTALLATION, make_pod
from tools.fuzz_json import ODD, bend, draw_text
from vaultbind.handlers.admission_server import DECIDED, answer_review
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.mutate import mutate

REQUEST: Final = {
    "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
    "resource": {"group": "", "version": "v1", "resource": "pods"},
    "namespace": "shop",
    "operation": "CREATE",
    "userInfo": {"username": "somebody", "uid": "1", "groups": ["all"], "extra": {"a": ["b"]}},
    "oldObject": None,
    "dryRun": False,
}


@cache
def _pod() -> dict[str, Any]:
    pod = make_pod()
    pod["metadata"]["labels"] = {"vaultbind.dev/inject": "true"}
    pod["metadata"]["annotations"] = {"vaultbind.dev/bindings": "shop-db"}
    return pod


def draw_review(draw: Random) -> tuple[str, bytes]:
    """Path and body: the object is a pod, what the API server has let through; all around it is bent."""
    review: Any = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": REQUEST}
    review = draw.choice((review, review, bend(draw, review)))
    thing = draw.choice((_pod(), _pod(), _pod(), draw.choice(ODD), {"metadata": draw.choice(ODD)}))
    if isinstance(review, dict) and isinstance(review.get("request"), dict):
        place = draw.choice(("object", "object", "object", "oldObject"))
        review = {**review, "request": {**review["request"], place: thing}}
    body = json.dumps(review).encode()
    odd = (b"", b"\xff", b"[" * 100_000, b"{" + body, draw_text(draw).encode("utf-8", "replace"), body[:99])
    return "inject", draw.choice((*[body] * 12, *odd))


class _Request:
    """What the server's function asks of a request."""

    def __init__(self, name: str, body: bytes) -> None:
        self.match_info = {"id": name}
        self._body = body

    async def read(self) -> bytes:
        return self._body


async def _review(review: Any, *, webhook: str) -> Any:
    """Stands for Kopf: hands the object to ours, and says what came of it."""
    request = review["request"]
    given = request.get("object")
    try:
        if isinstance(given, dict) and webhook == "inject" and "spec" in given:
            mutation = mutate(given, INSTALLATION, BINDINGS)
            if mutation is not None:
                DECIDED.get().update(pod=mutation.pod)
    except InjectionError:
        return {"response": {"uid": request.get("uid"), "allowed": False}}
    return {"response": {"uid": request.get("uid"), "allowed": True}}


def take_review(given: tuple[str, bytes]) -> None:
    """As the server answers. Raises HTTPBadRequest for what is none; anything else is an answer or a bug."""
    answer = asyncio.run(answer_review(cast("Any", _review), cast("Any", _Request(*given))))
    if answer.status != 200 or "response" not in json.loads(answer.text or "{}"):
        raise AssertionError(f"answered {answer.status}")
