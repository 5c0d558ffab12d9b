"""What the server knows about one kind of object in one version."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vaultbind.sandbox.documents import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: `path` is a JSONPath, or the name of a built-in cell in tables.py."""

    name: str
    path: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceKind:
    """A served resource: where it is found, how it is stored and which of its parts are special."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = (
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    )
    has_status: bool = False
    """The status is a subresource of its own."""
    gives_tokens: bool = False
    """TokenRequests are posted to a subresource."""
    has_generation: bool = False
    is_custom: bool = False
    """Made by a CustomResourceDefinition: pruned, defaulted and validated by `schema`."""
    create_on_update: bool = False
    """PUT makes the object when it is missing (Leases, Events)."""
    unconditional_update: bool = True
    """PUT without a resourceVersion is allowed."""
    schema: Mapping[str, object] = field(default_factory=dict)
    """Structural schema; for built-in kinds only what their lists are merged by."""
    columns: tuple[Column, ...] = ()
    field_selectors: tuple[str, ...] = ()
    """Paths beside metadata.name and metadata.namespace by which a list may be filtered."""
    storage: tuple[str, str] | None = None

    @property
    def api_version(self) -> str:
        """`group/version`, only the version in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def stored_as(self) -> tuple[str, str]:
        """Key of the storage that all versions of this resource share: group and plural."""
        return self.storage or (self.group, self.plural)

    @property
    def singular(self) -> str:
        """Lower-case singular name."""
        return self.kind.lower()

    @property
    def subresources(self) -> tuple[str, ...]:
        """Names of the served subresources."""
        served = {"status": self.has_status, "token": self.gives_tokens}
        return tuple(name for name, is_served in served.items() if is_served)

    @property
    def type_meta(self) -> JsonObject:
        """ApiVersion and kind."""
        return {"apiVersion": self.api_version, "kind": self.kind}
