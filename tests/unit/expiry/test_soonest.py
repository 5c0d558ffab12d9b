"""Which objects a KeyVault's status names."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.expiry.test_vaults import DAY, NOW, facts_of, judged, secret
from vaultbind.expiry.soonest import MOST_NAMED, ROOM_FOR_PAST, find_soonest
from vaultbind.keyvault import CertificateProperties, ObjectProperties

CASES: dict[str, tuple[list[float], list[float]]] = {
    "nothing": ([], []),
    "some of both": ([3, -1, 9], [-1, 3, 9]),
    "more than there is room for": ([*range(1, 31)], [*range(1, 21)]),
    "what is long over does not hide what will be": (
        [*range(-40, 0), *range(1, 40)],
        [*range(-5, 0), *range(1, 16)],
    ),
    "room that is left is for what is over": ([*range(-40, 0), 1, 2], [*range(-18, 0), 1, 2]),
    "room that is left is for what will be": ([-1, *range(1, 40)], [-1, *range(1, 20)]),
    "an end that is now has come": ([*range(-9, 1), *range(1, 40)], [*range(-4, 1), *range(1, 16)]),
}


@pytest.mark.parametrize(("ends", "named"), CASES.values(), ids=CASES.keys())
def test_who_is_named(ends: list[float], named: list[float]) -> None:
    found = find_soonest([secret(f"s{end}", left=end) for end in ends], NOW)
    assert [entry["name"] for entry in found.entries] == [f"s{end}" for end in named]
    assert found.ending == len(ends)


def test_what_is_named() -> None:
    """Kind, name and end; no version, which lists do not show, and nothing that has no end or is disabled."""
    objects: list[ObjectProperties] = [
        CertificateProperties(id="", name="web", version="v", expires_on=NOW + DAY),
        secret("endless"),
        secret("off", left=1, enabled=False),
    ]
    found = find_soonest(objects, NOW)
    assert found.entries == ({"kind": "certificate", "name": "web", "expires": "2026-11-25T12:00:00Z"},)
    assert found.ending == 1


@given(st.lists(st.integers(-100, 100), max_size=80), st.integers(0, 23))
def test_the_choice_changes_only_when_something_ends(days: list[int], hours: int) -> None:
    """So that a status is written only then; the order of a list does not matter, either."""
    objects = [secret(f"s{number}", left=end) for number, end in enumerate(days)]
    found = find_soonest(objects, NOW)
    assert find_soonest(objects[::-1], NOW + timedelta(hours=hours)) == found
    assert len(found.entries) == min(MOST_NAMED, len(days))
    past = sum(entry["expires"] <= "2026-11-24T12:00:00Z" for entry in found.entries)
    assert past >= min(ROOM_FOR_PAST, sum(end <= 0 for end in days))
    assert [entry["expires"] for entry in found.entries] == sorted(
        entry["expires"] for entry in found.entries
    )


def test_only_a_vault_that_is_watched_whole_names_what_nobody_uses() -> None:
    whole, _ = judged(facts_of(secret(left=3)))
    assert whole.fields["ending"] == 1
    assert [entry["name"] for entry in whole.fields["soonest"]] == ["a"]
    bound, _ = judged(facts_of(secret(left=3), whole=False))
    assert (bound.fields["ending"], bound.fields["soonest"]) == (None, None)
    nothing, _ = judged(facts_of(secret(left=3), watched=False))
    assert (nothing.fields["ending"], nothing.fields["soonest"]) == (None, None)
