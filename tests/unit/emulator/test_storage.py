"""The state file: everything comes back, nothing else, and what cannot be used is said."""

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaultbind.emulator.storage import StateFile, StorageError
from vaultbind.keyvault.simulation import Denial, Estate, EstateConfig, Firewall, RoleAssignment, VaultProblem
from vaultbind.keyvault.simulation.snapshots import parse_snapshot, render_snapshot, restore

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)


def new_estate() -> Estate:
    return Estate(EstateConfig(clock=lambda: NOW))


def reloaded(path: Path) -> Estate:
    estate = new_estate()
    StateFile(path, estate).close()
    return estate


def test_everything_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    estate = new_estate()
    file = StateFile(path, estate)
    shop = estate.driver("shop")
    shop.set_secret("Db", "one", tags={"a": "b"})
    file.flush()
    shop.set_secret("Db", "two", expires=NOW)
    shop.set_secret("gone", "x")
    shop.delete("secrets", "gone")
    shop.create_key("sign")
    shop.issue_certificate("tls", ["a.test"])
    estate.vault("empty")
    estate.time.advance(timedelta(days=3))
    estate.time.advance(timedelta(hours=1), "shop")
    estate.access.grant(RoleAssignment(principal="app", vault="shop", role="Key Vault Reader"))
    estate.access.set_firewall("bank", Firewall(public_access=False))
    estate.access.deny(Denial(kind="secrets", action="list"))
    file.close()
    other = reloaded(path)
    assert render_snapshot(other) == render_snapshot(estate)
    assert other.driver("shop").set_secret("Db", "three").version not in {
        record.version for record in estate.vault("shop").secrets.store.versions("Db")
    }


def test_what_is_purged_is_gone_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    estate = new_estate()
    file = StateFile(path, estate)
    shop = estate.driver("shop")
    shop.set_secret("pin", "a-value-to-look-for")
    shop.issue_certificate("tls", ["a.test"])
    file.flush()
    for kind, name in (("secrets", "pin"), ("certificates", "tls")):
        shop.delete(kind, name)
        shop.purge(kind, name)
    file.close()
    with closing(sqlite3.connect(path)) as connection:
        places = {place for (place,) in connection.execute("SELECT place FROM rows")}
    assert not places & {"secrets", "keys", "certificates"}
    assert b"a-value-to-look-for" not in path.read_bytes()


def test_rules_that_are_cleared_stay_cleared(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    estate = new_estate()
    file = StateFile(path, estate)
    assert not file.knows_access
    estate.access.deny(Denial())
    file.flush()
    estate.access.clear()
    file.close()
    other = new_estate()
    again = StateFile(path, other)
    again.close()
    assert (again.knows_access, other.access.denials()) == (True, ())


def test_a_restored_snapshot_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    estate = new_estate()
    estate.driver("shop").set_secret("db", "one")
    document = render_snapshot(estate)
    other = new_estate()
    file = StateFile(path, other)
    other.driver("shop").set_secret("old", "x")
    file.flush()
    restore(other, parse_snapshot(document))
    file.close()
    assert sorted(reloaded(path).vault("shop").secrets.store.names()) == ["db"]


NAMES = st.sampled_from(["a", "B", "c-1"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), NAMES),
        st.tuples(st.just("update"), NAMES),
        st.tuples(st.just("delete"), NAMES),
        st.tuples(st.just("recover"), NAMES),
        st.tuples(st.just("purge"), NAMES),
        st.tuples(st.just("flush"), NAMES),
        st.tuples(st.just("key"), NAMES),
        st.tuples(st.just("time"), NAMES),
    ),
    max_size=25,
)


def advance(estate: Estate) -> None:
    estate.time.advance(timedelta(days=50))
    estate.settle()


@given(steps=STEPS)
@settings(max_examples=40)
def test_after_any_history_the_file_holds_what_memory_holds(
    steps: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("state") / "state.db"
    estate = new_estate()
    file = StateFile(path, estate)
    driver = estate.driver("v")
    actions: dict[str, Callable[[str], object]] = {
        "set": lambda name: driver.set_secret(name, "x"),
        "update": lambda name: driver.update_secret(name, tags={"a": "b"}),
        "delete": lambda name: driver.delete("secrets", name),
        "recover": lambda name: driver.recover("secrets", name),
        "purge": lambda name: driver.purge("secrets", name),
        "flush": lambda _: file.flush(),
        "key": driver.create_key,
        "time": lambda _: advance(estate),
    }
    for action, name in steps:
        try:
            actions[action](name)
        except (VaultProblem, ValueError):
            continue
    file.close()
    assert render_snapshot(reloaded(path)) == render_snapshot(estate)


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch(0o644)
    estate = new_estate()
    file = StateFile(path, estate)
    estate.driver("v").set_secret("a", "x")
    file.flush()
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in tmp_path.iterdir()}
    file.close()
    assert "state.db-wal" in modes
    assert set(modes.values()) == {0o600}


def test_one_emulator_at_a_time_has_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    file = StateFile(path, new_estate())
    with pytest.raises(StorageError, match="another emulator has it"):
        StateFile(path, new_estate())
    file.close()


def damaged(path: Path, statement: str) -> None:
    estate = new_estate()
    file = StateFile(path, estate)
    estate.driver("shop").set_secret("db", "geheim")
    file.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE rows SET content = '{' WHERE place = 'secrets'", "cannot read"),
        ("UPDATE rows SET content = '{}' WHERE place = 'secrets'", "shop.secrets.db.versions must be"),
        ("PRAGMA user_version = 7", "by another version of vaultbind"),
        ("INSERT INTO rows VALUES ('shop', 'cats', 'tom', '1')", "shop.cats is unknown"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, statement: str, message: str) -> None:
    path = tmp_path / "state.db"
    damaged(path, statement)
    with pytest.raises(StorageError) as caught:
        StateFile(path, new_estate())
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, and long enough to be sure of that " * 50)
    for path in (tmp_path / "text", tmp_path, tmp_path / "no" / "state.db"):
        with pytest.raises(StorageError, match="cannot open the state file"):
            StateFile(path, new_estate())


def test_the_database_of_another_program_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    path.chmod(0o640)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="database of another program: use a new file"):
        StateFile(path, new_estate())
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_row_that_cannot_be_written_leaves_no_transaction_open(tmp_path: Path) -> None:
    estate = new_estate()
    file = StateFile(tmp_path / "state.db", estate)
    estate.vault("\udcff")
    for _ in range(2):
        with pytest.raises(UnicodeEncodeError):
            file.flush()
    assert not file._connection.in_transaction
    file._dirty.clear()
    file.close()


def test_a_write_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    estate = new_estate()
    file = StateFile(path, estate)
    estate.driver("v").set_secret("a", "x")
    file._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="cannot write"):
        file.flush()
    file._connection.execute("PRAGMA query_only = OFF")
    file.close()
    assert reloaded(path).vault("v").secrets.get("a").value == "x"
