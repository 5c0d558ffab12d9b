"""Whether a client showed who it is: by secret, certificate or federated token; Entra's refusals. Pure."""

import hmac
from dataclasses import dataclass
from typing import Any, Final

from vaultbind.emulator.assertions import Assertion, is_signed_by, parse_assertion
from vaultbind.emulator.clients import Client

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LEEWAY_SECONDS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error of the token endpoint: HTTP status, OAuth error, AADSTS number and sentence."""

    status: int
    error: str
    number: int
    text: str


NO_PROOF: Final = Refusal(
    status=401,
    error="invalid_client",
    number=7000216,
    text=(
        "'client_assertion', 'client_secret' or 'request' is required "
        "for the 'client_credentials' grant type."
    ),
)
WRONG_SECRET: Final = Refusal(
    status=401, error="invalid_client", number=7000215, text="Invalid client secret provided."
)
UNREADABLE: Final = Refusal(
    status=401,
    error="invalid_client",
    number=50027,
    text="JWT token is invalid or malformed.",
)
OUT_OF_TIME: Final = Refusal(
    status=401,
    error="invalid_client",
    number=700024,
    text="Client assertion is not within its valid time range.",
)
WRONG_AUDIENCE: Final = Refusal(
    status=401,
    error="invalid_client",
    number=700023,
    text="Client assertion audience claim does not match Realm issuer.",
)
FOREIGN_SUBJECT: Final = Refusal(
    status=401,
    error="invalid_client",
    number=700021,
    text="Client assertion application identifier doesn't match 'client_id' parameter.",
)


def check_secret(client: Client, given: str) -> Refusal | None:
    """Refusal of a client secret, None for the right one."""
    if not given:
        return NO_PROOF
    is_right = hmac.compare_digest(given.encode(), client.secret.encode())
    return None if is_right else WRONG_SECRET


def check_assertion(
    client: Client, client_id: str, text: str, audiences: frozenset[str], now: int
) -> Refusal | None:
    """Refusal of a client assertion, None for a good one.

    One that the client issued itself is signed by its certificate, any other is a federated token;
    `audiences` are the names of this token endpoint.
    """
    assertion = parse_assertion(text)
    if assertion is None:
        return UNREADABLE
    if assertion.text("iss") == client_id or not client.federated:
        return _check_certificate(client, client_id, assertion, audiences, now)
    return _check_federated(client, assertion, now)


def _check_certificate(
    client: Client, client_id: str, assertion: Assertion, audiences: frozenset[str], now: int
) -> Refusal | None:
    header = assertion.header
    thumbprint = str(header.get("x5t#S256") or header.get("x5t") or "").rstrip("=")
    certificate = client.certificates.get(thumbprint)
    if certificate is None:
        return _bad_signature(700027, "The key was not found.")
    if not is_signed_by(assertion, certificate.public_key()):
        return _bad_signature(
            700027, "The provided signature value did not match the expected signature value."
        )
    if {assertion.text("iss"), assertion.text("sub")} != {client_id}:
        return FOREIGN_SUBJECT
    if not audiences.intersection(assertion.audiences):
        return WRONG_AUDIENCE
    return None if assertion.is_valid_at(now, LEEWAY_SECONDS) else OUT_OF_TIME


def _check_federated(client: Client, assertion: Assertion, now: int) -> Refusal | None:
    issuer, subject = assertion.text("iss"), assertion.text("sub")
    record = next(
        (
            one
            for one in client.federated
            if (one.issuer, one.subject) == (issuer, subject) and one.audience in assertion.audiences
        ),
        None,
    )
    if record is None:
        audience = assertion.audiences[0] if assertion.audiences else ""
        text = (
            "No matching federated identity record found for presented assertion. "
            f"Assertion Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: '{audience}'."
        )
        return Refusal(status=400, error="invalid_request", number=70021, text=text)
    key = record.keys.get(str(assertion.header.get("kid", "")))
    if key is None:
        return _bad_signature(50013, "The key was not found.")
    if not is_signed_by(assertion, key):
        return _bad_signature(
            50013, "The provided signature value did not match the expected signature value."
        )
    return None if assertion.is_valid_at(now, LEEWAY_SECONDS) else OUT_OF_TIME


def _bad_signature(number: int, reason: str) -> Refusal:
    what = (
        "Client assertion contains an invalid signature."
        if number == 700027
        else ("Assertion failed signature validation.")
    )
    return Refusal(status=401, error="invalid_client", number=number, text=f"{what} [Reason - {reason}]")


def render_refusal(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """Status and body as the token endpoint answers."""
    description = f"AADSTS{refusal.number}: {refusal.text}"
    content = {
        "error": refusal.error,
        "error_description": description,
        "error_codes": [refusal.number],
    }
    return refusal.status, content
