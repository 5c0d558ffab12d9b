"""Keys whose rotation policy says when their coming end is told (action Notify): a threshold of their own.

A policy is no part of a list. Keys that `spec.rotation` has a rule for are asked for theirs each day anyway;
the others once per version, if they have an end.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from vaultbind.api.keyvault import RotationRule
from vaultbind.api.refs import ObjectKey
from vaultbind.expiry.facts import VaultFacts
from vaultbind.expiry.memory import GRACE, MOST_AT_ONCE, Memory
from vaultbind.expiry.periods import parse_days
from vaultbind.expiry.reads import OwnReads
from vaultbind.expiry.rotation import find_rule
from vaultbind.keyvault import KeyProperties, KeyRotationAction, KeyRotationPolicy, KeyVaultClient
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey


@dataclass(slots=True, kw_only=True)
class Notices:
    """How long before their end keys want to be told of."""

    reads: OwnReads
    policy_of: Callable[[ObjectKey, VaultKey], KeyRotationPolicy | None]
    """What was read of a key's policy because of a rule."""
    _memory: Memory[timedelta] = field(default_factory=Memory)

    async def learn(
        self, keyvault: ObjectKey, facts: VaultFacts, rules: tuple[RotationRule, ...]
    ) -> VaultFacts:
        """Read what is due, and return the facts with the thresholds that were found."""
        keys = [item for item in facts.objects if isinstance(item, KeyProperties) and _is_of_interest(item)]
        if not facts.watched or not keys:
            return facts
        versions = self._memory.see(facts.vault, keys, facts.now)
        for version in versions if rules else ():
            if (policy := self.policy_of(keyvault, version.key)) is not None:
                version.learn(find_notice(policy))
        due = [
            (item, version)
            for item, version in zip(keys, versions, strict=True)
            if not version.is_known
            and facts.now - version.since >= GRACE
            and find_rule(item, rules) is None
            and self.reads.may(keyvault, version.key)
        ]
        for item, version in due[:MOST_AT_ONCE]:
            policy = await self.reads.ask(keyvault, version.key, "policy", _asking_for(item.name))
            if policy is not None:
                version.learn(find_notice(policy))
        notices = {version.key: version.value for version in versions if version.value is not None}
        learned = facts.learned.union(version.key for version in versions if version.is_known)
        return replace(facts, notices=notices, learned=learned)


def find_notice(policy: KeyRotationPolicy) -> timedelta | None:
    """How long before the end a policy notifies; None where it does not."""
    found = [
        parse_days(action.time_before_expiry)
        for action in policy.lifetime_actions
        if action.action == KeyRotationAction.NOTIFY
    ]
    return max((period for period in found if period is not None), default=None)


def _is_of_interest(item: KeyProperties) -> bool:
    """A key that ends, and is not a certificate's."""
    return item.enabled and item.expires_on is not None and not item.managed


def _asking_for(name: str) -> Callable[[KeyVaultClient], Awaitable[KeyRotationPolicy]]:
    async def ask(client: KeyVaultClient) -> KeyRotationPolicy:
        return await client.keys.get_key_rotation_policy(name)

    return ask
