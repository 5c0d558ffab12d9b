"""Seed files: what they give, and that every mistake is told at once without a value."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from vaultbind.emulator.clients import Client
from vaultbind.emulator.seed import Seed, SeedError, SeedSecret, parse_seed
from vaultbind.emulator.seeding import apply_seed
from vaultbind.keyvault.certs import parse_bundle
from vaultbind.keyvault.simulation import Estate, EstateConfig, VaultProblem

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[3] / "examples" / "vault.yaml"


def planted(text: str) -> Estate:
    estate = Estate(EstateConfig(clock=lambda: NOW))
    apply_seed(parse_seed(text, NOW), estate)
    return estate


def test_the_example_gives_what_the_demo_needs() -> None:
    shop = planted(EXAMPLE.read_text(encoding="utf-8")).vault("shop")
    assert shop.secrets.get("db-username").value == "shop-app"
    assert shop.secrets.get("db-password").value
    payment = orjson.loads(shop.secrets.get("payment").value)
    assert payment["apiKey"]
    assert payment["endpoint"]["url"]
    assert payment["tls.verify"] == "true"
    key = shop.keys.get("release-signing")
    assert (key.key_type, key.public["crv"]) == ("EC", "P-256")


def test_the_example_certificate_is_leaf_intermediate_and_root() -> None:
    shop = planted(EXAMPLE.read_text(encoding="utf-8")).vault("shop")
    secret = shop.secrets.get("shop-tls")
    bundle = parse_bundle(secret.value, secret.content_type)
    assert (len(bundle.chain), len(bundle.roots)) == (2, 1)
    expires = shop.certificates.get("shop-tls").attributes.expires
    assert expires == int((NOW + timedelta(days=20)).timestamp())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+20d", NOW + timedelta(days=20)),
        ("-1h30m", NOW - timedelta(hours=1, minutes=30)),
        ("2030-01-31T12:00:00Z", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        ("2030-01-31", datetime(2030, 1, 31, tzinfo=UTC)),
    ],
)
def test_times_are_relative_or_absolute(text: str, expected: datetime) -> None:
    seed = parse_seed(f"vaults: {{v: {{secrets: {{a: {{value: x, expires: {text}}}}}}}}}", NOW)
    (secret,) = seed.vaults["v"]
    assert secret.expires == expected


def test_short_form_clients_and_denials() -> None:
    seed = parse_seed(
        "vaults: {v: {secrets: {a: plain}}}\nclients: {app: geheim}\ndeny: [{action: list}]", NOW
    )
    assert seed.vaults["v"] == (SeedSecret(name="a", value="plain"),)
    assert seed.clients == {"app": Client(secret="geheim")}
    assert seed.denials[0].action == "list"
    assert "geheim" not in repr(seed)
    assert "plain" not in repr(seed)


def test_an_empty_file_is_an_empty_seed() -> None:
    assert parse_seed("", NOW) == Seed(vaults={})


MISTAKES = """
vaults:
  v:
    secrets:
      both: {value: hunter2, json: {}}
      none: {tags: {a: 1}}
      late: {value: hunter2, expires: soon}
      typo: {value: hunter2, contenttype: text/plain}
      flag: {value: hunter2, enabled: "yes"}
    certificates:
      no-names: {chain: 9, contentType: docx}
    keys:
      k: {size: big}
    secrtes: {}
clients: {app: 7}
deny: [{action: list, colour: red}, {code: Nope}]
surprise: 1
"""


def test_all_mistakes_are_told_at_once_by_path_and_no_value_is_quoted() -> None:
    with pytest.raises(SeedError) as caught:
        parse_seed(MISTAKES, NOW)
    paths = {problem.split(" ")[0] for problem in caught.value.problems}
    assert paths == {
        "seed.surprise",
        "vaults.v.secrtes",
        "vaults.v.secrets.both",
        "vaults.v.secrets.none",
        "vaults.v.secrets.none.tags.a",
        "vaults.v.secrets.late.expires",
        "vaults.v.secrets.typo.contenttype",
        "vaults.v.secrets.flag.enabled",
        "vaults.v.certificates.no-names.dnsNames",
        "vaults.v.certificates.no-names.chain",
        "vaults.v.certificates.no-names.contentType",
        "vaults.v.keys.k.size",
        "clients.app",
        "deny[0].colour",
        "deny[1].code",
    }
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["a: [", "- 1", "vaults: 7", "deny: {}"])
def test_files_of_another_shape_are_refused(text: str) -> None:
    with pytest.raises(SeedError):
        parse_seed(text, NOW)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (r'vaults: {v: {secrets: {a: "x\ud800"}}}', "vaults.v.secrets.a"),
        (r'vaults: {v: {secrets: {a: {value: x, tags: {t: "\udfff"}}}}}', "vaults.v.secrets.a.tags.t"),
        (r'vaults: {v: {secrets: {a: {json: [1, {k: "\ud800"}]}}}}', "vaults.v.secrets.a.json[1].k"),
        (r'vaults: {v: {secrets: {"b\ud800": x}}}', "the name vaults.v.secrets.b?"),
        (r'clients: {app: "\ud83d\ude00"}', "clients.app"),
        (r'"\ud800"', "the file"),
    ],
)
def test_text_that_is_none_is_told_by_its_place(text: str, place: str) -> None:
    with pytest.raises(SeedError) as caught:
        parse_seed(text, NOW)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{place} holds half of a surrogate pair")
    assert problem.isascii()


@pytest.mark.parametrize("value", ["!!binary aGk=", "&x [*x]", "!!set {a, b}", "99999999999999999999999"])
def test_json_that_is_none_is_told_by_its_place(value: str) -> None:
    with pytest.raises(SeedError) as caught:
        parse_seed(f"vaults: {{v: {{secrets: {{a: {{json: {value}}}}}}}}}", NOW)
    assert caught.value.problems == ("vaults.v.secrets.a.json holds what JSON does not have, or itself",)


def test_what_the_vaults_refuse_is_told_together() -> None:
    text = "vaults: {v: {secrets: {a_b: x, ok: x}, keys: {k: {curve: P-1}}}}"
    with pytest.raises(SeedError) as caught:
        planted(text)
    assert [problem.split(":")[1].strip() for problem in caught.value.problems] == ["secret a_b", "key k"]


def test_a_disabled_secret_can_be_seeded() -> None:
    vault = planted("vaults: {v: {secrets: {a: {value: x, enabled: false}}}}").vault("v")
    with pytest.raises(VaultProblem, match="SecretDisabled"):
        vault.secrets.get("a")


@pytest.mark.parametrize("name", ["sh op", "a.b", "-a", "a_b"])
def test_a_vault_that_no_host_name_can_reach_is_refused(name: str) -> None:
    with pytest.raises(SeedError, match="a vault's name has 1 to 60 letters, digits and hyphens"):
        parse_seed(f'vaults: {{"{name}": {{secrets: {{a: x}}}}}}', NOW)


def test_names_that_yaml_takes_for_something_else_must_be_in_quotes() -> None:
    with pytest.raises(SeedError) as caught:
        parse_seed("vaults: {1: {secrets: {off: x}}}", NOW)
    assert caught.value.problems == (
        "vaults: the name 1 must be in quotes",
        "vaults.1.secrets: the name False must be in quotes",
    )
    assert parse_seed('vaults: {"1": {secrets: {"off": x}}}', NOW).vaults["1"][0].name == "off"
