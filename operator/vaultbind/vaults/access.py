"""Pure: who may read which objects and use which keys through a KeyVault."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoOperation
from vaultbind.api.keyvault import AccessRule, CryptoPolicy, NamespaceRule
from vaultbind.api.refs import VaultObjectKind
from vaultbind.vaults.policy import Denial


def is_access_granted(
    rules: Sequence[AccessRule],
    *,
    namespace: str,
    labels: Mapping[str, str],
    kind: VaultObjectKind,
    name: str,
) -> bool:
    """Whether any rule lets that namespace read that object (names ignore case, as in Azure)."""
    return any(
        is_namespace_selected(rule.namespaces, namespace, labels)
        and (not rule.kinds or kind in rule.kinds)
        and (not rule.objects or any(_is_match(glob, namespace, name) for glob in rule.objects))
        for rule in rules
    )


def decide_access(
    rules: Sequence[AccessRule],
    *,
    namespace: str,
    labels: Mapping[str, str],
    sources: Iterable[tuple[VaultObjectKind, str]],
) -> Denial | None:
    """Return why a namespace may not read all of those objects, or None."""
    for kind, name in sources:
        if not is_access_granted(rules, namespace=namespace, labels=labels, kind=kind, name=name):
            return Denial(
                reason=Reason.ACCESS_DENIED,
                message=f"namespace {namespace} may not read {kind.value} {name}; "
                "spec.access of the ClusterKeyVault says who may",
            )
    return None


def is_namespace_selected(rule: NamespaceRule, namespace: str, labels: Mapping[str, str]) -> bool:
    """Whether a rule speaks of that namespace; an empty rule speaks of none."""
    if rule.all or namespace in rule.names:
        return True
    if not rule.match_labels and not rule.match_expressions:
        return False
    return all(labels.get(key) == value for key, value in rule.match_labels.items()) and all(
        _is_satisfied(expression, labels) for expression in rule.match_expressions
    )


def _is_satisfied(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or ()
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    if operator == "In":
        return labels.get(key) in values
    return operator == "NotIn" and labels.get(key) not in values


def is_crypto_allowed(policy: CryptoPolicy, key: str, operation: CryptoOperation) -> bool:
    """Whether CryptoJobs may do that with that key (names ignore case, as in Azure)."""
    keys, operations = policy.allowed_keys, policy.allowed_operations
    return (keys is None or any(_is_match(glob, "", key) for glob in keys)) and (
        operations is None or operation in operations
    )


def describe_crypto_refusal(key: str, operation: CryptoOperation) -> str:
    """What whoever made the job is told."""
    return (
        f"{operation} with key {key} is not allowed; allowedKeys and allowedOperations in "
        "spec.crypto of the KeyVault or ClusterKeyVault say what is"
    )


def is_match(glob: str, name: str) -> bool:
    """Whether a pattern fits a name; names ignore case, as in Azure."""
    return _is_match(glob, "", name)


def _is_match(glob: str, namespace: str, name: str) -> bool:
    return _pattern(glob.replace("{namespace}", namespace)).fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in glob.split("*")), re.IGNORECASE)
