"""A serving certificate that changes on disk, behind one SSL context that never does."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from vaultbind.http1.current_tls import CurrentTls

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 5.0
"""How often the files are looked at; the kubelet itself takes about a minute to bring new ones."""


class ServingTls:
    """Context of a server over `tls.crt` and `tls.key` of a folder.

    A new certificate counts for connections from then on; open ones and the listener stay. Files that do not
    belong together are not taken: what was loaded before stays, and they are looked at again.
    """

    def __init__(self, folder: Path) -> None:
        """Load the files. Raises OSError where there are none, ssl.SSLError where they are no pair."""
        self._folder = folder
        self._trouble = ""
        self._seen = self._read()
        self.context = CurrentTls(self._load())

    @property
    def authorities(self) -> str:
        """PEM text of `ca.crt` beside the certificate; empty where there is none."""
        try:
            return (self._folder / "ca.crt").read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return ""

    async def run(self, pause: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep) -> None:
        """Look at the files again and again, until cancelled."""
        while True:
            await pause(CHECK_SECONDS)
            await asyncio.to_thread(self.check)

    def check(self) -> bool:
        """Take new files, if there are any; return whether that happened. Raises nothing."""
        try:
            found = self._read()
            if found == self._seen:
                return False
            self.context.current = self._load()
        except (OSError, ssl.SSLError) as error:
            self._tell(f"the new certificate in {self._folder} cannot be used: {type(error).__name__}")
            return False
        self._seen = found
        self._tell("")
        logger.info("the serving certificate was renewed")
        return True

    def _read(self) -> tuple[bytes, ...]:
        return tuple((self._folder / name).read_bytes() for name in ("tls.crt", "tls.key"))

    def _load(self) -> ssl.SSLContext:
        """Take both files from one folder: the kubelet never changes one, it makes another."""
        place = (self._folder / "tls.crt").resolve().parent
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(place / "tls.crt", place / "tls.key")
        return context

    def _tell(self, trouble: str) -> None:
        """Log once."""
        if trouble and trouble != self._trouble:
            logger.warning("%s; the one before is served on", trouble)
        self._trouble = trouble
