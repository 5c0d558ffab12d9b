"""Parsed spec of a VaultBinding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

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


class PublicKeyFormat(StrEnum):
    """`publicKey.format`."""

    PEM = "PEM"
    JWK = "JWK"


class CreationPolicy(StrEnum):
    """`target.creationPolicy` as far as implemented."""

    OWNER = "Owner"
    MERGE = "Merge"
    NONE = "None"
    """No Secret at all: the binding is for pods, which get its values from the broker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """A secret's value, or one property of its JSON."""

    name: str
    version: str = ""
    property: str | None = None
    decode: Decode = Decode.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSource:
    """Parts of a certificate as PEM."""

    name: str
    version: str = ""
    include: Include = Include.CHAIN


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingSpec:
    """What a VaultBinding asks for, defaults filled in."""

    vault: ObjectKey
    """Key of the KeyVault (binding's namespace) or ClusterKeyVault (no namespace)."""
    target: Target
    data: tuple[DataEntry, ...] = ()
    data_from: tuple[TlsEntry, ...] = ()
    suspend: bool = False
    warn_before: tuple[timedelta, ...] | None = None
    """Thresholds of expiry, longest first; None: those of the KeyVault."""
    restarts: tuple[Restart, ...] = ()

    def sources(self) -> tuple[tuple[VaultObjectKind, str], ...]:
        """Kind and name of each vault object asked for, in spec order: what `access` is checked for."""
        kinds = {
            SecretSource: VaultObjectKind.SECRET,
            CertificateSource: VaultObjectKind.CERTIFICATE,
            PublicKeySource: VaultObjectKind.KEY,
        }
        named = [(kinds[type(entry.source)], entry.source.name) for entry in self.data]
        named += [(VaultObjectKind.CERTIFICATE, entry.name) for entry in self.data_from]
        return tuple(dict.fromkeys(named))
