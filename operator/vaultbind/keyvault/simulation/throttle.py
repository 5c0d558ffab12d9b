"""Throttling as the service documents it: weighted limits per 10 seconds, per vault and per subscription.

A transaction on a larger RSA key weighs more; what counts is the sum of the weights within a category. All
vaults here are of one subscription, which may do five times what one vault may.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from vaultbind.keyvault.simulation.api.messages import ApiRequest, parse_body
from vaultbind.keyvault.simulation.api.routing import Action, Route
from vaultbind.keyvault.simulation.problems import VaultProblem
from vaultbind.keyvault.simulation.records import Kind
from vaultbind.keyvault.simulation.vault import SimulatedVault

WINDOW_SECONDS: Final = 10
SUBSCRIPTION: Final = ""
"""Scope of all vaults together."""
SUBSCRIPTION_FACTOR: Final = 5


class Category(StrEnum):
    """What shares one limit."""

    HSM_CREATE = "hsmCreate"
    HSM_OTHER = "hsmOther"
    SOFTWARE_CREATE = "softwareCreate"
    SOFTWARE_OTHER = "softwareOther"
    WRITES = "writes"
    """Secret create, certificate import and key import."""
    OTHER = "other"
    """All other calls on secrets, certificates and the vault; each page of a list is one."""


LIMITS: Final[Mapping[Category, int]] = {
    Category.HSM_CREATE: 10,
    Category.HSM_OTHER: 2_000,
    Category.SOFTWARE_CREATE: 20,
    Category.SOFTWARE_OTHER: 4_000,
    Category.WRITES: 300,
    Category.OTHER: 4_000,
}
"""Transactions of a vault in 10 seconds."""
WEIGHTS: Final[Mapping[int, int]] = {3072: 4, 4096: 8}
"""Of a transaction on an RSA key of so many bits, other than creating it; all else weighs 1."""
WRITES: Final = frozenset(
    {(Kind.SECRETS, Action.SET), (Kind.CERTIFICATES, Action.IMPORT), (Kind.KEYS, Action.IMPORT)}
)
CREATIONS: Final = frozenset({"create", "rotate", "release"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleRules:
    """How to throttle. `factor` scales all limits, so that a test need not send thousands of requests."""

    factor: float = 1.0
    retry_after: float | None = None
    """Seconds in the header Retry-After; None: no such header, as the service was seen to do."""
    count_refused: bool = False
    """Whether refused requests count, too: the documentation says both."""

    def limit(self, scope: str, category: Category) -> float:
        """Weight that a vault, or the subscription, may spend in a window."""
        return LIMITS[category] * self.factor * (SUBSCRIPTION_FACTOR if scope == SUBSCRIPTION else 1)


class _Window:
    """What was spent in the last 10 seconds, second by second."""

    __slots__ = ("_seconds", "spent")

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque()
        self.spent = 0

    def at(self, now: float) -> int:
        while self._seconds and self._seconds[0][0] <= now - WINDOW_SECONDS:
            self.spent -= self._seconds.popleft()[1]
        return self.spent

    def add(self, now: float, weight: int) -> None:
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            weight_before = self._seconds.pop()[1]
            self._seconds.append((second, weight_before + weight))
        else:
            self._seconds.append((second, weight))
        self.spent += weight


class Throttle:
    """Decides which requests are too many. Off until rules are set."""

    def __init__(self) -> None:
        """Begin without rules."""
        self.rules: ThrottleRules | None = None
        self.refused = 0
        self._windows: dict[tuple[str, Category], _Window] = defaultdict(_Window)

    def set(self, rules: ThrottleRules | None) -> None:
        """Throttle by these rules from now on, or (None) not at all; nothing is spent yet."""
        self.rules = rules
        self.refused = 0
        self._windows.clear()

    def admits(self, vault: str, category: Category, weight: int, now: float) -> bool:
        """Count a request at a time of the clock, and tell whether it is within the limits."""
        rules = self.rules
        if rules is None:
            return True
        windows = {scope: self._windows[scope, category] for scope in (vault, SUBSCRIPTION)}
        fits = all(
            window.at(now) + weight <= rules.limit(scope, category) for scope, window in windows.items()
        )
        if fits or rules.count_refused:
            for window in windows.values():
                window.add(now, weight)
        if not fits:
            self.refused += 1
        return fits

    def usage(self, now: float) -> Iterator[dict[str, Any]]:
        """What each vault and the subscription have spent in the last 10 seconds."""
        rules = self.rules or ThrottleRules()
        for (scope, category), window in sorted(self._windows.items()):
            spent = window.at(now)
            if spent:
                named = {"vault": scope} if scope != SUBSCRIPTION else {"subscription": True}
                yield {
                    **named,
                    "category": str(category),
                    "spent": spent,
                    "limit": rules.limit(scope, category),
                }


def judge_cost(route: Route, request: ApiRequest, vault: SimulatedVault | None) -> tuple[Category, int]:
    """Category and weight of a request."""
    if (route.kind, route.action) in WRITES:
        return Category.WRITES, 1
    if route.kind is not Kind.KEYS:
        return Category.OTHER, 1
    key_type, bits = _asked_key(request) if route.action is Action.CREATE else _known_key(route, vault)
    is_hsm = key_type.endswith("-HSM")
    if route.action in CREATIONS:
        return (Category.HSM_CREATE if is_hsm else Category.SOFTWARE_CREATE), 1
    return (Category.HSM_OTHER if is_hsm else Category.SOFTWARE_OTHER), WEIGHTS.get(bits, 1)


def _asked_key(request: ApiRequest) -> tuple[str, int]:
    try:
        return str(parse_body(request.body).get("kty")), 0
    except VaultProblem:
        return "", 0


def _known_key(route: Route, vault: SimulatedVault | None) -> tuple[str, int]:
    if vault is None or route.name not in vault.keys.store:
        return "", 0
    record = vault.keys.store.get(route.name)
    modulus_bytes = len(record.public.get("n", "")) * 3 // 4
    return record.key_type, modulus_bytes * 8
