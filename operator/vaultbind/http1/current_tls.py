"""TLS whose certificates change while it is in use."""

import ssl
from typing import Any, Self


class CurrentTls(ssl.SSLContext):
    """Context in whose name each connection begins with the `current` one, which may be replaced at any time.

    A context in use must never be changed: OpenSSL knows no locks there, and a handshake in that moment fails
    or breaks the memory of the process; of a pair that does not belong together it keeps the certificate and
    drops the key that it had. So each pair has a context of its own, and taking one is one assignment.
    asyncio and what is built on it begin connections by `wrap_bio`, on either side.
    """

    def __new__(cls, current: ssl.SSLContext) -> Self:
        """Of the same protocol."""
        return super().__new__(cls, current.protocol)

    def __init__(self, current: ssl.SSLContext) -> None:
        """Begin with `current`."""
        self.current = current

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        """Begin a connection."""
        return self.current.wrap_bio(*given, **named)
