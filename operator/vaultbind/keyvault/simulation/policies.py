"""Certificate policies, kept in the JSON form that the service shows, and what follows from them."""

from collections.abc import Mapping
from typing import Any, Final

from vaultbind.keyvault.simulation.problems import bad_parameter

PFX: Final = "application/x-pkcs12"
PEM: Final = "application/x-pem-file"
KEY_USAGE_OPERATIONS: Final = {
    "digitalSignature": ("sign", "verify"),
    "keyEncipherment": ("wrapKey", "unwrapKey"),
    "dataEncipherment": ("encrypt", "decrypt"),
}
DEFAULT_EKUS: Final = ("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2")
DEFAULT_USAGE: Final = ("digitalSignature", "keyEncipherment")
Policy = Mapping[str, Any]


def complete_policy(asked: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Policy with the service's defaults for what was not asked; raises VaultProblem (BadParameter)."""
    x509 = _section(asked, "x509_props")
    key = _section(asked, "key_props")
    content_type = _section(asked, "secret_props").get("contentType") or PFX
    if content_type not in {PFX, PEM}:
        raise bad_parameter("Property policy.secret_props.contentType has invalid value\r\n")
    return {
        "key_props": _complete_key(key),
        "secret_props": {"contentType": content_type},
        "x509_props": _complete_x509(x509),
        "lifetime_actions": asked.get("lifetime_actions")
        or [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}],
        "issuer": {"name": "Self", **_section(asked, "issuer")},
        "attributes": {"enabled": True, "created": now, "updated": now},
    }


def _section(policy: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = policy.get(name)
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise bad_parameter(f"Property policy.{name} has invalid value\r\n")
    return {key: value for key, value in section.items() if value is not None}


def _complete_key(asked: Mapping[str, Any]) -> dict[str, Any]:
    key_type = asked.get("kty", "RSA")
    shape = {"key_size": 2048} if key_type.startswith("RSA") else {"crv": "P-256"}
    return {"exportable": True, "kty": key_type, **shape, "reuse_key": False, **asked}


def _complete_x509(asked: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {
        "subject": "",
        "ekus": list(DEFAULT_EKUS),
        "key_usage": list(DEFAULT_USAGE),
        "validity_months": 12,
        "basic_constraints": {"ca": False},
    }
    return {**defaults, **asked}


def merge_policy(policy: Policy, changes: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Policy after a PATCH: sections that the changes name are merged field by field."""
    merged = dict(policy)
    for name, value in changes.items():
        if name in {"id", "attributes"} or value is None:
            continue
        section = merged.get(name)
        merged[name] = (
            {**section, **value} if isinstance(section, dict) and isinstance(value, Mapping) else value
        )
    merged["attributes"] = {**policy["attributes"], "updated": now}
    return merged


def is_exportable(policy: Policy) -> bool:
    """Tell whether the secret's value holds the private key."""
    return bool(policy["key_props"]["exportable"]) and not policy["key_props"]["kty"].endswith("-HSM")


def key_operations(policy: Policy) -> tuple[str, ...]:
    """Operations of the certificate's key, as its key usage implies."""
    return tuple(op for use in policy["x509_props"]["key_usage"] for op in KEY_USAGE_OPERATIONS.get(use, ()))
