"""The one error of the client library, and what can be behind it.

`str()` of an error is a sentence of ours, the object's name, codes, and the request's id, by which the
service's people find it. Azure's own text is never part of it: it holds ids of tenants, principals and
subscriptions.
"""

from enum import StrEnum


class KeyVaultErrorKind(StrEnum):
    """What went wrong, in words that a caller can branch on."""

    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - the word is the name of a kind
    KEY_NOT_FOUND = "KeyNotFound"
    CERTIFICATE_NOT_FOUND = "CertificateNotFound"
    NOT_FOUND = "NotFound"
    DISABLED = "Disabled"
    FORBIDDEN = "Forbidden"
    FORBIDDEN_BY_FIREWALL = "ForbiddenByFirewall"
    OPERATION_FORBIDDEN = "OperationForbidden"
    MANAGED_BY_KEY_VAULT = "ManagedByKeyVault"
    UNAUTHORIZED = "Unauthorized"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    BAD_PARAMETER = "BadParameter"
    CONFLICT = "Conflict"
    DELETED_BUT_RECOVERABLE = "DeletedButRecoverable"
    BEING_DELETED = "BeingDeleted"
    BEING_RECOVERED = "BeingRecovered"
    THROTTLED = "Throttled"
    TIMEOUT = "Timeout"
    UNREACHABLE = "Unreachable"
    SERVER_ERROR = "ServerError"
    BREAKER_OPEN = "BreakerOpen"
    RATE_LIMITED = "RateLimited"
    VALIDATION = "Validation"
    CONFIGURATION = "Configuration"
    PROTOCOL = "Protocol"


SENTENCES: dict[KeyVaultErrorKind, str] = {
    KeyVaultErrorKind.SECRET_NOT_FOUND: "The vault has no such secret",
    KeyVaultErrorKind.KEY_NOT_FOUND: "The vault has no such key",
    KeyVaultErrorKind.CERTIFICATE_NOT_FOUND: "The vault has no such certificate",
    KeyVaultErrorKind.NOT_FOUND: "The vault does not know what was asked for",
    KeyVaultErrorKind.DISABLED: "The object is disabled in the vault",
    KeyVaultErrorKind.FORBIDDEN: "The identity is not allowed to do this",
    KeyVaultErrorKind.FORBIDDEN_BY_FIREWALL: "The vault's network rules refuse this client",
    KeyVaultErrorKind.OPERATION_FORBIDDEN: "The key does not allow this operation",
    KeyVaultErrorKind.MANAGED_BY_KEY_VAULT: "The object belongs to a certificate and cannot be changed alone",
    KeyVaultErrorKind.UNAUTHORIZED: "The vault did not accept the token",
    KeyVaultErrorKind.AUTHENTICATION_FAILED: "No token could be had for this identity",
    KeyVaultErrorKind.BAD_PARAMETER: "The vault refused a parameter",
    KeyVaultErrorKind.CONFLICT: "The vault is in another state than the request needs",
    KeyVaultErrorKind.DELETED_BUT_RECOVERABLE: "The name is taken by a deleted object that can be recovered",
    KeyVaultErrorKind.BEING_DELETED: "The object is being deleted",
    KeyVaultErrorKind.BEING_RECOVERED: "The object is being recovered",
    KeyVaultErrorKind.THROTTLED: "The vault asks for fewer requests",
    KeyVaultErrorKind.TIMEOUT: "The vault did not answer in time",
    KeyVaultErrorKind.UNREACHABLE: "The vault cannot be reached",
    KeyVaultErrorKind.SERVER_ERROR: "The vault failed",
    KeyVaultErrorKind.BREAKER_OPEN: "The vault failed repeatedly and is left alone for now",
    KeyVaultErrorKind.RATE_LIMITED: "Our own request limit for this vault is reached",
    KeyVaultErrorKind.VALIDATION: "The request is not valid",
    KeyVaultErrorKind.CONFIGURATION: "The configuration is not valid",
    KeyVaultErrorKind.PROTOCOL: "The vault's answer cannot be understood",
}

RETRYABLE: frozenset[KeyVaultErrorKind] = frozenset(
    {
        KeyVaultErrorKind.THROTTLED,
        KeyVaultErrorKind.TIMEOUT,
        KeyVaultErrorKind.UNREACHABLE,
        KeyVaultErrorKind.SERVER_ERROR,
        KeyVaultErrorKind.BREAKER_OPEN,
        KeyVaultErrorKind.RATE_LIMITED,
        KeyVaultErrorKind.BEING_DELETED,
        KeyVaultErrorKind.BEING_RECOVERED,
    },
)


class KeyVaultError(Exception):
    """A Key Vault operation that failed, or a request that was refused before it was sent.

    `retryable` tells whether the same request can work later without anybody changing anything, `retry_after`
    (seconds) when the other side named a time. `code` is the service's or the transport's short code. Of
    errors on the way to a vault `vault` is its host, and `hint` what can be done about it.

        try:
            await client.get_secret("no-such-secret")
        except KeyVaultError as error:
            print(error.kind is KeyVaultErrorKind.SECRET_NOT_FOUND, error.object_name, error.retryable)
    """

    def __init__(
        self,
        kind: KeyVaultErrorKind,
        *,
        code: str = "",
        detail: str = "",
        object_name: str | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        vault: str | None = None,
        hint: str = "",
    ) -> None:
        """`detail` and `hint` must be our own words: never a value, never text that came from a service."""
        self.kind = kind
        self.code = code or kind.value
        self.detail = detail
        self.object_name = object_name
        self.http_status = http_status
        self.retry_after = retry_after
        self.request_id = request_id
        self.retryable = kind in RETRYABLE if retryable is None else retryable
        self.vault = vault
        self.hint = hint
        super().__init__(self._render())

    def named(self, object_name: str | None) -> "KeyVaultError":
        """Return this error with the object's name, unless it has one."""
        if self.object_name is None and object_name is not None:
            self.object_name = object_name
            self.args = (self._render(),)
        return self

    def advised(self, hint: str, *, vault: str | None = None) -> "KeyVaultError":
        """Return this error with what can be done, in our own words, and the vault's host."""
        self.vault, self.hint = vault, hint
        self.args = (self._render(),)
        return self

    def _render(self) -> str:
        parts = [SENTENCES[self.kind]]
        if self.vault:
            parts.append(f": {self.vault}")
        if self.object_name:
            parts.append(f": {self.object_name}")
        if self.detail:
            parts.append(f": {self.detail}")
        codes = [f"HTTP {self.http_status}"] if self.http_status is not None else []
        codes += [self.code, *([f"request {self.request_id}"] if self.request_id else [])]
        hint = f"; {self.hint}" if self.hint else ""
        return f"{''.join(parts)} ({', '.join(codes)}){hint}"

    def __repr__(self) -> str:
        return f"KeyVaultError({self.kind.name}, {str(self)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        """Copies and pickles keep every field."""
        return (_rebuild, (self.kind, {name: getattr(self, name) for name in _FIELDS}))


CLIENT_CLOSED = "ClientClosed"


def client_closed(detail: str) -> KeyVaultError:
    """Make the error of calls to a client that is closed; nothing was or will be sent."""
    return KeyVaultError(KeyVaultErrorKind.UNREACHABLE, code=CLIENT_CLOSED, detail=detail, retryable=False)


_FIELDS = (
    "code",
    "detail",
    "object_name",
    "http_status",
    "retry_after",
    "request_id",
    "retryable",
    "vault",
    "hint",
)


def _rebuild(kind: KeyVaultErrorKind, fields: dict[str, object]) -> KeyVaultError:
    return KeyVaultError(kind, **fields)  # type: ignore[arg-type]
