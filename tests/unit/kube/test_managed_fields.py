from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.kube.managed_fields import data_keys_owned_by, is_tracked, other_owners, owners


def entry(manager: str, *keys: str, operation: str = "Update", field: str = "f:data", **more: Any) -> Any:
    fields: dict[str, Any] = {field: {".": {}, **{f"f:{key}": {} for key in keys}}, "f:type": {}}
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def meta(*entries: Any) -> dict[str, Any]:
    return {"managedFields": list(entries)}


def names(*words: str) -> frozenset[str]:
    return frozenset(words)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        pytest.param({}, {}, id="no list"),
        pytest.param({"managedFields": None}, {}, id="null"),
        pytest.param(meta(), {}, id="empty list"),
        pytest.param(
            meta(entry("vaultbind", "a", "b")), {"a": names("vaultbind"), "b": names("vaultbind")}, id="one"
        ),
        pytest.param(
            meta(entry("vaultbind", "a"), entry("kubectl-edit", "b")),
            {"a": names("vaultbind"), "b": names("kubectl-edit")},
            id="a key went to its editor",
        ),
        pytest.param(
            meta(entry("vaultbind", "a"), entry("flux", "a", operation="Apply")),
            {"a": names("vaultbind", "flux")},
            id="shared by apply",
        ),
        pytest.param(
            meta(entry("vaultbind", "a"), entry("vaultbind", "b", operation="Apply")),
            {"a": names("vaultbind"), "b": names("vaultbind")},
            id="one manager, two operations",
        ),
        pytest.param(
            meta(entry("flux", "a", operation="Apply", field="f:stringData")),
            {"a": names("flux")},
            id="applied as stringData, as the real server records it",
        ),
        pytest.param(
            meta(entry("x", "a", field="f:binaryData")), {"a": names("x")}, id="ConfigMap's binary data"
        ),
        pytest.param(meta(entry("x", "a", subresource="status")), {}, id="a subresource's entry"),
        pytest.param(
            meta(entry("x", "tls.crt", "a.b-c_d", "f:odd", "")),
            {"tls.crt": names("x"), "a.b-c_d": names("x"), "f:odd": names("x"), "": names("x")},
            id="odd keys",
        ),
        pytest.param(
            meta({"manager": "x", "fieldsV1": {"f:metadata": {"f:labels": {"f:a": {}}}}}),
            {},
            id="labels are no data",
        ),
        pytest.param(
            meta({"manager": "x"}, "x", {"manager": "x", "fieldsV1": {"f:data": None}}, {"fieldsV1": "x"}),
            {},
            id="odd entries",
        ),
    ],
)
def test_owners(metadata: dict[str, Any], expected: dict[str, frozenset[str]]) -> None:
    assert expected == owners(metadata)


def test_keys_of_one_manager_and_of_the_others() -> None:
    metadata = meta(
        entry("vaultbind", "ours", "shared"),
        entry("flux", "shared", operation="Apply"),
        entry("kubectl-edit", "theirs"),
    )

    assert data_keys_owned_by(metadata, "vaultbind") == names("ours", "shared")
    assert other_owners(metadata, "vaultbind") == {"shared": names("flux"), "theirs": names("kubectl-edit")}


def test_a_manager_whose_name_begins_like_ours_is_another() -> None:
    metadata = meta(entry("vaultbind-1234", "a"))

    assert data_keys_owned_by(metadata, "vaultbind") == frozenset()
    assert other_owners(metadata, "vaultbind") == {"a": names("vaultbind-1234")}


@pytest.mark.parametrize(
    ("metadata", "tracked"),
    [
        pytest.param(meta(entry("x", "a")), True, id="as usual"),
        pytest.param({}, False, id="no list"),
        pytest.param(meta({}), False, id="emptied on purpose"),
    ],
)
def test_is_tracked(metadata: dict[str, Any], tracked: bool) -> None:
    assert tracked is is_tracked(metadata)


words = st.text(alphabet="abc.-_", min_size=1, max_size=4)


@given(st.dictionaries(words, st.sets(words, max_size=3), max_size=4), words)
def test_ours_and_theirs_together_are_all(claims: dict[str, set[str]], manager: str) -> None:
    metadata = meta(*(entry(name, *keys) for name, keys in claims.items()))
    everything = {key for keys in claims.values() for key in keys}

    assert everything == set(owners(metadata))
    assert everything == set(data_keys_owned_by(metadata, manager)) | set(other_owners(metadata, manager))
