"""Rules for keys (`spec.rotation`): their rotation policy checked or set, and rotated when that is overdue.

A key's policy is no part of a list: it is read once a day. With `policy: Check` nothing is ever changed.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vaultbind.api.conditions import Condition, ConditionType, Reason, Status
from vaultbind.api.durations import render_duration
from vaultbind.api.keyvault import RotationRule
from vaultbind.api.refs import ObjectKey
from vaultbind.engine.engine import StaleStateError
from vaultbind.engine.report import Note, NoteType, Report
from vaultbind.expiry.periods import parse_days, render_days
from vaultbind.expiry.reads import OwnReads
from vaultbind.keyvault import (
    KeyRotationAction,
    KeyRotationLifetimeAction,
    KeyRotationPolicy,
    KeyVaultClient,
    KeyVaultError,
    ObjectKind,
    ObjectProperties,
)
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey
from vaultbind.vaults.access import is_match
from vaultbind.vaults.session import VaultPausedError, VaultSession

DAY: Final = timedelta(days=1)
MOST_AT_ONCE: Final = 20
"""Keys that are asked for in one pass; the others come with the next look."""
MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is wrong with a key after a look at it."""

    reason: Reason
    words: str


@dataclass(slots=True, kw_only=True)
class KeyRotations:
    """What is known of the keys that rules are for, by KeyVault."""

    reads: OwnReads
    _wrong: dict[ObjectKey, dict[VaultKey, Found]] = field(default_factory=dict)
    _notes: dict[ObjectKey, list[Note]] = field(default_factory=dict)
    _policies: dict[ObjectKey, dict[VaultKey, KeyRotationPolicy]] = field(default_factory=dict)
    """As they were read last."""

    async def observe(
        self,
        keyvault: ObjectKey,
        keys: Iterable[ObjectProperties],
        rules: Sequence[RotationRule],
        now: datetime,
    ) -> None:
        """Look at the keys whose day has come, and set or rotate what a rule wants."""
        wanted = {VaultKey.of(key): (key, rule) for key in keys if (rule := find_rule(key, rules))}
        before = self._wrong.get(keyvault, {})
        wrong = self._wrong[keyvault] = {key: found for key, found in before.items() if key in wanted}
        policies = self._policies.setdefault(keyvault, {})
        for key in [key for key in policies if key not in wanted]:
            del policies[key]
        due = [key for key in wanted if self.reads.may(keyvault, key)]
        for key in due[:MOST_AT_ONCE]:
            properties, rule = wanted[key]
            policy = await self.reads.ask(keyvault, key, "policy", _asking_for(properties.name))
            if policy is None:
                continue
            policies[key] = policy
            wrong.pop(key, None)
            found = await self._follow(keyvault, properties, rule, policy, now)
            if found is not None:
                wrong[key] = found

    async def _follow(
        self,
        keyvault: ObjectKey,
        properties: ObjectProperties,
        rule: RotationRule,
        policy: KeyRotationPolicy,
        now: datetime,
    ) -> Found | None:
        name, differences = properties.name, find_differences(rule, policy)
        if not rule.sets:
            words = f"{name} ({', '.join(differences)})"
            return Found(reason=Reason.ROTATION_POLICY_DIFFERS, words=words) if differences else None
        session = self.reads.session_of(keyvault)
        if session is None:
            return None
        try:
            if differences:
                await _set(session, name, render_policy(rule, policy))
                self._tell(keyvault, Reason.ROTATION_POLICY_SET, f"rotation policy of key {name} was set")
            if is_overdue(rule, properties, now):
                await _rotate(session, name)
                self._tell(keyvault, Reason.KEY_ROTATED, f"key {name} was overdue and has been rotated")
        except KeyVaultError as error:
            return Found(reason=Reason.ROTATION_FAILED, words=f"{name} ({error.code or error.kind.value})")
        except (VaultPausedError, StaleStateError):
            return None
        return None

    def _tell(self, keyvault: ObjectKey, reason: Reason, message: str) -> None:
        self._notes.setdefault(keyvault, []).append(
            Note(type=NoteType.NORMAL, reason=reason, message=message)
        )

    def report(self, keyvault: ObjectKey, told: str) -> Report:
        """Report what was done and what is wrong; an Event where that is not what was `told` before."""
        notes = self._notes.pop(keyvault, [])
        wrong = self._wrong.get(keyvault)
        if not wrong:
            return Report(notes=tuple(notes))
        failed = any(found.reason is Reason.ROTATION_FAILED for found in wrong.values())
        reason = Reason.ROTATION_FAILED if failed else Reason.ROTATION_POLICY_DIFFERS
        message = _sentence([found.words for _, found in sorted(wrong.items())], failed=failed)
        if message != told:
            notes.append(Note(type=NoteType.WARNING, reason=reason, message=message))
        condition = Condition(
            type=ConditionType.ROTATION_UNMET, status=Status.TRUE, reason=reason, message=message
        )
        return Report(conditions=(condition,), notes=tuple(notes))

    def forget(self, keyvault: ObjectKey) -> None:
        """A KeyVault is gone, or has no rules."""
        self._wrong.pop(keyvault, None)
        self._notes.pop(keyvault, None)
        self._policies.pop(keyvault, None)

    def policy_of(self, keyvault: ObjectKey, key: VaultKey) -> KeyRotationPolicy | None:
        """Policy of a key as it was read last; None for one without a rule."""
        return self._policies.get(keyvault, {}).get(key)


def find_rule(properties: ObjectProperties, rules: Sequence[RotationRule]) -> RotationRule | None:
    """Find the first rule for a key that is enabled and not a certificate's."""
    if (
        properties.kind is not ObjectKind.KEY
        or not properties.enabled
        or getattr(properties, "managed", False)
    ):
        return None
    return next((rule for rule in rules if is_match(rule.name, properties.name)), None)


def find_differences(rule: RotationRule, policy: KeyRotationPolicy) -> list[str]:
    """Say in which points a policy is not as a rule wants it; months count 30 days, years 365."""
    rotate = next((a for a in policy.lifetime_actions if a.action == KeyRotationAction.ROTATE), None)
    points = (
        ("rotation after creation", rule.after_creation, rotate.time_after_create if rotate else None),
        ("rotation before expiry", rule.before_expiry, rotate.time_before_expiry if rotate else None),
        ("expiry", rule.expires_after, policy.expires_in),
    )
    return [
        f"{what} {_told(parse_days(found))} instead of {_told(wanted)}"
        for what, wanted, found in points
        if wanted is not None and parse_days(found) != wanted
    ]


def render_policy(rule: RotationRule, before: KeyRotationPolicy) -> KeyRotationPolicy:
    """Render the policy that a rule wants; what it does not name stays as it was."""
    rotate = [a for a in before.lifetime_actions if a.action == KeyRotationAction.ROTATE]
    others = [a for a in before.lifetime_actions if a.action != KeyRotationAction.ROTATE]
    if rule.after_creation is not None or rule.before_expiry is not None:
        rotate = [
            KeyRotationLifetimeAction(
                action=KeyRotationAction.ROTATE,
                time_after_create=render_days(rule.after_creation),
                time_before_expiry=render_days(rule.before_expiry),
            )
        ]
    return KeyRotationPolicy(
        lifetime_actions=(*rotate, *others), expires_in=render_days(rule.expires_after) or before.expires_in
    )


def is_overdue(rule: RotationRule, properties: ObjectProperties, now: datetime) -> bool:
    """Whether the vault should have rotated a key by now; it is given a day for it."""
    created, expires = properties.created_on, properties.expires_on
    if created is None or now - created < DAY:
        return False
    if rule.after_creation is not None:
        return created + rule.after_creation + DAY <= now
    return (
        rule.before_expiry is not None and expires is not None and expires - rule.before_expiry + DAY <= now
    )


def _told(duration: timedelta | None) -> str:
    return "never" if duration is None else render_duration(duration)


def _sentence(words: Sequence[str], *, failed: bool) -> str:
    more = f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else ""
    what = "keys could not be brought in line" if failed else "rotation policies differ from spec.rotation"
    return f"{what}: {', '.join(words[:MOST_NAMED])}{more}"


def _asking_for(name: str) -> Callable[[KeyVaultClient], Awaitable[KeyRotationPolicy]]:
    async def ask(client: KeyVaultClient) -> KeyRotationPolicy:
        return await client.keys.get_key_rotation_policy(name)

    return ask


async def _set(session: VaultSession, name: str, policy: KeyRotationPolicy) -> None:
    async def call(client: KeyVaultClient) -> None:
        await client.keys.update_key_rotation_policy(name, policy)

    await session.use(call)


async def _rotate(session: VaultSession, name: str) -> None:
    async def call(client: KeyVaultClient) -> None:
        await client.keys.rotate_key(name)

    await session.use(call)
