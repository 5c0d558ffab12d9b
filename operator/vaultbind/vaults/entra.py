"""Checks bearer tokens by the keys of an Entra tenant, which are fetched when they are needed first.

Whoever reaches the webhook can send tokens. One costs at most a check of a signature, by a key that is
known; keys are asked for once a minute at most, one request at a time, with bounds on time and size.
"""

import asyncio
import logging
import ssl
from enum import Enum
from typing import Any, Final

import aiohttp
import jwt
import orjson

from vaultbind.engine.clock import Clock
from vaultbind.vaults.bearer import EntraSettings, TokenError, check_token, parse_key_id, parse_keys

logger = logging.getLogger(__name__)

FRESH_SECONDS: Final = 24 * 3600.0
"""After which keys are fetched again before one is believed: a key that was withdrawn is not used longer."""
ASK_SECONDS: Final = 60.0
"""Between two requests for keys, whatever tokens come and however they end."""
REQUEST_SECONDS: Final = 10.0
MOST_BYTES: Final = 262_144


class Trust(Enum):
    """Whether a sender is believed."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"
    """The keys cannot be had now: the sender may try again."""


class KeySource:
    """A tenant's keys, kept for a day."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Nothing is fetched before the first token."""
        self._url = url
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._asked = float("-inf")
        self._asking = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """Key of this id; None where it cannot be told (yet) whether there is one. Raises TokenError."""
        if (key := self._known(key_id)) is not None:
            return key
        async with self._asking:
            may_ask = self._clock.monotonic() - self._asked >= ASK_SECONDS
            if may_ask and await self._refresh() and key_id not in self._keys:
                raise TokenError("the token is signed by a key that the tenant does not have")
        return self._known(key_id)

    def _known(self, key_id: str) -> jwt.PyJWK | None:
        return self._keys.get(key_id) if self._is_fresh() else None

    def _is_fresh(self) -> bool:
        return self._clock.monotonic() - self._fetched < FRESH_SECONDS

    async def _refresh(self) -> bool:
        """Whether the tenant has answered with keys."""
        self._asked = self._clock.monotonic()
        try:
            keys = parse_keys(await _fetch(self._url))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            logger.warning("the keys of the events' senders cannot be had: %s", type(error).__name__)
            return False
        if keys:
            self._keys, self._fetched = keys, self._asked
        return bool(keys)


class EntraCheck:
    """Whether the bearer of a token may send."""

    def __init__(self, settings: EntraSettings, clock: Clock) -> None:
        """Trust the certificates that SSL_CERT_FILE names, else the system's."""
        self._settings = settings
        self._clock = clock
        self._keys = KeySource(settings.keys_url, clock)

    async def check(self, authorization: str) -> tuple[Trust, str]:
        """Judge a header Authorization; the text says why it is not believed."""
        scheme, _, token = authorization.partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise TokenError("there is no bearer token")
            token = token.strip()
            key = await self._keys.find(parse_key_id(token))
            if key is None:
                return Trust.UNDECIDED, "the key of the token is not known (yet)"
            check_token(token, key, self._settings, self._clock.now())
        except TokenError as error:
            return Trust.NO, str(error)
        return Trust.YES, ""


async def _fetch(url: str) -> Any:
    """Fetch a document of keys. Raises ClientError, TimeoutError, OSError or ValueError."""
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != 200:
            raise ValueError("not 200")
        content = await response.content.read(MOST_BYTES + 1)
        while len(content) <= MOST_BYTES and (more := await response.content.read(MOST_BYTES)):
            content += more
        if len(content) > MOST_BYTES:
            raise ValueError("too long")
        return orjson.loads(content)
