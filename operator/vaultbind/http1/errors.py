"""What can go wrong on the way. No message quotes a request or an answer."""


class HttpError(OSError):
    """No whole answer came. TLS errors of a connection that stands are ssl.SSLError, not this."""


class RequestError(HttpError):
    """The request cannot be sent as HTTP: a line break in its path or in a header. Nothing was sent."""


class ConnectError(HttpError):
    """No connection came about; `cause` says why. Nothing was sent."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(f"no connection: {type(cause).__name__}")
        self.cause = cause


class ConnectTimeoutError(TimeoutError):
    """No connection came about in time. Nothing was sent."""


class NoAnswerError(HttpError):
    """The connection ended before a byte of the answer; whether the server has acted is not known."""


class CutError(HttpError):
    """The connection ended within the answer."""


class AnswerError(HttpError):
    """What came is no HTTP answer that we understand."""


class TooLargeError(AnswerError):
    """The answer is larger than we take; what came of it is dropped."""

    def __init__(self, largest: int) -> None:
        super().__init__(f"an answer that is too large: more than {largest:,} bytes")
        self.largest = largest
