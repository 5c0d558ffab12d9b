"""State that outlives the process: every change is in an SQLite file before it is answered.

The file holds values and private keys as they are, readable by its owner alone; one emulator at a time
has it.
"""

import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from vaultbind.keyvault.simulation import Estate, SimulatedVault
from vaultbind.keyvault.simulation.codec import CodecError
from vaultbind.keyvault.simulation.records import Kind
from vaultbind.keyvault.simulation.snapshots import (
    load_access_state,
    parse_access_state,
    parse_time,
    render_access_state,
    render_time,
)
from vaultbind.keyvault.simulation.state import IDS, load_vault, parse_vault, places, render_row

FORMAT: Final = 1
TIME: Final = ("", "time", "")
"""Vault, place and key of the row that says how far time was moved."""
ACCESS: Final = ("", "access", "")
"""The same of who may do what."""
ROWS: Final = """
    CREATE TABLE IF NOT EXISTS rows (
        vault TEXT, place TEXT, key TEXT, content BLOB NOT NULL, PRIMARY KEY (vault, place, key)
    ) WITHOUT ROWID
"""
FOREIGN: Final = "SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'rows'"
SETUP: Final = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    # what was committed survives the end of the process; only a power cut may take the last moments
    "PRAGMA synchronous = NORMAL",
    "PRAGMA secure_delete = ON",
    ROWS,
)
Row = tuple[str, str, str]


class StorageError(Exception):
    """A state file that cannot be read or written; the message names it and the next step, never a value."""


class StateFile:
    """Keeps an estate in a file. `flush` is quick (one transaction on local disk), so it runs on the loop."""

    def __init__(self, path: Path, estate: Estate) -> None:
        """Open or make the file and load it into `estate`, which is empty; raises StorageError."""
        self._path = path
        self._estate = estate
        self._dirty: set[Row] = set()
        self._time: tuple[timedelta, dict[str, timedelta]]
        self.knows_access = False
        """Whether the file says who may do what."""
        try:
            self._connection = self._open()
        except (OSError, sqlite3.Error) as error:
            raise self._problem("open", error) from None
        try:
            self._load()
        except BaseException:
            self._connection.close()
            raise
        for vault in estate.vaults.values():
            self._watch(vault)
        estate.newcomers.append(self._welcome)

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=0)
        try:
            if connection.execute(FOREIGN).fetchone():
                raise StorageError(f"{self._path} is the database of another program: use a new file")
            self._path.chmod(0o600)
            for statement in SETUP:
                connection.execute(statement)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in {0, FORMAT}:
                raise StorageError(
                    f"{self._path} was written by another version of vaultbind: use a new file"
                )
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _load(self) -> None:
        vaults: dict[str, dict[str, Any]] = defaultdict(lambda: defaultdict(dict))
        try:
            for vault, place, key, content in self._connection.execute("SELECT * FROM rows"):
                vaults[vault][place][key] = orjson.loads(content)
            common = vaults.pop("", {})
            self._time = shared, own = parse_time(common.get("time", {}).get("", {}))
            self.knows_access = "access" in common
            access = parse_access_state(common.get("access", {}).get("", {}))
            states = {
                name: parse_vault({**rows, IDS: rows.get(IDS, {}).get("", 0)}, name)
                for name, rows in vaults.items()
            }
        except (sqlite3.Error, orjson.JSONDecodeError, CodecError) as error:
            raise self._problem("read", error) from None
        self._estate.time.load(shared, own)
        load_access_state(self._estate.access, access)
        self._access_changes = self._estate.access.changes
        for name, state in states.items():
            load_vault(self._estate.vault(name), state)

    def _welcome(self, vault: SimulatedVault) -> None:
        self._watch(vault)
        self._dirty.add((vault.name, IDS, ""))  # a vault is kept though it is empty

    def _watch(self, vault: SimulatedVault) -> None:
        for place in places(vault):
            part = vault.tables[place] if place in vault.tables else vault.store(Kind(place))
            part.listeners.append(self._noting(vault.name, place))

    def _noting(self, vault: str, place: str) -> Callable[[str, object | None], None]:
        return lambda key, _added: self._dirty.update(((vault, place, key), (vault, IDS, "")))

    def flush(self) -> None:
        """Write what has changed; raises StorageError, and tries that again the next time."""
        time = (self._estate.time.shared, dict(self._estate.time.own))
        if time != self._time:
            self._dirty.add(TIME)
        access_changes = self._estate.access.changes
        if access_changes != self._access_changes:
            self._dirty.add(ACCESS)
        if not self._dirty:
            return
        rows = [(row, self._content(row)) for row in sorted(self._dirty)]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for row, content in rows:
                self._write(row, content)
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:  # a bug in one row must not fail all requests that follow
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._problem("write", error) from None
            raise
        self._dirty.clear()
        self._time = time
        self._access_changes = access_changes

    def _content(self, row: Row) -> Any | None:
        if row == TIME:
            return render_time(self._estate)
        if row == ACCESS:
            return render_access_state(self._estate.access)
        name, place, key = row
        vault = self._estate.vaults[name]
        return vault.ids.count if place == IDS else render_row(vault, place, key)

    def _write(self, row: Row, content: Any | None) -> None:
        if content is None:
            self._connection.execute("DELETE FROM rows WHERE vault = ? AND place = ? AND key = ?", row)
        else:
            self._connection.execute("REPLACE INTO rows VALUES (?, ?, ?, ?)", (*row, orjson.dumps(content)))

    def close(self) -> None:
        """Write the rest and let the file go; raises StorageError."""
        try:
            self.flush()
        finally:
            self._connection.close()

    def _problem(self, verb: str, error: Exception) -> StorageError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "another emulator has it" if "locked" in str(error) else reason
        return StorageError(f"cannot {verb} the state file {self._path}: {hint}")
