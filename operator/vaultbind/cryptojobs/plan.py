"""Pure: facts in, one decision out. The table of a job's life is here."""

from collections.abc import Mapping
from typing import Any

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoOperation
from vaultbind.api.durations import render_duration
from vaultbind.cryptojobs.facts import (
    Claim,
    Conclude,
    Decision,
    Expire,
    Facts,
    GiveUp,
    HoldBack,
    Rest,
    Rotate,
    Run,
)
from vaultbind.cryptojobs.phase import Phase, decide_phase, ttl_left
from vaultbind.cryptojobs.rules import check_key, choose_algorithm, other_sizes
from vaultbind.cryptojobs.setbacks import final, setback_of_deadline
from vaultbind.keyvault import Key


def decide(facts: Facts) -> Decision:
    """Decide what to do with the job."""
    phase = decide_phase(facts.spec, facts.status, facts.now)
    if phase is Phase.FINISHED:
        return _after_the_end(facts)
    if phase is Phase.SUSPENDED:
        return HoldBack()
    if phase is Phase.OVERDUE:
        return GiveUp(setback=setback_of_deadline(facts.spec, facts.status))
    if facts.not_ours_for or facts.setback is not None:
        return _leave_alone(facts)
    if facts.claim_to_renew:
        return _claim_anew(facts.status)
    return _go_on(facts, phase)


def _leave_alone(facts: Facts) -> Decision:
    if facts.setback is None or facts.not_ours_for:
        return Rest(next_in=facts.not_ours_for)
    return GiveUp(setback=facts.setback)


def _after_the_end(facts: Facts) -> Rest | Expire:
    left = ttl_left(facts.spec, facts.status, facts.now)
    return Expire() if left is not None and left <= 0 else Rest(next_in=left)


def _claim_anew(status: Mapping[str, Any]) -> Claim:
    """Key and algorithm stay: the operation is the same one."""
    return Claim(key_id=str(status["keyId"]), algorithm=str(status.get("algorithm") or ""))


def _go_on(facts: Facts, phase: Phase) -> Decision:
    if facts.vault_key is None:
        raise ValueError("nothing was observed")
    return _claim(facts, facts.vault_key) if phase is Phase.NEW else _act(facts, facts.vault_key)


def _claim(facts: Facts, key: Key) -> Decision:
    problem = check_key(facts.spec, key, facts.now)
    if problem is not None:
        return GiveUp(setback=problem)
    if facts.spec.operation is CryptoOperation.ROTATE_KEY:
        return _claim_rotation(facts, key)
    named = facts.payload.algorithm if facts.payload is not None else ""
    algorithm = choose_algorithm(facts.spec, named, key)
    if not algorithm:
        message = f"key {facts.spec.key} is of type {key.key.kty}, which cannot {facts.spec.operation}"
        return GiveUp(setback=final(Reason.KEY_OPERATION_NOT_ALLOWED, message))
    return Claim(key_id=key.key.kid, algorithm=algorithm)


def _claim_rotation(facts: Facts, key: Key) -> Decision:
    """A version that is too young completes the job, so that creating it again does not rotate again."""
    created = key.properties.created_on
    if created is not None and facts.now - created < facts.spec.min_age:
        age = render_duration(facts.now - created)
        least = render_duration(facts.spec.min_age)
        return Conclude(
            reason=Reason.ROTATION_NOT_DUE,
            message=f"the latest version of key {facts.spec.key} is {age} old, younger than minAge ({least})",
            key_id=key.key.kid,
        )
    return Claim(key_id=key.key.kid, algorithm="")


def _act(facts: Facts, key: Key) -> Decision:
    claimed = str(facts.status.get("keyId"))
    if facts.spec.operation is CryptoOperation.ROTATE_KEY:
        if key.key.kid == claimed:
            return Rotate()
        return Conclude(reason=Reason.COMPLETED, message=_rotated(facts), key_id=key.key.kid)
    if facts.payload is None:
        raise ValueError("nothing was observed")
    problem = check_key(facts.spec, key, facts.now)
    if problem is not None:  # the claim may be old: a job goes on after a crash, a failure, a suspension
        return GiveUp(setback=problem)
    algorithm = str(facts.status.get("algorithm"))
    others = other_sizes(facts.spec, facts.payload.algorithm, algorithm)
    return Run(spec=facts.spec, vault_key=key, algorithm=algorithm, others=others, payload=facts.payload)


def _rotated(facts: Facts) -> str:
    return f"key {facts.spec.key} has a new version"
