"""What an error says, and that it survives copying."""

import copy
import pickle

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind

ERROR = KeyVaultError(
    KeyVaultErrorKind.FORBIDDEN,
    code="ForbiddenByRbac",
    object_name="db",
    http_status=403,
    retry_after=2.0,
    request_id="abc",
)


def test_a_sentence_a_name_and_codes() -> None:
    assert str(ERROR) == "The identity is not allowed to do this: db (HTTP 403, ForbiddenByRbac, request abc)"
    assert repr(ERROR) == f"KeyVaultError(FORBIDDEN, {str(ERROR)!r})"


def test_without_a_name_or_status() -> None:
    error = KeyVaultError(KeyVaultErrorKind.VALIDATION, detail="a name is missing")

    assert str(error) == "The request is not valid: a name is missing (Validation)"
    assert str(error.named("db")) == "The request is not valid: db: a name is missing (Validation)"
    assert error.named("other").object_name == "db"


def test_copies_keep_everything() -> None:
    for other in (copy.copy(ERROR), copy.deepcopy(ERROR), pickle.loads(pickle.dumps(ERROR))):
        assert str(other) == str(ERROR)
        assert vars(other) == vars(ERROR)


def test_retryable_follows_the_kind_unless_told() -> None:
    assert KeyVaultError(KeyVaultErrorKind.TIMEOUT).retryable
    assert not KeyVaultError(KeyVaultErrorKind.FORBIDDEN).retryable
    assert KeyVaultError(KeyVaultErrorKind.AUTHENTICATION_FAILED, retryable=True).retryable
