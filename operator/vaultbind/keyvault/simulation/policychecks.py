"""What the service refuses in a certificate policy: one small check per member."""

from collections.abc import Callable, Container, Mapping
from typing import Any, Final

from vaultbind.keyvault.simulation.keymaterial import CURVES, RSA_SIZES
from vaultbind.keyvault.simulation.policies import AUTO_RENEW, EMAIL, PEM, PFX, UNKNOWN, Policy, refuse
from vaultbind.keyvault.simulation.subjects import parse_names, parse_subject, parse_usages

KEY_TYPES: Final = ("RSA", "RSA-HSM", "EC", "EC-HSM")
KEY_USAGES: Final = frozenset(
    {
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    }
)
SAN_KINDS: Final = frozenset({"dns_names", "emails", "upns", "uris", "ipAddresses"})
MAX_MONTHS: Final = 1200
DAYS_PER_MONTH: Final = 27
"""As the service reckons the longest `days_before_expiry`."""


def check_policy(policy: Policy) -> None:
    """Raise VaultProblem (BadParameter) for the first member that the service would refuse."""
    for check in CHECKS:
        check(policy)


def _check_key(policy: Policy) -> None:
    key = policy["key_props"]
    if not _is_one_of(key["kty"], KEY_TYPES):
        raise refuse("key_props.kty")
    if key["kty"].startswith("RSA") and not _is_size(key.get("key_size")):
        raise refuse("key_props.key_size")
    if key["kty"].startswith("EC") and not _is_one_of(key.get("crv", "P-256"), CURVES):
        raise refuse("key_props.crv")
    for member in ("exportable", "reuse_key"):
        if not isinstance(key[member], bool):
            raise refuse(f"key_props.{member}")


def _check_secret(policy: Policy) -> None:
    if not _is_one_of(policy["secret_props"]["contentType"], (PFX, PEM)):
        raise refuse("secret_props.contentType")


def _check_x509(policy: Policy) -> None:
    x509 = policy["x509_props"]
    if not isinstance(x509["subject"], str):
        raise refuse("x509_props.subject")
    if not _is_texts(x509["ekus"]):
        raise refuse("x509_props.ekus")
    parse_usages(x509["ekus"])
    if not _is_texts(x509["key_usage"]) or not KEY_USAGES.issuperset(x509["key_usage"]):
        raise refuse("x509_props.key_usage")
    months = x509["validity_months"]
    if not _is_number(months) or not 1 <= months <= MAX_MONTHS:
        raise refuse("x509_props.validity_months")


def _check_names(policy: Policy) -> None:
    """A certificate is for somebody: a subject or an alternative name."""
    names = policy["x509_props"].get("sans", {})
    if not isinstance(names, Mapping):
        raise refuse("x509_props.sans")
    for kind, values in names.items():
        if kind not in SAN_KINDS or not _is_texts(values):
            raise refuse(f"x509_props.sans.{kind if kind in SAN_KINDS else 'unknown'}")
    parse_subject(policy["x509_props"]["subject"])
    parse_names(names)
    if not policy["x509_props"]["subject"] and not any(names.values()) and "platformManaged" not in policy:
        raise refuse("x509_props.subject")


def _check_actions(policy: Policy) -> None:
    for action in policy["lifetime_actions"]:
        if not _is_one_of(action["action"].get("action_type"), (AUTO_RENEW, EMAIL)):
            raise refuse("lifetime_actions.action.action_type")
        _check_trigger(action["trigger"], policy["x509_props"]["validity_months"] * DAYS_PER_MONTH)


def _check_trigger(trigger: Mapping[str, Any], most_days: int) -> None:
    limits = {"lifetime_percentage": 99, "days_before_expiry": most_days}
    if len(trigger) != 1 or not limits.keys() >= trigger.keys():
        raise refuse("lifetime_actions.trigger")
    for member, value in trigger.items():
        if not _is_number(value) or not 1 <= value <= limits[member]:
            raise refuse(f"lifetime_actions.trigger.{member}")


def _check_issuer(policy: Policy) -> None:
    issuer = policy["issuer"]
    if not isinstance(issuer["name"], str) or not issuer["name"]:
        raise refuse("issuer.name")
    renews = any(action["action"]["action_type"] == AUTO_RENEW for action in policy["lifetime_actions"])
    if renews and issuer["name"] == UNKNOWN:
        raise refuse("lifetime_actions.action.action_type")


def _is_one_of(value: Any, known: Container[str]) -> bool:
    return isinstance(value, str) and value in known


def _is_size(value: Any) -> bool:
    return _is_number(value) and value in RSA_SIZES


def _is_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


CHECKS: Final[tuple[Callable[[Policy], None], ...]] = (
    _check_key,
    _check_secret,
    _check_x509,
    _check_names,
    _check_actions,
    _check_issuer,
)
