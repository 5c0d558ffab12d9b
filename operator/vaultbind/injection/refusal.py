"""Why the broker says no: each reason with its HTTP status and whether the agent may come again."""

from enum import Enum


class Reason(Enum):
    """Word (metric and audit log) and HTTP status."""

    BAD_REQUEST = ("BadRequest", 400)
    NO_TOKEN = ("NoToken", 401)
    NOT_AUTHENTICATED = ("NotAuthenticated", 401)
    NOT_POD_BOUND = ("NotPodBound", 403)
    POD_GONE = ("PodGone", 403)
    POD_MISMATCH = ("PodMismatch", 403)
    NOT_OPTED_IN = ("NotOptedIn", 403)
    FORBIDDEN = ("Forbidden", 403)
    BINDING_NOT_FOUND = ("BindingNotFound", 404)
    TOO_MANY = ("TooMany", 429)
    NOT_READY = ("NotReady", 503)
    CLUSTER_ERROR = ("ClusterError", 503)
    TIMEOUT = ("Timeout", 503)

    def __init__(self, word: str, status: int) -> None:
        """Spread one row over named attributes."""
        self.word = word
        self.status = status


class RefusalError(Exception):
    """A request that gets no values; the message goes to the agent and to `kubectl describe pod`."""

    def __init__(self, reason: Reason, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after
