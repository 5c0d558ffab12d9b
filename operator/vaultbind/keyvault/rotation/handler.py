"""What a program does about expiry and rotation: it overrides some of these methods."""

from typing import Any

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.common import ObjectProperties
from vaultbind.keyvault.types.key import Key
from vaultbind.keyvault.types.secret import Secret

METHODS = (
    "on_near_expiry",
    "on_expired",
    "on_secret_rotated",
    "on_key_rotated",
    "on_certificate_renewed",
)


class RotationHandler:
    """Does nothing; override what you need. Any object with some of these methods will do as well.

        class Page(RotationHandler):
            async def on_near_expiry(self, properties, days_until_expiry):
                await page(f"{properties.name} expires in {days_until_expiry} days")

    An object is read (with its value, which needs `get`) only where the method that takes it is overridden.
    An exception is contained, logged by its type and counted; the telling is not repeated.
    """

    async def on_near_expiry(self, properties: ObjectProperties, days_until_expiry: int) -> None:
        """A secret, key or certificate has passed a threshold before its expiry."""

    async def on_expired(self, properties: ObjectProperties) -> None:
        """A secret, key or certificate has expired."""

    async def on_secret_rotated(self, secret: Secret, previous_version: str) -> None:
        """A secret has a new version; `previous_version` is empty where it could not be found out."""

    async def on_key_rotated(self, key: Key, previous_version: str) -> None:
        """A key has a new version."""

    async def on_certificate_renewed(self, certificate: Certificate, previous_version: str) -> None:
        """A certificate has a new version."""


def check_handler(handler: object) -> None:
    """Raise KeyVaultError (CONFIGURATION) for an object that handles nothing, or a class of such objects."""
    if isinstance(handler, type):
        detail = f"a handler is an object: register {handler.__name__}(), not its class"
        raise KeyVaultError(KeyVaultErrorKind.CONFIGURATION, detail=detail)
    if not any(callable(getattr(handler, name, None)) for name in METHODS):
        detail = f"{type(handler).__name__} has none of the methods {', '.join(METHODS)}"
        raise KeyVaultError(KeyVaultErrorKind.CONFIGURATION, detail=detail)


def find_method(handler: object, name: str) -> Any:
    """Return the handler's own method of this name, or None where it has none that does anything."""
    method = getattr(handler, name, None)
    if getattr(method, "__func__", None) is getattr(RotationHandler, name):
        return None
    return method
