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


def parse_accept(header: str, *, is_list: bool = False) -> Representation:
    """The first form in the header that is served; raises StatusError 406.

    The real server also refuses a list's metadata for one object, and the other way round.
    """
    wrong = "PartialObjectMetadata" if is_list else "PartialObjectMetadataList"
    for media_type, parameters in _ranges(header or JSON):
        is_known_version = parameters.get("as", "") == "" or (
            parameters.get("g") == "meta.k8s.io" and parameters.get("v") == "v1"
        )
        if media_type in _MEDIA_TYPES and is_known_version and parameters.get("as", "") in _AS:
            if parameters.get("as") == wrong:
                raise not_acceptable(f"any but {wrong}, which does not fit this request")
            return _AS[parameters.get("as", "")]
    raise not_acceptable(JSON)


def _ranges(header: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for part in header.split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        yield media_type.lower(), dict(_parameter(parameter) for parameter in parameters)


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()
