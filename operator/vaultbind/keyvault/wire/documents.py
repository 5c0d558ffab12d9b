"""What all kinds of objects share on the wire. What does not fit is a PROTOCOL error without its content."""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import orjson

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind

Json = dict[str, Any]
_FAR_FUTURE = datetime(9999, 12, 31, tzinfo=UTC)
_FAR_PAST = datetime(1, 1, 1, tzinfo=UTC)
T = TypeVar("T")


def parse_document(body: bytes, parse: Callable[[Json], T]) -> T:
    """Parse one JSON object; raises KeyVaultError (PROTOCOL)."""
    try:
        return parse(orjson.loads(body))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, binascii.Error):
        pass
    raise KeyVaultError(KeyVaultErrorKind.PROTOCOL, code="UnexpectedBody")


def parse_page(body: bytes, parse: Callable[[Json], T]) -> tuple[list[T], str | None]:
    """Parse one page of a list: its items and the link to the next page; raises KeyVaultError (PROTOCOL)."""
    return parse_document(body, lambda page: ([parse(item) for item in page["value"]], _link(page)))


def fill_common(draft: Any, data: Json, identifier: str) -> None:
    """Set the members of ObjectProperties, from a bundle or item and its id."""
    parts = identifier.split("/")
    if not parts[4]:
        raise ValueError("id")
    draft.id = identifier
    draft.name = parts[4]
    draft.version = parts[5] if len(parts) > 5 else ""
    draft.tags = data.get("tags") or {}
    attributes = data.get("attributes") or {}
    draft.enabled = attributes.get("enabled", True) is True
    draft.not_before = parse_moment(attributes.get("nbf"))
    draft.expires_on = parse_moment(attributes.get("exp"))
    draft.created_on = parse_moment(attributes.get("created"))
    draft.updated_on = parse_moment(attributes.get("updated"))
    draft.recovery_level = attributes.get("recoveryLevel")
    draft.recoverable_days = attributes.get("recoverableDays")


def parse_deletion(data: Json) -> Json:
    """Fields of DeletedObject beside the properties."""
    return {
        "recovery_id": data.get("recoveryId"),
        "deleted_on": parse_moment(data.get("deletedDate")),
        "scheduled_purge_on": parse_moment(data.get("scheduledPurgeDate")),
    }


def parse_backup(data: Json) -> bytes:
    """Bytes of a backup."""
    return parse_bytes(parse_text(data["value"]))


@lru_cache(maxsize=4096)  # an item's times are often equal, and every look at a vault brings the same ones
def parse_moment(seconds: float | None) -> datetime | None:
    """Time of epoch seconds; one that no calendar knows becomes the calendar's end."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return _FAR_FUTURE if seconds > 0 else _FAR_PAST


def parse_bytes(text: str) -> bytes:
    """Bytes of base64url text without padding; raises ValueError for any other character."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def parse_text(value: Any) -> str:
    """Return text that is text; raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def render_document(members: Mapping[str, Any]) -> bytes:
    """Render a request's body; members that are None are left to the service."""
    return orjson.dumps(drop_absent(members))


def render_attributes(
    *,
    enabled: bool | None = None,
    not_before: datetime | None = None,
    expires_on: datetime | None = None,
    exportable: bool | None = None,
) -> Json | None:
    """Attributes of a request's body, None when there are none; times in whole seconds.

    Raises KeyVaultError (VALIDATION) for a time without a zone, which would mean another moment elsewhere,
    and for an end that is not after the beginning.
    """
    begin, end = _render_moment(not_before), _render_moment(expires_on)
    if begin is not None and end is not None and begin >= end:
        detail = "not_before is before expires_on, by a second at least"
        raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)
    attributes = {"enabled": enabled, "nbf": begin, "exp": end, "exportable": exportable}
    return drop_absent(attributes) or None


def _render_moment(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if not _is_aware(moment):
        detail = "a time is an aware datetime, such as datetime.now(UTC) + timedelta(days=90)"
        raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)
    return int(moment.timestamp())


def _is_aware(moment: object) -> bool:
    return isinstance(moment, datetime) and moment.utcoffset() is not None


def render_tags(tags: Mapping[str, str] | None) -> dict[str, str] | None:
    """Tags as JSON can have them; an empty mapping removes all."""
    return dict(tags) if tags is not None else None


def render_bytes(data: bytes | None) -> str | None:
    """Base64url text without padding."""
    return None if data is None else base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def drop_absent(members: Mapping[str, Any]) -> Json:
    """Keep the members that are not None."""
    return {name: item for name, item in members.items() if item is not None}


def _link(page: Json) -> str | None:
    link = page.get("nextLink")
    return parse_text(link) if link else None
