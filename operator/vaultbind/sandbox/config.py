"""Settings of a sandbox."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from vaultbind.sandbox.tables import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """How a sandbox listens and behaves; times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 picks a free one."""
    tls: bool = True
    token: str | None = None
    """Bearer token of the administrator; absent: a random one."""
    latency: float = 0.0
    """Added to every answer."""
    bookmark_interval: float = 30.0
    """Time between bookmarks of a quiet watch; the real server takes about a minute."""
    history: int = 20_000
    """Changes that a watch may lag behind before it is told 410."""
    garbage_delay: float = 0.02
    """From a deletion to the collection of what depended on it."""
    collects_garbage: bool = True
    clock: Callable[[], datetime] = utc_now
    """Where creation times and ages come from; gives aware times."""
