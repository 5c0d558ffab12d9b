"""Control paths for time, snapshots, log and vaults; who may use them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from vaultbind.emulator.control import handle_control
from vaultbind.emulator.gate import guard_token, sealing_key, unseal
from vaultbind.emulator.identity import ENTRA_ROUTE, IMDS_PATH, MSI_PATH, IdentityAnswer
from vaultbind.keyvault.simulation import ApiRequest, Estate, EstateConfig
from vaultbind.keyvault.simulation.clock import LIMIT, VaultTime
from vaultbind.keyvault.simulation.tokens import Claims, issue_token, parse_token

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)
TOKEN = "0123456789abcdef"


def control(
    estate: Estate, method: str, path: str, content: Any = None, *, token: str = "", **parts: Any
) -> tuple[int, Any]:
    body = b"" if content is None else orjson.dumps(content)
    request = ApiRequest(method=method, host="h:1", path=f"/_vaultbind/{path}", body=body, **parts)
    response = handle_control(request, estate, token)
    return response.status, orjson.loads(response.body) if response.body else None


def made() -> Estate:
    estate = Estate(EstateConfig(clock=lambda: NOW))
    estate.driver("shop").set_secret("db", "one")
    return estate


def asked(estate: Estate, path: str, vault: str = "shop", **query: str) -> tuple[int, Any]:
    request = ApiRequest(
        method="GET",
        host=f"{vault}.vault.azure.net",
        path=path,
        query={"api-version": "7.4", **query},
        headers={"authorization": "Bearer x"},
    )
    response = estate.handle(request, NOW).response
    return response.status, orjson.loads(response.body)


@pytest.mark.parametrize(
    ("content", "distance"),
    [
        ({"advance": "30d"}, timedelta(days=30)),
        ({"advance": "+1h30m"}, timedelta(minutes=90)),
        ({"advance": "-1h"}, timedelta(hours=-1)),
        ({"set": "2027-01-16T08:00:00Z"}, timedelta(days=1)),
        ({"set": "2027-01-14T08:00:00"}, timedelta(days=-1)),
        ({"set": "2027-01-15T09:00:00+02:00"}, timedelta(hours=-1)),
    ],
)
def test_time_is_moved_for_all_vaults_or_for_one(content: dict[str, str], distance: timedelta) -> None:
    for vault in ({}, {"vault": "Shop"}):
        estate = made()
        status, shown = control(estate, "POST", "time", {**content, **vault})
        assert (status, shown["vaults"]["shop"]) == (200, (NOW + distance).isoformat())
        assert estate.now("other") == (NOW if vault else NOW + distance)
        assert estate.now() == NOW


def test_moves_add_up_and_are_taken_back() -> None:
    estate = made()
    control(estate, "POST", "time", {"advance": "2d"})
    control(estate, "POST", "time", {"advance": "3h", "vault": "shop"})
    assert estate.now("shop") == NOW + timedelta(days=2, hours=3)
    control(estate, "POST", "time", {"set": NOW.isoformat(), "vault": "shop"})
    assert (estate.now("shop"), estate.now("other")) == (NOW, NOW + timedelta(days=2))
    control(estate, "DELETE", "time", query={"vault": "shop"})
    assert estate.now("shop") == NOW + timedelta(days=2)
    control(estate, "DELETE", "time")
    assert estate.now("shop") == NOW


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"advance": "1d", "set": "2027-01-16"},
        {"advance": "soon"},
        {"advance": "4000d"},
        {"set": "tomorrow"},
        {"set": "9999-12-31"},
        {"set": "0001-01-01T00:00:00+23:59"},
        {"advance": 5},
        {"jump": "1d"},
        [],
    ],
)
def test_time_that_cannot_be_is_refused_and_nothing_moves(content: Any) -> None:
    estate = made()
    status, shown = control(estate, "POST", "time", content)
    assert (status, estate.now("shop")) == (400, NOW)
    assert shown["errors"]


@given(st.lists(st.timedeltas(-LIMIT, LIMIT), max_size=6))
def test_time_never_leaves_its_limits(moves: list[timedelta]) -> None:
    time = VaultTime()
    for move in moves:
        before = (time.shared, dict(time.own))
        try:
            time.advance(move)
            time.advance(-move, "v")
        except ValueError:
            assert before == (time.shared, time.own) or abs(time.shared) <= LIMIT
        assert abs(time.at("v", NOW) - NOW) <= 2 * LIMIT


def test_what_vaults_write_has_their_time_and_a_deletion_ends_when_it_passes() -> None:
    estate = made()
    estate.driver("shop").set_secret("gone", "x")
    estate.driver("shop").delete("secrets", "gone")
    assert asked(estate, "/deletedsecrets/gone")[0] == 200
    control(estate, "POST", "time", {"advance": "91d"})
    assert asked(estate, "/deletedsecrets/gone")[0] == 404
    record = estate.driver("shop").set_secret("db", "two")
    assert record.attributes.created == int((NOW + timedelta(days=91)).timestamp())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"set": "yesterday"}, "set: 'yesterday' is no moment such as 2030-01-31T12:00:00Z"),
        ({"advance": "soon"}, "advance: must be a duration such as 30s, 5m, 1h30m or 7d"),
    ],
)
def test_a_time_that_is_none_is_told_with_one_that_is(body: dict[str, str], message: str) -> None:
    assert control(made(), "POST", "time", body) == (400, {"errors": [message]})


def test_a_snapshot_is_restored_through_the_control_paths() -> None:
    estate = made()
    status, document = control(estate, "GET", "snapshot")
    assert status == 200
    estate.driver("shop").set_secret("db", "two")
    assert control(estate, "PUT", "snapshot", document) == (200, {"restored": ["shop"]})
    assert asked(estate, "/secrets/db")[1]["value"] == "one"


def test_a_snapshot_that_cannot_be_read_changes_nothing() -> None:
    estate = made()
    _, document = control(estate, "GET", "snapshot")
    document["vaults"]["shop"]["secrets"]["db"]["versions"][0]["value"] = 7
    document["vaults"]["another"] = document["vaults"]["shop"]
    status, shown = control(estate, "PUT", "snapshot", document)
    assert (status, shown["errors"]) == (400, ["vaults.shop.secrets.db.versions[0].value must be str"])
    assert asked(estate, "/secrets/db")[1]["value"] == "one"
    assert sorted(estate.vaults) == ["shop"]


def test_the_log_tells_who_asked_what_and_how_it_ended() -> None:
    estate = made()
    asked(estate, "/secrets/db")
    asked(estate, "/secrets/nothing")
    asked(estate, "/secrets", vault="bank")
    _, entries = control(estate, "GET", "log")
    assert [(entry["vault"], entry["action"], entry["name"], entry["outcome"]) for entry in entries] == [
        ("shop", "get", "db", "200"),
        ("shop", "get", "nothing", "404"),
        ("bank", "list", "", "200"),
    ]
    assert entries[0]["time"] == NOW.isoformat()
    assert "one" not in str(entries)
    _, some = control(estate, "GET", "log", query={"vault": "shop", "limit": "1"})
    assert [entry["name"] for entry in some] == ["nothing"]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"color": "red"}])
def test_a_log_cannot_be_filtered_by_what_is_not_there(query: dict[str, str]) -> None:
    assert control(made(), "GET", "log", query=query)[0] == 400


def test_vaults_come_to_be_by_being_asked_or_only_when_they_are_made() -> None:
    open_estate = made()
    assert asked(open_estate, "/secrets", vault="new")[0] == 200
    estate = Estate(EstateConfig(clock=lambda: NOW, on_first_use=False))
    estate.vault("shop")
    assert asked(estate, "/secrets")[0] == 200
    status, content = asked(estate, "/secrets", vault="bank")
    assert (status, content["error"]["code"]) == (421, "VaultNotFound")
    assert control(estate, "GET", "vaults") == (200, {"vaults": ["shop"], "onFirstUse": False})
    assert control(estate, "POST", "vaults", {"name": "Bank"}) == (201, {"vaults": ["bank", "shop"]})
    assert asked(estate, "/secrets", vault="bank")[0] == 200


@pytest.mark.parametrize("name", ["", "a.b", "-a", "a" * 61, "ä"])
def test_a_vault_needs_a_name_that_a_host_can_have(name: str) -> None:
    assert control(made(), "POST", "vaults", {"name": name})[0] == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": f"Bearer {TOKEN}", "origin": "https://evil.test"}, 403),
        ({"authorization": f"Bearer {TOKEN}", "origin": "https://h:1"}, 200),
    ],
)
def test_with_a_token_control_requests_must_show_it(headers: dict[str, str], status: int) -> None:
    assert control(made(), "GET", "stats", token=TOKEN, headers=headers)[0] == status


def test_without_a_token_pages_of_others_are_still_refused() -> None:
    assert control(made(), "GET", "stats")[0] == 200
    assert control(made(), "GET", "snapshot", headers={"origin": "https://evil.test"})[0] == 403


def issued(route: str, principal: str) -> IdentityAnswer:
    claims = Claims(audience="https://v", principal=principal, expires=2_000_000_000)
    content = {"access_token": issue_token(claims, issued=1)}
    return IdentityAnswer(status=200, content=content, route=route, operation="o", principal=principal)


@pytest.mark.parametrize(
    ("route", "headers", "body", "clients", "allowed"),
    [
        (MSI_PATH, {}, b"", {}, False),
        (MSI_PATH, {"x-identity-header": TOKEN}, b"", {}, True),
        (MSI_PATH, {"x-identity-header": "wrong"}, b"", {}, False),
        (IMDS_PATH, {"metadata": "true"}, b"", {}, False),
        (IMDS_PATH, {"metadata": "true"}, b"client_id=a&client_secret=" + TOKEN.encode(), {"a"}, False),
        (ENTRA_ROUTE, {}, b"client_id=a&client_secret=" + TOKEN.encode(), {}, True),
        (ENTRA_ROUTE, {}, b"client_id=a&client_secret=own", {}, False),
        (ENTRA_ROUTE, {}, b"client_id=a&client_secret=own", {"a"}, True),
        (ENTRA_ROUTE, {"x-identity-header": TOKEN}, b"client_id=a&client_secret=own", {}, False),
        (ENTRA_ROUTE, {}, b"client_id=b&client_assertion=x.y.z", {}, False),
        (ENTRA_ROUTE, {}, b"client_secret=\xff\xfe", {}, False),
    ],
)
def test_with_a_token_access_tokens_are_for_those_who_know_it(
    route: str, headers: dict[str, str], body: bytes, clients: set[str], allowed: bool
) -> None:
    request = ApiRequest(method="POST", host="h", path="/", headers=headers, body=body)
    answer = guard_token(request, issued(route, "a"), TOKEN, clients)
    assert (answer.status == 200, "access_token" in answer.content) == (allowed, allowed)


def test_only_an_answer_that_holds_a_token_is_replaced() -> None:
    other = IdentityAnswer(status=200, content={"issuer": "x"}, route="/", operation="o")
    assert guard_token(ApiRequest(method="GET", host="h", path="/"), other, TOKEN, {}) is other


def test_a_sealed_token_is_taken_and_a_forged_one_is_not() -> None:
    claims = Claims(audience="https://v", principal="a", expires=2_000_000_000, not_before=1)
    inner = issue_token(claims, issued=1)
    sealed = issue_token(claims, issued=1, key=sealing_key(TOKEN))

    def taken(bearer: str) -> str:
        request = ApiRequest(
            method="GET", host="h", path="/", headers=CIMultiDict({"Authorization": f"Bearer {bearer}"})
        )
        return unseal(request, TOKEN).headers["authorization"].removeprefix("Bearer ")

    assert parse_token(taken(sealed)) == parse_token(inner) == claims
    assert taken(sealed) == taken(sealed)  # so that it is checked once
    assert parse_token(sealed) is None
    for forged in (
        inner,
        issue_token(claims, issued=1, key=sealing_key("x" * 16)),
        "a.b.c",
        "",
        "ä",
    ):
        assert parse_token(taken(forged)) is None
    plain = ApiRequest(method="GET", host="h", path="/")
    assert unseal(plain, TOKEN) is plain
