"""Records, vaults and estates as JSON: nothing is lost, nothing is forgotten, mistakes change nothing."""

import inspect
from collections.abc import Mapping, MutableMapping, MutableSequence, MutableSet
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from vaultbind.keyvault.simulation import (
    Denial,
    Estate,
    EstateConfig,
    Kind,
    SimulatedVault,
    VaultDriver,
    records,
)
from vaultbind.keyvault.simulation.access_forms import apply_access, parse_access
from vaultbind.keyvault.simulation.codec import CodecError, decode, encode, record_fields
from vaultbind.keyvault.simulation.snapshots import parse_snapshot, render_snapshot, restore
from vaultbind.keyvault.simulation.state import (
    RECORDS,
    iterate_rows,
    load_vault,
    parse_vault,
    render_row,
    render_vault,
)
from vaultbind.keyvault.simulation.store import History, ObjectStore
from vaultbind.keyvault.simulation.tables import Table

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    Any: JSON,
    str: st.text(max_size=12),
    int: st.integers(-(2**53), 2**53),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bytes: st.binary(max_size=12),
    type(None): st.none(),
    rsa.RSAPrivateKey: st.just(RSA_KEY),
    ec.EllipticCurvePrivateKey: st.just(EC_KEY),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of any type that a record's field may have; a type that is not known here fails aloud."""
    if hint in SCALARS:
        return SCALARS[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return st.one_of(*map(values, arguments))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(st.text(max_size=6), values(arguments[1]), max_size=3)
    if origin in {tuple, list, frozenset}:
        return st.lists(values(arguments[0]), max_size=3).map(origin)
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return st.builds(hint, **{name: values(member) for name, (member, _) in record_fields(hint).items()})


def known_records() -> list[Any]:
    """Every dataclass of `records`, and whatever a vault's tables hold."""
    own = [value for value in vars(records).values() if inspect.isclass(value) and is_dataclass(value)]
    return [*own, *(table.hint for table in SimulatedVault("v").tables.values())]


def comparable(value: Any) -> Any:
    """A value with its types; keys have no equality, so their numbers stand for them."""
    if isinstance(value, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return value.private_numbers()
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), [comparable(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, Mapping):
        return {name: comparable(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value), [comparable(item) for item in value]
    return type(value), value


@pytest.mark.parametrize("record", known_records(), ids=str)
def test_every_record_survives_the_way_through_json(record: Any) -> None:
    @given(values(record))
    @settings(max_examples=30)
    def survives(value: Any) -> None:
        text = orjson.dumps(encode(value))
        assert comparable(decode(record, orjson.loads(text))) == comparable(value)

    survives()


def test_every_kind_of_record_is_known() -> None:
    assert set(RECORDS) == set(Kind)


NOT_STATE = {
    ("SimulatedVault", "name"): "is the row's address",
    ("SimulatedVault", "tables"): "names the tables that are state",
    ("VersionIds", "count"): "is the row `ids`",
    ("VersionIds", "_seed"): "comes from the settings",
    ("Issuance", "_due"): "follows from certificates, policies and operations",
    ("Issuance", "_next_due"): "follows from `_due`",
    ("Issuance", "_changed"): "names what `_due` has to be reckoned anew for",
    ("Issuance", "_settled"): "after a restart, what is overdue happens at its own moment",
    ("Issuance", "_renewals"): "counts within one leap of time",
    ("Issuance", "_seconds"): "comes from the settings",
    ("IssuerBook", "tables"): "names the tables that are state",
    ("SimulatedKeys", "_signer"): "signs released keys; after a restart another one does",
    ("SimulatedKeys", "_next_rotation"): "follows from keys and policies, forgotten whenever one changes",
    ("SimulatedKeys", "_rotations"): "counts within one leap of time",
}
"""What a vault keeps in memory that needs no row of its own, and why."""


def forgotten(part: Any, seen: set[int]) -> list[str]:
    """Everything that can change below `part` and that no row holds."""
    if id(part) in seen:
        return []
    seen.add(id(part))
    found = []
    for name, value in vars(part).items():
        where = (type(part).__name__, name)
        if where in NOT_STATE or isinstance(value, ObjectStore) or callable(value) or is_dataclass(value):
            continue
        if isinstance(value, Table) and any(value is table for table in VAULT.tables.values()):
            continue
        if type(value).__module__.startswith("vaultbind.") and not isinstance(value, Table):
            found += forgotten(value, seen)
        else:
            found.append(".".join(where))
    return found


VAULT = SimulatedVault("v")


def test_no_state_of_a_vault_is_forgotten() -> None:
    advice = "make it a Table and name it in SimulatedVault.tables, or give the reason in NOT_STATE"
    assert forgotten(VAULT, set()) == [], advice


def test_the_search_for_forgotten_state_finds_some() -> None:
    vault = SimulatedVault("v")
    vault.keys.extra = {}  # type: ignore[attr-defined]
    vault.secrets.number = 1  # type: ignore[attr-defined]
    assert "SimulatedKeys.extra" in forgotten(vault, set())
    assert "SimulatedSecrets.number" in forgotten(vault, set())
    assert not isinstance(vault, MutableMapping | MutableSequence | MutableSet)


def test_what_a_store_holds_is_in_its_rows() -> None:
    """A new member of the store or of a history must be thought of in `state`."""
    members = {name for name in vars(VAULT.secrets.store) if not name.startswith("__")}
    order = {"_live_order", "_next_due"}  # follow from the rest
    assert members == {"kind", "_settings", "_live", "_deleted", "listeners", *order}
    assert set(History.__slots__) == {"latest", "versions"}


def filled() -> Estate:
    estate = Estate(EstateConfig(clock=lambda: NOW))
    shop = estate.driver("shop")
    shop.set_secret("Db", "one", tags={"a": "b"}, expires=NOW + timedelta(days=3))
    shop.set_secret("Db", "two", content_type="text/plain", enabled=False)
    shop.set_secret("gone", "three")
    shop.delete("secrets", "gone")
    shop.create_key("sign")
    shop.issue_certificate("tls", ["shop.example.test"])
    estate.driver("bank").set_secret("pin", "0000")
    estate.time.advance(timedelta(days=2))
    estate.time.advance(timedelta(hours=1), "bank")
    apply_access(estate.access, parse_access(RULES, []))
    estate.access.deny(Denial(kind="keys", action="list"), Denial(name="db", code="ForbiddenByFirewall"))
    return estate


RULES = {
    "shop": {
        "roles": [
            {"principal": "app", "role": "Key Vault Secrets User", "scope": "secrets/db"},
            {"principal": "*", "actions": ["secrets/readMetadata/action"]},
        ],
        "firewall": {"allow": ["10.0.0.0/8"], "publicAccess": True},
    },
    "bank": {"policies": [{"principal": "app", "secrets": ["get", "list"], "keys": ["all"]}]},
    "closed": {"roles": []},
    "open-to-nobody": {"firewall": {"publicAccess": False}},
}


def test_an_estate_survives_the_way_through_json() -> None:
    estate = filled()
    document = orjson.loads(orjson.dumps(render_snapshot(estate)))
    other = Estate(EstateConfig(clock=lambda: NOW))
    other.driver("shop").set_secret("old", "x")
    other.driver("leftover").set_secret("old", "x")
    apply_access(other.access, parse_access({"shop": {"policies": []}, "leftover": {"roles": []}}, []))
    restore(other, parse_snapshot(document))
    document["vaults"]["leftover"] = render_vault(SimulatedVault("leftover")) | {"ids": 1}
    assert render_snapshot(other) == document
    assert other.access.grants() == estate.access.grants()
    assert other.access.models() == estate.access.models()
    assert other.access.firewalls() == estate.access.firewalls()
    assert other.access.denials() == estate.access.denials()
    shop = other.vault("shop")
    assert [record.value for record in shop.secrets.store.versions("db")] != []
    assert shop.secrets.store.get("db").value == "two"
    assert shop.get_deleted(Kind.SECRETS, "gone", now=int(NOW.timestamp())).history.latest.name == "gone"
    assert shop.certificates.get_policy("tls") == estate.vault("shop").certificates.get_policy("tls")


def test_a_document_that_says_nothing_of_access_leaves_it() -> None:
    estate = filled()
    before = render_snapshot(estate)["access"]
    document = render_snapshot(filled())
    del document["access"]
    restore(estate, parse_snapshot(document))
    assert render_snapshot(estate)["access"] == before


def test_versions_made_after_a_restore_are_new() -> None:
    estate = filled()
    document = render_snapshot(estate)
    later = estate.driver("shop").set_secret("Db", "three").version
    restore(estate, parse_snapshot(document))
    assert later not in {record.version for record in estate.vault("shop").versions(Kind.SECRETS, "db")}
    assert estate.driver("shop").set_secret("Db", "four").version != later


def test_a_driver_goes_on_with_what_was_restored() -> None:
    estate = filled()
    shop = estate.driver("shop")
    document = render_snapshot(estate)
    shop.set_secret("db", "three")
    restore(estate, parse_snapshot(document))
    assert shop.vault.secrets.store.get("db").value == "two"


def damaged(path: str, value: Any) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(orjson.dumps(render_snapshot(filled())))
    place: Any = document
    *parents, last = path.split("/")
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


OBJECT = "vaults/shop/secrets/db"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format", "other/1", "not a snapshot"),
        ("more", 1, "more is unknown"),
        ("access", [], "access must be an object"),
        ("access/more", 1, "access must be an object"),
        ("access/deny", 1, "access.deny must be a list"),
        ("access/deny/0/kind", "cats", "deny[0].kind fits none"),
        ("access/rules/shop/roles/0/role", "King", "access.rules.shop.roles[0].role must be one of"),
        ("access/rules/shop/firewall/publicAccess", 1, "publicAccess must be true or false"),
        ("vaults", [], "vaults must be an object"),
        ("vaults/shop", 1, "vaults.shop must be an object"),
        ("vaults/shop/cats", {}, "vaults.shop.cats is unknown"),
        ("vaults/shop/ids", -1, "vaults.shop.ids must be a number"),
        ("vaults/shop/secrets", 1, "vaults.shop.secrets must be an object"),
        (OBJECT, 1, "vaults.shop.secrets.db must be an object"),
        (f"{OBJECT}/more", 1, "vaults.shop.secrets.db has an unknown member more"),
        (f"{OBJECT}/versions", [], "vaults.shop.secrets.db.versions must be a list with an item or more"),
        (f"{OBJECT}/latest", "x", "vaults.shop.secrets.db.latest names no version"),
        (f"{OBJECT}/versions/0/value", 7, "vaults.shop.secrets.db.versions[0].value must be str"),
        (f"{OBJECT}/versions/0/value", ..., "vaults.shop.secrets.db.versions[0] lacks value"),
        (f"{OBJECT}/versions/0/x", 1, "vaults.shop.secrets.db.versions[0] has an unknown member x"),
        (f"{OBJECT}/versions/0/managed", "no", "vaults.shop.secrets.db.versions[0].managed must be bool"),
        (f"{OBJECT}/versions/0/tags", 5, "vaults.shop.secrets.db.versions[0].tags has the wrong type"),
        ("vaults/shop/secrets/gone/deletion/purge", ..., "vaults.shop.secrets.gone.deletion lacks purge"),
        ("vaults/shop/secrets/gone/deletion/x", 1, "gone.deletion has an unknown member x"),
        ("vaults/shop/secrets/gone/deletion/purge", True, "gone.deletion.purge must be int"),
        ("vaults/shop/certificates/tls/versions/0/der", "x", "der must be an object with member base64"),
        ("vaults/shop/certificates/tls/versions/0/der", {"base64": "?"}, "der.base64 is not base64"),
        ("vaults/shop/keys/sign/versions/0/material", {"pkcs8": "AAAA"}, "material has the wrong type"),
        ("vaults/shop/policies/tls", 3, "vaults.shop.policies.tls must be"),
        ("time", 1, "time must be an object"),
        ("time/shared", "x", "time.shared must be a number of seconds"),
        ("time/vaults/bank", 1e12, "time.vaults.bank must be a number of seconds"),
    ],
)
def test_a_damaged_snapshot_is_refused_by_its_place_and_without_values(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(CodecError) as caught:
        parse_snapshot(damaged(path, value))
    assert message in str(caught.value)
    assert "two" not in str(caught.value)


def test_a_record_of_an_older_program_takes_defaults() -> None:
    content = encode(records.Attributes(expires=5))
    del content["enabled"]
    assert decode(records.Attributes, content) == records.Attributes(expires=5)


@pytest.mark.parametrize("hint", [complex, set[int], object()])
def test_types_that_the_codec_does_not_know_are_refused_aloud(hint: Any) -> None:
    with pytest.raises((TypeError, CodecError)):
        decode(hint, [1])
    with pytest.raises(TypeError, match=r"teach codec"):
        encode({"a": object()})


@pytest.mark.parametrize(
    ("hint", "content"),
    [
        (tuple[int, str], [1]),
        (Kind, "cats"),
        (int, True),
        (bool, 1),
        (rsa.RSAPrivateKey, encode(EC_KEY)),
        (ec.EllipticCurvePrivateKey, {"pkcs8": ""}),
    ],
)
def test_values_of_the_wrong_type_are_refused(hint: Any, content: Any) -> None:
    with pytest.raises(CodecError):
        decode(hint, content)


def test_pairs_and_whole_numbers_for_floats_are_read() -> None:
    assert decode(tuple[int, str], [1, "a"]) == (1, "a")
    assert decode(float, 3) == 3.0


class Listening:
    """Notes what a vault tells."""

    def __init__(self, vault: SimulatedVault) -> None:
        self.told: list[tuple[str, bool]] = []
        for kind in Kind:
            vault.store(kind).listeners.append(lambda key, added: self.told.append((key, added is not None)))
        for table in vault.tables.values():
            table.listeners.append(lambda key, added: self.told.append((f"table {key}", added is not None)))

    def take(self) -> list[tuple[str, bool]]:
        told, self.told = self.told, []
        return told


def test_every_change_is_told() -> None:
    vault = SimulatedVault("v")
    driver = VaultDriver(vault, lambda: NOW)
    listening = Listening(vault)
    driver.set_secret("A", "x")
    assert listening.take() == [("a", True)]
    driver.update_secret("A", enabled=False)
    assert listening.take() == [("a", False)]
    driver.delete("secrets", "A")
    assert listening.take() == [("a", False)]
    driver.recover("secrets", "A")
    driver.delete("secrets", "A")
    assert listening.take() == [("a", False)] * 2
    driver.purge("secrets", "A")
    assert listening.take() == [("a", False)]
    driver.issue_certificate("tls", ["a.test"])
    assert sorted(listening.take()) == [("table tls", False), ("tls", True), ("tls", True), ("tls", True)]
    driver.set_secret("B", "x")
    driver.delete("secrets", "B")
    listening.take()
    vault.advance(now=int(NOW.timestamp()) + 91 * 86_400)
    assert listening.take() == [("b", False)]
    assert render_row(vault, "secrets", "b") is None
    assert render_row(vault, "policies", "nothing") is None


def test_loading_is_told_and_rows_are_found_one_by_one() -> None:
    estate = filled()
    vault = estate.vault("shop")
    rows = {place: {} for place, _ in iterate_rows(vault)}  # type: dict[str, dict[str, Any]]
    for place, key in iterate_rows(vault):
        rows[place][key] = render_row(vault, place, key)
    assert {name: row for name, row in render_vault(vault).items() if row and name != "ids"} == rows
    listening = Listening(vault)
    load_vault(vault, parse_vault(render_vault(vault), "shop"))
    assert not any(added for _, added in listening.told)
    assert {key for key, _ in listening.told} == {"db", "gone", "sign", "tls", "table tls"}
