"""Why an entry cannot be rendered. Messages name objects and fields, never a value or a part of one."""

from dataclasses import dataclass
from datetime import datetime

from vaultbind.api.conditions import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderProblem:
    """One entry that cannot be rendered; `str()` is a message for people."""

    reason: Reason
    entry: str
    """The key, or for `dataFrom` the object's name; empty if it is the whole Secret."""
    message: str
    retry_at: datetime | None = None
    """When time alone will have ended the problem (the object's not-before); no look would tell."""

    def __str__(self) -> str:
        return f"{self.entry}: {self.message}" if self.entry else self.message


class EntryError(Exception):
    """Raised and caught inside of rendering: one entry's reason and message.

    `missing` tells that what was asked for is absent, which `optional` forgives.
    """

    def __init__(
        self, reason: Reason, message: str, *, missing: bool = False, retry_at: datetime | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.missing = missing
        self.retry_at = retry_at

    def to_problem(self, entry: str) -> RenderProblem:
        """The problem as the entry's."""
        return RenderProblem(reason=self.reason, entry=entry, message=str(self), retry_at=self.retry_at)
