"""What was asked and how it ended: names and outcomes, never a value, a header or a query."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind

RECENT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogEntry:
    """One request. `action` is `list`, `get` and so on; `outcome` is the status, `cut` or `refused`."""

    time: float
    vault: str
    method: str
    route: str
    kind: str
    action: str
    name: str
    principal: str
    outcome: str
    version: str = ""


class AccessLog:
    """Counts of all requests by vault, method, route and outcome, and the most recent ones one by one."""

    def __init__(self, recent: int = RECENT) -> None:
        """Begin empty."""
        self._counts: Counter[tuple[str, str, str, str, str]] = Counter()
        self._recent: deque[AccessLogEntry] = deque(maxlen=recent)

    def note(self, entry: AccessLogEntry) -> None:
        """Count one request."""
        operation = f"{entry.kind}.{entry.action}" if entry.kind else entry.action
        self._counts[entry.vault, entry.method, entry.route, operation, entry.outcome] += 1
        self._recent.append(entry)

    def clear(self) -> None:
        """Forget everything."""
        self._counts.clear()
        self._recent.clear()

    def total(self) -> int:
        """Count all requests."""
        return self._counts.total()

    def recent(self) -> Sequence[AccessLogEntry]:
        """Most recent requests, oldest first."""
        return tuple(self._recent)

    def count(self, *, vault: str = "", operation: str = "", route: str = "", outcome: str = "") -> int:
        """Count requests by vault, operation (`secrets.get`), route and outcome; empty means any."""
        wanted = (vault, "", route, operation, outcome)
        return sum(
            number
            for key, number in self._counts.items()
            if all(not want or want == value for want, value in zip(wanted, key, strict=True))
        )

    def summarize(self) -> Mapping[str, Any]:
        """Totals, numbers per operation (without 401s) and one row per kind of request."""
        rows = [
            {
                "vault": vault,
                "method": method,
                "route": route,
                "operation": operation,
                "status": outcome,
                "count": n,
            }
            for (vault, method, route, operation, outcome), n in sorted(self._counts.items())
        ]
        operations: Counter[str] = Counter()
        for (_, _, _, operation, outcome), number in self._counts.items():
            if outcome != "401":
                operations[operation] += number
        return {
            "total": self.total(),
            "operations": dict(sorted(operations.items())),
            "requests": rows,
        }


def render_lines(entries: Iterable[AccessLogEntry]) -> str:
    """JSON Lines, one entry each."""
    return "".join(orjson.dumps(asdict(entry)).decode() + "\n" for entry in entries)


def parse_lines(text: str) -> list[AccessLogEntry]:
    """Read what `render_lines` wrote; raises KeyVaultError (VALIDATION) that names the line."""
    return [_parse_line(line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _parse_line(line: str, number: int) -> AccessLogEntry:
    try:
        fields = orjson.loads(line)
        entry = AccessLogEntry(**{**fields, "time": float(fields["time"])})
        if all(isinstance(value, str) for name, value in fields.items() if name != "time"):
            return entry
    except (KeyError, TypeError, ValueError):
        pass
    raise KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=f"line {number} is no entry of an access log")
