"""The operation that makes a certificate, as a state machine: what it may become, and what it refuses.

    inProgress -> completed | failed | cancelled        (the issuer's answer, a merge, a cancellation)
    failed, cancelled -> completed                      (a merge)

Only a creation with an issuer ends by itself, at `due`; one of issuer `Unknown` waits for a merge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from vaultbind.keyvault.simulation.bundles import CertificateKey
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.policies import SELF, UNKNOWN, Policy
from vaultbind.keyvault.simulation.problems import VaultProblem

WAITING: Final = (
    "Pending certificate created. Certificate request is in progress. "
    "This may take some time based on the issuer provider. Please check again later."
)
WAITING_FOR_MERGE: Final = "Pending certificate created. Please Perform Merge to complete the request."


class Status(StrEnum):
    """Where an operation is."""

    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingOperation:
    """The last creation of a certificate; times in epoch seconds."""

    name: str
    version: str
    """Id of the version that it makes."""
    request_id: str
    csr: bytes
    key: CertificateKey = field(repr=False)
    policy: Policy
    """As it was when the operation began."""
    changes: Changes
    """Tags and `enabled` of the version."""
    preserve_order: bool = False
    started: int
    due: int | None
    """When the issuer answers; None: never."""
    status: Status = Status.IN_PROGRESS
    cancellation_requested: bool = False
    error: Mapping[str, Any] | None = None
    """`code` and `message` of a failure."""

    @property
    def issuer(self) -> str:
        """Name of the issuer."""
        return str(self.policy["issuer"]["name"])

    @property
    def is_open(self) -> bool:
        """Tell whether it is still in progress."""
        return self.status is Status.IN_PROGRESS

    @property
    def details(self) -> str | None:
        """The service's sentence about the state."""
        if not self.is_open:
            return None
        return WAITING_FOR_MERGE if self.issuer == UNKNOWN else WAITING


def complete(operation: PendingOperation) -> PendingOperation:
    """The certificate is there."""
    return replace(operation, status=Status.COMPLETED, error=None)


def fail(operation: PendingOperation, message: str) -> PendingOperation:
    """The issuer refused."""
    error = {"code": "Certificate issuer error", "message": message}
    return replace(operation, status=Status.FAILED, error=error)


def end_cancelled(operation: PendingOperation) -> PendingOperation:
    """The issuer took note of the cancellation."""
    error = {"code": "Request cancelled", "message": "The request was cancelled."}
    return replace(operation, status=Status.CANCELLED, error=error)


def request_cancellation(operation: PendingOperation) -> PendingOperation:
    """Note that it shall be cancelled; raises VaultProblem (403) unless its issuer may still listen."""
    if not operation.is_open:
        raise VaultProblem(403, "Forbidden", "Pending status must be in progress to allow update.")
    if operation.issuer == UNKNOWN:
        message = "Cancellation is not supported on a pending object that was created with issuer : Unknown."
        raise VaultProblem(403, "Forbidden", message)
    return replace(operation, cancellation_requested=True)


def check_startable(operation: PendingOperation | None) -> None:
    """Raise VaultProblem (409) while a creation is in progress."""
    if operation is not None and operation.is_open:
        message = (
            "A new key vault certificate can not be created or imported while "
            "a pending key vault certificate's status is inProgress."
        )
        raise VaultProblem(409, "Forbidden", message)


def check_mergeable(operation: PendingOperation) -> None:
    """Raise VaultProblem (403) unless an answer from outside is what the operation lacks."""
    if operation.status is Status.COMPLETED:
        raise VaultProblem(403, "Forbidden", "Merge is forbidden on pending object that is completed.")
    if operation.is_open and operation.issuer != UNKNOWN:
        message = (
            f"Merge is forbidden on pending object created with issuer : {operation.issuer} "
            "while it is in progress."
        )
        raise VaultProblem(403, "Forbidden", message)


def due_time(policy: Policy, started: int, issuance_seconds: int) -> int | None:
    """When the issuer of a policy answers a request of `started`."""
    issuer = policy["issuer"]["name"]
    if issuer == UNKNOWN or policy.get("platformManaged") is not None:
        return None
    return started + issuance_seconds


def is_self_issued(operation: PendingOperation) -> bool:
    """Tell whether the certificate signs itself."""
    return operation.issuer.lower() == SELF.lower()
