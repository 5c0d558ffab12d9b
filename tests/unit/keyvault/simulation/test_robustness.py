"""Whatever is sent, an answer comes: no request makes the simulation fail, none is answered with a 5xx."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.keyvault.simulation.desk import Desk
from vaultbind.keyvault.simulation.api.routing import DELETED, KEY_USES, LIVE, SUB_ACTIONS
from vaultbind.keyvault.simulation.keymaterial import CURVES, encode

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
