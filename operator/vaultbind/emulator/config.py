"""How an emulator is started."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vaultbind.keyvault.simulation import VaultSettings
from vaultbind.keyvault.simulation.estate import Clock, wall_clock
from vaultbind.keyvault.simulation.tokens import TENANT


class EmulatorConfigError(ValueError):
    """Settings that can not be used; `problems` names every mistake."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep all problems."""
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorConfig:
    """Where to listen, whom to trust, what to hold. Port 0 picks a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    allow_non_loopback: bool = False
    ca_file: Path | None = None
    """Where the CA's certificate goes; its key goes beside it (`.key`), so that a restart keeps the CA."""
    seed: str = ""
    """Text of a seed file."""
    latency: float = 0.0
    """Seconds added to every vault request."""
    clients: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Client ids and their secrets; without any, every client with any secret gets a token."""
    identity_header: str = field(default="", repr=False)
    """What X-IDENTITY-HEADER must be; empty accepts any."""
    tenant: str = TENANT
    token_lifetime: int = 3600
    """Seconds."""
    page_sizes: tuple[int, ...] = (25,)
    settings: VaultSettings = field(default_factory=VaultSettings)
    clock: Clock = wall_clock


def check_config(config: EmulatorConfig) -> None:
    """Raise EmulatorConfigError with all mistakes."""
    problems = []
    if not 0 <= config.port <= 65_535:
        problems.append("port must be between 0 and 65535")
    if config.latency < 0:
        problems.append("latency must not be negative")
    if not config.page_sizes or config.page_sizes[-1] < 1:
        problems.append("the last page size must be at least 1")
    if not config.allow_non_loopback and not is_loopback(config.host):
        problems.append(
            f"host {config.host} is not a loopback address; only --allow-non-loopback permits that"
        )
    if problems:
        raise EmulatorConfigError(tuple(problems))


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address stays on this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
