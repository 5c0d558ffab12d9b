"""Token endpoints as Azure's credentials know them: Entra, the instance metadata service, App Service.

Everything that asks politely gets a token for the audience that it names, until something is configured:
clients with what they may show, managed identities by name, the App Service header.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

import orjson

from vaultbind.emulator.assertions import PARTS
from vaultbind.emulator.clients import Client, as_client
from vaultbind.emulator.proof import (
    ASSERTION_TYPE,
    UNREADABLE,
    Refusal,
    check_assertion,
    check_secret,
    render_refusal,
)
from vaultbind.keyvault.simulation import ApiRequest, ApiResponse
from vaultbind.keyvault.simulation.api.messages import JSON_TYPE
from vaultbind.keyvault.simulation.sessions import parse_wanted
from vaultbind.keyvault.simulation.tokens import (
    ALGORITHM,
    SIMULATION,
    Claims,
    TokenKey,
    issue_token,
    token_issuer,
)

IMDS_PATH: Final = "/metadata/identity/oauth2/token"
MSI_PATH: Final = "/msi/token"
ENTRA_ROUTE: Final = "/{tenant}/oauth2/v2.0/token"
TOKEN_PATHS: Final = frozenset({"oauth2/v2.0/token", "oauth2/token"})
KEYS_PATHS: Final = frozenset({"discovery/v2.0/keys", "discovery/keys"})
DISCOVERY_PATHS: Final = {
    "v2.0/.well-known/openid-configuration": "v2.0/",
    ".well-known/openid-configuration": "",
}
"""With the part that the paths of this version have in them."""
SYSTEM_ASSIGNED: Final = "system-assigned"
EVENT_GRID: Final = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
"""Application of Event Grid in every tenant of Azure's public cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityAnswer:
    """An answer, and what it was about: route, operation and principal, for the log."""

    status: int
    content: Mapping[str, Any] = field(repr=False)
    route: str
    operation: str
    principal: str = ""

    def render(self) -> ApiResponse:
        """HTTP answer."""
        headers = {"Content-Type": JSON_TYPE, "Cache-Control": "no-store"}
        return ApiResponse(status=self.status, headers=headers, body=orjson.dumps(self.content))


class IdentityEndpoints:
    """Answers token requests; `clients` and `identities` as in EmulatorConfig."""

    def __init__(
        self,
        clients: Mapping[str, str | Client],
        identity_header: str,
        tenant: str,
        lifetime: int,
        *,
        identities: Collection[str] = (),
        key: TokenKey = SIMULATION,
    ) -> None:
        """Issue tokens of `tenant` that last `lifetime` seconds, signed by `key`."""
        self.clients = dict(clients)
        self.identities = set(identities)
        self._identity_header = identity_header
        self._tenant = tenant
        self._lifetime = lifetime
        self._key = key

    def handle(self, request: ApiRequest, now: int) -> IdentityAnswer | None:
        """Answer a request that is one for a token, None for any other."""
        path = request.path.rstrip("/")
        if path == IMDS_PATH:
            return self._imds(request, now)
        if path == MSI_PATH:
            return self._app_service(request, now)
        tenant, _, rest = path.strip("/").partition("/")
        if rest in TOKEN_PATHS:
            return self._entra(request, now)
        if rest in DISCOVERY_PATHS:
            return _discovery(request, tenant, DISCOVERY_PATHS[rest])
        if rest in KEYS_PATHS:
            return _known("/{tenant}/discovery/keys", self._key.render_jwks())
        return _instance(request) if rest == "discovery/instance" else None

    def _entra(self, request: ApiRequest, now: int) -> IdentityAnswer:
        form = {name: values[0] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
        client = form.get("client_id", "")
        problem = self._check_client(request, form, client, now)
        operation = "token.assertion" if "client_assertion" in form else "token.clientSecret"
        if request.method != "POST" or problem is not None:
            status, content = problem or _problem(405, "invalid_request", 900561, "The endpoint takes POST.")
            return IdentityAnswer(
                status=status, content=content, route=ENTRA_ROUTE, operation=operation, principal=client
            )
        audience = (form.get("scope") or form.get("resource") or "").split(" ")[0].removesuffix("/.default")
        claims = Claims(
            audience=audience,
            principal=client,
            expires=now + self._lifetime,
            not_before=parse_wanted(form.get("claims", "")),
        )
        content = {
            "token_type": "Bearer",
            "expires_in": self._lifetime,
            "ext_expires_in": self._lifetime,
            "access_token": self._issue(claims, now),
        }
        return IdentityAnswer(
            status=200, content=content, route=ENTRA_ROUTE, operation=operation, principal=client
        )

    def issue_event_token(self, audience: str, now: int) -> str:
        """Token that Event Grid's application shows to the webhook of an audience."""
        return self._issue(Claims(audience=audience, principal=EVENT_GRID, expires=now + self._lifetime), now)

    def _issue(self, claims: Claims, now: int) -> str:
        return issue_token(claims, issued=now, tenant=self._tenant, key=self._key)

    def _check_client(
        self, request: ApiRequest, form: Mapping[str, str], client_id: str, now: int
    ) -> tuple[int, Mapping[str, Any]] | None:
        if form.get("grant_type") != "client_credentials":
            return _problem(400, "unsupported_grant_type", 70003, "The grant type is not supported.")
        if not client_id or not (form.get("scope") or form.get("resource")):
            return _problem(400, "invalid_request", 900144, "client_id or scope is missing.")
        client = self.clients.get(client_id)
        if client is None and self.clients:
            text = f"Application with identifier '{client_id[:64]}' was not found in the directory."
            return _problem(400, "unauthorized_client", 700016, text)
        known = None if client is None else as_client(client)
        refusal = _check_proof(known, client_id, form, token_audiences(request), now)
        return render_refusal(refusal) if refusal else None

    def _imds(self, request: ApiRequest, now: int) -> IdentityAnswer:
        if request.headers.get("metadata", "").lower() != "true":
            return _managed_problem(IMDS_PATH, "Required metadata header not specified")
        return self._managed(request, now, IMDS_PATH)

    def _app_service(self, request: ApiRequest, now: int) -> IdentityAnswer:
        given = request.headers.get("x-identity-header", "")
        if not given or (self._identity_header and given != self._identity_header):
            return _managed_problem(MSI_PATH, "X-IDENTITY-HEADER is missing or wrong")
        return self._managed(request, now, MSI_PATH)

    def _managed(self, request: ApiRequest, now: int, route: str) -> IdentityAnswer:
        audience = request.query.get("resource", "")
        if not audience:
            return _managed_problem(route, "resource is missing")
        names = ("client_id", "clientid", "mi_res_id", "msi_res_id", "object_id", "principal_id")
        principal = next((request.query[name] for name in names if request.query.get(name)), SYSTEM_ASSIGNED)
        if self.identities and principal not in self.identities:
            return _managed_problem(route, "Identity not found")
        claims = Claims(audience=audience.rstrip("/"), principal=principal, expires=now + self._lifetime)
        content = {
            "access_token": self._issue(claims, now),
            "client_id": principal,
            "expires_in": str(self._lifetime),
            "expires_on": str(claims.expires),
            "resource": audience,
            "token_type": "Bearer",
        }
        return IdentityAnswer(
            status=200, content=content, route=route, operation="token.managedIdentity", principal=principal
        )


def _check_proof(
    client: Client | None, client_id: str, form: Mapping[str, str], audiences: frozenset[str], now: int
) -> Refusal | None:
    """Refusal of what a client shows; one that nobody configured may show anything that looks right."""
    assertion = form.get("client_assertion", "")
    if form.get("client_assertion_type") == ASSERTION_TYPE and assertion:
        if client is not None:
            return check_assertion(client, client_id, assertion, audiences, now)
        return None if assertion.count(".") == PARTS - 1 else UNREADABLE
    given = form.get("client_secret", "")
    return check_secret(client or Client(secret=given), given)


def token_audiences(request: ApiRequest) -> frozenset[str]:
    """What the audience of a client assertion may be: names of this token endpoint."""
    tenant = request.path.strip("/").split("/")[0]
    base = f"https://{request.host}/{tenant}"
    return frozenset({f"{base}/oauth2/v2.0/token", f"{base}/oauth2/token", f"{base}/v2.0"})


def _managed_problem(route: str, text: str) -> IdentityAnswer:
    content = {"error": "invalid_request", "error_description": text}
    return IdentityAnswer(status=400, content=content, route=route, operation="token.managedIdentity")


def _problem(status: int, error: str, number: int, text: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": error, "error_description": f"AADSTS{number}: {text}", "error_codes": [number]}


def _discovery(request: ApiRequest, tenant: str, way: str) -> IdentityAnswer:
    """Document of Entra's second version, or of the first (empty `way`), which issues our tokens."""
    base = f"https://{request.host}/{tenant}"
    content = {
        "issuer": f"{base}/v2.0" if way else token_issuer(tenant),
        "authorization_endpoint": f"{base}/oauth2/{way}authorize",
        "token_endpoint": f"{base}/oauth2/{way}token",
        "jwks_uri": f"{base}/discovery/{way}keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
    }
    return _known(f"/{{tenant}}/{way}.well-known/openid-configuration", content)


def _known(route: str, content: Mapping[str, Any]) -> IdentityAnswer:
    return IdentityAnswer(status=200, content=content, route=route, operation="identity.discovery")


def _instance(request: ApiRequest) -> IdentityAnswer:
    names = {"preferred_network": request.host, "preferred_cache": request.host, "aliases": [request.host]}
    content = {
        "tenant_discovery_endpoint": f"https://{request.host}/common/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [names],
    }
    return _known("/common/discovery/instance", content)
