"""What hardly anybody asks of a vault: members of another type, odd keys and policies, states of long ago."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.unit.keyvault.simulation.desk import NOW, SECONDS, Desk
from tests.unit.keyvault.simulation.material import OCT, make
from vaultbind.keyvault.simulation import Kind, SimulatedVault, VaultProblem
from vaultbind.keyvault.simulation.backup import _parse as parse_backup
from vaultbind.keyvault.simulation.events import Happening, moments
from vaultbind.keyvault.simulation.fault_forms import FaultError, parse_faults, render_fault
from vaultbind.keyvault.simulation.faults import ActiveFault
from vaultbind.keyvault.simulation.issuance import _has_shape
from vaultbind.keyvault.simulation.keymaterial import curve_name, encode, generate, generate_alike, parse_jwk
from vaultbind.keyvault.simulation.policies import complete_policy, merge_policy
from vaultbind.keyvault.simulation.release import wrap_for
from vaultbind.keyvault.simulation.rotation import LifetimeAction, RotationPolicy
from vaultbind.keyvault.simulation.signing import make_certificate_key
from vaultbind.keyvault.simulation.subjects import _texts
from vaultbind.keyvault.simulation.throttle import Category, Throttle

BAD = (400, "BadParameter")
PEM = "application/x-pem-file"
EC = {"kty": "EC"}
RELEASE = {"data": encode(b'{"anyOf": [], "version": "1.0.0"}')}

REFUSED: dict[str, tuple[str, str, Any]] = {
    "operations that are no list": ("POST", "/keys/k/create", {**EC, "key_ops": "sign"}),
    "operations that are no text": ("POST", "/keys/k/create", {**EC, "key_ops": [1]}),
    "a key of no type": ("POST", "/keys/k/create", {}),
    "no body at all": ("POST", "/keys/k/create", None),
    "a body that is no object": ("POST", "/keys/k/create", ["EC"]),
    "a release policy that is no object": ("POST", "/keys/k/create", {**EC, "release_policy": "anybody"}),
    "a release policy without data": ("POST", "/keys/k/create", {**EC, "release_policy": {}}),
    "a release policy of no JSON": ("POST", "/keys/k/create", {**EC, "release_policy": {"data": "e30x"}}),
    "a release policy of a key that stays": ("PATCH", "/keys/stays/", {"release_policy": RELEASE}),
}


@pytest.mark.parametrize("asked", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(asked: tuple[str, str, Any]) -> None:
    desk = Desk()
    desk.ask("POST", "/keys/stays/create", EC)

    assert desk.refusal(*asked) == BAD


def test_a_body_that_is_no_json() -> None:
    desk = Desk()
    request = replace(desk.request("POST", "/keys/k/create"), body=b"{kty: EC}")

    assert desk.estate.handle(request, NOW).response.status == 400


def test_a_release_policy_may_be_replaced_unless_it_is_immutable() -> None:
    desk = Desk()
    keys = desk.estate.vault("shop").keys
    new = {"contentType": "c", "data": encode(b'{"anyOf": [1]}'), "immutable": True}
    made = keys.create("k", now=SECONDS, key_type="EC-HSM")
    keys.store.replace(replace(made, exportable=True))

    assert desk.ask("PATCH", "/keys/k/", {"release_policy": new})[0] == 200
    assert desk.refusal("PATCH", "/keys/k/", {"release_policy": RELEASE}) == BAD
    assert keys.get("k").release_policy == new


def test_the_key_of_a_certificate_cannot_be_recovered_alone() -> None:
    desk = Desk()
    driver = desk.estate.driver("shop")
    driver.issue_certificate("tls", ["a.test"])
    driver.delete("certificates", "tls")

    with pytest.raises(VaultProblem) as caught:
        desk.estate.vault("shop").keys.recover("tls", now=SECONDS)
    assert caught.value.status == 403


@pytest.mark.parametrize("kind", list(Kind))
def test_a_driver_switches_objects_off_and_on(kind: Kind) -> None:
    desk = Desk()
    driver = desk.estate.driver("shop")
    make_object: dict[Kind, Callable[[], object]] = {
        Kind.SECRETS: lambda: driver.set_secret("x", "value"),
        Kind.KEYS: lambda: driver.create_key("x", key_type="EC"),
        Kind.CERTIFICATES: lambda: driver.issue_certificate("x", ["a.test"]),
    }
    make_object[kind]()
    driver.enable(kind, "x", enabled=False)
    off = [item["attributes"]["enabled"] for item in desk.ask("GET", f"/{kind.value}")[1]["value"]]
    driver.enable(kind, "x")
    on = [item["attributes"]["enabled"] for item in desk.ask("GET", f"/{kind.value}")[1]["value"]]

    assert (off[0], on[0]) == (False, True)


def test_a_backup_of_another_version_of_this_program_is_unusable() -> None:
    with pytest.raises(VaultProblem):
        parse_backup({"of": "tomorrow"})


def test_a_key_whose_end_nobody_wants_to_hear_of_has_an_end_only() -> None:
    vault = SimulatedVault("shop")
    record = vault.keys.create("k", now=1, key_type="EC")
    record = replace(record, attributes=replace(record.attributes, expires=9_999_999))
    rotate = LifetimeAction(action="Rotate", trigger="timeBeforeExpiry", period="P30D")
    vault.keys.rotation["k"] = RotationPolicy(actions=(rotate,))

    assert [happening for happening, _ in moments(vault, Kind.KEYS, record)] == [
        Happening.CREATED,
        Happening.EXPIRED,
    ]


def test_a_fault_is_an_object_and_shows_its_headers() -> None:
    with pytest.raises(FaultError, match=r"fault\[1\] must be an object"):
        parse_faults([{"status": 503}, "503"])
    (fault,) = parse_faults({"status": 503, "headers": {"X-Why": "test"}})

    assert render_fault(ActiveFault(number=1, fault=fault, left=1))["headers"] == {"X-Why": "test"}


def test_who_imports_may_say_what_happens_at_which_age() -> None:
    desk = Desk()
    driver = desk.estate.driver("shop")
    action = {"trigger": {"days_before_expiry": 9}, "action": {"action_type": "EmailContacts"}}
    driver.issue_certificate("one", ["a.test"], content_type=PEM)
    value = driver.vault.secrets.get("one").value
    driver.import_certificate(
        "two", value, policy={"secret_props": {"contentType": PEM}, "lifetime_actions": [action]}
    )

    assert desk.ask("GET", "/certificates/two/policy")[1]["lifetime_actions"] == [action]


SHAPES: list[tuple[str, dict[str, Any], bool]] = [
    ("256", {}, False),
    ("RSA", {"key_size": 2048}, True),
    ("RSA", {"key_size": 4096}, False),
    ("P-256", {}, True),
    ("P-384", {"crv": "P-521"}, False),
]


@pytest.mark.parametrize(("kind", "wanted", "fits"), SHAPES)
def test_the_key_of_a_request_has_the_shape_of_the_policy_or_is_made_anew(
    kind: str, wanted: dict[str, Any], fits: bool
) -> None:
    assert _has_shape(make(kind), wanted) is fits


def test_a_certificate_has_no_symmetric_key() -> None:
    with pytest.raises(VaultProblem, match="kty"):
        make_certificate_key({"key_props": {"kty": "oct"}})


def test_a_section_that_a_policy_does_not_have_is_added_whole() -> None:
    policy = complete_policy({"x509_props": {"subject": "CN=a"}, "issuer": {"name": "Self"}}, 1)

    assert merge_policy(policy, {"more": {"a": 1}}, 2)["more"] == {"a": 1}


def numbers_of(key: rsa.RSAPrivateKey) -> dict[str, int]:
    private = key.private_numbers()
    public = private.public_numbers
    return {"n": public.n, "e": public.e, "d": private.d, "p": private.p, "q": private.q}


def jwk_of(numbers: dict[str, int]) -> dict[str, str]:
    octets = {
        name: number.to_bytes((number.bit_length() + 7) // 8, "big") for name, number in numbers.items()
    }
    return {"kty": "RSA", **{name: encode(value) for name, value in octets.items()}}


@pytest.mark.parametrize("change", [{"n": 5}, {"p": 3}], ids=["too small", "not its primes"])
def test_an_rsa_key_that_is_none_is_not_imported(change: dict[str, int]) -> None:
    key = make("RSA")
    assert isinstance(key, rsa.RSAPrivateKey)

    with pytest.raises(VaultProblem):
        parse_jwk(jwk_of(numbers_of(key) | change))


def test_primes_that_do_not_go_with_the_public_exponent_are_passed_over() -> None:
    """103 - 1 is 6 times 17: no private exponent belongs to 17 there."""
    bad = SimpleNamespace(private_numbers=lambda: SimpleNamespace(p=103, q=5))
    keys = chain([bad, make("RSA")], iter(lambda: rsa.generate_private_key(65_537, 2048), None))
    made = generate("RSA", 2048, None, 17, rsa_keys=lambda bits: cast("rsa.RSAPrivateKey", next(keys)))

    assert isinstance(made, rsa.RSAPrivateKey)
    assert (made.public_key().public_numbers().e, made.key_size) == (17, 2048)


def test_another_symmetric_key_is_as_long() -> None:
    another = generate_alike(OCT[256])

    assert isinstance(another, bytes)
    assert (len(another), another != OCT[256]) == (32, True)


def test_a_curve_of_nobody_is_told() -> None:
    with pytest.raises(VaultProblem, match="crv"):
        curve_name(ec.generate_private_key(ec.SECP224R1()))


def test_a_symmetric_key_is_released_as_it_is() -> None:
    environment = make("RSA")
    assert isinstance(environment, rsa.RSAPrivateKey)
    wrapped = wrap_for(OCT[128], environment.public_key(), "CKM_RSA_AES_KEY_WRAP")

    assert len(wrapped) == 256 + 16 + 8


def test_names_that_no_policy_has_are_passed_over() -> None:
    names = x509.SubjectAlternativeName(
        [x509.RegisteredID(x509.ObjectIdentifier("1.2.3")), x509.DNSName("a.test")]
    )

    assert list(_texts(names)) == [("dns_names", "a.test")]


def test_without_rules_everybody_is_let_in() -> None:
    throttle = Throttle()
    throttle.set(None)

    assert throttle.admits("shop", next(iter(Category)), 1_000_000, now=0.0)
