"""`spec.data[].certificate`: parts of a certificate, their form, and whose password protects them."""

from typing import Final

from vaultbind.api import grammar
from vaultbind.api.binding import CertificateFormat, CertificateSource, Include, PasswordRef
from vaultbind.api.fields import Fields

KEY_STORES: Final = frozenset({CertificateFormat.PKCS12, CertificateFormat.JKS})
_SEVERAL_PARTS: Final = frozenset({Include.CHAIN, Include.KEY_AND_CHAIN})


def parse_certificate(source: Fields, version: str) -> CertificateSource:
    """Return the source that `source` describes; raises SpecError (InvalidSpec)."""
    parsed = CertificateSource(
        name=source.required_text("name", grammar.OBJECT_NAME),
        version=version,
        include=source.choice("include", Include.CHAIN),
        format=source.choice("format", CertificateFormat.PEM),
        password_ref=_parse_password_ref(source.object("passwordRef")),
    )
    _check_include(source, parsed)
    _check_password(source, parsed)
    return parsed


def _parse_password_ref(ref: Fields | None) -> PasswordRef | None:
    if ref is None:
        return None
    return PasswordRef(
        ref.required_text("name", grammar.DNS_SUBDOMAIN), ref.required_text("key", grammar.SECRET_KEY)
    )


def _check_include(source: Fields, parsed: CertificateSource) -> None:
    if parsed.format is CertificateFormat.DER and parsed.include in _SEVERAL_PARTS:
        raise source.fail("include", "DER holds one certificate or one key: set it to Leaf, Key or CA")
    if parsed.format in KEY_STORES and parsed.include is Include.KEY:
        raise source.fail("include", "a key store holds a key with its chain: set it to KeyAndChain")


def _check_password(source: Fields, parsed: CertificateSource) -> None:
    if parsed.password_ref is not None and parsed.format not in KEY_STORES:
        raise source.fail("passwordRef", "goes with format PKCS12 or JKS only")
    if parsed.password_ref is None and parsed.format is CertificateFormat.JKS:
        raise source.fail("passwordRef", "is required, Java opens no JKS without a password")
