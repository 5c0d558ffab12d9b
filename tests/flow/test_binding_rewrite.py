"""`dataFrom[].rewrite`: keys get other names, and none is lost."""

import json

import pytest

from tests.flow.world import Spent, World
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

PREFIX = [{"regexp": "[^a-z]", "replacement": "_"}, {"regexp": "^", "replacement": "db-"}]


async def start(world: World, value: object, rewrite: list[dict[str, str]] = PREFIX) -> None:
    """One binding `app` of the rewritten entries of a JSON secret, at rest."""
    world.seed.set_secret("database", json.dumps(value))
    await world.connect()
    await world.bind("app", dataFrom=[{"extract": {"name": "database"}, "rewrite": rewrite}])
    await world.ready("app")
    await world.calm()


@pytest.mark.get_on_real
async def test_keys_are_rewritten(world: World) -> None:
    await start(world, {"user": "ann", "pass word": "x"})
    assert await world.secret("app") == {"db-user": b"ann", "db-pass_word": b"x"}
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])


async def test_another_rewrite_moves_the_keys(world: World) -> None:
    await start(world, {"user": "ann"})
    rewrite = [{"regexp": "^(.)", "replacement": "${1}_"}]
    await world.patch(
        VAULT_BINDINGS, "app", {"spec": {"dataFrom": [{"extract": {"name": "database"}, "rewrite": rewrite}]}}
    )
    await world.ready("app")
    assert await world.secret("app") == {"u_ser": b"ann"}
    assert (await world.status("app"))["revision"] == 2


async def test_keys_of_a_certificate_get_other_names(world: World) -> None:
    world.seed.issue_certificate("web", ["shop.example"])
    await world.connect()
    rewrite = [{"regexp": "^tls[.](.*)$", "replacement": "server.$1"}]
    await world.bind("app", dataFrom=[{"tls": {"name": "web"}, "rewrite": rewrite}, {"tls": {"name": "web"}}])
    await world.ready("app")
    found = await world.secret("app")
    assert found["server.crt"] == found["tls.crt"]
    assert found["server.key"] == found["tls.key"]
    await world.bind("other", dataFrom=[{"tls": {"name": "web"}, "rewrite": rewrite}])
    await world.ready("other")
    assert sorted(await world.secret("other")) == ["server.crt", "server.key"]
    assert (await world.there(SECRETS, "other"))["type"] == "Opaque"


async def test_two_entries_of_one_name_keep_the_secret(world: World) -> None:
    await start(world, {"user": "ann"}, [{"regexp": "[0-9]", "replacement": ""}])
    world.vault.set_secret("database", '{"user1": "ann", "user2": "bob"}')
    await world.next_look()
    message = await world.told("app", "DuplicateKey")
    assert "1 of 2 entries a key that another one has, first entry 2 that of entry 1" in message
    assert "user" not in message
    assert await world.secret("app") == {"user": b"ann"}


async def test_what_is_no_expression_is_told_before_the_vault_is_asked(world: World) -> None:
    await world.connect()
    await world.bind(
        "app", dataFrom=[{"extract": {"name": "a"}, "rewrite": [{"regexp": "(", "replacement": ""}]}]
    )
    assert "spec.dataFrom[0].rewrite[0].regexp: is no regular expression" in await world.told(
        "app", "InvalidSpec"
    )
    assert (await world.conditions("app"))["Stalled"] == "True InvalidSpec"
    assert (await world.spent()).vault == []
