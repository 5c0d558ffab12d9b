"""`certificate` entries as PKCS#12 or JKS: a key with its chain, or certificates that are trusted."""

from cryptography import x509

from vaultbind.api.binding import CertificateFormat
from vaultbind.keyvault.certs import render_key_der
from vaultbind.keyvault.certs.jks import render_jks
from vaultbind.keyvault.certs.pkcs12 import render_pkcs12
from vaultbind.keyvault.certs.store import KeyStore


def render_key_store(
    form: CertificateFormat,
    alias: str,
    password: str,
    key: bytes | None,
    certificates: tuple[x509.Certificate, ...],
) -> bytes:
    """The store; `key` is PEM, `alias` the certificate's name in the vault."""
    store = KeyStore(
        alias=alias.lower(),
        certificates=certificates,
        private_key=render_key_der(key) if key is not None else None,
    )
    write = render_jks if form is CertificateFormat.JKS else render_pkcs12
    return write(store, password)
