"""Key stores for Java: from the vault and a password to the bytes of the Secret, and what changes them."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.flow.world import Spent, World
from tests.flow.world_operator import ASK
from tests.unit.keyvault.certs import reading
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

PASSWORD = {"name": "stores", "key": "password"}


def store(form: str = "PKCS12", include: str = "KeyAndChain", **more: Any) -> dict[str, Any]:
    return {
        "certificate": {"name": "Web", "include": include, "format": form, "passwordRef": PASSWORD, **more}
    }


async def keep_password(world: World, text: str) -> None:
    await world.create(SECRETS, "stores", data={"password": base64.b64encode(text.encode()).decode()})


async def change_password(world: World, text: str) -> None:
    data = {"password": base64.b64encode(text.encode()).decode()}
    await world.patch(SECRETS, "stores", {"data": data})


async def bind(world: World, **entries: Any) -> None:
    await world.connect()
    await world.bind("app", data=[{"key": key, **source} for key, source in entries.items()])


async def test_a_key_store_with_a_password(world: World) -> None:
    """Both forms with key and chain, and with the authority alone; an unchanged vault costs no write."""
    chain = world.seed.issue_certificate("Web", ["shop.example"], intermediates=2, with_root=True)
    await keep_password(world, "changeit")
    await bind(
        world,
        p12=store(),
        jks=store("JKS"),
        trust_p12=store(include="CA"),
        trust_jks=store("JKS", include="CA"),
    )
    await world.ready("app")
    found = await world.secret("app")
    p12 = pkcs12.load_pkcs12(found["p12"], b"changeit")
    assert p12.cert is not None
    assert (p12.cert.certificate, p12.cert.friendly_name) == (chain.leaf, b"web")
    assert [item.certificate for item in p12.additional_certs] == list(chain.intermediates)
    trust = pkcs12.load_pkcs12(found["trust_p12"], b"changeit")
    assert [item.certificate for item in trust.additional_certs] == [chain.root]
    jks = reading.read_jks(found["jks"], "changeit")
    assert (jks.key_of("web"), jks.certificates) == (
        reading.pkcs8(chain.key),
        [chain.leaf, *chain.intermediates],
    )
    assert reading.read_jks(found["trust_jks"], "changeit").certificates == [chain.root]
    await world.calm()
    await world.next_look()
    spent = await world.spent()
    assert (spent.writes, spent.vault) == ([], ["secrets.list"])
    assert await world.secret("app") == found


async def test_a_pkcs12_without_password_ref_has_the_empty_password(world: World) -> None:
    chain = world.seed.issue_certificate("Web", ["shop.example"])
    await bind(world, p12=store(passwordRef=None))
    await world.ready("app")
    found = pkcs12.load_pkcs12((await world.secret("app"))["p12"], None)
    assert found.cert is not None
    assert found.cert.certificate == chain.leaf
    await world.calm()
    await world.next_look()
    assert await world.spent() == Spent(vault=["secrets.list"])


async def test_another_password_arrives_with_the_next_look(world: World) -> None:
    world.seed.issue_certificate("Web", ["shop.example"])
    await keep_password(world, "changeit")
    await bind(world, p12=store())
    await world.ready("app")
    await world.calm()
    await change_password(world, "another")
    await world.settled()
    assert pkcs12.load_pkcs12((await world.secret("app"))["p12"], b"changeit").key is not None
    await world.next_look()
    found = (await world.secret("app"))["p12"]
    assert pkcs12.load_pkcs12(found, b"another").key is not None
    assert (await world.status("app"))["revision"] == 2
    spent = await world.spent()
    assert [line for line in spent.writes if "secrets" in line] == ["patch secrets app"]
    await world.calm()
    await world.next_look()
    assert (await world.spent()).writes == []


async def test_who_does_not_follow_keeps_its_password(world: World) -> None:
    """Nobody asks for it, until the store has to be made again: then there is only the password of now."""
    world.seed.issue_certificate("Web", ["shop.example"])
    await keep_password(world, "changeit")
    await world.connect()
    await world.bind("app", data=[{"key": "p12", **store()}], refreshPolicy="Once")
    await world.ready("app")
    await world.calm()
    await change_password(world, "another")
    await world.next_look()
    await world.restart()
    await world.next_look()
    assert pkcs12.load_pkcs12((await world.secret("app"))["p12"], b"changeit").key is not None
    spent = await world.spent()
    assert [line for line in (*spent.reads, *spent.asked) if "stores" in line] == []
    await world.patch(SECRETS, "app", {"data": {"p12": "eA=="}})
    await world.noticed()
    assert pkcs12.load_pkcs12((await world.secret("app"))["p12"], b"another").key is not None
    assert (await world.status("app"))["revision"] == 2


async def test_a_touched_password_makes_no_new_content(world: World) -> None:
    """The same password in another state of its Secret: the mark moves, once, and nobody is restarted."""
    world.seed.issue_certificate("Web", ["shop.example"])
    await keep_password(world, "changeit")
    await bind(world, p12=store())
    await world.ready("app")
    before = await world.secret("app")
    await world.calm()
    await world.patch(SECRETS, "stores", {"metadata": {"labels": {"team": "shop"}}})
    await world.next_look()
    assert await world.secret("app") == before
    assert (await world.status("app"))["revision"] == 1
    await world.calm()
    await world.next_look()
    assert (await world.spent()).writes == []


async def test_a_password_that_is_not_there_is_waited_for(world: World) -> None:
    chain = world.seed.issue_certificate("Web", ["shop.example"])
    await bind(world, p12=store())
    message = await world.told("app", "PasswordNotFound")
    assert "Secret stores, which a passwordRef names, does not exist; create it with key password" in message
    assert await world.get(SECRETS, "app") is None
    assert (await world.spent()).vault == []
    await world.create(SECRETS, "stores", data={"other": ""})
    await world.advance(60)
    assert "Secret stores has no key password" in await world.told("app", "PasswordNotFound")
    await change_password(world, "changeit\n")
    await world.advance(60)
    assert "no line end" in await world.told("app", "PasswordInvalid")
    await change_password(world, "changeit")
    await world.advance(60)
    await world.ready("app")
    found = pkcs12.load_pkcs12((await world.secret("app"))["p12"], b"changeit")
    assert found.cert is not None
    assert found.cert.certificate == chain.leaf


async def test_a_password_that_goes_keeps_the_secret(world: World) -> None:
    world.seed.issue_certificate("Web", ["shop.example"])
    await keep_password(world, "changeit")
    await bind(world, p12=store())
    await world.ready("app")
    before = await world.secret("app")
    await world.delete(SECRETS, "stores")
    await world.next_look()
    await world.told("app", "PasswordNotFound")
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    assert await world.secret("app") == before
    await keep_password(world, "changeit")
    await world.advance(60)
    await world.ready("app")
    assert await world.secret("app") == before
    assert (await world.status("app"))["revision"] == 1


async def test_a_renewed_certificate_makes_a_new_store(world: World) -> None:
    world.seed.issue_certificate("Web", ["shop.example"])
    await keep_password(world, "changeit")
    await bind(world, jks=store("JKS"))
    await world.ready("app")
    await world.calm()
    renewed = world.vault.issue_certificate("Web", ["shop.example"])
    await world.next_look()
    found = reading.read_jks((await world.secret("app"))["jks"], "changeit")
    assert found.key_of("web") == reading.pkcs8(renewed.key)


async def test_a_restart_reads_no_password(world: World) -> None:
    world.seed.issue_certificate("Web", ["shop.example"])
    await keep_password(world, "changeit")
    await bind(world, p12=store())
    await world.ready("app")
    await world.calm()
    before = len(world.calls)
    await world.restart()
    spent = await world.spent()
    assert (spent.writes, [line for line in spent.vault if ".get" in line]) == ([], [])
    asked = [call.verb for call in world.calls[before:] if (call.resource, call.name) == (SECRETS, "stores")]
    assert asked == [ASK], "its metadata, once"


async def test_no_password_is_told(world: World) -> None:
    """Nowhere but in the two Secrets: not in status, Events, annotations or logs."""
    word = "n0tT0BeF0und"
    world.seed.issue_certificate("Web", ["shop.example"])
    await keep_password(world, word)
    await bind(world, p12=store(), jks=store("JKS"))
    await world.ready("app")
    await change_password(world, f"{word}\n")
    await world.next_look()
    await world.told("app", "PasswordInvalid")
    binding = await world.there(VAULT_BINDINGS, "app")
    written = await world.there(SECRETS, "app")
    assert word not in repr((binding, written["metadata"], await world.events()))
    assert word not in "\n".join(world.log.lines)
