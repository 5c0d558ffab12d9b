"""Certificate policies, kept in the JSON form that the service shows, and what follows from them."""

from collections.abc import Mapping
from typing import Any, Final

from vaultbind.keyvault.simulation.keymaterial import default_operations
from vaultbind.keyvault.simulation.problems import VaultProblem, bad_parameter

PFX: Final = "application/x-pkcs12"
PEM: Final = "application/x-pem-file"
SELF: Final = "Self"
UNKNOWN: Final = "Unknown"
AUTO_RENEW: Final = "AutoRenew"
EMAIL: Final = "EmailContacts"
KEY_USAGE_OPERATIONS: Final = {
    "digitalSignature": ("sign", "verify"),
    "keyEncipherment": ("wrapKey", "unwrapKey"),
    "dataEncipherment": ("encrypt", "decrypt"),
}
DEFAULT_EKUS: Final = ("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2")
DEFAULT_USAGE: Final = ("digitalSignature", "keyEncipherment")
Policy = Mapping[str, Any]


def refuse(member: str) -> VaultProblem:
    """400 that names a member of the policy."""
    return bad_parameter(f"Property policy.{member} has invalid value\r\n")


def complete_policy(asked: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Policy with the service's defaults for what was not asked; raises VaultProblem (BadParameter)."""
    key = policy_section(asked, "key_props")
    secret = policy_section(asked, "secret_props")
    issuer = {"name": UNKNOWN, **policy_section(asked, "issuer")}
    policy = {
        "key_props": _complete_key(key),
        "secret_props": {"contentType": secret.get("contentType") or PFX},
        "x509_props": _complete_x509(policy_section(asked, "x509_props")),
        "lifetime_actions": _actions(asked.get("lifetime_actions")) or default_actions(issuer["name"]),
        "issuer": issuer,
        "attributes": {"enabled": True, "created": now, "updated": now},
    }
    if asked.get("platformManaged") is not None:
        policy["platformManaged"] = asked["platformManaged"]
    return policy


def default_actions(issuer: str) -> list[dict[str, Any]]:
    """Renew at 80 % of the lifetime, or tell the contacts when nobody could renew."""
    action = EMAIL if issuer == UNKNOWN else AUTO_RENEW
    return [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": action}}]


def policy_section(policy: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Members of a section that are not null, none when it is absent; raises VaultProblem (BadParameter)."""
    section = policy.get(name)
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise refuse(name)
    return {key: value for key, value in section.items() if value is not None}


def _actions(actions: Any) -> list[Any]:
    """Lifetime actions without the members that are null."""
    if actions is None:
        return []
    if not isinstance(actions, list) or not all(isinstance(action, Mapping) for action in actions):
        raise refuse("lifetime_actions")
    return [{part: policy_section(action, part) for part in ("trigger", "action")} for action in actions]


def _complete_key(asked: Mapping[str, Any]) -> dict[str, Any]:
    key_type = asked.get("kty", "RSA")
    is_rsa = str(key_type).upper().startswith("RSA")
    shape = {"key_size": 2048} if is_rsa else {"crv": "P-256"}
    exportable = not str(key_type).upper().endswith("-HSM")
    return {"exportable": exportable, "kty": key_type, **shape, "reuse_key": False, **asked}


def _complete_x509(asked: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {
        "subject": "",
        "ekus": list(DEFAULT_EKUS),
        "key_usage": list(DEFAULT_USAGE),
        "validity_months": 12,
        "basic_constraints": {"ca": False},
    }
    if isinstance(asked.get("sans"), Mapping):
        asked = {**asked, "sans": policy_section(asked, "sans")}
    return {**defaults, **asked}


def merge_policy(policy: Policy, changes: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Policy after a PATCH: sections that the changes name are merged field by field.

    Raises VaultProblem (BadParameter).
    """
    merged = dict(policy)
    for name, value in changes.items():
        if name in {"id", "attributes"} or value is None:
            continue
        merged[name] = _merge_section(merged.get(name), name, value, changes)
    merged["attributes"] = {**policy["attributes"], "updated": now}
    return merged


def _merge_section(old: Any, name: str, value: Any, changes: Mapping[str, Any]) -> Any:
    if name == "lifetime_actions":
        return _actions(value)
    if not isinstance(old, Mapping):
        return value
    section = policy_section(changes, name)
    if name == "x509_props" and isinstance(section.get("sans"), Mapping):
        section["sans"] = policy_section(section, "sans")
    return {**old, **section}


def is_exportable(policy: Policy) -> bool:
    """Tell whether the secret's value holds the private key."""
    return bool(policy["key_props"]["exportable"]) and not policy["key_props"]["kty"].endswith("-HSM")


def key_operations(policy: Policy) -> tuple[str, ...]:
    """Operations of the certificate's key, as its key usage implies: all without any, as X.509 has it."""
    can = default_operations(policy["key_props"]["kty"])
    usage = policy["x509_props"]["key_usage"]
    if not usage:
        return can
    implied = [operation for use in usage for operation in KEY_USAGE_OPERATIONS.get(use, ())]
    return tuple(operation for operation in implied if operation in can)
