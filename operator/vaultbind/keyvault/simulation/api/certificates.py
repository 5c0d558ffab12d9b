"""REST calls on certificates."""

import base64
from typing import Any

from vaultbind.keyvault.simulation.api.calls import (
    Call,
    object_id,
    parse_changes,
    parse_section,
    parse_text,
    render_attributes,
)
from vaultbind.keyvault.simulation.api.messages import Answer
from vaultbind.keyvault.simulation.certificates import Upload
from vaultbind.keyvault.simulation.keymaterial import encode
from vaultbind.keyvault.simulation.policies import Policy
from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.records import CertificateVersion, Kind, PendingOperation


def render_item(call: Call, record: CertificateVersion, *, versioned: bool = False) -> dict[str, Any]:
    """Certificate as lists show it."""
    return {
        "id": object_id(call, Kind.CERTIFICATES, record, versioned=versioned),
        "x5t": encode(record.thumbprint),
        "attributes": render_attributes(record.attributes, call.vault.settings),
        "tags": record.tags or {},
        "subject": record.subject,
    }


def render_certificate(call: Call, record: CertificateVersion) -> dict[str, Any]:
    """Certificate with its DER and its policy; never a private key."""
    base = call.address.base
    policy = call.vault.certificates.policy_of(record.name)
    content = {
        **render_item(call, record, versioned=True),
        "kid": object_id(call, Kind.KEYS, record),
        "sid": object_id(call, Kind.SECRETS, record),
        "cer": base64.b64encode(record.der).decode(),
        "contentType": policy["secret_props"]["contentType"],
        "policy": render_policy(call, record.name, policy),
        "pending": {"id": f"{base}/certificates/{record.name}/pending"},
        "preserveCertOrder": record.preserve_order,
    }
    del content["subject"]
    return content


def render_policy(call: Call, name: str, policy: Policy) -> dict[str, Any]:
    """Policy with its id."""
    return {"id": f"{call.address.base}/certificates/{name}/policy", **policy}


def render_pending(call: Call, pending: PendingOperation) -> dict[str, Any]:
    """Operation of a creation."""
    path = f"{call.address.base}/certificates/{call.route.name}"
    content: dict[str, Any] = {
        "id": f"{path}/pending",
        "issuer": {"name": pending.issuer},
        "csr": base64.b64encode(pending.csr).decode(),
        "cancellation_requested": pending.cancelled,
        "status": pending.status,
        "request_id": pending.request_id,
    }
    if pending.status == "completed":
        content["target"] = path
    return content


def create_certificate(call: Call) -> Answer:
    """POST /certificates/{name}/create: 202 with the operation."""
    content = call.content()
    policy = parse_section(content, "policy")
    changes = parse_changes(content)
    pending = call.vault.certificates.create(call.route.name, policy, now=call.now, changes=changes)
    version = call.query.get("api-version", "")
    location = (
        f"{call.address.base}/certificates/{call.route.name}/pending"
        f"?api-version={version}&request_id={pending.request_id}"
    )
    return Answer(
        status=202, content=render_pending(call, pending), headers={"Location": location, "Retry-After": "10"}
    )


def import_certificate(call: Call) -> Answer:
    """POST /certificates/{name}/import."""
    content = call.content()
    value = parse_text(content, "value")
    if value is None:
        raise bad_parameter("Property value has invalid value\r\n")
    upload = Upload(
        value=value,
        password=parse_text(content, "pwd"),
        policy=parse_section(content, "policy"),
        preserve_order=content.get("preserveCertOrder") is True,
    )
    certificates = call.vault.certificates
    record = certificates.import_certificate(
        call.route.name, upload, now=call.now, changes=parse_changes(content)
    )
    return Answer(content=render_certificate(call, record))


def get_certificate(call: Call) -> Answer:
    """GET /certificates/{name} and /certificates/{name}/{version}."""
    record = call.vault.certificates.get(call.route.name, call.route.version)
    return Answer(content=render_certificate(call, record))


def update_certificate(call: Call) -> Answer:
    """PATCH /certificates/{name}/{version}."""
    certificates = call.vault.certificates
    content = call.content()
    record = certificates.update(
        call.route.name, call.route.version, now=call.now, changes=parse_changes(content)
    )
    policy = parse_section(content, "policy")
    if policy:
        certificates.update_policy(call.route.name, policy, now=call.now)
    return Answer(content=render_certificate(call, record))


def get_policy(call: Call) -> Answer:
    """GET /certificates/{name}/policy."""
    name = call.route.name
    return Answer(content=render_policy(call, name, call.vault.certificates.get_policy(name)))


def update_policy(call: Call) -> Answer:
    """PATCH /certificates/{name}/policy."""
    name = call.route.name
    policy = call.vault.certificates.update_policy(name, call.content(), now=call.now)
    return Answer(content=render_policy(call, name, policy))


def get_pending(call: Call) -> Answer:
    """GET /certificates/{name}/pending."""
    return Answer(content=render_pending(call, call.vault.certificates.get_pending(call.route.name)))


def delete_pending(call: Call) -> Answer:
    """DELETE /certificates/{name}/pending."""
    return Answer(content=render_pending(call, call.vault.certificates.delete_pending(call.route.name)))
