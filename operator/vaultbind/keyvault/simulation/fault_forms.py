"""Faults as JSON: parsing with all mistakes at once, and showing."""

from collections.abc import Mapping
from typing import Any, Final

from vaultbind.keyvault.simulation.faults import ActiveFault, Ending, Fault

TEXTS: Final = {
    "vault": "vault",
    "method": "method",
    "path": "path",
    "route": "route",
    "principal": "principal",
    "code": "code",
    "innerCode": "inner_code",
    "message": "message",
}
NUMBERS: Final = {"retryAfter": "retry_after", "delay": "delay", "rate": "rate"}
INTEGERS: Final = {"status": "status", "count": "count"}
SWITCHES: Final = ("cut", "refuse", "beforeAuth")
KNOWN: Final = frozenset({*TEXTS, *NUMBERS, *INTEGERS, *SWITCHES, "headers"})


class FaultError(ValueError):
    """A fault that cannot be set; `problems` names every mistake."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep all problems."""
        super().__init__("; ".join(problems))
        self.problems = problems


def parse_faults(content: Any) -> tuple[Fault, ...]:
    """One fault or a list of them; raises FaultError with all mistakes."""
    forms = content if isinstance(content, list) else [content]
    problems: list[str] = []
    faults = [
        _parse(form, f"[{index}]" if len(forms) > 1 else "", problems) for index, form in enumerate(forms)
    ]
    if problems:
        raise FaultError(tuple(problems))
    return tuple(faults)


def _parse(form: Any, where: str, problems: list[str]) -> Fault:
    if not isinstance(form, Mapping):
        problems.append(f"fault{where} must be an object")
        return Fault()
    problems.extend(f"fault{where}.{name} is unknown" for name in form if name not in KNOWN)
    members: dict[str, Any] = {}
    for table, types in ((TEXTS, (str,)), (NUMBERS, (int, float)), (INTEGERS, (int,))):
        members |= _take(form, table, types, where=where, problems=problems)
    _check_ranges(members, where, problems)
    members["headers"] = _parse_headers(form.get("headers"), where, problems)
    members["method"] = members.get("method", "*").upper()
    members["ending"] = _ending(form)
    refuses = members["ending"] is Ending.REFUSED
    members["before_auth"] = bool(form.get("beforeAuth", refuses))
    return Fault(**members)


def _take(
    form: Mapping[str, Any],
    table: Mapping[str, str],
    types: tuple[type, ...],
    *,
    where: str,
    problems: list[str],
) -> dict[str, Any]:
    members = {}
    for name, member in table.items():
        value = form.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, types):
            problems.append(f"fault{where}.{name} must be {types[-1].__name__}")
        else:
            members[member] = value
    return members


def _check_ranges(members: dict[str, Any], where: str, problems: list[str]) -> None:
    ranges = {
        "status": (200, 599),
        "count": (1, 10**9),
        "rate": (0, 1),
        "delay": (0, 3600),
        "retry_after": (0, 86_400),
    }
    for member, (low, high) in ranges.items():
        if member in members and not low <= members[member] <= high:
            problems.append(f"fault{where}.{member} must be between {low} and {high}")


def _parse_headers(headers: Any, where: str, problems: list[str]) -> Mapping[str, str]:
    if headers is None:
        return {}
    if isinstance(headers, Mapping) and all(_is_header(name, value) for name, value in headers.items()):
        return dict(headers)
    problems.append(f"fault{where}.headers must map names to texts of one line")
    return {}


def _is_header(name: Any, value: Any) -> bool:
    return isinstance(name, str) and isinstance(value, str) and (name + value).isprintable()


def _ending(form: Mapping[str, Any]) -> Ending:
    if form.get("refuse"):
        return Ending.REFUSED
    return Ending.CUT if form.get("cut") else Ending.WHOLE


def render_fault(active: ActiveFault) -> dict[str, Any]:
    """A fault that is set, with its number, what is left of it and how often it struck."""
    fault = active.fault
    content: dict[str, Any] = {"id": active.number, "struck": active.struck, "left": active.left}
    for name, member in {**TEXTS, **NUMBERS, **INTEGERS}.items():
        value = getattr(fault, member)
        if value not in (None, "", "*"):
            content[name] = value
    if fault.headers:
        content["headers"] = dict(fault.headers)
    if fault.ending is not Ending.WHOLE:
        content["refuse" if fault.ending is Ending.REFUSED else "cut"] = True
    return {**content, "beforeAuth": fault.before_auth}
