"""Control paths of access: rules by vault, and sessions that end at once."""

from typing import Any

import orjson

from vaultbind.emulator.control_state import ControlError
from vaultbind.keyvault.simulation import ApiRequest, Estate
from vaultbind.keyvault.simulation.access_forms import apply_access, parse_access, render_access

Result = tuple[int, Any]


def get_rules(_: ApiRequest, estate: Estate) -> Result:
    """Roles, access policies and firewalls by vault."""
    return 200, render_access(estate.access)


def add_rules(request: ApiRequest, estate: Estate) -> Result:
    """Add roles, access policies and firewalls; raises ControlError, and has changed nothing by then."""
    problems: list[str] = []
    forms = parse_access(orjson.loads(request.body), problems, "rules")
    problems += [
        f"rules.{form.vault} is closed by the other model already"
        for form in forms
        if form.model not in {None, estate.access.models().get(form.vault, form.model)}
    ]
    if problems:
        raise ControlError(*problems)
    apply_access(estate.access, forms)
    return 201, render_access(estate.access)


def end_sessions(request: ApiRequest, estate: Estate) -> Result:
    """Let no token pass any more that a principal (a glob) has by now; raises ControlError."""
    content = orjson.loads(request.body) if request.body else {}
    principal = content.get("principal", "*") if isinstance(content, dict) else None
    if not isinstance(principal, str) or set(content) - {"principal"}:
        raise ControlError("the body must be an object with the member principal, a client id or a glob")
    estate.sessions.revoke(principal, int(estate.now().timestamp()))
    return 201, {"principal": principal}


def forgive_sessions(_: ApiRequest, estate: Estate) -> Result:
    """Let every token pass again that has not expired."""
    estate.sessions.clear()
    return 204, None
