"""`dataFrom.find`: objects that fit become keys, come and go with the vault, and cost one list per look."""

from typing import Any

import pytest

from tests.flow.world import Spent, World
from tests.flow.world_cluster import encode
from vaultbind.api.refs import VaultObjectKind
from vaultbind.bindings import find as finding
from vaultbind.keyvault.simulation import Denial, Fault
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, EVENTS, NAMESPACES, SECRETS, VAULT_BINDINGS
from vaultbind.rendering.rewrite import EffortError
from vaultbind.vaults.catalog import NoList
from vaultbind.vaults.session import VaultSession

pytestmark = pytest.mark.both_drifts

APP = {"name": {"regexp": "app-.*"}}
PROD = {"tags": {"env": "prod"}}
BOTH = {"app-a": b"1", "app-b": b"2"}
UPDATE = ["create events app", "patch secrets app", "patch vaultbindings/status app"]


def seed(world: World) -> None:
    world.seed.set_secret("app-a", "1")
    world.seed.set_secret("app-b", "2", tags={"env": "prod", "team": "x"})
    world.seed.set_secret("other", "3", tags={"env": "prod"})


async def start(world: World, find: dict[str, Any] = APP, **entry: Any) -> None:
    """One binding `app` of what is found among app-a, app-b (env=prod, team=x), other (env=prod), at rest."""
    seed(world)
    await world.connect()
    await world.bind("app", dataFrom=[{"find": find, **entry}])
    await world.ready("app")
    await world.calm()


@pytest.mark.get_on_real
async def test_secrets_are_found_by_name_and_tags(world: World) -> None:
    await start(world)
    assert await world.secret("app") == BOTH
    finds = {
        "by-tag": (PROD, ["app-b", "other"]),
        "by-both": ({**APP, "tags": {"env": "prod", "team": "x"}}, ["app-b"]),
        "any-case": ({"kinds": ["secret"], "name": {"regexp": "(?i)APP-B|oth"}}, ["app-b"]),
    }
    for name, (find, names) in finds.items():
        await world.bind(name, dataFrom=[{"find": find}])
        await world.ready(name)
        assert sorted(await world.secret(name)) == names
    assert (await world.there(SECRETS, "app"))["type"] == "Opaque"
    status = await world.status("app")
    assert [item["name"] for item in status["objects"]] == ["app-a", "app-b"]
    assert status["objectCount"] == 2


async def test_certificates_and_keys_are_found(world: World) -> None:
    world.seed.issue_certificate("app-web", ["shop.example"])
    world.seed.create_key("app-sign")
    await start(world, {**APP, "kinds": ["certificate", "key"]})
    found = await world.secret("app")
    assert sorted(found) == ["app-sign", "app-web"]
    assert found["app-sign"].startswith(b"-----BEGIN PUBLIC KEY-----")
    assert found["app-web"].count(b"BEGIN CERTIFICATE") == 2, "leaf and intermediate, no root"
    assert b"PRIVATE" not in found["app-web"]
    await world.restart()
    assert await world.spent() == Spent(vault=["certificates.list", "keys.list", "secrets.list"])
    await world.bind("secrets", dataFrom=[{"find": APP}])
    await world.ready("secrets")
    assert await world.secret("secrets") == BOTH, "a certificate's secret is found as a certificate only"


@pytest.mark.get_on_real
async def test_a_restart_in_sync_costs_one_list(world: World) -> None:
    await start(world)
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"])
    assert await world.events() == []
    await world.next_look()
    assert await world.spent() == Spent(vault=["secrets.list"])


async def test_what_happened_meanwhile_arrives(world: World) -> None:
    await start(world)
    world.clock.offset += 600

    def change() -> None:
        world.vault.set_secret("app-c", "4")
        world.vault.delete("secrets", "app-a")

    await world.restart(change)
    assert await world.secret("app") == {"app-b": b"2", "app-c": b"4"}
    spent = await world.spent()
    assert spent.writes == sorted([*UPDATE, *world.vault_status()])
    gone = ["secrets.get app-a"]  # named by the status, and in no list
    assert spent.vault == [*gone, "secrets.get app-b", "secrets.get app-c", "secrets.list"]


@pytest.mark.get_on_real
async def test_objects_come_and_go_with_the_vault(world: World) -> None:
    await start(world)
    world.vault.set_secret("app-c", "4")
    await world.next_look()
    assert await world.secret("app") == {**BOTH, "app-c": b"4"}
    assert await world.events() == ["Updated app"]
    assert (await world.status("app"))["revision"] == 2
    world.vault.delete("secrets", "app-a")
    await world.next_look()
    assert await world.secret("app") == {"app-b": b"2", "app-c": b"4"}
    world.vault.enable("secrets", "app-b", enabled=False)
    await world.next_look()
    assert await world.secret("app") == {"app-c": b"4"}
    world.vault.enable("secrets", "app-b")
    await world.next_look()
    assert await world.secret("app") == {"app-b": b"2", "app-c": b"4"}
    assert (await world.conditions("app"))["Synced"] == "True Synced"
    told = [event["message"] for event in await world.cluster.objects(EVENTS, world.namespace)]
    assert any("updated: key" in message and "app-c" in message for message in told), told


async def test_tags_move_objects_in_and_out(world: World) -> None:
    await start(world, PROD)
    assert await world.secret("app") == {"app-b": b"2", "other": b"3"}
    world.vault.update_secret("app-a", tags={"env": "prod"})
    world.vault.update_secret("other", tags={"env": "test"})
    await world.next_look()
    assert await world.secret("app") == {"app-a": b"1", "app-b": b"2"}


async def test_what_is_found_follows_its_value(world: World) -> None:
    await start(world)
    world.vault.set_secret("app-a", "new")
    await world.next_look()
    assert await world.secret("app") == {**BOTH, "app-a": b"new"}
    spent = await world.spent()
    assert spent.vault == ["secrets.get app-a", "secrets.get app-b", "secrets.list"]
    assert spent.writes == UPDATE
    world.vault.set_secret("other", "new")
    await world.calm()
    assert (await world.spent()).vault == [], "calm() counts anew"
    await world.next_look()
    assert await world.spent() == Spent(vault=["secrets.list"])


async def test_bindings_share_lists_and_gets(world: World) -> None:
    await start(world)
    await world.bind("more", dataFrom=[{"find": {"name": {"regexp": "app-[ab]"}}}])
    await world.ready("more")
    await world.calm()
    world.vault.set_secret("app-a", "new")
    world.vault.set_secret("app-b", "new")
    await world.next_look()
    spent = await world.spent()
    assert spent.vault == ["secrets.get app-a", "secrets.get app-b", "secrets.list"]
    assert await world.secret("more") == {"app-a": b"new", "app-b": b"new"}
    assert await world.secret("app") == await world.secret("more")


async def test_an_idle_look_costs_the_pages_of_one_list(world: World) -> None:
    for number in range(60):
        world.seed.set_secret(f"x{number}", "0")
    await start(world)
    await world.next_look()
    assert await world.spent() == Spent(vault=["secrets.list"] * 3), "63 objects, 25 a page"


async def test_names_are_rewritten(world: World) -> None:
    strip = {"regexp": "^app-", "replacement": ""}
    await start(world, rewrite=[strip, {"regexp": "$", "replacement": ".txt"}])
    assert await world.secret("app") == {"a.txt": b"1", "b.txt": b"2"}
    world.vault.set_secret("app-app-a", "4")
    await world.next_look()
    assert sorted(await world.secret("app")) == ["a.txt", "app-a.txt", "b.txt"]
    spec = {"dataFrom": [{"find": APP, "rewrite": [{"regexp": "-.*", "replacement": ""}]}]}
    await world.patch(VAULT_BINDINGS, "app", {"spec": spec})
    message = await world.told("app", "DuplicateKey")
    assert message == "dataFrom[0].find: objects app-a and app-app-a both get key app; change `rewrite`"
    assert sorted(await world.secret("app")) == ["a.txt", "app-a.txt", "b.txt"]


async def test_nothing_found_is_told_and_may_be_optional(world: World) -> None:
    seed(world)
    await world.connect()
    nothing = {"find": {"name": {"regexp": "app"}}}  # the whole name has to match
    await world.bind("app", dataFrom=[nothing])
    message = await world.told("app", "ObjectNotFound")
    assert message.startswith("dataFrom[0].find: no object that may be read fits; create it")
    assert await world.get(SECRETS, "app") is None
    data = [{"key": "one", "secret": {"name": "other"}}]
    await world.bind("may", data=data, dataFrom=[{**nothing, "optional": True}])
    await world.ready("may")
    assert await world.secret("may") == {"one": b"3"}
    world.vault.set_secret("app", "4")
    await world.next_look()
    assert await world.secret("app") == {"app": b"4"}
    assert await world.secret("may") == {"one": b"3", "app": b"4"}


@pytest.mark.parametrize("policy", ["Retain", "Prune", "Delete"])
async def test_the_last_one_keeps_the_secret(world: World, policy: str) -> None:
    await start(world)
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"whenMissing": policy}}})
    await world.ready("app")
    world.vault.delete("secrets", "app-a")
    await world.next_look()
    assert await world.secret("app") == {"app-b": b"2"}, "whatever whenMissing says: that is what find means"
    world.vault.delete("secrets", "app-b")
    await world.next_look()
    await world.told("app", "ObjectNotFound")
    assert await world.secret("app") == {"app-b": b"2"}
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"


async def test_what_a_namespace_may_not_read_is_not_found(world: World) -> None:
    seed(world)
    rules = [{"namespaces": {"all": True}, "objects": ["app-a", "app-c"]}]
    await world.connect(access=rules)
    await world.bind("app", dataFrom=[{"find": {"name": {"regexp": ".*"}}}])
    await world.bind("none", dataFrom=[{"find": PROD}])
    await world.ready("app")
    assert await world.secret("app") == {"app-a": b"1"}
    await world.told("none", "ObjectNotFound")
    assert [line for line in (await world.spent()).vault if "get" in line] == ["secrets.get app-a"]
    told = [await world.tell(), str(await world.status("app")), str(await world.status("none"))]
    assert not [name for name in ("app-b", "other") if any(name in text for text in told)]
    label = {"selector": {"matchLabels": {"team": "shop"}}}
    more = [*rules, {"namespaces": label, "objects": ["app-b"]}]
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"access": more}})
    await world.settled()
    assert await world.secret("app") == {"app-a": b"1"}
    await world.patch(NAMESPACES, world.namespace, {"metadata": {"labels": {"team": "shop"}}})
    await world.ready("app", "none")
    assert await world.secret("app") == BOTH
    assert await world.secret("none") == {"app-b": b"2"}
    await world.patch(NAMESPACES, world.namespace, {"metadata": {"labels": {"team": None}}})
    await world.ready("app")
    assert await world.secret("app") == {"app-a": b"1"}


async def test_more_than_a_hundred_are_too_many(world: World) -> None:
    await start(world)
    for number in range(99):
        world.vault.set_secret(f"app-{number}", "0")
    await world.next_look()
    message = await world.told("app", "TooManyObjects")
    assert message.startswith("101 objects fit dataFrom.find, a binding may find 100: narrow name or tags")
    assert await world.secret("app") == BOTH
    assert [line for line in (await world.spent()).vault if "get" in line] == []
    world.vault.delete("secrets", "app-7")
    await world.next_look()
    await world.ready("app")
    assert len(await world.secret("app")) == 100
    assert (await world.status("app"))["objectCount"] == 100
    assert len((await world.status("app"))["objects"]) == 64
    await world.calm()
    await world.restart()
    assert await world.spent() == Spent(vault=["secrets.list"] * 5)


@pytest.mark.parametrize("detection", ["Auto", "List"])
async def test_without_the_right_to_list_nothing_is_found(world: World, detection: str) -> None:
    seed(world)
    await world.connect(detection=detection)
    world.emulator.estate.access.deny(Denial(action="list"))
    await world.bind("app", dataFrom=[{"find": APP}])
    message = await world.told("app", "ListNeeded")
    assert "grant the identity secrets/list on the whole vault" in message
    assert await world.get(SECRETS, "app") is None
    world.emulator.estate.access.clear()
    await world.advance(600)
    await world.ready("app")
    assert await world.secret("app") == BOTH
    await world.calm()
    world.emulator.estate.access.deny(Denial(action="list"))
    world.vault.set_secret("app-c", "4")
    await world.advance(600)
    if detection == "Auto":
        await world.told("app", "ListNeeded")
    else:  # the look fails as a whole: the KeyVault tells it, and what the binding tells stands
        await world.until(lambda: world.has(CLUSTER_KEY_VAULTS, world.vault_name, "Ready", "Forbidden"))
    assert await world.secret("app") == BOTH


async def test_detection_by_get_finds_nothing(world: World) -> None:
    seed(world)
    await world.connect(detection="Get")
    await world.bind("app", dataFrom=[{"find": APP}])
    assert "set detection: Auto there" in await world.told("app", "ListNeeded")
    assert (await world.spent()).vault == []
    await world.patch(CLUSTER_KEY_VAULTS, world.vault_name, {"spec": {"detection": "Auto"}})
    await world.ready("app")
    assert await world.secret("app") == BOTH


async def test_what_a_list_lacks_is_asked_for_before_its_key_goes(world: World, hide: set[str]) -> None:
    await start(world)
    hide.add("app-a")
    await world.next_look()
    assert await world.secret("app") == BOTH
    assert (await world.spent()).vault == ["secrets.get app-a", "secrets.list"]
    world.vault.delete("secrets", "app-a")
    await world.next_look()
    assert await world.secret("app") == {"app-b": b"2"}
    hide.add("app-b")
    await world.next_look()
    assert await world.secret("app") == {"app-b": b"2"}
    hide.clear()
    await world.next_look()
    assert await world.secret("app") == {"app-b": b"2"}
    assert (await world.conditions("app"))["Synced"] == "True Synced"


async def test_what_no_status_names_is_asked_for_too(world: World, hide: set[str]) -> None:
    """A status names 64 objects; the operator itself knows all that it has found."""
    names = [f"app-{number}" for number in range(100, 166)]
    for name in names:
        world.seed.set_secret(name, "0")
    await world.connect()
    await world.bind("app", dataFrom=[{"find": APP}])
    await world.ready("app")
    await world.calm()
    hide.add(names[-1])
    await world.next_look()
    assert sorted(await world.secret("app")) == names
    assert (await world.spent()).vault == [f"secrets.get {names[-1]}", *["secrets.list"] * 3]


async def test_an_empty_list_after_a_start_empties_nothing(world: World, hide: set[str]) -> None:
    await start(world, optional=True)
    await world.restart(lambda: hide.update({"app-a", "app-b", "other"}))
    assert await world.secret("app") == BOTH
    assert [line for line in (await world.spent()).writes if "secrets" in line] == []
    world.vault.delete("secrets", "app-a")
    await world.calm()
    assert await world.secret("app") == {"app-b": b"2"}


async def test_what_is_named_crowds_nothing_found_out_of_the_status(world: World, hide: set[str]) -> None:
    """A status names 64 objects, and after a start nothing else tells what had been found."""
    names = [f"s{number}" for number in range(100, 164)]
    for name in names:
        world.seed.set_secret(name, "0")
    seed(world)
    await world.connect()
    data = [{"key": name, "secret": {"name": name}} for name in names]
    await world.bind("app", data=data, dataFrom=[{"find": APP, "optional": True}])
    await world.ready("app")
    await world.calm()
    told = [item["name"] for item in (await world.status("app"))["objects"]]
    assert told == ["app-a", "app-b", *names[:62]]
    await world.restart(lambda: hide.update({"app-a", "app-b"}))
    assert sorted(await world.secret("app")) == ["app-a", "app-b", *names]


async def test_a_list_that_is_refused_while_one_object_is_asked_for(
    world: World, hide: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(world)
    ask = finding._ask

    async def ask_slowly(session: VaultSession, *args: Any) -> Any:
        """Answers after another look, to which the list was refused."""
        answer = await ask(session, *args)
        session.catalogs[VaultObjectKind.SECRET] = NoList.FORBIDDEN
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(finding, "_ask", ask_slowly)
        hide.add("app-a")
        await world.next_look()
        await world.told("app", "ListNeeded")
        assert await world.secret("app") == BOTH
    await world.next_look()
    await world.ready("app")
    assert await world.secret("app") == BOTH


async def test_while_the_vault_cannot_tell_the_secret_stays(world: World, hide: set[str]) -> None:
    await start(world, optional=True)
    hide.update({"app-a", "app-b"})
    world.emulator.estate.access.deny(Denial(action="get", name="app-a"))
    await world.next_look()
    assert "secret app-a" in await world.told("app", "Forbidden")
    assert await world.secret("app") == BOTH
    world.emulator.estate.access.clear()
    await world.advance(600)
    await world.ready("app")
    assert await world.secret("app") == BOTH


async def test_a_start_while_the_vault_fails_writes_nothing(world: World) -> None:
    await start(world)
    down = Fault(status=503)
    await world.restart(lambda: world.emulator.estate.faults.add(down))
    spent = await world.spent()
    assert [line for line in spent.writes if world.vault_name not in line] == []
    assert await world.secret("app") == BOTH
    assert (await world.conditions("app"))["Synced"] == "True Synced"
    world.emulator.estate.faults.clear()
    world.vault.set_secret("app-c", "4")
    await world.advance(600)
    await world.ready("app")
    assert await world.secret("app") == {**BOTH, "app-c": b"4"}


@pytest.mark.parametrize("tried", ["search.find_all", "find.find_doubtful"])
async def test_what_takes_too_long_is_tried_once_for_the_same_objects(
    world: World, tried: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def spend(*_: Any) -> None:
        tries.append(tried)
        raise EffortError

    monkeypatch.setattr(f"vaultbind.bindings.{tried}", spend)
    seed(world)
    await world.connect()
    await world.bind("app", dataFrom=[{"find": APP}])
    assert "takes too long over the names in the vault" in await world.told("app", "InvalidSpec")
    await world.request_look("app", "now")
    world.vault.set_secret("app-a", "4")
    await world.next_look()
    await world.request_look("app", "again")
    assert len(tries) == 1
    world.vault.set_secret("app-c", "4")
    await world.next_look()
    assert len(tries) == 2


async def test_what_was_edited_while_the_vault_fails_is_not_told_as_good(world: World) -> None:
    await start(world)

    async def edit() -> None:
        world.emulator.estate.faults.add(Fault(status=503))
        await world.patch(SECRETS, "app", {"data": encode(**{"app-a": "edited"})})

    await world.restart(edit)
    await world.told("app", "VaultError")
    assert (await world.conditions("app"))["Synced"] == "False VaultError"
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    world.emulator.estate.faults.clear()
    await world.advance(600)
    await world.ready("app")
    assert await world.secret("app") == BOTH


async def test_whose_secret_it_is_goes_before_what_the_vault_cannot_tell(world: World) -> None:
    await start(world)
    other = await world.bind("other", data=[{"key": "one", "secret": {"name": "other"}}])
    await world.ready("other")
    owner = {key: other[key] for key in ("apiVersion", "kind")}
    owner |= {"name": "other", "uid": other["metadata"]["uid"], "controller": True}

    async def take_over() -> None:
        world.emulator.estate.faults.add(Fault(status=503))
        await world.patch(SECRETS, "app", {"metadata": {"ownerReferences": [owner]}})

    await world.restart(take_over)
    await world.told("app", "SecretNotOwned")
    assert await world.secret("app") == BOTH


async def test_a_request_while_the_vault_fails_is_no_success(world: World) -> None:
    await start(world)
    await world.bind("named", data=[{"key": "one", "secret": {"name": "app-a"}}])
    await world.ready("named")
    await world.calm()
    world.emulator.estate.faults.add(Fault(status=503))
    for name in ("app", "named"):
        await world.request_look(name, "now")
        assert (await world.conditions(name))["Synced"] == "False VaultError"
    world.emulator.estate.faults.clear()
    world.vault.set_secret("app-c", "4")
    await world.mark()
    await world.advance(40)  # no look of the interval's is due yet
    await world.ready("app")
    assert await world.secret("app") == {**BOTH, "app-c": b"4"}


async def test_a_request_that_failed_is_owed(world: World) -> None:
    """What the vault holds is read once it answers, although its list shows nothing new."""
    await start(world)
    world.emulator.estate.faults.add(Fault(status=503))
    await world.request_look("app", "now")
    await world.told("app", "VaultError")
    world.emulator.estate.faults.clear()
    await world.mark()
    await world.advance(600)
    await world.ready("app")
    gets = [line for line in (await world.spent()).vault if "get" in line]
    assert gets == ["secrets.get app-a", "secrets.get app-b"]


async def test_a_request_lists_anew(world: World) -> None:
    await start(world)
    world.vault.set_secret("app-c", "4")
    await world.request_look("app", "now")
    assert await world.secret("app") == {**BOTH, "app-c": b"4"}
    assert "secrets.list" in (await world.spent()).vault


async def test_found_objects_go_before_and_behind_others(world: World) -> None:
    world.seed.set_secret("base", '{"app-a": "base", "x": "base"}')
    seed(world)
    await world.connect()
    await world.bind(
        "app",
        data=[{"key": "app-b", "secret": {"name": "other"}}],
        dataFrom=[{"extract": {"name": "base"}}, {"find": APP}],
    )
    await world.ready("app")
    assert await world.secret("app") == {"app-a": b"1", "app-b": b"3", "x": b"base"}


async def test_what_is_no_expression_is_told_before_the_vault_is_asked(world: World) -> None:
    await world.connect()
    await world.bind("app", dataFrom=[{"find": {"name": {"regexp": "("}}}])
    message = await world.told("app", "InvalidSpec")
    assert message.startswith("spec.dataFrom[0].find.name.regexp: is no regular expression of RE2")
    assert (await world.spent()).vault == []


async def test_a_binding_for_pods_finds_nothing(world: World) -> None:
    await world.connect()
    await world.bind("app", dataFrom=[{"find": APP}], target={"creationPolicy": "None"})
    assert "find is not implemented for pods yet" in await world.told("app", "NotImplemented")
    assert (await world.conditions("app"))["Stalled"] == "True NotImplemented"
    assert (await world.spent()).vault == []


async def test_what_is_named_too_is_confirmed_as_what_is_only_found(world: World, hide: set[str]) -> None:
    seed(world)
    await world.connect()
    await world.bind("app", data=[{"key": "one", "secret": {"name": "app-a"}}], dataFrom=[{"find": APP}])
    await world.ready("app")
    await world.calm()
    hide.add("app-a")
    await world.next_look()
    assert await world.secret("app") == {**BOTH, "one": b"1"}
