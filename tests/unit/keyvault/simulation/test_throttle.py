"""Throttling: what a request costs, what fits into 10 seconds, and what a client sees when it does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaultbind.emulator.control import handle_control
from vaultbind.keyvault.simulation import ApiRequest, Estate, EstateConfig, SimulatedVault
from vaultbind.keyvault.simulation.api.messages import ApiResponse
from vaultbind.keyvault.simulation.api.routing import parse_route
from vaultbind.keyvault.simulation.keymaterial import encode
from vaultbind.keyvault.simulation.throttle import LIMITS, Category, Throttle, ThrottleRules, judge_cost

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)
START = NOW.timestamp()


def vault_with_keys() -> SimulatedVault:
    vault = SimulatedVault("shop")
    vault.keys.create("ec", now=1, key_type="EC")
    vault.keys.create("ec-hsm", now=1, key_type="EC-HSM")
    return vault


KEYS = vault_with_keys()


@pytest.mark.parametrize(
    ("method", "path", "body", "category"),
    [
        ("GET", "/secrets", {}, Category.OTHER),
        ("GET", "/secrets/a", {}, Category.OTHER),
        ("PUT", "/secrets/a", {}, Category.WRITES),
        ("POST", "/certificates/a/import", {}, Category.WRITES),
        ("POST", "/certificates/a/create", {}, Category.OTHER),
        ("PUT", "/keys/a", {}, Category.WRITES),
        ("POST", "/keys/a/create", {"kty": "RSA"}, Category.SOFTWARE_CREATE),
        ("POST", "/keys/a/create", {"kty": "RSA-HSM"}, Category.HSM_CREATE),
        ("POST", "/keys/a/create", [], Category.SOFTWARE_CREATE),
        ("GET", "/keys", {}, Category.SOFTWARE_OTHER),
        ("GET", "/keys/ec", {}, Category.SOFTWARE_OTHER),
        ("GET", "/keys/ec-hsm", {}, Category.HSM_OTHER),
        ("GET", "/keys/nothing", {}, Category.SOFTWARE_OTHER),
        ("POST", "/keys/ec/rotate", {}, Category.SOFTWARE_CREATE),
        ("POST", "/keys/ec-hsm/rotate", {}, Category.HSM_CREATE),
    ],
)
def test_what_a_request_counts_as(method: str, path: str, body: Any, category: Category) -> None:
    request = ApiRequest(method=method, host="shop.vault.azure.net", path=path, body=orjson.dumps(body))
    route = parse_route(method, path)
    assert judge_cost(route, request, KEYS) == (category, 1)
    if "ec" not in path:
        assert judge_cost(route, request, None) == (category, 1)


@pytest.mark.parametrize(
    ("name", "category", "weight"),
    [
        ("rsa-2048", Category.SOFTWARE_OTHER, 1),
        ("rsa-3072", Category.SOFTWARE_OTHER, 4),
        ("rsa-4096-hsm", Category.HSM_OTHER, 8),
    ],
)
def test_larger_keys_weigh_more(
    name: str, category: Category, weight: int, rsa_vault: SimulatedVault
) -> None:
    request = ApiRequest(method="POST", host="h", path=f"/keys/{name}//sign")
    assert judge_cost(parse_route("GET", f"/keys/{name}"), request, rsa_vault) == (category, weight)


@pytest.fixture
def rsa_vault() -> SimulatedVault:
    """Keys with a modulus of the right length, without making them."""
    vault = vault_with_keys()
    for name, bits, kind in (
        ("rsa-2048", 2048, "RSA"),
        ("rsa-3072", 3072, "RSA"),
        ("rsa-4096-hsm", 4096, "RSA-HSM"),
    ):
        record = vault.keys.create(name, now=1, key_type="EC")
        vault.keys.store.replace(replace(record, key_type=kind, public={"n": encode(bytes(bits // 8))}))
    return vault


@given(st.lists(st.tuples(st.floats(0, 3), st.sampled_from([1, 4, 8])), max_size=60), st.booleans())
def test_no_ten_seconds_let_through_more_than_the_limit(
    moves: list[tuple[float, int]], counting: bool
) -> None:
    throttle = Throttle()
    throttle.set(ThrottleRules(factor=0.01, count_refused=counting))
    limit = LIMITS[Category.SOFTWARE_OTHER] * 0.01
    now, let_through = START, []
    for pause, weight in moves:
        now += pause
        if throttle.admits("shop", Category.SOFTWARE_OTHER, weight, now):
            let_through.append((int(now), weight))
        window = [weight for second, weight in let_through if second > now - 10]
        assert sum(window) <= limit


def test_a_quiet_window_makes_room_again_unless_refused_requests_count() -> None:
    for counting, admitted in ((False, True), (True, False)):
        throttle = Throttle()
        throttle.set(ThrottleRules(factor=0.01, count_refused=counting))
        assert [throttle.admits("v", Category.WRITES, 1, START) for _ in range(4)] == [
            True,
            True,
            True,
            False,
        ]
        throttle.admits("v", Category.WRITES, 1, START + 9)
        assert throttle.admits("v", Category.WRITES, 3, START + 10) is admitted


def test_vaults_have_their_own_limits_and_share_five_times_as_much() -> None:
    throttle = Throttle()
    throttle.set(ThrottleRules(factor=0.01))
    admitted = {
        name: sum(throttle.admits(name, Category.WRITES, 1, START) for _ in range(5)) for name in "abcdef"
    }
    assert admitted == {"a": 3, "b": 3, "c": 3, "d": 3, "e": 3, "f": 0}
    assert throttle.refused == 6 * 5 - 15
    assert throttle.admits("f", Category.OTHER, 1, START)
    usage = list(throttle.usage(START))
    assert {"vault": "a", "category": "writes", "spent": 3, "limit": 3.0} in usage
    assert {"subscription": True, "category": "writes", "spent": 15, "limit": 15.0} in usage
    assert list(throttle.usage(START + 10)) == []


class Desk:
    """An estate, its control paths and a clock that stands."""

    def __init__(self) -> None:
        self.now = NOW
        self.estate = Estate(EstateConfig(clock=lambda: self.now))

    def get(self, path: str = "/secrets") -> ApiResponse:
        request = ApiRequest(
            method="GET",
            host="shop.vault.azure.net",
            path=path,
            query={"api-version": "7.4"},
            headers={"authorization": "Bearer x"},
        )
        return self.estate.handle(request, self.now).response

    def control(self, method: str, content: Any = None) -> tuple[int, Any]:
        body = b"" if content is None else orjson.dumps(content)
        request = ApiRequest(method=method, host="h", path="/_vaultbind/throttle", body=body)
        response = handle_control(request, self.estate)
        return response.status, orjson.loads(response.body)


def test_what_is_too_much_gets_429_until_time_passes_or_it_is_switched_off() -> None:
    desk = Desk()
    assert desk.control("POST", {"factor": 0.0005})[0] == 200
    assert [desk.get().status for _ in range(4)] == [200, 200, 429, 429]
    refused = desk.get()
    error = orjson.loads(refused.body)["error"]
    assert (error["code"], "Retry-After" in refused.headers) == ("Throttled", False)
    assert "VaultRequestTypeLimitReached" in error["message"]
    shown = desk.control("GET")[1]
    assert (shown["refused"], shown["rules"]["factor"]) == (3, 0.0005)
    assert shown["usage"][1] == {"vault": "shop", "category": "other", "spent": 2, "limit": 2.0}
    desk.now += timedelta(seconds=10)
    assert desk.get().status == 200
    desk.get()
    assert desk.control("DELETE") == (200, {"rules": None, "refused": 0, "usage": []})
    assert {desk.get().status for _ in range(9)} == {200}


def test_retry_after_is_told_if_asked_for() -> None:
    desk = Desk()
    desk.control("POST", {"factor": 0.0001, "retryAfter": 7, "countRefused": True})
    assert desk.get().headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "content",
    [[], {"factor": 0}, {"factor": True}, {"retryAfter": "1"}, {"countRefused": 1}, {"speed": 1}],
)
def test_rules_that_cannot_be_are_refused(content: Any) -> None:
    desk = Desk()
    status, shown = desk.control("POST", content)
    assert (status, desk.estate.throttle.rules) == (400, None)
    assert shown["errors"]
