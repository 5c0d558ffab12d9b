"""What the cluster keeps and a client is made of: credentials and CA bundles, read by reference.

Each piece is read once for a client and remembered by its version, so that metadata tells whether the client
has to be made anew. No value is in an error.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vaultbind.api.conditions import Reason
from vaultbind.api.keyvault import BundleKind, BundleRef, SecretKeyRef, ServiceAccountRef
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, Resource
from vaultbind.vaults.rights import Asker, describe_missing

_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"
_PRIVATE: Final = "PRIVATE KEY"
CLIENT_ID: Final = "azure.workload.identity/client-id"
TENANT_ID: Final = "azure.workload.identity/tenant-id"
"""Annotations of ServiceAccounts, as Azure's own workload identity reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """An object of the cluster as it was when a client was made of it."""

    resource: Resource
    namespace: str
    name: str
    version: str

    async def is_outdated(self, kube: KubeClient) -> bool:
        """Whether it has changed, is gone or may not be read any more; trouble of the cluster is no news."""
        try:
            found = await kube.get_metadata(self.resource, self.namespace, self.name)
        except KubeError as error:
            return error.kind in (KubeErrorKind.NOT_FOUND, KubeErrorKind.FORBIDDEN)
        return version_of(self.resource, found) != self.version


def version_of(resource: Resource, obj: Mapping[str, Any]) -> str:
    """Version of an object; it moves with every write, of a ServiceAccount only with who it stands for."""
    metadata = obj.get("metadata") or {}
    if resource is not SERVICE_ACCOUNTS:
        return str(metadata.get("resourceVersion", ""))
    annotations = metadata.get("annotations") or {}
    return " ".join(
        [str(metadata.get("uid")), *(str(annotations.get(name)) for name in (CLIENT_ID, TENANT_ID))]
    )


@dataclass(slots=True, kw_only=True)
class Material:
    """Reads what one client is made of, and notes it in `pieces`."""

    kube: KubeClient
    asker: Asker = Asker.OPERATOR
    pieces: list[Piece] = field(default_factory=list)

    async def fetch_secret(self, ref: SecretKeyRef, *, missing: str) -> str:
        """Text under a key of a Secret, without the white space around it.

        Raises KeyVaultError (AUTHENTICATION_FAILED) with code `missing`, RightMissing or ClusterError.
        """
        where = f"key {ref.key} of Secret {ref.namespace}/{ref.name}"
        secret = await self._fetch(SECRETS, ref.namespace, ref.name, where=where, missing=missing)
        encoded = (secret.get("data") or {}).get(ref.key)
        if not encoded:
            raise unusable(missing, f"{where} is missing or empty")
        text = _decode(encoded)
        if text is None:
            raise unusable(missing, f"{where} is no text")
        return text.strip()

    async def fetch_bundle(self, ref: BundleRef) -> str:
        """Certificates (PEM) that a reference names.

        Raises KeyVaultError with code CaBundleNotFound, CaBundleInvalid, RightMissing or ClusterError.
        """
        resource = SECRETS if ref.kind is BundleKind.SECRET else CONFIG_MAPS
        missing = Reason.CA_BUNDLE_NOT_FOUND.word
        where = describe_bundle(ref)
        obj = await self._fetch(resource, ref.namespace, ref.name, where=where, missing=missing)
        data = obj.get("data") or {}
        encoded = data.get(ref.key) if ref.kind is BundleKind.SECRET else _binary(obj, ref.key)
        text = _decode(encoded) if encoded else data.get(ref.key)
        if not encoded and not text:
            raise unusable(missing, f"{where} is missing or empty")
        if not text or _CERTIFICATE not in text:
            raise bundle_invalid(where, "it must hold at least one PEM certificate")
        if _PRIVATE in text:
            raise bundle_invalid(where, "it must not hold a private key")
        return text

    async def fetch_account_ids(self, ref: ServiceAccountRef) -> tuple[str, str]:
        """Client id and tenant id that a ServiceAccount's annotations name, each empty where none does.

        Raises KeyVaultError with code ServiceAccountNotFound, RightMissing or ClusterError.
        """
        where, missing = f"ServiceAccount {ref.namespace}/{ref.name}", Reason.SERVICE_ACCOUNT_NOT_FOUND.word
        obj = await self._fetch(SERVICE_ACCOUNTS, ref.namespace, ref.name, where=where, missing=missing)
        annotations = obj["metadata"].get("annotations") or {}
        return str(annotations.get(CLIENT_ID, "")), str(annotations.get(TENANT_ID, ""))

    async def _fetch(
        self, resource: Resource, namespace: str, name: str, *, where: str, missing: str
    ) -> dict[str, Any]:
        try:
            obj = await self.kube.get(resource, namespace, name)
        except KubeError as error:
            lacks = describe_missing(self.asker, "get", resource.plural, namespace)
            raise cannot_read(error, where, missing, lacks) from None
        self.pieces.append(
            Piece(resource=resource, namespace=namespace, name=name, version=version_of(resource, obj))
        )
        return obj


async def has_outdated(kube: KubeClient, pieces: Iterable[Piece]) -> bool:
    """Whether one of the pieces is not as it was."""
    for piece in pieces:
        if await piece.is_outdated(kube):
            return True
    return False


def describe_bundle(ref: BundleRef) -> str:
    """Name the place, as messages do."""
    return f"key {ref.key} of {ref.kind.value} {ref.namespace}/{ref.name}"


def cannot_read(error: KubeError, where: str, missing: str, lacks: str) -> KeyVaultError:
    """Say why an object of the cluster could not be had; `lacks` is who has no right to it."""
    told = f"{where} cannot be read: {error.kind.value}"
    if error.kind is KubeErrorKind.NOT_FOUND:
        return unusable(missing, told)
    if error.kind is KubeErrorKind.FORBIDDEN:
        return unusable(Reason.RIGHT_MISSING.word, f"{told}; {lacks}")
    return unusable(Reason.CLUSTER_ERROR.word, told)


def bundle_invalid(where: str, problem: str) -> KeyVaultError:
    """Say what is wrong with a CA bundle."""
    return unusable(Reason.CA_BUNDLE_INVALID.word, f"{where}: {problem}")


def unusable(code: str, detail: str) -> KeyVaultError:
    """Make the error of a client that cannot be made yet."""
    return KeyVaultError(KeyVaultErrorKind.AUTHENTICATION_FAILED, code=code, detail=detail, retryable=True)


def _binary(obj: Mapping[str, Any], key: str) -> str | None:
    found: str | None = (obj.get("binaryData") or {}).get(key)
    return found


def _decode(encoded: str) -> str | None:
    """The text behind base64, None where it is none."""
    try:
        return base64.b64decode(encoded).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
