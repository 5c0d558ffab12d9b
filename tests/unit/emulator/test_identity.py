"""What a client may show at the token endpoint, and how each mistake is answered."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from vaultbind.emulator.assertions import is_signed_by, parse_assertion, parse_jwk
from vaultbind.emulator.clients import Client, as_client, certificates_by_thumbprint, parse_client
from vaultbind.emulator.identity import IdentityAnswer, IdentityEndpoints
from vaultbind.emulator.proof import ASSERTION_TYPE
from vaultbind.keyvault.simulation import ApiRequest
from vaultbind.keyvault.simulation.issuing import issue_chain
from vaultbind.keyvault.simulation.keymaterial import decode, encode, render_public
from vaultbind.keyvault.simulation.tokens import parse_token

NOW = 1_800_000_000
ENDPOINT = "https://h:1/t/oauth2/v2.0/token"
ISSUER, SUBJECT = "https://cluster.test", "system:serviceaccount:shop:web"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP521R1())
CERTIFICATE = issue_chain(["app"], not_before=NOW - 10, not_after=NOW + 10, key=RSA_KEY).leaf
PEM = CERTIFICATE.public_bytes(Encoding.PEM).decode()
X5T = encode(CERTIFICATE.fingerprint(hashes.SHA1()))
X5T_S256 = encode(CERTIFICATE.fingerprint(hashes.SHA256()))


def encoded(value: Any) -> str:
    return encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def sign_rs256(data: bytes) -> bytes:
    return RSA_KEY.sign(data, padding.PKCS1v15(), hashes.SHA256())


def sign_ps256(data: bytes) -> bytes:
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    return RSA_KEY.sign(data, scheme, hashes.SHA256())


def sign_es512(data: bytes) -> bytes:
    r, s = decode_dss_signature(EC_KEY.sign(data, ec.ECDSA(hashes.SHA512())))
    return r.to_bytes(66, "big") + s.to_bytes(66, "big")


SIGNERS: dict[str, Callable[[bytes], bytes]] = {
    "RS256": sign_rs256,
    "PS256": sign_ps256,
    "ES512": sign_es512,
    "none": lambda _: b"",
    "HS256": lambda _: b"x" * 32,
}


def assertion(header: dict[str, Any], claims: dict[str, Any]) -> str:
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{encoded(SIGNERS[header['alg']](signed.encode()))}"


def own(header: dict[str, Any] | None = None, **claims: Any) -> str:
    """What an application signs with its certificate."""
    usual = {"aud": ENDPOINT, "iss": "app", "sub": "app", "exp": NOW + 60, "nbf": NOW - 1}
    return assertion({"alg": "RS256", "x5t": X5T, **(header or {})}, usual | claims)


def foreign(header: dict[str, Any] | None = None, **claims: Any) -> str:
    """What a cluster signs for a ServiceAccount."""
    usual = {"aud": ["api://AzureADTokenExchange"], "iss": ISSUER, "sub": SUBJECT, "exp": NOW + 60}
    return assertion({"alg": "ES512", "kid": "one", **(header or {})}, usual | claims)


def jwks() -> dict[str, Any]:
    return {
        "keys": [
            {"kty": "EC", "kid": "one", **render_public(EC_KEY)},
            {"kty": "RSA", "kid": "two", **render_public(RSA_KEY)},
        ]
    }


def client(**form: Any) -> Client:
    problems: list[str] = []
    parsed = parse_client(form, "app", problems)
    assert problems == []
    return parsed


WITH_CERTIFICATE = client(certificates=PEM)
FEDERATED = client(federated=[{"issuer": ISSUER, "subject": SUBJECT, "jwks": jwks()}])


def answered(clients: dict[str, str | Client], **form: str) -> IdentityAnswer:
    usual = {"grant_type": "client_credentials", "client_id": "app", "scope": "https://vault.a/.default"}
    if "client_assertion" in form:
        usual["client_assertion_type"] = ASSERTION_TYPE
    request = ApiRequest(
        method="POST", host="h:1", path="/t/oauth2/v2.0/token", body=urlencode({**usual, **form}).encode()
    )
    answer = IdentityEndpoints(clients, "", "t", 3600).handle(request, NOW)
    assert answer is not None
    return answer


def number(answer: IdentityAnswer) -> tuple[int, int]:
    return answer.status, answer.content.get("error_codes", [0])[0]


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({}, {}),
        ({"x5t": None, "x5t#S256": X5T_S256}, {}),
        ({"alg": "PS256"}, {}),
        ({"x5t": base64.urlsafe_b64encode(base64.urlsafe_b64decode(X5T + "==")).decode()}, {}),
        ({}, {"aud": ["https://h:1/t/v2.0", "other"]}),
        ({}, {"aud": "https://h:1/t/oauth2/token"}),
    ],
    ids=["RS256 and x5t", "x5t#S256", "PS256", "padded x5t", "one of two audiences", "old endpoint"],
)
def test_an_application_shows_its_certificate(header: dict[str, Any], claims: dict[str, Any]) -> None:
    answer = answered({"app": WITH_CERTIFICATE}, client_assertion=own(header, **claims))
    assert answer.status == 200
    assert (answer.operation, answer.principal) == ("token.assertion", "app")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(own({"x5t": "AAAA"}), (401, 700027), id="another certificate"),
        pytest.param(own({"x5t": None}), (401, 700027), id="no thumbprint"),
        pytest.param(own()[:-8] + "AAAAAAAA", (401, 700027), id="forged"),
        pytest.param(own({"alg": "none"}), (401, 700027), id="not signed"),
        pytest.param(own({"alg": "HS256"}), (401, 700027), id="signed by a secret"),
        pytest.param(own({"alg": "ES512"}), (401, 700027), id="an algorithm of another key"),
        pytest.param(own(sub="other"), (401, 700021), id="for another application"),
        pytest.param(own(aud="https://elsewhere"), (401, 700023), id="for another endpoint"),
        pytest.param(own(aud=7), (401, 700023), id="for nobody"),
        pytest.param(own(exp=NOW - 301), (401, 700024), id="expired"),
        pytest.param(own(nbf=NOW + 301), (401, 700024), id="not yet"),
        pytest.param(own(exp=None), (401, 700024), id="without end"),
        pytest.param("a.b.c", (401, 50027), id="no JWT"),
        pytest.param("a.b", (401, 50027), id="two parts"),
        pytest.param(f"{encoded([])}.{encoded({})}.AA", (401, 50027), id="header is a list"),
        pytest.param(foreign(), (401, 700027), id="a federated one"),
    ],
)
def test_a_bad_assertion_of_an_application(text: str, expected: tuple[int, int]) -> None:
    assert number(answered({"app": WITH_CERTIFICATE}, client_assertion=text)) == expected


@pytest.mark.parametrize(
    "text", [foreign(), foreign({"alg": "RS256", "kid": "two"}), foreign(aud="api://AzureADTokenExchange")]
)
def test_a_federated_token_stands_for_the_application(text: str) -> None:
    answer = answered({"app": FEDERATED}, client_assertion=text)
    assert answer.status == 200
    claims = parse_token(answer.content["access_token"])
    assert claims is not None
    assert claims.principal == "app"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(foreign(sub="system:serviceaccount:shop:other"), (400, 70021), id="another subject"),
        pytest.param(foreign(iss="https://other.test"), (400, 70021), id="another issuer"),
        pytest.param(foreign(aud="https://kubernetes"), (400, 70021), id="another audience"),
        pytest.param(foreign(aud=None), (400, 70021), id="no audience"),
        pytest.param(foreign({"kid": "three"}), (401, 50013), id="a key that is not in the set"),
        pytest.param(foreign({"kid": "two"}), (401, 50013), id="another key of the set"),
        pytest.param(foreign()[:-8] + "AAAAAAAA", (401, 50013), id="forged"),
        pytest.param(foreign()[:-8], (401, 50013), id="signature cut off"),
        pytest.param(foreign({"alg": "none"}), (401, 50013), id="not signed"),
        pytest.param(foreign(exp=NOW - 301), (401, 700024), id="expired"),
    ],
)
def test_a_bad_federated_token(text: str, expected: tuple[int, int]) -> None:
    assert number(answered({"app": FEDERATED}, client_assertion=text)) == expected


def test_a_signature_has_one_form_only() -> None:
    """The same two numbers with a zero before the second are another text, and no signature."""
    signed, _, signature = foreign().rpartition(".")
    data = decode(signature)
    longer = f"{signed}.{encode(data[:66] + bytes(1) + data[66:])}"
    assert number(answered({"app": FEDERATED}, client_assertion=longer)) == (401, 50013)


def test_the_refusal_of_an_unknown_subject_says_what_was_shown() -> None:
    """People find their typing mistake by these three."""
    answer = answered({"app": FEDERATED}, client_assertion=foreign(sub="someone"))
    assert answer.content["error"] == "invalid_request"
    assert answer.content["error_description"] == (
        "AADSTS70021: No matching federated identity record found for presented assertion. "
        f"Assertion Issuer: '{ISSUER}'. Assertion Subject: 'someone'. "
        "Assertion Audience: 'api://AzureADTokenExchange'."
    )


@pytest.mark.parametrize(
    ("clients", "form", "expected"),
    [
        ({"app": "s"}, {"client_secret": "s"}, (200, 0)),
        ({"app": "s"}, {"client_secret": "x"}, (401, 7000215)),
        ({"app": "s"}, {}, (401, 7000216)),
        ({"app": "s"}, {"client_assertion": foreign()}, (401, 700027)),
        ({"app": WITH_CERTIFICATE}, {"client_secret": "s"}, (401, 7000215)),
        ({"app": "s"}, {"client_id": "x", "client_secret": "s"}, (400, 700016)),
        ({}, {"client_secret": "anything"}, (200, 0)),
        ({}, {"client_assertion": foreign({"alg": "none"})}, (200, 0)),
        ({}, {}, (401, 7000216)),
    ],
)
def test_a_client_uses_what_it_has(
    clients: dict[str, str | Client], form: dict[str, str], expected: tuple[int, int]
) -> None:
    assert number(answered(clients, **form)) == expected


def test_a_client_may_have_several_things_to_show() -> None:
    both = client(
        secret="s", certificates=PEM, federated=[{"issuer": ISSUER, "subject": SUBJECT, "jwks": jwks()}]
    )
    forms = [{"client_secret": "s"}, {"client_assertion": own()}, {"client_assertion": foreign()}]
    assert [answered({"app": both}, **form).status for form in forms] == [200, 200, 200]
    assert as_client(both) is both
    assert "geheim" not in repr(Client(secret="geheim"))


def test_a_token_asked_for_with_claims_begins_when_they_say() -> None:
    claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": str(NOW + 1)}}})
    token = parse_token(answered({}, client_secret="x", claims=claims).content["access_token"])
    assert token is not None
    assert token.not_before == NOW + 1
    plain = parse_token(answered({}, client_secret="x", claims="{").content["access_token"])
    assert plain is not None
    assert plain.not_before == NOW


@pytest.mark.parametrize(
    ("asked", "status"),
    [({}, 200), ({"client_id": "mine"}, 200), ({"client_id": "other"}, 400), ({"msi_res_id": "/r"}, 400)],
)
def test_only_managed_identities_that_exist_get_tokens(asked: dict[str, str], status: int) -> None:
    endpoints = IdentityEndpoints({}, "", "t", 3600, identities=("system-assigned", "mine"))
    for path in ("/metadata/identity/oauth2/token", "/msi/token"):
        request = ApiRequest(
            method="GET",
            host="h",
            path=path,
            headers={"metadata": "true", "x-identity-header": "x"},
            query={"resource": "https://v", **asked},
        )
        answer = endpoints.handle(request, NOW)
        assert answer is not None
        assert answer.status == status


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (7, "app must be a secret or a mapping"),
        ({"pwd": "x"}, "app.pwd is unknown"),
        ({"secret": 7}, "app.secret must be a text"),
        ({"certificates": "x"}, "app.certificates must be certificates as PEM text"),
        ({"certificates": 7}, "app.certificates must be certificates as PEM text"),
        ({"federated": {}}, "app.federated must be a list"),
        ({"federated": [7]}, "app.federated[0] must be a mapping"),
        ({"federated": [{"subject": "s"}]}, "app.federated[0].issuer must be a text"),
        ({"federated": [{"colour": "s"}]}, "app.federated[0].colour is unknown"),
        ({"federated": [{"audience": 7}]}, "app.federated[0].audience must be a text"),
        ({"federated": [{"jwks": {"keys": []}}]}, "app.federated[0].jwks must be a JSON Web Key Set"),
        (
            {"federated": [{"jwks": {"keys": [{"kty": "oct", "k": "geheim"}]}}]},
            "app.federated[0].jwks.keys[0] is no public key",
        ),
    ],
)
def test_mistakes_in_clients_are_named_without_values(form: Any, problem: str) -> None:
    problems: list[str] = []
    parse_client(form, "app", problems)
    assert any(told.startswith(problem) for told in problems), problems
    assert "geheim" not in str(problems)


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "RSA", "n": 7, "e": "AQAB"},
        {"kty": "RSA", "n": "AQAB"},
        {"kty": "EC", "crv": "P-9", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "OKP"},
        {},
    ],
)
def test_a_damaged_jwk_is_no_key(jwk: dict[str, Any]) -> None:
    assert parse_jwk(jwk) is None


def test_a_key_of_an_unknown_type_signs_nothing() -> None:
    for text in (own(), own({"alg": "PS256"}), foreign()):
        parsed = parse_assertion(text)
        assert parsed is not None
        assert not is_signed_by(parsed, object())


def test_a_certificate_is_found_by_both_thumbprints() -> None:
    assert set(certificates_by_thumbprint(PEM)) == {X5T, X5T_S256}
