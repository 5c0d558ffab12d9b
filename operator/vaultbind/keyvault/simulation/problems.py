"""Every refusal that the simulated service can answer, with the service's own codes and words."""

from typing import Final

NOUNS: Final = {"secrets": "Secret", "keys": "Key", "certificates": "Certificate"}


class VaultProblem(Exception):  # noqa: N818 - an answer of the service, not a mistake in the program
    """One error answer: HTTP status, `code`, inner code (may be empty) and the service's sentence."""

    def __init__(self, status: int, code: str, message: str, *, inner: str = "") -> None:
        """Keep the four parts; `message` names objects, never values."""
        super().__init__(f"{status} {inner or code}: {message}")
        self.status = status
        self.code = code
        self.inner = inner
        self.message = message


def not_found(kind: str, name: str, version: str = "") -> VaultProblem:
    """404 SecretNotFound, KeyNotFound or CertificateNotFound."""
    noun = NOUNS[kind]
    wanted = f"{name}/{version}" if version else name
    message = (
        f"A {noun.lower()} with (name/id) {wanted} was not found in this key vault. "
        f"If you recently deleted this {noun.lower()} you may be able to recover it "
        "using the correct recovery command. "
        "For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    return VaultProblem(404, f"{noun}NotFound", message)


def deleted_not_found(kind: str, name: str) -> VaultProblem:
    """404 for an object that is not among the deleted ones (or not yet)."""
    noun = NOUNS[kind]
    return VaultProblem(404, f"{noun}NotFound", f"Deleted {noun} not found: {name}")


def deleted_but_recoverable(kind: str, name: str) -> VaultProblem:
    """409 for a name that a deleted object still holds."""
    message = (
        f"{NOUNS[kind]} {name} is currently in a deleted but recoverable state, "
        "and its name cannot be reused; "
        "in this state, the object can only be recovered or purged."
    )
    return VaultProblem(409, "Conflict", message, inner="ObjectIsDeletedButRecoverable")


def purge_protected() -> VaultProblem:
    """403 for a purge in a vault that only purges by itself."""
    message = (
        'Operation "purge" is not allowed because purge protection is enabled for this vault. '
        "Key Vault service will automatically purge it after the retention period has passed."
    )
    return VaultProblem(403, "Forbidden", message)


def being_deleted(kind: str, name: str) -> VaultProblem:
    """409 for a name whose deletion is still under way."""
    message = f"{NOUNS[kind]} {name} is currently being deleted."
    return VaultProblem(409, "Conflict", message, inner="ObjectIsBeingDeleted")


def being_recovered(kind: str, name: str) -> VaultProblem:
    """409 for a name whose recovery is still under way."""
    message = f"{NOUNS[kind]} {name} is currently being recovered."
    return VaultProblem(409, "Conflict", message, inner="ObjectIsBeingRecovered")


def already_exists(kind: str, name: str) -> VaultProblem:
    """409 for a name that another live object holds."""
    return VaultProblem(409, "Conflict", f"{NOUNS[kind]} {name} already exists and cannot be overwritten.")


def disabled(kind: str, operation: str) -> VaultProblem:
    """403 SecretDisabled (or KeyDisabled) for an operation on a disabled object."""
    noun = NOUNS[kind]
    message = f"Operation {operation} is not allowed on a disabled {noun.lower()}."
    return VaultProblem(403, "Forbidden", message, inner=f"{noun}Disabled")


def managed(kind: str, name: str) -> VaultProblem:
    """403 for a change of a key or secret that belongs to a certificate."""
    noun = NOUNS[kind]
    message = f"{noun} {name} is managed by a certificate and cannot be changed by itself."
    return VaultProblem(403, "Forbidden", message, inner=f"{noun}ManagedByKeyVault")


def bad_parameter(message: str) -> VaultProblem:
    """400 BadParameter."""
    return VaultProblem(400, "BadParameter", message)


def invalid_name(name: str) -> VaultProblem:
    """400 for a name outside `^[0-9a-zA-Z-]{1,127}$`."""
    return bad_parameter(f"The request URI contains an invalid name: {name[:127]}")


def unauthorized(message: str) -> VaultProblem:
    """401 Unauthorized; the front adds the challenge."""
    return VaultProblem(401, "Unauthorized", message)


def misdirected(vault: str) -> VaultProblem:
    """421 for a vault that does not exist (the real one would not resolve): 404 would mean an object."""
    message = f"There is no vault {vault[:60]}, and vaults are not made on first use here."
    return VaultProblem(421, "VaultNotFound", message)
