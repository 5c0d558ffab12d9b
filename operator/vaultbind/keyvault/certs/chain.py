"""Certificates in any order -> leaf, intermediates, roots. Pure, and the input's order never matters.

An issuer is found by its name and proven by the signature; where the signature cannot be judged (an
algorithm that the library does not know), equal key identifiers have to do. From the leaf the path climbs
to one issuer after the other, never twice to the same name and key, so cross-signed loops end. Ties are
broken by properties of the certificates and last by their bytes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import (
    AuthorityKeyIdentifier,
    BasicConstraints,
    Certificate,
    DuplicateExtension,
    ExtensionNotFound,
    SubjectKeyIdentifier,
    UnsupportedGeneralNameType,
)

_Extension = TypeVar("_Extension", AuthorityKeyIdentifier, SubjectKeyIdentifier, BasicConstraints)


class Evidence(IntEnum):
    """How sure it is that one certificate issued another."""

    NONE = 0
    NAMES = 1
    """The names fit, the key identifiers do not speak against it, the signature cannot be judged."""
    SIGNATURE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The leaf, what leads up from it, and what has nothing to do with it."""

    leaf: Certificate
    intermediates: tuple[Certificate, ...]
    """Each issued the one before it; no self-signed one among them."""
    roots: tuple[Certificate, ...]
    """Self-signed certificates above the leaf, that of the top one first; a self-signed leaf too."""
    left_out: tuple[Certificate, ...]
    """Unrelated ones, and other ways up (cross-signed twins of an intermediate)."""


class _Node:
    """One certificate with what the search asks for again and again."""

    __slots__ = ("certificate", "digest", "is_ca", "issuers", "public_key", "self_signed", "subject")

    def __init__(self, certificate: Certificate, der: bytes) -> None:
        self.certificate = certificate
        self.digest = sha256(der).digest()
        self.subject = certificate.subject
        self.public_key = public_key_of(certificate)
        self.is_ca = _is_ca(certificate)
        self.self_signed = _evidence(certificate, certificate) is not Evidence.NONE
        self.issuers: list[tuple[Evidence, _Node]] = []

    def is_same_entity(self, other: "_Node") -> bool:
        """Whether both are certificates of one name and key, such as cross-signed twins."""
        return self.subject == other.subject and self.public_key == other.public_key


def build_chain(certificates: Iterable[Certificate], key: bytes | None) -> Chain | None:
    """Find the leaf and order what stands above it; None if the key (SPKI DER) belongs to no certificate.

    Without a key the leaf is the certificate that issued no other one, rather an end entity than a CA, and
    the one valid from the latest time. Duplicates count once. There must be at least one certificate.
    """
    nodes = _linked(certificates)
    leaf = _leaf(nodes, key)
    if leaf is None:
        return None
    path = _climb(leaf)
    roots = _roots(leaf, path[-1])
    used = {id(node) for node in (*path, *roots)}
    return Chain(
        leaf=leaf.certificate,
        intermediates=tuple(node.certificate for node in path[1:]),
        roots=tuple(node.certificate for node in roots),
        left_out=tuple(node.certificate for node in nodes if id(node) not in used),
    )


def public_key_of(certificate: Certificate) -> bytes:
    """SubjectPublicKeyInfo as DER; empty if the library does not know the kind of key."""
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return b""


def _linked(certificates: Iterable[Certificate]) -> list[_Node]:
    """Nodes without duplicates, in the order of their digests, each knowing its issuers."""
    unique = {certificate.public_bytes(Encoding.DER): certificate for certificate in certificates}
    nodes = sorted((_Node(item, der) for der, item in unique.items()), key=lambda node: node.digest)
    for child in nodes:
        others = [other for other in nodes if not child.is_same_entity(other)]
        found = [(_evidence(child.certificate, other.certificate), other) for other in others]
        child.issuers = [(evidence, other) for evidence, other in found if evidence is not Evidence.NONE]
    return nodes


def _leaf(nodes: Sequence[_Node], key: bytes | None) -> _Node | None:
    if key is not None:
        candidates = [node for node in nodes if node.public_key == key]
    else:
        issuers = {id(issuer) for node in nodes for _, issuer in node.issuers}
        candidates = [node for node in nodes if id(node) not in issuers] or list(nodes)
    return max(candidates, key=_leaf_rank, default=None)


def _leaf_rank(node: _Node) -> tuple[bool, bool, float, bytes]:
    start = node.certificate.not_valid_before_utc.timestamp()
    return (not node.is_ca, bool(node.issuers), start, node.digest)


def _climb(leaf: _Node) -> list[_Node]:
    path = [leaf]
    while True:
        above = [
            (evidence, node)
            for evidence, node in path[-1].issuers
            if not node.self_signed and not any(node.is_same_entity(seen) for seen in path)
        ]
        if not above:
            return path
        path.append(max(above, key=_issuer_rank)[1])


def _issuer_rank(option: tuple[Evidence, _Node]) -> tuple[Evidence, bool, float, bytes]:
    """Rather a proven issuer, rather one whose own issuer is at hand, rather the longest valid one."""
    evidence, node = option
    return (evidence, bool(node.issuers), node.certificate.not_valid_after_utc.timestamp(), node.digest)


def _roots(leaf: _Node, top: _Node) -> list[_Node]:
    above = _ancestors(leaf)
    direct = {id(node) for _, node in top.issuers} | {id(top)}
    roots = [node for node in above if node.self_signed]
    return sorted(roots, key=lambda node: (id(node) not in direct, node.digest))


def _ancestors(leaf: _Node) -> list[_Node]:
    """The leaf and all that stands above it by any way."""
    seen = {id(leaf): leaf}
    waiting = [leaf]
    while waiting:
        for _, issuer in waiting.pop().issuers:
            if id(issuer) not in seen:
                seen[id(issuer)] = issuer
                waiting.append(issuer)
    return list(seen.values())


def _evidence(child: Certificate, issuer: Certificate) -> Evidence:
    if child.issuer != issuer.subject:
        return Evidence.NONE
    try:
        child.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return Evidence.NONE
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return Evidence.NAMES if _may_fit(child, issuer) else Evidence.NONE
    return Evidence.SIGNATURE


def _may_fit(child: Certificate, issuer: Certificate) -> bool:
    """Whether the key identifiers are equal, or one of them is missing."""
    wanted, offered = _authority_key_id(child), _subject_key_id(issuer)
    return wanted is None or offered is None or wanted == offered


def _authority_key_id(certificate: Certificate) -> bytes | None:
    found = _extension(certificate, AuthorityKeyIdentifier)
    return found.key_identifier if found else None


def _subject_key_id(certificate: Certificate) -> bytes | None:
    found = _extension(certificate, SubjectKeyIdentifier)
    return found.digest if found else None


def _is_ca(certificate: Certificate) -> bool:
    found = _extension(certificate, BasicConstraints)
    return found is not None and found.ca


def _extension(certificate: Certificate, kind: type[_Extension]) -> _Extension | None:
    """The extension; None if it is absent or the extensions cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (ExtensionNotFound, DuplicateExtension, UnsupportedGeneralNameType, ValueError):
        return None
