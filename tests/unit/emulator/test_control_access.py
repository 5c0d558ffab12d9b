"""Control paths and seed of access: rules by vault, sessions that end, clients and identities that exist."""

from typing import Any

import pytest

from tests.unit.emulator.test_control_state import NOW, asked, control, made
from vaultbind.emulator.clients import Client
from vaultbind.emulator.seed import SeedError, parse_seed
from vaultbind.emulator.seeding import apply_seed
from vaultbind.keyvault.simulation import ApiRequest, Estate, EstateConfig
from vaultbind.keyvault.simulation.tokens import Claims, issue_token

RULES = {
    "shop": {
        "roles": [{"principal": "app", "role": "Key Vault Secrets User"}],
        "firewall": {"allow": ["127.0.0.0/8"], "publicAccess": True},
    }
}


def code(answer: tuple[int, Any]) -> str:
    return str(answer[1].get("error", {}).get("innererror", {}).get("code", answer[0]))


def test_rules_are_added_shown_and_cleared() -> None:
    estate = made()
    assert control(estate, "POST", "rules", RULES) == (201, RULES)
    assert control(estate, "GET", "rules") == (200, RULES)
    assert code(asked(estate, "/secrets/db")) == "ForbiddenByRbac"
    assert control(estate, "DELETE", "access") == (204, None)
    assert code(asked(estate, "/secrets/db")) == "200"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"bank": {"roles": [{"role": "King"}]}}, "rules.bank.roles[0].role must be one of"),
        (
            {"shop": {"policies": []}, "bank": {"roles": []}},
            "rules.shop is closed by the other model already",
        ),
        ([], "rules must be a mapping"),
    ],
)
def test_bad_rules_change_nothing(content: Any, problem: str) -> None:
    estate = made()
    control(estate, "POST", "rules", RULES)
    status, told = control(estate, "POST", "rules", content)
    assert status == 400
    assert told["errors"][0].startswith(problem)
    assert control(estate, "GET", "rules") == (200, RULES)


def test_sessions_end_and_are_forgiven() -> None:
    estate = made()
    second = int(NOW.timestamp())
    claims = Claims(audience="https://vault.azure.net", principal="app", expires=second + 60)
    old = issue_token(claims, issued=second)
    assert control(estate, "POST", "sessions", {"principal": "a*"}) == (201, {"principal": "a*"})
    assert asked_by(estate, old) == 401
    assert control(estate, "DELETE", "sessions") == (204, None)
    assert asked_by(estate, old) == 200
    assert control(estate, "POST", "sessions") == (201, {"principal": "*"})
    assert asked_by(estate, old) == 401


def asked_by(estate: Estate, token: str) -> int:
    request = ApiRequest(
        method="GET",
        host="shop.vault.azure.net",
        path="/secrets",
        query={"api-version": "7.4"},
        headers={"authorization": f"Bearer {token}"},
    )
    return estate.handle(request, NOW).response.status


@pytest.mark.parametrize("content", [7, {"principal": 7}, {"who": "app"}])
def test_bad_session_requests_are_refused(content: Any) -> None:
    assert control(made(), "POST", "sessions", content)[0] == 400


def test_a_seed_brings_clients_identities_and_rules() -> None:
    seed = parse_seed(
        """
        clients: {app: geheim, other: {secret: x}}
        identities: [system-assigned]
        access: {shop: {policies: [{principal: app, secrets: [get]}]}}
        """,
        NOW,
    )
    assert seed.clients == {"app": Client(secret="geheim"), "other": Client(secret="x")}
    assert seed.identities == ("system-assigned",)
    estate = Estate(EstateConfig(clock=lambda: NOW))
    apply_seed(seed, estate)
    assert code(asked(estate, "/secrets")) == "ForbiddenByPolicy"


def test_mistakes_of_a_seed_are_told_with_all_others() -> None:
    text = """
    clients: {app: {pwd: geheim}}
    identities: [7]
    access: {shop: {roles: [{role: King}]}}
    """
    with pytest.raises(SeedError) as caught:
        parse_seed(text, NOW)
    told = " ".join(caught.value.problems)
    assert all(part in told for part in ("clients.app.pwd", "identities", "access.shop.roles[0].role"))
    assert "geheim" not in told
