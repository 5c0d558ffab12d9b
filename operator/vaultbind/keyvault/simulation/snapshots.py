"""The whole estate as one JSON document: vaults with their values, and how far their time was moved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from vaultbind.keyvault.simulation.clock import LIMIT
from vaultbind.keyvault.simulation.codec import CodecError
from vaultbind.keyvault.simulation.estate import Estate
from vaultbind.keyvault.simulation.state import VaultState, load_vault, parse_vault, render_vault

FORMAT: Final = "vaultbind-emulator/1"
MEMBERS: Final = frozenset({"format", "taken", "time", "vaults"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A document that was understood, ready to be put into an estate."""

    vaults: Mapping[str, VaultState] = field(repr=False)
    shared: timedelta = timedelta()
    own: Mapping[str, timedelta] = field(default_factory=dict)


def render_snapshot(estate: Estate) -> dict[str, Any]:
    """Everything that `restore` brings back; it holds values and private keys as they are."""
    return {
        "format": FORMAT,
        "taken": estate.now().isoformat(),
        "time": render_time(estate),
        "vaults": {name: render_vault(vault) for name, vault in sorted(estate.vaults.items())},
    }


def render_time(estate: Estate) -> dict[str, Any]:
    """Distances from the clock in seconds, the shared one and those on top."""
    own = {name: distance.total_seconds() for name, distance in sorted(estate.time.own.items())}
    return {"shared": estate.time.shared.total_seconds(), "vaults": own}


def parse_snapshot(content: Any) -> Snapshot:
    """Read a document; raises CodecError, which names the first mistake and no value."""
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise CodecError(f"not a snapshot: member format must be {FORMAT}")
    if set(content) - MEMBERS:
        raise CodecError(f"{min(set(content) - MEMBERS)[:40]} is unknown")
    vaults = content.get("vaults", {})
    if not isinstance(vaults, Mapping):
        raise CodecError("vaults must be an object")
    shared, own = parse_time(content.get("time", {}))
    return Snapshot(
        vaults={name: parse_vault(vault, f"vaults.{name}") for name, vault in vaults.items()},
        shared=shared,
        own=own,
    )


def parse_time(content: Any) -> tuple[timedelta, dict[str, timedelta]]:
    """Read what `render_time` wrote; raises CodecError."""
    if not isinstance(content, Mapping) or not isinstance(content.get("vaults", {}), Mapping):
        raise CodecError("time must be an object with members shared and vaults")
    own = {name: _distance(value, f"time.vaults.{name}") for name, value in content.get("vaults", {}).items()}
    return _distance(content.get("shared", 0), "time.shared"), own


def _distance(value: Any, where: str) -> timedelta:
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > LIMIT.total_seconds():
        raise CodecError(f"{where} must be a number of seconds of at most {LIMIT.days} days")
    return timedelta(seconds=value)


def restore(estate: Estate, snapshot: Snapshot) -> None:
    """Make the estate hold what the snapshot says. Vaults that it does not name are empty afterwards."""
    estate.time.load(snapshot.shared, snapshot.own)
    nothing = VaultState(ids=0, objects={}, tables={})
    for name in {*estate.vaults, *snapshot.vaults}:
        load_vault(estate.vault(name), snapshot.vaults.get(name, nothing))
