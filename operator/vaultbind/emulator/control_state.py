"""Control paths that look at the vaults' state or change it: time, snapshots, log, which vaults there are."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from vaultbind.api.durations import parse_duration
from vaultbind.emulator.config import is_vault_name
from vaultbind.keyvault.simulation import ApiRequest, Estate
from vaultbind.keyvault.simulation.codec import CodecError
from vaultbind.keyvault.simulation.snapshots import parse_snapshot, render_snapshot, render_time, restore
from vaultbind.keyvault.simulation.throttle import ThrottleRules

TIME_FIELDS: Final = frozenset({"advance", "set", "vault"})
VAULT_FIELDS: Final = frozenset({"name"})
LOG_FILTERS: Final = ("vault", "kind", "action", "name", "principal", "outcome")
LOG_LIMIT: Final = 100
MOST_DIGITS: Final = 18
RULES: Final = {"factor": "factor", "retryAfter": "retry_after", "countRefused": "count_refused"}


class ControlError(ValueError):
    """A control request that cannot be carried out; `problems` names every mistake."""

    def __init__(self, *problems: str) -> None:
        """Keep all problems."""
        super().__init__("; ".join(problems))
        self.problems = problems


def is_number(text: str) -> bool:
    """Tell whether a text of a query is a number, and not of so many digits that `int` refuses it."""
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS


def read_object(request: ApiRequest, known: frozenset[str]) -> Mapping[str, Any]:
    """JSON object of a request; raises ControlError, orjson.JSONDecodeError."""
    content = orjson.loads(request.body)
    if not isinstance(content, Mapping):
        raise ControlError("the body must be an object")
    unknown = [
        f"{name} is unknown; there are: {', '.join(sorted(known))}" for name in content if name not in known
    ]
    wrong = [f"{name} must be a text" for name, value in content.items() if not isinstance(value, str)]
    if unknown or wrong:
        raise ControlError(*unknown, *wrong)
    return content


def get_time(_: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """GET time: of the clock and of every vault."""
    vaults = {name: estate.now(name).isoformat() for name in sorted({*estate.vaults, *estate.time.own})}
    return 200, {"clock": estate.now().isoformat(), "ahead": render_time(estate), "vaults": vaults}


def move_time(request: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """POST time: `advance` by a duration or `set` to a moment, of one `vault` or of all."""
    content = read_object(request, TIME_FIELDS)
    vault = content.get("vault", "").lower()
    if ("advance" in content) == ("set" in content):
        raise ControlError("say either advance (such as 30d or -1h) or set (such as 2030-01-31T12:00:00Z)")
    try:
        if "advance" in content:
            text = content["advance"].removeprefix("+")
            distance = parse_duration(text.removeprefix("-"))
            estate.time.advance(-distance if text.startswith("-") else distance, vault)
        else:
            estate.time.move_to(_moment(content["set"]), estate.now(), vault)
    except (ValueError, OverflowError) as error:
        raise ControlError(f"{'advance' if 'advance' in content else 'set'}: {error}") from None
    return get_time(request, estate)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no moment such as 2030-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def reset_time(request: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """DELETE time: back to the clock, one vault (`?vault=`) or all."""
    estate.time.reset(request.query.get("vault", "").lower())
    return get_time(request, estate)


def get_snapshot(_: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """GET snapshot: all vaults with all values."""
    return 200, render_snapshot(estate)


def put_snapshot(request: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """PUT snapshot: the vaults are as they were then."""
    try:
        snapshot = parse_snapshot(orjson.loads(request.body))
    except CodecError as error:
        raise ControlError(str(error)) from None
    restore(estate, snapshot)
    return 200, {"restored": sorted(snapshot.vaults)}


def get_log(request: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """GET log: the last requests, oldest first, filtered by the fields of an entry; `limit` of them."""
    unknown = [
        f"{name} is unknown; there are: limit, {', '.join(LOG_FILTERS)}"
        for name in request.query
        if name not in {*LOG_FILTERS, "limit"}
    ]
    limit = request.query.get("limit", str(LOG_LIMIT))
    if not is_number(limit) or not 1 <= int(limit) <= 100_000:
        unknown.append("limit must be a number of at least 1")
    if unknown:
        raise ControlError(*unknown)
    wanted = {name: request.query[name] for name in LOG_FILTERS if name in request.query}
    found = [
        entry
        for entry in estate.log.recent()
        if all(getattr(entry, name) == value for name, value in wanted.items())
    ]
    return 200, [
        {**asdict(entry), "time": datetime.fromtimestamp(entry.time, UTC).isoformat()}
        for entry in found[-int(limit) :]
    ]


def get_vaults(_: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """GET vaults: their names, and whether asking for another one makes it."""
    return 200, {"vaults": sorted(estate.vaults), "onFirstUse": estate.config.on_first_use}


def add_vault(request: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """POST vaults: make one."""
    name = read_object(request, VAULT_FIELDS).get("name", "").lower()
    if not is_vault_name(name):
        raise ControlError("name must have 1 to 60 letters, digits and hyphens")
    estate.vault(name)
    return 201, {"vaults": sorted(estate.vaults)}


def get_throttle(_: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """GET throttle: the rules, how many requests were refused, what the last 10 seconds have spent."""
    rules = estate.throttle.rules
    shown = None if rules is None else {name: getattr(rules, field) for name, field in RULES.items()}
    usage = list(estate.throttle.usage(estate.now().timestamp()))
    return 200, {"rules": shown, "refused": estate.throttle.refused, "usage": usage}


def set_throttle(request: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """POST throttle: switch it on with `factor`, `retryAfter`, `countRefused`."""
    content = orjson.loads(request.body) if request.body else {}
    if not isinstance(content, Mapping):
        raise ControlError("the body must be an object")
    problems = [f"{name} is unknown; there are: {', '.join(RULES)}" for name in content if name not in RULES]
    for name, high in (("factor", 1000), ("retryAfter", 86_400)):
        value = content.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= high:
            problems.append(f"{name} must be a number above 0, at most {high}")
    if not isinstance(content.get("countRefused", False), bool):
        problems.append("countRefused must be true or false")
    if problems:
        raise ControlError(*problems)
    estate.throttle.set(ThrottleRules(**{RULES[name]: value for name, value in content.items()}))
    return get_throttle(request, estate)


def clear_throttle(request: ApiRequest, estate: Estate) -> tuple[int, Any]:
    """DELETE throttle: switch it off."""
    estate.throttle.set(None)
    return get_throttle(request, estate)
