"""A vault as rows of JSON, for snapshots and for the file that outlives the process.

A row has a place (a kind of object or a table), a key (a lower-case name) and its content. Rows hold values
and private keys as they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from vaultbind.keyvault.simulation.codec import CodecError, decode, encode, record_fields
from vaultbind.keyvault.simulation.records import (
    CertificateVersion,
    KeyVersion,
    Kind,
    SecretVersion,
    VaultSettings,
)
from vaultbind.keyvault.simulation.store import Deletion, History
from vaultbind.keyvault.simulation.vault import SimulatedVault

RECORDS: Final[Mapping[Kind, type]] = {
    Kind.SECRETS: SecretVersion,
    Kind.KEYS: KeyVersion,
    Kind.CERTIFICATES: CertificateVersion,
}
IDS: Final = "ids"
OBJECT_MEMBERS: Final = frozenset({"latest", "versions", "deletion"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultState:
    """What `read_vault` understood, ready to be put into a vault."""

    ids: int
    objects: Mapping[Kind, Mapping[str, tuple[History[Any], Deletion[Any] | None]]] = field(repr=False)
    tables: Mapping[str, Mapping[str, Any]] = field(repr=False)


def places(vault: SimulatedVault) -> tuple[str, ...]:
    """Names of all places that a vault's rows can have."""
    return (*(str(kind) for kind in Kind), *vault.tables)


def render_row(vault: SimulatedVault, place: str, key: str) -> Any | None:
    """Content of one row, None when there is nothing (any more)."""
    if place in vault.tables:
        record = vault.tables[place].get(key)
        return None if record is None else encode(record)
    found = vault.store(Kind(place)).find(key)
    return None if found is None else _render_object(*found)


def render_vault(vault: SimulatedVault) -> dict[str, Any]:
    """All rows of a vault by place and key, and how many version ids it has given."""
    rows: dict[str, Any] = {IDS: vault.ids.count}
    for place in places(vault):
        keys = vault.tables[place] if place in vault.tables else vault.store(Kind(place)).held()
        rows[place] = {key: render_row(vault, place, key) for key in sorted(keys)}
    return rows


def _render_object(history: History[Any], deletion: Deletion[Any] | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "latest": history.latest.version,
        "versions": [encode(record) for record in history.versions.values()],
    }
    if deletion is not None:
        content["deletion"] = {
            member.name: encode(getattr(deletion, member.name))
            for member in fields(deletion)
            if member.name != "history"
        }
    return content


def parse_vault(content: Any, where: str) -> VaultState:
    """Read what `render_vault` wrote; raises CodecError, and has changed nothing by then."""
    rows = _mapping(content, where)
    blank = SimulatedVault("", VaultSettings())
    unknown = sorted(set(rows) - {IDS, *places(blank)})
    if unknown:
        raise CodecError(f"{where}.{unknown[0][:40]} is unknown")
    ids = rows.get(IDS, 0)
    if not isinstance(ids, int) or isinstance(ids, bool) or ids < 0:
        raise CodecError(f"{where}.{IDS} must be a number")
    return VaultState(
        ids=ids,
        objects={
            kind: {
                key: _parse_object(kind, row, f"{where}.{kind}.{key}")
                for key, row in _mapping(rows.get(kind, {}), f"{where}.{kind}").items()
            }
            for kind in Kind
        },
        tables={
            name: {
                key: decode(table.hint, row, f"{where}.{name}.{key}")
                for key, row in _mapping(rows.get(name, {}), f"{where}.{name}").items()
            }
            for name, table in blank.tables.items()
        },
    )


def _parse_object(kind: Kind, content: Any, where: str) -> tuple[History[Any], Deletion[Any] | None]:
    row = _mapping(content, where)
    if set(row) - OBJECT_MEMBERS:
        raise CodecError(f"{where} has an unknown member {min(set(row) - OBJECT_MEMBERS)[:40]}")
    versions = row.get("versions")
    if not isinstance(versions, list) or not versions:
        raise CodecError(f"{where}.versions must be a list with an item or more")
    records = [
        decode(RECORDS[kind], version, f"{where}.versions[{index}]") for index, version in enumerate(versions)
    ]
    history = History(records[0])
    for record in records[1:]:
        history.add(record)
    latest = history.versions.get(row.get("latest", ""))
    if latest is None:
        raise CodecError(f"{where}.latest names no version")
    history.latest = latest
    return history, _parse_deletion(history, row.get("deletion"), f"{where}.deletion")


def _parse_deletion(history: History[Any], content: Any, where: str) -> Deletion[Any] | None:
    if content is None:
        return None
    members = _mapping(content, where)
    known = {name: hint for name, hint in record_fields(Deletion).items() if name != "history"}
    if set(members) - set(known):
        raise CodecError(f"{where} has an unknown member {min(set(members) - set(known))[:40]}")
    missing = [name for name, (_, needed) in known.items() if needed and name not in members]
    if missing:
        raise CodecError(f"{where} lacks {missing[0]}")
    values = {name: decode(known[name][0], item, f"{where}.{name}") for name, item in members.items()}
    return Deletion(history=history, **values)


def load_vault(vault: SimulatedVault, state: VaultState) -> None:
    """Make a vault hold what a state says, and nothing else."""
    vault.ids.count = max(vault.ids.count, state.ids)  # an id is never given twice
    for kind in Kind:
        store = vault.store(kind)
        for key in tuple(store.held()):
            store.drop(key)
        for key, (history, deletion) in state.objects.get(kind, {}).items():
            store.put(key, history, deletion)
    for name, table in vault.tables.items():
        table.clear()
        table.update(state.tables.get(name, {}))


def iterate_rows(vault: SimulatedVault) -> Iterator[tuple[str, str]]:
    """Place and key of every row."""
    for place in places(vault):
        keys = vault.tables[place] if place in vault.tables else vault.store(Kind(place)).held()
        for key in tuple(keys):
            yield place, key


def _mapping(content: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise CodecError(f"{where} must be an object")
    return content
