"""Sends requests to an estate, as a client without a socket; every simulation test may use it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from vaultbind.keyvault.simulation import ApiRequest, Estate, EstateConfig
from vaultbind.keyvault.simulation.estate import Reply
from vaultbind.keyvault.simulation.tokens import Claims, check_strictly, issue_token

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
HOST = "shop.vault.azure.net"


def token(
    principal: str = "op", audience: str = "https://vault.azure.net", expires: int = SECONDS + 60
) -> str:
    return issue_token(Claims(audience=audience, principal=principal, expires=expires), issued=SECONDS)


class Desk:
    """Sends requests to an estate."""

    def __init__(self, **config: Any) -> None:
        self.now = NOW
        self.estate = Estate(EstateConfig(clock=lambda: self.now, check_token=check_strictly, **config))

    def pass_time(self, seconds: int) -> None:
        """Let the vault's clock move on."""
        self.now += timedelta(seconds=seconds)

    def request(
        self, method: str, url: str, body: Any = None, *, bearer: str | None = None, host: str = HOST
    ) -> ApiRequest:
        parts = urlsplit(url)
        query = {"api-version": "7.4", **dict(parse_qsl(parts.query, keep_blank_values=True))}
        fresh = token(expires=int(self.now.timestamp()) + 60)
        headers = {"authorization": f"Bearer {fresh if bearer is None else bearer}"}
        return ApiRequest(
            method=method,
            host=host,
            path=parts.path,
            query={name: value for name, value in query.items() if value},
            headers=headers if bearer != "" else {},
            body=b"" if body is None else orjson.dumps(body),
        )

    def reply(self, method: str, url: str, body: Any = None, **options: Any) -> Reply:
        return self.estate.handle(self.request(method, url, body, **options), self.now)

    def ask(self, method: str, url: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        response = self.reply(method, url, body, **options).response
        return response.status, orjson.loads(response.body) if response.body else None

    def refusal(self, method: str, url: str, body: Any = None, **options: Any) -> tuple[int, str]:
        status, content = self.ask(method, url, body, **options)
        error = content["error"]
        return status, error.get("innererror", {}).get("code") or error["code"]
