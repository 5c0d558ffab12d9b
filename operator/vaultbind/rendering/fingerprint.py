"""What a list shows of an object: equal fingerprints of two looks mean an unchanged object, nearly always.

Times have a resolution of one second. An object whose `updated` is as late as the look itself can change
again within that second and show the same fingerprint; :func:`is_settled` tells whether that can be.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vaultbind.keyvault.types.certificate import CertificateProperties
from vaultbind.keyvault.types.key import KeyProperties
from vaultbind.keyvault.types.secret import SecretProperties

SETTLING: Final = timedelta(seconds=2)
"""One second of resolution and one of difference between the clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """The fields of a list's item that move when the object changes; times are aware."""

    created: datetime | None
    updated: datetime | None
    enabled: bool
    content_type: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    x5t: bytes | None = None


def fingerprint_of(properties: SecretProperties | CertificateProperties | KeyProperties) -> Fingerprint:
    """The fingerprint of a list's item, or of an object that was read: both give the same."""
    return Fingerprint(
        created=properties.created_on,
        updated=properties.updated_on,
        enabled=properties.enabled,
        content_type=properties.content_type if isinstance(properties, SecretProperties) else None,
        tags=tuple(sorted(properties.tags.items())),
        x5t=properties.x509_thumbprint if isinstance(properties, CertificateProperties) else None,
    )


def is_settled(fingerprint: Fingerprint, looked_at: datetime) -> bool:
    """Whether no later change can hide behind the fingerprint that was seen at `looked_at`.

    `looked_at` is when the request was sent, best by the vault's own clock (header Date). An object without
    a time of change is never settled.
    """
    return fingerprint.updated is not None and fingerprint.updated < looked_at - SETTLING
