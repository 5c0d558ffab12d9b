"""Faults on demand: which requests they strike, how often, and what happens to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

CODES: Final = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 429: "Throttled"}
MESSAGES: Final = {
    429: (
        "Request was not processed because too many requests were received. "
        "Reason: VaultRequestTypeLimitReached"
    ),
}


class Ending(StrEnum):
    """How the answer ends: whole, cut in the middle of the body, or the connection closed without a byte."""

    WHOLE = "whole"
    CUT = "cut"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The request that a fault may strike; `route` is the path's template."""

    vault: str
    method: str
    path: str
    route: str
    principal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of trouble. Patterns are globs; without `status` it delays or cuts the right answer."""

    vault: str = "*"
    method: str = "*"
    path: str = "*"
    route: str = "*"
    principal: str = "*"
    status: int | None = None
    code: str = ""
    inner_code: str = ""
    message: str = ""
    retry_after: float | None = None
    """Seconds; None sends no such header."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before the answer."""
    ending: Ending = Ending.WHOLE
    count: int | None = None
    """How many requests it strikes before it is gone; None: for ever."""
    rate: float = 1.0
    """Share of the matching requests that it strikes, evenly spread."""
    before_auth: bool = False
    """Also strike requests without a valid token, such as an SDK's first one."""

    def matches(self, target: Target) -> bool:
        """Tell whether the request is one of those meant."""
        return (
            is_match(target.vault, self.vault)
            and is_match(target.method, self.method)
            and is_match(target.path, self.path)
            and is_match(target.route, self.route)
            and is_match(target.principal, self.principal)
        )

    @property
    def is_answer(self) -> bool:
        """Tell whether it stands in for the answer; a cut without status cuts the right answer."""
        return self.status is not None or self.ending is Ending.REFUSED

    def error(self) -> dict[str, Any]:
        """Error of the answer, in the service's shape."""
        status = self.status or 500
        code = self.code or CODES.get(status, "InternalServerError")
        error: dict[str, Any] = {
            "code": code,
            "message": self.message or MESSAGES.get(status, f"Fault: {code}"),
        }
        if self.inner_code:
            error["innererror"] = {"code": self.inner_code}
        return error


def is_match(value: str, pattern: str) -> bool:
    """Tell whether a value fits a glob."""
    return pattern in {"*", value} or fnmatchcase(value, pattern)


@dataclass(slots=True, kw_only=True)
class ActiveFault:
    """A fault that was set: its number, what is left of its count, and how often it struck."""

    number: int
    fault: Fault
    left: int | None
    struck: int = 0
    _share: float = 0.0

    def strike(self, target: Target) -> bool:
        """Decide about one request, and count."""
        if self.left == 0 or not self.fault.matches(target):
            return False
        self._share += self.fault.rate
        if self._share < 1.0 - 1e-9:
            return False
        self._share -= 1.0
        self.struck += 1
        if self.left is not None:
            self.left -= 1
        return True


class FaultBook:
    """The faults that are set; the first that strikes wins."""

    def __init__(self) -> None:
        """Begin without any."""
        self._active: list[ActiveFault] = []
        self._number = 0

    def __bool__(self) -> bool:
        """Tell whether any fault is set."""
        return bool(self._active)

    def add(self, *faults: Fault) -> tuple[int, ...]:
        """Set faults; returns their numbers."""
        numbers = []
        for fault in faults:
            self._number += 1
            self._active.append(ActiveFault(number=self._number, fault=fault, left=fault.count))
            numbers.append(self._number)
        return tuple(numbers)

    def clear(self, number: int | None = None) -> int:
        """Drop one fault, or all; returns how many are gone."""
        before = len(self._active)
        self._active = [active for active in self._active if number is not None and active.number != number]
        return before - len(self._active)

    def active(self) -> Sequence[ActiveFault]:
        """Faults that can still strike, and those that are used up, in the order in which they were set."""
        return tuple(self._active)

    def strike(self, target: Target, *, authenticated: bool) -> Fault | None:
        """Find the fault that strikes a request, if any."""
        for active in self._active:
            if (authenticated or active.fault.before_auth) and active.strike(target):
                return active.fault
        return None
