"""Connections that carry nothing once this process may not lead any more."""

from collections.abc import Callable
from typing import Any

from vaultbind.engine.engine import StaleStateError
from vaultbind.keyvault import SharedTransport


class FencedTransport(SharedTransport):
    """Asks before each request, retries and pages included, whether it may be sent.

    A process that wakes up from a pause goes on where it was: without this, looks and reads that it had begun
    would go to their end, beside those of the new leader.
    """

    def __init__(self, may_ask: Callable[[], bool], *, ca_pem: str | None = None, **options: Any) -> None:
        """Take `options` as SharedTransport does."""
        super().__init__(ca_pem=ca_pem, **options)
        self._may_ask = may_ask

    async def send(self, request: Any, **options: Any) -> Any:
        """Send one request; raises StaleStateError instead where somebody else may lead by now."""
        if not self._may_ask():
            raise StaleStateError
        return await super().send(request, **options)
