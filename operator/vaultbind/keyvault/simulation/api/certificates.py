"""REST calls on certificates."""

import base64
from typing import Any, Final

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
from vaultbind.keyvault.simulation.pending import PendingOperation, Status
from vaultbind.keyvault.simulation.policies import Policy
from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.records import CertificateVersion, Kind

RETRY_SECONDS: Final = "10"


def render_item(call: Call, record: CertificateVersion, *, versioned: bool = False) -> dict[str, Any]:
    """Certificate as lists show it."""
    content: dict[str, Any] = {
        "id": object_id(call, Kind.CERTIFICATES, record, versioned=versioned),
        "attributes": render_attributes(record.attributes, call.vault.settings),
        "tags": record.tags or {},
    }
    if record.is_issued:
        content |= {"x5t": encode(record.thumbprint), "subject": record.subject}
    return content


def render_certificate(call: Call, record: CertificateVersion) -> dict[str, Any]:
    """Certificate with its DER and its policy; never a private key.

    One that nobody has signed yet names neither key nor secret.
    """
    content = render_item(call, record, versioned=True)
    content.pop("subject", None)
    if record.is_issued:
        content |= {
            "kid": object_id(call, Kind.KEYS, record),
            "sid": object_id(call, Kind.SECRETS, record),
            "cer": base64.b64encode(record.der).decode(),
            "contentType": record.content_type,
        }
    certificates = call.vault.certificates
    content["policy"] = render_policy(call, record.name, certificates.policy_of(record.name))
    if certificates.find_pending(record.name) is not None:
        content["pending"] = {"id": f"{call.address.base}/certificates/{record.name}/pending"}
    content["preserveCertOrder"] = record.preserve_order
    return content


def render_policy(call: Call, name: str, policy: Policy) -> dict[str, Any]:
    """Policy with its id."""
    return {"id": f"{call.address.base}/certificates/{name}/policy", **policy}


def render_pending(call: Call, operation: PendingOperation) -> dict[str, Any]:
    """Operation of a creation."""
    path = f"{call.address.base}/certificates/{operation.name}"
    content: dict[str, Any] = {
        "id": f"{path}/pending",
        "issuer": operation.policy["issuer"],
        "csr": base64.b64encode(operation.csr).decode(),
        "cancellation_requested": operation.cancellation_requested,
        "status": operation.status,
        "request_id": operation.request_id,
        "preserveCertOrder": operation.preserve_order,
    }
    if operation.details is not None:
        content["status_details"] = operation.details
    if operation.error is not None:
        content["error"] = operation.error
    if operation.status is Status.COMPLETED:
        content["target"] = path
    return content


def create_certificate(call: Call) -> Answer:
    """POST /certificates/{name}/create: 202 with the operation."""
    content = call.content()
    operation = call.vault.certificates.create(
        call.route.name,
        parse_section(content, "policy"),
        now=call.now,
        changes=parse_changes(content),
        preserve_order=content.get("preserveCertOrder") is True,
    )
    version = call.query.get("api-version", "")
    location = (
        f"{call.address.base}/certificates/{call.route.name}/pending"
        f"?api-version={version}&request_id={operation.request_id}"
    )
    headers = {"Location": location, "Retry-After": RETRY_SECONDS}
    return Answer(status=202, content=render_pending(call, operation), headers=headers)


def import_certificate(call: Call) -> Answer:
    """POST /certificates/{name}/import."""
    content = call.content()
    value = parse_text(content, "value")
    if not value:
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
    policy = parse_section(content, "policy")
    if policy:
        certificates.update_policy(call.route.name, policy, now=call.now)
    record = certificates.update(
        call.route.name, call.route.version, now=call.now, changes=parse_changes(content)
    )
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
    """GET /certificates/{name}/pending; `request_id` in the query asks for that creation only."""
    request_id = call.query.get("request_id", "")
    operation = call.vault.certificates.get_pending(call.route.name, request_id)
    headers = {"Retry-After": RETRY_SECONDS} if operation.is_open else {}
    return Answer(content=render_pending(call, operation), headers=headers)


def cancel_pending(call: Call) -> Answer:
    """PATCH /certificates/{name}/pending."""
    if call.content().get("cancellation_requested") is not True:
        raise bad_parameter("Property cancellation_requested has invalid value\r\n")
    return Answer(content=render_pending(call, call.vault.certificates.cancel_pending(call.route.name)))


def delete_pending(call: Call) -> Answer:
    """DELETE /certificates/{name}/pending."""
    return Answer(content=render_pending(call, call.vault.certificates.delete_pending(call.route.name)))


def merge_certificate(call: Call) -> Answer:
    """POST /certificates/{name}/pending/merge: 201 with the certificate."""
    content = call.content()
    answer = content.get("x5c")
    if not isinstance(answer, list) or not all(isinstance(item, str) for item in answer):
        raise bad_parameter("Property x5c has invalid value\r\n")
    record = call.vault.certificates.merge(
        call.route.name, answer, now=call.now, changes=parse_changes(content)
    )
    version = call.query.get("api-version", "")
    location = f"{call.address.base}/certificates/{record.name}?api-version={version}"
    return Answer(status=201, content=render_certificate(call, record), headers={"Location": location})
