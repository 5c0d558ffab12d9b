"""The page for people who look: what vaults hold, what was asked of them; values come when they are clicked.

It is for browsers on this machine: it answers loopback only, and not when a token is set.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Final

from vaultbind.emulator.config import is_loopback
from vaultbind.emulator.control import PREFIX
from vaultbind.emulator.page_parts import render_document
from vaultbind.keyvault.simulation import ApiRequest, ApiResponse, Estate, VaultProblem

FILES: Final[Mapping[str, str]] = {"page.css": "text/css", "page.js": "text/javascript"}
VALUE: Final = f"{PREFIX}value"
SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def answer_page(request: ApiRequest, estate: Estate, peer: str) -> ApiResponse | None:
    """Answer a request of a browser on this machine; None for everything that is not for the page."""
    file = request.path.removeprefix(PREFIX)
    if request.method != "GET" or (request.path not in {"/", VALUE} and file not in FILES):
        return None
    if not is_loopback(peer) or not is_loopback(_host_name(request.host)):
        return _answer(403, "text/plain", "this page is for browsers on the same machine")
    if file in FILES:
        return _answer(200, FILES[file], _read(file))
    if request.path == VALUE:
        return _answer_value(request, estate)
    return _answer(200, "text/html", render_document(estate, request))


def _host_name(host: str) -> str:
    """Host header without the port; another name would mean that somebody else's page asks."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _answer_value(request: ApiRequest, estate: Estate) -> ApiResponse:
    """Value of one version of a secret, for the page's own script alone."""
    if "x-vaultbind-page" not in request.headers:
        return _answer(403, "text/plain", "values are for the page's own script")
    vault = estate.vaults.get(request.query.get("vault", ""))
    try:
        if vault is None:
            return _answer(404, "text/plain", "there is no such vault")
        record = vault.secrets.store.get(request.query.get("name", ""), request.query.get("version", ""))
    except VaultProblem as problem:
        return _answer(problem.status, "text/plain", problem.message)
    return _answer(200, "text/plain", record.value)


def _answer(status: int, kind: str, text: str) -> ApiResponse:
    headers = {**SECURITY, "Content-Type": f"{kind}; charset=utf-8"}
    return ApiResponse(status=status, headers=headers, body=text.encode())


@lru_cache(maxsize=len(FILES))
def _read(file: str) -> str:
    return resources.files("vaultbind.emulator").joinpath(file).read_text(encoding="utf-8")
