"""Which objects of the vault a binding needs to be read."""

from vaultbind.api.binding import BindingSpec, CertificateSource, Include, SecretSource, Source, TlsEntry
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef


def wanted(spec: BindingSpec) -> tuple[VaultObjectRef, ...]:
    """What to read, each once, in the spec's order.

    A certificate's chain and key are in the secret of its name and version; only the leaf is in the
    certificate itself.
    """
    refs = [ref_of(entry.source) for entry in spec.data] + [ref_of(entry) for entry in spec.data_from]
    return tuple(dict.fromkeys(refs))


def ref_of(source: Source | TlsEntry) -> VaultObjectRef:
    """The object that a source is read from."""
    return VaultObjectRef(_kind_of(source), source.name, source.version)


def _kind_of(source: Source | TlsEntry) -> VaultObjectKind:
    if isinstance(source, SecretSource | TlsEntry):
        return VaultObjectKind.SECRET
    if isinstance(source, CertificateSource):
        is_leaf = source.include is Include.LEAF
        return VaultObjectKind.CERTIFICATE if is_leaf else VaultObjectKind.SECRET
    return VaultObjectKind.KEY
