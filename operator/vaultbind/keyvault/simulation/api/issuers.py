"""REST calls on the issuers and contacts of a vault."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from vaultbind.keyvault.simulation.api.calls import Call, parse_section, parse_text
from vaultbind.keyvault.simulation.api.messages import Answer
from vaultbind.keyvault.simulation.api.paging import render_page
from vaultbind.keyvault.simulation.api.routing import Action
from vaultbind.keyvault.simulation.issuers import HIDDEN, Issuer, IssuerChange
from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.records import Kind

MOST_CONTACTS: Final = 100


def _base(call: Call) -> str:
    return f"{call.address.base}/certificates"


def render_issuer(call: Call, issuer: Issuer) -> dict[str, Any]:
    """Issuer without its password."""
    content: dict[str, Any] = {"id": f"{_base(call)}/issuers/{issuer.name}", "provider": issuer.provider}
    shown = {name: value for name, value in issuer.credentials.items() if name not in HIDDEN}
    if shown:
        content["credentials"] = shown
    if issuer.organization:
        content["org_details"] = {"zip": 0, **issuer.organization}
    times = {"created": issuer.created, "updated": issuer.updated}
    return {**content, "attributes": {"enabled": issuer.enabled, **times}}


def _parse_change(content: Mapping[str, Any]) -> IssuerChange:
    enabled = parse_section(content, "attributes").get("enabled")
    if enabled is not None and not isinstance(enabled, bool):
        raise bad_parameter("Property enabled has invalid value\r\n")
    return IssuerChange(
        provider=parse_text(content, "provider"),
        credentials=_present(content, "credentials"),
        organization=_present(content, "org_details"),
        enabled=enabled,
    )


def _present(content: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """A section without its nulls; None when the body does not name it."""
    if content.get(name) is None:
        return None
    return {key: value for key, value in parse_section(content, name).items() if value is not None}


def list_issuers(call: Call) -> Answer:
    """GET /certificates/issuers."""
    return render_page(
        call,
        call.vault.certificates.issuers.page,
        lambda issuer: issuer.name.lower(),
        lambda issuer: {"id": f"{_base(call)}/issuers/{issuer.name}", "provider": issuer.provider},
    )


def get_issuer(call: Call) -> Answer:
    """GET /certificates/issuers/{name}."""
    return Answer(content=render_issuer(call, call.vault.certificates.issuers.get(call.route.name)))


def set_issuer(call: Call) -> Answer:
    """PUT /certificates/issuers/{name}."""
    change = _parse_change(call.content())
    issuer = call.vault.certificates.issuers.set(call.route.name, change, call.now)
    return Answer(content=render_issuer(call, issuer))


def update_issuer(call: Call) -> Answer:
    """PATCH /certificates/issuers/{name}."""
    change = _parse_change(call.content())
    issuer = call.vault.certificates.issuers.update(call.route.name, change, call.now)
    return Answer(content=render_issuer(call, issuer))


def delete_issuer(call: Call) -> Answer:
    """DELETE /certificates/issuers/{name}: the issuer as it was."""
    return Answer(content=render_issuer(call, call.vault.certificates.issuers.delete(call.route.name)))


def _render_contacts(call: Call, contacts: tuple[Mapping[str, Any], ...]) -> Answer:
    return Answer(content={"id": f"{_base(call)}/contacts", "contacts": list(contacts)})


def get_contacts(call: Call) -> Answer:
    """GET /certificates/contacts."""
    return _render_contacts(call, call.vault.certificates.issuers.contacts())


def set_contacts(call: Call) -> Answer:
    """PUT /certificates/contacts."""
    contacts = _parse_contacts(call.content().get("contacts"))
    call.vault.certificates.issuers.set_contacts(contacts)
    return _render_contacts(call, contacts)


def delete_contacts(call: Call) -> Answer:
    """DELETE /certificates/contacts: the contacts as they were."""
    return _render_contacts(call, call.vault.certificates.issuers.delete_contacts())


def _parse_contacts(contacts: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(contacts, list) or not 1 <= len(contacts) <= MOST_CONTACTS:
        raise bad_parameter("Property contacts has invalid value\r\n")
    if not all(isinstance(contact, Mapping) and parse_text(contact, "email") for contact in contacts):
        raise bad_parameter("Property email has invalid value\r\n")
    known = ("email", "name", "phone")
    return tuple({name: contact[name] for name in known if contact.get(name)} for contact in contacts)


HANDLERS: Final[Mapping[tuple[Kind, Action], Callable[[Call], Answer]]] = {
    (Kind.CERTIFICATES, Action.LIST_ISSUERS): list_issuers,
    (Kind.CERTIFICATES, Action.GET_ISSUER): get_issuer,
    (Kind.CERTIFICATES, Action.SET_ISSUER): set_issuer,
    (Kind.CERTIFICATES, Action.UPDATE_ISSUER): update_issuer,
    (Kind.CERTIFICATES, Action.DELETE_ISSUER): delete_issuer,
    (Kind.CERTIFICATES, Action.GET_CONTACTS): get_contacts,
    (Kind.CERTIFICATES, Action.SET_CONTACTS): set_contacts,
    (Kind.CERTIFICATES, Action.DELETE_CONTACTS): delete_contacts,
}
