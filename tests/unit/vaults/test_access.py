"""Who may read what through a ClusterKeyVault."""

from collections.abc import Mapping
from typing import Any

import pytest

from vaultbind.api.cryptojob import CryptoOperation
from vaultbind.api.keyvault import AccessRule, CryptoPolicy, NamespaceRule
from vaultbind.api.refs import VaultObjectKind
from vaultbind.vaults.access import choose_rules, is_crypto_allowed, is_namespace_selected

SECRET, CERTIFICATE, KEY = VaultObjectKind.SECRET, VaultObjectKind.CERTIFICATE, VaultObjectKind.KEY
ALL = NamespaceRule(all=True)


def expression(key: str, operator: str, *values: str) -> NamespaceRule:
    requirement: Mapping[str, Any] = {"key": key, "operator": operator, "values": values}
    return NamespaceRule(match_expressions=(requirement,))


NAMESPACES = {
    "all": (ALL, {}, True),
    "by name": (NamespaceRule(names=frozenset({"shop", "bank"})), {}, True),
    "by another name": (NamespaceRule(names=frozenset({"bank"})), {}, False),
    "by part of its name": (NamespaceRule(names=frozenset({"sho"})), {}, False),
    "an empty rule": (NamespaceRule(), {"team": "a"}, False),
    "label": (NamespaceRule(match_labels={"team": "a"}), {"team": "a", "more": "x"}, True),
    "label of another value": (NamespaceRule(match_labels={"team": "a"}), {"team": "b"}, False),
    "label that is not there": (NamespaceRule(match_labels={"team": "a"}), {}, False),
    "empty label value, absent": (NamespaceRule(match_labels={"team": ""}), {}, False),
    "one of two labels": (NamespaceRule(match_labels={"team": "a", "env": "p"}), {"team": "a"}, False),
    "In": (expression("team", "In", "a", "b"), {"team": "b"}, True),
    "In, other value": (expression("team", "In", "a"), {"team": "b"}, False),
    "In, absent": (expression("team", "In", "a"), {}, False),
    "NotIn": (expression("team", "NotIn", "a"), {"team": "b"}, True),
    "NotIn, that value": (expression("team", "NotIn", "a"), {"team": "a"}, False),
    "NotIn, absent": (expression("team", "NotIn", "a"), {}, True),
    "Exists": (expression("team", "Exists"), {"team": ""}, True),
    "Exists, absent": (expression("team", "Exists"), {}, False),
    "DoesNotExist": (expression("team", "DoesNotExist"), {}, True),
    "DoesNotExist, there": (expression("team", "DoesNotExist"), {"team": ""}, False),
    "an operator of the future": (expression("team", "Like", "a"), {"team": "a"}, False),
    "label right, expression wrong": (
        NamespaceRule(
            match_labels={"team": "a"},
            match_expressions=({"key": "env", "operator": "In", "values": ("p",)},),
        ),
        {"team": "a", "env": "t"},
        False,
    ),
    "an expression without values, absent": (
        NamespaceRule(match_expressions=({"key": "team", "operator": "In"},)),
        {},
        False,
    ),
    "an expression without values": (
        NamespaceRule(match_expressions=({"key": "team", "operator": "In"},)),
        {"team": "a"},
        False,
    ),
}


@pytest.mark.parametrize(("rule", "labels", "selected"), NAMESPACES.values(), ids=NAMESPACES.keys())
def test_namespace(rule: NamespaceRule, labels: Mapping[str, str], selected: bool) -> None:
    assert is_namespace_selected(rule, "shop", labels) is selected


OBJECTS = {
    "any": ((), "db", True),
    "its name": (("db",), "db", True),
    "its name in other case": (("DB-Main",), "db-MAIN", True),
    "another name": (("db",), "db2", False),
    "a longer name": (("db",), "my-db", False),
    "star": (("*",), "db", True),
    "star at the end": (("db-*",), "db-password", True),
    "star stands for nothing, too": (("db-*",), "db-", True),
    "star in the middle": (("db-*-key",), "db-main-key", True),
    "two stars": (("*-db-*",), "shop-db-password", True),
    "star does not reach": (("db-*",), "cache-db-x", False),
    "second pattern": (("a", "db"), "db", True),
    "a dot is a dot": (("d.b",), "dxb", False),
    "a bracket is a bracket": (("[d]b",), "db", False),
    "a question mark is itself": (("d?",), "db", False),
    "of the namespace": (("{namespace}-*",), "shop-db", True),
    "of another namespace": (("{namespace}-*",), "bank-db", False),
    "of a namespace whose name begins alike": (("{namespace}-*",), "shop-eu-db", True),
    "the namespace alone": (("{namespace}",), "shop", True),
    "the second of two": (("db", "db-*"), "db-a", True),
    "the first as a whole only": (("db", "web-*"), "db-a", False),
    "an unknown placeholder": (("{name}-*",), "shop-db", False),
}


@pytest.mark.parametrize(("globs", "name", "granted"), OBJECTS.values(), ids=OBJECTS.keys())
def test_objects(globs: tuple[str, ...], name: str, granted: bool) -> None:
    """`{namespace}-*` also lets `shop` read what is meant for `shop-eu`: as the reference says."""
    rules = [AccessRule(namespaces=ALL, objects=globs)]
    assert choose_rules(rules, namespace="shop", labels={})(SECRET, name) is granted


@pytest.mark.parametrize(
    ("kinds", "kind", "granted"),
    [
        ((), KEY, True),
        ((SECRET,), SECRET, True),
        ((SECRET,), CERTIFICATE, False),
        ((SECRET, KEY), KEY, True),
    ],
)
def test_kinds(kinds: tuple[VaultObjectKind, ...], kind: VaultObjectKind, granted: bool) -> None:
    rules = [AccessRule(namespaces=ALL, kinds=frozenset(kinds))]
    assert choose_rules(rules, namespace="shop", labels={})(kind, "db") is granted


def test_one_rule_must_grant_it_whole() -> None:
    rules = [
        AccessRule(namespaces=NamespaceRule(names=frozenset({"shop"})), objects=("shop-*",)),
        AccessRule(namespaces=NamespaceRule(names=frozenset({"bank"})), objects=("bank-*",)),
    ]

    def may(namespace: str, name: str) -> bool:
        return choose_rules(rules, namespace=namespace, labels={})(SECRET, name)

    assert may("shop", "shop-a")
    assert may("bank", "bank-a")
    assert not may("shop", "bank-a")
    assert not may("other", "shop-a")


def test_no_rule_grants_nothing() -> None:
    assert not choose_rules([], namespace="shop", labels={})(SECRET, "a")


def test_names_that_hold_signs_of_patterns_grant_no_more() -> None:
    """A namespace's name goes into the pattern as text."""
    rules = [AccessRule(namespaces=ALL, objects=("{namespace}",))]
    assert not choose_rules(rules, namespace="a.c", labels={})(SECRET, "abc")


SIGN, VERIFY = CryptoOperation.SIGN, CryptoOperation.VERIFY


@pytest.mark.parametrize(
    ("keys", "operations", "allowed"),
    [
        (None, None, True),
        ((), None, False),
        (None, frozenset(), False),
        (("ci-*",), None, True),
        (("CI-REL*",), frozenset({SIGN}), True),
        (("ci-release",), frozenset({VERIFY}), False),
        (("release", "*-ci"), frozenset({SIGN}), False),
        (("other", "*"), frozenset({SIGN, VERIFY}), True),
    ],
)
def test_which_keys_a_cryptojob_may_use(
    keys: tuple[str, ...] | None, operations: frozenset[CryptoOperation] | None, allowed: bool
) -> None:
    policy = CryptoPolicy(allowed_keys=keys, allowed_operations=operations)
    assert is_crypto_allowed(policy, "ci-release", SIGN) is allowed
