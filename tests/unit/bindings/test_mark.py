"""The mark on a Secret: what is written is what is read; what a person bent is no mark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.bindings.objects import DIGEST
from vaultbind.bindings.mark import Mark, digest_keys, parse_mark

GOOD = Mark(digest=DIGEST, keys="0123456789abcdef", revision=3)

DIGESTS = st.builds(
    lambda second, tail: f"v1.{second}.{tail}",
    st.integers(0, 10**12 - 1),
    st.text("0123456789abcdef", min_size=64, max_size=64),
)


@given(
    digest=DIGESTS,
    keys=st.lists(st.text()),
    revision=st.integers(0, 10**18 - 1),
    generation=st.none() | st.integers(1, 10**18 - 1),
)
def test_round_trip(digest: str, keys: list[str], revision: int, generation: int | None) -> None:
    mark = Mark(digest=digest, keys=digest_keys(keys), revision=revision, generation=generation)
    assert parse_mark(mark.render()) == mark


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param(DIGEST, id="digest alone"),
        pytest.param(f"{GOOD.render()};x=1", id="more"),
        pytest.param(f"{GOOD.render()}\n", id="a line's end"),
        pytest.param(GOOD.render().replace("revision=3", "revision=-3"), id="negative revision"),
        pytest.param(GOOD.render().replace("revision=3", "revision=" + "9" * 19), id="endless revision"),
        pytest.param(f"{GOOD.render()};generation=", id="no generation"),
        pytest.param(f"{GOOD.render()};generation=x", id="a generation that is no number"),
        pytest.param(GOOD.render().replace("0123", "01"), id="short key digest"),
        pytest.param(GOOD.render().replace("abcdef", "ABCDEF"), id="upper case"),
    ],
)
def test_no_mark(text: str | None) -> None:
    assert parse_mark(GOOD.render()) == GOOD
    assert parse_mark(text) is None


@given(st.sets(st.text("abc.-_", min_size=1), max_size=6), st.sets(st.text("abc.-_", min_size=1), max_size=6))
def test_the_digest_of_keys_tells_sets_of_keys_apart(one: set[str], other: set[str]) -> None:
    assert (digest_keys(one) == digest_keys(other)) is (one == other)
    assert digest_keys(sorted(one)) == digest_keys(sorted(one, reverse=True))
