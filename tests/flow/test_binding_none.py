"""`creationPolicy: None`: no Secret at all; Ready tells whether pods would get the values."""

import pytest

from tests.flow.world import World
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

PASSWORD = [{"key": "PASSWORD", "secret": {"name": "password"}}]
NONE = {"creationPolicy": "None"}


async def test_it_is_ready_and_there_is_no_secret(world: World) -> None:
    world.seed.set_secret("password", "s3cr3t")
    await world.connect()
    await world.bind("shop-db", data=PASSWORD, target=NONE)
    await world.ready("shop-db")

    spent = await world.spent()
    assert "create secrets shop-db" not in spent.writes
    assert spent.vault.count("secrets.get password") == 1
    assert await world.get(SECRETS, "shop-db") is None
    status = await world.status("shop-db")
    assert await world.conditions("shop-db") == {
        "Ready": "True Synced",
        "Synced": "True Synced",
        "Expiring": "False Valid",
    }
    assert "secretName" not in status
    assert status["revision"] == 1
    assert [item["name"] for item in status["objects"]] == ["password"]
    message = next(item["message"] for item in status["conditions"] if item["type"] == "Ready")
    assert message == "pods that name this binding get what the vault holds; there is no Secret"


async def test_an_unchanged_vault_is_read_once(world: World) -> None:
    world.seed.set_secret("password", "s3cr3t")
    await world.connect()
    await world.bind("shop-db", data=PASSWORD, target=NONE)
    await world.ready("shop-db")
    await world.calm()
    for _ in range(3):
        await world.next_look()

    spent = await world.spent()
    assert spent.writes == []
    assert "secrets.get password" not in spent.vault


async def test_a_new_version_is_a_new_revision(world: World) -> None:
    world.seed.set_secret("password", "s3cr3t")
    await world.connect()
    await world.bind("shop-db", data=PASSWORD, target=NONE)
    await world.ready("shop-db")
    await world.calm()
    before = (await world.status("shop-db"))["objects"]
    world.vault.set_secret("password", "second")
    await world.next_look()

    status = await world.status("shop-db")
    assert status["revision"] == 2
    assert status["objects"] != before


async def test_what_is_missing_is_told(world: World) -> None:
    world.seed.set_secret("other", "x")
    await world.connect()
    await world.bind("shop-db", data=PASSWORD, target=NONE)

    assert "the vault has no secret password" in await world.told("shop-db", "ObjectNotFound")
    assert (await world.conditions("shop-db"))["Ready"] == "False ObjectNotFound"


async def test_the_secret_of_a_former_policy_is_deleted_and_comes_back(world: World) -> None:
    world.seed.set_secret("password", "s3cr3t")
    await world.connect()
    await world.bind("shop-db", data=PASSWORD)
    await world.ready("shop-db")
    assert await world.secret("shop-db") == {"PASSWORD": b"s3cr3t"}

    await world.patch(VAULT_BINDINGS, "shop-db", {"spec": {"target": NONE}})
    await world.ready("shop-db")
    assert await world.get(SECRETS, "shop-db") is None
    assert "secretName" not in await world.status("shop-db")

    await world.patch(VAULT_BINDINGS, "shop-db", {"spec": {"target": {"creationPolicy": "Owner"}}})
    await world.ready("shop-db")
    assert await world.secret("shop-db") == {"PASSWORD": b"s3cr3t"}


async def test_somebody_elses_secret_of_that_name_is_left_alone(world: World) -> None:
    world.seed.set_secret("password", "s3cr3t")
    await world.connect()
    await world.create(SECRETS, "shop-db", stringData={"a": "b"})
    await world.bind("shop-db", data=PASSWORD, target=NONE)
    await world.ready("shop-db")

    assert await world.secret("shop-db") == {"a": b"b"}


async def test_a_restart_reads_once_and_writes_nothing(world: World) -> None:
    world.seed.set_secret("password", "s3cr3t")
    await world.connect()
    await world.bind("shop-db", data=PASSWORD, target=NONE)
    await world.ready("shop-db")
    await world.calm()
    await world.restart()
    await world.ready("shop-db")

    spent = await world.spent()
    assert spent.writes == []
    assert spent.vault.count("secrets.get password") == 1
