"""Policies of certificates: what the service adds, what it refuses, and what becomes of each member."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vaultbind.keyvault.simulation import VaultProblem
from vaultbind.keyvault.simulation.keymaterial import generate
from vaultbind.keyvault.simulation.policies import (
    complete_policy,
    is_exportable,
    key_operations,
    merge_policy,
)
from vaultbind.keyvault.simulation.policychecks import check_policy
from vaultbind.keyvault.simulation.signing import issue, request_signature
from vaultbind.keyvault.simulation.subjects import parse_subject, render_names

NOW = 1_800_000_000
EC_KEY = generate("EC", None, "P-256")
SANS = {
    "dns_names": ["a.test", "*.b.test"],
    "emails": ["me@a.test"],
    "upns": ["me@corp.test"],
    "uris": ["spiffe://a.test/web"],
    "ipAddresses": ["10.0.0.1", "2001:db8::1"],
}


def asked(**x509_props: Any) -> dict[str, Any]:
    return {"x509_props": {"subject": "CN=a.test", **x509_props}, "issuer": {"name": "Self"}}


def issued(**x509_props: Any) -> x509.Certificate:
    policy = complete_policy(asked(**x509_props), NOW)
    check_policy(policy)
    assert not isinstance(EC_KEY, bytes)
    return issue(policy, EC_KEY, NOW)


def test_a_thin_policy_gets_the_defaults_of_the_service() -> None:
    """As recorded from the service for a policy of a subject and an issuer."""
    assert complete_policy(asked(), NOW) == {
        "key_props": {"exportable": True, "kty": "RSA", "key_size": 2048, "reuse_key": False},
        "secret_props": {"contentType": "application/x-pkcs12"},
        "x509_props": {
            "subject": "CN=a.test",
            "ekus": ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
            "key_usage": ["digitalSignature", "keyEncipherment"],
            "validity_months": 12,
            "basic_constraints": {"ca": False},
        },
        "lifetime_actions": [
            {"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}
        ],
        "issuer": {"name": "Self"},
        "attributes": {"enabled": True, "created": NOW, "updated": NOW},
    }


def test_without_an_issuer_somebody_else_signs_and_the_contacts_are_told() -> None:
    policy = complete_policy({"x509_props": {"subject": "CN=a"}}, NOW)
    assert policy["issuer"] == {"name": "Unknown"}
    assert policy["lifetime_actions"][0]["action"] == {"action_type": "EmailContacts"}


def test_nulls_of_clients_count_as_absent() -> None:
    nulls = {
        "key_props": {"kty": None, "key_size": None},
        "secret_props": None,
        "lifetime_actions": None,
        "x509_props": {"subject": "CN=a.test", "sans": {"emails": None}, "ekus": None},
        "issuer": {"name": "Self", "cty": None},
    }
    policy = complete_policy(nulls, NOW)
    assert policy["x509_props"].pop("sans") == {}
    assert policy == complete_policy(asked(), NOW)


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"key_props": {"kty": "oct-HSM"}}, "key_props.kty"),
        ({"key_props": {"kty": "RSA", "key_size": 1024}}, "key_props.key_size"),
        ({"key_props": {"kty": "EC", "crv": "P-192"}}, "key_props.crv"),
        ({"key_props": {"exportable": "yes"}}, "key_props.exportable"),
        ({"key_props": 7}, "key_props"),
        ({"secret_props": {"contentType": "text/plain"}}, "secret_props.contentType"),
        ({"x509_props": {"subject": ""}}, "x509_props.subject"),
        ({"x509_props": {"subject": 7}}, "x509_props.subject"),
        ({"x509_props": {"subject": "a.test"}}, "x509_props.subject"),
        ({"x509_props": {"subject": "CN=a", "validity_months": 0}}, "x509_props.validity_months"),
        ({"x509_props": {"subject": "CN=a", "validity_months": 1201}}, "x509_props.validity_months"),
        ({"x509_props": {"subject": "CN=a", "validity_months": True}}, "x509_props.validity_months"),
        ({"x509_props": {"subject": "CN=a", "key_usage": ["fly"]}}, "x509_props.key_usage"),
        ({"x509_props": {"subject": "CN=a", "ekus": ["serverAuth"]}}, "x509_props.ekus"),
        ({"x509_props": {"subject": "CN=a", "ekus": "1.2"}}, "x509_props.ekus"),
        ({"x509_props": {"sans": {"ipAddresses": ["10.0.0.999"]}}}, "x509_props.sans.ipAddresses"),
        ({"x509_props": {"sans": {"upns": ["x" * 200]}}}, "x509_props.sans.upns"),
        ({"x509_props": {"sans": {"dns_names": "a.test"}}}, "x509_props.sans.dns_names"),
        ({"x509_props": {"sans": {"colour": ["red"]}}}, "x509_props.sans.unknown"),
        ({"x509_props": {"sans": 7}}, "x509_props.sans"),
        ({"issuer": {"name": ""}}, "issuer.name"),
        ({"lifetime_actions": "soon"}, "lifetime_actions"),
        (
            {"lifetime_actions": [{"trigger": {"lifetime_percentage": 100}, "action": {}}]},
            "lifetime_actions.action.action_type",
        ),
        (
            {"lifetime_actions": [{"trigger": {}, "action": {"action_type": "AutoRenew"}}]},
            "lifetime_actions.trigger",
        ),
        (
            {
                "lifetime_actions": [
                    {"trigger": {"lifetime_percentage": 100}, "action": {"action_type": "AutoRenew"}}
                ]
            },
            "lifetime_actions.trigger.lifetime_percentage",
        ),
        (
            {
                "lifetime_actions": [
                    {"trigger": {"days_before_expiry": 12 * 27 + 1}, "action": {"action_type": "AutoRenew"}}
                ]
            },
            "lifetime_actions.trigger.days_before_expiry",
        ),
        (
            {
                "issuer": {"name": "Unknown"},
                "lifetime_actions": [
                    {"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}
                ],
            },
            "lifetime_actions.action.action_type",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_member_is_refused_by_name(change: dict[str, Any], member: str) -> None:
    with pytest.raises(VaultProblem) as caught:
        check_policy(complete_policy({**asked(), **change}, NOW))
    assert caught.value.message == f"Property policy.{member} has invalid value\r\n"


def test_all_kinds_of_alternative_names_are_in_the_certificate_and_come_back() -> None:
    assert render_names(issued(sans=SANS)) == SANS


def test_alternative_names_alone_are_critical_as_rfc_5280_asks() -> None:
    certificate = issued(subject="", sans={"ipAddresses": ["10.0.0.1"]})
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert (extension.critical, certificate.subject) == (True, x509.Name([]))


def test_the_request_asks_for_what_the_certificate_gets() -> None:
    policy = complete_policy(asked(sans=SANS, key_usage=["keyCertSign"]), NOW)
    assert not isinstance(EC_KEY, bytes)
    request = x509.load_der_x509_csr(request_signature(policy, EC_KEY))
    certificate = issue(policy, EC_KEY, NOW)
    wanted = {extension.oid: extension.value for extension in request.extensions}
    given = {extension.oid: extension.value for extension in certificate.extensions}
    assert wanted.items() <= given.items()
    assert (request.is_signature_valid, request.subject) == (True, certificate.subject)


def test_validity_and_usages_are_those_of_the_policy() -> None:
    certificate = issued(validity_months=3, key_usage=["decipherOnly", "cRLSign"], ekus=["1.3.6.1.5.5.7.3.4"])
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert (usage.decipher_only, usage.crl_sign, usage.digital_signature) == (True, True, False)
    assert list(extended) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    assert certificate.not_valid_before_utc.timestamp() == NOW - 600
    assert 88 <= (certificate.not_valid_after_utc.timestamp() - NOW) / 86_400 <= 93


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CN=a.test", [("CN", "a.test")]),
        ("cn=a.test, o=Shop", [("CN", "a.test"), ("O", "Shop")]),
        ('CN=a.test,O="Shop, \\"Best\\" Inc."', [("CN", "a.test"), ("O", 'Shop, "Best" Inc.')]),
        ("CN=a\\,b", [("CN", "a,b")]),
        ("E=me@a.test;S=Hessen;C=DE", [("E", "me@a.test"), ("S", "Hessen"), ("C", "DE")]),
        ("2.5.4.3=a.test", [("CN", "a.test")]),
    ],
)
def test_subjects_are_read_as_windows_and_rfc_4514_write_them(
    text: str, expected: list[tuple[str, str]]
) -> None:
    oids = {
        "CN": NameOID.COMMON_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "E": NameOID.EMAIL_ADDRESS,
        "S": NameOID.STATE_OR_PROVINCE_NAME,
        "C": NameOID.COUNTRY_NAME,
    }
    found = {(attribute.oid, attribute.value) for attribute in parse_subject(text)}
    assert found == {(oids[short], value) for short, value in expected}


@pytest.mark.parametrize("text", ["CN", "CN=a,,", "=a", 'CN="a', "XX=a", "C=Germany"])
def test_what_is_no_subject_is_refused(text: str) -> None:
    with pytest.raises(VaultProblem, match=r"x509_props\.subject"):
        parse_subject(text)


@pytest.mark.parametrize(
    ("key", "usage", "operations"),
    [
        ("RSA", ["digitalSignature", "keyEncipherment"], ("sign", "verify", "wrapKey", "unwrapKey")),
        ("RSA", ["dataEncipherment"], ("encrypt", "decrypt")),
        ("EC", ["digitalSignature", "keyEncipherment"], ("sign", "verify")),
        ("RSA", ["keyCertSign"], ()),
        ("EC", [], ("sign", "verify")),
    ],
)
def test_key_usage_says_what_the_key_may_do(key: str, usage: list[str], operations: tuple[str, ...]) -> None:
    policy = complete_policy({**asked(key_usage=usage), "key_props": {"kty": key}}, NOW)
    assert key_operations(policy) == operations


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({"kty": "RSA"}, True),
        ({"kty": "RSA-HSM"}, False),
        ({"kty": "EC-HSM"}, False),
        ({"kty": "EC", "exportable": False}, False),
    ],
)
def test_keys_of_an_hsm_stay_there(key: dict[str, Any], expected: bool) -> None:
    assert is_exportable(complete_policy({**asked(), "key_props": key}, NOW)) is expected


def test_a_patch_changes_what_it_names_and_no_more() -> None:
    old = complete_policy(asked(sans={"dns_names": ["a.test"]}), NOW)
    actions = [{"trigger": {"days_before_expiry": 10}, "action": {"action_type": "EmailContacts"}}]
    change = {
        "id": "https://elsewhere",
        "attributes": {"created": 1},
        "key_props": {"kty": "EC", "crv": "P-256", "key_size": None},
        "x509_props": {"sans": {"emails": ["me@a.test"], "upns": None}},
        "lifetime_actions": actions,
        "secret_props": None,
    }
    new = merge_policy(old, change, NOW + 5)
    assert new["attributes"] == {"enabled": True, "created": NOW, "updated": NOW + 5}
    assert (new["key_props"]["kty"], new["key_props"]["key_size"]) == ("EC", 2048)
    assert new["x509_props"]["sans"] == {"emails": ["me@a.test"]}
    assert new["lifetime_actions"] == actions
    assert new["secret_props"] == old["secret_props"]
    assert "id" not in new
