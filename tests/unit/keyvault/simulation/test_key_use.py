"""Using keys over REST: answers, the rules of enabled, key_ops and time window, rotation, random bytes."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.unit.keyvault.simulation.desk import HOST, SECONDS, Desk
from tests.unit.keyvault.simulation.material import make
from vaultbind.keyvault.simulation import Kind, SimulatedVault, VaultProblem
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.keymaterial import decode, encode
from vaultbind.keyvault.simulation.periods import add, parse_period

DAY = 86_400
DIGEST = encode(hashlib.sha256(b"text").digest())


def desk_with(kty: str = "EC", **body: Any) -> Desk:
    material = make("RSA")
    assert isinstance(material, rsa.RSAPrivateKey)
    desk = Desk(make_rsa=lambda _: material)
    status, _ = desk.ask("POST", "/keys/k/create", {"kty": kty, **body})
    assert status == 200
    return desk


@pytest.mark.parametrize("path", ["/keys/k/sign", "/keys/k//sign", "/keys/K/{version}/sign"])
def test_a_key_is_used_by_name_or_by_version(path: str) -> None:
    desk = desk_with()
    kid = desk.ask("GET", "/keys/k")[1]["key"]["kid"]
    path = path.format(version=kid.rsplit("/", 1)[1].upper())
    status, signed = desk.ask("POST", path, {"alg": "ES256", "value": DIGEST})
    assert (status, signed["kid"]) == (200, kid)
    check = {"alg": "ES256", "digest": DIGEST, "value": signed["value"]}
    assert desk.ask("POST", f"{path[:-4]}verify", check) == (200, {"value": True})
    other = encode(bytes(32))
    assert desk.ask("POST", "/keys/k/verify", {**check, "digest": other}) == (200, {"value": False})


def test_gcm_answers_with_what_decryption_needs() -> None:
    desk = desk_with("oct-HSM")
    asked = {"alg": "A256GCM", "value": encode(b"plain"), "aad": encode(b"more")}
    _, sealed = desk.ask("POST", "/keys/k/encrypt", asked)
    assert set(sealed) == {"kid", "value", "iv", "tag", "aad"}
    back = {"alg": "A256GCM", **{name: sealed[name] for name in ("value", "iv", "tag", "aad")}}
    _, plain = desk.ask("POST", "/keys/k/decrypt", back)
    assert (decode(plain["value"]), set(plain)) == (b"plain", {"kid", "value"})


@pytest.mark.parametrize("kty", ["oct", "oct-HSM"])
def test_a_symmetric_key_never_leaves(kty: str) -> None:
    desk = desk_with(kty)
    kid = desk.ask("GET", "/keys/k")[1]["key"]["kid"]
    wrapped = desk.ask("POST", "/keys/k/wrapkey", {"alg": "A256KW", "value": encode(bytes(32))})[1]["value"]
    unwrapped = desk.ask("POST", "/keys/k/unwrapkey", {"alg": "A256KW", "value": wrapped})[1]
    assert unwrapped == {"kid": kid, "value": encode(bytes(32))}
    answers = [desk.ask(method, path)[1] for method, path in (("GET", "/keys/k"), ("DELETE", "/keys/k"))]
    assert all(answer["key"].keys() == {"kid", "kty", "key_ops"} for answer in answers)


OPERATIONS = ["encrypt", "decrypt", "wrapkey", "unwrapkey", "sign", "verify"]


def use(desk: Desk, operation: str) -> tuple[int, Any]:
    sealed = desk.estate.vault("shop").keys.get("k").material
    assert isinstance(sealed, rsa.RSAPrivateKey)
    body: dict[str, str] = {"alg": "RSA1_5", "value": encode(b"plain")}
    if operation in {"decrypt", "unwrapkey"}:
        body["value"] = encode(sealed.public_key().encrypt(b"plain", padding.PKCS1v15()))
    if operation in {"sign", "verify"}:
        body = {"alg": "RS256", "value": DIGEST, "digest": DIGEST}
    status, content = desk.ask("POST", f"/keys/k/{operation}", body)
    return status, content["error"]["innererror"]["code"] if status != 200 else ""


@pytest.mark.parametrize(
    ("attributes", "refused", "code"),
    [
        ({}, set(), ""),
        ({"enabled": False}, set(OPERATIONS), "KeyDisabled"),
        ({"exp": SECONDS}, {"encrypt", "wrapkey", "sign"}, "KeyExpired"),
        ({"nbf": SECONDS + 1}, {"encrypt", "wrapkey", "sign"}, "KeyNotYetValid"),
        ({"nbf": SECONDS, "exp": SECONDS + 1}, set(), ""),
    ],
    ids=["plain", "disabled", "expired", "not yet valid", "inside the window"],
)
def test_when_a_key_may_be_used(attributes: dict[str, Any], refused: set[str], code: str) -> None:
    desk = desk_with("RSA", attributes=attributes)
    got = {operation: use(desk, operation) for operation in OPERATIONS}
    assert got == {name: (403, code) if name in refused else (200, "") for name in OPERATIONS}
    assert desk.ask("GET", "/keys/k")[0] == 200


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_key_does_only_what_its_key_ops_say(operation: str) -> None:
    word = {"wrapkey": "wrapKey", "unwrapkey": "unwrapKey"}.get(operation, operation)
    desk = desk_with("RSA", key_ops=[word])
    got = {name for name in OPERATIONS if use(desk, name) == (200, "")}
    assert got == {operation}
    assert use(desk, OPERATIONS[OPERATIONS.index(operation) - 1]) == (403, "KeyOperationForbidden")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"kty": "EC", "key_ops": ["encrypt"]}, id="EC does not encrypt"),
        pytest.param({"kty": "RSA", "key_ops": ["fly"]}, id="unknown operation"),
        pytest.param({"kty": "RSA", "key_size": 1024}, id="weak"),
        pytest.param({"kty": "RSA", "public_exponent": 4}, id="even exponent"),
        pytest.param({"kty": "oct-HSM", "key_size": 512}, id="no such AES"),
        pytest.param({"kty": "EC", "attributes": {"exportable": True}}, id="exportable without policy"),
        pytest.param(
            {"kty": "EC", "release_policy": {"data": "eyJhbnlPZiI6W119"}}, id="policy, not exportable"
        ),
        pytest.param(
            {"kty": "EC", "attributes": {"exportable": True}, "release_policy": {"data": "e30"}},
            id="policy without conditions",
        ),
        pytest.param({"kty": "EC", "attributes": {"exportable": "yes"}}, id="exportable is a text"),
    ],
)
def test_keys_that_are_not_made(body: dict[str, Any]) -> None:
    desk = Desk()
    assert desk.refusal("POST", "/keys/k/create", body) == (400, "BadParameter")
    assert desk.refusal("GET", "/keys/k") == (404, "KeyNotFound")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/keys/none/sign", {"alg": "ES256", "value": DIGEST}, (404, "KeyNotFound")),
        ("/keys/k/0f/sign", {"alg": "ES256", "value": DIGEST}, (404, "KeyNotFound")),
        ("/keys/k/sign", {"alg": "RS256", "value": DIGEST}, (400, "BadParameter")),
        ("/keys/k/sign", {"alg": "ES256", "value": "not base64!"}, (400, "BadParameter")),
        ("/keys/k/sign", {"alg": "ES256"}, (400, "BadParameter")),
        ("/keys/k/sign", {"alg": 7, "value": DIGEST}, (400, "BadParameter")),
        ("/keys/k/verify", {"alg": "ES256", "digest": DIGEST}, (400, "BadParameter")),
    ],
)
def test_uses_that_are_refused(path: str, body: dict[str, Any], expected: tuple[int, str]) -> None:
    assert desk_with().refusal("POST", path, body) == expected


def test_an_immutable_release_policy_stays() -> None:
    policy = {"data": encode(b'{"anyOf":[]}'), "immutable": True}
    desk = desk_with("EC-HSM", attributes={"exportable": True}, release_policy=policy)
    shown = desk.ask("GET", "/keys/k")[1]
    assert shown["release_policy"]["immutable"]
    assert shown["attributes"]["exportable"]
    assert desk.refusal("PATCH", "/keys/k", {"release_policy": policy}) == (400, "BadParameter")


@pytest.mark.parametrize(
    ("kty", "hsm", "shown"), [("oct", False, "oct"), ("oct-HSM", False, "oct-HSM"), ("oct", True, "oct-HSM")]
)
def test_an_imported_symmetric_key_keeps_its_type(kty: str, hsm: bool, shown: str) -> None:
    jwk = {"kty": kty, "k": encode(bytes(16))}
    status, key = Desk().ask("PUT", "/keys/k", {"key": jwk, "Hsm": hsm})
    assert (status, key["key"]["kty"]) == (200, shown)
    short = {"key": {"kty": kty, "k": encode(bytes(15))}}
    assert Desk().refusal("PUT", "/keys/k", short) == (400, "BadParameter")


def test_an_hsm_key_has_an_attestation_of_its_version() -> None:
    desk = desk_with("EC-HSM")
    status, shown = desk.ask("GET", "/keys/k/attestation?api-version=7.6")
    assert status == 200
    assert set(shown["attributes"]["attestation"]) == {
        "certificatePemFile",
        "privateKeyAttestation",
        "publicKeyAttestation",
        "version",
    }
    assert "attestation" not in desk.ask("GET", "/keys/k")[1]["attributes"]
    assert desk_with("EC").refusal("GET", "/keys/k//attestation") == (400, "BadParameter")


def test_hsm_platform_is_told_since_7_5() -> None:
    desk = desk_with("EC-HSM")
    shown = {v: desk.ask("GET", f"/keys/k?api-version={v}")[1]["attributes"] for v in ("7.4", "7.5")}
    assert [shown[version].get("hsmPlatform") for version in ("7.4", "7.5")] == [None, "2"]


@pytest.mark.parametrize(("count", "status"), [(1, 200), (128, 200), (0, 400), (129, 400), ("8", 400)])
def test_random_bytes(count: Any, status: int) -> None:
    got, content = Desk().ask("POST", "/rng", {"count": count})
    assert got == status
    if status == 200:
        assert len(decode(content["value"])) == count


# ---- rotation
def test_a_rotated_key_is_like_the_old_one_with_new_material() -> None:
    desk = desk_with("EC", crv="P-384", tags={"a": "b"}, key_ops=["sign"])
    old = desk.ask("GET", "/keys/k")[1]
    desk.pass_time(60)
    status, new = desk.ask("POST", "/keys/k/rotate")
    assert (status, new["tags"], new["key"]["crv"]) == (200, {"a": "b"}, "P-384")
    assert new["key"]["key_ops"] == ["sign"]
    assert new["key"]["kid"] != old["key"]["kid"]
    assert new["key"]["x"] != old["key"]["x"]
    assert new["attributes"]["created"] == SECONDS + 60
    assert len(desk.ask("GET", "/keys/k/versions")[1]["value"]) == 2


ROTATE = {"trigger": {"timeAfterCreate": "P2M"}, "action": {"type": "Rotate"}}
NOTIFY = {"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}}


def test_the_rotation_policy_is_completed_by_the_service() -> None:
    desk = desk_with()
    _, default = desk.ask("GET", "/keys/k/rotationpolicy")
    policy_id = f"https://{HOST}/keys/k/rotationpolicy"
    assert default == {"id": policy_id, "lifetimeActions": [NOTIFY], "attributes": {}}
    put = {"lifetimeActions": [ROTATE], "attributes": {"expiryTime": "P90D"}}
    status, written = desk.ask("PUT", "/keys/k/rotationpolicy", put)
    assert (status, written["lifetimeActions"]) == (200, [ROTATE, NOTIFY])
    assert written["attributes"] == {"expiryTime": "P90D", "created": SECONDS, "updated": SECONDS}
    assert desk.ask("GET", "/keys/k/rotationpolicy")[1] == written
    assert desk.ask("POST", "/keys/k/rotate")[1]["attributes"]["exp"] == SECONDS + 90 * DAY


def rotate(trigger: str, period: Any) -> dict[str, Any]:
    return {"lifetimeActions": [{"trigger": {trigger: period}, "action": {"type": "Rotate"}}]}


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(rotate("timeAfterCreate", "P6D"), id="sooner than a week"),
        pytest.param(rotate("timeBeforeExpiry", "P30D"), id="before an expiry that is not set"),
        pytest.param(rotate("timeAfterCreate", "30d"), id="no ISO duration"),
        pytest.param(rotate("timeAfterCreate", 30), id="a number"),
        pytest.param(
            {**rotate("timeBeforeExpiry", "P24D"), "attributes": {"expiryTime": "P30D"}},
            id="before expiry, and sooner than a week",
        ),
        pytest.param(rotate("sometime", "P30D"), id="unknown trigger"),
        pytest.param({"attributes": {"expiryTime": "P27D"}}, id="expires too soon"),
        pytest.param({"attributes": {"expiryTime": 28}}, id="expiry is a number"),
        pytest.param({"attributes": 7}, id="attributes"),
        pytest.param({"lifetimeActions": {}, "attributes": []}, id="a list of attributes"),
        pytest.param({"lifetimeActions": [ROTATE, ROTATE]}, id="two rotations"),
        pytest.param({"lifetimeActions": [{"trigger": {}, "action": {"type": "Rotate"}}]}, id="no trigger"),
        pytest.param({"lifetimeActions": [7]}, id="an action that is a number"),
        pytest.param({"lifetimeActions": "x"}, id="actions that are a text"),
        pytest.param(
            {"lifetimeActions": [{"trigger": {"timeAfterCreate": "P30D"}, "action": {"type": "Notify"}}]},
            id="a note after creation",
        ),
    ],
)
def test_policies_that_are_refused(policy: dict[str, Any]) -> None:
    assert desk_with().refusal("PUT", "/keys/k/rotationpolicy", policy) == (400, "BadParameter")


def test_keys_rotate_by_themselves_when_time_moves() -> None:
    """Two months after creation, again two months later, however long nobody looked."""
    desk = desk_with()
    desk.ask("PUT", "/keys/k/rotationpolicy", {"lifetimeActions": [ROTATE]})
    desk.pass_time(58 * DAY)
    assert len(versions(desk)) == 1
    desk.pass_time(DAY)  # 15 January to 15 March
    assert versions(desk) == [SECONDS, SECONDS + 59 * DAY]
    desk.pass_time(200 * DAY)
    assert len(versions(desk)) == 5


def test_rotation_before_expiry_waits_for_a_version_that_expires() -> None:
    desk = desk_with()
    policy = {**rotate("timeBeforeExpiry", "P10D"), "attributes": {"expiryTime": "P30D"}}
    desk.ask("PUT", "/keys/k/rotationpolicy", policy)
    desk.pass_time(100 * DAY)
    assert len(versions(desk)) == 1
    desk.ask("POST", "/keys/k/rotate")
    desk.pass_time(20 * DAY)
    assert [moment - SECONDS for moment in versions(desk)] == [0, 100 * DAY, 120 * DAY]


def test_a_version_that_expires_too_soon_is_not_rotated_for_ever() -> None:
    """350 months are fewer days than 10,000 by the shortest month, and more by the calendar."""
    desk = desk_with()
    policy = {**rotate("timeBeforeExpiry", "P350M"), "attributes": {"expiryTime": "P10000D"}}
    assert desk.ask("PUT", "/keys/k/rotationpolicy", policy)[0] == 200
    desk.ask("POST", "/keys/k/rotate")
    desk.pass_time(8 * DAY)
    assert [moment - SECONDS for moment in versions(desk)] == [0, 0, 7 * DAY]


def test_one_leap_of_time_makes_a_version_at_each_moment_until_there_are_many() -> None:
    desk = desk_with()
    desk.ask("PUT", "/keys/k/rotationpolicy", rotate("timeAfterCreate", "P10D"))
    desk.pass_time(1000 * DAY + 5)
    assert desk.ask("GET", "/keys")[0] == 200
    records = desk.estate.vault("shop").versions(Kind.KEYS, "k")
    moments = sorted(record.attributes.created - SECONDS for record in records)
    assert moments == [*(number * 10 * DAY for number in range(25)), 1000 * DAY + 5]
    desk.pass_time(20 * DAY)
    assert desk.ask("GET", "/keys")[0] == 200
    assert len(desk.estate.vault("shop").versions(Kind.KEYS, "k")) == 28


def test_a_deleted_key_does_not_rotate_and_a_recovered_one_does() -> None:
    desk = desk_with()
    desk.ask("PUT", "/keys/k/rotationpolicy", {"lifetimeActions": [ROTATE]})
    desk.ask("DELETE", "/keys/k")
    desk.pass_time(70 * DAY)
    assert desk.ask("GET", "/keys")[1]["value"] == []
    desk.ask("POST", "/deletedkeys/k/recover")
    assert len(versions(desk)) == 2


def test_a_purged_key_leaves_no_policy_behind() -> None:
    desk = desk_with()
    desk.ask("PUT", "/keys/k/rotationpolicy", {"lifetimeActions": [ROTATE]})
    desk.ask("DELETE", "/keys/k")
    desk.ask("DELETE", "/deletedkeys/k")
    desk.ask("POST", "/keys/k/create", {"kty": "EC"})
    assert desk.ask("GET", "/keys/k/rotationpolicy")[1]["lifetimeActions"] == [NOTIFY]


def versions(desk: Desk) -> list[int]:
    items = desk.ask("GET", "/keys/k/versions")[1]["value"]
    return sorted(item["attributes"]["created"] for item in items)


@pytest.mark.parametrize(
    ("begin", "period", "back", "expected"),
    [
        ("2027-01-31", "P1M", False, "2027-02-28"),
        ("2027-12-15", "P1Y2M3D", False, "2029-02-18"),
        ("2028-03-31", "P1M", True, "2028-02-29"),
        ("2027-01-15", "P2M", True, "2026-11-15"),
    ],
)
def test_periods_are_those_of_calendars(begin: str, period: str, back: bool, expected: str) -> None:
    moment, wanted = (
        int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) for day in (begin, expected)
    )
    assert (
        datetime.fromtimestamp(add(moment, parse_period(period), back=back), UTC).date().isoformat()
        == expected
    )
    assert add(moment, parse_period(period), back=back) == wanted


@pytest.mark.parametrize("text", ["", "P", "30D", "P1W", "PT5H", "P1D1M", "P-1D"])
def test_periods_that_are_none(text: str) -> None:
    with pytest.raises(VaultProblem, match="ISO 8601"):
        parse_period(text)


# ---- keys of certificates
def test_the_key_of_a_certificate_signs_but_is_not_changed() -> None:
    desk = Desk()
    policy = {
        "key_props": {"kty": "EC", "crv": "P-256"},
        "x509_props": {"subject": "CN=a.test"},
        "issuer": {"name": "Self"},
    }
    desk.ask("POST", "/certificates/tls/create", {"policy": policy})
    assert desk.ask("POST", "/keys/tls/sign", {"alg": "ES256", "value": DIGEST})[0] == 200
    for method, path in (
        ("POST", "/keys/tls/rotate"),
        ("PUT", "/keys/tls/rotationpolicy"),
        ("PATCH", "/keys/tls"),
        ("DELETE", "/keys/tls"),
        ("POST", "/keys/tls/create"),
    ):
        body = {"kty": "EC"} if path.endswith("create") else {}
        assert desk.refusal(method, path, body) == (403, "KeyManagedByKeyVault")


def test_a_small_exponent_is_possible() -> None:
    record = SimulatedVault("v").keys.create("k", now=1, key_type="RSA-HSM", exponent=17)
    assert decode(record.public["e"]) == bytes([17])
    assert isinstance(record.material, rsa.RSAPrivateKey)
    assert record.material.public_key().public_numbers().e == 17


def test_changes_without_policy_leave_the_policy() -> None:
    vault = SimulatedVault("v")
    policy = {"contentType": "application/json", "data": "eyJhbnlPZiI6W119", "immutable": False}
    vault.keys.create("k", now=1, key_type="EC", changes=Changes(exportable=True, release_policy=policy))
    assert vault.keys.update("k", now=2, changes=Changes(enabled=False)).release_policy == policy
