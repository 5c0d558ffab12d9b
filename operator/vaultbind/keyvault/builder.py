"""A client, setting by setting."""

from collections.abc import Generator
from types import TracebackType
from typing import Any, Self

from vaultbind.keyvault.assembly import Transport
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.config import KeyVaultSettings
from vaultbind.keyvault.observer import Observer
from vaultbind.keyvault.resilience.ratelimit import TokenBucket


class KeyVaultClientBuilder(KeyVaultSettings):
    """Collects the settings of a client.

        async with KeyVaultClient.builder().vault_url(config.vault_url).timeouts(read=5) as built:
            print(built.config.read_timeout)

    `build()` checks them together. Times are seconds.
    """

    def __init__(self) -> None:
        """Start with defaults."""
        super().__init__()
        self._parts: dict[str, Any] = {}
        self._opened: KeyVaultClient | None = None

    def transport(self, transport: Transport) -> Self:
        """Use these connections; they stay the caller's."""
        self._parts["transport"] = transport
        return self

    def limiter(self, limiter: TokenBucket) -> Self:
        """Use this limiter of the vault, which another client may share."""
        self._parts["limiter"] = limiter
        return self

    def observer(self, observer: Observer) -> Self:
        """Tell this observer about requests."""
        self._parts["observer"] = observer
        return self

    def build(self) -> KeyVaultClient:
        """Make the client; raises KeyVaultError (CONFIGURATION) that tells all mistakes at once."""
        return KeyVaultClient(self.build_config(), **self._parts)

    def __await__(self) -> Generator[Any, None, KeyVaultClient]:
        """`await builder` builds the client."""
        return self.build().__await__()

    async def __aenter__(self) -> KeyVaultClient:
        """Build the client."""
        self._opened = self.build()
        return self._opened

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()
