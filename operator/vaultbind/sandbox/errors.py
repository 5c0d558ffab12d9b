"""Errors of the API as values: each becomes a `Status` object with the code and reason of the real server."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from vaultbind.sandbox.documents import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One field that was refused: `reason` is a cause type such as `FieldValueRequired`."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class StatusError(Exception):
    """A request that the API refuses; `as_status` is the body of the answer."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: JsonObject | None = None,
        retry_after: int | None = None,
    ) -> None:
        """`retry_after` is in seconds and becomes a header, too."""
        super().__init__(message)
        self.code = int(code)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.details = dict(details or {})
        if retry_after is not None:
            self.details["retryAfterSeconds"] = retry_after

    def as_status(self) -> JsonObject:
        """The `Status` object that tells a client about this error."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details:
            status["details"] = self.details
        status["code"] = self.code
        return status


def _named(group: str, kind: str, name: str) -> JsonObject:
    """Details that name the object; empty members are left out as the real server does."""
    members = {"name": name, "group": group, "kind": kind}
    return {key: value for key, value in members.items() if value}


def _qualified(group: str, plural: str) -> str:
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> StatusError:
    """404 of one object."""
    message = f'{_qualified(group, plural)} "{name}" not found'
    return StatusError(HTTPStatus.NOT_FOUND, "NotFound", message, details=_named(group, plural, name))


def unknown_path() -> StatusError:
    """404 of a path or resource that is not served."""
    message = "the server could not find the requested resource"
    return StatusError(HTTPStatus.NOT_FOUND, "NotFound", message)


def already_exists(group: str, plural: str, name: str) -> StatusError:
    """409 of a create."""
    message = f'{_qualified(group, plural)} "{name}" already exists'
    return StatusError(HTTPStatus.CONFLICT, "AlreadyExists", message, details=_named(group, plural, name))


def conflict(group: str, plural: str, name: str, problem: str = "") -> StatusError:
    """409 of a write whose precondition does not hold."""
    problem = problem or (
        "the object has been modified; please apply your changes to the latest version and try again"
    )
    message = f'Operation cannot be fulfilled on {_qualified(group, plural)} "{name}": {problem}'
    return StatusError(HTTPStatus.CONFLICT, "Conflict", message, details=_named(group, plural, name))


def apply_conflict(causes: Sequence[Cause]) -> StatusError:
    """409 of a server-side apply that would take fields from other managers."""
    count = f"{len(causes)} conflict" + ("s" if len(causes) > 1 else "")
    told = "; ".join(f"{cause.message}: {cause.field}" for cause in causes)
    message = f"Apply failed with {count}: {told}"
    return StatusError(HTTPStatus.CONFLICT, "Conflict", message, details={"causes": _causes(causes)})


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """422 that names every refused field; `kind` is the plural where the store refuses, not validation."""
    told = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    message = f'{_qualified(group, kind)} "{name}" is invalid: {listed}'
    details = {**_named(group, kind, name), "causes": _causes(causes)}
    return StatusError(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message, details=details)


def _causes(causes: Sequence[Cause]) -> list[JsonObject]:
    return [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]


def internal(message: str) -> StatusError:
    """500 of a request that the real server does not judge by itself."""
    return StatusError(HTTPStatus.INTERNAL_SERVER_ERROR, "", message)


def refused_patch() -> StatusError:
    """422 of a JSON patch that does not fit the object, a failed `test` included."""
    message = "the server rejected our request due to an error in our request"
    return StatusError(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message)


def bad_request(message: str) -> StatusError:
    """400."""
    return StatusError(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def unauthorized() -> StatusError:
    """401."""
    return StatusError(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def terminating(group: str, plural: str, name: str, namespace: str) -> StatusError:
    """403 of a create in a namespace that is going."""
    problem = f"unable to create new content in namespace {namespace} because it is being terminated"
    message = f'{_qualified(group, plural)} "{name}" is forbidden: {problem}'
    cause = Cause(
        field="metadata.namespace",
        message=f"namespace {namespace} is being terminated",
        reason="NamespaceTerminating",
    )
    details = {**_named(group, plural, name), "causes": _causes([cause])}
    return StatusError(HTTPStatus.FORBIDDEN, "Forbidden", message, details=details)


def method_not_allowed() -> StatusError:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message)


def not_acceptable(types: str) -> StatusError:
    """406: no representation that the client accepts."""
    message = f"only the following media types are accepted: {types}"
    return StatusError(HTTPStatus.NOT_ACCEPTABLE, "NotAcceptable", message)


def unsupported_media_type(types: str) -> StatusError:
    """415: a body that cannot be read."""
    message = f"the body of the request was in an unknown format - accepted media types include: {types}"
    return StatusError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)


def expired(message: str) -> StatusError:
    """410: history that was compacted away."""
    return StatusError(HTTPStatus.GONE, "Expired", message)


def too_large_revision(asked: int, current: int) -> StatusError:
    """504 of a read that wants a state which does not exist yet."""
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
    return StatusError(HTTPStatus.GATEWAY_TIMEOUT, "Timeout", message, details=details, retry_after=1)
