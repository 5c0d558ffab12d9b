"""The policy of an imported certificate, as the service reads it off the certificate."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from vaultbind.keyvault.simulation.bundles import Bundle
from vaultbind.keyvault.simulation.keymaterial import curve_name, type_of
from vaultbind.keyvault.simulation.policies import EMAIL, UNKNOWN, policy_section
from vaultbind.keyvault.simulation.signing import USAGES
from vaultbind.keyvault.simulation.subjects import render_names

MAPPINGS: Final = frozenset({"key_props", "secret_props", "x509_props", "issuer"})
NEEDS_AGREEMENT: Final = frozenset({"encipher_only", "decipher_only"})


def import_policy(bundle: Bundle, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the certificate says, then what the request says; key type and size are the key's.

    Raises VaultProblem (BadParameter).
    """
    wanted = {name: _present(name, section) for name, section in asked.items() if section is not None}
    actions = [{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": EMAIL}}]
    return {
        "lifetime_actions": actions,
        **wanted,
        "key_props": {**wanted.get("key_props", {}), **_key_shape(bundle)},
        "secret_props": {"contentType": bundle.content_type},
        "x509_props": {**_x509(bundle.leaf), **wanted.get("x509_props", {})},
        "issuer": {"name": UNKNOWN, **wanted.get("issuer", {})},
    }


def _present(name: str, section: Any) -> Any:
    """A section without its members that are null; raises VaultProblem for one that is no object."""
    if name in MAPPINGS or isinstance(section, Mapping):
        return policy_section({name: section}, name)
    return section


def _key_shape(bundle: Bundle) -> dict[str, Any]:
    key = bundle.key
    if isinstance(key, rsa.RSAPrivateKey):
        return {"kty": type_of(key), "key_size": key.key_size}
    return {"kty": type_of(key), "crv": curve_name(key)}


def _x509(leaf: x509.Certificate) -> dict[str, Any]:
    subject = leaf.subject.rfc4514_string()
    sans = render_names(leaf)
    return {
        "subject": subject,
        **({"sans": sans} if sans else {}),
        "ekus": _ekus(leaf),
        "key_usage": _usages(leaf),
        "validity_months": _months(leaf.not_valid_before_utc, leaf.not_valid_after_utc),
        "basic_constraints": {"ca": _is_ca(leaf)},
    }


def _ekus(leaf: x509.Certificate) -> list[str]:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [usage.dotted_string for usage in usages]


def _usages(leaf: x509.Certificate) -> list[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    readable = [
        (name, flag) for name, flag in USAGES.items() if found.key_agreement or flag not in NEEDS_AGREEMENT
    ]
    return [name for name, flag in readable if getattr(found, flag)]


def _is_ca(leaf: x509.Certificate) -> bool:
    try:
        return leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _months(begin: datetime, end: datetime) -> int:
    """Months that a lifetime touches, as the service counts: a year and ten minutes are 13."""
    months = (end.year - begin.year) * 12 + end.month - begin.month
    rest = (end.day, end.time()) > (begin.day, begin.time())
    return max(1, months + rest)
