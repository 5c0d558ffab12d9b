"""Every row of the service's error table, and every way in which a connection fails, has its kind."""

import re
import ssl
import traceback

import aiohttp
import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

from tests.unit.keyvault.fakes import TENANT_TEXT, Answer, FakeCredential, canned, make_client, problem
from vaultbind.keyvault.errors import RETRYABLE, SENTENCES, KeyVaultError, KeyVaultErrorKind

K = KeyVaultErrorKind
KEY = aiohttp.client_reqrep.ConnectionKey("shop.vault.azure.net", 443, True, True, None, None, None)

ANSWERS = [
    ("bad parameter", problem(400, "BadParameter"), K.BAD_PARAMETER, "BadParameter"),
    ("forbidden by policy", problem(403, "Forbidden", "ForbiddenByPolicy"), K.FORBIDDEN, "ForbiddenByPolicy"),
    ("forbidden by RBAC", problem(403, "Forbidden", "ForbiddenByRbac"), K.FORBIDDEN, "ForbiddenByRbac"),
    ("forbidden", problem(403, "Forbidden"), K.FORBIDDEN, "Forbidden"),
    (
        "firewall",
        problem(403, "Forbidden", "ForbiddenByFirewall"),
        K.FORBIDDEN_BY_FIREWALL,
        "ForbiddenByFirewall",
    ),
    ("secret disabled", problem(403, "Forbidden", "SecretDisabled"), K.DISABLED, "SecretDisabled"),
    ("key disabled", problem(403, "Forbidden", "KeyDisabled"), K.DISABLED, "KeyDisabled"),
    (
        "certificate disabled",
        problem(403, "Forbidden", "CertificateDisabled"),
        K.DISABLED,
        "CertificateDisabled",
    ),
    (
        "operation",
        problem(403, "Forbidden", "KeyOperationForbidden"),
        K.OPERATION_FORBIDDEN,
        "KeyOperationForbidden",
    ),
    (
        "managed key",
        problem(403, "Forbidden", "KeyManagedByKeyVault"),
        K.MANAGED_BY_KEY_VAULT,
        "KeyManagedByKeyVault",
    ),
    (
        "managed secret",
        problem(403, "Forbidden", "SecretManagedByKeyVault"),
        K.MANAGED_BY_KEY_VAULT,
        "SecretManagedByKeyVault",
    ),
    ("no secret", problem(404, "SecretNotFound"), K.SECRET_NOT_FOUND, "SecretNotFound"),
    ("no key", problem(404, "KeyNotFound"), K.KEY_NOT_FOUND, "KeyNotFound"),
    ("no certificate", problem(404, "CertificateNotFound"), K.CERTIFICATE_NOT_FOUND, "CertificateNotFound"),
    (
        "a proxy's 404 says nothing of the object",
        Answer(status=404, body=b"<html>"),
        K.NOT_FOUND,
        "NotFound",
    ),
    ("conflict", problem(409, "Conflict"), K.CONFLICT, "Conflict"),
    (
        "deleted",
        problem(409, "Conflict", "ObjectIsDeletedButRecoverable"),
        K.DELETED_BUT_RECOVERABLE,
        "ObjectIsDeletedButRecoverable",
    ),
    (
        "being deleted",
        problem(409, "Conflict", "ObjectIsBeingDeleted"),
        K.BEING_DELETED,
        "ObjectIsBeingDeleted",
    ),
    (
        "being recovered",
        problem(409, "Conflict", "ObjectIsBeingRecovered"),
        K.BEING_RECOVERED,
        "ObjectIsBeingRecovered",
    ),
    ("throttled", problem(429, "Throttled"), K.THROTTLED, "Throttled"),
    ("server error", problem(500, "InternalServerError"), K.SERVER_ERROR, "InternalServerError"),
    ("gateway", Answer(status=502, body=b"bad gateway"), K.SERVER_ERROR, "ServerError"),
    ("unavailable", Answer(status=503, body=b""), K.SERVER_ERROR, "ServerError"),
    ("gateway timeout", Answer(status=504, body=b"[]"), K.SERVER_ERROR, "ServerError"),
    ("request timeout", Answer(status=408), K.TIMEOUT, "Timeout"),
    (
        "redirect is not followed",
        Answer(status=302, headers={"Location": "https://evil.example"}),
        K.PROTOCOL,
        "Protocol",
    ),
    ("teapot", Answer(status=418), K.PROTOCOL, "Protocol"),
    ("a code that is no code", problem(400, f"x {TENANT_TEXT}"), K.BAD_PARAMETER, "BadParameter"),
    (
        "a not-found code under another status",
        problem(400, "SecretNotFound"),
        K.BAD_PARAMETER,
        "SecretNotFound",
    ),
    ("error is a text", Answer(status=400, body=b'{"error": "no"}'), K.BAD_PARAMETER, "BadParameter"),
]


@pytest.mark.parametrize(
    ("given", "kind", "code"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_answers(given: Answer, kind: KeyVaultErrorKind, code: str) -> None:
    client = make_client(canned(given))

    with pytest.raises(KeyVaultError) as caught:
        await client.secrets.get_secret("db")

    error = caught.value
    assert (error.kind, error.code, error.http_status, error.object_name) == (kind, code, given.status, "db")
    assert error.retryable is (kind in RETRYABLE)
    assert_tells_nothing(error)


async def test_token_not_accepted_tells_the_numbered_code() -> None:
    refused = problem(401, "Unauthorized")
    body = refused.body.replace(b"Unauthorized: ", b"AKV10022: Invalid audience. ")
    client = make_client(canned(Answer(status=401, body=body)))

    with pytest.raises(KeyVaultError) as caught:
        await client.secrets.get_secret("db")

    assert (caught.value.kind, caught.value.code) == (K.UNAUTHORIZED, "AKV10022")
    assert_tells_nothing(caught.value)


def connector(cls: type[aiohttp.ClientConnectorError], inner: OSError) -> ServiceRequestError:
    cause = cls(KEY, inner)
    return ServiceRequestError(cause, error=cause)


CERTIFICATE = aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError(TENANT_TEXT))
EXCEPTIONS = [
    (
        "no such host",
        connector(aiohttp.ClientConnectorDNSError, OSError(-2, TENANT_TEXT)),
        K.UNREACHABLE,
        "NameNotResolved",
    ),
    (
        "refused",
        connector(aiohttp.ClientConnectorError, ConnectionRefusedError(111, "")),
        K.UNREACHABLE,
        "ConnectionRefused",
    ),
    (
        "no route",
        connector(aiohttp.ClientConnectorError, OSError(113, "")),
        K.UNREACHABLE,
        "ConnectionFailed",
    ),
    (
        "untrusted",
        ServiceRequestError(CERTIFICATE, error=CERTIFICATE),
        K.UNREACHABLE,
        "CertificateUntrusted",
    ),
    ("TLS", connector(aiohttp.ClientConnectorSSLError, ssl.SSLError()), K.UNREACHABLE, "TlsFailed"),
    (
        "TLS later",
        ServiceResponseError("x", error=ssl.SSLError(1, TENANT_TEXT)),
        K.UNREACHABLE,
        "TlsFailed",
    ),
    (
        "cut before the answer",
        ServiceRequestError("x", error=aiohttp.ServerDisconnectedError()),
        K.UNREACHABLE,
        "ConnectionCut",
    ),
    ("cut in the body", IncompleteReadError(TENANT_TEXT), K.UNREACHABLE, "ConnectionCut"),
    ("not sent", ServiceRequestError(TENANT_TEXT), K.UNREACHABLE, "NotSent"),
    ("connect timeout", ServiceRequestTimeoutError(TENANT_TEXT), K.TIMEOUT, "ConnectTimeout"),
    ("read timeout", ServiceResponseTimeoutError(TENANT_TEXT), K.TIMEOUT, "ReadTimeout"),
    ("unexpected", ValueError(TENANT_TEXT), K.AUTHENTICATION_FAILED, "ChallengeRejected"),
    ("undecodable", DecodeError(TENANT_TEXT), K.PROTOCOL, "DecodeError"),
    (
        "no token",
        ClientAuthenticationError(TENANT_TEXT),
        K.AUTHENTICATION_FAILED,
        "ClientAuthenticationError",
    ),
]


@pytest.mark.parametrize(
    ("raised", "kind", "code"), [row[1:] for row in EXCEPTIONS], ids=[row[0] for row in EXCEPTIONS]
)
async def test_exceptions(raised: Exception, kind: KeyVaultErrorKind, code: str) -> None:
    client = make_client(canned(raised))

    with pytest.raises(KeyVaultError) as caught:
        await client.certificates.get_certificate("tls")

    error = caught.value
    assert (error.kind, error.code, error.http_status, error.object_name) == (kind, code, None, "tls")
    assert_tells_nothing(error)


async def test_a_call_that_takes_too_long_ends() -> None:
    client = make_client(canned(Answer()), total_timeout=0.005, credential=Stuck())

    with pytest.raises(KeyVaultError) as caught:
        await client.secrets.get_secret("db")

    assert (caught.value.kind, caught.value.code) == (K.TIMEOUT, "NotAskedInTime")
    assert "a token, or the rate limit, took all the time" in str(caught.value)


class Stuck(FakeCredential):
    async def get_token_info(self, *scopes: str, **_: object) -> None:  # type: ignore[override]
        import asyncio

        await asyncio.Event().wait()


def circular() -> Exception:
    """An error whose causes never end."""
    first, second = RuntimeError(TENANT_TEXT), RuntimeError(TENANT_TEXT)
    first.__cause__, second.__cause__ = second, first
    return first


TOKENS = [
    ("causes in a circle", circular(), "RuntimeError", False),
    (
        "secret is wrong",
        ClientAuthenticationError(f"AADSTS7000215: Invalid secret. {TENANT_TEXT}"),
        "AADSTS7000215",
        False,
    ),
    ("nobody there", ServiceRequestError(TENANT_TEXT), "TokenEndpointUnreachable", True),
    ("slow", ServiceResponseTimeoutError(TENANT_TEXT), "TokenEndpointTimeout", True),
    ("unavailable", ClientAuthenticationError(TENANT_TEXT), "ClientAuthenticationError", False),
    ("anything", RuntimeError(TENANT_TEXT), "RuntimeError", False),
]


@pytest.mark.parametrize(
    ("raised", "code", "retryable"), [row[1:] for row in TOKENS], ids=[row[0] for row in TOKENS]
)
async def test_no_token(raised: Exception, code: str, retryable: bool) -> None:
    credential = FakeCredential()
    credential.failure = raised
    client = make_client(canned(Answer()), credential=credential)

    with pytest.raises(KeyVaultError) as caught:
        await client.secrets.get_secret("db")

    error = caught.value
    assert (error.kind, error.code, error.retryable) == (K.AUTHENTICATION_FAILED, code, retryable)
    assert error.object_name == "db"
    assert_tells_nothing(error)


async def test_a_challenge_for_another_host_is_refused() -> None:
    header = 'Bearer authorization="https://login.windows.net/t", resource="https://evil.example"'
    transport = canned(Answer(status=401, headers={"WWW-Authenticate": header}), challenge=False)
    credential = FakeCredential()
    client = make_client(transport, credential=credential)

    with pytest.raises(KeyVaultError) as caught:
        await client.secrets.get_secret("db")

    assert (caught.value.kind, caught.value.code) == (K.AUTHENTICATION_FAILED, "ChallengeRejected")
    assert credential.asked == []


async def test_request_id_and_retry_after_are_told() -> None:
    client = make_client(canned(problem(429, "Throttled", Retry_After="7", x_ms_request_id="abc-123")))

    with pytest.raises(KeyVaultError) as caught:
        await client.secrets.get_secret("db")

    assert (caught.value.retry_after, caught.value.request_id) == (7.0, "abc-123")


async def test_request_id_that_is_no_id_is_dropped() -> None:
    client = make_client(canned(problem(400, "BadParameter", x_ms_request_id="a b; c")))

    with pytest.raises(KeyVaultError) as caught:
        await client.secrets.get_secret("db")

    assert caught.value.request_id is None


def test_every_kind_has_a_sentence() -> None:
    assert set(SENTENCES) == set(KeyVaultErrorKind)


def assert_tells_nothing(error: KeyVaultError) -> None:
    told = "".join(traceback.format_exception(error)) + repr(error)
    # by their numbers: the traceback quotes source (3.13 more lines than 3.11), and that names `tenant_id`
    numbers = re.findall(r"\d{8}", TENANT_TEXT)
    assert len(numbers) == 4
    assert [number for number in numbers if number in told] == []
    assert error.__cause__ is None
    assert error.__context__ is None
