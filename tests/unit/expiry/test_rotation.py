"""Rules for keys: which one counts, what differs, what is written, what is overdue."""

from datetime import timedelta

import pytest

from tests.unit.expiry.test_vaults import DAY, NOW
from vaultbind.api.keyvault import RotationRule
from vaultbind.expiry.rotation import find_differences, find_rule, is_overdue, render_policy
from vaultbind.keyvault import (
    KeyProperties,
    KeyRotationAction,
    KeyRotationLifetimeAction,
    KeyRotationPolicy,
    ObjectProperties,
    SecretProperties,
)

RULES = (RotationRule(name="sign-*", sets=True), RotationRule(name="*"))
NOTIFY = KeyRotationLifetimeAction(action=KeyRotationAction.NOTIFY, time_before_expiry="P30D")


def key(name: str = "k", **fields: object) -> KeyProperties:
    return KeyProperties(id="", name=name, **fields)  # type: ignore[arg-type]


def policy(
    after: str | None = None, before: str | None = None, expires: str | None = None
) -> KeyRotationPolicy:
    rotate = KeyRotationLifetimeAction(
        action=KeyRotationAction.ROTATE, time_after_create=after, time_before_expiry=before
    )
    actions = (rotate, NOTIFY) if after or before else (NOTIFY,)
    return KeyRotationPolicy(lifetime_actions=actions, expires_in=expires)


FITTING = {
    "the first that fits": (key("SIGN-a"), RULES[0]),
    "any": (key("other"), RULES[1]),
    "a secret": (SecretProperties(id="", name="sign-a"), None),
    "a disabled key": (key("sign-a", enabled=False), None),
    "a certificate's key": (key("sign-a", managed=True), None),
}


@pytest.mark.parametrize(("properties", "rule"), FITTING.values(), ids=FITTING.keys())
def test_which_rule_counts(properties: ObjectProperties, rule: RotationRule | None) -> None:
    assert find_rule(properties, RULES) is rule


AFTER = RotationRule(name="*", after_creation=90 * DAY, expires_after=120 * DAY)
BEFORE = RotationRule(name="*", before_expiry=30 * DAY)
DIFFERENCES = {
    "as it should be": (AFTER, policy("P90D", expires="P120D"), []),
    "in months": (AFTER, policy("P3M", expires="P4M"), []),
    "no policy": (
        AFTER,
        policy(),
        ["rotation after creation never instead of 90d", "expiry never instead of 120d"],
    ),
    "too late": (AFTER, policy("P1Y", expires="P120D"), ["rotation after creation 365d instead of 90d"]),
    "by the other moment": (BEFORE, policy("P90D"), ["rotation before expiry never instead of 30d"]),
    "what is not asked for": (BEFORE, policy(before="P30D", expires="P2Y"), []),
    "a rule that asks for nothing": (RotationRule(name="*"), policy(), []),
}


@pytest.mark.parametrize(("rule", "found", "words"), DIFFERENCES.values(), ids=DIFFERENCES.keys())
def test_what_differs(rule: RotationRule, found: KeyRotationPolicy, words: list[str]) -> None:
    assert find_differences(rule, found) == words
    assert find_differences(rule, render_policy(rule, found)) == [], "what is written is as it should be"


def test_what_a_rule_does_not_name_stays() -> None:
    written = render_policy(BEFORE, policy("P90D", expires="P2Y"))
    assert written.expires_in == "P2Y"
    assert NOTIFY in written.lifetime_actions
    assert [a.time_before_expiry for a in written.lifetime_actions if a.action == "Rotate"] == ["P30D"]


OVERDUE = {
    "young": (AFTER, 30, None, False),
    "due today": (AFTER, 90, None, False),
    "a day late": (AFTER, 91, None, True),
    "near its end": (BEFORE, 300, 28, True),
    "far from its end": (BEFORE, 300, 31, False),
    "without an end": (BEFORE, 300, None, False),
    "made today": (BEFORE, 0, 1, False),
    "a rule without moments": (RotationRule(name="*"), 900, 1, False),
}


@pytest.mark.parametrize(("rule", "age", "left", "overdue"), OVERDUE.values(), ids=OVERDUE.keys())
def test_what_is_overdue(rule: RotationRule, age: int, left: int | None, overdue: bool) -> None:
    expires = NOW + timedelta(days=left) if left is not None else None
    assert is_overdue(rule, key(created_on=NOW - age * DAY, expires_on=expires), NOW) is overdue
