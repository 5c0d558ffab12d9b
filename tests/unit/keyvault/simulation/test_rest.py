"""The REST surface without sockets: routes, refusals, pages, challenge, faults, access and the log."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.keyvault.simulation.desk import HOST, NOW, SECONDS, Desk, token
from vaultbind.keyvault.simulation import (
    ApiRequest,
    Denial,
    Ending,
    Fault,
    VaultProblem,
)
from vaultbind.keyvault.simulation.api.messages import parse_host
from vaultbind.keyvault.simulation.api.routing import parse_route
from vaultbind.keyvault.simulation.fault_forms import FaultError, parse_faults
from vaultbind.keyvault.versions import API_VERSIONS


@pytest.mark.parametrize(
    ("host", "vault", "resource", "origin"),
    [
        ("shop.vault.azure.net", "shop", "https://vault.azure.net", "https://shop.vault.azure.net:443"),
        (
            "Shop.vault.localhost:8443",
            "shop",
            "https://vault.localhost:8443",
            "https://shop.vault.localhost:8443",
        ),
        ("127.0.0.1:8443", "default", "https://0.0.1:8443", "https://127.0.0.1:8443"),
        ("localhost:1", "default", "https://localhost:1", "https://localhost:1"),
        ("[::1]:8443", "default", "https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_the_host_header_says_vault_audience_and_origin(
    host: str, vault: str, resource: str, origin: str
) -> None:
    address = parse_host(host)
    assert (address.vault, address.resource, address.origin) == (vault, resource, origin)
    assert address.base == f"https://{host.lower()}"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/secrets", ("secrets", "list", "/secrets", "", "")),
        ("GET", "/secrets/a", ("secrets", "get", "/secrets/{name}", "a", "")),
        ("GET", "/secrets/a/", ("secrets", "get", "/secrets/{name}", "a", "")),
        ("GET", "/secrets/a/0f", ("secrets", "get", "/secrets/{name}/{version}", "a", "0f")),
        ("GET", "/secrets/a/versions", ("secrets", "listVersions", "/secrets/{name}/versions", "a", "")),
        ("PATCH", "/secrets/a/", ("secrets", "update", "/secrets/{name}", "a", "")),
        ("PUT", "/keys/k", ("keys", "import", "/keys/{name}", "k", "")),
        ("POST", "/keys/k/create", ("keys", "create", "/keys/{name}/create", "k", "")),
        (
            "PATCH",
            "/certificates/c/policy",
            ("certificates", "updatePolicy", "/certificates/{name}/policy", "c", ""),
        ),
        ("GET", "/deletedkeys", ("keys", "listDeleted", "/deletedkeys", "", "")),
        ("DELETE", "/deletedsecrets/a", ("secrets", "purge", "/deletedsecrets/{name}", "a", "")),
        (
            "POST",
            "/deletedsecrets/a/recover",
            ("secrets", "recover", "/deletedsecrets/{name}/recover", "a", ""),
        ),
    ],
)
def test_routes(method: str, path: str, expected: tuple[str, ...]) -> None:
    route = parse_route(method, path)
    assert (route.kind, route.action, route.template, route.name, route.version) == expected


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/nothing", 404),
        ("GET", "/secrets/a/b/c", 404),
        ("POST", "/secrets", 405),
        ("PUT", "/certificates/c", 405),
        ("DELETE", "/secrets/a/0f", 405),
        ("PUT", "/deletedsecrets/a", 405),
        ("GET", "/deletedsecrets/a/recover", 405),
    ],
)
def test_unknown_paths_and_methods(method: str, path: str, status: int) -> None:
    with pytest.raises(VaultProblem) as caught:
        parse_route(method, path)
    assert caught.value.status == status


def test_api_version_is_mandatory_and_checked() -> None:
    desk = Desk()
    assert desk.refusal("GET", "/secrets?api-version=") == (400, "BadParameter")
    assert desk.refusal("GET", "/secrets?api-version=6.0") == (400, "BadParameter")
    assert {desk.ask("GET", f"/secrets?api-version={version}")[0] for version in API_VERSIONS} == {200}


def test_a_secret_on_the_wire() -> None:
    desk = Desk()
    body = {"value": "v", "tags": {"a": "b"}, "attributes": {"enabled": True, "nbf": 5, "exp": SECONDS + 9}}
    _, written = desk.ask("PUT", "/secrets/db", body)
    version = written["id"].rsplit("/", 1)[1]
    assert desk.ask("GET", "/secrets/db/") == (200, written)
    assert written == {
        "value": "v",
        "id": f"https://{HOST}/secrets/db/{version}",
        "tags": {"a": "b"},
        "attributes": {
            "enabled": True,
            "nbf": 5,
            "exp": SECONDS + 9,
            "created": SECONDS,
            "updated": SECONDS,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": 90,
        },
    }
    _, listed = desk.ask("GET", "/secrets")
    item = {name: value for name, value in written.items() if name != "value"}
    assert listed == {"value": [{**item, "id": f"https://{HOST}/secrets/db"}], "nextLink": None}


def test_a_deleted_secret_on_the_wire() -> None:
    desk = Desk()
    desk.ask("PUT", "/secrets/db", {"value": "v"})
    status, deleted = desk.ask("DELETE", "/secrets/db")
    assert status == 200
    assert deleted["recoveryId"] == f"https://{HOST}/deletedsecrets/db"
    assert (deleted["deletedDate"], deleted["scheduledPurgeDate"]) == (SECONDS, SECONDS + 90 * 86_400)
    assert "value" not in deleted
    assert desk.ask("GET", "/deletedsecrets")[1]["value"][0]["recoveryId"] == deleted["recoveryId"]
    assert desk.ask("DELETE", "/deletedsecrets/db") == (204, None)
    assert desk.refusal("GET", "/secrets/db") == (404, "SecretNotFound")


def test_a_certificate_on_the_wire_names_key_and_secret_and_hides_the_private_key() -> None:
    desk = Desk()
    policy = {
        "key_props": {"kty": "EC", "crv": "P-256"},
        "x509_props": {"subject": "CN=a.test"},
        "issuer": {"name": "Self"},
    }
    status, pending = desk.ask("POST", "/certificates/tls/create", {"policy": policy})
    assert (status, pending["status"]) == (202, "inProgress")
    _, certificate = desk.ask("GET", "/certificates/tls")
    version = certificate["id"].rsplit("/", 1)[1]
    assert certificate["sid"] == f"https://{HOST}/secrets/tls/{version}"
    assert certificate["kid"] == f"https://{HOST}/keys/tls/{version}"
    _, secret = desk.ask("GET", "/secrets/tls")
    assert (secret["managed"], secret["kid"]) == (True, certificate["kid"])
    _, key = desk.ask("GET", "/keys/tls")
    assert set(key["key"]) == {"kid", "kty", "key_ops", "crv", "x", "y"}
    _, items = desk.ask("GET", "/certificates")
    assert set(items["value"][0]) == {"id", "x5t", "attributes", "tags", "subject"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no value"),
        pytest.param({"value": 7}, id="value is a number"),
        pytest.param({"value": "x", "attributes": 7}, id="attributes"),
        pytest.param({"value": "x", "attributes": {"enabled": "yes"}}, id="enabled"),
        pytest.param({"value": "x", "attributes": {"exp": "tomorrow"}}, id="exp is a text"),
        pytest.param({"value": "x", "attributes": {"exp": 10**15}}, id="exp beyond all calendars"),
        pytest.param({"value": "x", "tags": {"a": 1}}, id="tag is a number"),
        pytest.param([], id="a list"),
    ],
)
def test_bad_bodies_are_refused(body: Any) -> None:
    assert Desk().refusal("PUT", "/secrets/db", body) == (400, "BadParameter")


def names_by_paging(desk: Desk, path: str) -> tuple[list[str], list[int]]:
    names, sizes, link = [], [], path
    while link:
        status, page = desk.ask("GET", link)
        assert status == 200
        names += [item["id"].rsplit("/", 1)[1] for item in page["value"]]
        sizes.append(len(page["value"]))
        link = page["nextLink"] or ""
        assert link == "" or link.startswith(f"https://{HOST}:443/")  # the port is there, as in real links
        link = link.removeprefix(f"https://{HOST}:443")
    return names, sizes


@pytest.mark.parametrize(
    ("page_sizes", "expected"),
    [((25,), [25, 25, 10]), ((0, 3, 25), [0, 3, 25, 25, 7])],
    ids=["full pages", "an empty and a short one first"],
)
def test_sixty_secrets_come_in_pages_in_name_order(page_sizes: tuple[int, ...], expected: list[int]) -> None:
    desk = Desk(page_sizes=page_sizes)
    wanted = [f"s{number:02}" for number in range(60)]
    for name in reversed(wanted):
        desk.estate.driver("shop").set_secret(name, "x")
    assert names_by_paging(desk, "/secrets") == (wanted, expected)


def test_versions_and_deleted_ones_come_in_pages_too() -> None:
    desk = Desk()
    driver = desk.estate.driver("shop")
    versions = {driver.set_secret("db", str(number)).version for number in range(30)}
    names, sizes = names_by_paging(desk, "/secrets/db/versions")
    assert (set(names), sizes) == (versions, [25, 5])
    for number in range(30):
        driver.set_secret(f"d{number:02}", "x")
        driver.delete("secrets", f"d{number:02}")
    assert names_by_paging(desk, "/deletedsecrets")[1] == [25, 5]


@settings(max_examples=25, deadline=None)
@given(st.sets(st.sampled_from([f"n{number}" for number in range(60)])), st.integers(1, 25))
def test_what_stays_is_listed_once_though_others_come_and_go_between_pages(
    gone: set[str], limit: int
) -> None:
    desk = Desk()
    driver = desk.estate.driver("shop")
    for number in range(60):
        driver.set_secret(f"n{number}", "x")
    status, page = desk.ask("GET", f"/secrets?maxresults={limit}")
    names = [item["id"].rsplit("/", 1)[1] for item in page["value"]]
    for name in gone:
        driver.delete("secrets", name)
    driver.set_secret("a-new-one", "x")
    rest, _ = names_by_paging(desk, (page["nextLink"] or "").removeprefix(f"https://{HOST}:443"))
    stayed = {f"n{number}" for number in range(60)} - gone
    assert status == 200
    assert sorted(name for name in names + rest if name in stayed) == sorted(stayed)


@pytest.mark.parametrize(
    "query",
    [
        "maxresults=26",
        "maxresults=0",
        "maxresults=x",
        f"maxresults={'9' * 5000}",
        "$skiptoken=%FF",
        "$skiptoken=eA",
    ],
    ids=lambda query: query[:16],
)
def test_bad_paging_is_refused(query: str) -> None:
    assert Desk().refusal("GET", f"/secrets?{query}") == (400, "BadParameter")


def test_the_challenge_names_authority_and_resource() -> None:
    desk = Desk()
    response = desk.reply("GET", "/secrets", bearer="", host="shop.vault.localhost:8443").response
    assert response.status == 401
    expected = f'Bearer authorization="{desk.estate.authority}", resource="https://vault.localhost:8443"'
    assert response.headers["WWW-Authenticate"] == expected


@pytest.mark.parametrize(
    ("bearer", "message"),
    [
        ("", "AKV10000"),
        ("abc", "AKV10015"),
        (token()[:-8] + "AAAAAAAA", "AKV10015"),
        (token(audience="https://management.azure.com"), "AKV10022"),
        (token(expires=SECONDS), "AKV10046"),
    ],
    ids=["none", "foreign", "forged", "wrong audience", "expired"],
)
def test_bad_tokens_are_challenged(bearer: str, message: str) -> None:
    status, content = Desk().ask("GET", "/secrets", bearer=bearer)
    assert (status, message in content["error"]["message"]) == (401, True)


def test_list_forbidden_get_allowed_for_one_principal() -> None:
    desk = Desk()
    desk.estate.driver("shop").set_secret("db", "x")
    desk.estate.access.deny(Denial(principal="op", kind="secrets", action="list"))
    assert desk.refusal("GET", "/secrets") == (403, "ForbiddenByRbac")
    assert desk.ask("GET", "/secrets/db")[0] == 200
    assert desk.ask("GET", "/secrets", bearer=token("someone-else"))[0] == 200
    desk.estate.access.clear()
    assert desk.ask("GET", "/secrets")[0] == 200


def test_firewall_and_single_object_denials() -> None:
    desk = Desk()
    desk.estate.driver("shop").set_secret("db", "x")
    desk.estate.access.deny(
        Denial(vault="closed", code="ForbiddenByFirewall"),
        Denial(name="d*", action="get", code="ForbiddenByPolicy"),
    )
    assert desk.refusal("GET", "/secrets", bearer=token(), host="closed.vault.azure.net") == (
        403,
        "ForbiddenByFirewall",
    )
    assert desk.refusal("GET", "/secrets/db") == (403, "ForbiddenByPolicy")


def test_a_throttling_fault_strikes_as_often_as_told_and_has_no_retry_after() -> None:
    desk = Desk()
    desk.estate.faults.add(Fault(route="/secrets", status=429, count=2))
    first = desk.reply("GET", "/secrets").response
    assert first.status == 429
    assert "Retry-After" not in first.headers
    assert desk.refusal("GET", "/secrets") == (429, "Throttled")
    assert desk.ask("GET", "/secrets")[0] == 200
    assert desk.estate.faults.active()[0].struck == 2


def test_faults_spare_challenges_unless_told() -> None:
    desk = Desk()
    desk.estate.faults.add(Fault(status=503, count=1))
    assert desk.ask("GET", "/secrets", bearer="")[0] == 401
    assert desk.ask("GET", "/secrets")[0] == 503
    desk.estate.faults.add(Fault(status=503, before_auth=True))
    assert desk.ask("GET", "/secrets", bearer="")[0] == 503


def test_a_fault_strikes_its_share_evenly() -> None:
    desk = Desk()
    desk.estate.faults.add(Fault(status=500, rate=0.25))
    assert [desk.ask("GET", "/secrets")[0] for _ in range(8)] == [200, 200, 200, 500, 200, 200, 200, 500]


@pytest.mark.parametrize(
    "pattern",
    [
        {"vault": "other"},
        {"method": "PUT"},
        {"path": "/keys*"},
        {"route": "/secrets/{name}"},
        {"principal": "x"},
    ],
    ids=lambda pattern: next(iter(pattern)),
)
def test_a_fault_that_means_others_does_not_strike(pattern: dict[str, Any]) -> None:
    desk = Desk()
    desk.estate.faults.add(Fault(status=500, **pattern))
    assert desk.ask("GET", "/secrets")[0] == 200


def test_faults_delay_cut_and_refuse() -> None:
    desk = Desk()
    desk.estate.faults.add(
        *parse_faults([{"delay": 2, "count": 1}, {"cut": True, "count": 1}, {"refuse": True}])
    )
    slow, cut, refused = (desk.reply("GET", "/secrets") for _ in range(3))
    assert (slow.response.status, slow.delay, slow.ending) == (200, 2, Ending.WHOLE)
    assert (cut.ending, refused.ending) == (Ending.CUT, Ending.REFUSED)
    assert [entry.outcome for entry in desk.estate.log.recent()] == ["200", "cut", "refused"]


def test_a_header_and_inner_code_of_a_fault_arrive() -> None:
    desk = Desk()
    form = {"status": 403, "innerCode": "ForbiddenByFirewall", "retryAfter": 7, "headers": {"x-a": "b"}}
    desk.estate.faults.add(*parse_faults(form))
    response = desk.reply("GET", "/secrets").response
    assert (response.headers["Retry-After"], response.headers["x-a"]) == ("7", "b")
    assert orjson.loads(response.body)["error"]["innererror"] == {"code": "ForbiddenByFirewall"}


def test_all_mistakes_of_a_fault_are_told_at_once() -> None:
    form = {"status": 99, "rate": 2, "count": 0, "delay": "soon", "headers": {"a": "b\r\nc"}, "colour": "red"}
    with pytest.raises(FaultError) as caught:
        parse_faults(form)
    assert len(caught.value.problems) == 6


def test_the_log_counts_lists_and_gets_apart_and_holds_no_value() -> None:
    desk = Desk()
    desk.ask("PUT", "/secrets/db", {"value": "hunter2hunter2"})
    for url in ("/secrets/db", "/secrets/db/", "/secrets", "/secrets/missing"):
        desk.ask("GET", url)
    desk.ask("GET", "/secrets", bearer="")
    log = desk.estate.log
    assert log.count(operation="secrets.get") == 3
    assert log.count(operation="secrets.get", outcome="404") == 1
    assert log.count(operation="secrets.list", outcome="200") == 1
    assert log.count(vault="other") == 0
    summary = log.summarize()
    assert summary["operations"] == {"secrets.get": 3, "secrets.list": 1, "secrets.set": 1}
    assert summary["total"] == 6
    assert "hunter2" not in str(summary) + str(log.recent())
    log.clear()
    assert log.summarize() == {"total": 0, "operations": {}, "requests": []}


def test_request_ids_are_given_and_echoed() -> None:
    desk = Desk()
    request = ApiRequest(method="GET", host=HOST, path="/secrets", headers={"x-ms-client-request-id": "mine"})
    first, second = (desk.estate.handle(request, NOW).response.headers for _ in range(2))
    assert first["x-ms-client-request-id"] == "mine"
    assert first["x-ms-request-id"] != second["x-ms-request-id"]


def test_a_cut_answer_is_the_right_one_of_a_request_that_was_carried_out() -> None:
    desk = Desk()
    desk.estate.faults.add(Fault(ending=Ending.CUT, count=1), Fault(ending=Ending.REFUSED, count=1))
    reply = desk.reply("PUT", "/secrets/a", {"value": "x"})
    assert (reply.ending, reply.response.status) == (Ending.CUT, 200)
    assert desk.reply("PUT", "/secrets/a", {"value": "y"}).ending is Ending.REFUSED
    assert desk.ask("GET", "/secrets/a")[1]["value"] == "x"
