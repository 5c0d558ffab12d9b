"""REST calls on keys."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

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
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.keymaterial import encode
from vaultbind.keyvault.simulation.keyrules import parse_release_policy
from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.records import KeyVersion, Kind
from vaultbind.keyvault.simulation.rotation import RotationPolicy, render_rotation

BEFORE_HSM_PLATFORM: Final = frozenset({"2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4"})


def render_item(call: Call, record: KeyVersion, *, versioned: bool = False) -> dict[str, Any]:
    """Key as lists show it."""
    content: dict[str, Any] = {
        "kid": object_id(call, Kind.KEYS, record, versioned=versioned),
        "attributes": _attributes(call, record),
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
    if record.release_policy is not None:
        content["release_policy"] = record.release_policy
    return content


def _attributes(call: Call, record: KeyVersion) -> dict[str, Any]:
    content = render_attributes(record.attributes, call.vault.settings)
    content["exportable"] = record.exportable
    if call.query["api-version"] not in BEFORE_HSM_PLATFORM:
        content["hsmPlatform"] = "2" if record.key_type.endswith("-HSM") else "0"
    return content


def parse_key_changes(content: Mapping[str, Any]) -> Changes:
    """What a body asks to change about a key; raises VaultProblem (BadParameter)."""
    exportable = parse_section(content, "attributes").get("exportable")
    if exportable is not None and not isinstance(exportable, bool):
        raise bad_parameter("Property exportable has invalid value\r\n")
    policy = parse_release_policy(content.get("release_policy"))
    return replace(parse_changes(content), exportable=exportable, release_policy=policy)


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
        changes=parse_key_changes(content),
    )
    return Answer(content=render_key(call, record))


def import_key(call: Call) -> Answer:
    """PUT /keys/{name}; the operations are in the JWK."""
    content = call.content()
    jwk = parse_section(content, "key")
    changes = parse_key_changes({**content, "key_ops": jwk.get("key_ops")})
    hsm = content.get("Hsm") is True or str(jwk.get("kty", "")).endswith("-HSM")
    record = call.vault.keys.import_key(call.route.name, jwk, now=call.now, hsm=hsm, changes=changes)
    return Answer(content=render_key(call, record))


def get_key(call: Call) -> Answer:
    """GET /keys/{name} and /keys/{name}/{version}."""
    return Answer(content=render_key(call, call.vault.keys.get(call.route.name, call.route.version)))


def get_attestation(call: Call) -> Answer:
    """GET /keys/{name}/{version}/attestation: a stub, since no maker of HSMs signs what we say."""
    record = call.vault.keys.get(call.route.name, call.route.version)
    if not record.key_type.endswith("-HSM"):
        raise bad_parameter("Only keys of a hardware security module have an attestation.")
    content = render_key(call, record)
    content["attributes"]["attestation"] = {
        "certificatePemFile": encode(b"simulated: no certificates of a hardware security module"),
        "privateKeyAttestation": encode(f"simulated: private key {record.version}".encode()),
        "publicKeyAttestation": encode(f"simulated: public key {record.version}".encode()),
        "version": "simulated",
    }
    return Answer(content=content)


def update_key(call: Call) -> Answer:
    """PATCH /keys/{name}/{version}."""
    changes = parse_key_changes(call.content())
    record = call.vault.keys.update(call.route.name, call.route.version, now=call.now, changes=changes)
    return Answer(content=render_key(call, record))


def rotate_key(call: Call) -> Answer:
    """POST /keys/{name}/rotate."""
    return Answer(content=render_key(call, call.vault.keys.rotate(call.route.name, now=call.now)))


def get_rotation_policy(call: Call) -> Answer:
    """GET /keys/{name}/rotationpolicy."""
    return _rotation(call, call.vault.keys.get_rotation(call.route.name))


def set_rotation_policy(call: Call) -> Answer:
    """PUT /keys/{name}/rotationpolicy."""
    policy = call.vault.keys.set_rotation(call.route.name, call.content(), now=call.now)
    return _rotation(call, policy)


def _rotation(call: Call, policy: RotationPolicy) -> Answer:
    name = call.vault.keys.get(call.route.name).name
    return Answer(
        content={"id": f"{call.address.base}/keys/{name}/rotationpolicy", **render_rotation(policy)}
    )
