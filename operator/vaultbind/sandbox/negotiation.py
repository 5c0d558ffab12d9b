"""Which representation a client accepts: the object, only its metadata, or a table. Pure."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from vaultbind.sandbox.errors import not_acceptable

JSON: Final = "application/json"


class Representation(StrEnum):
    """Form of an answer."""

    PLAIN = "plain"
    METADATA = "metadata"
    TABLE = "table"


_AS: Final[Mapping[str, Representation]] = {
    "": Representation.PLAIN,
    "PartialObjectMetadata": Representation.METADATA,
    "PartialObjectMetadataList": Representation.METADATA,
    "Table": Representation.TABLE,
}
_MEDIA_TYPES: Final = frozenset({JSON, "application/*", "*/*"})


def parse_accept(header: str) -> Representation:
    """The first form in the header that is served; raises StatusError 406."""
    for media_type, parameters in _ranges(header or JSON):
        is_known_version = parameters.get("as", "") == "" or (
            parameters.get("g") == "meta.k8s.io" and parameters.get("v") == "v1"
        )
        if media_type in _MEDIA_TYPES and is_known_version and parameters.get("as", "") in _AS:
            return _AS[parameters.get("as", "")]
    raise not_acceptable(JSON)


def _ranges(header: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for part in header.split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        yield media_type.lower(), dict(_parameter(parameter) for parameter in parameters)


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()
