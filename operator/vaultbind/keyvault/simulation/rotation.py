"""Rotation policies of keys: what the service accepts and adds, and when a key is due."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vaultbind.keyvault.simulation.periods import SECONDS_PER_DAY, Period, add, parse_period
from vaultbind.keyvault.simulation.problems import VaultProblem, bad_parameter
from vaultbind.keyvault.simulation.records import Attributes

LEAST_EXPIRY_DAYS: Final = 28
LEAST_ROTATION_DAYS: Final = 7
TRIGGERS: Final = ("timeAfterCreate", "timeBeforeExpiry")


@dataclass(frozen=True, slots=True, kw_only=True)
class LifetimeAction:
    """`Rotate` or `Notify`, a time after creation or before expiry; `period` as it was written."""

    action: str
    trigger: str
    period: str


DEFAULT_NOTIFY: Final = LifetimeAction(action="Notify", trigger="timeBeforeExpiry", period="P30D")


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationPolicy:
    """A key's policy; times in epoch seconds, 0 while nobody set one."""

    actions: tuple[LifetimeAction, ...] = (DEFAULT_NOTIFY,)
    expiry: str | None = None
    created: int = 0
    updated: int = 0

    def expires(self, created: int) -> int | None:
        """When a version made at `created` expires, None without an expiry time."""
        return None if self.expiry is None else add(created, parse_period(self.expiry))

    def due(self, attributes: Attributes) -> int | None:
        """When the version with these attributes is to be rotated, None: never by itself."""
        for action in self.actions:
            if action.action != "Rotate":
                continue
            if action.trigger == "timeAfterCreate":
                return add(attributes.created, parse_period(action.period))
            if attributes.expires is not None:
                due = add(attributes.expires, parse_period(action.period), back=True)
                # or a version that is due as soon as it is made would be rotated for ever
                return max(due, attributes.created + LEAST_ROTATION_DAYS * SECONDS_PER_DAY)
        return None


def parse_policy(content: Mapping[str, Any], old: RotationPolicy | None, now: int) -> RotationPolicy:
    """Policy of a PUT; Notify is added when missing. Raises VaultProblem (BadParameter)."""
    attributes = content.get("attributes")
    if not isinstance(attributes, Mapping | None):
        raise _invalid("attributes")
    expiry = attributes.get("expiryTime") if attributes else None
    if not isinstance(expiry, str | None):
        raise _invalid("expiryTime")
    actions = _parse_actions(content.get("lifetimeActions") or [])
    _check_times(actions, None if expiry is None else parse_period(expiry))
    if not any(action.action == "Notify" for action in actions):
        actions = (*actions, DEFAULT_NOTIFY)
    created = old.created if old and old.created else now
    return RotationPolicy(actions=actions, expiry=expiry, created=created, updated=now)


def _parse_actions(content: Any) -> tuple[LifetimeAction, ...]:
    if not isinstance(content, list):
        raise _invalid("lifetimeActions")
    actions = tuple(_parse_action(item) for item in content)
    if len({action.action for action in actions}) != len(actions):
        raise bad_parameter("A policy has at most one action of each type.")
    return actions


def _parse_action(content: Any) -> LifetimeAction:
    try:
        kind = str(content["action"]["type"]).capitalize()
        given = {name: value for name, value in content["trigger"].items() if value is not None}
        ((trigger, period),) = given.items()
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _invalid("lifetimeActions") from None
    allowed = TRIGGERS if kind == "Rotate" else TRIGGERS[1:]
    if kind not in {"Rotate", "Notify"} or trigger not in allowed or not isinstance(period, str):
        raise _invalid("lifetimeActions")
    return LifetimeAction(action=kind, trigger=trigger, period=period)


def _check_times(actions: Iterable[LifetimeAction], expiry: Period | None) -> None:
    if expiry is not None and expiry.least_days < LEAST_EXPIRY_DAYS:
        raise bad_parameter(f"expiryTime must be at least {LEAST_EXPIRY_DAYS} days.")
    for action in actions:
        period = parse_period(action.period)
        if action.action == "Rotate" and period.least_days < LEAST_ROTATION_DAYS:
            raise bad_parameter(
                f"A rotation is at least {LEAST_ROTATION_DAYS} days after creation or before expiry."
            )
        if action.action != "Rotate" or action.trigger != "timeBeforeExpiry":
            continue
        if expiry is None:
            raise bad_parameter("A rotation before expiry needs expiryTime.")
        if expiry.least_days - period.least_days < LEAST_ROTATION_DAYS:
            raise bad_parameter(f"A rotation is at least {LEAST_ROTATION_DAYS} days after creation.")


def _invalid(name: str) -> VaultProblem:
    return bad_parameter(f"Property {name} has invalid value\r\n")


def render_rotation(policy: RotationPolicy) -> dict[str, Any]:
    """Policy as the wire has it, without its id."""
    times = {"created": policy.created, "updated": policy.updated} if policy.created else {}
    expiry = {} if policy.expiry is None else {"expiryTime": policy.expiry}
    return {
        "lifetimeActions": [
            {"trigger": {action.trigger: action.period}, "action": {"type": action.action}}
            for action in policy.actions
        ],
        "attributes": {**expiry, **times},
    }
