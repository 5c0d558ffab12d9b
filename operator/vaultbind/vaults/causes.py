"""Pure: what an error of the vault means for conditions and for whoever asks the vault next."""

from dataclasses import dataclass, replace

from vaultbind.api.conditions import Reason
from vaultbind.api.refs import VaultObjectRef
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind

_REASONS: dict[KeyVaultErrorKind, Reason] = {
    KeyVaultErrorKind.SECRET_NOT_FOUND: Reason.OBJECT_NOT_FOUND,
    KeyVaultErrorKind.KEY_NOT_FOUND: Reason.OBJECT_NOT_FOUND,
    KeyVaultErrorKind.CERTIFICATE_NOT_FOUND: Reason.OBJECT_NOT_FOUND,
    KeyVaultErrorKind.DELETED_BUT_RECOVERABLE: Reason.OBJECT_NOT_FOUND,
    KeyVaultErrorKind.DISABLED: Reason.OBJECT_DISABLED,
    KeyVaultErrorKind.FORBIDDEN: Reason.FORBIDDEN,
    KeyVaultErrorKind.FORBIDDEN_BY_FIREWALL: Reason.FORBIDDEN,
    KeyVaultErrorKind.UNAUTHORIZED: Reason.UNAUTHORIZED,
    KeyVaultErrorKind.AUTHENTICATION_FAILED: Reason.UNAUTHORIZED,
    KeyVaultErrorKind.THROTTLED: Reason.THROTTLED,
    KeyVaultErrorKind.RATE_LIMITED: Reason.THROTTLED,
    KeyVaultErrorKind.TIMEOUT: Reason.TIMEOUT,
    KeyVaultErrorKind.UNREACHABLE: Reason.UNREACHABLE,
    KeyVaultErrorKind.BREAKER_OPEN: Reason.UNREACHABLE,
    KeyVaultErrorKind.VALIDATION: Reason.INVALID_SPEC,
    KeyVaultErrorKind.CONFIGURATION: Reason.INVALID_SPEC,
}

_OF_OBJECT = frozenset(
    {
        KeyVaultErrorKind.DISABLED,
        KeyVaultErrorKind.FORBIDDEN,
        KeyVaultErrorKind.OPERATION_FORBIDDEN,
        KeyVaultErrorKind.BAD_PARAMETER,
        KeyVaultErrorKind.VALIDATION,
    }
)
_NOT_FOUND = frozenset(kind for kind, reason in _REASONS.items() if reason is Reason.OBJECT_NOT_FOUND)

_AT_ONCE = frozenset(
    {
        KeyVaultErrorKind.THROTTLED,
        KeyVaultErrorKind.UNAUTHORIZED,
        KeyVaultErrorKind.AUTHENTICATION_FAILED,
        KeyVaultErrorKind.FORBIDDEN_BY_FIREWALL,
        KeyVaultErrorKind.BREAKER_OPEN,
    }
)
_AFTER_SOME = frozenset(
    {
        KeyVaultErrorKind.TIMEOUT,
        KeyVaultErrorKind.UNREACHABLE,
        KeyVaultErrorKind.SERVER_ERROR,
    }
)
FAILURES_BEFORE_PAUSE = 3

_NEXT_STEP: dict[Reason, str] = {
    Reason.OBJECT_NOT_FOUND: "create or recover it in the vault, or mark the entry optional",
    Reason.OBJECT_DISABLED: "enable it in the vault",
    Reason.FORBIDDEN: "grant the identity a role that may read it (Key Vault Secrets User for secrets)",
    Reason.UNAUTHORIZED: "check the identity that the KeyVault's spec.auth names",
    Reason.THROTTLED: "will be retried at the vault's pace",
    Reason.TIMEOUT: "will be retried",
    Reason.UNREACHABLE: "check the URL, DNS, network rules and the CA; will be retried",
    Reason.VAULT_ERROR: "will be retried",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A failure for a condition: reason, message without Azure's text, seconds that the vault asked for."""

    reason: Reason
    message: str
    retry_after: float | None = None
    vault_wide: bool = False


def is_not_found(error: KeyVaultError) -> bool:
    """Whether the vault says that the object does not exist (deleted objects included)."""
    return error.kind in _NOT_FOUND


def is_of_object(error: KeyVaultError) -> bool:
    """Whether the vault refuses just this object: it answers, and says nothing about any other."""
    return error.kind in _OF_OBJECT


def decide_trouble(error: KeyVaultError, ref: VaultObjectRef | None = None) -> Trouble:
    """Translate an error; `ref` is the object that was asked for, None for the vault as a whole.

    A KeyVault that cannot be used as it stands is InvalidSpec of the KeyVault, not of its bindings.
    """
    reason = _REASONS.get(error.kind, Reason.VAULT_ERROR)
    if ref is not None and error.kind is KeyVaultErrorKind.CONFIGURATION:
        reason = Reason.KEYVAULT_NOT_READY
    subject = str(ref) if ref is not None else "the vault"
    status = f"HTTP {error.http_status} " if error.http_status else ""
    parts = [f"{subject}: {status}{error.code}", error.detail, _NEXT_STEP.get(reason, "")]
    return Trouble(
        reason=reason,
        message="; ".join(part for part in parts if part),
        retry_after=error.retry_after,
        vault_wide=error.kind in _AT_ONCE or error.kind in _AFTER_SOME,
    )


def trouble_for_readers(trouble: Trouble) -> Trouble:
    """What a binding tells of its vault's trouble: a spec that is wrong is the KeyVault's, not its own."""
    if trouble.reason is not Reason.INVALID_SPEC:
        return trouble
    return replace(trouble, reason=Reason.KEYVAULT_NOT_READY)


def decide_pause(error: KeyVaultError, failures: int, draw: float) -> float:
    """Seconds during which the vault is left alone after so many failures in a row (0: go on).

    `draw` is a random number in [0, 1). Throttling and refused identities pause at once, slow and broken
    answers after some in a row.
    """
    if error.kind in _AT_ONCE or (error.kind in _AFTER_SOME and failures >= FAILURES_BEFORE_PAUSE):
        ceiling = min(60.0, 2.0 ** min(failures, 6))
        return max(error.retry_after or 0.0, ceiling * (0.5 + draw / 2))
    return 0.0
