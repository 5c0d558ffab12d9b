from typing import Any

import pytest

from vaultbind.sandbox.errors import StatusError
from vaultbind.sandbox.paging import Pager
from vaultbind.sandbox.store import Change, ChangeType, ObjectKey, Store

MAPS = ("", "configmaps")


def key(name: str, namespace: str = "n") -> ObjectKey:
    return ObjectKey(storage=MAPS, namespace=namespace, name=name)


def document(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **more}


def test_every_write_has_a_revision_and_the_log_tells_what_it_was() -> None:
    store = Store(first_revision=10)
    store.put(key("a"), document("a"))
    store.put(key("a"), document("a", x=1))
    store.remove(key("a"))
    changes = store.changes_since(10)

    assert [(change.revision, change.type) for change in changes] == [
        (11, ChangeType.ADDED),
        (12, ChangeType.MODIFIED),
        (13, ChangeType.DELETED),
    ]
    assert changes[2].object["metadata"]["resourceVersion"] == "13"
    assert changes[2].previous == changes[1].object
    assert store.changes_since(12) == changes[2:]
    assert store.get(key("a")) is None


def test_objects_are_ordered_by_namespace_and_name() -> None:
    store = Store()
    for namespace, name in (("b", "x"), ("a", "z"), ("a", "y")):
        store.put(key(name, namespace), document(name))

    assert [found["metadata"]["name"] for found in store.objects(MAPS)] == ["y", "z", "x"]
    assert [found["metadata"]["name"] for found in store.objects(MAPS, "b")] == ["x"]
    assert len(list(store.everything())) == 3


def test_history_ends_where_it_was_compacted() -> None:
    store = Store(first_revision=0)
    for name in "abc":
        store.put(key(name), document(name))
    store.compact(2)

    assert [change.revision for change in store.changes_since(2)] == [3]
    with pytest.raises(StatusError, match="too old resource version") as caught:
        store.changes_since(1)
    assert caught.value.code == 410


def test_history_is_bounded() -> None:
    store = Store(first_revision=0, history=10)
    for number in range(100):
        store.put(key(f"a{number}"), document("a"))

    assert store.compacted >= 89
    assert len(store.changes_since(store.compacted)) <= 10


def test_listeners_hear_of_changes_until_they_leave() -> None:
    store, heard = Store(), list[Change]()
    leave = store.subscribe(heard.append)
    store.put(key("a"), document("a"))
    leave()
    store.remove(key("a"))

    assert [change.type for change in heard] == [ChangeType.ADDED]


def test_pages_come_from_one_state() -> None:
    pager, items = Pager(), [document(name) for name in "abcde"]
    first = pager.first("s", items, 7, 2)
    second = pager.following("s", first.continue_token, 2)
    rest = pager.following("s", second.continue_token, 0)

    assert (first.remaining, second.remaining, rest.remaining) == (3, 1, None)
    assert [*first.items, *second.items, *rest.items] == items
    assert {page.revision for page in (first, second, rest)} == {7}


def test_a_list_that_fits_needs_no_token() -> None:
    assert Pager().first("s", [document("a")], 7, 1).continue_token == ""


def test_tokens_expire_and_belong_to_their_list() -> None:
    pager, items = Pager(), [document(name) for name in "abc"]
    token = pager.first("s", items, 7, 1).continue_token
    with pytest.raises(StatusError, match="too old"):
        pager.following("other", token, 1)
    for revision in range(100, 200):
        pager.first("s", items, revision, 1)
    with pytest.raises(StatusError, match="too old"):
        pager.following("s", token, 1)
    with pytest.raises(StatusError, match="not valid"):
        pager.following("s", "nonsense", 1)
