"""Who may use an emulator that others can reach, and what a browser may be made to do. Pure."""

import hashlib
import hmac
from collections.abc import Container, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs

from vaultbind.emulator.identity import ENTRA_ROUTE, IdentityAnswer
from vaultbind.keyvault.simulation import ApiRequest
from vaultbind.keyvault.simulation.tokens import SIMULATION, TokenKey

REFUSAL: Final[Mapping[str, Any]] = {
    "error": "invalid_client",
    "error_description": "AADSTS7000215: this emulator wants its token as secret or X-IDENTITY-HEADER.",
    "error_codes": [7000215],
}


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


def guard_token(
    request: ApiRequest, answer: IdentityAnswer, token: str, clients: Container[str]
) -> IdentityAnswer:
    """Let an access token go to who knows the emulator's `token`; refuse it to others.

    It must be the X-IDENTITY-HEADER or the client secret; clients that were configured have shown their own.
    Answers without an access token (discovery, errors) stay as they are.
    """
    if "access_token" not in answer.content:
        return answer
    known = is_same(request.headers.get("x-identity-header", ""), token)
    if answer.route == ENTRA_ROUTE:
        form = parse_qs(request.body.decode(errors="replace"))
        known = answer.principal in clients or is_same(form.get("client_secret", [""])[0], token)
    return answer if known else replace(answer, status=401, content=REFUSAL)


@lru_cache(maxsize=4)
def sealing_key(secret: str) -> TokenKey:
    """Key that only who knows the emulator's token can have: that of the simulation is in its source.

    It is published, so guessing the secret behind it shall take as long as possible.
    """
    return TokenKey(hashlib.scrypt(secret.encode(), salt=b"vaultbind emulator", n=2**14, r=8, p=1))


def unseal(request: ApiRequest, secret: str) -> ApiRequest:
    """Put the simulation's own token into a request whose token is sealed, an invalid one otherwise."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return request
    headers = {name.lower(): value for name, value in request.headers.items()}
    return replace(request, headers={**headers, "authorization": f"Bearer {_inner(given, secret)}"})


@lru_cache(maxsize=4096)
def _inner(given: str, secret: str) -> str:
    return SIMULATION.sign(given.rpartition(".")[0]) if sealing_key(secret).is_own(given) else "forged"


def is_same(given: str, expected: str) -> bool:
    """Compare without telling by the time how much was right."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode(errors="replace"))
