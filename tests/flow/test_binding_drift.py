"""Somebody changes our Secret: it is put right, once, and nobody is fought."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.flow.world import Spent, World
from tests.flow.world_cluster import encode
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

DATA = [{"key": name, "secret": {"name": name}} for name in ("a", "b")]
GOOD = {"a": b"1", "b": b"2"}
REPAIR = ["create events app", "patch secrets app"]
GETS = ["secrets.get a", "secrets.get b"]


async def start(world: World, **spec: object) -> dict[str, Any]:
    """One binding `app` of the secrets a and b, at rest; returns the Secret's metadata."""
    world.seed.set_secret("a", "1")
    world.seed.set_secret("b", "2")
    await world.connect()
    await world.bind("app", data=DATA, **spec)
    await world.ready("app")
    await world.calm()
    metadata: dict[str, Any] = (await world.there(SECRETS, "app"))["metadata"]
    return metadata


def shown(metadata: Mapping[str, Any]) -> tuple[object, ...]:
    """What a repair has to bring back (a digest's time may move)."""
    annotations = {key: value for key, value in metadata["annotations"].items() if "source" not in key}
    return metadata["labels"], annotations, metadata["ownerReferences"]


CONTENT = {
    "a value is changed": {"data": encode(a="hacked")},
    "a key is added": {"data": encode(c="foreign")},
    "a key is removed": {"data": {"b": None}},
    "all of it": {"data": {"a": None, **encode(b="x", c="y")}},
    "with a label": {"data": encode(a="hacked"), "metadata": {"labels": {"team": None}}},
}


@pytest.mark.parametrize("edit", CONTENT.values(), ids=CONTENT)
async def test_content_is_repaired(world: World, edit: Mapping[str, Any]) -> None:
    before = await start(world, target={"labels": {"team": "shop"}})
    await world.patch(SECRETS, "app", edit)
    await world.noticed()
    spent = await world.spent()
    assert await world.secret("app") == GOOD
    assert (spent.writes, spent.vault) == (REPAIR, [*GETS, *world.noticing])
    assert shown((await world.there(SECRETS, "app"))["metadata"]) == shown(before)
    assert (await world.status("app"))["revision"] == 1
    assert await world.events() == ["Repaired app"]
    await world.calm()
    assert await world.spent() == Spent()


METADATA = {
    "a label of the target": {"labels": {"team": None}},
    "its value": {"labels": {"team": "x"}},
    "an annotation": {"annotations": {"why": None}},
    "the owner": {"ownerReferences": None},
    "our label with the uid": {"labels": {"vaultbind.dev/binding-uid": None}},
    "our annotation": {"annotations": {"vaultbind.dev/binding": "x"}},
}


@pytest.mark.parametrize("edit", METADATA.values(), ids=METADATA)
async def test_metadata_is_repaired_without_asking_the_vault(world: World, edit: Mapping[str, Any]) -> None:
    before = await start(world, target={"labels": {"team": "shop"}, "annotations": {"why": "because"}})
    await world.patch(SECRETS, "app", {"metadata": edit})
    await world.noticed()
    spent = await world.spent()
    assert spent.writes == REPAIR
    assert spent.vault == [*([] if "ownerReferences" not in edit else GETS), *world.noticing]
    assert shown((await world.there(SECRETS, "app"))["metadata"]) == shown(before)
    assert await world.events() == ["Repaired app"]
    await world.calm()
    assert await world.spent() == Spent()


async def test_a_deleted_secret_comes_back(world: World) -> None:
    await start(world)
    before = (await world.there(SECRETS, "app"))["metadata"]["uid"]
    await world.delete(SECRETS, "app")
    await world.noticed()
    await world.until(lambda: _is_new(world, before))
    assert await world.secret("app") == GOOD
    assert (await world.spent()).writes == ["create events app", "create secrets app"]
    assert (await world.status("app"))["revision"] == 1
    assert await world.events() == ["Repaired app"]


async def _is_new(world: World, uid: str) -> bool:
    secret = await world.get(SECRETS, "app")
    return secret is not None and secret["metadata"]["uid"] != uid


async def test_without_our_label_it_is_found_again(world: World) -> None:
    """The watch sees a Secret without the label as deleted; creating it finds out that it is there."""
    before = await start(world)
    await world.patch(SECRETS, "app", {"metadata": {"labels": {"vaultbind.dev/managed": None}}})
    await world.noticed()
    await world.until(lambda: _is_labelled(world))
    await world.settled()
    assert shown((await world.there(SECRETS, "app"))["metadata"]) == shown(before)
    assert await world.secret("app") == GOOD
    await world.calm()
    assert await world.spent() == Spent()


async def _is_labelled(world: World) -> bool:
    labels = (await world.there(SECRETS, "app"))["metadata"].get("labels") or {}
    return labels.get("vaultbind.dev/managed") == "true"


async def test_a_broken_source_annotation_is_written_anew(world: World) -> None:
    await start(world)
    edit = {"metadata": {"annotations": {"vaultbind.dev/source": "x"}}}
    await world.patch(SECRETS, "app", edit)
    await world.noticed()
    source = (await world.there(SECRETS, "app"))["metadata"]["annotations"]["vaultbind.dev/source"]
    assert source.startswith("v1.")
    assert source.endswith(";revision=1")
    await world.calm()
    assert await world.spent() == Spent()


async def test_an_equal_apply_of_somebody_else_is_no_drift(world: World) -> None:
    await start(world)
    await world.cluster.apply(SECRETS, world.namespace, "app", {"data": encode(a="1")}, manager="argocd")
    await world.noticed()
    await world.calm()
    assert await world.spent() == Spent()
    assert await world.secret("app") == GOOD
    assert await world.events() == []


async def test_a_value_changed_and_changed_back_is_not_fought(world: World) -> None:
    """The key has another owner now, but its value is right: read once, and left alone."""
    await start(world)
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"suspend": True}})
    await world.settled()
    await world.patch(SECRETS, "app", {"data": encode(a="x")})
    await world.patch(SECRETS, "app", {"data": encode(a="1")})
    await world.settled()
    await world.mark()
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"suspend": False}})
    await world.ready("app")
    spent = await world.spent()
    assert [line for line in spent.writes if "secrets" in line] == []
    assert spent.reads == ["get secrets app"]
    await world.calm()
    await world.next_look()
    assert await world.spent() == Spent(vault=["secrets.list"])
    assert await world.secret("app") == GOOD


async def test_a_label_of_somebody_else_is_left_alone(world: World) -> None:
    await start(world)
    await world.patch(SECRETS, "app", {"metadata": {"labels": {"foreign": "1"}}})
    assert await world.spent() == Spent()
    assert (await world.there(SECRETS, "app"))["metadata"]["labels"]["foreign"] == "1"


@pytest.mark.watch_only("without it one look is one repair, and a look comes once in an interval")
async def test_repairs_keep_a_pace(world: World) -> None:
    """Somebody who undoes each repair gets five in a minute, then the rest of the minute off."""
    await start(world)
    for number in range(5):
        await world.patch(SECRETS, "app", {"data": encode(a=f"hacked-{number}")})
        await world.settled()
        assert await world.secret("app") == GOOD
    await world.mark()
    await world.patch(SECRETS, "app", {"data": encode(a="sixth")})
    await world.settled()
    assert (await world.secret("app"))["a"] == b"sixth"
    assert (await world.spent()).writes == []
    await world.advance(61)
    assert await world.secret("app") == GOOD
