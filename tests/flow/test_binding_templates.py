"""`target.template`: keys that are made of others, and what becomes of the Secret when they cannot be."""

from tests.flow.world import Spent, World
from vaultbind.keyvault.simulation import Fault
from vaultbind.kube.resources import SECRETS, VAULT_BINDINGS

DATA = [
    {"key": "user", "secret": {"name": "user"}},
    {"key": "password", "secret": {"name": "password"}},
    {"key": "hosts", "secret": {"name": "hosts"}, "optional": True},
]
URL = "postgres://{{ user }}:{{ password | urlencode }}@db/shop\n"
MADE = b"postgres://ann:s3cr3t%2F@db/shop\n"


async def start(world: World, text: str = URL, **template: object) -> None:
    """One binding `app` with one template, at rest."""
    world.seed.set_secret("user", "ann")
    world.seed.set_secret("password", "s3cr3t/")
    await world.connect()
    await world.bind("app", data=DATA, target={"template": {"data": {"url": text}, **template}})
    await world.ready("app")
    await world.calm()


async def set_template(world: World, text: str) -> None:
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"template": {"data": {"url": text}}}}})


async def test_a_template_makes_a_key_of_the_others(world: World) -> None:
    await start(world)
    assert await world.secret("app") == {"url": MADE}
    assert [item["name"] for item in (await world.status("app"))["objects"]] == ["user", "password"]
    assert await world.spent() == Spent()


async def test_keys_are_kept_where_the_template_says_so(world: World) -> None:
    await start(world, keep="All")
    assert await world.secret("app") == {"url": MADE, "user": b"ann", "password": b"s3cr3t/"}
    await world.patch(VAULT_BINDINGS, "app", {"spec": {"target": {"template": {"keep": "None"}}}})
    await world.ready("app")
    assert await world.secret("app") == {"url": MADE}


async def test_a_rotation_is_rendered(world: World) -> None:
    await start(world)
    world.vault.set_secret("password", "second")
    await world.next_look()
    assert await world.secret("app") == {"url": b"postgres://ann:second@db/shop\n"}
    assert (await world.status("app"))["revision"] == 2


async def test_a_changed_template_is_rendered_at_once(world: World) -> None:
    """As a change of `data`: one get per object, one write, a new revision."""
    await start(world)
    await set_template(world, "{{ user }}!")
    await world.ready("app")
    assert await world.secret("app") == {"url": b"ann!"}
    spent = await world.spent()
    assert spent.writes == ["create events app", "patch secrets app", "patch vaultbindings/status app"]
    assert sorted({*spent.vault}) == spent.vault, "no object is read twice"
    assert (await world.status("app"))["revision"] == 2


async def test_another_text_that_gives_the_same_is_no_new_content(world: World) -> None:
    await start(world)
    await set_template(world, "{# where the shop is #}" + URL)
    await world.ready("app")
    assert (await world.status("app"))["revision"] == 1
    assert await world.events() == []


async def test_a_restart_in_sync_reads_no_value_and_writes_nothing(world: World) -> None:
    await start(world)
    await world.restart()
    await world.ready("app")
    spent = await world.spent()
    assert spent.writes == []
    assert [line for line in spent.vault if ".get " in line] == []


async def test_a_template_changed_while_nobody_ran_is_rendered(world: World) -> None:
    await start(world)
    await world.restart(lambda: set_template(world, "{{ user }}"))
    await world.ready("app")
    assert await world.secret("app") == {"url": b"ann"}


async def test_a_broken_template_keeps_the_last_good_secret(world: World) -> None:
    await start(world)
    await set_template(world, "a\n{{ user | nosuch }}")
    message = await world.told("app", "TemplateInvalid")
    assert message.startswith("spec.target.template.data[url]: line 2: no filter is called nosuch")
    conditions = await world.conditions("app")
    assert {kind: conditions[kind] for kind in ("Ready", "Synced", "Stalled")} == {
        "Ready": "False TemplateInvalid",
        "Synced": "False TemplateInvalid",
        "Stalled": "True TemplateInvalid",
    }
    assert await world.secret("app") == {"url": MADE}
    assert (await world.spent()).vault == [], "nothing is read for a template that is none"
    await set_template(world, URL)
    await world.ready("app")
    assert (await world.conditions("app")).get("Stalled") is None
    assert (await world.status("app"))["revision"] == 1


async def test_a_template_that_cannot_be_rendered_keeps_the_last_good_secret(world: World) -> None:
    """`hosts` is optional, and the vault has none: only the values show that."""
    await start(world)
    await set_template(world, "{{ user }}\n{{ hosts }}")
    message = await world.told("app", "TemplateUndefined")
    assert message == "url: line 2: hosts is not there"
    assert (await world.conditions("app"))["Ready"] == "True SecretKept"
    assert await world.secret("app") == {"url": MADE}
    world.vault.set_secret("hosts", '["a", "b"]')
    await world.advance(600)
    await world.ready("app")
    assert await world.secret("app") == {"url": b'ann\n["a", "b"]'}


async def test_too_much_work_ends_soon_and_keeps_the_secret(world: World) -> None:
    await start(world)
    numbers = "{% set l = [0,1,2,3,4,5,6,7,8,9] %}"
    await set_template(world, numbers + "{% for a in l %}" * 9 + "x" + "{% endfor %}" * 9)
    assert "steps of work" in await world.told("app", "TemplateTooCostly")
    assert await world.secret("app") == {"url": MADE}


async def test_a_template_on_a_certificate(world: World) -> None:
    """Without its own keys the Secret is none of type kubernetes.io/tls."""
    world.seed.issue_certificate("web", ["shop.example"])
    await world.connect()
    template = {"data": {"haproxy.pem": '{{ values["tls.crt"] }}{{ values["tls.key"] }}'}}
    await world.bind("app", dataFrom=[{"tls": {"name": "web"}}], target={"template": template})
    await world.ready("app")
    secret = await world.there(SECRETS, "app")
    assert secret["type"] == "Opaque"
    (pem,) = (await world.secret("app")).values()
    assert pem.count(b"-----BEGIN CERTIFICATE-----") >= 1
    assert pem.count(b"-----BEGIN PRIVATE KEY-----") == 1


async def test_a_binding_without_secret_tells_whether_its_pods_would_get_values(world: World) -> None:
    world.seed.set_secret("user", "ann")
    world.seed.set_secret("password", "s3cr3t/")
    await world.connect()
    target = {"creationPolicy": "None", "template": {"data": {"url": "{{ hosts }}"}}}
    await world.bind("app", data=DATA, target=target)
    assert await world.told("app", "TemplateUndefined") == "url: line 1: hosts is not there"
    await set_template(world, URL)
    await world.ready("app")
    assert await world.get(SECRETS, "app") is None
    await set_template(world, "{{ user }}")
    await world.ready("app")
    assert (await world.status("app"))["revision"] == 1, "it counts versions of the vault's objects"


async def test_a_failing_vault_keeps_what_was_rendered(world: World) -> None:
    await start(world)
    world.emulator.faults.add(Fault(status=503))
    await set_template(world, "{{ user }}")
    await world.until(lambda: world.has(VAULT_BINDINGS, "app", "Synced", "VaultError"))
    assert await world.secret("app") == {"url": MADE}
