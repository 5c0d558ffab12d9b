"""Whose rights in the cluster references are read with: messages say who lacks one, and what grants it."""

from enum import Enum
from typing import Final

_TOKENS: Final = "serviceaccounts"
"""Of these, and of their tokens."""


class Asker(Enum):
    """Whose account asks the API server; the broker's may much less than the operator's."""

    OPERATOR = "the operator"
    BROKER = "the broker"


def describe_missing(asker: Asker, verb: str, plural: str, namespace: str) -> str:
    """`the operator has no right to get secrets in namespace shop`, and what of the chart would grant it."""
    kind = plural.partition("/")[0]
    hint = _HINTS.get((asker, kind), "").format(namespace=namespace)
    return f"{asker.value} has no right to {verb} {plural} in namespace {namespace}{hint}"


_HINTS: Final = {
    (Asker.OPERATOR, _TOKENS): " (the chart's rbac.serviceAccountTokens: [{namespace}])",
    (Asker.BROKER, _TOKENS): " (the chart never gives it that one: use the binding's Secret, or auth: pod)",
    (Asker.BROKER, "secrets"): " (the chart's injection.broker.credentialSecrets)",
}
