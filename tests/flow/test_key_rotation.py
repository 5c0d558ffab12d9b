"""`spec.rotation`: policies of keys are compared or set, and what is overdue is rotated."""

from typing import Any

import pytest

from tests.flow.test_expiry import DAY, condition, judge
from tests.flow.test_expiry_reads import counted
from tests.flow.test_keyvaults import vault_events
from tests.flow.world import World, stamp
from vaultbind.keyvault.simulation.faults import Fault
from vaultbind.keyvault.simulation.records import Kind
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS

ALL = {"scope": "All"}


async def unmet(world: World) -> str:
    """Condition RotationUnmet, empty where there is none."""
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    found = [item for item in status["conditions"] if item["type"] == "RotationUnmet"]
    return f"{found[0]['reason']}: {found[0]['message']}" if found else ""


def versions(world: World, name: str) -> int:
    return len(world.vault.vault.versions(Kind.KEYS, name))


def rules(**rule: Any) -> dict[str, Any]:
    return {"keys": [{"name": "sign-*", **rule}, {"name": "*", "policy": "Check"}]}


MOMENTS = {"rotateAfterCreation": "rotation after creation", "rotateBeforeExpiry": "rotation before expiry"}


@pytest.mark.parametrize(("moment", "words"), MOMENTS.items(), ids=MOMENTS)
async def test_a_policy_that_differs_is_told(world: World, moment: str, words: str) -> None:
    """And nothing is changed; a day later it is looked at again."""
    world.seed.create_key("sign-a")
    world.seed.create_key("other")
    rotation = rules(policy="Check", expiresAfter="120d", **{moment: "90d"})
    await world.connect(expiry=ALL, rotation=rotation)
    assert await unmet(world) == (
        "RotationPolicyDiffers: rotation policies differ from spec.rotation: sign-a "
        f"({words} never instead of 90d, expiry never instead of 120d)"
    )
    assert await vault_events(world) == ["RotationPolicyDiffers"]
    for _ in range(3):
        await world.next_look()
    assert await counted(world, "policy") == {"ok": 2.0}, "each key once a day"
    assert await vault_events(world) == ["RotationPolicyDiffers"]
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"rotation": rules()}})
    await world.advance(86_400)
    assert await unmet(world) == ""
    assert (versions(world, "sign-a"), versions(world, "other")) == (1, 1)


async def test_a_policy_is_set_and_an_overdue_key_rotated(world: World) -> None:
    world.seed.create_key("sign-a", expires=world.clock.now() + 200 * DAY)
    world.seed.create_key("other")
    world.clock.offset += 95 * 86_400
    rotation = rules(policy="Set", rotateAfterCreation="90d", expiresAfter="120d")
    await world.connect(expiry=ALL, rotation=rotation)
    await world.next_look()
    assert await unmet(world) == ""
    assert versions(world, "sign-a") >= 2, "rotated, by the vault's new policy or by us"
    assert versions(world, "other") == 1
    assert "RotationPolicySet" in await vault_events(world)
    before = versions(world, "sign-a")
    for _ in range(3):
        await world.next_look()
    await world.advance(86_400)
    assert versions(world, "sign-a") == before
    assert (await vault_events(world)).count("RotationPolicySet") == 1


async def test_a_right_that_lacks_is_told(world: World) -> None:
    world.seed.create_key("sign-a")
    world.emulator.faults.add(Fault(status=403, code="Forbidden", method="PUT", path="/keys/*"))
    await world.connect(
        expiry=ALL, rotation=rules(policy="Set", rotateAfterCreation="90d", expiresAfter="120d")
    )
    assert (await unmet(world)).startswith("RotationFailed: keys could not be brought in line: sign-a (")
    assert await vault_events(world) == ["RotationFailed"]
    assert (await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS))["Ready"] == "True Connected"
    world.emulator.faults.clear()
    await world.advance(86_400)
    assert await unmet(world) == ""


NOTIFY = {
    "lifetimeActions": [{"trigger": {"timeBeforeExpiry": "P45D"}, "action": {"type": "Notify"}}],
    "attributes": {"expiryTime": "P100D"},
}
HOUR = 3600


@pytest.mark.parametrize("rotation", [{}, {"rotation": rules(policy="Check")}], ids=["no rule", "a rule"])
async def test_a_key_is_told_when_its_policy_notifies(world: World, rotation: dict[str, Any]) -> None:
    """Its own threshold beside those of the KeyVault, told once, also over a restart."""
    end = world.clock.now() + 60 * DAY
    world.seed.create_key("sign-a", expires=end)
    world.seed.create_key("plain", expires=end)
    world.seed.create_key("endless")
    world.vault.vault.keys.set_rotation("sign-a", NOTIFY, now=int(world.clock.now().timestamp()))
    spec = {"expiry": {"scope": "All", "warnBefore": ["7d"]}, "refreshInterval": "365d", **rotation}
    await world.connect(**spec)
    await judge(world)
    world.clock.offset += HOUR
    await judge(world)
    await judge(world)
    assert (await condition(world)).startswith("False Valid")
    world.clock.offset += (end - 45 * DAY - world.clock.now()).total_seconds() - 60
    await judge(world)
    assert await vault_events(world) == []
    world.clock.offset += 120
    await judge(world)
    assert await vault_events(world) == ["ExpiresSoon"]
    assert await condition(world) == (
        f"True ExpiresSoon: 1 within 45d of their expiry, the first is key sign-a at {stamp(end)}"
    )
    await world.restart()
    for _ in range(3):
        world.clock.offset += HOUR
        await judge(world)
    assert (await condition(world)).startswith("True ExpiresSoon"), "learned again"
    assert await vault_events(world) == ["ExpiresSoon"], "and not told again"
    world.clock.offset += (end - 7 * DAY - world.clock.now()).total_seconds() + 60
    await judge(world)
    told = [reason for reason in await vault_events(world) if reason != "Unauthorized"]
    assert told == ["ExpiresSoon"] * 3, "of both keys, by the KeyVault's threshold; tokens last thirty days"


async def test_policies_are_read_once_per_version(world: World) -> None:
    """Not at a restart, not of keys without an end, and not again while the version is the same."""
    world.seed.create_key("a", expires=world.clock.now() + 300 * DAY)
    world.seed.create_key("endless")
    await world.connect(expiry=ALL, refreshInterval="365d")
    await judge(world)
    assert await counted(world, "policy") == {}
    for _ in range(5):
        world.clock.offset += 86_400
        await judge(world)
    assert await counted(world, "policy") == {"ok": 1.0}
    world.vault.create_key("a", expires=world.clock.now() + 300 * DAY)
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"refreshInterval": "1h"}})
    for _ in range(3):
        await world.advance(86_400)
    assert await counted(world, "policy") == {"ok": 2.0}
