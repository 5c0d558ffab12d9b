"""What a pass tells: conditions, fields, when to come back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.cryptojobs.objects import COMPLETE, NEW, NOW, OLD, READY, URL, at, condition, facts, key, spec
from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoJobSpec
from vaultbind.cryptojobs.facts import (
    Applied,
    Claim,
    Conclude,
    Decision,
    Expire,
    GiveUp,
    HoldBack,
    Payload,
    Rest,
    Result,
    Rotate,
    Run,
    Setback,
    Weight,
)
from vaultbind.cryptojobs.report import report, report_invalid
from vaultbind.cryptojobs.setbacks import (
    setback_of_cluster,
    setback_of_pause,
    setback_of_vault,
)
from vaultbind.engine.report import Report
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.vaults.causes import Trouble
from vaultbind.vaults.policy import Denial

KEY_ID, NEW_ID = f"{URL}/keys/k/{OLD}", f"{URL}/keys/k/{NEW}"
CLAIMED = {"startTime": at(65), "keyId": KEY_ID, "algorithm": "ES256"}


def shown(told: Report) -> list[str]:
    return [f"{item.type.value} {item.status.value} {item.reason.word}" for item in told.conditions]


def tell(
    decision: Decision,
    applied: Applied | None = None,
    of: CryptoJobSpec | None = None,
    status: Mapping[str, Any] | None = None,
    took: float = 0.0,
) -> Report:
    """`took`: seconds of the pass."""
    return report(facts(of, status), decision, applied or Applied(), NOW + timedelta(seconds=took))


def run(of: CryptoJobSpec) -> Run:
    return Run(spec=of, vault_key=key(), algorithm="ES256", payload=Payload(data=b""))


def setback(weight: Weight, reason: Reason = Reason.KEY_NOT_FOUND, **fields: Any) -> GiveUp:
    return GiveUp(setback=Setback(reason=reason, message="m", weight=weight, **fields))


def test_a_claim_comes_back_at_once() -> None:
    told = tell(Claim(key_id=KEY_ID, algorithm="ES256"))
    assert shown(told) == ["Ready Unknown Running"]
    assert told.fields == {"startTime": at(0), "claimedBy": "me", "keyId": KEY_ID, "algorithm": "ES256"}
    assert (told.next_in, told.retry) == (0.0, False)
    assert "algorithm" not in tell(Claim(key_id=KEY_ID, algorithm="")).fields


def test_the_end_in_the_status() -> None:
    of = spec()
    result = Result(key_id=KEY_ID, value="c2ln", iv=b"i", tag=b"t", aad=b"a")
    told = tell(run(of), Applied(result=result), of, CLAIMED)
    assert shown(told) == ["Complete True Completed", "Ready True Completed"]
    assert told.fields == {
        "startTime": at(65),
        "completionTime": at(0),
        "duration": "1m5s",
        "keyId": KEY_ID,
        "result": {"value": "c2ln", "iv": "aQ==", "tag": "dA==", "aad": "YQ=="},
    }
    assert told.next_in is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3_601, "1h1s"), (90_061, "25h1m1s"), (-5, "0s")],
)
def test_durations(seconds: int, text: str) -> None:
    of = spec()
    told = tell(run(of), Applied(result=Result(key_id="")), of, {**CLAIMED, "startTime": at(seconds)})
    assert told.fields["duration"] == text


def test_the_end_counts_the_time_of_the_operation_itself() -> None:
    of = spec()
    told = tell(run(of), Applied(result=Result(key_id=KEY_ID)), of, CLAIMED, took=10)
    assert (told.fields["completionTime"], told.fields["duration"]) == (at(-10), "1m15s")
    failed = tell(setback(Weight.FINAL), status={}, took=10)
    assert (failed.fields["startTime"], failed.fields["duration"]) == (at(0), "10s")


def test_the_end_names_the_algorithm_that_fitted() -> None:
    told = tell(run(spec()), Applied(result=Result(key_id=KEY_ID, algorithm="ES384")), status=CLAIMED)
    assert told.fields["algorithm"] == "ES384"


def test_the_end_elsewhere() -> None:
    of = spec("Decrypt", ttlSecondsAfterFinished=60)
    told = tell(run(of), Applied(result=Result(key_id=KEY_ID, secret=b"hunter2")), of, CLAIMED)
    assert told.fields["output"] == {"kind": "Secret", "name": "out"}
    assert "result" not in told.fields
    assert told.next_in == 60
    assert "hunter2" not in repr(told)


@pytest.mark.parametrize(("valid", "words"), [(True, "is valid"), (False, "is not valid")])
def test_the_end_of_a_verification(valid: bool, words: str) -> None:
    of = spec("Verify")
    told = tell(run(of), Applied(result=Result(key_id=KEY_ID, valid=valid)), of, CLAIMED)
    assert told.fields["result"] == {"valid": valid}
    assert words in told.conditions[0].message


def test_the_end_of_a_rotation() -> None:
    of = spec("RotateKey")
    told = tell(Rotate(), Applied(result=Result(key_id=NEW_ID)), of, CLAIMED)
    assert (told.fields["keyId"], told.fields["previousKeyId"]) == (NEW_ID, KEY_ID)
    assert "result" not in told.fields
    young = tell(Conclude(reason=Reason.ROTATION_NOT_DUE, message="m", key_id=KEY_ID), of=of)
    assert shown(young) == ["Complete True RotationNotDue", "Ready True RotationNotDue"]
    assert "previousKeyId" not in young.fields


def test_waiting_counts_nothing() -> None:
    told = tell(setback(Weight.WAIT, retry_after=7.0), of=spec(activeDeadlineSeconds=100), status=CLAIMED)
    assert shown(told) == ["Ready False KeyNotFound"]
    assert told.fields == {"startTime": at(65)}
    assert (told.retry, told.retry_after, told.next_in) == (True, 7.0, 35.0)


def test_who_is_woken_does_not_come_back_alone() -> None:
    told = tell(setback(Weight.WAIT, Reason.OPERATION_NOT_ALLOWED, woken=True))
    assert shown(told) == ["Ready False OperationNotAllowed", "Stalled True OperationNotAllowed"]
    assert not told.retry


@pytest.mark.parametrize(("attempts", "limit", "fails"), [(0, 1, False), (1, 1, True), (0, 0, True)])
def test_attempts(attempts: int, limit: int, fails: bool) -> None:
    told = tell(
        setback(Weight.ATTEMPT), of=spec(backoffLimit=limit), status={**CLAIMED, "attempts": attempts}
    )
    assert told.fields["attempts"] == attempts + 1
    if not fails:
        assert (shown(told), told.retry) == (["Ready False KeyNotFound"], True)
        return
    assert shown(told) == [
        f"{kind} BackoffLimitExceeded" for kind in ("Failed True", "Ready False", "Stalled True")
    ]
    assert "the last one with KeyNotFound: m" in told.conditions[0].message
    assert not told.retry


def test_what_is_final_fails_at_once_and_may_have_a_result() -> None:
    of = spec("Verify", failOnInvalid=True, ttlSecondsAfterFinished=9)
    wrong = Setback(reason=Reason.SIGNATURE_INVALID, message="m", weight=Weight.FINAL)
    told = tell(run(of), Applied(result=Result(key_id=KEY_ID, valid=False), setback=wrong), of, CLAIMED)
    assert shown(told)[0] == "Failed True SignatureInvalid"
    assert told.fields["result"] == {"valid": False}
    assert (told.next_in, told.retry, "attempts" in told.fields) == (9, False, False)


SUSPENDED = {"conditions": [condition("Suspended", "True", "Suspended")]}


def test_suspension_and_what_comes_after() -> None:
    told = tell(HoldBack(), status=CLAIMED)
    assert shown(told) == ["Suspended True Suspended", "Ready Unknown Suspended"]
    assert told.fields == {"startTime": None}
    again = tell(Claim(key_id=KEY_ID, algorithm="ES256"), status=SUSPENDED)
    assert shown(again) == ["Suspended False Resumed", "Ready Unknown Running"]


def test_finished_stays_as_it_is() -> None:
    odd = condition("Odd", "True", "Odd")
    told = tell(Rest(next_in=5.0), status={"conditions": [COMPLETE, READY, odd], "attempts": 3})
    assert shown(told) == ["Complete True Completed", "Ready True Completed"]
    assert (told.fields, told.next_in) == ({}, 5.0)


def test_a_deletion_that_fails_comes_back() -> None:
    assert tell(Expire()) == Report()
    late = setback_of_cluster(KubeError(KubeErrorKind.THROTTLED, "m", retry_after=3.0))
    assert tell(Expire(), Applied(setback=late)) == Report(retry=True, retry_after=3.0)


def test_a_spec_that_cannot_be_used() -> None:
    told = report_invalid(Denial(reason=Reason.INVALID_SPEC, message="m"))
    assert shown(told) == ["Ready False InvalidSpec", "Stalled True InvalidSpec"]


# -- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "trouble", "reason", "weight"),
    [
        (KeyVaultErrorKind.KEY_NOT_FOUND, False, Reason.KEY_NOT_FOUND, Weight.ATTEMPT),
        (KeyVaultErrorKind.DELETED_BUT_RECOVERABLE, False, Reason.KEY_NOT_FOUND, Weight.ATTEMPT),
        (KeyVaultErrorKind.DISABLED, False, Reason.KEY_DISABLED, Weight.ATTEMPT),
        (KeyVaultErrorKind.OPERATION_FORBIDDEN, False, Reason.KEY_OPERATION_NOT_ALLOWED, Weight.ATTEMPT),
        (KeyVaultErrorKind.FORBIDDEN, False, Reason.FORBIDDEN, Weight.ATTEMPT),
        (KeyVaultErrorKind.BAD_PARAMETER, False, Reason.OPERATION_REFUSED, Weight.FINAL),
        (KeyVaultErrorKind.VALIDATION, False, Reason.INPUT_INVALID, Weight.FINAL),
        (KeyVaultErrorKind.SERVER_ERROR, False, Reason.VAULT_ERROR, Weight.ATTEMPT),
        (KeyVaultErrorKind.SERVER_ERROR, True, Reason.VAULT_ERROR, Weight.WAIT),
        (KeyVaultErrorKind.TIMEOUT, False, Reason.TIMEOUT, Weight.ATTEMPT),
        (KeyVaultErrorKind.THROTTLED, True, Reason.THROTTLED, Weight.WAIT),
        (KeyVaultErrorKind.RATE_LIMITED, False, Reason.THROTTLED, Weight.WAIT),
    ],
)
def test_errors_of_the_vault(kind: KeyVaultErrorKind, trouble: bool, reason: Reason, weight: Weight) -> None:
    error = KeyVaultError(kind, code="Code", detail="detail", http_status=418, retry_after=2.0)
    found = setback_of_vault(spec(), error, vault_in_trouble=trouble)
    assert (found.reason, found.weight, found.retry_after) == (reason, weight, 2.0)
    assert all(word in found.message for word in ("key k", "HTTP 418 Code", "detail"))


def test_a_pause_of_the_vault() -> None:
    found = setback_of_pause(Trouble(reason=Reason.THROTTLED, message="m", retry_after=4.0))
    assert (found.reason, found.weight, found.retry_after) == (Reason.THROTTLED, Weight.WAIT, 4.0)
    wrong = setback_of_pause(Trouble(reason=Reason.INVALID_SPEC, message="m"))
    assert wrong.reason is Reason.KEYVAULT_NOT_READY


@pytest.mark.parametrize(
    ("kind", "weight"), [(KubeErrorKind.UNREACHABLE, Weight.WAIT), (KubeErrorKind.FORBIDDEN, Weight.ATTEMPT)]
)
def test_errors_of_the_cluster(kind: KubeErrorKind, weight: Weight) -> None:
    found = setback_of_cluster(KubeError(kind, "m"))
    assert (found.reason, found.weight, found.message) == (Reason.CLUSTER_ERROR, weight, "m")
