"""Entries of `spec.dataFrom`: every rule of the CRD once more."""

from typing import Final

from vaultbind.api import grammar
from vaultbind.api.binding import FromEntry, TlsEntry
from vaultbind.api.data_from import ExtractEntry, ExtractFormat, FindEntry, Rewrite
from vaultbind.api.fields import Fields
from vaultbind.api.refs import VaultObjectKind

_MOST_REWRITES: Final = 16
_MOST_TAGS: Final = 15


def parse_from_entry(entry: Fields) -> FromEntry:
    """Return what one entry asks for. Raises SpecError (InvalidSpec)."""
    return _MEMBERS[entry.only_one_of("extract", "find", "tls")](entry)


def parse_version(source: Fields) -> str:
    """The service compares versions without regard to case and answers in lower case."""
    return source.text("version", grammar.OBJECT_VERSION).lower()


def _parse_extract(entry: Fields) -> FromEntry:
    extract = entry.required_object("extract")
    return ExtractEntry(
        name=extract.required_text("name", grammar.OBJECT_NAME),
        version=parse_version(extract),
        format=extract.choice("format", ExtractFormat.JSON),
        optional=entry.flag("optional"),
        rewrite=_parse_rewrite(entry),
    )


def _parse_find(entry: Fields) -> FromEntry:
    """Whether the name's text is an expression is known to `rendering.find` only."""
    find = entry.required_object("find")
    name = find.object("name")
    tags = find.pairs("tags", grammar.TAG_NAME, grammar.TAG_VALUE, most=_MOST_TAGS)
    if not tags and find.has("tags"):
        raise find.fail("tags", "must not be empty, leave it out instead")
    if name is None and not tags:
        raise entry.fail("find", "name or tags must be set")
    return FindEntry(
        kinds=_parse_kinds(find),
        regexp=name.required_text("regexp", grammar.REGEXP) if name is not None else "",
        tags=tuple(sorted(tags.items())),
        optional=entry.flag("optional"),
        rewrite=_parse_rewrite(entry),
    )


def _parse_kinds(find: Fields) -> tuple[VaultObjectKind, ...]:
    """In one order, whatever that of the spec: a set."""
    texts = find.texts("kinds", grammar.OBJECT_KIND, most=len(VaultObjectKind))
    if len(set(texts)) < len(texts):
        raise find.fail("kinds", "has a kind twice")
    return tuple(kind for kind in VaultObjectKind if kind.value in (texts or ("secret",)))


def _parse_tls(entry: Fields) -> FromEntry:
    tls = entry.required_object("tls")
    return TlsEntry(
        name=tls.required_text("name", grammar.OBJECT_NAME),
        version=parse_version(tls),
        optional=entry.flag("optional"),
        rewrite=_parse_rewrite(entry),
    )


def _parse_rewrite(entry: Fields) -> tuple[Rewrite, ...]:
    """Whether the texts are expressions is known to `rendering.rewrite` only."""
    found = tuple(
        Rewrite(
            regexp=item.required_text("regexp", grammar.REGEXP),
            replacement=item.required_text("replacement", grammar.REPLACEMENT),
        )
        for item in entry.objects("rewrite", most=_MOST_REWRITES)
    )
    if not found and entry.has("rewrite"):
        raise entry.fail("rewrite", "must not be empty, leave it out instead")
    return found


_MEMBERS: Final = {"extract": _parse_extract, "find": _parse_find, "tls": _parse_tls}
