"""Which objects a KeyVault's expiry speaks of."""

from datetime import timedelta

from tests.unit.vaults.stage import reader, ref
from tests.unit.vaults.test_hub import SHOP, House
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.expiry.facts import VaultFacts
from vaultbind.expiry.observe import observe_vault


def facts_of(house: House) -> VaultFacts | None:
    return observe_vault(house.hub, SHOP, house.cache.get(SHOP) or {}, house.stage.clock.now())


def names(facts: VaultFacts | None) -> list[str]:
    assert facts is not None
    return [f"{item.kind.value} {item.name}" for item in facts.objects]


async def test_bound_objects_that_exist() -> None:
    house = House()
    now = house.stage.clock.now()
    house.stage.seed("a")
    house.stage.vault.set_secret("over", "1", expires=now - timedelta(days=5))
    house.stage.vault.set_secret("unbound", "1")
    house.put()
    session = house.session()
    house.hub.book.note(reader("x"), SHOP, [ref("a"), ref("over"), ref("missing")])
    assert facts_of(house) is None, "nobody has looked yet"
    await house.look(session)
    facts = facts_of(house)
    assert names(facts) == ["secret a", "secret over"]
    assert facts is not None
    assert facts.objects[1].expires_on == now - timedelta(days=5)
    assert (facts.vault, facts.watched, facts.told_until) == ("shop.vault.azure.net", True, None)


async def test_a_name_that_is_bound_twice_is_one_object() -> None:
    house = House()
    version = house.stage.vault.set_secret("a", "1").version
    house.put()
    session = house.session()
    house.hub.book.note(reader("x"), SHOP, [ref("a"), VaultObjectRef(VaultObjectKind.SECRET, "a", version)])
    await house.look(session)
    assert names(facts_of(house)) == ["secret a"]


async def test_all_objects_and_then_again_the_bound_ones() -> None:
    house = House()
    house.stage.seed("a")
    house.stage.vault.set_secret("unbound", "1")
    house.stage.vault.issue_certificate("web", ["shop.example"])
    house.put(expiry={"scope": "All"})
    session = house.session()
    house.hub.book.note(reader("x"), SHOP, [ref("a")])
    await house.look(session)
    assert sorted(names(facts_of(house))) == ["certificate web", "secret a", "secret unbound"]
    assert set(session.listed) == set(VaultObjectKind)
    house.put(generation=2)
    assert house.session() is session, "what is watched makes no other session"
    await house.look(session)
    assert names(facts_of(house)) == ["secret a"]
    assert session.listed == {}


async def test_a_kind_that_cannot_be_listed_is_watched_as_far_as_it_is_bound() -> None:
    house = House()
    house.stage.seed("a")
    house.put(expiry={"scope": "All"}, detection="Get")
    session = house.session()
    house.hub.book.note(reader("x"), SHOP, [ref("a")])
    await house.look(session)
    assert names(facts_of(house)) == ["secret a"]


async def test_a_keyvault_that_may_not_be_used_has_no_objects() -> None:
    house = House()
    house.put(url="https://evil.com")
    assert facts_of(house) is None
