"""What is remembered of versions that were read: as long as they are the same, and are there."""

from datetime import timedelta

from tests.unit.expiry.test_vaults import BORN, NOW, secret
from vaultbind.expiry.memory import FORGET, MOST_AT_ONCE, Memory


def test_what_was_learned_holds_for_one_version() -> None:
    memory: Memory[int] = Memory()
    (first,) = memory.see("v", [secret("a")], NOW)
    first.learn(7)
    (again,) = memory.see("v", [secret("A")], NOW + timedelta(days=9))
    assert again is first
    assert (again.is_known, again.value, again.since) == (True, 7, NOW)
    (other,) = memory.see("v", [secret("a", created_on=BORN + timedelta(days=1))], NOW)
    assert not other.is_known
    (elsewhere,) = memory.see("w", [secret("a")], NOW)
    assert not elsewhere.is_known


def test_versions_come_in_the_order_of_the_objects() -> None:
    memory: Memory[int] = Memory()
    names = ["c", "a", "b"]
    memory.see("v", [secret(name) for name in sorted(names)], NOW)
    assert [item.key.name for item in memory.see("v", [secret(name) for name in names], NOW)] == names


def test_what_is_gone_is_forgotten_in_time() -> None:
    memory: Memory[int] = Memory()
    for day in range(10):
        memory.see("v", [secret(f"s{day}")], NOW + day * FORGET)
        assert len(memory._versions["v"]) <= 2


def test_a_keyvault_that_sees_a_part_of_a_vault_does_not_make_another_forget_the_rest() -> None:
    """One KeyVault watches all of a vault, another what is bound; both look again and again, for days."""
    memory: Memory[int] = Memory()
    whole = [secret(f"s{number}") for number in range(10 * MOST_AT_ONCE)]
    for version in memory.see("v", whole, NOW):
        version.learn(7)
    for hour in range(72):
        now = NOW + timedelta(hours=hour)
        memory.see("v", whole[:1], now)
        assert all(version.value == 7 for version in memory.see("v", whole, now + timedelta(minutes=1)))
