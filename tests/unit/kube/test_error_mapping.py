import ssl
import traceback
from typing import Any

import aiohttp
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.kube.error_mapping import Call, parse_exception, parse_not_json, parse_status_error
from vaultbind.kube.errors import MAX_MESSAGE, KubeError, KubeErrorKind
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

CALL = Call(verb="create", resource=SECRETS, namespace="shop", name="db")
K = KubeErrorKind


def mapped(status: int, answer: Any = None, retry_after: str | None = None) -> KubeError:
    body = answer if isinstance(answer, bytes) else orjson.dumps(answer or {})
    return parse_status_error(CALL, status, body, retry_after=retry_after)


@pytest.mark.parametrize(
    ("status", "reason", "kind", "retryable"),
    [
        pytest.param(0, "", K.SERVER_ERROR, True, id="an event without a code"),
        pytest.param(302, "", K.SERVER_ERROR, True, id="redirect"),
        pytest.param(400, "BadRequest", K.INVALID, False, id="bad request"),
        pytest.param(401, "Unauthorized", K.UNAUTHORIZED, True, id="unauthorized, token may rotate"),
        pytest.param(403, "Forbidden", K.FORBIDDEN, False, id="forbidden"),
        pytest.param(404, "NotFound", K.NOT_FOUND, False, id="not found"),
        pytest.param(404, "", K.NOT_FOUND, False, id="no such path"),
        pytest.param(405, "MethodNotAllowed", K.INVALID, False, id="method"),
        pytest.param(409, "AlreadyExists", K.ALREADY_EXISTS, False, id="exists"),
        pytest.param(409, "Conflict", K.CONFLICT, True, id="conflict"),
        pytest.param(409, "", K.CONFLICT, True, id="conflict without a reason"),
        pytest.param(410, "Expired", K.GONE, True, id="expired"),
        pytest.param(410, "Gone", K.GONE, True, id="gone"),
        pytest.param(413, "RequestEntityTooLarge", K.INVALID, False, id="too large"),
        pytest.param(415, "UnsupportedMediaType", K.INVALID, False, id="media type"),
        pytest.param(422, "Invalid", K.INVALID, False, id="invalid"),
        pytest.param(429, "TooManyRequests", K.THROTTLED, True, id="throttled"),
        pytest.param(500, "InternalError", K.SERVER_ERROR, True, id="internal"),
        pytest.param(500, "ServerTimeout", K.SERVER_ERROR, True, id="server timeout"),
        pytest.param(502, "", K.SERVER_ERROR, True, id="gateway"),
        pytest.param(503, "ServiceUnavailable", K.SERVER_ERROR, True, id="unavailable"),
        pytest.param(504, "Timeout", K.TIMEOUT, True, id="timeout"),
    ],
)
def test_kind_of_an_answer(status: int, reason: str, kind: KubeErrorKind, retryable: bool) -> None:
    error = mapped(status, {"kind": "Status", "reason": reason})

    assert (kind, retryable, status, reason) == (error.kind, error.retryable, error.status, error.reason)
    assert f"create secrets shop/db: {kind.value} (HTTP {status}" in str(error)


def test_fields_of_causes_are_told_and_texts_are_not() -> None:
    error = mapped(
        422,
        {
            "reason": "Invalid",
            "message": 'Secret "db" is invalid: data[x]: Invalid value: "hunter2"',
            "details": {
                "causes": [
                    {
                        "reason": "FieldValueInvalid",
                        "field": "data[x]",
                        "message": 'Invalid value: "hunter2"',
                    },
                    {"reason": "FieldValueRequired", "field": "type", "message": "hunter2"},
                ]
            },
        },
    )

    assert str(error).endswith(
        "refused as invalid (HTTP 422, Invalid, FieldValueInvalid data[x], FieldValueRequired type)"
    )


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        pytest.param(
            'admission webhook "policy.example.com" denied the request: hunter2',
            "admission webhook policy.example.com",
            id="webhook",
        ),
        pytest.param(
            "secrets \"x\" is forbidden: ValidatingAdmissionPolicy 'no-x' with binding 'b' denied: hunter2",
            "admission policy no-x",
            id="policy",
        ),
        pytest.param(
            'secrets "x" is forbidden: exceeded quota: small, requested: secrets=1',
            "quota small",
            id="quota",
        ),
        pytest.param("User hunter2 cannot create resource", "Forbidden", id="anything else"),
    ],
)
def test_who_refused_is_told_by_name_only(sentence: str, told: str) -> None:
    error = mapped(403, {"reason": "Forbidden", "message": sentence})

    assert str(error).endswith(f"{told})")
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("header", "details", "seconds"),
    [
        pytest.param("3", {}, 3.0, id="header"),
        pytest.param(None, {"retryAfterSeconds": 7}, 7.0, id="details"),
        pytest.param("2", {"retryAfterSeconds": 7}, 2.0, id="header first"),
        pytest.param("soon", {}, None, id="nonsense"),
        pytest.param("-1", {}, None, id="negative"),
        pytest.param("1e9", {}, None, id="absurd"),
        pytest.param("nan", {}, None, id="not a number"),
        pytest.param(None, {}, None, id="none"),
    ],
)
def test_retry_after(header: str | None, details: dict[str, Any], seconds: float | None) -> None:
    assert seconds == mapped(429, {"details": details}, retry_after=header).retry_after


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>hunter2</html>", id="a proxy's page"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'["hunter2"]', id="a list"),
        pytest.param(b'{"details": "hunter2", "reason": 5, "message": ["hunter2"]}', id="wrong types"),
        pytest.param(b'{"details": {"causes": "hunter2"}}', id="causes of a wrong type"),
        pytest.param(b'{"details": {"causes": ["hunter2", {"field": 7}]}}', id="a cause of a wrong type"),
    ],
)
def test_an_answer_that_is_no_status_still_has_a_kind(body: bytes) -> None:
    error = mapped(503, body)

    assert error.kind is K.SERVER_ERROR
    assert "hunter2" not in str(error)


def test_long_and_unprintable_codes_are_cut() -> None:
    causes = [{"reason": "R\n\x1b[31m" * 500, "field": "f" * 5000}] * 9
    error = mapped(422, {"reason": "Invalid", "details": {"causes": causes}})

    assert len(str(error)) <= MAX_MESSAGE
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        pytest.param(TimeoutError("hunter2"), K.TIMEOUT, id="timeout"),
        pytest.param(aiohttp.ServerTimeoutError("hunter2"), K.TIMEOUT, id="socket timeout"),
        pytest.param(aiohttp.ServerDisconnectedError("hunter2"), K.UNREACHABLE, id="disconnected"),
        pytest.param(aiohttp.ClientPayloadError("hunter2"), K.UNREACHABLE, id="cut body"),
        pytest.param(ConnectionRefusedError("hunter2"), K.UNREACHABLE, id="refused"),
        pytest.param(ssl.SSLError("hunter2"), K.UNREACHABLE, id="tls"),
    ],
)
def test_kind_of_an_exception(raised: Exception, kind: KubeErrorKind) -> None:
    error = parse_exception(CALL, raised)

    assert error.kind is kind
    assert error.retryable
    assert error.status == 0
    assert "hunter2" not in str(error)


def test_a_tls_failure_says_so() -> None:
    assert "certificate" in str(parse_exception(CALL, ssl.SSLError("x")))


def test_a_success_without_json_is_a_server_error() -> None:
    error = parse_not_json(CALL, 200)

    assert (error.kind, error.status) == (K.SERVER_ERROR, 200)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        pytest.param(CALL, "create secrets shop/db", id="object"),
        pytest.param(Call(verb="list", resource=SECRETS), "list secrets", id="all"),
        pytest.param(
            Call(verb="patch", resource=VAULT_BINDINGS, namespace="a", name="b", subresource="status"),
            "patch vaultbindings/status a/b",
            id="subresource",
        ),
    ],
)
def test_a_call_reads_well(call: Call, text: str) -> None:
    assert text == str(call)


secrets = st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x4FFF), min_size=4)


@given(secret=secrets, status=st.sampled_from([400, 403, 409, 422, 429, 500]))
def test_nothing_of_the_servers_sentences_is_ever_shown(secret: str, status: int) -> None:
    answer = {
        "message": f"x {secret} y",
        "details": {"name": secret, "causes": [{"message": secret, "reason": "R", "field": "f"}]},
    }
    error = mapped(status, answer)

    shown = "".join([str(error), repr(error), *map(str, error.args), *traceback.format_exception(error)])
    assert secret not in shown
