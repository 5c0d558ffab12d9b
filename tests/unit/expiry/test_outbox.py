"""The outbox: nothing is lost, whatever is refused, crashes or is too much; what was sent is not kept."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.expiry.test_vaults import DAY, NOW, facts_of, secret
from vaultbind.api.refs import ObjectKey
from vaultbind.expiry.outbox import Outbox
from vaultbind.keyvault import ObjectProperties

KEY = ObjectKey("KeyVault", "shop", "main")


def names(box: Outbox) -> list[str]:
    return [f"{item.telling.event.value} {item.telling.properties.name}" for item in box.first(1000)]


def send_all(box: Outbox) -> None:
    for entry in box.first(1000):
        box.settle(entry)


def test_it_waits_until_it_is_settled() -> None:
    box = Outbox()
    facts = facts_of(secret(left=3), secret("b", left=-1), secret("c"))
    assert box.take(KEY, "u", facts) is None
    assert box.take(KEY, "u", facts) is None, "and once only"
    first, second = box.first(10)
    assert names(box) == ["NearExpiry a", "Expired b"]
    assert not box.settle(first)
    assert not box.settle(first), "twice is once"
    assert box.settle(second), "now the status has news"
    assert box.take(KEY, "u", facts) == NOW
    assert len(box) == 0


def test_nothing_to_tell_is_known_at_once() -> None:
    assert Outbox().take(KEY, "u", facts_of(secret(left=90))) == NOW


def test_the_time_of_the_look_counts() -> None:
    """What happened between the look and now was not seen."""
    facts = facts_of(secret(left=90), looked=NOW - timedelta(minutes=3))
    assert Outbox().take(KEY, "u", facts) == NOW - timedelta(minutes=3)


def test_what_is_too_much_is_told_later() -> None:
    box = Outbox(most=2)
    facts = facts_of(*(secret(name, left=1) for name in "abcde"))
    told = []
    for _ in range(3):
        assert box.take(KEY, "u", facts) is None
        assert len(box) <= 2
        told += names(box)
        send_all(box)
    assert told == [f"NearExpiry {name}" for name in "abcde"]
    assert box.take(KEY, "u", facts) == NOW


def test_a_vault_that_goes_takes_its_events_with_it() -> None:
    box, other = Outbox(), ObjectKey("KeyVault", "shop", "other")
    box.take(KEY, "u", facts_of(secret(left=1)))
    box.take(other, "v", facts_of(secret("z", left=1)))
    box.forget(KEY)
    assert names(box) == ["NearExpiry z"]
    box.take(KEY, "namesake", facts_of(secret(left=1)))
    assert len(box) == 2


def test_a_renewal_while_nobody_ran_is_doubtful() -> None:
    box = Outbox()
    old, new = secret("old"), secret("new", created_on=NOW - timedelta(hours=1))
    box.take(KEY, "u", facts_of(old, new, sent_until=NOW - DAY))
    assert [(entry.telling.properties.name, entry.doubtful) for entry in box.first(9)] == [("new", True)]
    send_all(box)
    box.take(KEY, "u", facts_of(old, new, secret("later", created_on=NOW)))
    assert len(box) == 0, "while we run, what was not there before is new"
    box.take(KEY, "u", facts_of(replace(old, created_on=NOW), new))
    assert [(entry.telling.properties.name, entry.doubtful) for entry in box.first(9)] == [("old", False)]


@given(
    lefts=st.lists(st.integers(-2, 40), min_size=1, max_size=6),
    steps=st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 3), st.booleans(), st.sets(st.integers(0, 5))),
        max_size=8,
    ),
)
def test_whatever_happens_all_is_told(
    lefts: Sequence[int], steps: Sequence[tuple[int, int, bool, set[int]]]
) -> None:
    """Days pass, the sink takes some, the process dies, objects are renewed: all is told in the end."""
    now, box, until = NOW, Outbox(most=3), None
    objects: list[ObjectProperties] = [secret(f"s{index}", left=left) for index, left in enumerate(lefts)]
    told: set[tuple[str, str, object]] = set()
    wanted: set[tuple[str, str, object]] = set()
    begun = False
    for days, taken, crashes, renewed in [*steps, *[(0, 3, False, set[int]())] * 12]:
        now += days * DAY
        for index in renewed & set(range(len(objects))):
            now += timedelta(minutes=10)
            objects[index] = replace(objects[index], created_on=now)
            if begun:  # what came before the first look is not known to be a renewal
                wanted = {item for item in wanted if item[:2] != ("Rotated", f"s{index}")}
                wanted.add(("Rotated", f"s{index}", now))
        if crashes:
            box = Outbox(most=3)
        until = box.take(KEY, "u", facts_of(*objects, now=now, looked=now, sent_until=until)) or until
        begun = begun or until is not None
        for entry in box.first(taken):
            properties = entry.telling.properties
            told.add((entry.telling.event.value, properties.name, properties.created_on))
            box.settle(entry)
    wanted |= {
        ("Expired", item.name, item.created_on)
        for item in objects
        if item.expires_on is not None and item.expires_on <= now
    }
    assert wanted <= told
    assert len(box) == 0
