"""Pure: what an error of the vault means for conditions and for whoever asks the vault next."""

from dataclasses import dataclass, replace
from typing import Final

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

OF_CLUSTER = (
    Reason.CA_BUNDLE_NOT_FOUND,
    Reason.CA_BUNDLE_INVALID,
    Reason.SERVICE_ACCOUNT_NOT_FOUND,
    Reason.SERVICE_ACCOUNT_NOT_ANNOTATED,
    Reason.RIGHT_MISSING,
    Reason.CLUSTER_ERROR,
)
"""What a client is made of and the cluster did not give; a KeyVault's matter, not its readers'."""
_BY_CODE = {reason.word: reason for reason in OF_CLUSTER}

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
    Reason.CA_BUNDLE_NOT_FOUND: "create it or correct spec.caBundleRef; it will be looked for again",
    Reason.CA_BUNDLE_INVALID: "correct what is there; it will be read again",
    Reason.SERVICE_ACCOUNT_NOT_FOUND: "create it or correct serviceAccountRef; it will be looked for again",
    Reason.SERVICE_ACCOUNT_NOT_ANNOTATED: "annotate it or name the id in spec.auth; it will be read again",
    Reason.RIGHT_MISSING: "grant it to the account that asks; will be retried",
    Reason.CLUSTER_ERROR: "will be retried",
}
_NO_ENDPOINT: Final = (
    "check spec.authorityHost, and DNS, network rules and the CA on the way to Microsoft Entra ID, or with a "
    "managed identity to the node's own endpoint; will be retried"
)
_LOOKED_FOR: Final = "create it or correct the reference in spec.auth; it will be looked for again"
_STEP_OF_CODE: Final = {
    "TokenEndpointUnreachable": _NO_ENDPOINT,
    "TokenEndpointTimeout": _NO_ENDPOINT,
    "ClientSecretMissing": _LOOKED_FOR,
    "ClientCertificateMissing": _LOOKED_FOR,
    "ClientCertificateUnusable": "correct what certificateRef in spec.auth leads to; it will be read again",
}
"""Where the reason's own step would lead away from the cause: nobody has refused the identity."""


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
    reason = _BY_CODE.get(error.code) or _REASONS.get(error.kind, Reason.VAULT_ERROR)
    if ref is not None and (error.kind is KeyVaultErrorKind.CONFIGURATION or error.code in _BY_CODE):
        reason = Reason.KEYVAULT_NOT_READY
    subject = str(ref) if ref is not None else "the vault"
    status = f"HTTP {error.http_status} " if error.http_status else ""
    step = _STEP_OF_CODE.get(error.code) or _NEXT_STEP.get(reason, "")
    parts = [f"{subject}: {status}{error.code}", error.detail, step]
    return Trouble(
        reason=reason,
        message="; ".join(part for part in parts if part),
        retry_after=error.retry_after,
        vault_wide=error.kind in _AT_ONCE or error.kind in _AFTER_SOME,
    )


def trouble_for_readers(trouble: Trouble) -> Trouble:
    """What a binding tells of its vault's trouble: what a KeyVault is made of is its matter alone."""
    if trouble.reason not in (Reason.INVALID_SPEC, *OF_CLUSTER):
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
