"""No value, nor anything from which it could be told, anywhere but in the Secret."""

import base64
import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.flow.world import World
from tests.flow.world_cluster import encode
from vaultbind.keyvault.simulation import Fault
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, EVENTS, SECRETS, VAULT_BINDINGS

pytestmark = pytest.mark.both_drifts

CANARY = "cAnary/7f3+e1&\u00fc=d9"
NUMBER = "90210733195527"
HACKED = "hAcked/5c0+ffee"
SECRET_TEXTS = (CANARY, NUMBER, HACKED)


def forms(text: str) -> Iterator[str]:
    """A value as it may show up: as it is, quoted, in base64 (at any place of a longer text), in hex."""
    raw = text.encode()
    yield from (text, raw.hex(), quote(text), quote(text, safe=""), json.dumps(text)[1:-1], repr(text)[1:-1])
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw).decode()
        middle = coded[4 if shift else 0 : -4]
        yield from (middle, middle.replace("+", "-").replace("/", "_"))


ALL_FORMS = [form for text in SECRET_TEXTS for form in forms(text)]


def found(text: str) -> list[str]:
    """Forms of secret values in a text."""
    return [form for form in ALL_FORMS if form.lower() in text.lower()]


@pytest.mark.parametrize("wrapped", ["{}", 'password="{}"', "\u00e4{}\u00e4"])
@pytest.mark.parametrize(
    "code",
    [
        str,
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(b"x" + text.encode()).decode(),
        lambda text: base64.b64encode(b"xy" + text.encode() + b"z").decode(),
        lambda text: text.encode().hex().upper(),
        quote,
        lambda text: json.dumps({"a": text}),
    ],
)
@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_the_search_finds_what_it_looks_for(text: str, code: object, wrapped: str) -> None:
    assert callable(code)
    assert found(wrapped.format(code(text)))
    assert not found(wrapped.format(code("harmless")))


async def test_no_value_shows_anywhere_but_in_the_secret(
    quiet_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = quiet_world
    world.seed.set_secret("plain", CANARY)
    world.seed.set_secret("json", json.dumps({"a": CANARY, "n": int(NUMBER)}))
    world.seed.set_secret("broken", f'{{"a": "{CANARY}", ')
    world.seed.set_secret("named", json.dumps({CANARY: 1, f"{CANARY}{NUMBER}": 2}))
    world.seed.set_secret("disabled", CANARY, enabled=False)
    world.seed.set_secret("cert", CANARY)
    with caplog.at_level(logging.DEBUG):
        await world.start_operator()
        await world.connect()
        await _let_everything_happen(world)
        world.log.check()
    await _assert_silence(world)


SOURCES = {
    "good": {"secret": {"name": "plain"}},
    "property": {"secret": {"name": "json", "property": "n"}},
    "no-property": {"secret": {"name": "json", "property": "b"}},
    "no-json": {"secret": {"name": "broken", "property": "a"}},
    "not-hex": {"secret": {"name": "plain", "decode": "Hex"}},
    "disabled": {"secret": {"name": "disabled"}},
    "no-certificate": {"certificate": {"name": "cert"}},
    "missing": {"secret": {"name": "missing"}},
}
TEMPLATES = {
    "template-of-no-json": "{{ k | fromjson }}",
    "template-of-no-base64": "{{ (k ~ '!') | b64decode }}",
    "template-that-compares": "{{ k < 1 }}",
    "template-that-negates": "{{ -k }}",
    "template-with-a-value-as-an-argument": "{{ 'a' | upper(k) }}",
    "template-that-cannot-unpack": "{% for a, b in [k] %}{% endfor %}",
    "template-that-multiplies": "{% for a in [k] %}{{ a * 3 }}{% endfor %}",
}
"""Each fails with the value in its hands."""
EXTRACTS = {
    "extract-of-no-json": ("ExtractFailed", {"extract": {"name": "broken"}}),
    "extract-of-no-yaml": ("ExtractFailed", {"extract": {"name": "broken", "format": "YAML"}}),
    "extract-of-a-bad-name": ("InvalidKeyName", {"extract": {"name": "named"}}),
    "extract-of-a-bad-line": ("InvalidKeyName", {"extract": {"name": "plain", "format": "Env"}}),
    "extract-of-one-name": (
        "DuplicateKey",
        {"extract": {"name": "named"}, "rewrite": [{"regexp": "^.*$", "replacement": "k"}]},
    ),
}


async def _let_everything_happen(world: World) -> None:
    """Good and bad entries, a foreign Secret, drift, a rotation, a cut answer."""
    for name, source in SOURCES.items():
        await world.bind(name, data=[{"key": "k", **source}])
    for name, text in TEMPLATES.items():
        template = {"template": {"data": {"out": text}}}
        await world.bind(name, data=[{"key": "k", **SOURCES["good"]}], target=template)
        await world.told(name, "TemplateFailed")
    for name, (reason, entry) in EXTRACTS.items():
        await world.bind(name, dataFrom=[entry])
        await world.told(name, reason)
    template = {"template": {"data": {"out": "{{ {}[k] }}"}}}
    await world.bind("template-of-a-name", data=[{"key": "k", **SOURCES["good"]}], target=template)
    await world.told("template-of-a-name", "TemplateUndefined")
    await world.create(SECRETS, "foreign", data=encode(k=HACKED))
    await world.bind("foreign", data=[{"key": "k", "secret": {"name": "plain"}}])
    await world.bind(
        "merge",
        data=[{"key": "k", "secret": {"name": "plain"}}],
        target={"name": "foreign", "creationPolicy": "Merge"},
    )
    await world.ready("good", "property")
    await world.told("merge", "KeyConflict")
    await world.patch(SECRETS, "good", {"data": encode(k=HACKED)})
    await world.noticed()
    world.vault.set_secret("plain", CANARY + "2")
    world.emulator.faults.add(Fault(method="GET", route="/secrets/*", ending="cut", count=2))  # type: ignore[arg-type]
    await world.next_look()
    await world.advance(600)
    await world.restart()
    await world.next_look()
    assert await world.secret("good") == {"k": (CANARY + "2").encode()}


async def _assert_silence(world: World) -> None:
    secrets = await world.cluster.objects(SECRETS, world.namespace)
    assert found(json.dumps(secrets)), "positive control: the Secrets themselves hold the values"
    assert len(world.log.lines) > 50
    assert any(line.startswith("DEBUG") for line in world.log.lines)
    places = {"log": world.log.lines, "Secret's metadata": [json.dumps(item["metadata"]) for item in secrets]}
    for resource in (VAULT_BINDINGS, CLUSTER_KEY_VAULTS, EVENTS):
        namespace = world.namespace if resource.namespaced else ""
        objects = await world.cluster.objects(resource, namespace)
        places[resource.kind] = [json.dumps(item, ensure_ascii=False) for item in objects]
        assert places[resource.kind]
    metrics, _ = await world.life.ask(world.life.operator.metrics.render)
    places["metrics"] = metrics.decode().splitlines()
    leaks = {place: [line for line in lines if found(line)] for place, lines in places.items()}
    assert leaks == {key: [] for key in places}
