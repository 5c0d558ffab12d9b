"""Who may send events to the webhook: who shows the secret, or a token of our Entra tenant, or both.

What is configured is demanded, all of it. Refusals are counted; their cause is logged, once a minute at most.
"""

import asyncio
import hmac
import logging
from pathlib import Path
from typing import Final

from vaultbind.engine.clock import Clock
from vaultbind.vaults.bearer import EntraSettings
from vaultbind.vaults.entra import EntraCheck, Trust
from vaultbind.vaults.hints import HintObserver

logger = logging.getLogger(__name__)

SHORTEST_SECRET: Final = 16
TELL_SECONDS: Final = 60.0


class SenderCheck:
    """Judges what a request shows; the secret's file is read for each, so that it can be renewed."""

    def __init__(
        self, secret_file: Path | None, entra: EntraSettings | None, clock: Clock, observer: HintObserver
    ) -> None:
        """Without either nobody may send."""
        self._secret_file = secret_file
        self._entra = EntraCheck(entra, clock) if entra is not None else None
        self._clock = clock
        self._observer = observer
        self._told = float("-inf")

    async def judge(self, secret: str, authorization: str, *, handshake: bool = False) -> Trust:
        """Whether a sender is believed. CloudEvents' handshake needs no token: it gives nothing away.

        It only says that Event Grid may send; each event that it then sends has to show the token.
        """
        trust, cause = await self._judge(secret, authorization, handshake=handshake)
        if trust is not Trust.YES:
            self._observer.hinted("refused")
            self._tell(cause)
        return trust

    async def _judge(self, secret: str, authorization: str, *, handshake: bool) -> tuple[Trust, str]:
        if self._secret_file is not None and (cause := await _find_fault(self._secret_file, secret)):
            return Trust.NO, cause
        if self._entra is not None and (authorization or not handshake):
            return await self._entra.check(authorization)
        nothing = self._secret_file is None and self._entra is None
        return (Trust.NO, "nobody may send") if nothing else (Trust.YES, "")

    def _tell(self, cause: str) -> None:
        now = self._clock.monotonic()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            logger.warning("an event was refused: %s", cause)


async def _find_fault(secret_file: Path, given: str) -> str:
    """Say what is wrong with a secret that was shown, or with ours; empty where nothing is."""
    try:
        secret = (await asyncio.to_thread(secret_file.read_bytes)).strip()
    except OSError as error:
        return f"the secret of the webhook for events cannot be read: {error.strerror}"
    if len(secret) < SHORTEST_SECRET:
        return f"the secret of the webhook for events has less than {SHORTEST_SECRET} characters"
    same = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret)
    return "" if same else "the sender does not show the secret"
