"""`dataFrom.extract`: the entries of a secret become keys, and no message tells their names."""

import json

import pytest

from tests.flow.world import Spent, World
from vaultbind.kube.resources import EVENTS, SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

DATABASE = {
    "username": "ann",
    "password": "s3cr3t",
    "port": 5432,
    "tls": True,
    "options": {"a": [1]},
    "none": None,
}
KEYS = {
    "username": b"ann",
    "password": b"s3cr3t",
    "port": b"5432",
    "tls": b"true",
    "options": b'{"a":[1]}',
    "none": b"",
}
HIDDEN = ("username", "password", "port", "options", "passphrase")
"""Names of entries, of which no message may tell."""


STEP = "correct the value or `extract.format`"
BAD_NAMES = (
    "database: secret database gives 2 of 3 entries a name that no key of a Secret may have (at most 253 "
    "letters, digits, '-', '_' and '.'), first entry 2; change it in the vault, or by `rewrite`"
)


async def start(world: World, **spec: object) -> None:
    """One binding `app` of the entries of a JSON secret, at rest."""
    world.seed.set_secret("database", json.dumps(DATABASE))
    await world.connect()
    await world.bind("app", **{"dataFrom": [{"extract": {"name": "database"}}], **spec})
    await world.ready("app")
    await world.calm()


async def rotate(world: World, value: object) -> None:
    world.vault.set_secret("database", value if isinstance(value, str) else json.dumps(value))
    await world.next_look()


async def messages(world: World) -> str:
    """All that is told of the binding."""
    events = [event["message"] for event in await world.cluster.objects(EVENTS, world.namespace)]
    return "\n".join([json.dumps(await world.status("app")), *events, *world.log.lines])


@pytest.mark.get_on_real
async def test_entries_of_a_secret_become_keys(world: World) -> None:
    world.seed.set_secret("yaml", "from-yaml: yes\n")
    world.seed.set_secret("env", "# a comment\nFROM_ENV=a=b\n")
    more = [{"extract": {"name": "yaml", "format": "YAML"}}, {"extract": {"name": "env", "format": "Env"}}]
    await start(world, dataFrom=[{"extract": {"name": "database", "format": "JSON"}}, *more])
    assert await world.secret("app") == {**KEYS, "from-yaml": b"yes", "FROM_ENV": b"a=b"}
    assert (await world.there(SECRETS, "app"))["type"] == "Opaque"
    assert [item["name"] for item in (await world.status("app"))["objects"]] == ["database", "yaml", "env"]
    assert await world.spent() == Spent()
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])


async def test_entries_come_and_go_with_the_value(world: World) -> None:
    await start(world)
    await rotate(world, {"username": "bob", "passphrase": "x"})
    assert await world.secret("app") == {"username": b"bob", "passphrase": b"x"}
    assert (await world.status("app"))["revision"] == 2
    assert await world.events() == ["Updated app"]
    events = [event["message"] for event in await world.cluster.objects(EVENTS, world.namespace)]
    assert any("updated: 7 keys; secret database" in message for message in events), events
    told = await messages(world)
    assert not [name for name in HIDDEN if name in told]


async def test_data_goes_before_data_from_and_later_entries_before_earlier_ones(world: World) -> None:
    world.seed.set_secret("base", json.dumps({"a": "base", "b": "base", "c": "base"}))
    world.seed.set_secret("more", json.dumps({"b": "more", "c": "more"}))
    world.seed.set_secret("one", "data")
    await world.connect()
    await world.bind(
        "app",
        data=[{"key": "c", "secret": {"name": "one"}}],
        dataFrom=[{"extract": {"name": "base"}}, {"extract": {"name": "more"}}],
    )
    await world.ready("app")
    assert await world.secret("app") == {"a": b"base", "b": b"more", "c": b"data"}


async def test_a_pinned_version_is_extracted(world: World) -> None:
    old = world.seed.set_secret("database", '{"a": "old"}').version
    world.seed.set_secret("database", '{"a": "new"}')
    await world.connect()
    await world.bind("app", dataFrom=[{"extract": {"name": "database", "version": old}}])
    await world.ready("app")
    assert await world.secret("app") == {"a": b"old"}


@pytest.mark.parametrize(
    ("value", "reason", "message"),
    [
        ("hush", "ExtractFailed", f"database: secret database is not JSON; {STEP}"),
        ('["hush"]', "ExtractFailed", f"database: secret database is no JSON object; {STEP}"),
        (
            {"a": "1", "bad key": "hush", "": "hush"},
            "InvalidKeyName",
            BAD_NAMES,
        ),
    ],
)  # fmt: skip
async def test_a_value_without_entries_keeps_the_secret(
    world: World, value: object, reason: str, message: str
) -> None:
    await start(world)
    await rotate(world, value)
    assert await world.told("app", reason) == message
    assert await world.secret("app") == KEYS
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    told = await messages(world)
    assert not [name for name in (*HIDDEN, "hush", "bad key") if name in told]
    await rotate(world, {"a": "good"})
    assert await world.secret("app") == {"a": b"good"}


@pytest.mark.parametrize("policy", ["Prune", "Delete"])
async def test_what_is_gone_with_its_entries_is_told_without_their_names(world: World, policy: str) -> None:
    world.seed.set_secret("one", "1")
    one = {"key": "one", "secret": {"name": "one"}}
    await start(world, data=[one], target={"whenMissing": policy})
    world.vault.delete("secrets", "database")
    await world.next_look()
    await world.told("app", "Pruned" if policy == "Prune" else "SecretDeleted")
    if policy == "Prune":
        assert await world.secret("app") == {"one": b"1"}
    told = await messages(world)
    assert not [name for name in HIDDEN if name in told]


async def test_a_type_needs_its_keys(world: World) -> None:
    await start(world, target={"type": "kubernetes.io/basic-auth"})
    assert (await world.there(SECRETS, "app"))["type"] == "kubernetes.io/basic-auth"
    await rotate(world, {"user": "ann"})
    assert await world.told("app", "TypeKeysMissing") == (
        "type kubernetes.io/basic-auth needs key username or password, which no entry gives"
    )
    assert await world.secret("app") == KEYS


async def test_an_optional_secret_may_be_missing(world: World) -> None:
    world.seed.set_secret("a", "1")
    await world.connect()
    await world.bind(
        "app",
        data=[{"key": "a", "secret": {"name": "a"}}],
        dataFrom=[{"extract": {"name": "later"}, "optional": True}],
    )
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}
    await world.calm()
    world.vault.set_secret("later", '{"b": 2}')
    await world.next_look()
    assert await world.secret("app") == {"a": b"1", "b": b"2"}


async def test_entries_are_names_in_templates(world: World) -> None:
    text = "{{ username }}@{{ values['port'] }}{{ nobody | default('!') }}"
    await start(world, target={"template": {"data": {"url": text}}})
    assert await world.secret("app") == {"url": b"ann@5432!"}
    await rotate(world, {"username": "bob"})
    assert "line 1" in await world.told("app", "TemplateUndefined")


async def test_an_edited_key_is_repaired_without_its_name(world: World) -> None:
    await start(world)
    await world.patch(SECRETS, "app", {"data": {"username": "aHVzaA==", "foreign": "aHVzaA=="}})
    await world.noticed()
    assert await world.secret("app") == KEYS
    assert await world.events() == ["Repaired app"]
    events = [event["message"] for event in await world.cluster.objects(EVENTS, world.namespace)]
    assert any("repaired: 2 keys, changed by person" in message for message in events), events


async def test_a_key_of_somebody_else_is_not_taken(world: World) -> None:
    world.seed.set_secret("database", json.dumps(DATABASE))
    await world.create(SECRETS, "theirs", data={"password": "b3du"})
    await world.connect()
    await world.bind(
        "app",
        dataFrom=[{"extract": {"name": "database"}}],
        target={"name": "theirs", "creationPolicy": "Merge"},
    )
    message = await world.told("app", "KeyConflict")
    assert message.startswith("a key that dataFrom gives of Secret theirs belongs to field manager")
    assert await world.secret("theirs") == {"password": b"own"}


async def test_keys_of_a_former_extract_are_counted(world: World) -> None:
    await start(world)
    world.seed.set_secret("a", "1")
    spec = {"dataFrom": None, "data": [{"key": "a", "secret": {"name": "a"}}]}
    await world.patch(VAULT_BINDINGS, "app", {"spec": spec})
    await world.ready("app")
    assert await world.secret("app") == {"a": b"1"}
    told = await messages(world)
    assert "keys a and 6 more" in told
    assert not [name for name in HIDDEN if name in told]
