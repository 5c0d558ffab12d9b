"""Which objects of the vault a binding needs to be read."""

from collections.abc import Callable, Mapping
from typing import Final

from vaultbind.api.binding import (
    BindingSpec,
    CertificateSource,
    Include,
    NamedEntry,
    PublicKeySource,
    SecretSource,
    Source,
    TlsEntry,
)
from vaultbind.api.data_from import ExtractEntry, FindEntry
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef

_FOUND_AS: Final[Mapping[VaultObjectKind, Callable[..., Source]]] = {
    VaultObjectKind.SECRET: SecretSource,
    VaultObjectKind.CERTIFICATE: CertificateSource,
    VaultObjectKind.KEY: PublicKeySource,
}


def wanted(spec: BindingSpec) -> tuple[VaultObjectRef, ...]:
    """What to read, each once, in the spec's order.

    A certificate's chain and key are in the secret of its name and version; only the leaf is in the
    certificate itself. Of `find` it is what has been found.
    """
    refs = [ref_of(entry.source) for entry in spec.data]
    for entry in spec.data_from:
        sources = found_sources(entry) if isinstance(entry, FindEntry) else (entry,)
        refs += map(ref_of, sources)
    return tuple(dict.fromkeys(refs))


def found_sources(entry: FindEntry) -> tuple[Source, ...]:
    """What was found, each as an entry of `data` would give it that says no more than its name."""
    return tuple(_FOUND_AS[ref.kind](name=ref.name) for ref in entry.found)


def read_as(ref: VaultObjectRef) -> VaultObjectRef:
    """The object that is read of one that was found."""
    return ref_of(_FOUND_AS[ref.kind](name=ref.name))


def ref_of(source: Source | NamedEntry) -> VaultObjectRef:
    """The object that a source is read from."""
    return VaultObjectRef(_kind_of(source), source.name, source.version)


def known_as(source: Source | NamedEntry) -> VaultObjectRef:
    """The object as people know it: a certificate is one although its secret is read."""
    if isinstance(source, CertificateSource | TlsEntry):
        return VaultObjectRef(VaultObjectKind.CERTIFICATE, source.name, source.version)
    return ref_of(source)


def name_of(spec: BindingSpec, kind: str, name: str) -> str:
    """`certificate web` for the secret that is read of it, `secret db` for one that is bound as such."""
    asked, certificate = spec.sources(), VaultObjectKind.CERTIFICATE
    is_its_secret = (VaultObjectKind(kind), name) not in asked and (certificate, name) in asked
    return f"{certificate.value if is_its_secret else kind} {name}"


def _kind_of(source: Source | NamedEntry) -> VaultObjectKind:
    if isinstance(source, SecretSource | TlsEntry | ExtractEntry):
        return VaultObjectKind.SECRET
    if isinstance(source, CertificateSource):
        is_leaf = source.include is Include.LEAF
        return VaultObjectKind.CERTIFICATE if is_leaf else VaultObjectKind.SECRET
    return VaultObjectKind.KEY
