"""Talking to the control paths of an emulator that runs elsewhere: what `vaultbind emulator ctl` uses."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from vaultbind.emulator.control import PREFIX

TIMEOUT_SECONDS: Final = 60.0


class RemoteError(Exception):
    """The emulator was not reached or has refused; `problems` says why, one line each."""

    def __init__(self, *problems: str) -> None:
        """Keep all problems."""
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where an emulator is, whom to trust, and the token if it asks for one."""

    url: str
    ca_file: Path | None = None
    token: str = field(default="", repr=False)

    async def call(
        self,
        method: str,
        path: str,
        content: Any = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one control request; returns the JSON of the answer. Raises RemoteError."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        body = None if content is None else orjson.dumps(content)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            connector = aiohttp.TCPConnector(ssl=self._context())
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(
                    method, f"{self._origin()}{PREFIX}{path}", data=body, params=query, headers=headers
                ) as response,
            ):
                return _understand(response.status, await response.read())
        except aiohttp.ClientConnectorCertificateError:
            raise RemoteError(f"{self.url} is not trusted: give --ca-file with the emulator's CA") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RemoteError(
                f"no emulator answers at {self.url} ({type(error).__name__}): is it running, is --url right?"
            ) from None

    def _origin(self) -> str:
        """Control paths are the same under every host name, and names below localhost may not resolve."""
        try:
            parts = urlsplit(self.url)
            port = parts.port or 443
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme != "https" or not parts.hostname or not port:
            raise RemoteError(f"--url must be like https://127.0.0.1:8443, not {self.url}")
        name = "127.0.0.1" if parts.hostname.endswith(".localhost") else parts.hostname
        return f"https://{f'[{name}]' if ':' in name else name}:{port}"

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise RemoteError(f"cannot use --ca-file {self.ca_file}: {error.strerror or error}") from None


def _understand(status: int, body: bytes) -> Any:
    try:
        content = orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        raise RemoteError(f"the answer is not JSON (HTTP {status}): is that an emulator?") from None
    if status < 400:
        return content
    problems = content.get("errors") if isinstance(content, Mapping) else None
    raise RemoteError(*(problems or [f"HTTP {status}"]))
