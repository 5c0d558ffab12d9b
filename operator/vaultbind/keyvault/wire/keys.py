"""Keys on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import (
    CreateKeyOptions,
    DeletedKey,
    ImportKeyOptions,
    Key,
    KeyAttestation,
    KeyOperation,
    KeyProperties,
    KeyReleasePolicy,
    KeyRotationLifetimeAction,
    KeyRotationPolicy,
    ReleaseResult,
)
from vaultbind.keyvault.wire.documents import (
    Json,
    drop_absent,
    fill_common,
    parse_bytes,
    parse_deletion,
    parse_moment,
    parse_text,
    render_attributes,
    render_bytes,
    render_document,
    render_tags,
)
from vaultbind.keyvault.wire.drafts import freeze, make_draft_class

_Draft = make_draft_class(KeyProperties)
_ATTESTATION = {
    "certificate_pem_file": "certificatePemFile",
    "private_key_attestation": "privateKeyAttestation",
    "public_key_attestation": "publicKeyAttestation",
}
_PUBLIC = ("n", "e", "x", "y")
_ALL = (*_PUBLIC, "d", "p", "q", "dp", "dq", "qi", "k")


def parse_key(data: Json) -> Key:
    """Parse a key bundle."""
    jwk = data["key"]
    policy = _parse_release_policy(data.get("release_policy"))
    properties = _parse_properties(data, jwk["kid"], key_type=jwk["kty"], release_policy=policy)
    return Key(properties=properties, key=_parse_jwk(jwk), operations=tuple(jwk.get("key_ops") or ()))


def parse_key_properties(data: Json) -> KeyProperties:
    """Parse a key item."""
    return _parse_properties(data, data["kid"])


def parse_deleted_key(data: Json) -> DeletedKey:
    """Parse a deleted key: a whole one from its own answer, properties from a list."""
    if "key" not in data:
        return DeletedKey(properties=parse_key_properties(data), **parse_deletion(data))
    key = parse_key(data)
    return DeletedKey(properties=key.properties, key=key.key, **parse_deletion(data))


def parse_rotation_policy(data: Json) -> KeyRotationPolicy:
    """Parse a rotation policy."""
    attributes = data.get("attributes") or {}
    actions = data.get("lifetimeActions") or ()
    return KeyRotationPolicy(
        id=data.get("id"),
        lifetime_actions=tuple(_parse_lifetime_action(action) for action in actions),
        expires_in=attributes.get("expiryTime"),
        created_on=parse_moment(attributes.get("created")),
        updated_on=parse_moment(attributes.get("updated")),
    )


def parse_release(data: Json) -> ReleaseResult:
    """Parse a released key."""
    return ReleaseResult(value=parse_text(data["value"]))


def parse_attestation(data: Json) -> KeyAttestation:
    """Parse the attestation in a key bundle; a bundle without one has none."""
    found = data["attributes"].get("attestation") or {}
    members = {name: parse_bytes(found[word]) for name, word in _ATTESTATION.items() if found.get(word)}
    return KeyAttestation(version=found.get("version"), **members)


def render_release(target: str, algorithm: str | None, nonce: str | None) -> bytes:
    """Render the body that has a key released."""
    return render_document({"target": target, "enc": algorithm, "nonce": nonce})


def render_new_key(options: CreateKeyOptions) -> bytes:
    """Render the body that creates a key."""
    return render_document(
        {
            "kty": options.key_type,
            "key_size": options.size,
            "public_exponent": options.public_exponent,
            "crv": options.curve,
            "key_ops": _render_operations(options.operations),
            **_render_shared(options),
        }
    )


def render_import(key: JsonWebKey, options: ImportKeyOptions) -> bytes:
    """Render the body that imports a key."""
    members = {name: render_bytes(getattr(key, name)) for name in _ALL if getattr(key, name)}
    operations = _render_operations(options.operations)
    jwk = drop_absent({"kty": key.kty, "crv": key.crv, "key_ops": operations, **members})
    return render_document({"key": jwk, "Hsm": options.hardware_protected, **_render_shared(options)})


def render_key_update(
    *,
    operations: tuple[KeyOperation, ...] | None,
    enabled: bool | None,
    not_before: datetime | None,
    expires_on: datetime | None,
    tags: Mapping[str, str] | None,
    release_policy: KeyReleasePolicy | None,
) -> bytes:
    """Render the body that changes a version's properties."""
    attributes = render_attributes(enabled=enabled, not_before=not_before, expires_on=expires_on)
    return render_document(
        {
            "key_ops": _render_operations(operations),
            "attributes": attributes,
            "tags": render_tags(tags),
            "release_policy": _render_release_policy(release_policy),
        }
    )


def render_rotation_policy(policy: KeyRotationPolicy) -> bytes:
    """Render the body that sets a rotation policy."""
    actions = [_render_lifetime_action(action) for action in policy.lifetime_actions]
    return render_document({"lifetimeActions": actions, "attributes": {"expiryTime": policy.expires_in}})


def _parse_properties(
    data: Json, identifier: str, key_type: str | None = None, release_policy: KeyReleasePolicy | None = None
) -> KeyProperties:
    draft = _Draft()
    fill_common(draft, data, identifier)
    draft.managed = bool(data.get("managed"))
    draft.key_type = key_type
    draft.exportable = (data.get("attributes") or {}).get("exportable")
    draft.release_policy = release_policy
    return freeze(draft, KeyProperties)


def _parse_jwk(jwk: Json) -> JsonWebKey:
    members = {name: parse_bytes(jwk[name]) for name in _PUBLIC if jwk.get(name)}
    return JsonWebKey(kid=jwk["kid"], kty=jwk["kty"], crv=jwk.get("crv"), **members)


def _render_operations(operations: tuple[KeyOperation, ...] | None) -> list[str] | None:
    return list(operations) if operations is not None else None


def _render_shared(options: CreateKeyOptions | ImportKeyOptions) -> dict[str, Any]:
    """Members that a creation and an import share."""
    return {
        "attributes": render_attributes(
            enabled=options.enabled,
            not_before=options.not_before,
            expires_on=options.expires_on,
            exportable=options.exportable,
        ),
        "tags": render_tags(options.tags),
        "release_policy": _render_release_policy(options.release_policy),
    }


def _parse_lifetime_action(data: Json) -> KeyRotationLifetimeAction:
    trigger = data.get("trigger") or {}
    return KeyRotationLifetimeAction(
        action=data["action"]["type"].capitalize(),
        time_after_create=trigger.get("timeAfterCreate"),
        time_before_expiry=trigger.get("timeBeforeExpiry"),
    )


def _render_lifetime_action(action: KeyRotationLifetimeAction) -> Json:
    trigger = {"timeAfterCreate": action.time_after_create, "timeBeforeExpiry": action.time_before_expiry}
    return {"trigger": drop_absent(trigger), "action": {"type": action.action}}


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
