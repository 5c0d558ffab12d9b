"""Keys on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vaultbind.keyvault.types.key import CreateKeyOptions, JsonWebKey, Key, KeyProperties, KeyReleasePolicy
from vaultbind.keyvault.wire.documents import (
    Json,
    drop_absent,
    parse_bytes,
    parse_common,
    render_attributes,
    render_bytes,
    render_document,
)

_MEMBERS = ("n", "e", "x", "y")


def parse_key(data: Json) -> Key:
    """Parse a key bundle."""
    jwk = data["key"]
    properties = KeyProperties(
        **parse_common(data, jwk["kid"]),
        managed=bool(data.get("managed")),
        key_type=jwk["kty"],
        exportable=(data.get("attributes") or {}).get("exportable"),
        release_policy=_parse_release_policy(data.get("release_policy")),
    )
    key = JsonWebKey(
        kid=jwk["kid"],
        kty=jwk["kty"],
        crv=jwk.get("crv"),
        **{name: parse_bytes(jwk[name]) for name in _MEMBERS if jwk.get(name)},
    )
    return Key(properties=properties, key=key, operations=tuple(jwk.get("key_ops") or ()))


def parse_key_properties(data: Json) -> KeyProperties:
    """Parse a key item."""
    attributes = data.get("attributes") or {}
    return KeyProperties(
        **parse_common(data, data["kid"]),
        managed=bool(data.get("managed")),
        exportable=attributes.get("exportable"),
    )


def render_new_key(options: CreateKeyOptions) -> bytes:
    """Render the body that creates a key."""
    return render_document(
        {
            "kty": options.key_type,
            "key_size": options.size,
            "public_exponent": options.public_exponent,
            "crv": options.curve,
            "key_ops": list(options.operations) if options.operations is not None else None,
            **_shared(
                tags=options.tags,
                release_policy=options.release_policy,
                enabled=options.enabled,
                not_before=options.not_before,
                expires_on=options.expires_on,
                exportable=options.exportable,
            ),
        }
    )


def _shared(
    *,
    tags: Mapping[str, str] | None,
    release_policy: KeyReleasePolicy | None,
    enabled: bool | None,
    not_before: datetime | None,
    expires_on: datetime | None,
    exportable: bool | None,
) -> dict[str, Any]:
    """Members that a creation, an import and an update share."""
    attributes = render_attributes(
        enabled=enabled, not_before=not_before, expires_on=expires_on, exportable=exportable
    )
    return drop_absent(
        {
            "attributes": attributes,
            "tags": dict(tags) if tags is not None else None,
            "release_policy": _render_release_policy(release_policy),
        }
    )


def _parse_release_policy(data: Json | None) -> KeyReleasePolicy | None:
    if not data:
        return None
    return KeyReleasePolicy(
        data=parse_bytes(data["data"]),
        content_type=data.get("contentType") or "",
        immutable=bool(data.get("immutable")),
    )


def _render_release_policy(policy: KeyReleasePolicy | None) -> Json | None:
    if policy is None:
        return None
    return {
        "contentType": policy.content_type,
        "data": render_bytes(policy.data),
        "immutable": policy.immutable,
    }
