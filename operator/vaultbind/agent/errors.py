"""What ends the agent; messages are for `kubectl describe pod` and never hold a value."""


class AgentError(Exception):
    """The agent cannot do what it was asked for."""


class RetryableError(AgentError):
    """The same may work later; `retry_after` is what the broker asked for, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
