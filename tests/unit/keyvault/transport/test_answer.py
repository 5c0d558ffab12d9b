"""An answer is what azure-core's policies and Azure's clients expect of a response."""

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest

from vaultbind.keyvault.transport.answer import BLOCK, Answer

REQUEST = HttpRequest("GET", "https://shop.vault.azure.net/secrets")
HEADERS = (
    ("Content-Type", "application/json"),
    ("WWW-Authenticate", "PoP"),
    ("www-authenticate", "Bearer x"),
)


def test_headers_are_found_without_case_and_come_together() -> None:
    answer = Answer(REQUEST, status=401, headers=HEADERS, reason="Unauthorized")

    assert answer.headers["WWW-AUTHENTICATE"] == "PoP, Bearer x"
    assert (answer.content_type, answer.reason, answer.url) == (
        "application/json",
        "Unauthorized",
        REQUEST.url,
    )
    answer.headers["X-More"] = "kept"
    assert answer.headers["x-more"] == "kept"
    assert "Retry-After" not in answer.headers


async def test_the_body_is_there_in_every_form() -> None:
    answer = Answer(REQUEST, status=200, body='\ufeff{"a": "ä"}'.encode())
    await answer.load_body()

    assert (answer.json(), answer.text()) == ({"a": "ä"}, '{"a": "ä"}')
    assert answer.content == answer.body() == await answer.read()
    assert (answer.is_closed, answer.is_stream_consumed, answer.encoding) == (True, True, None)
    answer.encoding = "latin-1"
    assert answer.text() == "ï»¿" + '{"a": "Ã¤"}'
    assert answer.text("utf-8") == "\ufeff" + '{"a": "ä"}'
    async with answer:
        assert [part async for part in answer.iter_bytes()] == [answer.content]


async def test_a_long_body_comes_in_blocks() -> None:
    answer = Answer(REQUEST, status=200, body=b"x" * (BLOCK + 1))

    assert [len(part) async for part in answer.iter_raw()] == [BLOCK, 1]
    assert [part async for part in Answer(REQUEST, status=204).iter_raw()] == []


@pytest.mark.parametrize(("status", "raises"), [(200, False), (302, False), (400, True), (503, True)])
def test_a_status_is_raised_from_400(status: int, raises: bool) -> None:
    answer = Answer(REQUEST, status=status)
    try:
        answer.raise_for_status()
        raised = False
    except HttpResponseError as error:
        raised = error.status_code == status

    assert raised is raises
