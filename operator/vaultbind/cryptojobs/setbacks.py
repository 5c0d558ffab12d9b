"""Pure: what an error of the vault or of the API server, or the deadline, means for a job."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from vaultbind.api.conditions import Reason
from vaultbind.api.cryptojob import CryptoJobSpec, CryptoOperation
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.cryptojobs.deadline import OverdueError
from vaultbind.cryptojobs.facts import Facts, Setback, Weight
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind
from vaultbind.kube.errors import KubeError
from vaultbind.vaults.causes import Trouble, decide_trouble, is_not_found, trouble_for_readers
from vaultbind.vaults.session import VaultPausedError, VaultSession

_REASONS: Final = {
    KeyVaultErrorKind.DISABLED: Reason.KEY_DISABLED,
    KeyVaultErrorKind.OPERATION_FORBIDDEN: Reason.KEY_OPERATION_NOT_ALLOWED,
    KeyVaultErrorKind.BAD_PARAMETER: Reason.OPERATION_REFUSED,
    KeyVaultErrorKind.VALIDATION: Reason.INPUT_INVALID,
    KeyVaultErrorKind.FORBIDDEN: Reason.FORBIDDEN,
}
_NEXT_STEP: Final = {
    Reason.KEY_NOT_FOUND: "create or recover it in the vault",
    Reason.KEY_DISABLED: "enable it in the vault",
    Reason.KEY_OPERATION_NOT_ALLOWED: "key_ops, nbf and exp of the key in the vault say what it may do now",
    Reason.OPERATION_REFUSED: "check input, algorithm and key.version: it must be what the other side used",
    Reason.FORBIDDEN: "grant the identity a role that may use it: Key Vault Crypto User; to rotate, Officer",
}
_FINAL: Final = frozenset({Reason.OPERATION_REFUSED, Reason.INPUT_INVALID})
_NO_ATTEMPT: Final = frozenset({KeyVaultErrorKind.RATE_LIMITED})


TROUBLES: Final = (OverdueError, VaultPausedError, KeyVaultError, KubeError)
"""What a pass may run into; `setback_of` has a setback for each."""


def setback_of(facts: Facts, error: Exception, session: VaultSession | None) -> Setback:
    """Translate one of TROUBLES."""
    if isinstance(error, OverdueError):
        return setback_of_deadline(facts.spec, facts.status)
    if isinstance(error, VaultPausedError):
        return setback_of_pause(error.trouble)
    if isinstance(error, KeyVaultError):
        in_trouble = session is not None and session.trouble is not None
        return setback_of_vault(facts.spec, error, vault_in_trouble=in_trouble)
    if isinstance(error, KubeError):
        return setback_of_cluster(error)
    raise error


def setback_of_vault(spec: CryptoJobSpec, error: KeyVaultError, *, vault_in_trouble: bool) -> Setback:
    """Translate the vault's refusal; while the vault as a whole is in trouble, no attempt is counted."""
    ref = VaultObjectRef(VaultObjectKind.KEY, spec.key, spec.key_version)
    reason = Reason.KEY_NOT_FOUND if is_not_found(error) else _REASONS.get(error.kind)
    if reason is None:
        trouble = decide_trouble(error, ref)
        waits = vault_in_trouble or error.kind in _NO_ATTEMPT
        return Setback(
            reason=trouble.reason,
            message=trouble.message,
            weight=Weight.WAIT if waits else Weight.ATTEMPT,
            retry_after=trouble.retry_after,
        )
    status = f"HTTP {error.http_status} " if error.http_status else ""
    parts = [f"{ref}: {status}{error.code}", error.detail, _NEXT_STEP.get(reason, "")]
    return Setback(
        reason=reason,
        message="; ".join(part for part in parts if part),
        weight=Weight.FINAL if reason in _FINAL else Weight.ATTEMPT,
        retry_after=error.retry_after,
    )


def setback_of_pause(trouble: Trouble) -> Setback:
    """The vault is left alone for now: come back when that is over."""
    told = trouble_for_readers(trouble)
    return Setback(
        reason=told.reason, message=told.message, weight=Weight.WAIT, retry_after=trouble.retry_after
    )


def setback_of_cluster(error: KubeError) -> Setback:
    """Translate the API server's refusal of a read or write."""
    return Setback(
        reason=Reason.CLUSTER_ERROR,
        message=error.message,
        weight=Weight.WAIT if error.retryable else Weight.ATTEMPT,
        retry_after=error.retry_after,
    )


def setback_of_deadline(spec: CryptoJobSpec, status: Mapping[str, Any]) -> Setback:
    """The end by activeDeadlineSeconds. Of a claimed rotation only the vault knows whether it was done."""
    seconds = int((spec.active_deadline or timedelta(0)).total_seconds())
    message = f"not done within {seconds} s (activeDeadlineSeconds)"
    if spec.operation is CryptoOperation.ROTATE_KEY and status.get("keyId"):
        message += (
            f"; whether the vault has made a new version of key {spec.key} is not known: "
            "compare its latest with status.keyId, which was the latest before"
        )
    return final(Reason.DEADLINE_EXCEEDED, message)


def final(reason: Reason, message: str) -> Setback:
    """A setback after which trying again would end the same way."""
    return Setback(reason=reason, message=message, weight=Weight.FINAL)
