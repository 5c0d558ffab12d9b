"""The object cache: what a new state changes, and that nothing gone comes back by our own writes."""

from typing import Any

import pytest

from tests.unit.engine.objects import key_of, thing
from vaultbind.engine.cache import Change, ObjectCache, decide_change

KEY = key_of("a")


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        pytest.param(None, thing(), Change.NEW, id="first seen"),
        pytest.param(thing(version=9), thing(uid="u2", version=5), Change.NEW, id="a namesake"),
        pytest.param(thing(version=5), thing(version=4), Change.STALE, id="older"),
        pytest.param(thing(version=9), thing(version=10), Change.STATUS, id="versions are numbers"),
        pytest.param(thing(version=5), thing(version=5), Change.STATUS, id="the same again"),
        pytest.param(thing(), thing(version=2, generation=2), Change.SPEC, id="generation"),
        pytest.param(thing(), thing(version=2, labels={"a": "b"}), Change.SPEC, id="labels"),
        pytest.param(thing(), thing(version=2, annotations={"a": "b"}), Change.SPEC, id="annotations"),
        pytest.param(thing(), thing(version=2, deletionTimestamp="now"), Change.SPEC, id="deletion begun"),
        pytest.param(thing(), thing(version=2, status={"a": 1}), Change.STATUS, id="status"),
        pytest.param(thing(), thing(resourceVersion="odd"), Change.STATUS, id="a version that is no number"),
    ],
)
def test_change(old: dict[str, Any] | None, new: dict[str, Any], change: Change) -> None:
    assert decide_change(old, new) is change


def test_put_keeps_the_newest() -> None:
    cache = ObjectCache()
    newer = thing(version=7)
    assert cache.put(KEY, newer) is Change.NEW
    assert cache.put(KEY, thing(version=6)) is Change.STALE
    assert cache.get(KEY) is newer
    assert len(cache) == 1


def test_keys_of_a_kind_may_be_walked_while_the_cache_changes() -> None:
    cache = ObjectCache()
    for name in "abc":
        cache.put(key_of(name), thing(name))
    cache.put(key_of("x", "Other"), thing("x"))
    for key in cache.keys("Thing"):
        cache.remove(key)
    other = thing("x")
    cache.put(key_of("x", "Other"), other)
    assert cache.items("Other") == [(key_of("x", "Other"), other)]
    assert [list(cache.keys("Thing")), list(cache.keys("Other"))] == [[], [key_of("x", "Other")]]


@pytest.mark.parametrize(
    ("known", "answer", "kept"),
    [
        pytest.param(thing(), thing(version=2), 2, id="newer"),
        pytest.param(thing(version=3), thing(version=2), 3, id="the watch was quicker"),
        pytest.param(thing(uid="u2", version=9), thing(version=2), 9, id="replaced by a namesake"),
        pytest.param(None, thing(version=2), None, id="gone: it stays gone"),
    ],
)
def test_refresh(known: dict[str, Any] | None, answer: dict[str, Any], kept: int | None) -> None:
    cache = ObjectCache()
    if known is not None:
        cache.put(KEY, known)
    cache.refresh(KEY, answer)
    found = cache.get(KEY)
    assert (int(found["metadata"]["resourceVersion"]) if found else None) == kept


@pytest.mark.parametrize(
    ("uid", "gone"),
    [
        pytest.param("u1", True, id="that one"),
        pytest.param("", True, id="whichever it is"),
        pytest.param("u0", False, id="a former namesake"),
    ],
)
def test_remove(uid: str, gone: bool) -> None:
    cache = ObjectCache()
    cache.put(KEY, thing())
    assert (cache.remove(KEY, uid) is not None) is gone
    assert (cache.get(KEY) is None) is gone
    assert cache.remove(key_of("never there"), uid) is None
