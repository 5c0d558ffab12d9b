"""Tokens of senders: what is taken, and by what a forged one is told."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.vaults.bearer import (
    EVENT_GRID,
    LONGEST_TOKEN,
    MOST_KEYS,
    EntraSettings,
    TokenError,
    check_token,
    parse_key_id,
    parse_keys,
)

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)
TENANT = "00000000-0000-0000-0000-00000000cafe"
SETTINGS = EntraSettings(tenant=TENANT, audiences=("api://events", "11111111-0000-0000-0000-000000000001"))
FIRST = f"https://sts.windows.net/{TENANT}/"
SECOND = f"https://login.microsoftonline.com/{TENANT}/v2.0"


@lru_cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@lru_cache
def ec_key(name: str = "ours") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str = "k1", **more: Any) -> dict[str, Any]:
    algorithm = (
        jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    )
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


def token(claims: dict[str, Any], key: Any = None, algorithm: str = "ES256", kid: str | None = "k1") -> str:
    headers = {"kid": kid} if kid is not None else {}
    return jwt.encode(claims, key or ec_key(), algorithm, headers=headers)


def claims(**changed: Any) -> dict[str, Any]:
    whole = {
        "aud": "api://events",
        "iss": FIRST,
        "exp": int((NOW + timedelta(hours=1)).timestamp()),
        "nbf": int((NOW - timedelta(minutes=1)).timestamp()),
        "appid": EVENT_GRID,
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


def judge(text: str, keys: Any = None, settings: EntraSettings = SETTINGS) -> str:
    """Empty where the token is taken."""
    known = parse_keys({"keys": [jwk(ec_key())] if keys is None else keys})
    try:
        check_token(text, known[parse_key_id(text)], settings, NOW)
    except TokenError as error:
        return str(error)
    return ""


SECONDS = {"exp": -300, "nbf": 301}
CASES = [
    ("of the first version", {}, ""),
    ("of the second version", {"iss": SECOND, "appid": None, "azp": EVENT_GRID}, ""),
    ("for the application's id", {"aud": SETTINGS.audiences[1]}, ""),
    ("without a beginning", {"nbf": None}, ""),
    ("ended four minutes ago", {"exp": int(NOW.timestamp()) - 299}, ""),
    ("begins in four minutes", {"nbf": int(NOW.timestamp()) + 300}, ""),
    ("ended", {"exp": int(NOW.timestamp()) - 300}, "the token has expired"),
    ("not begun", {"nbf": int(NOW.timestamp()) + 301}, "the token is not valid yet"),
    ("for others", {"aud": "https://vault.azure.net"}, "the token is for another audience"),
    ("for nobody", {"aud": None}, "the token's signature or form is wrong"),
    ("without end", {"exp": None}, "the token's signature or form is wrong"),
    ("without issuer", {"iss": None}, "the token's signature or form is wrong"),
    ("of another tenant", {"iss": FIRST.replace("cafe", "beef")}, "the token is of another issuer"),
    ("of another application", {"appid": "evil"}, "the token is of an application that may not send"),
    ("of nobody", {"appid": None}, "the token is of an application that may not send"),
    ("of an odd application", {"appid": [EVENT_GRID]}, "the token is of an application that may not send"),
    ("ended in words", {"exp": "soon"}, "the token's times cannot be read"),
    ("ends beyond time", {"exp": 10**20}, "the token's times cannot be read"),
]


@pytest.mark.parametrize(("changed", "problem"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_claims(changed: dict[str, Any], problem: str) -> None:
    assert judge(token(claims(**changed))) == problem


def test_both_algorithms_and_no_other() -> None:
    """A public key used as a shared secret, `none`, and a stronger kind of signature are all refused."""
    assert judge(token(claims(), rsa_key(), "RS256"), [jwk(rsa_key())]) == ""
    refused = "the token is not signed by RS256 or ES256"
    assert judge(token(claims(), rsa_key(), "RS512"), [jwk(rsa_key())]) == refused
    assert judge(token(claims(), "a secret of thirty-two characters!", "HS256")) == refused
    assert judge(jwt.encode(claims(), "", "none", headers={"kid": "k1"})) == refused


def test_a_signature_of_another_key_is_none() -> None:
    wrong = "the token's signature or form is wrong"
    assert judge(token(claims(), ec_key("theirs"))) == wrong
    good = token(claims()).split(".")
    other = token(claims(appid="evil")).split(".")
    assert judge(".".join((good[0], other[1], good[2]))) == wrong
    assert judge(token(claims(), ec_key(), "ES256"), [jwk(rsa_key())]) == wrong, "the algorithm is the key's"


def test_china_has_an_issuer_of_its_own() -> None:
    china = EntraSettings(
        tenant=TENANT, audiences=("api://events",), authority="https://login.chinacloudapi.cn"
    )
    assert judge(token(claims(iss=f"https://sts.chinacloudapi.cn/{TENANT}/")), settings=china) == ""
    assert judge(token(claims()), settings=china) == "the token is of another issuer"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no bearer token"),
        ("a" * (LONGEST_TOKEN + 1), "the token is too long"),
        ("a.b.c", "the token cannot be read"),
        ("\u20ac", "the token cannot be read"),
        ("\udcff.a.b", "the token cannot be read"),
        (token(claims(), kid=None), "the token does not name its key"),
        (token(claims(), kid=""), "the token does not name its key"),
    ],
)
def test_what_does_not_even_name_a_key(text: str, problem: str) -> None:
    with pytest.raises(TokenError, match=problem):
        parse_key_id(text)


@given(
    st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}")
)
def test_no_text_breaks_the_reading(text: str) -> None:
    with pytest.raises(TokenError):
        parse_key_id(text)


KEYS: dict[str, tuple[Any, list[str]]] = {
    "good ones": ({"keys": [jwk(ec_key(), "a"), jwk(ec_key(), "b", alg="ES256")]}, ["a", "b"]),
    "for encryption": ({"keys": [jwk(ec_key(), "a", use="enc")]}, []),
    "a shared secret": ({"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}]}, []),
    "for another algorithm": ({"keys": [jwk(ec_key(), "a", alg="ES512")]}, []),
    "without a name": ({"keys": [{**jwk(ec_key()), "kid": None}]}, []),
    "odd ones beside a good one": ({"keys": [None, 5, {}, {"kty": "RSA"}, jwk(ec_key(), "z")]}, ["z"]),
    "too many": (
        {"keys": [jwk(ec_key(), str(n)) for n in range(MOST_KEYS + 5)]},
        [str(n) for n in range(MOST_KEYS)],
    ),
    "no list": ({"keys": "k"}, []),
    "nothing": (None, []),
}


@pytest.mark.parametrize(("content", "found"), KEYS.values(), ids=KEYS.keys())
def test_keys(content: Any, found: list[str]) -> None:
    assert list(parse_keys(content)) == found
