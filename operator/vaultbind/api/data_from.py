"""Parsed entries of `spec.dataFrom` that give keys which only the vault knows."""

from dataclasses import dataclass
from enum import StrEnum

from vaultbind.api.refs import VaultObjectKind, VaultObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """One entry of `dataFrom[].rewrite`: RE2's syntax, and `$1` for a group."""

    regexp: str
    replacement: str


class ExtractFormat(StrEnum):
    """`extract.format`: how the value is written."""

    JSON = "JSON"
    YAML = "YAML"
    ENV = "Env"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractEntry:
    """`dataFrom[].extract`: the entries of one secret's value, each as a key."""

    name: str
    version: str = ""
    format: ExtractFormat = ExtractFormat.JSON
    optional: bool = False
    rewrite: tuple[Rewrite, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindEntry:
    """`dataFrom[].find`: every object that fits, as a key of its name."""

    kinds: tuple[VaultObjectKind, ...] = (VaultObjectKind.SECRET,)
    regexp: str = ""
    """RE2's syntax; the whole name must match. Empty: any name."""
    tags: tuple[tuple[str, str], ...] = ()
    """Tags that an object must have, sorted."""
    optional: bool = False
    rewrite: tuple[Rewrite, ...] = ()
    found: tuple[VaultObjectRef, ...] = ()
    """What fits, as people know it; filled in from the vault's lists, never by a parser."""
