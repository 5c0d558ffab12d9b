"""`ClusterKeyVault.spec.access`: which namespaces may read which objects."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from vaultbind.api import grammar
from vaultbind.api.errors import SpecError
from vaultbind.api.fields import Fields
from vaultbind.api.keyvault import AccessRule, NamespaceRule
from vaultbind.api.refs import VaultObjectKind

_MOST_RULES: Final = 64
_MOST_NAMES: Final = 128
_MOST_PATTERNS: Final = 64
_MOST_REQUIREMENTS: Final = 16
_MOST_VALUES: Final = 32


class _Operator(StrEnum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


def parse_access(spec: Fields) -> tuple[AccessRule, ...]:
    """Return the rules of `spec.access`, one at least; raises SpecError (InvalidSpec)."""
    rules = tuple(_parse_rule(item) for item in spec.objects("access", most=_MOST_RULES))
    if not rules:
        raise spec.fail("access", "must have at least one entry")
    return rules


def _parse_rule(rule: Fields) -> AccessRule:
    kinds = rule.texts("kinds", grammar.OBJECT_KIND, most=len(VaultObjectKind))
    return AccessRule(
        namespaces=_parse_namespaces(rule.required_object("namespaces")),
        objects=rule.texts("objects", grammar.OBJECT_PATTERN, most=_MOST_PATTERNS),
        kinds=frozenset(map(VaultObjectKind, kinds)),
    )


def _parse_namespaces(namespaces: Fields) -> NamespaceRule:
    member = namespaces.only_one_of("names", "selector", "all")
    if member == "names":
        return NamespaceRule(names=frozenset(namespaces.texts("names", grammar.DNS_LABEL, most=_MOST_NAMES)))
    if member == "selector":
        return _parse_selector(namespaces.required_object("selector"))
    if not namespaces.flag("all"):
        raise namespaces.fail("all", "must be true")
    return NamespaceRule(all=True)


def _parse_selector(selector: Fields) -> NamespaceRule:
    labels = selector.pairs(
        "matchLabels", grammar.QUALIFIED_KEY, grammar.LABEL_VALUE, most=_MOST_REQUIREMENTS
    )
    expressions = selector.objects("matchExpressions", most=_MOST_REQUIREMENTS)
    if not labels and not expressions:
        raise SpecError(selector.path, "must have an entry, for every namespace write all: true")
    return NamespaceRule(
        match_labels=labels, match_expressions=tuple(_parse_requirement(item) for item in expressions)
    )


def _parse_requirement(item: Fields) -> Mapping[str, Any]:
    """A requirement as it stands, its values always there."""
    if not item.has("operator"):
        raise item.fail("operator", "is required")
    operator = item.choice("operator", _Operator.IN)
    values = item.texts("values", grammar.LABEL_VALUE, most=_MOST_VALUES) if item.has("values") else ()
    if bool(values) != (operator in {_Operator.IN, _Operator.NOT_IN}):
        raise item.fail("values", "In and NotIn need values, Exists and DoesNotExist take none")
    key = item.required_text("key", grammar.QUALIFIED_KEY)
    return {"key": key, "operator": operator.value, "values": values}
