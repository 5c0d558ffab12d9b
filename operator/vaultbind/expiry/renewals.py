"""Certificates whose renewal has failed: their pending operation says so, which no list shows.

Asked for certificates that are near their end or past it, when a renewal should have come; once a day each.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from vaultbind.api.conditions import Condition, ConditionType, Reason, Status
from vaultbind.api.refs import ObjectKey
from vaultbind.engine.report import Note, NoteType, Report
from vaultbind.expiry.reads import OwnReads
from vaultbind.keyvault import (
    CertificateOperation,
    KeyVaultClient,
    KeyVaultError,
    KeyVaultErrorKind,
    ObjectKind,
    ObjectProperties,
    SecretProperties,
)
from vaultbind.keyvault.rotation.state import ObjectKey as VaultKey
from vaultbind.vaults.causes import is_not_found

MOST_AT_ONCE = 20
"""Certificates that are asked for in one pass; the others come with the next look."""
MOST_NAMED = 5


@dataclass(slots=True, kw_only=True)
class Renewals:
    """What is known of failed renewals, by KeyVault."""

    reads: OwnReads
    _answers: dict[ObjectKey, dict[VaultKey, str]] = field(default_factory=dict)
    """By certificate: the code of the failure, empty where none is pending."""

    async def observe(self, keyvault: ObjectKey, urgent: Iterable[ObjectProperties]) -> None:
        """Ask for pending operations, as far as the day's reads allow it; what is not urgent is forgotten."""
        certificates = {
            VaultKey(ObjectKind.CERTIFICATE, item.name.lower()): item
            for item in urgent
            if item.enabled and _is_of_certificate(item)
        }
        before = self._answers.get(keyvault, {})
        answers = {key: code for key, code in before.items() if key in certificates}
        due = [key for key in certificates if self.reads.may(keyvault, key)]
        for key in due[:MOST_AT_ONCE]:
            answer = await self.reads.ask(keyvault, key, "pending", _asking_for(certificates[key].name))
            if answer is None:
                if not self.reads.may(keyvault, key):
                    answers.setdefault(key, "")  # asked, without an answer: it stays as it was
                continue
            answers[key] = failure_of(answer[0]) if answer[0] is not None else ""
        self._answers[keyvault] = answers

    def has_asked(self, keyvault: ObjectKey, key: VaultKey) -> bool:
        """Whether it is known of a certificate how its renewal stands."""
        return key in self._answers.get(keyvault, {})

    def report(self, keyvault: ObjectKey, told: str) -> Report:
        """Report the condition, and an Event where its message is not the one that was `told` before."""
        failed = {key: code for key, code in self._answers.get(keyvault, {}).items() if code}
        if not failed:
            return Report()
        message = _sentence(failed)
        condition = Condition(
            type=ConditionType.RENEWAL_FAILED,
            status=Status.TRUE,
            reason=Reason.RENEWAL_FAILED,
            message=message,
        )
        note = Note(type=NoteType.WARNING, reason=Reason.RENEWAL_FAILED, message=message)
        return Report(conditions=(condition,), notes=() if message == told else (note,))

    def forget(self, keyvault: ObjectKey) -> None:
        """A KeyVault is gone, or watches nothing."""
        self._answers.pop(keyvault, None)


def _is_of_certificate(item: ObjectProperties) -> bool:
    """A certificate, or the secret of one: what a binding of its key and chain is known by."""
    is_secret = isinstance(item, SecretProperties) and item.managed
    return is_secret or item.kind is ObjectKind.CERTIFICATE


def failure_of(operation: CertificateOperation) -> str:
    """Code of an operation's failure; empty where it has none. What was cancelled has not failed."""
    if operation.status == "failed":
        return operation.error_code or "failed"
    return operation.error_code or "" if operation.status != "completed" else ""


def _sentence(failed: dict[VaultKey, str]) -> str:
    named = [f"{key.name} ({code})" for key, code in sorted(failed.items())]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    what = "certificates" if len(named) > 1 else "certificate"
    names = ", ".join(named[:MOST_NAMED])
    return f"the vault could not renew {what} {names}{more}; see its pending operation in the vault"


def _asking_for(name: str) -> Callable[[KeyVaultClient], Awaitable[tuple[CertificateOperation | None]]]:
    async def ask(client: KeyVaultClient) -> tuple[CertificateOperation | None]:
        try:
            return (await client.certificates.get_certificate_operation(name),)
        except KeyVaultError as error:
            if is_not_found(error) or error.kind is KeyVaultErrorKind.NOT_FOUND:
                return (None,)  # what was imported has no operation, either
            raise

    return ask
