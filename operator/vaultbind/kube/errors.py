"""The one error that talking to the API server can raise.

    KubeError
      NOT_FOUND ALREADY_EXISTS CONFLICT INVALID FORBIDDEN UNAUTHORIZED GONE   the server's answer
      THROTTLED TIMEOUT SERVER_ERROR                                          ask again later
      UNREACHABLE                                                             no answer at all

A message is made of our own words, the names in the request and the codes in the answer. The server's
sentence is never part of it: it may quote what was sent, and what we send are Secrets.
"""

from enum import Enum
from typing import Final


class KubeErrorKind(Enum):
    """What went wrong, as far as a caller acts differently."""

    NOT_FOUND = "not found"
    ALREADY_EXISTS = "already exists"
    CONFLICT = "changed meanwhile"
    INVALID = "refused as invalid"
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "credentials not accepted"
    GONE = "resource version too old"
    THROTTLED = "throttled"
    TIMEOUT = "no answer in time"
    UNREACHABLE = "no connection"
    SERVER_ERROR = "server error"


_RETRYABLE: Final = frozenset(
    {
        KubeErrorKind.CONFLICT,
        KubeErrorKind.GONE,
        KubeErrorKind.THROTTLED,
        KubeErrorKind.TIMEOUT,
        KubeErrorKind.UNREACHABLE,
        KubeErrorKind.SERVER_ERROR,
        KubeErrorKind.UNAUTHORIZED,
    }
)
MAX_MESSAGE: Final = 512
"""Longest message in characters; conditions and events have room for it."""


class KubeError(Exception):
    """A request that the API server refused, did not answer, or answered with nonsense.

    `retryable` tells whether the same call, with fresh state, may succeed without a person's help;
    `retry_after` is the server's wish in seconds. `status` is 0 where there was no answer.
    """

    def __init__(
        self,
        kind: KubeErrorKind,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.kind = kind
        self.message = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(self.message)

    @property
    def retryable(self) -> bool:
        """Whether the same call, with fresh state, may succeed later."""
        return self.kind in _RETRYABLE

    def __repr__(self) -> str:
        return f"KubeError({self.kind.name}, status={self.status}, reason={self.reason!r})"


class KubeConfigError(Exception):
    """No usable way to a cluster: no kubeconfig, a broken one, or one with a feature we do not speak."""
