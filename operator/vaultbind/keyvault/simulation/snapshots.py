"""The whole estate as one JSON document: vaults with their values, access, how far time was moved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from vaultbind.keyvault.simulation.access import AccessRules, Denial
from vaultbind.keyvault.simulation.access_forms import AccessForm, apply_access, parse_access, render_access
from vaultbind.keyvault.simulation.clock import LIMIT
from vaultbind.keyvault.simulation.codec import CodecError
from vaultbind.keyvault.simulation.denial_forms import parse_denials, render_denials
from vaultbind.keyvault.simulation.estate import Estate
from vaultbind.keyvault.simulation.state import VaultState, load_vault, parse_vault, render_vault

FORMAT: Final = "vaultbind-emulator/1"
MEMBERS: Final = frozenset({"format", "taken", "time", "access", "vaults"})
ACCESS_MEMBERS: Final = frozenset({"rules", "deny"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessState:
    """Who may do what, as it was read."""

    rules: tuple[AccessForm, ...] = ()
    denials: tuple[Denial, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A document that was understood, ready to be put into an estate."""

    vaults: Mapping[str, VaultState] = field(repr=False)
    shared: timedelta = timedelta()
    own: Mapping[str, timedelta] = field(default_factory=dict)
    access: AccessState | None = None
    """None: the document does not say, so what holds goes on."""


def render_snapshot(estate: Estate) -> dict[str, Any]:
    """Everything that `restore` brings back; it holds values and private keys as they are."""
    return {
        "format": FORMAT,
        "taken": estate.now().isoformat(),
        "time": render_time(estate),
        "access": render_access_state(estate.access),
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
        access=parse_access_state(content["access"]) if "access" in content else None,
    )


def render_access_state(rules: AccessRules) -> dict[str, Any]:
    """Roles, access policies and firewalls by vault, and denials, in the words of the control paths."""
    return {"rules": render_access(rules), "deny": render_denials(rules)}


def parse_access_state(content: Any) -> AccessState:
    """Read what `render_access_state` wrote; raises CodecError."""
    if not isinstance(content, Mapping) or set(content) - ACCESS_MEMBERS:
        raise CodecError("access must be an object with members rules and deny")
    denials = content.get("deny", [])
    if not isinstance(denials, list):
        raise CodecError("access.deny must be a list")
    problems: list[str] = []
    state = AccessState(
        rules=parse_access(content.get("rules"), problems, "access.rules"),
        denials=tuple(parse_denials(denials, problems)),
    )
    if problems:
        raise CodecError(problems[0])
    return state


def load_access_state(rules: AccessRules, state: AccessState) -> None:
    """Make this hold, and nothing else."""
    rules.clear()
    apply_access(rules, state.rules)
    rules.deny(*state.denials)


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
    if snapshot.access is not None:
        load_access_state(estate.access, snapshot.access)
    nothing = VaultState(ids=0, objects={}, tables={})
    for name in {*estate.vaults, *snapshot.vaults}:
        load_vault(estate.vault(name), snapshot.vaults.get(name, nothing))
