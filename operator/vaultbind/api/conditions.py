"""Condition types, reasons and the rules of a condition list.

A reason is a member of :class:`Reason`; its sentence says when it is set and is the source of
`docs/reasons.md`. An Event's reason is the same word as the condition's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any


class ConditionType(StrEnum):
    """Types of conditions on our kinds; the comment gives the polarity."""

    READY = "Ready"  # True is good
    SYNCED = "Synced"  # True is good
    STALLED = "Stalled"  # present and True: nothing moves until a person acts
    EXPIRING = "Expiring"  # True: act
    RENEWAL_FAILED = "RenewalFailed"  # present and True: act
    ROTATION_UNMET = "RotationUnmet"  # present and True: act
    COMPLETE = "Complete"  # True: a CryptoJob has done its work
    FAILED = "Failed"  # True: a CryptoJob has given up
    SUSPENDED = "Suspended"  # True: a CryptoJob is held back


class Status(StrEnum):
    """Values of a condition's `status`."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(Enum):
    """Every reason with its sentence and whether only a person can end it (`stalled`)."""

    # -- good
    SYNCED = (
        "Synced",
        "The Secret holds what the vault holds, or held when refreshPolicy says that it was to be taken.",
        False,
    )
    CONNECTED = ("Connected", "The last look at the vault succeeded.", False)
    SECRET_KEPT = ("SecretKept", "The vault fails or lacks an object; the last good Secret is kept.", False)
    SUSPENDED = ("Suspended", "spec.suspend is true: nothing is read or written.", False)
    PRUNED = (
        "Pruned",
        "An object is gone from the vault, and its keys from the Secret, as whenMissing Prune says.",
        False,
    )
    SECRET_DELETED = (
        "SecretDeleted",
        "An object is gone from the vault, and the Secret with it, as whenMissing Delete says.",
        False,
    )
    VALID = ("Valid", "No bound object expires soon.", False)
    # -- ours to wait for
    KEYVAULT_NOT_FOUND = (
        "KeyVaultNotFound",
        "The KeyVault or ClusterKeyVault that vaultRef names does not exist.",
        False,
    )
    KEYVAULT_NOT_READY = (
        "KeyVaultNotReady",
        "The KeyVault that vaultRef names cannot be used; its own conditions say why.",
        False,
    )
    TARGET_NOT_FOUND = (
        "TargetNotFound",
        "creationPolicy Merge waits for a Secret that does not exist yet.",
        False,
    )
    # -- the vault's answer
    OBJECT_NOT_FOUND = (
        "ObjectNotFound",
        "The vault has no such object; an existing Secret is kept.",
        False,
    )
    OBJECT_DELETED = (
        "ObjectDeleted",
        "The object is deleted in the vault and can be recovered; an existing Secret is kept.",
        False,
    )
    OBJECT_DISABLED = ("ObjectDisabled", "The object is disabled in the vault.", False)
    OBJECT_NOT_YET_VALID = ("ObjectNotYetValid", "The object's not-before time lies in the future.", False)
    FORBIDDEN = (
        "Forbidden",
        "The identity may not do this in the vault (role, access policy or firewall).",
        False,
    )
    UNAUTHORIZED = ("Unauthorized", "No token could be had for the identity, or the vault refused it.", False)
    THROTTLED = ("Throttled", "The vault answers 429 or our own limit holds requests back.", False)
    TIMEOUT = ("Timeout", "The vault did not answer in time.", False)
    UNREACHABLE = ("Unreachable", "No connection to the vault (name, network, TLS).", False)
    VAULT_ERROR = (
        "VaultError",
        "The vault answered with an error of its own (5xx or an unknown code).",
        False,
    )
    LIST_TOO_LONG = (
        "ListTooLong",
        "A list of the vault has more than 1,000 pages or 25,000 objects, and all of it is wanted.",
        False,
    )
    LIST_NEEDED = (
        "ListNeeded",
        "dataFrom.find needs lists of the vault: the vault refuses them, or `detection` is Get.",
        False,
    )
    # -- what was found does not fit the spec
    TOO_MANY_OBJECTS = (
        "TooManyObjects",
        "More than 100 objects fit what the binding's dataFrom.find asks for; an existing Secret is kept.",
        False,
    )
    PROPERTY_NOT_FOUND = (
        "PropertyNotFound",
        "The JSON value has no such property, or the value is not JSON.",
        False,
    )
    DECODE_FAILED = ("DecodeFailed", "The value cannot be decoded as `decode` says.", False)
    EXTRACT_FAILED = (
        "ExtractFailed",
        "The value is not what `extract.format` says, or has too many entries.",
        False,
    )
    INVALID_KEY_NAME = (
        "InvalidKeyName",
        "An entry of dataFrom has a name that no key of a Secret may have; the message names none of them.",
        False,
    )
    DUPLICATE_KEY = (
        "DuplicateKey",
        "Several entries of one source of dataFrom get the same key.",
        False,
    )
    TYPE_KEYS_MISSING = (
        "TypeKeysMissing",
        "The Secret's type needs a key, and no entry of the vault's value gives it.",
        False,
    )
    NOT_A_CERTIFICATE = (
        "NotACertificate",
        "The object is not a certificate, or its parts cannot be read.",
        False,
    )
    KEY_NOT_EXPORTABLE = (
        "KeyNotExportable",
        "The certificate's private key cannot be exported by its policy.",
        False,
    )
    PASSWORD_NOT_FOUND = (
        "PasswordNotFound",
        "The Secret that a passwordRef names, or its key, does not exist; an existing Secret is kept.",
        False,
    )
    PASSWORD_INVALID = (
        "PasswordInvalid",
        "What a passwordRef names can be no password of a key store; an existing Secret is kept.",
        False,
    )
    TEMPLATE_UNDEFINED = (
        "TemplateUndefined",
        "A template uses a name, an attribute or an item that is not there; the message names key and line.",
        False,
    )
    TEMPLATE_FAILED = (
        "TemplateFailed",
        "A template cannot be rendered with these values; the message names key and line.",
        False,
    )
    TEMPLATE_TOO_COSTLY = (
        "TemplateTooCostly",
        "The binding's templates ask for more work than they may; the message names key and line.",
        False,
    )
    VALUE_TOO_LARGE = ("ValueTooLarge", "The Secret would be larger than 1 MiB.", False)
    # -- the cluster's answer
    CLUSTER_ERROR = ("ClusterError", "The API server refused or did not answer a request.", False)
    CA_BUNDLE_NOT_FOUND = (
        "CaBundleNotFound",
        "The ConfigMap, Secret or key that caBundleRef names does not exist; bound Secrets are kept.",
        False,
    )
    CA_BUNDLE_INVALID = (
        "CaBundleInvalid",
        "What caBundleRef leads to are no PEM certificates, or a private key is among them.",
        False,
    )
    SERVICE_ACCOUNT_NOT_FOUND = (
        "ServiceAccountNotFound",
        "The ServiceAccount that serviceAccountRef names does not exist; bound Secrets are kept.",
        False,
    )
    SERVICE_ACCOUNT_NOT_ANNOTATED = (
        "ServiceAccountNotAnnotated",
        "Neither the spec nor an annotation of the ServiceAccount names the client id or the tenant id.",
        False,
    )
    RIGHT_MISSING = (
        "RightMissing",
        "Our account in the cluster lacks a right that the spec needs; the message names it.",
        False,
    )
    CONFLICT = (
        "KeyConflict",
        "A key of a merged Secret belongs to another field manager and is not taken.",
        True,
    )
    # -- a person must act
    INVALID_SPEC = ("InvalidSpec", "The spec cannot be used; the message names the field.", True)
    TEMPLATE_INVALID = (
        "TemplateInvalid",
        "A template is none, or uses what templates may not use; the message names key and line.",
        True,
    )
    NOT_IMPLEMENTED = (
        "NotImplemented",
        "The spec uses a field that this release refuses rather than ignores.",
        True,
    )
    SECRET_NOT_OWNED = ("SecretNotOwned", "A Secret of that name exists and is not ours.", True)
    ACCESS_DENIED = (
        "AccessDenied",
        "The ClusterKeyVault's spec.access does not let this namespace read the object.",
        True,
    )
    URL_NOT_ALLOWED = (
        "UrlNotAllowed",
        "The vault's URL or authority host is not in the operator's allowed list.",
        True,
    )
    AMBIENT_IDENTITY_NOT_ALLOWED = (
        "AmbientIdentityNotAllowed",
        "A namespaced KeyVault may not use the operator's own identity.",
        True,
    )
    # -- Expiring
    EXPIRES_SOON = ("ExpiresSoon", "A bound object expires within a warnBefore threshold.", False)
    EXPIRED = ("Expired", "A bound object has expired.", False)
    NOT_YET_VALID = ("NotYetValid", "A bound object is not valid yet.", False)
    RENEWAL_FAILED = (
        "RenewalFailed",
        "The vault could not renew a certificate that ends soon; its pending operation says why.",
        False,
    )
    ROTATION_POLICY_DIFFERS = (
        "RotationPolicyDiffers",
        "A key's rotation policy is not as spec.rotation of the KeyVault wants it.",
        False,
    )
    ROTATION_FAILED = (
        "RotationFailed",
        "A key's rotation policy could not be set, or the key not be rotated.",
        False,
    )
    # -- CryptoJob
    COMPLETED = ("Completed", "The operation is done, and its result is where the job says.", False)
    RUNNING = (
        "Running",
        "The job is claimed: key and algorithm are chosen, the operation comes next.",
        False,
    )
    RESUMED = ("Resumed", "The job was suspended and is no longer.", False)
    ROTATION_NOT_DUE = (
        "RotationNotDue",
        "The key's latest version is younger than minAge: nothing was rotated, and the job is complete.",
        False,
    )
    INPUT_NOT_FOUND = (
        "InputNotFound",
        "A Secret, ConfigMap or key of one that the job reads is missing.",
        False,
    )
    INPUT_INVALID = (
        "InputInvalid",
        "An input cannot be decoded, has the wrong size or is no output of the opposite operation.",
        True,
    )
    KEY_NOT_FOUND = ("KeyNotFound", "The vault has no such key, or it is deleted.", False)
    KEY_DISABLED = ("KeyDisabled", "The key is disabled in the vault.", False)
    KEY_NOT_YET_VALID = ("KeyNotYetValid", "The key's not-before time lies in the future.", False)
    KEY_EXPIRED = (
        "KeyExpired",
        "The key has expired; it still decrypts, unwraps and verifies, and can be rotated.",
        False,
    )
    KEY_OPERATION_NOT_ALLOWED = (
        "KeyOperationNotAllowed",
        "The operation is not among the key's own (key_ops).",
        False,
    )
    OPERATION_NOT_ALLOWED = (
        "OperationNotAllowed",
        "The KeyVault's spec.crypto does not allow the key or the operation.",
        True,
    )
    OPERATION_REFUSED = (
        "OperationRefused",
        "The vault refuses the input, as a ciphertext that was made with another key.",
        True,
    )
    OUTPUT_NOT_OWNED = (
        "OutputNotOwned",
        "A Secret or ConfigMap of the output's name is not this job's.",
        False,
    )
    RESULT_TOO_LARGE = ("ResultTooLarge", "The result does not fit where it should go.", True)
    SIGNATURE_INVALID = ("SignatureInvalid", "The signature is wrong, and failOnInvalid is true.", True)
    BACKOFF_LIMIT_EXCEEDED = ("BackoffLimitExceeded", "More attempts failed than backoffLimit allows.", True)
    DEADLINE_EXCEEDED = ("DeadlineExceeded", "The job was not done within activeDeadlineSeconds.", True)
    # -- events only
    ROTATED = ("Rotated", "A watched object of the vault has a new version (event).", False)
    ROTATION_POLICY_SET = ("RotationPolicySet", "A key's rotation policy was set (event).", False)
    KEY_ROTATED = ("KeyRotated", "An overdue key was rotated (event).", False)
    UPDATED = ("Updated", "New content was written to the Secret (event).", False)
    REPAIRED = ("Repaired", "A change made to the Secret by somebody else was undone (event).", False)
    RESTARTED = ("Restarted", "A workload was restarted because the content has changed (event).", False)
    RESTART_FAILED = (
        "RestartFailed",
        "A workload that is to be restarted is not there, or may not be changed (event).",
        False,
    )
    RECREATED = ("Recreated", "The Secret had to be deleted and made anew (event).", False)

    def __init__(self, word: str, sentence: str, stalled: bool) -> None:  # noqa: FBT001 - enum row
        """Spread one row of the table over named attributes."""
        self.word = word
        self.sentence = sentence
        self.stalled = stalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a room concludes; times and generation are added by :func:`merge_conditions`."""

    type: ConditionType
    status: Status
    reason: Reason
    message: str = ""


def find_condition(status: Mapping[str, Any], kind: ConditionType) -> Mapping[str, Any] | None:
    """Condition of a type as a status has it, or None."""
    return next((item for item in status.get("conditions") or () if item.get("type") == kind.value), None)


def parse_condition(told: Mapping[str, Any]) -> Condition | None:
    """Read a condition of a status; None where another version of ours used words that we do not know."""
    reason = next((item for item in Reason if item.word == told.get("reason")), None)
    try:
        kind, status = ConditionType(str(told.get("type"))), Status(str(told.get("status")))
    except ValueError:
        return None
    if reason is None:
        return None
    return Condition(type=kind, status=status, reason=reason, message=str(told.get("message", "")))


def merge_conditions(
    old: Sequence[Mapping[str, Any]], wanted: Sequence[Condition], *, generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Return the condition list to write: `wanted` in its order, nothing else kept.

    `lastTransitionTime` moves only where `status` flips.
    """
    before = {item.get("type"): item for item in old}
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        {
            "type": item.type.value,
            "status": item.status.value,
            "reason": item.reason.word,
            "message": item.message,
            "observedGeneration": generation,
            "lastTransitionTime": _transition(before.get(item.type.value), item, stamp),
        }
        for item in wanted
    ]


def _transition(old: Mapping[str, Any] | None, new: Condition, stamp: str) -> str:
    if old is not None and old.get("status") == new.status.value and old.get("lastTransitionTime"):
        return str(old["lastTransitionTime"])
    return stamp
