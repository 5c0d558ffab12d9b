"""Secrets on the wire."""

from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.secret import DeletedSecret, Secret, SecretProperties, SetSecretOptions
from vaultbind.keyvault.wire.documents import (
    Json,
    fill_common,
    parse_deletion,
    parse_text,
    render_attributes,
    render_document,
    render_tags,
)
from vaultbind.keyvault.wire.drafts import freeze, make_draft_class

_Draft = make_draft_class(SecretProperties)


def parse_secret(data: Json) -> Secret:
    """Parse a secret bundle."""
    value = parse_text(data["value"])
    return Secret(value=SecretString(value), properties=parse_secret_properties(data))


def parse_secret_properties(data: Json) -> SecretProperties:
    """Parse the properties of a secret bundle or item."""
    draft = _Draft()
    fill_common(draft, data, data["id"])
    draft.content_type = data.get("contentType")
    draft.managed = bool(data.get("managed"))
    draft.key_id = data.get("kid")
    draft.previous_version = data.get("previousVersion")
    return freeze(draft, SecretProperties)


def parse_deleted_secret(data: Json) -> DeletedSecret:
    """Parse a deleted secret, from its own answer or a list."""
    return DeletedSecret(properties=parse_secret_properties(data), **parse_deletion(data))


def render_secret(value: str, options: SetSecretOptions) -> bytes:
    """Render the body that sets a secret."""
    return render_document({"value": value, **_render_options(options)})


def render_secret_update(options: SetSecretOptions) -> bytes:
    """Render the body that changes a version's properties."""
    return render_document(_render_options(options))


def _render_options(options: SetSecretOptions) -> Json:
    return {
        "contentType": options.content_type,
        "tags": render_tags(options.tags),
        "attributes": render_attributes(
            enabled=options.enabled, not_before=options.not_before, expires_on=options.expires_on
        ),
    }
