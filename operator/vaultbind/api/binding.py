"""Parsed spec of a VaultBinding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from vaultbind.api.data_from import ExtractEntry, FindEntry, Rewrite
from vaultbind.api.refs import ObjectKey, VaultObjectKind


class Decode(StrEnum):
    """`secret.decode`: how the value is turned into bytes."""

    NONE = "None"
    BASE64 = "Base64"
    BASE64URL = "Base64URL"
    HEX = "Hex"
    AUTO = "Auto"


class Include(StrEnum):
    """`certificate.include`: which parts go into the key."""

    CHAIN = "Chain"
    KEY = "Key"
    KEY_AND_CHAIN = "KeyAndChain"
    LEAF = "Leaf"
    CA = "CA"


class CertificateFormat(StrEnum):
    """`certificate.format`."""

    PEM = "PEM"
    DER = "DER"
    """One certificate or one key: goes with include Leaf, Key and CA only."""
    PKCS12 = "PKCS12"
    JKS = "JKS"
    """Both hold a key with its chain, or trusted certificates: go with any include but Key."""


class PublicKeyFormat(StrEnum):
    """`publicKey.format`."""

    PEM = "PEM"
    JWK = "JWK"
    SSH = "SSH"


class CreationPolicy(StrEnum):
    """`target.creationPolicy`."""

    OWNER = "Owner"
    ORPHAN = "Orphan"
    """As Owner, but the Secret has no ownerReference: it stays when the binding goes."""
    MERGE = "Merge"
    NONE = "None"
    """No Secret at all: the binding is for pods, which get its values from the broker."""


class WhenMissing(StrEnum):
    """`target.whenMissing`: what becomes of the Secret when an object is gone from the vault."""

    RETAIN = "Retain"
    PRUNE = "Prune"
    DELETE = "Delete"


class RefreshPolicy(StrEnum):
    """`refreshPolicy`: when what the vault holds is taken into the Secret."""

    FOLLOW = "Follow"
    ON_SPEC_CHANGE = "OnSpecChange"
    """When the spec is new or has changed, and when there is no Secret."""
    ONCE = "Once"
    """When there is no Secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """A secret's value, or one property of its JSON."""

    name: str
    version: str = ""
    property: str | None = None
    decode: Decode = Decode.NONE


class PasswordRef(NamedTuple):
    """`certificate.passwordRef`: a key of a Secret of the binding's namespace."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSource:
    """Parts of a certificate."""

    name: str
    version: str = ""
    include: Include = Include.CHAIN
    format: CertificateFormat = CertificateFormat.PEM
    password_ref: PasswordRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeySource:
    """A key's public half."""

    name: str
    version: str = ""
    format: PublicKeyFormat = PublicKeyFormat.PEM


Source = SecretSource | CertificateSource | PublicKeySource


@dataclass(frozen=True, slots=True, kw_only=True)
class DataEntry:
    """One entry of `spec.data`: a key of the Secret and where its bytes come from."""

    key: str
    source: Source
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsEntry:
    """`dataFrom[].tls`: tls.crt, tls.key and, where the chain has a root, ca.crt."""

    name: str
    version: str = ""
    optional: bool = False
    rewrite: tuple[Rewrite, ...] = ()


NamedEntry = TlsEntry | ExtractEntry
FromEntry = NamedEntry | FindEntry


class Keep(StrEnum):
    """`target.template.keep`: which keys of `data` and `dataFrom` there are besides those of the template."""

    NONE = "None"
    ALL = "All"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """`target.template`: keys that are made of the values of the others."""

    data: Mapping[str, str]
    """Key to the text of its template, at most 64 KiB all together."""
    keep: Keep = Keep.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The Secret to write."""

    name: str
    type: str
    creation_policy: CreationPolicy = CreationPolicy.OWNER
    when_missing: WhenMissing = WhenMissing.RETAIN
    immutable: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    template: Template | None = None


class WorkloadKind(StrEnum):
    """Workloads that can be restarted."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """One entry of `rollout.restart`: a workload by its name, or all that have these labels."""

    kind: WorkloadKind
    name: str = ""
    match_labels: Mapping[str, str] = field(default_factory=dict)


_KINDS: Final[Mapping[type, VaultObjectKind]] = {
    SecretSource: VaultObjectKind.SECRET,
    CertificateSource: VaultObjectKind.CERTIFICATE,
    PublicKeySource: VaultObjectKind.KEY,
    TlsEntry: VaultObjectKind.CERTIFICATE,
    ExtractEntry: VaultObjectKind.SECRET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingSpec:
    """What a VaultBinding asks for, defaults filled in."""

    vault: ObjectKey
    """Key of the KeyVault (binding's namespace) or ClusterKeyVault (no namespace)."""
    target: Target
    data: tuple[DataEntry, ...] = ()
    data_from: tuple[FromEntry, ...] = ()
    refresh_policy: RefreshPolicy = RefreshPolicy.FOLLOW
    suspend: bool = False
    warn_before: tuple[timedelta, ...] | None = None
    """Thresholds of expiry, longest first; None: those of the KeyVault."""
    restarts: tuple[Restart, ...] = ()
    passwords: tuple[PasswordRef, ...] = ()
    """Those of its key stores, each once."""

    @property
    def follows(self) -> bool:
        """Whether the Secret follows what looks at the vault show."""
        return self.refresh_policy is RefreshPolicy.FOLLOW

    def sources(self) -> tuple[tuple[VaultObjectKind, str], ...]:
        """Kind and name of each vault object that it names, in spec order: what `access` is checked for."""
        sources = (*(entry.source for entry in self.data), *self.named_from)
        return tuple(dict.fromkeys((_KINDS[type(source)], source.name) for source in sources))

    @property
    def named_from(self) -> tuple[NamedEntry, ...]:
        """Entries of `dataFrom` that name their object."""
        return tuple(entry for entry in self.data_from if not isinstance(entry, FindEntry))

    @property
    def finds(self) -> tuple[FindEntry, ...]:
        """Entries of `dataFrom` that look for theirs."""
        return tuple(entry for entry in self.data_from if isinstance(entry, FindEntry))
