"""What lists do not show: deleted or gone, renewals that failed, clocks that differ. A read a day at most."""

from datetime import timedelta
from typing import Any

from tests.flow.test_expiry import DAY, judge
from tests.flow.test_keyvaults import DATA, vault_events
from tests.flow.world import World
from vaultbind.keyvault.simulation.faults import Fault
from vaultbind.keyvault.simulation.issuers import IssuerChange
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS

LONG = {"refreshInterval": "365d"}


async def counted(world: World, purpose: str) -> dict[str, float]:
    """Own reads by outcome."""
    body, _ = await world.life.ask(world.life.operator.metrics.render)
    lines = [line for line in body.decode().splitlines() if line.startswith("vaultbind_expiry_reads_total{")]
    found = [line for line in lines if f'purpose="{purpose}"' in line]
    return {line.partition('outcome="')[2].partition('"')[0]: float(line.split()[-1]) for line in found}


def reads(lines: list[str]) -> list[str]:
    return [line for line in lines if "eleted" in line or "ending" in line]


async def test_a_deleted_object_is_told_apart_from_one_that_is_gone(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    world.vault.delete("secrets", "a")
    await world.next_look()
    message = await world.told("app", "ObjectDeleted")
    assert message.startswith("secret a is deleted; recover it in the vault until 20")
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    assert await world.events() == ["ObjectDeleted app"]
    assert len(reads((await world.spent()).vault)) == 1
    for _ in range(5):
        await world.next_look()
    assert await counted(world, "deleted") == {"ok": 1.0}, "whatever was tried again since"
    await world.told("app", "ObjectDeleted")
    world.vault.purge("secrets", "a")
    await world.advance(86_400)
    await world.advance(600)
    assert (await world.told("app", "ObjectNotFound")).startswith("a: the vault has no secret a")
    assert await counted(world, "deleted") == {"ok": 2.0}


async def test_an_object_that_came_and_went_is_asked_for_anew(world: World) -> None:
    """On one day: not there yet, there, deleted, recovered, and deleted once more an hour later."""
    world.seed.set_secret("other", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.told("app", "ObjectNotFound")
    world.vault.set_secret("a", "1")
    await world.ready("app")
    untils = []
    for _ in range(2):
        world.vault.delete("secrets", "a")
        await world.next_look()
        untils.append((await world.told("app", "ObjectDeleted")).partition(" until ")[2])
        world.vault.recover("secrets", "a")
        await world.ready("app")
        await world.advance(3600)
    assert "" < untils[0] < untils[1], "the end of the second deletion is a later one"
    assert await counted(world, "deleted") == {"ok": 3.0}


async def test_some_are_deleted_and_some_never_were(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    world.vault.delete("secrets", "a")
    await world.bind("app", data=[*DATA, {"key": "b", "secret": {"name": "never"}}])
    message = await world.told("app", "ObjectNotFound")
    assert "secret a is deleted; recover it" in message


async def test_who_may_not_look_is_told_what_is_known(world: World) -> None:
    """A vault that refuses the read of deleted objects leaves it at not found."""
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")
    await world.calm()
    world.emulator.estate.access.clear()
    world.emulator.faults.add(Fault(status=403, code="Forbidden", path="/deletedsecrets/*"))
    world.vault.delete("secrets", "a")
    await world.next_look()
    await world.told("app", "ObjectNotFound")
    assert await counted(world, "deleted") == {"failed": 1.0}
    assert (await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS))["Ready"] == "True Connected"


def order(world: World, name: str, issuer: str) -> None:
    """Let the vault issue a certificate of three months that renews itself 20 days before its end."""
    policy: dict[str, Any] = {
        "key_props": {"kty": "EC", "crv": "P-256"},
        "x509_props": {"subject": "CN=a.test", "validity_months": 3},
        "issuer": {"name": issuer},
        "lifetime_actions": [{"trigger": {"days_before_expiry": 20}, "action": {"action_type": "AutoRenew"}}],
    }
    vault = world.vault.vault
    vault.certificates.create(name, policy, now=int(world.clock.now().timestamp()))


async def test_a_renewal_that_fails_is_a_condition(world: World) -> None:
    """The vault tries, its issuer is gone, and no list says so; mended and renewed, all is well."""
    now = int(world.clock.now().timestamp())
    issuers = world.vault.vault.certificates.issuers
    issuers.set("ca", IssuerChange(provider="Test"), now)
    order(world, "web", "ca")
    order(world, "other", "Self")
    issuers.delete("ca")
    world.clock.offset += 65 * 86_400
    await world.connect(expiry={"scope": "All", "warnBefore": ["15d"]})
    assert "RenewalFailed" not in await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS)
    assert await counted(world, "pending") == {}, "nobody asks for what is not near its end"
    await world.advance(15 * 86_400)
    status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
    failed = next(item for item in status["conditions"] if item["type"] == "RenewalFailed")
    assert failed["status"] == "True"
    assert failed["message"].startswith("the vault could not renew certificate web (")
    assert failed["message"].endswith("see its pending operation in the vault")
    asked = await counted(world, "pending")
    for _ in range(3):
        await world.next_look()
    assert await counted(world, "pending") == asked == {"ok": 1.0}
    assert (await vault_events(world)).count("RenewalFailed") == 1
    await world.restart()
    await judge(world)
    assert (await vault_events(world)).count("RenewalFailed") == 1, "a restart tells it no second time"
    issuers.set("ca", IssuerChange(provider="Test"), int(world.clock.now().timestamp()))
    await world.advance(2 * 86_400)
    assert "RenewalFailed" not in await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS)


async def test_a_certificate_is_named_where_its_secret_is_missed(world: World) -> None:
    """Nobody can recover that secret: it comes and goes with the certificate."""
    order(world, "web", "Self")
    await world.connect()
    await world.bind("app", dataFrom=[{"tls": {"name": "web"}}])
    await world.ready("app")
    world.vault.delete("certificates", "web")
    await world.next_look()
    assert (await world.told("app", "ObjectDeleted")).startswith("certificate web is deleted; recover it")


async def test_a_clock_that_differs_is_told(world: World) -> None:
    """By the Date of the vault's answers; Ready stays, its message says it, a metric has the number."""
    world.seed.set_secret("a", "1", expires=world.clock.now() + 90 * DAY)
    await world.connect()
    await world.bind("app", data=DATA)
    await world.ready("app")

    async def message() -> str:
        status = await world.status(world.vault_name, CLUSTER_KEY_VAULTS)
        return next(str(item["message"]) for item in status["conditions"] if item["type"] == "Ready")

    async def ahead() -> float:
        body, _ = await world.life.ask(world.life.operator.metrics.render)
        lines = [
            x for x in body.decode().splitlines() if x.startswith("vaultbind_vault_clock_ahead_seconds{")
        ]
        return float(lines[0].split()[-1])

    assert await message() == "the vault answers"
    assert abs(await ahead()) < 5
    world.emulator.estate.time.advance(timedelta(seconds=100), "shop")
    await world.next_look()
    assert await message() == (
        "the vault answers; its clock is more than 30 s ahead of ours: expiry is told by ours, set it right"
    )
    assert 95 < await ahead() < 105
    await world.mark()
    await world.next_look()
    assert (await world.spent()).writes == [], "the message does not move with the clocks"
    world.emulator.estate.time.advance(timedelta(seconds=-300), "shop")
    await world.next_look()
    assert "more than 30 s behind ours" in await message()
    world.emulator.estate.time.reset("shop")
    await world.next_look()
    assert await message() == "the vault answers"


async def test_a_failed_renewal_of_what_is_bound_by_its_secret(world: World) -> None:
    """Key and chain are read from a certificate's secret; its pending operation is asked for all the same."""
    now = int(world.clock.now().timestamp())
    issuers = world.vault.vault.certificates.issuers
    issuers.set("ca", IssuerChange(provider="Test"), now)
    order(world, "web", "ca")
    issuers.delete("ca")
    world.clock.offset += 65 * 86_400
    await world.connect(expiry={"warnBefore": ["15d"]})
    await world.bind("app", dataFrom=[{"tls": {"name": "web"}}])
    await world.ready("app")
    await judge(world)
    assert await counted(world, "pending") == {}
    await world.advance(15 * 86_400)
    for _ in range(3):
        await judge(world)
    found = await world.conditions(world.vault_name, CLUSTER_KEY_VAULTS)
    assert found["RenewalFailed"] == "True RenewalFailed"
    assert await counted(world, "pending") == {"ok": 1.0}
    assert (await vault_events(world)).count("RenewalFailed") == 1
