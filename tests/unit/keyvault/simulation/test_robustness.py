"""Whatever is sent, an answer comes: no request makes the simulation fail, none is answered with a 5xx."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.keyvault.simulation.desk import SECONDS, Desk
from vaultbind.keyvault.simulation.api.routing import DELETED, KEY_USES, LIVE, SUB_ACTIONS
from vaultbind.keyvault.simulation.bundles import render_value
from vaultbind.keyvault.simulation.issuing import issue_chain
from vaultbind.keyvault.simulation.keymaterial import CURVES, encode
from vaultbind.keyvault.simulation.policies import PEM
from vaultbind.keyvault.simulation.rsapool import make_rsa

DAY = 86_400
METHODS = st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE"])
WORDS = st.sampled_from(
    [
        *sorted({*LIVE, *DELETED, *KEY_USES, *(word for _, _, word in SUB_ACTIONS)}),
        *("a", "k", "s", "restore", "recover", "rng", "", "%", "\u00e4"),
    ]
)
TEXTS = st.sampled_from(
    ["", "x", "RSA", "EC", "oct-HSM", "P-256", "ES256", "A256GCM", "AQAB", "P30D", "Rotate"]
)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | st.text(max_size=8)
CREATION = (
    "kty",
    "crv",
    "key_size",
    "public_exponent",
    "key_ops",
    "attributes",
    "exportable",
    "release_policy",
)
SECRET = ("value", "contentType", "tags", "enabled", "exp", "nbf")
USE = ("alg", "digest", "iv", "tag", "aad", "target", "enc", "count", "data")
ROTATION = ("lifetimeActions", "trigger", "timeAfterCreate", "action", "type", "expiryTime")
MEMBERS = st.sampled_from((*CREATION, *SECRET, *USE, *ROTATION))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=5),
    max_leaves=12,
)


def filled() -> Desk:
    desk = Desk()
    desk.ask("PUT", "/secrets/s", {"value": "x"})
    desk.ask("POST", "/keys/k/create", {"kty": "EC"})
    desk.ask("POST", "/keys/a/create", {"kty": "oct-HSM"})
    return desk


DESK = filled()


@settings(max_examples=200, deadline=None)
@given(method=METHODS, words=st.lists(WORDS, min_size=1, max_size=4), body=JSON)
def test_any_request_is_answered(method: str, words: list[str], body: Any) -> None:
    if body and isinstance(body, dict) and isinstance(body.get("kty"), str) and body["kty"].startswith("RSA"):
        body = {**body, "kty": "EC"}  # making RSA keys is slow
    answer = DESK.reply(method, "/" + "/".join(words), body).response
    assert 200 <= answer.status < 500


ODD: tuple[Any, ...] = (
    *([], {}, [{}], [1], ["x"], {"x": []}, {"dns_names": [{}]}, None),
    *(True, 0, 2048.0, 1e308, 2**63, "", "\u00e4"),
)
ATTRIBUTES = {"enabled": True, "nbf": SECONDS, "exp": SECONDS + 9, "exportable": True}
RELEASE = {
    "contentType": "application/json",
    "data": encode(b'{"anyOf": [{"authority": "https://a", "allOf": [{"claim": "c", "equals": 1}]}]}'),
    "immutable": False,
}
POLICY = {
    "key_props": {"kty": "EC", "crv": "P-256", "exportable": True, "reuse_key": False},
    "secret_props": {"contentType": PEM},
    "x509_props": {
        "subject": "CN=a",
        "ekus": ["1.3.6.1.5.5.7.3.1"],
        "key_usage": ["digitalSignature"],
        "validity_months": 12,
        "sans": {"dns_names": ["a"], "ipAddresses": ["::1"]},
        "basic_constraints": {"ca": False},
    },
    "lifetime_actions": [{"trigger": {"lifetime_percentage": 50}, "action": {"action_type": "AutoRenew"}}],
    "issuer": {"name": "Self", "cty": "x", "cert_transparency": False},
}
RSA_KEY = {"kty": "RSA", "key_size": 2048, "exportable": True, "reuse_key": True}
ROTATING = {
    "lifetimeActions": [{"trigger": {"timeAfterCreate": "P30D"}, "action": {"type": "Rotate"}}],
    "attributes": {"expiryTime": "P90D"},
}
ADMIN = {"first_name": "a", "last_name": "b", "email": "a@a", "phone": "1"}
ISSUER = {
    "provider": "Test",
    "credentials": {"account_id": "a", "pwd": "b"},
    "org_details": {"id": "1", "admin_details": [ADMIN]},
    "attributes": {"enabled": True},
}
RIGHT: dict[str, Any] = {
    "PUT /secrets/{new}": {"value": "x", "contentType": "t", "attributes": ATTRIBUTES, "tags": {"a": "b"}},
    "PATCH /secrets/s": {"contentType": "t", "attributes": ATTRIBUTES, "tags": {"a": "b"}},
    "POST /keys/{new}/create": {
        "kty": "EC",
        "crv": "P-256",
        "key_ops": ["sign"],
        "attributes": ATTRIBUTES,
        "tags": {"a": "b"},
        "release_policy": RELEASE,
    },
    "POST /keys/{new}-rsa/create": {"kty": "RSA", "key_size": 2048, "public_exponent": 65537},
    "PATCH /keys/k": {"key_ops": ["sign"], "attributes": {"enabled": True}, "release_policy": RELEASE},
    "PUT /keys/{new}": {"key": {"kty": "oct", "k": encode(b"k" * 16), "key_ops": ["wrapKey"]}, "Hsm": True},
    "PUT /keys/k/rotationpolicy": ROTATING,
    "POST /keys/k/sign": {"alg": "ES256", "value": encode(b"d" * 32)},
    "POST /keys/k/release": {"target": "a.b.c", "nonce": "n", "enc": "RSA_AES_KEY_WRAP_256"},
    "POST /rng": {"count": 8},
    "POST /certificates/{new}/create": {
        "policy": POLICY,
        "attributes": {"enabled": True},
        "tags": {"a": "b"},
    },
    "POST /certificates/{new}-rsa/create": {"policy": {**POLICY, "key_props": RSA_KEY}},
    "POST /certificates/{new}/import": {"policy": POLICY, "pwd": "", "preserveCertOrder": True},
    "PATCH /certificates/tls/policy": POLICY,
    "PATCH /certificates/tls": {"attributes": {"enabled": True}, "tags": {"a": "b"}},
    "PATCH /certificates/tls/pending": {"cancellation_requested": False},
    "POST /certificates/waits/pending/merge": {"x5c": [encode(b"x")], "attributes": {"enabled": True}},
    "PUT /certificates/contacts": {"contacts": [{"email": "a@a", "name": "a", "phone": "1"}]},
    "PUT /certificates/issuers/ca": ISSUER,
    "PATCH /certificates/issuers/ca": ISSUER,
    "POST /secrets/restore": {"value": "x"},
}


def damaged(body: Any) -> Iterator[Any]:
    """The body with one node after the other replaced by one odd thing after the other."""
    yield from ODD
    if isinstance(body, dict):
        for name, inner in body.items():
            yield from ({**body, name: odd} for odd in damaged(inner))
    elif isinstance(body, list):
        for index, inner in enumerate(body):
            yield from ([*body[:index], odd, *body[index + 1 :]] for odd in damaged(inner))


@pytest.mark.parametrize("request_line", RIGHT)
def test_one_odd_thing_in_a_right_body_is_taken_or_refused(request_line: str) -> None:
    method, path = request_line.split(" ")
    desk = furnished()
    body = RIGHT[request_line] | ({"value": PEM_TEXT} if path.endswith("/import") else {})
    for number, odd in enumerate((body, *damaged(body))):
        answer = desk.reply(method, path.format(new=f"n{number}"), odd).response
        assert answer.status in {200, 201, 202, 400, 403, 409}, odd
        assert number or answer.status < 300 or path in UNUSABLE, answer.body
        if answer.status == 200 and path.endswith("policy"):
            desk.pass_time(400 * DAY)  # what was taken can be followed, too
            assert desk.reply("GET", "/certificates").response.status == 200, odd
    for kind in ("secrets", "keys", "certificates"):
        assert desk.reply("GET", f"/{kind}").response.status == 200


UNUSABLE = {
    "/keys/k/release",
    "/certificates/waits/pending/merge",
    "/secrets/restore",
    "/certificates/tls/pending",
}
"""What a right body would need something else for."""


def furnished() -> Desk:
    """A vault with a secret `s`, key `k` and certificate `tls`, one that waits for a merge, and an issuer."""
    desk = Desk(make_rsa=cache(make_rsa))
    desk.ask("PUT", "/secrets/s", {"value": "x"})
    key = {"kty": "EC", "attributes": {"exportable": True}, "release_policy": RELEASE}
    desk.ask("POST", "/keys/k/create", key)
    desk.ask("PUT", "/certificates/issuers/ca", ISSUER)
    for name, issuer in (("tls", "Self"), ("waits", "Unknown")):
        wanted = {"key_props": {"kty": "EC"}, "x509_props": {"subject": "CN=a"}, "issuer": {"name": issuer}}
        assert desk.ask("POST", f"/certificates/{name}/create", {"policy": wanted})[0] == 202
    return desk


PEM_TEXT = render_value(
    issue_chain(["a.test"], not_before=SECONDS - 600, not_after=SECONDS + 90 * DAY).bundle(
        with_root=False, content_type=PEM
    ),
    PEM,
    exportable=True,
)
OCTETS = st.binary(max_size=40).map(encode) | SCALARS
MATERIAL = st.fixed_dictionaries(
    {"crv": st.sampled_from([*CURVES, "P-1"])},
    optional=dict.fromkeys(("x", "y", "d", "n", "e", "p", "q", "k"), OCTETS),
) | st.fixed_dictionaries({"crv": st.just("P-256"), **dict.fromkeys(("x", "y", "d"), st.just("AQAB"))})


@settings(max_examples=100, deadline=None)
@given(kty=st.sampled_from(["RSA", "EC", "oct", "EC-HSM", "?"]), material=MATERIAL)
def test_any_key_that_is_imported_is_taken_or_refused(kty: str, material: dict[str, Any]) -> None:
    answer = DESK.reply("PUT", "/keys/imported", {"key": {"kty": kty, **material}}).response
    assert answer.status in {200, 400}


USES = st.sampled_from(["encrypt", "decrypt", "wrapkey", "unwrapkey", "sign", "verify"])
ALGORITHMS = st.sampled_from(
    ["ES256", "HS256", "HS512", "A256GCM", "A256CBC", "A256CBCPAD", "A256KW", "CKM_AES_KEY_WRAP_PAD", "RS256"]
)
BYTES = st.none() | st.text("AZaz09-_", max_size=64)


@settings(max_examples=100, deadline=None)
@given(key=st.sampled_from(["k", "a"]), use=USES, alg=ALGORITHMS, members=st.tuples(*[BYTES] * 5))
def test_any_use_of_a_key_is_done_or_refused(
    key: str, use: str, alg: str, members: tuple[str | None, ...]
) -> None:
    names = ("value", "digest", "iv", "tag", "aad")
    body = {"alg": alg, **dict(zip(names, members, strict=True))}
    answer = filled().reply("POST", f"/keys/{key}/{use}", body).response
    assert answer.status in {200, 400, 403}
