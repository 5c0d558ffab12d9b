"""What each error of a vault means for conditions and for the next request."""

from itertools import pairwise

import pytest

from vaultbind.api.conditions import Reason
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind
from vaultbind.vaults.causes import (
    FAILURES_BEFORE_PAUSE,
    decide_pause,
    decide_trouble,
    is_not_found,
    is_of_object,
    trouble_for_readers,
)

K, R = KeyVaultErrorKind, Reason
REF = VaultObjectRef(VaultObjectKind.SECRET, "db")
NOW, LATER, NEVER = "at once", "after some", "never"

# kind: reason on a binding, on the vault as a whole, when the vault is paused
TABLE: dict[KeyVaultErrorKind, tuple[Reason, Reason, str]] = {
    K.SECRET_NOT_FOUND: (R.OBJECT_NOT_FOUND, R.OBJECT_NOT_FOUND, NEVER),
    K.KEY_NOT_FOUND: (R.OBJECT_NOT_FOUND, R.OBJECT_NOT_FOUND, NEVER),
    K.CERTIFICATE_NOT_FOUND: (R.OBJECT_NOT_FOUND, R.OBJECT_NOT_FOUND, NEVER),
    K.DELETED_BUT_RECOVERABLE: (R.OBJECT_NOT_FOUND, R.OBJECT_NOT_FOUND, NEVER),
    K.NOT_FOUND: (R.VAULT_ERROR, R.VAULT_ERROR, NEVER),
    K.DISABLED: (R.OBJECT_DISABLED, R.OBJECT_DISABLED, NEVER),
    K.FORBIDDEN: (R.FORBIDDEN, R.FORBIDDEN, NEVER),
    K.FORBIDDEN_BY_FIREWALL: (R.FORBIDDEN, R.FORBIDDEN, NOW),
    K.OPERATION_FORBIDDEN: (R.VAULT_ERROR, R.VAULT_ERROR, NEVER),
    K.MANAGED_BY_KEY_VAULT: (R.VAULT_ERROR, R.VAULT_ERROR, NEVER),
    K.UNAUTHORIZED: (R.UNAUTHORIZED, R.UNAUTHORIZED, NOW),
    K.AUTHENTICATION_FAILED: (R.UNAUTHORIZED, R.UNAUTHORIZED, NOW),
    K.BAD_PARAMETER: (R.VAULT_ERROR, R.VAULT_ERROR, NEVER),
    K.CONFLICT: (R.VAULT_ERROR, R.VAULT_ERROR, NEVER),
    K.BEING_DELETED: (R.VAULT_ERROR, R.VAULT_ERROR, NEVER),
    K.BEING_RECOVERED: (R.VAULT_ERROR, R.VAULT_ERROR, NEVER),
    K.THROTTLED: (R.THROTTLED, R.THROTTLED, NOW),
    K.RATE_LIMITED: (R.THROTTLED, R.THROTTLED, NEVER),
    K.TIMEOUT: (R.TIMEOUT, R.TIMEOUT, LATER),
    K.UNREACHABLE: (R.UNREACHABLE, R.UNREACHABLE, LATER),
    K.SERVER_ERROR: (R.VAULT_ERROR, R.VAULT_ERROR, LATER),
    K.BREAKER_OPEN: (R.UNREACHABLE, R.UNREACHABLE, NOW),
    K.VALIDATION: (R.INVALID_SPEC, R.INVALID_SPEC, NEVER),
    K.CONFIGURATION: (R.KEYVAULT_NOT_READY, R.INVALID_SPEC, NEVER),
    K.PROTOCOL: (R.VAULT_ERROR, R.VAULT_ERROR, NEVER),
}


def test_every_kind_is_in_the_table() -> None:
    assert set(TABLE) == set(KeyVaultErrorKind)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.value)
def test_reasons_and_pauses(kind: KeyVaultErrorKind) -> None:
    of_binding, of_vault, pause = TABLE[kind]
    error = KeyVaultError(kind, http_status=499, code="TheCode", detail="our words", retry_after=7.5)
    told, whole = decide_trouble(error, REF), decide_trouble(error)
    assert (told.reason, whole.reason) == (of_binding, of_vault)
    assert told.message.startswith("secret db: HTTP 499 TheCode; our words")
    assert whole.message.startswith("the vault: HTTP 499 TheCode; our words")
    assert told.retry_after == 7.5
    assert told.vault_wide is (pause != NEVER)
    first = {NOW: 1, LATER: FAILURES_BEFORE_PAUSE, NEVER: None}[pause]
    paused = [failures for failures in range(1, 9) if decide_pause(error, failures, 0.5)]
    assert paused == ([] if first is None else list(range(first, 9)))
    assert is_not_found(error) is (of_binding is R.OBJECT_NOT_FOUND)
    assert not (is_of_object(error) and told.vault_wide)


def test_a_spec_that_is_wrong_is_the_keyvaults_own() -> None:
    wrong = decide_trouble(KeyVaultError(K.CONFIGURATION, code="BadCaBundle", retry_after=3))
    told = trouble_for_readers(wrong)
    assert (told.reason, told.message, told.retry_after) == (R.KEYVAULT_NOT_READY, wrong.message, 3)
    other = decide_trouble(KeyVaultError(K.THROTTLED))
    assert trouble_for_readers(other) is other


def test_a_message_without_status_and_detail() -> None:
    trouble = decide_trouble(KeyVaultError(K.TIMEOUT, code="ReadTimeout"))
    assert trouble.message == "the vault: ReadTimeout; will be retried"
    odd = decide_trouble(KeyVaultError(K.VALIDATION, code="Validation"), REF)
    assert odd.message == "secret db: Validation"


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("AADSTS700016", "check the identity that the KeyVault's spec.auth names"),
        ("TokenEndpointUnreachable", "check spec.authorityHost, and DNS, network rules and the CA"),
        ("TokenEndpointTimeout", "check spec.authorityHost, and DNS, network rules and the CA"),
        ("ClientSecretMissing", "create it or correct the reference in spec.auth"),
        ("ClientCertificateMissing", "create it or correct the reference in spec.auth"),
        ("ClientCertificateUnusable", "correct what certificateRef in spec.auth leads to"),
    ],
)
def test_an_identity_is_blamed_only_where_somebody_refused_it(code: str, step: str) -> None:
    trouble = decide_trouble(KeyVaultError(K.AUTHENTICATION_FAILED, code=code))
    assert trouble.reason is R.UNAUTHORIZED
    assert trouble.message.startswith(f"the vault: {code}; {step}")


def test_pauses_grow_with_jitter_up_to_a_minute() -> None:
    error = KeyVaultError(K.THROTTLED)
    longest = [decide_pause(error, failures, 1.0) for failures in range(1, 12)]
    shortest = [decide_pause(error, failures, 0.0) for failures in range(1, 12)]
    assert longest[:6] == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
    assert max(longest) == 60.0
    assert [low * 2 for low in shortest] == longest
    assert all(earlier <= later for earlier, later in pairwise(longest))


@pytest.mark.parametrize(("asked", "pause"), [(0.0, 2.0), (1.0, 2.0), (90.0, 90.0), (3600.0, 3600.0)])
def test_a_pause_is_never_shorter_than_the_vault_asks(asked: float, pause: float) -> None:
    assert decide_pause(KeyVaultError(K.THROTTLED, retry_after=asked), 1, 1.0) == pause
