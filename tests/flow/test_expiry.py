"""Expiry: told in time and once, on bindings and on KeyVaults; nothing of it moves Ready."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.flow.test_keyvaults import DATA, vault_events
from tests.flow.world import World, stamp
from vaultbind.api.refs import ObjectKey
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS

DAY = timedelta(days=1)


async def judge(world: World) -> None:
    """What the timer does each minute."""
    operator = world.life.operator
    key = ObjectKey("ClusterKeyVault", "", world.vault_name)
    uid = (await world.there(CLUSTER_KEY_VAULTS, world.vault_name))["metadata"]["uid"]
    assert await world.life.ask(lambda: operator.judge_expiry(key, uid))
    await world.settled()


async def condition(world: World) -> str:
    """Expiring of the KeyVault, with its message."""
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    found = next(item for item in status["conditions"] if item["type"] == "Expiring")
    return f"{found['status']} {found['reason']}: {found['message']}"


async def test_expiry_is_told_by_condition_and_event(world: World) -> None:
    """30, 7 and 1 days ahead by default; Ready has nothing to do with it."""
    day = timedelta(days=1)
    world.seed.set_secret("a", "1", expires=world.clock.now() + 31 * day)
    await world.connect(refreshInterval="365d", expiry={"warnBefore": ["7d", "30d", "1d"], "scope": "Bound"})
    await world.bind("app", data=DATA)
    await world.ready("app")
    assert (await world.conditions("app"))["Expiring"] == "False Valid"
    told_before = await world.status("app")
    steps = [
        (2, "True ExpiresSoon", ["ExpiresSoon app"], "within 30d"),
        (10, "True ExpiresSoon", [], "within 30d"),
        (13, "True ExpiresSoon", ["ExpiresSoon app"], "within 7d"),
        (5.5, "True ExpiresSoon", ["ExpiresSoon app"], "within 1d"),
        (1, "True Expired", ["Expired app"], "expired at"),
        (30, "True Expired", [], "expired at"),
    ]
    await world.mark()
    for days, expected, events, words in steps:
        world.clock.offset += days * 86_400
        await judge(world)
        status = await world.status("app")
        condition = next(item for item in status["conditions"] if item["type"] == "Expiring")
        assert f"{condition['status']} {condition['reason']}" == expected
        assert words in condition["message"]
        assert await world.events() == events
        ready = [item for item in status["conditions"] if item["type"] == "Ready"]
        assert ready == [item for item in told_before["conditions"] if item["type"] == "Ready"]
    assert (await world.spent()).vault == []
    vault = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    assert (vault["objects"], vault["expired"], vault["expiring"]) == (1, 1, 0)
    assert (await world.status("app"))["revision"] == 1


async def test_thresholds_of_a_binding(world: World) -> None:
    """They count instead of the KeyVault's, for this binding only."""
    world.seed.set_secret("a", "1", expires=world.clock.now() + 40 * DAY)
    await world.connect(refreshInterval="365d")
    await world.bind("early", data=DATA, expiry={"warnBefore": ["60d"]})
    await world.bind("late", data=DATA)
    await world.ready("early", "late")
    assert (await world.conditions("early"))["Expiring"] == "True ExpiresSoon"
    assert (await world.conditions("late"))["Expiring"] == "False Valid"
    assert await world.events() == ["ExpiresSoon early"]


async def test_a_keyvault_tells_of_its_objects(world: World) -> None:
    """Each crossing is an Event of its own; a renewal is told, and ends it."""
    end = world.clock.now() + 8 * DAY
    world.seed.set_secret("a", "1", expires=end)
    await world.connect(refreshInterval="365d")
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    assert await condition(world) == (
        f"True ExpiresSoon: 1 within 30d of their expiry, the first is secret a at {stamp(end)}"
    )
    assert await vault_events(world) == ["ExpiresSoon"]
    world.clock.offset += 2 * 86_400
    await judge(world)
    assert await vault_events(world) == ["ExpiresSoon", "ExpiresSoon"]
    world.clock.offset += 10 * 86_400
    await judge(world)
    await judge(world)
    assert (await condition(world)).startswith("True Expired: 1 expired, the first is secret a")
    assert await vault_events(world) == ["ExpiresSoon", "ExpiresSoon", "Expired"]
    world.vault.set_secret("a", "2", expires=world.clock.now() + 365 * DAY)
    await world.request_look("app", "now")
    await judge(world)
    assert await condition(world) == "False Valid: no watched object needs attention"
    assert await vault_events(world) == ["ExpiresSoon", "ExpiresSoon", "Expired"]


async def test_all_objects_of_a_vault_are_watched(world: World) -> None:
    """Bound or not, by one list of each kind; those of a certificate count as the certificate."""
    now = world.clock.now()
    world.seed.set_secret("a", "1")
    world.seed.set_secret("unbound", "1", expires=now + 3 * DAY)
    world.seed.issue_certificate("web", ["shop.example"])
    await world.connect(expiry={"scope": "All"})
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.mark()
    await world.advance(4 * 86_400)
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    assert (status["objects"], status["expired"]) == (3, 1)
    assert (await condition(world)).startswith("True Expired: 1 expired, the first is secret unbound at ")
    assert (await world.conditions("app"))["Expiring"] == "False Valid"
    spent = (await world.spent()).vault
    assert spent == ["certificates.get web", "certificates.list", "keys.list", "secrets.list"]
    assert await vault_events(world) == ["ExpiresSoon", "Expired"]
    world.vault.set_secret("unbound", "2")
    await world.next_look()
    assert await vault_events(world) == ["ExpiresSoon", "Expired", "Rotated"]
    assert (await condition(world)).startswith("False Valid")


async def test_a_status_names_what_ends_next(world: World) -> None:
    """Bound or not; it is written when one of these changes or ends, and else never: nor at a restart."""
    now = world.clock.now()
    for number in range(30):
        world.seed.set_secret(f"s{number:02}", "1", expires=now + (number + 1) * DAY)
    world.seed.set_secret("endless", "1")
    world.seed.create_key("never-ends")
    await world.connect(expiry={"scope": "All", "warnBefore": []})
    await world.calm()

    async def named() -> list[str]:
        status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
        assert status["ending"] == 30
        return [item["name"] for item in status["soonest"]]

    async def patched() -> list[str]:
        return [line for line in (await world.spent()).writes if line.startswith("patch ")]

    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    assert status["soonest"][0] == {"kind": "secret", "name": "s00", "expires": stamp(now + DAY)}
    assert await named() == [f"s{number:02}" for number in range(20)]
    for _ in range(3):
        await world.next_look()
    assert (await world.spent()).writes == [], "nothing is new"
    world.vault.set_secret("s25", "2", expires=now + 90 * DAY)
    await world.next_look()
    assert await patched() == [], "a new version of what is not named"
    world.vault.set_secret("s01", "2", expires=now + 90 * DAY)
    await world.next_look()
    assert await named() == ["s00", *(f"s{number:02}" for number in range(2, 21))]
    assert await patched() == world.vault_status()
    await world.advance(86_400)
    assert await named() == ["s00", *(f"s{number:02}" for number in range(2, 21))], "what has ended stays"
    await world.advance(8 * 86_400)
    assert await named() == [f"s{number:02}" for number in [*range(4, 9), *range(9, 24)]]
    await world.restart()
    await judge(world)
    assert (await world.spent()).writes == []
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"expiry": {"scope": "Bound"}}})
    await world.settled()
    await judge(world)
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    assert "soonest" not in status
    assert "ending" not in status


async def test_an_end_in_no_time_of_ours_spoils_no_status(world: World) -> None:
    """What a vault says need make no sense: `exp` before all calendars."""
    world.seed.set_secret("a", "1", expires=datetime(1, 1, 1, tzinfo=UTC))
    await world.connect(expiry={"scope": "All"})
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    assert status["soonest"] == [{"kind": "secret", "name": "a", "expires": "0001-01-01T00:00:00Z"}]
    assert (await world.status("app"))["objects"][0]["expires"] == "0001-01-01T00:00:00Z"


async def test_no_expiry_is_watched_where_nobody_wants_it(world: World) -> None:
    world.seed.set_secret("a", "1", expires=world.clock.now() + DAY)
    await world.connect(refreshInterval="365d", expiry={"scope": "None"})
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    assert "Expiring" not in await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS)
    assert await vault_events(world) == []
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    assert (status["objects"], status.get("expired")) == (1, None)


async def test_a_restart_tells_nothing_again(world: World) -> None:
    """What the status says was told, was told: by us or by whoever led before."""
    world.seed.set_secret("a", "1", expires=world.clock.now() + 8 * DAY)
    await world.connect(refreshInterval="365d")
    await world.bind("app", data=DATA)
    await world.ready("app")
    await judge(world)
    told = (await world.status(world.vault_name, CLUSTER_KEY_VAULTS))["expiryToldUntil"]
    assert await vault_events(world) == ["ExpiresSoon"]
    await world.restart()
    await judge(world)
    assert await vault_events(world) == ["ExpiresSoon"]
    assert (await world.spent()).writes == []
    assert (await world.status(world.vault_name, CLUSTER_KEY_VAULTS))["expiryToldUntil"] == told
    await world.restart(lambda: setattr(world.clock, "offset", world.clock.offset + 2 * 86_400))
    await judge(world)
    assert await vault_events(world) == ["ExpiresSoon", "ExpiresSoon"], "a crossing while nobody ran"


@pytest.mark.parametrize("while_down", [False, True], ids=["while it runs", "while nobody runs"])
async def test_a_keyvault_that_leads_elsewhere_begins_anew(world: World, while_down: bool) -> None:
    """An object of the same name there is another one: not renewed, and its crossings were never told."""
    now = world.clock.now()
    world.seed.set_secret("a", "1", expires=now + 3 * DAY)
    world.seed.set_secret("b", "1")
    there = VaultDriver(world.emulator.estate.vault("other"), lambda: now - 40 * DAY)
    there.set_secret("a", "2", expires=now + 4 * DAY)
    there.set_secret("b", "2")
    await world.connect(expiry={"scope": "All"})
    await judge(world)
    assert await vault_events(world) == ["ExpiresSoon"]
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    assert status["toldOf"] == host_of(world, "shop")

    async def lead_elsewhere() -> None:
        url = world.emulator.vault_url("other")
        await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"url": url}})

    await (world.restart(lead_elsewhere) if while_down else lead_elsewhere())
    await world.until(lambda: is_told_of(world, "other"))
    await world.settled()
    assert await vault_events(world) == ["ExpiresSoon", "ExpiresSoon"]
    await world.next_look()
    await world.restart()
    await judge(world)
    assert await vault_events(world) == ["ExpiresSoon", "ExpiresSoon"], "and once"


async def test_what_was_told_of_another_vault_is_forgotten(world: World) -> None:
    """Where there is nothing to tell of the new one, no time of the old one stays."""
    world.seed.set_secret("a", "1", expires=world.clock.now() + 3 * DAY)
    await world.connect(expiry={"scope": "All"})
    await judge(world)
    assert "expiryToldUntil" in await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    url = world.emulator.vault_url("other")
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"url": url}})

    async def is_forgotten() -> bool:
        status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
        return not status.keys() & {"expiryToldUntil", "toldOf"}

    await world.until(is_forgotten)


def host_of(world: World, vault: str) -> str:
    return world.emulator.vault_url(vault).removeprefix("https://")


async def is_told_of(world: World, vault: str) -> bool:
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    return bool(status.get("toldOf") == host_of(world, vault))
