"""Pure: what of a KeyVault's objects is worth telling now, by the library's own judgement."""

from collections import Counter
from dataclasses import replace

from vaultbind.expiry.facts import VaultFacts, VaultJudgement
from vaultbind.keyvault import ObjectProperties
from vaultbind.keyvault.rotation.judgement import Validity, decide_validity, judge
from vaultbind.keyvault.rotation.state import MonitorState

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
    judged = judge(facts.objects, before, facts.now, thresholds=facts.warn_before)
    validity = [decide_validity(item, facts.now, facts.warn_before) for item in facts.objects]
    urgent = [item for item, what in zip(facts.objects, validity, strict=True) if what in ACT]
    return VaultJudgement(
        state=judged.state,
        tellings=judged.tellings,
        counts=Counter(validity),
        urgent=tuple(urgent),
        soonest=min(urgent, key=_urgency, default=None),
    )


def _urgency(properties: ObjectProperties) -> tuple[float, str, str]:
    ends = properties.expires_on.timestamp() if properties.expires_on is not None else 0.0
    return ends, properties.kind.value, properties.name
