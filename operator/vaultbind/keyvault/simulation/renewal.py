"""When a certificate renews itself, as its policy's lifetime actions say."""

from typing import Final

from vaultbind.keyvault.simulation.policies import AUTO_RENEW, UNKNOWN, Policy

SECONDS_PER_DAY: Final = 86_400


def renewal_time(policy: Policy, not_before: int, expires: int) -> int | None:
    """First moment (epoch seconds) of an AutoRenew action; None when nobody could renew or none is asked."""
    if policy["issuer"]["name"] == UNKNOWN or policy.get("platformManaged") is not None:
        return None
    moments = [
        _moment(action["trigger"], not_before, expires)
        for action in policy["lifetime_actions"]
        if action["action"]["action_type"] == AUTO_RENEW
    ]
    return min(moments, default=None)


def _moment(trigger: Policy, not_before: int, expires: int) -> int:
    if "lifetime_percentage" in trigger:
        return not_before + (expires - not_before) * int(trigger["lifetime_percentage"]) // 100
    return expires - int(trigger["days_before_expiry"]) * SECONDS_PER_DAY
