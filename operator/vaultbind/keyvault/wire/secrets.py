"""Secrets on the wire."""

from datetime import datetime

from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.secret import Secret, SecretProperties
from vaultbind.keyvault.wire.documents import (
    Json,
    parse_common,
    parse_text,
    render_attributes,
    render_document,
)


def parse_secret(data: Json) -> Secret:
    """Parse a secret bundle."""
    value = parse_text(data["value"])
    return Secret(value=SecretString(value), properties=parse_secret_properties(data))


def parse_secret_properties(data: Json) -> SecretProperties:
    """Parse the properties of a secret bundle or item."""
    return SecretProperties(
        **parse_common(data, data["id"]),
        content_type=data.get("contentType"),
        managed=bool(data.get("managed")),
        key_id=data.get("kid"),
    )


def render_secret(
    value: str,
    *,
    content_type: str | None,
    tags: dict[str, str] | None,
    enabled: bool | None,
    not_before: datetime | None,
    expires_on: datetime | None,
) -> bytes:
    """Render the body that sets a secret; absent members are left to the service."""
    attributes = render_attributes(enabled=enabled, not_before=not_before, expires_on=expires_on)
    return render_document(
        {"value": value, "contentType": content_type, "tags": tags, "attributes": attributes}
    )
