"""`certificate` and `tls` entries: parts of a certificate, and their forms."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509

from vaultbind.api.binding import CertificateFormat, Include
from vaultbind.api.conditions import Reason
from vaultbind.keyvault.certs import (
    CertificateBundle,
    CertificateParseError,
    CertificateParseErrorKind,
    parse_bundle,
    parse_certificate,
    render_der,
    render_key_der,
    render_pem,
)
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.secret import Secret
from vaultbind.rendering.keys import TLS_AUTHORITY, TLS_CERTIFICATE, TLS_KEY
from vaultbind.rendering.problems import EntryError


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What `include` picks of a certificate."""

    key: bytes | None = field(default=None, repr=False)
    """Unencrypted PKCS#8 as PEM."""
    certificates: tuple[x509.Certificate, ...] = ()


def parse_secret(secret: Secret, *, shown: str) -> CertificateBundle:
    """The certificate behind a secret. Raises :class:`EntryError` with NOT_A_CERTIFICATE."""
    if not secret.properties.managed:
        text = f"the vault has a secret of that name, but no {shown}: bind it with `secret`"
        raise EntryError(Reason.NOT_A_CERTIFICATE, text)
    try:
        return parse_bundle(secret.value.expose_secret(), secret.properties.content_type)
    except CertificateParseError as error:
        raise _entry_error(error, shown) from None


def pick_leaf(certificate: Certificate, *, shown: str) -> Parts:
    """The certificate itself. Raises :class:`EntryError` with NOT_A_CERTIFICATE."""
    try:
        return Parts(certificates=(parse_certificate(certificate.cer),))
    except CertificateParseError as error:
        raise _entry_error(error, shown) from None


def pick_parts(bundle: CertificateBundle, include: Include, *, shown: str) -> Parts:
    """Chain, Key, KeyAndChain or CA; the leaf alone needs no secret.

    CA is the self-signed root (or roots) above the leaf; where the value holds none, the topmost
    intermediate, which clients can pin as well. Raises :class:`EntryError` with KEY_NOT_EXPORTABLE, or
    NOT_A_CERTIFICATE (missing) if CA is asked for and there is nothing above the leaf.
    """
    if include is Include.KEY:
        return Parts(key=_private_key(bundle, shown))
    if include is Include.KEY_AND_CHAIN:
        return Parts(key=_private_key(bundle, shown), certificates=bundle.chain)
    if include is Include.CA:
        return Parts(certificates=_authorities(bundle, shown))
    return Parts(certificates=bundle.chain)


def render_parts(parts: Parts, form: CertificateFormat, *, shown: str) -> bytes:
    """The parts in that form; in PEM the key comes first.

    DER holds one key or one certificate, which the spec's rules see to but for authorities, of which a
    certificate can have several. Raises :class:`EntryError` with INVALID_SPEC for those. Key stores are
    `key_stores.py`'s.
    """
    if form is CertificateFormat.PEM:
        return (parts.key or b"") + render_pem(parts.certificates)
    if parts.key is not None:
        return render_key_der(parts.key)
    if len(parts.certificates) > 1:
        text = f"{shown} has {len(parts.certificates)} authorities, and DER holds one certificate: use PEM"
        raise EntryError(Reason.INVALID_SPEC, text)
    return render_der(parts.certificates[0])


def render_tls(bundle: CertificateBundle, *, shown: str) -> Mapping[str, bytes]:
    """tls.crt (leaf and intermediates), tls.key, and ca.crt if a root is at hand.

    Raises :class:`EntryError` with KEY_NOT_EXPORTABLE.
    """
    parts = {TLS_CERTIFICATE: render_pem(bundle.chain), TLS_KEY: _private_key(bundle, shown)}
    if bundle.roots:
        parts[TLS_AUTHORITY] = render_pem(bundle.roots)
    return parts


def _private_key(bundle: CertificateBundle, shown: str) -> bytes:
    try:
        return bundle.require_private_key()
    except CertificateParseError as error:
        raise _entry_error(error, shown) from None


def _authorities(bundle: CertificateBundle, shown: str) -> tuple[x509.Certificate, ...]:
    authorities = bundle.roots or bundle.intermediates[-1:]
    if not authorities:
        text = f"{shown} holds no certificate of an authority"
        raise EntryError(Reason.NOT_A_CERTIFICATE, text, missing=True)
    return authorities


def _entry_error(error: CertificateParseError, shown: str) -> EntryError:
    if error.kind is CertificateParseErrorKind.NO_PRIVATE_KEY:
        text = f"{shown} has no exportable private key; its policy decides that when it is created"
        return EntryError(Reason.KEY_NOT_EXPORTABLE, text)
    return EntryError(Reason.NOT_A_CERTIFICATE, f"{shown} cannot be read: {error}")
