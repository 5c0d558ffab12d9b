"""The control paths `/_vaultbind/...`: who answers which; statistics, faults, access rules."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from vaultbind.emulator import control_access, control_state
from vaultbind.emulator.control_events import EVENT_OPERATIONS, VALIDATE
from vaultbind.emulator.control_state import ControlError, is_number
from vaultbind.emulator.event_broker import EventBroker
from vaultbind.emulator.gate import refuse_control
from vaultbind.keyvault.simulation import ApiRequest, ApiResponse, Estate
from vaultbind.keyvault.simulation.api.messages import JSON_TYPE
from vaultbind.keyvault.simulation.denial_forms import parse_denials, render_denials
from vaultbind.keyvault.simulation.fault_forms import FaultError, parse_faults, render_fault

PREFIX: Final = "/_vaultbind/"
Result = tuple[int, Any]


def handle_control(
    request: ApiRequest, estate: Estate, token: str = "", broker: EventBroker | None = None
) -> ApiResponse:
    """Answer a request below `/_vaultbind/`; with a `token` only one that shows it."""
    path = request.path.removeprefix(PREFIX).rstrip("/")
    refusal = refuse_control(request, token) if path != VALIDATE else None
    if refusal is not None:
        return _render(refusal[0], {"errors": [refusal[1]]})
    operation = OPERATIONS.get((path, request.method))
    event_operation = EVENT_OPERATIONS.get((path, request.method))
    try:
        if operation is not None:
            status, content = operation(request, estate)
        elif event_operation is not None and broker is not None:
            status, content = event_operation(request, broker)
        else:
            return _render(404, {"errors": ["no such control path or method"], "paths": _paths()})
    except orjson.JSONDecodeError:
        return _render(400, {"errors": ["the body is not JSON"]})
    except (FaultError, ControlError) as error:
        return _render(400, {"errors": list(error.problems)})
    return _render(status, content)


def _paths() -> list[str]:
    return sorted(f"{method} {PREFIX}{path}" for path, method in (*OPERATIONS, *EVENT_OPERATIONS))


def _render(status: int, content: Any) -> ApiResponse:
    body = b"" if content is None else orjson.dumps(content)
    return ApiResponse(
        status=status, headers={"Content-Type": JSON_TYPE, "Cache-Control": "no-store"}, body=body
    )


def _get_stats(_: ApiRequest, estate: Estate) -> Result:
    objects = {
        name: {
            "secrets": len(vault.secrets.store),
            "keys": len(vault.keys.store),
            "certificates": len(vault.certificates.store),
        }
        for name, vault in sorted(estate.vaults.items())
    }
    return 200, {**estate.log.summarize(), "objects": objects}


def _reset_stats(_: ApiRequest, estate: Estate) -> Result:
    estate.log.clear()
    return 204, None


def _get_faults(_: ApiRequest, estate: Estate) -> Result:
    return 200, [render_fault(active) for active in estate.faults.active()]


def _set_faults(request: ApiRequest, estate: Estate) -> Result:
    return 201, {"ids": list(estate.faults.add(*parse_faults(orjson.loads(request.body))))}


def _clear_faults(request: ApiRequest, estate: Estate) -> Result:
    number = request.query.get("id")
    if number is not None and not is_number(number):
        return 400, {"errors": ["id must be a number"]}
    return 200, {"cleared": estate.faults.clear(None if number is None else int(number))}


def _get_access(_: ApiRequest, estate: Estate) -> Result:
    return 200, render_denials(estate.access)


def _set_access(request: ApiRequest, estate: Estate) -> Result:
    content = orjson.loads(request.body)
    problems: list[str] = []
    denials = parse_denials(content if isinstance(content, list) else [content], problems)
    if problems:
        return 400, {"errors": problems}
    estate.access.deny(*denials)
    return 201, {"denials": len(estate.access.denials())}


def _clear_access(_: ApiRequest, estate: Estate) -> Result:
    estate.access.clear()
    return 204, None


OPERATIONS: Final[Mapping[tuple[str, str], Callable[[ApiRequest, Estate], Result]]] = {
    ("stats", "GET"): _get_stats,
    ("stats", "DELETE"): _reset_stats,
    ("faults", "GET"): _get_faults,
    ("faults", "POST"): _set_faults,
    ("faults", "DELETE"): _clear_faults,
    ("access", "GET"): _get_access,
    ("access", "POST"): _set_access,
    ("access", "DELETE"): _clear_access,
    ("rules", "GET"): control_access.get_rules,
    ("rules", "POST"): control_access.add_rules,
    ("sessions", "POST"): control_access.end_sessions,
    ("sessions", "DELETE"): control_access.forgive_sessions,
    ("time", "GET"): control_state.get_time,
    ("time", "POST"): control_state.move_time,
    ("time", "DELETE"): control_state.reset_time,
    ("snapshot", "GET"): control_state.get_snapshot,
    ("snapshot", "PUT"): control_state.put_snapshot,
    ("log", "GET"): control_state.get_log,
    ("throttle", "GET"): control_state.get_throttle,
    ("throttle", "POST"): control_state.set_throttle,
    ("throttle", "DELETE"): control_state.clear_throttle,
    ("vaults", "GET"): control_state.get_vaults,
    ("vaults", "POST"): control_state.add_vault,
}
