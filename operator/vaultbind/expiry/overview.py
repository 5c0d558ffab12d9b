"""Pure: what expires when, over all vaults and namespaces, from what statuses tell.

The status of each binding has the objects that it uses; that of a KeyVault with `expiry.scope: All` names
those that end next, bound or not (ADR 0029).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from vaultbind.api.binding import BindingSpec
from vaultbind.api.binding_parser import parse_binding
from vaultbind.api.errors import SpecError
from vaultbind.api.keyvault import DefaultAuth, KeyVaultSpec
from vaultbind.api.keyvault_parser import parse_keyvault
from vaultbind.api.refs import ObjectKey, VaultObjectKind
from vaultbind.expiry.times import parse_time
from vaultbind.rendering.wanted import wanted

DEFAULT_THRESHOLDS = KeyVaultSpec(url="", auth=DefaultAuth()).warn_before


class State(StrEnum):
    """How urgent a row is."""

    EXPIRED = "Expired"
    SOON = "ExpiresSoon"
    VALID = "Valid"
    ENDLESS = "NoExpiry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One object of one KeyVault, with those who use it."""

    vault: str
    """`KeyVault namespace/name` or `ClusterKeyVault name`."""
    kind: str
    name: str
    version: str
    """The version that was read last; several bindings may hold several. Empty where nobody has read it."""
    expires: datetime | None
    state: State
    used_by: tuple[str, ...]
    """`namespace/binding`, sorted; empty where no binding uses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A KeyVault whose status names some of its objects only."""

    vault: str
    named: int
    ending: int
    """Objects of the vault that have an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Rows, the most urgent first; what has no expiry comes last."""

    rows: tuple[Row, ...]
    cuts: tuple[Cut, ...] = ()


@dataclass(slots=True)
class _Found:
    expires: datetime | None
    soon: bool
    users: set[str]
    followers: set[str] = field(default_factory=set)
    """Those of the users who take whatever version is the latest."""


_Place = tuple[str, str, str, str]
"""KeyVault, kind, name and version."""


def summarize_expiry(
    bindings: Iterable[Mapping[str, Any]], vaults: Sequence[Mapping[str, Any]], now: datetime
) -> Overview:
    """What bindings use and what KeyVaults name besides; an object that is seen both ways is one row."""
    thresholds = {_key(vault): _thresholds(vault) for vault in vaults}
    found: dict[_Place, _Found] = {}
    for binding in bindings:
        spec = _parse(binding)
        if spec is None:
            continue
        limits = spec.warn_before
        if limits is None:
            limits = thresholds.get(spec.vault, DEFAULT_THRESHOLDS)
        _take(found, binding, spec, max(limits, default=timedelta(0)), now)
    others = _find_others(found, vaults, now)
    rows = [_row(place, item, now) for place, item in [*found.items(), *others.items()]]
    rows.sort(key=lambda row: (row.expires is None, row.expires or now, row.vault, row.kind, row.name))
    return Overview(rows=tuple(rows), cuts=tuple(cut for vault in vaults for cut in _cuts(vault)))


def _take(
    found: dict[_Place, _Found],
    binding: Mapping[str, Any],
    spec: BindingSpec,
    widest: timedelta,
    now: datetime,
) -> None:
    metadata = binding["metadata"]
    user = f"{metadata['namespace']}/{metadata['name']}"
    pinned = {(ref.kind.value, ref.name.lower()) for ref in wanted(spec) if ref.version}
    pinned -= {(ref.kind.value, ref.name.lower()) for ref in wanted(spec) if not ref.version}
    for item in (binding.get("status") or {}).get("objects") or ():
        expires = parse_time(item.get("expires"))
        place = (str(spec.vault), str(item["kind"]), str(item["name"]), str(item.get("version") or ""))
        known = found.setdefault(place, _Found(expires, soon=False, users=set()))
        known.soon = known.soon or (expires is not None and expires - now <= widest)
        known.users.add(user)
        if (item["kind"], item["name"].lower()) not in pinned:
            known.followers.add(user)


def _find_others(
    found: Mapping[_Place, _Found], vaults: Sequence[Mapping[str, Any]], now: datetime
) -> dict[_Place, _Found]:
    """Find what KeyVaults name and no row of bindings has; several KeyVaults may lead to one vault."""
    addresses = {str(_key(vault)): _address(vault) for vault in vaults}
    bound: dict[tuple[str, str], list[tuple[str, _Found]]] = {}
    for (reference, kind, name, _), item in found.items():
        place = (addresses.get(reference, reference), name.lower())
        bound.setdefault(place, []).append((kind, item))
    others: dict[_Place, _Found] = {}
    had: set[tuple[str, str, str]] = set()
    for vault, kind, name, expires in _named(vaults):
        address = _address(vault)
        rows = [item for other, item in bound.get((address, name.lower()), ()) if _is_of(kind, other)]
        if (address, kind, name) in had or expires in [row.expires for row in rows]:
            continue
        had.add((address, kind, name))
        soon = expires - now <= max(_thresholds(vault), default=timedelta(0))
        users = {user for row in rows for user in row.followers}
        others[str(_key(vault)), kind, name, ""] = _Found(expires, soon, users)
    return others


def _named(
    vaults: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], str, str, datetime]]:
    """KeyVault, kind, name and end of each object that a status names."""
    for vault in vaults:
        for entry in (vault.get("status") or {}).get("soonest") or ():
            expires = parse_time(entry["expires"])
            if expires is not None:
                yield vault, str(entry["kind"]), str(entry["name"]), expires


def _is_of(kind: str, other: str) -> bool:
    """A certificate's secret and key bear its name: who uses them, uses it."""
    return kind in (other, VaultObjectKind.CERTIFICATE.value)


def _cuts(vault: Mapping[str, Any]) -> Iterator[Cut]:
    status = vault.get("status") or {}
    named, ending = len(status.get("soonest") or ()), int(status.get("ending") or 0)
    if ending > named:
        yield Cut(vault=str(_key(vault)), named=named, ending=ending)


def render_cut(cut: Cut) -> str:
    """Say what is missing, and where it is."""
    return (
        f"{cut.vault}: {cut.ending - cut.named} more objects end some time; beyond the {cut.named} that its "
        "status names, only those that bindings use are shown"
    )


def _row(place: _Place, found: _Found, now: datetime) -> Row:
    vault, kind, name, version = place
    return Row(
        vault=vault,
        kind=kind,
        name=name,
        version=version,
        expires=found.expires,
        state=_state(found, now),
        used_by=tuple(sorted(found.users)),
    )


def _state(found: _Found, now: datetime) -> State:
    if found.expires is None:
        return State.ENDLESS
    if found.expires <= now:
        return State.EXPIRED
    return State.SOON if found.soon else State.VALID


def _parse(binding: Mapping[str, Any]) -> BindingSpec | None:
    try:
        return parse_binding(binding)
    except SpecError:
        return None


def _thresholds(vault: Mapping[str, Any]) -> tuple[timedelta, ...]:
    try:
        return parse_keyvault(vault).warn_before
    except SpecError:
        return DEFAULT_THRESHOLDS


def _key(vault: Mapping[str, Any]) -> ObjectKey:
    metadata = vault["metadata"]
    return ObjectKey(str(vault["kind"]), str(metadata.get("namespace", "")), str(metadata["name"]))


def _address(vault: Mapping[str, Any]) -> str:
    return str((vault.get("spec") or {}).get("url", "")).lower().rstrip("/") or str(_key(vault))


def render_users(row: Row) -> str:
    """Who uses it, in words; CryptoJobs, which come and go, are not looked at."""
    return ", ".join(row.used_by) or "no binding"


def render_left(expires: datetime | None, now: datetime) -> str:
    """How long until then, in the largest unit that fits: `12 days`, `3 hours`, `5 days ago`."""
    if expires is None:
        return "never"
    seconds = int((expires - now).total_seconds())
    past = seconds < 0
    for word, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = abs(seconds) // size
        if count:
            return f"{count} {word}{'s' if count > 1 else ''}{' ago' if past else ''}"
    return "now"
