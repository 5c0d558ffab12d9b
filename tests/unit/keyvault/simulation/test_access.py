"""Who may do what: roles, access policies, scopes, firewalls, revoked sessions; in the service's words."""

from typing import Any

import pytest

from tests.unit.keyvault.simulation.desk import NOW, SECONDS, Desk, token
from vaultbind.keyvault.simulation import (
    AccessPolicy,
    ApiRequest,
    Denial,
    Estate,
    Firewall,
    RoleAssignment,
)
from vaultbind.keyvault.simulation.access import AccessRules, Attempt
from vaultbind.keyvault.simulation.access_forms import apply_access, parse_access, render_access
from vaultbind.keyvault.simulation.api.dispatch import OWN, SHARED
from vaultbind.keyvault.simulation.problems import VaultProblem
from vaultbind.keyvault.simulation.records import Kind
from vaultbind.keyvault.simulation.roles import DATA_ACTIONS, permission, permissions
from vaultbind.keyvault.simulation.tokens import Claims, issue_token


def ruled(content: dict[str, Any]) -> AccessRules:
    problems: list[str] = []
    rules = AccessRules()
    apply_access(rules, parse_access(content, problems))
    assert problems == []
    return rules


def role(name: str, scope: str = "") -> AccessRules:
    grant: dict[str, str] = {"principal": "app", "role": name}
    return ruled({"shop": {"roles": [{**grant, "scope": scope} if scope else grant]}})


def code(rules: AccessRules, kind: str, action: str, name: str = "db", **attempt: str) -> str:
    """Inner code of the refusal, empty when the request is allowed."""
    asked = {"principal": "app", "vault": "shop", **attempt}
    try:
        rules.check(Attempt(kind=kind, action=action, name=name, **asked))
    except VaultProblem as problem:
        return problem.inner if (problem.status, problem.code) == (403, "Forbidden") else str(problem)
    return ""


def allowed(rules: AccessRules, name: str = "db") -> set[str]:
    return {
        f"{kind}.{action}"
        for kind, actions in DATA_ACTIONS.items()
        for action in actions
        if not code(rules, kind, action, name)
    }


def everything(kind: str) -> set[str]:
    return {f"{kind}.{action}" for action in DATA_ACTIONS[kind]}


def test_every_request_that_exists_needs_a_right_that_is_known() -> None:
    needed = {(str(kind), str(action)) for kind, action in OWN} | {
        (str(kind), str(action)) for kind in Kind for action in SHARED
    }
    known = {(kind, action) for kind, actions in DATA_ACTIONS.items() for action in actions}
    assert needed - known == set()


SECRETS_READ = {
    "secrets.get",
    "secrets.list",
    "secrets.listVersions",
    "secrets.listDeleted",
    "secrets.getDeleted",
}
CONTACTS = {"certificates.getContacts", "certificates.setContacts", "certificates.deleteContacts"}
CERTIFICATES_READ = {
    f"certificates.{word}"
    for word in ("get", "list", "listVersions", "listDeleted", "getDeleted", "getPolicy", "getPending")
}
KEYS_READ = {
    f"keys.{word}" for word in ("get", "list", "listVersions", "listDeleted", "getDeleted", "attest")
}
WRAPPING = {"keys.wrap", "keys.unwrap"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Key Vault Administrator", everything("secrets") | everything("keys") | everything("certificates")),
        ("Key Vault Secrets User", SECRETS_READ),
        ("Key Vault Secrets Officer", everything("secrets")),
        ("Key Vault Crypto Service Encryption User", KEYS_READ | WRAPPING),
        (
            "Key Vault Crypto User",
            KEYS_READ
            | WRAPPING
            | {f"keys.{word}" for word in ("update", "backup", "encrypt", "decrypt", "sign", "verify")},
        ),
        ("Key Vault Crypto Officer", everything("keys")),
        ("Key Vault Crypto Service Release User", {"keys.release"}),
        ("Key Vault Certificates Officer", everything("certificates")),
        ("Key Vault Certificate User", CERTIFICATES_READ | SECRETS_READ | KEYS_READ),
        (
            "Key Vault Reader",
            CERTIFICATES_READ
            | KEYS_READ
            | (SECRETS_READ - {"secrets.get"})
            | {"keys.getRotationPolicy", "certificates.listIssuers", "certificates.getIssuer"},
        ),
        ("Key Vault Contributor", set()),
        ("Owner", set()),
    ],
)
def test_what_a_built_in_role_may_do(name: str, expected: set[str]) -> None:
    assert allowed(role(name)) == expected


def test_a_role_for_one_object_gets_it_and_lists_nothing() -> None:
    rules = role("Key Vault Secrets User", "secrets/db")
    assert code(rules, "secrets", "get", "db") == ""
    assert code(rules, "secrets", "get", "DB") == ""
    assert code(rules, "secrets", "get", "other") == "ForbiddenByRbac"
    assert code(rules, "secrets", "list", "") == "ForbiddenByRbac"
    assert code(rules, "keys", "get", "db") == "ForbiddenByRbac"


def test_a_role_for_a_certificate_does_not_reach_its_secret() -> None:
    rules = role("Key Vault Administrator", "certificates/tls")
    assert code(rules, "certificates", "get", "tls") == ""
    assert code(rules, "secrets", "get", "tls") == "ForbiddenByRbac"
    assert code(rules, "certificates", "getIssuer", "tls") == "ForbiddenByRbac"


def test_a_closed_vault_is_closed_to_others_and_others_are_open() -> None:
    rules = role("Key Vault Secrets User")
    assert code(rules, "secrets", "get", principal="stranger") == "ForbiddenByRbac"
    assert code(rules, "secrets", "get", vault="bank", principal="stranger") == ""


def test_a_grant_in_one_vault_says_nothing_about_another() -> None:
    grant = {"principal": "app", "role": "Key Vault Administrator"}
    rules = ruled({"bank": {"roles": [grant]}, "shop": {"roles": []}})
    assert code(rules, "secrets", "get", vault="bank") == ""
    assert code(rules, "secrets", "get", vault="shop") == "ForbiddenByRbac"


def test_a_role_of_ones_own_has_the_actions_that_it_names() -> None:
    actions = ["Microsoft.KeyVault/vaults/secrets/getSecret/action", "keys/*"]
    rules = ruled({"shop": {"roles": [{"principal": "ap*", "actions": actions}]}})
    assert allowed(rules) == {"secrets.get"} | (
        everything("keys") - {"keys.getRotationPolicy", "keys.setRotationPolicy"}
    )


def test_access_policies_name_permissions_by_kind() -> None:
    form = {"principal": "app", "secrets": ["get"], "certificates": ["List", "managecontacts"]}
    rules = ruled({"shop": {"policies": [form]}})
    assert allowed(rules) == {
        "secrets.get",
        "secrets.getDeleted",
        "certificates.list",
        "certificates.listVersions",
        "certificates.listDeleted",
        *CONTACTS,
    }
    assert code(rules, "secrets", "list") == "ForbiddenByPolicy"


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        ("all", everything("certificates")),
        (
            "manageissuers",
            {
                f"certificates.{word}"
                for word in ("listIssuers", "getIssuer", "setIssuer", "updateIssuer", "deleteIssuer")
            },
        ),
        ("setissuers", {"certificates.setIssuer", "certificates.updateIssuer"}),
    ],
)
def test_permissions_that_stand_for_several(granted: str, expected: set[str]) -> None:
    assert allowed(ruled({"shop": {"policies": [{"principal": "*", "certificates": [granted]}]}})) == expected


def test_permissions_are_called_as_in_azure() -> None:
    assert permissions("secrets") == {
        *("get", "list", "set", "delete", "recover", "backup", "restore", "purge"),
    }
    assert permission("keys", "wrap") == "wrapkey"
    assert permission("certificates", "getIssuer") == "getissuers"
    assert permission("certificates", "getContacts") == "managecontacts"


def test_an_empty_list_closes_a_vault() -> None:
    assert allowed(ruled({"shop": {"roles": []}})) == set()
    assert code(ruled({"shop": {"policies": []}}), "secrets", "get") == "ForbiddenByPolicy"


def test_a_vault_has_one_model() -> None:
    rules = AccessRules()
    rules.grant(RoleAssignment(principal="a", vault="shop", role="Key Vault Reader"))
    with pytest.raises(ValueError, match="not both"):
        rules.grant(AccessPolicy(principal="a", vault="shop"))


@pytest.mark.parametrize(
    ("firewall", "address", "expected"),
    [
        ({"allow": ["10.0.0.0/8"]}, "10.1.2.3", ""),
        ({"allow": ["10.0.0.0/8"]}, "127.0.0.1", "ForbiddenByFirewall"),
        ({"allow": ["10.0.0.0/8", "::1"]}, "::1", ""),
        ({"allow": ["10.0.0.0/8"]}, "unix:", "ForbiddenByFirewall"),
        ({}, "127.0.0.1", "ForbiddenByFirewall"),
        ({"publicAccess": False, "allow": ["0.0.0.0/0"]}, "127.0.0.1", "ForbiddenByConnection"),
    ],
)
def test_firewalls(firewall: dict[str, Any], address: str, expected: str) -> None:
    rules = ruled({"shop": {"firewall": firewall}})
    assert code(rules, "secrets", "get", address=address) == expected
    assert code(rules, "secrets", "get", address=address, vault="bank") == ""


def test_rules_come_back_as_they_were_written() -> None:
    content = {
        "shop": {
            "roles": [
                {"principal": "app", "role": "Key Vault Reader"},
                {"principal": "*", "actions": ["keys/read"], "scope": "keys/k"},
            ],
            "firewall": {"allow": ["10.0.0.0/8"], "publicAccess": True},
        },
        "bank*": {"policies": [{"principal": "app", "secrets": ["get", "list"]}]},
    }
    assert render_access(ruled(content)) == content


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (7, "access must be a mapping"),
        ({"shop": {"rolls": []}}, "access.shop.rolls is unknown"),
        ({"shop": {"roles": {}}}, "access.shop.roles must be a list"),
        ({"shop": {"roles": [], "policies": []}}, "access.shop has roles or policies, not both"),
        ({"shop": {"roles": [{"principal": "a"}]}}, "access.shop.roles[0] needs either role or actions"),
        (
            {"shop": {"roles": [{"role": "Key Vault Reader", "actions": ["*"]}]}},
            "access.shop.roles[0] needs either role or actions",
        ),
        ({"shop": {"roles": [{"role": "King"}]}}, "access.shop.roles[0].role must be one of Key Vault"),
        (
            {"shop": {"roles": [{"role": "Key Vault Reader", "scope": "db"}]}},
            "access.shop.roles[0].scope must be such as",
        ),
        ({"shop": {"roles": [{"actions": [7]}]}}, "access.shop.roles[0].actions must hold texts"),
        (
            {"shop": {"policies": [{"principal": "", "secrets": ["get"]}]}},
            "access.shop.policies[0].principal must be a client id",
        ),
        ({"shop": {"policies": [{"secrets": ["fly"]}]}}, "access.shop.policies[0].secrets: fly is none of"),
        ({"shop": {"firewall": {"allow": ["here"]}}}, "access.shop.firewall.allow: here is no network"),
        ({"shop": {"firewall": {"publicAccess": "no"}}}, "access.shop.firewall.publicAccess must be"),
        ({"shop": {"firewall": []}}, "access.shop.firewall must be a mapping"),
    ],
)
def test_mistakes_in_rules_are_named(content: Any, problem: str) -> None:
    problems: list[str] = []
    parse_access(content, problems)
    assert any(told.startswith(problem) for told in problems), problems


def refusal_text(desk: Desk, path: str = "/secrets/db") -> str:
    return str(desk.ask("GET", path)[1]["error"]["message"])


def test_the_refusal_of_a_role_names_action_resource_and_caller() -> None:
    """The words and their order are the service's."""
    desk = Desk()
    desk.estate.access.close("shop")
    lines = refusal_text(desk).split("\r\n")
    assert lines[0] == "Caller is not authorized to perform action on resource."
    assert lines[2].startswith("Caller: appid=op;oid=op;iss=https://sts.windows.net/")
    assert lines[3] == "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'"
    assert lines[4].endswith("/providers/microsoft.keyvault/vaults/shop/secrets/db'")
    assert lines[5:8] == ["Assignment: (not found)", "DenyAssignmentId: null", "DecisionReason: null "]
    assert "readMetadata" in refusal_text(desk, "/secrets")


def test_the_refusal_of_a_policy_names_the_permission() -> None:
    desk = Desk()
    desk.estate.access.grant(AccessPolicy(principal="op", vault="shop"))
    assert "' does not have secrets list permission on key vault 'shop;location=" in refusal_text(
        desk, "/secrets"
    )


def test_a_firewall_sees_the_address_of_the_client() -> None:
    desk = Desk()
    desk.estate.access.set_firewall("shop", Firewall(allowed=("10.0.0.0/8",)))
    assert desk.refusal("GET", "/secrets") == (403, "ForbiddenByFirewall")
    assert "Client address: 127.0.0.1" in refusal_text(desk)
    inside = ApiRequest(
        method="GET",
        host="shop.vault.azure.net",
        path="/secrets",
        query={"api-version": "7.4"},
        headers={"authorization": f"Bearer {token()}"},
        address="10.0.0.7",
    )
    assert desk.estate.handle(inside, NOW).response.status == 200


@pytest.mark.parametrize("denied", ["ForbiddenByPolicy", "ForbiddenByFirewall", "ForbiddenByConnection"])
def test_a_denial_speaks_as_its_code_does(denied: str) -> None:
    desk = Desk()
    desk.estate.access.deny(Denial(code=denied))
    assert desk.refusal("GET", "/secrets") == (403, denied)
    desk.estate.access.clear()
    assert desk.ask("GET", "/secrets")[0] == 200


def fresh(not_before: int = 0) -> str:
    claims = Claims(
        audience="https://vault.azure.net", principal="op", expires=SECONDS + 60, not_before=not_before
    )
    return issue_token(claims, issued=SECONDS)


def test_a_revoked_session_is_challenged_for_a_newer_token() -> None:
    desk = Desk()
    desk.estate.sessions.revoke("o*", SECONDS)
    response = desk.reply("GET", "/secrets", bearer=fresh()).response
    assert response.status == 401
    header = response.headers["WWW-Authenticate"]
    assert header.startswith(f'Bearer authorization="{desk.estate.authority}", resource=')
    assert 'error="insufficient_claims", claims="' in header
    assert desk.ask("GET", "/secrets", bearer=fresh(SECONDS + 1))[0] == 200
    desk.estate.sessions.clear()
    assert desk.ask("GET", "/secrets", bearer=fresh())[0] == 200


def test_sessions_of_others_go_on() -> None:
    desk = Desk()
    desk.estate.sessions.revoke("other", SECONDS)
    assert desk.ask("GET", "/secrets", bearer=fresh())[0] == 200
    estate = Estate()
    estate.sessions.revoke("*", SECONDS)
    foreign = ApiRequest(
        method="GET",
        host="shop.vault.azure.net",
        path="/secrets",
        query={"api-version": "7.4"},
        headers={"authorization": "Bearer not-ours"},
    )
    assert estate.handle(foreign, NOW).response.status == 200
