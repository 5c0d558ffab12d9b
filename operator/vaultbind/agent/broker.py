"""One request to the broker: this pod's token for one binding's values."""

import base64
import json
import ssl
from typing import Any
from urllib.parse import quote

from vaultbind.agent.config import Broker
from vaultbind.agent.errors import AgentError, RetryableError
from vaultbind.agent.wire import Answer, AnswerError, fetch

TIMEOUT = 10.0
"""Seconds for connecting, and for each piece of an answer."""
LONGEST_ANSWER = 4 * 1024 * 1024
"""Bytes; a Secret's 1 MiB is 1.4 as base64."""
_REFUSALS = (400, 401, 403)


def make_tls(ca: str) -> ssl.SSLContext:
    """Trust for the broker alone. Raises AgentError where the PEM text holds no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        if ca:
            context.load_verify_locations(cadata=ca)
        else:
            context.load_default_certs()
    except ssl.SSLError:
        raise AgentError("VAULTBIND_BROKER_CA is no PEM certificate; restart the pod") from None
    return context


def fetch_values(broker: Broker, tls: ssl.SSLContext, binding: str) -> dict[str, bytes]:
    """Keys and values of one binding.

    Raises RetryableError where it may work later (no connection, not ready, too many requests), AgentError
    where it was refused.
    """
    where = f"VaultBinding {binding}"
    try:
        token = broker.token_file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise RetryableError(f"the pod's token cannot be read: {error.strerror}") from None
    path = f"/v1/values/{quote(binding, safe='')}"
    headers = {"Authorization": f"Bearer {token}"}
    try:
        answer = fetch(broker.host, broker.port, path, headers, tls=tls, timeout=TIMEOUT, most=LONGEST_ANSWER)
    except AnswerError:
        raise RetryableError(f"{where}: the broker's answer cannot be read") from None
    except OSError as error:
        raise RetryableError(f"{where}: no answer of the broker at {broker.host}: {_told(error)}") from None
    if answer.status != 200:
        raise _refusal(where, answer)
    return _parse_values(where, answer.body)


def _told(error: OSError) -> str:
    """The operating system's or the TLS library's words; nothing that was received."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    return error.strerror or type(error).__name__


def _refusal(where: str, answer: Answer) -> AgentError:
    told = _parse_object(answer.body).get("message")
    message = f"{where}: {told}" if isinstance(told, str) else f"{where}: HTTP {answer.status} of the broker"
    if answer.status in _REFUSALS:
        return AgentError(message)
    wait = answer.headers.get("retry-after", "")
    return RetryableError(message, float(wait) if wait.isdecimal() else None)


def _parse_values(where: str, body: bytes) -> dict[str, bytes]:
    data = _parse_object(body).get("data")
    try:
        if not isinstance(data, dict):
            raise TypeError
        return {key: base64.b64decode(value, validate=True) for key, value in data.items()}
    except (TypeError, ValueError):
        raise RetryableError(f"{where}: the broker's answer cannot be read") from None


def _parse_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
