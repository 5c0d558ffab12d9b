"""The three service interfaces, and what their implementations share."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar, Generic, Protocol, TypeVar

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.services.listing import Listing
from vaultbind.keyvault.transport.pipeline import VaultPipeline
from vaultbind.keyvault.transport.policies import Call
from vaultbind.keyvault.types.certificate import Certificate, CertificateProperties
from vaultbind.keyvault.types.common import ObjectKind, ObjectProperties
from vaultbind.keyvault.types.key import Key, KeyProperties
from vaultbind.keyvault.types.secret import Secret, SecretProperties
from vaultbind.keyvault.validation import parse_name, parse_version
from vaultbind.keyvault.wire import Json, parse_document, parse_page

PAGE_SIZE = 25
"""The service's largest page."""


class SecretsService(Protocol):
    """Secrets of one vault; every method raises KeyVaultError."""

    async def get_secret(
        self, name: str, version: str = "", *, priority: Priority = Priority.FRESH
    ) -> Secret:
        """Read a secret; needs `secrets/get`."""
        ...

    def list_secrets(self, *, priority: Priority = Priority.FRESH) -> Listing[SecretProperties]:
        """List the latest version of every secret, without values; needs `secrets/list` on the vault."""
        ...

    def list_secret_versions(
        self, name: str, *, priority: Priority = Priority.FRESH
    ) -> Listing[SecretProperties]:
        """List all versions of a secret, in no order; needs `secrets/list`."""
        ...

    async def set_secret(
        self,
        name: str,
        value: str,
        *,
        content_type: str | None = None,
        tags: Mapping[str, str] | None = None,
        enabled: bool | None = None,
        not_before: datetime | None = None,
        expires_on: datetime | None = None,
    ) -> Secret:
        """Make a new version of a secret; needs `secrets/set`."""
        ...


class CertificatesService(Protocol):
    """Certificates of one vault; every method raises KeyVaultError."""

    async def get_certificate(
        self, name: str, version: str = "", *, priority: Priority = Priority.FRESH
    ) -> Certificate:
        """Read a certificate; needs `certificates/get`."""
        ...

    def list_certificates(self, *, priority: Priority = Priority.FRESH) -> Listing[CertificateProperties]:
        """List the latest version of every certificate; needs `certificates/list` on the vault."""
        ...

    def list_certificate_versions(
        self, name: str, *, priority: Priority = Priority.FRESH
    ) -> Listing[CertificateProperties]:
        """List all versions of a certificate, in no order; needs `certificates/list`."""
        ...


class KeysService(Protocol):
    """Keys of one vault; every method raises KeyVaultError."""

    async def get_key(self, name: str, version: str = "", *, priority: Priority = Priority.FRESH) -> Key:
        """Read a key's public part; needs `keys/get`."""
        ...

    def list_keys(self, *, priority: Priority = Priority.FRESH) -> Listing[KeyProperties]:
        """List the latest version of every key; needs `keys/list` on the vault."""
        ...

    def list_key_versions(self, name: str, *, priority: Priority = Priority.FRESH) -> Listing[KeyProperties]:
        """List all versions of a key, in no order; needs `keys/list`."""
        ...


class HasProperties(Protocol):
    """A whole object: a value or certificate or key, with its properties."""

    @property
    def properties(self) -> ObjectProperties:
        """What a list would show, and the version."""
        ...


Full = TypeVar("Full", bound=HasProperties)
Item = TypeVar("Item", bound=ObjectProperties)


class ObjectService(Generic[Full, Item]):
    """Get and list, the same for all kinds of objects."""

    kind: ClassVar[ObjectKind]

    def __init__(
        self,
        pipeline: VaultPipeline,
        parse_full: Callable[[Json], Full],
        parse_item: Callable[[Json], Item],
    ) -> None:
        """All services of a vault share its pipeline; the parsers make values of the service's JSON."""
        self._pipeline = pipeline
        self._parse_full = parse_full
        self._parse_item = parse_item
        self._collection = f"/{self.kind.collection}"
        self._base = pipeline.url + self._collection
        self._query = f"?api-version={pipeline.api_version}"

    async def _get(self, name: str, version: str, priority: Priority) -> Full:
        parse_name(name)
        parse_version(version)
        route = f"{self._collection}/{{name}}/{{version}}" if version else f"{self._collection}/{{name}}"
        call = self._call("GET", route, name, priority)
        body = await self._pipeline.request(call, f"{self._base}/{name}/{version}{self._query}")
        return self._parse(body, name)

    def _parse(self, body: bytes, name: str) -> Full:
        try:
            found = parse_document(body, self._parse_full)
        except KeyVaultError as error:
            raise error.named(name) from None
        if found.properties.name.lower() != name.lower():
            raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, code="OtherObject", object_name=name)
        return found

    def _list(self, priority: Priority) -> Listing[Item]:
        call = self._call("GET", self._collection, None, priority)
        return self._listing(call, f"{self._base}{self._query}&maxresults={PAGE_SIZE}")

    def _list_versions(self, name: str, priority: Priority) -> Listing[Item]:
        parse_name(name)
        call = self._call("GET", f"{self._collection}/{{name}}/versions", name, priority)
        return self._listing(call, f"{self._base}/{name}/versions{self._query}&maxresults={PAGE_SIZE}")

    def _listing(self, call: Call, first: str) -> Listing[Item]:
        async def fetch(link: str | None) -> tuple[list[Item], str | None]:
            url = first if link is None else self._pipeline.resolve(link)
            return parse_page(await self._pipeline.request(call, url), self._parse_item)

        return Listing(fetch)

    def _call(self, method: str, route: str, name: str | None, priority: Priority) -> Call:
        return Call(kind=self.kind.value, method=method, route=route, name=name, priority=priority)
