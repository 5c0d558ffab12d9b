"""The state machine of one kind: versions, names, soft delete, and what must hold after any history."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaultbind.keyvault.simulation import Kind, SimulatedVault, VaultDriver, VaultProblem, VaultSettings
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.limits import MAX_VALUE_BYTES

DAY = 86_400


def vault(**options: Any) -> SimulatedVault:
    return SimulatedVault("shop", VaultSettings(**options))


def refused(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(VaultProblem) as caught:
        call()
    return caught.value.status, caught.value.inner or caught.value.code


def test_a_new_version_becomes_the_latest_and_the_old_one_stays() -> None:
    shop = vault()
    first = shop.secrets.set("db", "one", now=100)
    second = shop.secrets.set("db", "two", now=200)
    assert shop.secrets.get("db").value == "two"
    assert shop.secrets.get("db", first.version).value == "one"
    assert {first.version, second.version} == {record.version for record in shop.versions(Kind.SECRETS, "db")}
    assert all(len(record.version) == 32 and int(record.version, 16) for record in (first, second))


def test_names_and_versions_compare_without_case() -> None:
    shop = vault()
    record = shop.secrets.set("DbPassword", "one", now=100)
    assert shop.secrets.get("dbpassword", record.version.upper()) == record
    shop.secrets.set("DBPASSWORD", "two", now=101)
    assert len(shop.secrets.store) == 1


def test_versions_are_the_same_under_the_same_seed_and_differ_under_another() -> None:
    one, same, other = (vault(seed=seed).secrets.set("a", "x", now=1).version for seed in ("1", "1", "2"))
    assert one == same != other


def test_update_moves_updated_alone_and_leaves_the_value() -> None:
    shop = vault()
    shop.secrets.set("db", "one", now=100, changes=Changes(tags={"a": "b"}, content_type="text/plain"))
    changed = shop.secrets.update("db", now=150, changes=Changes(enabled=False, expires=999))
    assert (changed.attributes.created, changed.attributes.updated) == (100, 150)
    assert (changed.value, changed.tags, changed.content_type) == ("one", {"a": "b"}, "text/plain")
    assert refused(lambda: shop.secrets.get("db")) == (403, "SecretDisabled")


def test_update_of_an_older_version_leaves_the_latest() -> None:
    shop = vault()
    first = shop.secrets.set("db", "one", now=100)
    shop.secrets.set("db", "two", now=110)
    shop.secrets.update("db", first.version, now=150, changes=Changes(enabled=False))
    assert shop.secrets.get("db").attributes.updated == 110
    assert refused(lambda: shop.secrets.get("db", first.version)) == (403, "SecretDisabled")


@pytest.mark.parametrize(
    "window", [Changes(expires=50), Changes(not_before=10**9)], ids=["expired", "not yet valid"]
)
def test_a_secret_is_readable_outside_its_window(window: Changes) -> None:
    shop = vault()
    shop.secrets.set("db", "one", now=100, changes=window)
    assert shop.secrets.get("db").value == "one"


def test_soft_delete_hides_blocks_the_name_and_recovers_with_old_timestamps() -> None:
    shop = vault()
    record = shop.secrets.set("db", "one", now=100)
    deletion = shop.secrets.delete("db", now=200)
    assert deletion.purge == 200 + 90 * DAY
    assert refused(lambda: shop.secrets.get("db")) == (404, "SecretNotFound")
    assert refused(lambda: shop.secrets.set("DB", "x", now=201)) == (409, "ObjectIsDeletedButRecoverable")
    assert shop.recover(Kind.SECRETS, "db", now=300) == record
    assert shop.secrets.get("db") == record


def test_purge_frees_the_name() -> None:
    shop = vault()
    shop.secrets.set("db", "one", now=100)
    shop.secrets.delete("db", now=200)
    shop.purge(Kind.SECRETS, "db", now=201)
    assert refused(lambda: shop.get_deleted(Kind.SECRETS, "db", now=202)) == (404, "SecretNotFound")
    assert shop.secrets.set("db", "new", now=203).value == "new"


@pytest.mark.parametrize("kind", list(Kind))
def test_under_purge_protection_only_time_purges(kind: Kind) -> None:
    shop = vault(purgeable=False, retention_days=7)
    driver = VaultDriver(shop, lambda: datetime.fromtimestamp(100, UTC))
    driver.set_secret("s", "x")
    driver.create_key("k")
    driver.issue_certificate("c", ["a.test"])
    name = kind[0]
    driver.delete(kind, name)
    assert refused(lambda: driver.purge(kind, name)) == (403, "Forbidden")
    assert shop.get_deleted(kind, name, now=100).deleted == 100
    shop.advance(now=100 + 7 * DAY)
    assert refused(lambda: shop.get_deleted(kind, name, now=100 + 7 * DAY))[0] == 404


def test_retention_ends_by_itself() -> None:
    shop = vault(retention_days=7)
    shop.secrets.set("db", "one", now=0)
    shop.secrets.delete("db", now=0)
    assert shop.get_deleted(Kind.SECRETS, "db", now=7 * DAY - 1).deleted == 0
    assert refused(lambda: shop.get_deleted(Kind.SECRETS, "db", now=7 * DAY)) == (404, "SecretNotFound")
    assert shop.secrets.set("db", "new", now=7 * DAY).value == "new"


def test_a_slow_deletion_is_invisible_until_it_is_done() -> None:
    shop = vault(deletion_seconds=5)
    shop.secrets.set("db", "one", now=0)
    shop.secrets.delete("db", now=10)
    assert refused(lambda: shop.get_deleted(Kind.SECRETS, "db", now=14)) == (404, "SecretNotFound")
    assert refused(lambda: shop.secrets.set("db", "x", now=14)) == (409, "ObjectIsBeingDeleted")
    assert shop.get_deleted(Kind.SECRETS, "db", now=15).history.latest.name == "db"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda v: v.secrets.set("a_b", "x", now=1), id="underscore in the name"),
        pytest.param(lambda v: v.secrets.set("a" * 128, "x", now=1), id="name too long"),
        pytest.param(lambda v: v.secrets.set("a\n", "x", now=1), id="newline behind the name"),
        pytest.param(lambda v: v.secrets.set("a", "x" * (MAX_VALUE_BYTES + 1), now=1), id="value too long"),
        pytest.param(lambda v: v.secrets.set("a", "\u00e4" * 12_801, now=1), id="value too long in bytes"),
        pytest.param(
            lambda v: v.secrets.set("a", "x", now=1, changes=Changes(tags={str(i): "" for i in range(16)})),
            id="16 tags",
        ),
        pytest.param(
            lambda v: v.secrets.set("a", "x", now=1, changes=Changes(content_type="x" * 256)),
            id="content type",
        ),
        pytest.param(
            lambda v: v.secrets.set("a", "x", now=1, changes=Changes(not_before=9, expires=9)),
            id="empty window",
        ),
        pytest.param(lambda v: v.keys.create("a", now=1, key_type="RSA", size=1024), id="weak RSA"),
        pytest.param(lambda v: v.keys.create("a", now=1, key_type="EC", curve="P-192"), id="unknown curve"),
        pytest.param(lambda v: v.keys.create("a", now=1, key_type="DSA"), id="unknown type"),
    ],
)
def test_refused_as_bad_parameter_and_nothing_is_written(call: Callable[[SimulatedVault], object]) -> None:
    shop = vault()
    assert refused(lambda: call(shop)) == (400, "BadParameter")
    assert len(shop.secrets.store) == len(shop.keys.store) == 0


def test_the_largest_value_is_taken() -> None:
    assert len(vault().secrets.set("a", "x" * MAX_VALUE_BYTES, now=1).value) == MAX_VALUE_BYTES


def test_recovery_level_follows_the_settings() -> None:
    levels = [
        VaultSettings(retention_days=days, purgeable=purge).recovery_level
        for days, purge in ((90, True), (90, False), (7, True))
    ]
    assert levels == ["Recoverable+Purgeable", "Recoverable", "CustomizedRecoverable+Purgeable"]


def test_repr_shows_no_value() -> None:
    record = vault().secrets.set("db", "hunter2hunter2", now=1)
    assert "hunter2" not in repr(record)


NAMES = st.sampled_from(["a", "b", "C", "dd"])
STEPS = st.lists(st.tuples(st.sampled_from(["set", "delete", "recover", "purge"]), NAMES), max_size=40)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_after_any_history_the_vault_agrees_with_a_plain_model(steps: list[tuple[str, str]]) -> None:
    shop = vault()
    live: dict[str, list[str]] = {}
    deleted: dict[str, list[str]] = {}
    for now, (verb, name) in enumerate(steps):
        allowed = {"set": name not in deleted, "delete": name in live}.get(verb, name in deleted)
        if not allowed:
            assert refused(lambda: take(shop, verb, name, now))[0] == (409 if verb == "set" else 404)  # noqa: B023 - called at once
            continue
        take(shop, verb, name, now)
        if verb == "set":
            live.setdefault(name, []).append(str(now))
        elif verb == "delete":
            deleted[name] = live.pop(name)
        else:
            values = deleted.pop(name)
            live |= {name: values} if verb == "recover" else {}
    assert shop.secrets.store.names() == tuple(sorted(live, key=str.lower))
    for name, values in live.items():
        assert shop.secrets.get(name).value == values[-1]
        assert sorted(record.value for record in shop.secrets.store.versions(name)) == sorted(values)


def take(shop: SimulatedVault, verb: str, name: str, now: int) -> None:
    steps: dict[str, Callable[[], object]] = {
        "set": lambda: shop.secrets.set(name, str(now), now=now),
        "delete": lambda: shop.secrets.delete(name, now=now),
        "recover": lambda: shop.recover(Kind.SECRETS, name, now=now),
        "purge": lambda: shop.purge(Kind.SECRETS, name, now=now),
    }
    steps[verb]()
