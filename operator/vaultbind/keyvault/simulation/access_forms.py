"""Access rules from and to the JSON or YAML that people write, all mistakes told at once.

{"shop": {"roles": [{"principal": "app", "role": "Key Vault Secrets User", "scope": "secrets/db"}]},
 "bank": {"policies": [{"principal": "*", "secrets": ["get"]}], "firewall": {"allow": ["10.0.0.0/8"]}}}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

from vaultbind.keyvault.simulation.access import (
    AccessPolicy,
    AccessRules,
    Firewall,
    Grant,
    Model,
    RoleAssignment,
)
from vaultbind.keyvault.simulation.roles import ROLES, permissions

VAULT_FIELDS: Final = frozenset({"roles", "policies", "firewall"})
ROLE_FIELDS: Final = frozenset({"principal", "role", "actions", "scope"})
KINDS: Final = ("secrets", "keys", "certificates")
POLICY_FIELDS: Final = frozenset({"principal", *KINDS})
FIREWALL_FIELDS: Final = frozenset({"allow", "publicAccess"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessForm:
    """What a mapping asks for one vault (a glob)."""

    vault: str
    model: Model | None = None
    grants: tuple[Grant, ...] = ()
    firewall: Firewall | None = None


def parse_access(content: Any, problems: list[str], where: str = "access") -> tuple[AccessForm, ...]:
    """Read rules by vault; every mistake goes to `problems`, by its path."""
    vaults = _mapping(content, where, None, problems)
    return tuple(_parse_vault(str(name), form, f"{where}.{name}", problems) for name, form in vaults.items())


def apply_access(rules: AccessRules, forms: tuple[AccessForm, ...]) -> None:
    """Add what was read; raises ValueError when a vault would get roles beside access policies."""
    for form in forms:
        if form.model is not None:
            rules.close(form.vault, form.model)
        rules.grant(*form.grants)
        if form.firewall is not None:
            rules.set_firewall(form.vault, form.firewall)


def render_access(rules: AccessRules) -> dict[str, Any]:
    """The rules as `parse_access` reads them."""
    content: dict[str, Any] = {}
    for vault, model in rules.models().items():
        grants = [grant for grant in rules.grants() if grant.vault == vault]
        section = "roles" if model is Model.RBAC else "policies"
        content.setdefault(vault, {})[section] = [_render_grant(grant) for grant in grants]
    for vault, firewall in rules.firewalls().items():
        form = {"allow": list(firewall.allowed), "publicAccess": firewall.public_access}
        content.setdefault(vault, {})["firewall"] = form
    return content


def _render_grant(grant: Grant) -> dict[str, Any]:
    if isinstance(grant, AccessPolicy):
        return {
            "principal": grant.principal,
            **{kind: sorted(words) for kind, words in grant.permissions.items()},
        }
    what: dict[str, Any] = {"actions": list(grant.actions)} if grant.actions else {"role": grant.role}
    scope = {"scope": grant.scope} if grant.scope else {}
    return {"principal": grant.principal, **what, **scope}


def _parse_vault(vault: str, content: Any, where: str, problems: list[str]) -> AccessForm:
    form = _mapping(content, where, VAULT_FIELDS, problems)
    if "roles" in form and "policies" in form:
        problems.append(f"{where} has roles or policies, not both")
    roles = _items(form, "roles", where, problems)
    policies = _items(form, "policies", where, problems)
    grants: list[Grant] = [
        _parse_role(vault, item, f"{where}.roles[{index}]", problems) for index, item in enumerate(roles)
    ]
    grants += [
        _parse_policy(vault, item, f"{where}.policies[{index}]", problems)
        for index, item in enumerate(policies)
    ]
    model = Model.RBAC if "roles" in form else Model.POLICY if "policies" in form else None
    firewall = None
    if "firewall" in form:
        firewall = _parse_firewall(form["firewall"], f"{where}.firewall", problems)
    return AccessForm(vault=vault, model=model, grants=tuple(grants), firewall=firewall)


def _parse_role(vault: str, content: Any, where: str, problems: list[str]) -> RoleAssignment:
    form = _mapping(content, where, ROLE_FIELDS, problems)
    role, actions = form.get("role", ""), _texts(form, "actions", where, problems)
    if bool(role) == bool(actions):
        problems.append(f"{where} needs either role or actions")
    elif role and role not in ROLES:
        problems.append(f"{where}.role must be one of {', '.join(ROLES)}")
    scope = form.get("scope", "")
    kind, _, name = scope.partition("/") if isinstance(scope, str) else ("", "", "")
    if scope != "" and (kind not in KINDS or not name):
        problems.append(f"{where}.scope must be such as secrets/NAME, keys/NAME or certificates/NAME")
    return RoleAssignment(
        principal=_principal(form, where, problems),
        vault=vault,
        role=str(role),
        actions=tuple(actions),
        scope=str(scope),
    )


def _parse_policy(vault: str, content: Any, where: str, problems: list[str]) -> AccessPolicy:
    form = _mapping(content, where, POLICY_FIELDS, problems)
    granted: dict[str, frozenset[str]] = {}
    for kind in KINDS:
        words = frozenset(word.lower() for word in _texts(form, kind, where, problems))
        known = permissions(kind) | {"all"} | ({"manageissuers"} if kind == "certificates" else set())
        problems.extend(
            f"{where}.{kind}: {word[:40]} is none of {', '.join(sorted(known))}"
            for word in sorted(words - known)
        )
        if kind in form:
            granted[kind] = words
    return AccessPolicy(principal=_principal(form, where, problems), vault=vault, permissions=granted)


def _parse_firewall(content: Any, where: str, problems: list[str]) -> Firewall:
    form = _mapping(content, where, FIREWALL_FIELDS, problems)
    networks = _texts(form, "allow", where, problems)
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            problems.append(f"{where}.allow: {network[:40]} is no network such as 10.0.0.0/8")
    public = form.get("publicAccess", True)
    if not isinstance(public, bool):
        problems.append(f"{where}.publicAccess must be true or false")
    return Firewall(allowed=tuple(networks), public_access=public is True)


def _principal(form: Mapping[str, Any], where: str, problems: list[str]) -> str:
    principal = form.get("principal", "*")
    if not isinstance(principal, str) or not principal:
        problems.append(f"{where}.principal must be a client id or a glob")
    return str(principal)


def _mapping(
    content: Any, where: str, known: frozenset[str] | None, problems: list[str]
) -> Mapping[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        problems.append(f"{where} must be a mapping")
        return {}
    if known is not None:
        problems.extend(f"{where}.{name} is unknown" for name in content if name not in known)
    return content


def _items(form: Mapping[str, Any], name: str, where: str, problems: list[str]) -> list[Any]:
    items = form.get(name)
    if items is None:
        return []
    if isinstance(items, list):
        return items
    problems.append(f"{where}.{name} must be a list")
    return []


def _texts(form: Mapping[str, Any], name: str, where: str, problems: list[str]) -> list[str]:
    items = _items(form, name, where, problems)
    if not all(isinstance(item, str) and item for item in items):
        problems.append(f"{where}.{name} must hold texts")
    return [item for item in items if isinstance(item, str)]
