"""What the vault renews by itself while time passes: told once each, through the outbox to a real sink."""

from datetime import timedelta
from typing import Any

import pytest

from tests.flow.sinks import Sink
from tests.flow.test_cloudevents import sent, sink, telling, versions_of
from tests.flow.test_expiry import judge
from tests.flow.test_expiry_reads import order
from tests.flow.world import World

__all__ = ["sink", "telling"]  # fixtures
ROTATES_AFTER = timedelta(days=60)
POLICY = {
    "lifetimeActions": [
        {"trigger": {"timeAfterCreate": "P60D"}, "action": {"type": "Rotate"}},
        {"trigger": {"timeBeforeExpiry": "P10D"}, "action": {"type": "Notify"}},
    ],
    "attributes": {"expiryTime": "P100D"},
}


def rotate_by_policy(world: World, name: str) -> None:
    world.seed.create_key(name)
    now = int(world.clock.now().timestamp())
    world.vault.vault.keys.set_rotation(name, POLICY, now=now)


async def live(world: World, days: int) -> None:
    """Time passes day by day, with a look and the timer's judgement each."""
    for _ in range(days):
        await world.advance(86_400)
        await judge(world)
    await sent(world)


def types(sink: Sink, word: str) -> list[str]:
    return [line for line in sink.types() if word in line]


@pytest.mark.parametrize("restarts", [False, True], ids=["one process", "another leads by then"])
async def test_a_certificate_and_a_key_are_renewed_by_the_vault(
    telling: World, sink: Sink, *, restarts: bool
) -> None:
    """The certificate 20 days before its end, the key 60 days after its creation."""
    world = telling
    order(world, "web", "Self")
    rotate_by_policy(world, "sign")
    await world.connect(expiry={"scope": "All", "warnBefore": ["10d"]}, refreshInterval="1h")
    await judge(world)
    await live(world, 55)
    assert sink.types() == []
    if restarts:
        await world.restart(lambda: setattr(world.clock, "offset", world.clock.offset + 20 * 86_400))
        await judge(world)
    await live(world, 5 if restarts else 25)
    certificates, keys = (
        versions_of(world, kind, name) for kind, name in (("certificate", "web"), ("key", "sign"))
    )
    assert (len(certificates), len(keys)) == (2, 2)
    assert sorted(sink.types()) == ["certificate.renewed certificates/web", "key.rotated keys/sign"]
    found: dict[str, dict[str, Any]] = {event["data"]["kind"]: event for event in sink.events}
    assert found["certificate"]["type"] == "vaultbind.dev.certificate.renewed"
    assert found["key"]["type"] == "vaultbind.dev.key.rotated"
    for kind, (previous, current) in (("certificate", certificates), ("key", keys)):
        data = found[kind]["data"]
        assert (data["previousVersion"], data["version"]) == (previous, current)
    await world.restart()
    await live(world, 1)
    assert len({event["id"] for event in sink.events}) == 2, "what a restart repeats has the id that it had"
