"""Pure: what expires when, over all vaults and namespaces, from what the status of each binding tells."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from vaultbind.api.binding import BindingSpec
from vaultbind.api.binding_parser import parse_binding
from vaultbind.api.errors import SpecError
from vaultbind.api.keyvault import DefaultAuth, KeyVaultSpec
from vaultbind.api.keyvault_parser import parse_keyvault
from vaultbind.api.refs import ObjectKey
from vaultbind.expiry.times import parse_time

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
    """The version that was read last; several bindings may hold several."""
    expires: datetime | None
    state: State
    used_by: tuple[str, ...]
    """`namespace/binding`, sorted."""


@dataclass(slots=True)
class _Found:
    expires: datetime | None
    soon: bool
    users: set[str]


def summarize_expiry(
    bindings: Iterable[Mapping[str, Any]], vaults: Iterable[Mapping[str, Any]], now: datetime
) -> list[Row]:
    """Rows, the most urgent first; what has no expiry comes last."""
    thresholds = {_key(vault): _thresholds(vault) for vault in vaults}
    found: dict[tuple[str, str, str, str], _Found] = {}
    for binding in bindings:
        spec = _parse(binding)
        if spec is None:
            continue
        limits = spec.warn_before
        if limits is None:
            limits = thresholds.get(spec.vault, DEFAULT_THRESHOLDS)
        _take(found, binding, spec, max(limits, default=timedelta(0)), now)
    rows = [_row(place, item, now) for place, item in found.items()]
    return sorted(
        rows, key=lambda row: (row.expires is None, row.expires or now, row.vault, row.kind, row.name)
    )


def _take(
    found: dict[tuple[str, str, str, str], _Found],
    binding: Mapping[str, Any],
    spec: BindingSpec,
    widest: timedelta,
    now: datetime,
) -> None:
    metadata = binding["metadata"]
    for item in (binding.get("status") or {}).get("objects") or ():
        expires = parse_time(item.get("expires"))
        place = (str(spec.vault), str(item["kind"]), str(item["name"]), str(item.get("version") or ""))
        known = found.setdefault(place, _Found(expires, soon=False, users=set()))
        known.soon = known.soon or (expires is not None and expires - now <= widest)
        known.users.add(f"{metadata['namespace']}/{metadata['name']}")


def _row(place: tuple[str, str, str, str], found: _Found, now: datetime) -> Row:
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
