"""Faults on demand: the next requests of some kind fail or are slow."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from vaultbind.sandbox.errors import StatusError

_REASONS: Final = {
    HTTPStatus.BAD_REQUEST: "BadRequest",
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.FORBIDDEN: "Forbidden",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.CONFLICT: "Conflict",
    HTTPStatus.GONE: "Expired",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Invalid",
    HTTPStatus.TOO_MANY_REQUESTS: "TooManyRequests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "InternalError",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailable",
    HTTPStatus.GATEWAY_TIMEOUT: "Timeout",
}
ANY: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, for whom and how often."""

    verb: str = ANY
    resource: str = ANY
    """Plural with its group, `secrets` or `vaultbindings.vaultbind.dev`."""
    subresource: str = ANY
    name: str = ANY
    status: int | None = None
    """Answer with this status; absent: the request is only delayed or cut."""
    retry_after: int | None = None
    """Seconds, for a Retry-After header."""
    delay: float = 0.0
    """Seconds before anything else happens."""
    cut: bool = False
    """Close the connection in place of an answer."""
    after_write: bool = False
    """Fail after the request was carried out: the client cannot know that it was."""
    count: int | None = 1
    """How many requests; None: until cleared."""

    def concerns(self, verb: str, resource: str, subresource: str, name: str) -> bool:
        """Whether a request is meant."""
        pairs = (
            (self.verb, verb),
            (self.resource, resource),
            (self.subresource, subresource),
            (self.name, name),
        )
        return all(wanted in {ANY, found} for wanted, found in pairs)

    def as_error(self) -> StatusError:
        """The answer; only for a fault that has a status."""
        status = self.status or HTTPStatus.INTERNAL_SERVER_ERROR
        reason = _REASONS.get(HTTPStatus(status), "InternalError")
        return StatusError(status, reason, f"injected fault: {reason}", retry_after=self.retry_after)


class Faults:
    """The faults that are still to happen, first come first served."""

    def __init__(self) -> None:
        """Start without any."""
        self._left: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault) -> None:
        """Let it happen from now on."""
        self._left.append((fault, fault.count))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._left.clear()

    def take(self, *, verb: str, resource: str, subresource: str, name: str) -> Fault | None:
        """The fault for a request, which uses up one of its count."""
        for position, (fault, left) in enumerate(self._left):
            if fault.concerns(verb, resource, subresource, name):
                if left is not None and left <= 1:
                    del self._left[position]
                elif left is not None:
                    self._left[position] = (fault, left - 1)
                return fault
        return None
