"""How an emulator is started."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vaultbind.emulator.clients import Client
from vaultbind.emulator.tls import general_name
from vaultbind.keyvault.simulation import VaultSettings
from vaultbind.keyvault.simulation.estate import Clock, wall_clock
from vaultbind.keyvault.simulation.rsapool import RsaSource, make_rsa
from vaultbind.keyvault.simulation.tokens import TENANT

SHORTEST_TOKEN: Final = 16
VAULT_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,59}")


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
    state: Path | None = None
    """SQLite file that keeps the vaults over restarts."""
    vaults: tuple[str, ...] = ()
    """Vaults that exist from the start, beside those of the seed."""
    on_first_use: bool = True
    """Whether any other vault comes to be by being asked."""
    names: tuple[str, ...] = ()
    """Host names and addresses that the server certificate has beside the usual ones."""
    token: str = field(default="", repr=False)
    """What control requests and token requests must show; needed to listen where others can reach it."""
    latency: float = 0.0
    """Seconds added to every vault request."""
    clients: Mapping[str, str | Client] = field(default_factory=dict, repr=False)
    """Client ids and their secrets, or all that they may show; without any, every client gets a token."""
    identities: tuple[str, ...] = ()
    """Managed identities that exist, `system-assigned` among them; without any, all do."""
    identity_header: str = field(default="", repr=False)
    """What X-IDENTITY-HEADER must be; empty accepts any."""
    tenant: str = TENANT
    token_lifetime: int = 3600
    """Seconds."""
    page_sizes: tuple[int, ...] = (25,)
    settings: VaultSettings = field(default_factory=VaultSettings)
    clock: Clock = wall_clock
    make_rsa: RsaSource = make_rsa
    """What makes RSA keys, in threads beside the event loop."""


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
    elif not is_loopback(config.host) and len(config.token) < SHORTEST_TOKEN:
        problems.append(
            f"--allow-non-loopback needs a token of at least {SHORTEST_TOKEN} characters: "
            "--token-file or VAULTBIND_EMULATOR_TOKEN"
        )
    problems.extend(
        f"vault name {name} must have 1 to 60 letters, digits and hyphens"
        for name in config.vaults
        if not is_vault_name(name)
    )
    for name in config.names:
        try:
            general_name(name)
        except ValueError as error:
            problems.append(f"--name: {error}")
    if problems:
        raise EmulatorConfigError(tuple(problems))


def is_vault_name(name: str) -> bool:
    """Tell whether a name can be the first label of a vault's host name."""
    return VAULT_NAME.fullmatch(name) is not None


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address stays on this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
