"""The table of a job's life."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.cryptojobs.objects import (
    COMPLETE,
    FAILED,
    NEW,
    NOW,
    OLD,
    URL,
    at,
    condition,
    facts,
    key,
    spec,
)
from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoJobSpec
from vaultbind.cryptojobs.facts import (
    Claim,
    Conclude,
    Expire,
    Facts,
    GiveUp,
    HoldBack,
    Payload,
    Rest,
    Rotate,
    Run,
    Setback,
    Weight,
)
from vaultbind.cryptojobs.phase import (
    Claimant,
    Phase,
    claim_left,
    deadline_left,
    decide_phase,
    parse_stamp,
    ttl_left,
)
from vaultbind.cryptojobs.plan import decide
from vaultbind.cryptojobs.rules import check_key, choose_algorithm, other_sizes
from vaultbind.keyvault import Key

CLAIMED = {"keyId": f"{URL}/keys/k/{OLD}", "algorithm": "ES256", "startTime": at(5)}
ENDED = {"completionTime": at(100)}
PAYLOAD = Payload(data=b"hello")
RUNNING = {**condition("Ready", "Unknown", "Running"), "lastTransitionTime": at(3)}


@pytest.mark.parametrize(
    ("of", "status", "phase"),
    [
        (spec(), {}, Phase.NEW),
        (spec(), {"startTime": at(5)}, Phase.NEW),
        (spec(), CLAIMED, Phase.CLAIMED),
        (spec(suspend=True), CLAIMED, Phase.SUSPENDED),
        (spec(suspend=True), {"conditions": [COMPLETE]}, Phase.FINISHED),
        (spec(), {**CLAIMED, "conditions": [FAILED]}, Phase.FINISHED),
        (spec(), {"conditions": [condition("Complete", "False", "Completed")]}, Phase.NEW),
        (spec(activeDeadlineSeconds=5), {}, Phase.NEW),
        (spec(activeDeadlineSeconds=6), CLAIMED, Phase.CLAIMED),
        (spec(activeDeadlineSeconds=5), CLAIMED, Phase.OVERDUE),
        (spec(activeDeadlineSeconds=5, suspend=True), CLAIMED, Phase.SUSPENDED),
        (spec(activeDeadlineSeconds=5), {**CLAIMED, "conditions": [COMPLETE]}, Phase.FINISHED),
    ],
)
def test_phases(of: CryptoJobSpec, status: Mapping[str, Any], phase: Phase) -> None:
    assert decide_phase(of, status, NOW) is phase


@pytest.mark.parametrize(
    ("status", "exclusive", "seconds"),
    [
        ({**CLAIMED, "claimedBy": "other"}, False, 55),
        ({**CLAIMED, "claimedBy": "other"}, True, 0),
        ({**CLAIMED, "claimedBy": "me"}, False, 0),
        (CLAIMED, False, 0),
        ({"claimedBy": "other"}, False, 0),
        ({**CLAIMED, "claimedBy": "other", "startTime": at(11)}, False, 0),
        ({**CLAIMED, "claimedBy": "other", "startTime": at(10)}, False, 50),
        ({**CLAIMED, "claimedBy": "other", "startTime": at(11), "conditions": [RUNNING]}, False, 57),
        ({**CLAIMED, "claimedBy": "other", "startTime": at(90), "takenOverAt": at(2)}, False, 58),
    ],
)
def test_claims_of_others(status: Mapping[str, Any], exclusive: bool, seconds: float) -> None:
    me = Claimant(name="me", began=NOW - timedelta(seconds=10), exclusive=exclusive)
    assert claim_left(status, me, NOW) == seconds


def test_times_that_are_left() -> None:
    assert deadline_left(spec(), CLAIMED, NOW) is None
    assert deadline_left(spec(activeDeadlineSeconds=8), CLAIMED, NOW) == 3
    assert deadline_left(spec(activeDeadlineSeconds=8), {}, NOW) == 8
    assert ttl_left(spec(), ENDED, NOW) is None
    assert ttl_left(spec(ttlSecondsAfterFinished=60), {}, NOW) is None
    assert ttl_left(spec(ttlSecondsAfterFinished=60), ENDED, NOW) == -40
    assert parse_stamp("yesterday") is None


LOST = Setback(reason=Reason.INPUT_NOT_FOUND, message="m", weight=Weight.WAIT)


@pytest.mark.parametrize(
    ("given", "decision"),
    [
        (facts(status={"conditions": [COMPLETE], **ENDED}), Rest()),
        (
            facts(spec(ttlSecondsAfterFinished=160), {"conditions": [COMPLETE], **ENDED}),
            Rest(next_in=60.0),
        ),
        (facts(spec(ttlSecondsAfterFinished=100), {"conditions": [FAILED], **ENDED}), Expire()),
        (facts(spec(suspend=True), CLAIMED), HoldBack()),
        (facts(status=CLAIMED, setback=LOST, not_ours_for=9.0), Rest(next_in=9.0)),
        (facts(setback=LOST), GiveUp(setback=LOST)),
        (facts(vault_key=key()), Claim(key_id=f"{URL}/keys/k/{OLD}", algorithm="ES256")),
        (
            facts(vault_key=key(), payload=Payload(data=b"", algorithm="ES384")),
            Claim(key_id=f"{URL}/keys/k/{OLD}", algorithm="ES384"),
        ),
        (
            facts(status=CLAIMED, vault_key=key(), payload=PAYLOAD),
            Run(spec=spec(), vault_key=key(), algorithm="ES256", payload=PAYLOAD),
        ),
    ],
)
def test_decisions(given: Facts, decision: object) -> None:
    assert decide(given) == decision


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"enabled": False}, Reason.KEY_DISABLED),
        ({"expires_on": NOW}, Reason.KEY_EXPIRED),
        ({"not_before": NOW + timedelta(seconds=1)}, Reason.KEY_NOT_YET_VALID),
        ({"operations": ("verify",)}, Reason.KEY_OPERATION_NOT_ALLOWED),
    ],
)
def test_a_claimed_job_checks_its_key_again(changes: Mapping[str, Any], reason: Reason) -> None:
    decision = decide(facts(status=CLAIMED, vault_key=key(**changes), payload=PAYLOAD))
    assert isinstance(decision, GiveUp)
    assert decision.setback.reason is reason


def test_a_deadline_goes_before_a_setback_and_names_itself() -> None:
    decision = decide(facts(spec(activeDeadlineSeconds=5), CLAIMED, setback=LOST))
    assert isinstance(decision, GiveUp)
    assert (decision.setback.reason, decision.setback.weight) == (Reason.DEADLINE_EXCEEDED, Weight.FINAL)
    assert "5 s" in decision.setback.message


def test_a_key_that_may_not_be_used_is_not_claimed() -> None:
    decision = decide(facts(vault_key=key(enabled=False)))
    assert isinstance(decision, GiveUp)
    assert decision.setback.reason is Reason.KEY_DISABLED


def test_a_key_that_offers_nothing_for_the_operation() -> None:
    decision = decide(facts(spec("Encrypt"), vault_key=key()))
    assert isinstance(decision, GiveUp)
    assert decision.setback.reason is Reason.KEY_OPERATION_NOT_ALLOWED
    assert decision.setback.weight is Weight.FINAL


@pytest.mark.parametrize("status", [{}, CLAIMED])
def test_facts_without_what_was_to_be_observed_are_a_bug(status: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="nothing was observed"):
        decide(facts(status=status))
    if status:
        with pytest.raises(ValueError, match="nothing was observed"):
            decide(facts(status=status, vault_key=key()))


# -- rotation -----------------------------------------------------------------------------------------


def rotation(**fields: Any) -> Facts:
    created = NOW - timedelta(hours=2)
    return facts(spec("RotateKey", **fields.pop("spec", {})), vault_key=key(created_on=created), **fields)


def test_a_rotation_is_claimed_with_the_version_before() -> None:
    assert decide(rotation(spec={"minAge": "2h"})) == Claim(key_id=f"{URL}/keys/k/{OLD}", algorithm="")


def test_a_young_version_is_not_rotated() -> None:
    decision = decide(rotation(spec={"minAge": "2h1s"}))
    assert isinstance(decision, Conclude)
    assert (decision.reason, decision.key_id) == (Reason.ROTATION_NOT_DUE, f"{URL}/keys/k/{OLD}")
    assert decision.message.endswith("is 2h old, younger than minAge (2h1s)")
    assert isinstance(decide(rotation()), Conclude), "a day where nothing is said"


def test_a_key_without_a_time_is_rotated() -> None:
    assert isinstance(decide(facts(spec("RotateKey"), vault_key=key())), Claim)


def test_a_claimed_rotation_is_done_once() -> None:
    of = spec("RotateKey")
    assert decide(facts(of, CLAIMED, vault_key=key())) == Rotate()
    newer = decide(facts(of, CLAIMED, vault_key=key(version=NEW)))
    assert isinstance(newer, Conclude)
    assert (newer.reason, newer.key_id) == (Reason.COMPLETED, f"{URL}/keys/k/{NEW}")


# -- keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "fields", "reason"),
    [
        ("Sign", {}, None),
        ("Sign", {"enabled": False}, Reason.KEY_DISABLED),
        ("Sign", {"operations": ("verify",)}, Reason.KEY_OPERATION_NOT_ALLOWED),
        ("Verify", {"operations": ("verify",)}, None),
        ("Encrypt", {"operations": ("wrapKey",)}, Reason.KEY_OPERATION_NOT_ALLOWED),
        ("WrapKey", {"operations": ("wrapKey",)}, None),
        ("Sign", {"not_before": NOW + timedelta(seconds=1)}, Reason.KEY_NOT_YET_VALID),
        ("Sign", {"not_before": NOW}, None),
        ("Sign", {"expires_on": NOW}, Reason.KEY_EXPIRED),
        ("Sign", {"expires_on": NOW + timedelta(seconds=1)}, None),
        *(
            (operation, {"expires_on": NOW, "not_before": NOW - timedelta(days=1)}, None)
            for operation in ("Decrypt", "UnwrapKey", "Verify")
        ),
        *((operation, {"expires_on": NOW}, Reason.KEY_EXPIRED) for operation in ("Encrypt", "WrapKey")),
        ("RotateKey", {"enabled": False, "operations": (), "expires_on": NOW}, None),
    ],
)
def test_keys_are_checked_as_the_service_would(
    operation: str, fields: Mapping[str, Any], reason: Reason | None
) -> None:
    problem = check_key(spec(operation), key(**fields), NOW)
    assert (problem.reason if problem else None) is reason


@pytest.mark.parametrize(("operation", "needed"), [("Encrypt", "wrapKey"), ("Decrypt", "unwrapKey")])
def test_an_envelope_needs_another_right_of_the_key(operation: str, needed: str) -> None:
    of = spec(operation, envelope=True)
    assert check_key(of, key(operations=(needed,)), NOW) is None
    assert check_key(of, key(operations=("encrypt", "decrypt")), NOW) is not None


def test_a_key_that_is_not_valid_yet_is_waited_for() -> None:
    problem = check_key(spec(), key(not_before=NOW + timedelta(seconds=90)), NOW)
    assert problem is not None
    assert (problem.weight, problem.retry_after) == (Weight.WAIT, 90)


@pytest.mark.parametrize(
    ("of", "named", "algorithm", "others"),
    [
        (spec("Encrypt"), "", "A256GCM", ("A192GCM", "A128GCM")),
        (spec("WrapKey"), "", "A256KW", ("A192KW", "A128KW")),
        (spec("Encrypt", envelope=True), "", "A256KW", ("A192KW", "A128KW")),
        (spec("Encrypt", algorithm="A256GCM"), "", "A256GCM", ()),
        (spec("Decrypt"), "A256GCM", "A256GCM", ()),
        (spec("Decrypt", envelope=True), "", "A256KW", ()),
        (spec("Encrypt"), "", "RSA-OAEP-256", ()),
        (spec(), "", "HS256", ()),
    ],
)
def test_other_sizes_of_a_default(
    of: CryptoJobSpec, named: str, algorithm: str, others: tuple[str, ...]
) -> None:
    assert other_sizes(of, named, algorithm) == others


RSA, OCT = key("RSA"), key("oct-HSM")


@pytest.mark.parametrize(
    ("of", "named", "given", "algorithm"),
    [
        (spec(algorithm="PS512"), "RS256", RSA, "PS512"),
        (spec(), "RS384", RSA, "RS384"),
        (spec(), "", RSA, "RS256"),
        (spec(), "", key("RSA-HSM"), "RS256"),
        (spec(), "", OCT, "HS256"),
        *(
            (spec(), "", key("EC-HSM", crv), name)
            for crv, name in (
                ("P-256", "ES256"),
                ("P-256K", "ES256K"),
                ("P-384", "ES384"),
                ("P-521", "ES512"),
                ("P-999", ""),
            )
        ),
        (spec("Encrypt"), "", key(), ""),
        (spec("Encrypt"), "", RSA, "RSA-OAEP-256"),
        (spec("Encrypt"), "", OCT, "A256GCM"),
        (spec("Encrypt", envelope=True), "", OCT, "A256KW"),
        (spec("WrapKey"), "", RSA, "RSA-OAEP-256"),
        (spec("WrapKey"), "", OCT, "A256KW"),
        (spec("RotateKey"), "", RSA, ""),
    ],
)
def test_algorithms(of: CryptoJobSpec, named: str, given: Key, algorithm: str) -> None:
    assert choose_algorithm(of, named, given) == algorithm
