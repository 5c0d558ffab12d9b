"""The CloudEvents sink: one HTTP address, named by who runs the operator, never by an object of a tenant."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from vaultbind.expiry.cloudevents import CONTENT_TYPE

SECONDS: Final = 10.0
"""For one event, from connecting to the answer's head."""
LONGEST_RETRY_AFTER: Final = 3600.0
_TAKEN: Final = range(200, 300)
_NEVER: Final = frozenset({400, 413, 415, 422})
"""Statuses by which a sink refuses this event, whenever it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """Where events go. The address may hold a token in its query: only its host is ever told."""

    url: str
    token_file: Path | None = None
    """Its content is sent as bearer token; read for each event, so that it can be renewed."""

    @property
    def host(self) -> str:
        """For logs."""
        return urlsplit(self.url).hostname or ""


def parse_sink(url: str, token_file: str = "") -> SinkSettings:
    """Check an address. Raises ValueError with what is wrong, never with the address."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not http://... or https://...")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("must have no user, password or fragment; a token belongs into a file")
    if token_file and parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("must be https:// where a token is sent")
    return SinkSettings(url=url, token_file=Path(token_file) if token_file else None)


class Outcome(StrEnum):
    """What became of one attempt."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """For good: the same event would be refused again."""
    FAILED = "failed"
    """To be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Of the sink; `cause` is for logs."""

    outcome: Outcome
    cause: str = ""
    retry_after: float = 0.0


class HttpSink:
    """Sends events; connections are kept. `aclose` it."""

    def __init__(self, settings: SinkSettings, *, seconds: float = SECONDS) -> None:
        """Nothing is opened before the first event."""
        self.settings = settings
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, event: Mapping[str, Any]) -> Answer:
        """Send one event; whatever goes wrong is in the answer."""
        try:
            headers = {"Content-Type": CONTENT_TYPE, **await self._authorize()}
            if self._session is None:
                self._session = aiohttp.ClientSession(trust_env=True, cookie_jar=aiohttp.DummyCookieJar())
            async with self._session.post(
                self.settings.url,
                data=orjson.dumps(event),
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,  # a token is for this host only
            ) as response:
                return _judge(response.status, response.headers.get("Retry-After", ""))
        except TimeoutError:
            return Answer(outcome=Outcome.FAILED, cause="no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:  # its text could hold address or token
            return Answer(outcome=Outcome.FAILED, cause=type(error).__name__)

    async def _authorize(self) -> dict[str, str]:
        if self.settings.token_file is None:
            return {}
        token = (await asyncio.to_thread(self.settings.token_file.read_text, encoding="ascii")).strip()
        return {"Authorization": f"Bearer {token}"}

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _judge(status: int, retry_after: str) -> Answer:
    if status in _TAKEN:
        return Answer(outcome=Outcome.DELIVERED)
    if status in _NEVER:
        return Answer(outcome=Outcome.REFUSED, cause=f"status {status}")
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    return Answer(
        outcome=Outcome.FAILED, cause=f"status {status}", retry_after=min(seconds, LONGEST_RETRY_AFTER)
    )
