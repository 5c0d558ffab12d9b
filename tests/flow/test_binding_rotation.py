"""The vault moves, the Secret follows: what that costs, and what it tells."""

import pytest

from tests.flow.world import Spent, World
from vaultbind.kube.resources import SECRETS

pytestmark = pytest.mark.both_drifts

DATA = [{"key": name, "secret": {"name": name}} for name in ("a", "b")]
GOOD = {"a": b"1", "b": b"2"}


async def start(world: World) -> None:
    """One binding `app` of the secrets a and b, at rest."""
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "2")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()


@pytest.mark.get_on_real
async def test_a_rotated_secret_arrives(world: World) -> None:
    await start(world)
    before = await world.status("app")
    world.vault.set_secret("a", "new")
    await world.next_look()
    assert await world.secret("app") == {"a": b"new", "b": b"2"}
    after = await world.status("app")
    assert (before["revision"], after["revision"]) == (1, 2)
    assert after["lastChanged"] > before["lastChanged"]
    assert after["objects"][0]["version"] != before["objects"][0]["version"]
    spent = await world.spent()
    assert spent.writes == ["create events app", "patch secrets app", "patch vaultbindings/status app"]
    assert spent.vault == ["secrets.get a", "secrets.get b", "secrets.list"]
    assert await world.events() == ["Updated app"]
    await world.calm()
    assert await world.spent() == Spent()


async def test_an_edited_tag_moves_only_the_annotation(world: World) -> None:
    await start(world)
    before = (await world.there(SECRETS, "app"))["metadata"]
    status = await world.status("app")
    world.vault.update_secret("a", tags={"team": "shop"})
    await world.next_look()
    after = (await world.there(SECRETS, "app"))["metadata"]
    source = "vaultbind.dev/source"
    assert before["annotations"][source] != after["annotations"][source]
    assert await world.secret("app") == GOOD
    assert await world.status("app") == status
    assert (await world.spent()).writes == ["patch secrets app"]
    assert await world.events() == []
    await world.calm()
    assert await world.spent() == Spent()


async def test_the_same_value_again_is_no_new_content(world: World) -> None:
    await start(world)
    world.vault.set_secret("a", "1")
    await world.next_look()
    status = await world.status("app")
    assert status["revision"] == 1
    assert (await world.spent()).writes == ["patch secrets app", "patch vaultbindings/status app"]
    assert await world.events() == []


async def test_a_missing_object_keeps_the_secret(world: World) -> None:
    await start(world)
    world.vault.delete("secrets", "a")
    await world.next_look()
    message = await world.told("app", "ObjectDeleted")
    assert "secret a" in message
    assert await world.secret("app") == GOOD
    assert await world.conditions("app") == {
        "Ready": "True SecretKept",
        "Synced": "False ObjectDeleted",
        "Expiring": "False Valid",
    }
    assert await world.events() == ["ObjectDeleted app"]
    told = ["create events app", *world.vault_status(), "patch vaultbindings/status app"]
    assert (await world.spent()).writes == told
    world.vault.recover("secrets", "a")
    await world.advance(600)
    await world.ready("app")
    assert await world.events() == ["Synced app"]
    assert (await world.spent()).writes == told
    assert (await world.status("app"))["revision"] == 1


async def test_a_disabled_object_keeps_the_secret(world: World) -> None:
    await start(world)
    world.vault.enable("secrets", "a", enabled=False)
    await world.next_look()
    await world.told("app", "ObjectDisabled")
    assert await world.secret("app") == GOOD
    world.vault.enable("secrets", "a")
    await world.advance(600)
    await world.ready("app")
    assert (await world.status("app"))["revision"] == 1


async def test_two_changes_within_one_second_both_arrive(world: World) -> None:
    """The vault's times have a resolution of one second: what was young at a look is read once more."""
    await start(world)
    clock = world.clock.now()
    world.vault.set_secret("a", "first")
    await world.request_look("app", "now")
    assert (await world.secret("app"))["a"] == b"first"
    world.emulator.estate.vault("shop").secrets.set("a", "second", now=int(clock.timestamp()))
    await world.next_look()
    assert (await world.secret("app"))["a"] == b"second"


@pytest.mark.parametrize("interval", [5, 60, 3600])
@pytest.mark.parametrize("moment", [0.02, 0.5, 0.98], ids=["early", "in the middle", "late"])
async def test_a_change_is_in_the_secret_an_interval_later_at_most(
    world: World, interval: int, moment: float
) -> None:
    """Wherever between two looks it falls; two seconds are for the work. Nothing tells of it but the look."""
    world.seed.set_secret("a", "1")
    await world.connect(refreshInterval=f"{interval}s")
    await world.bind("app", data=DATA[:1])
    await world.ready("app")
    for _ in range(2):
        await world.advance(interval + 1)
    await world.advance(moment * (interval - 2))
    assert await world.secret("app") == {"a": b"1"}
    world.vault.set_secret("a", "2")
    changed = world.clock.monotonic()
    await world.advance(interval + 2 - (world.clock.monotonic() - changed))
    assert await world.secret("app") == {"a": b"2"}
