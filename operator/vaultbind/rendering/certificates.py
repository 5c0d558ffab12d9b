"""`certificate` and `tls` entries: parts of a certificate as PEM."""

from collections.abc import Mapping

from vaultbind.api.binding import Include
from vaultbind.api.conditions import Reason
from vaultbind.keyvault.certs import (
    CertificateBundle,
    CertificateParseError,
    CertificateParseErrorKind,
    parse_bundle,
    parse_certificate,
    render_pem,
)
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.secret import Secret
from vaultbind.rendering.keys import TLS_AUTHORITY, TLS_CERTIFICATE, TLS_KEY
from vaultbind.rendering.problems import EntryError


def parse_secret(secret: Secret, *, shown: str) -> CertificateBundle:
    """The certificate behind a secret. Raises :class:`EntryError` with NOT_A_CERTIFICATE."""
    if not secret.properties.managed:
        text = f"the vault has a secret of that name, but no {shown}: bind it with `secret`"
        raise EntryError(Reason.NOT_A_CERTIFICATE, text)
    try:
        return parse_bundle(secret.value.expose_secret(), secret.properties.content_type)
    except CertificateParseError as error:
        raise _entry_error(error, shown) from None


def render_leaf(certificate: Certificate, *, shown: str) -> bytes:
    """The certificate itself as PEM. Raises :class:`EntryError` with NOT_A_CERTIFICATE."""
    try:
        return render_pem([parse_certificate(certificate.cer)])
    except CertificateParseError as error:
        raise _entry_error(error, shown) from None


def render_part(bundle: CertificateBundle, include: Include, *, shown: str) -> bytes:
    """Chain, Key, KeyAndChain (the key first) or CA as PEM; the leaf alone needs no secret.

    CA is the self-signed root (or roots) above the leaf; where the value holds none, the topmost
    intermediate, which clients can pin as well. Raises :class:`EntryError` with KEY_NOT_EXPORTABLE, or
    NOT_A_CERTIFICATE (missing) if CA is asked for and there is nothing above the leaf.
    """
    if include is Include.KEY:
        return _private_key(bundle, shown)
    if include is Include.KEY_AND_CHAIN:
        return _private_key(bundle, shown) + render_pem(bundle.chain)
    if include is Include.CA:
        return _authority(bundle, shown)
    return render_pem(bundle.chain)


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


def _authority(bundle: CertificateBundle, shown: str) -> bytes:
    authorities = bundle.roots or bundle.intermediates[-1:]
    if not authorities:
        text = f"{shown} holds no certificate of an authority"
        raise EntryError(Reason.NOT_A_CERTIFICATE, text, missing=True)
    return render_pem(authorities)


def _entry_error(error: CertificateParseError, shown: str) -> EntryError:
    if error.kind is CertificateParseErrorKind.NO_PRIVATE_KEY:
        text = f"{shown} has no exportable private key; its policy decides that when it is created"
        return EntryError(Reason.KEY_NOT_EXPORTABLE, text)
    return EntryError(Reason.NOT_A_CERTIFICATE, f"{shown} cannot be read: {error}")
