"""REST calls on keys."""

from typing import Any

from vaultbind.keyvault.simulation.api.calls import (
    Call,
    object_id,
    parse_changes,
    parse_integer,
    parse_section,
    parse_text,
    render_attributes,
)
from vaultbind.keyvault.simulation.api.messages import Answer
from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.records import KeyVersion, Kind


def render_item(call: Call, record: KeyVersion, *, versioned: bool = False) -> dict[str, Any]:
    """Key as lists show it."""
    content: dict[str, Any] = {
        "kid": object_id(call, Kind.KEYS, record, versioned=versioned),
        "attributes": render_attributes(record.attributes, call.vault.settings),
    }
    if record.tags is not None:
        content["tags"] = record.tags
    if record.managed:
        content["managed"] = True
    return content


def render_key(call: Call, record: KeyVersion) -> dict[str, Any]:
    """Key with the public half of its JWK."""
    kid = object_id(call, Kind.KEYS, record)
    jwk = {"kid": kid, "kty": record.key_type, "key_ops": list(record.operations), **record.public}
    content = {"key": jwk, **render_item(call, record)}
    del content["kid"]
    content["attributes"]["exportable"] = record.exportable
    return content


def create_key(call: Call) -> Answer:
    """POST /keys/{name}/create."""
    content = call.content()
    key_type = parse_text(content, "kty")
    if key_type is None:
        raise bad_parameter("Property kty has invalid value\r\n")
    record = call.vault.keys.create(
        call.route.name,
        now=call.now,
        key_type=key_type,
        size=parse_integer(content, "key_size"),
        curve=parse_text(content, "crv"),
        exponent=parse_integer(content, "public_exponent"),
        changes=parse_changes(content),
    )
    return Answer(content=render_key(call, record))


def import_key(call: Call) -> Answer:
    """PUT /keys/{name}; the operations are in the JWK."""
    content = call.content()
    jwk = parse_section(content, "key")
    changes = parse_changes({**content, "key_ops": jwk.get("key_ops")})
    hsm = content.get("Hsm") is True or str(jwk.get("kty", "")).endswith("-HSM")
    record = call.vault.keys.import_key(call.route.name, jwk, now=call.now, hsm=hsm, changes=changes)
    return Answer(content=render_key(call, record))


def get_key(call: Call) -> Answer:
    """GET /keys/{name} and /keys/{name}/{version}."""
    return Answer(content=render_key(call, call.vault.keys.get(call.route.name, call.route.version)))


def update_key(call: Call) -> Answer:
    """PATCH /keys/{name}/{version}."""
    changes = parse_changes(call.content())
    record = call.vault.keys.update(call.route.name, call.route.version, now=call.now, changes=changes)
    return Answer(content=render_key(call, record))
