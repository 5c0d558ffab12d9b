"""REST calls on secrets."""

from typing import Any, Final

from vaultbind.keyvault.simulation.api.calls import (
    Call,
    object_id,
    parse_changes,
    parse_text,
    render_attributes,
)
from vaultbind.keyvault.simulation.api.messages import Answer
from vaultbind.keyvault.simulation.conversion import convert
from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.records import Kind, SecretVersion

SINCE_CONVERSION: Final = frozenset({"2025-07-01", "2026-04-01"})
"""Versions of the API that know `outContentType` and `previousVersion`."""
PREVIOUS_KNOWN_SINCE: Final = 1_748_736_000
"""1 June 2025: secrets of older certificates do not tell their previous version."""


def render_item(call: Call, record: SecretVersion, *, versioned: bool = False) -> dict[str, Any]:
    """Secret without its value, as lists and deletions show it."""
    content: dict[str, Any] = {
        "id": object_id(call, Kind.SECRETS, record, versioned=versioned),
        "attributes": render_attributes(record.attributes, call.vault.settings),
    }
    if record.tags is not None:
        content["tags"] = record.tags
    if record.content_type is not None:
        content["contentType"] = record.content_type
    if record.managed:
        content["managed"] = True
    return content


def render_secret(call: Call, record: SecretVersion) -> dict[str, Any]:
    """Secret with its value; one that belongs to a certificate names its key."""
    content = {"value": record.value, **render_item(call, record, versioned=True)}
    if record.managed:
        content["kid"] = object_id(call, Kind.KEYS, record)
    return content


def render_changed(call: Call, record: SecretVersion) -> dict[str, Any]:
    """Secret without its value but with its version, as a PATCH or a deletion answers."""
    return render_item(call, record, versioned=True)


def set_secret(call: Call) -> Answer:
    """PUT /secrets/{name}."""
    content = call.content()
    value = parse_text(content, "value")
    if value is None:
        raise bad_parameter("Property value has invalid value\r\n")
    changes = parse_changes(content)
    record = call.vault.secrets.set(call.route.name, value, now=call.now, changes=changes)
    return Answer(content=render_secret(call, record))


def get_secret(call: Call) -> Answer:
    """GET /secrets/{name} and /secrets/{name}/{version}."""
    record = call.vault.secrets.get(call.route.name, call.route.version)
    content = render_secret(call, record)
    if call.query["api-version"] in SINCE_CONVERSION:
        asked = call.query.get("outContentType")
        if asked:
            content |= {"value": convert(record, asked), "contentType": asked}
        content |= _render_previous(call, record)
    return Answer(content=content)


def _render_previous(call: Call, record: SecretVersion) -> dict[str, Any]:
    if not record.managed or record.attributes.created < PREVIOUS_KNOWN_SINCE:
        return {}
    previous = call.vault.secrets.store.previous(record)
    return {} if previous is None else {"previousVersion": previous.version}


def update_secret(call: Call) -> Answer:
    """PATCH /secrets/{name}/{version}."""
    changes = parse_changes(call.content())
    record = call.vault.secrets.update(call.route.name, call.route.version, now=call.now, changes=changes)
    return Answer(content=render_changed(call, record))
