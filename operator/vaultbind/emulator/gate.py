"""Who may use an emulator that others can reach, and what a browser may be made to do. Pure."""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from vaultbind.emulator.identity import IdentityAnswer
from vaultbind.keyvault.simulation import ApiRequest


def refuse_control(request: ApiRequest, token: str) -> tuple[int, str] | None:
    """Status and reason for not answering a control request, None to go on."""
    origin = request.headers.get("origin")
    if origin is not None and origin.lower() != f"https://{request.host.lower()}":
        return 403, "pages of other origins may not use the control paths"
    if not token:
        return None
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and is_same(given, token):
        return None
    return (
        401,
        "this emulator wants its token: header `Authorization: Bearer ...`, or VAULTBIND_EMULATOR_TOKEN",
    )


def may_have_token(request: ApiRequest, token: str, clients: Mapping[str, Any]) -> bool:
    """Tell whether an access token may go to whoever asked: with a token set, it must be known.

    It is the client secret or the X-IDENTITY-HEADER; clients that were configured have shown their own.
    """
    if not token or is_same(request.headers.get("x-identity-header", ""), token):
        return True
    form = parse_qs(request.body.decode(errors="replace"))
    client = form.get("client_id", [""])[0]
    given = form.get("client_secret", [""])[0]
    return is_same(given, token) or (client in clients and bool(given))


def refuse_token(answer: IdentityAnswer) -> IdentityAnswer:
    """Put a refusal in the place of an access token; answers without one (discovery, errors) stay."""
    if "access_token" not in answer.content:
        return answer
    content = {
        "error": "invalid_client",
        "error_description": "AADSTS7000215: this emulator wants its token as secret or X-IDENTITY-HEADER.",
        "error_codes": [7000215],
    }
    return replace(answer, status=401, content=content)


def is_same(given: str, expected: str) -> bool:
    """Compare without telling by the time how much was right."""
    return hmac.compare_digest(given.encode(), expected.encode())
