"""Pure: what of a KeyVault's objects is worth telling now, by the library's own judgement."""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from vaultbind.expiry.facts import VaultFacts, VaultJudgement
from vaultbind.keyvault import ObjectProperties
from vaultbind.keyvault.rotation.judgement import Validity, decide_validity, judge, mark_of, told_before
from vaultbind.keyvault.rotation.state import MonitorState
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey

ACT = (Validity.EXPIRED, Validity.EXPIRES_SOON)


def decide(facts: VaultFacts, state: MonitorState) -> VaultJudgement:
    """Judge all objects; `state` is that of the last judgement, empty in a new process.

    The status knows only until when something was told: a new process tells no crossing before that again,
    but for a version that was created later.
    """
    if not facts.watched:
        return VaultJudgement(state=MonitorState(told_until=facts.told_until))
    told = [moment for moment in (state.told_until, facts.told_until) if moment is not None]
    before = replace(state, told_until=max(told, default=None))  # the last status may not have been taken
    judged = judge(facts.objects, before, facts.now, thresholds=facts.limits)
    validity = [
        decide_validity(item, facts.now, facts.thresholds_of(item) if facts.notices else facts.warn_before)
        for item in facts.objects
    ]
    urgent = [item for item, what in zip(facts.objects, validity, strict=True) if what in ACT]
    return VaultJudgement(
        state=judged.state,
        tellings=judged.tellings,
        counts=Counter(validity),
        urgent=tuple(urgent),
        soonest=min(urgent, key=_urgency, default=None),
    )


def adopt(
    state: MonitorState, facts: VaultFacts, before: AbstractSet[VaultKey], told_until: datetime | None
) -> MonitorState:
    """Let what was learned after a first judgement count as if it had been known from the start on.

    `before` is what was known; `told_until` is until when all was told before this process. So what
    was told then is not told again, and what has passed since is not missed.
    """
    learned = facts.learned - before
    seen = dict(state.objects)
    for item in facts.objects if learned else ():
        key = VaultKey.of(item)
        known = seen.get(key)
        if key not in learned or known is None or known.mark != mark_of(item):
            continue
        told = told_before(item, facts.thresholds_of(item), told_until)
        if known.expires == item.expires_on and known.told is not None:
            told = known.told if told is None else min(told, known.told)
        seen[key] = replace(known, expires=item.expires_on, told=told)
    return replace(state, objects=seen) if learned else state


def _urgency(properties: ObjectProperties) -> tuple[float, str, str]:
    ends = properties.expires_on.timestamp() if properties.expires_on is not None else 0.0
    return ends, properties.kind.value, properties.name
