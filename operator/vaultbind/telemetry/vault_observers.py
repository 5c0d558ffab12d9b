"""The client library's observer for programs without metrics: log lines, and several observers as one."""

import logging
from collections.abc import Sequence

from vaultbind.keyvault.observer import Observer


class LoggingVaultObserver:
    """Logs what a client does: requests and cache at DEBUG, retries at INFO, trouble at WARNING.

    Routes are templates, so that neither names nor values are in any line.
    """

    def __init__(self, vault: str, logger: logging.Logger | None = None) -> None:
        """`vault` stands in each line; the logger is `vaultbind.vault` when none is given."""
        self._vault = vault
        self._log = logger or logging.getLogger("vaultbind.vault")

    def request(self, kind: str, method: str, route: str, status: int, seconds: float) -> None:  # noqa: ARG002 - the route tells the kind
        """One request went over the wire."""
        self._log.debug("%s: %s %s: %s in %.3f s", self._vault, method, route, status or "no answer", seconds)

    def retry(self, kind: str, method: str, route: str, reason: str, delay: float) -> None:  # noqa: ARG002 - the route tells the kind
        """A request is repeated."""
        self._log.info("%s: %s %s: %s, again in %.3f s", self._vault, method, route, reason, delay)

    def token(self, outcome: str, seconds: float) -> None:
        """A token was asked for."""
        level = logging.DEBUG if outcome == "ok" else logging.WARNING
        self._log.log(level, "%s: token: %s in %.3f s", self._vault, outcome, seconds)

    def breaker(self, state: str) -> None:
        """The circuit breaker has moved."""
        level = logging.WARNING if state == "open" else logging.INFO
        self._log.log(level, "%s: circuit breaker: %s", self._vault, state)

    def cache(self, kind: str, outcome: str) -> None:
        """A read met the cache."""
        self._log.debug("%s: cache of %ss: %s", self._vault, kind, outcome)


class ManyObservers:
    """Tells each of several observers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        """They are told in this order."""
        self._observers = tuple(observers)

    def request(self, kind: str, method: str, route: str, status: int, seconds: float) -> None:
        """One request went over the wire."""
        for observer in self._observers:
            observer.request(kind, method, route, status, seconds)

    def retry(self, kind: str, method: str, route: str, reason: str, delay: float) -> None:
        """A request is repeated."""
        for observer in self._observers:
            observer.retry(kind, method, route, reason, delay)

    def token(self, outcome: str, seconds: float) -> None:
        """A token was asked for."""
        for observer in self._observers:
            observer.token(outcome, seconds)

    def breaker(self, state: str) -> None:
        """The circuit breaker has moved."""
        for observer in self._observers:
            observer.breaker(state)

    def cache(self, kind: str, outcome: str) -> None:
        """A read met the cache."""
        for observer in self._observers:
            observer.cache(kind, outcome)
