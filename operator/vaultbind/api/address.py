"""Where to listen, as a flag says it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

_MAX_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen; port 0 lets the system choose."""

    host: str
    port: int


def parse_address(text: str) -> Address:
    """Parse `HOST:PORT`, `[::1]:PORT` or `:PORT` (all interfaces). Raises ValueError for anything else."""
    wrong = ValueError(f"{text!r} is not HOST:PORT with a port of 0 to {_MAX_PORT}")
    try:
        parts = urlsplit(f"//{text.strip()}")
        port = parts.port
    except ValueError:
        raise wrong from None
    if port is None or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise wrong
    return Address(host=parts.hostname or "0.0.0.0", port=port)  # noqa: S104 - as asked by `:PORT`
