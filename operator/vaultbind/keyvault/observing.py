"""An observer at arm's length: what goes wrong in it never reaches a request."""

import logging
from collections import Counter
from collections.abc import Mapping

from vaultbind.keyvault.observer import NullObserver, Observer

logger = logging.getLogger(__name__)


class ContainedObserver:
    """Passes everything on, and keeps what the other one raises: counted by type, and logged once by type.

    Texts of exceptions are told to nobody: they may quote what an observer was working on. Each method is
    written out, for a hit of the cache takes microseconds.
    """

    def __init__(self, observer: Observer) -> None:
        """`observer` may raise and may lack methods."""
        self._observer = observer
        self._failures: Counter[str] = Counter()

    @property
    def failures(self) -> Mapping[str, int]:
        """How often the observer has raised, by the exception's type."""
        return dict(self._failures)

    def request(self, kind: str, method: str, route: str, status: int, seconds: float) -> None:
        """One request went over the wire."""
        try:
            self._observer.request(kind, method, route, status, seconds)
        except Exception as error:  # noqa: BLE001 - whatever a foreign observer raises must not break a read
            self._note("request", error)

    def retry(self, kind: str, method: str, route: str, reason: str, delay: float) -> None:
        """An attempt failed and is repeated."""
        try:
            self._observer.retry(kind, method, route, reason, delay)
        except Exception as error:  # noqa: BLE001 - whatever a foreign observer raises must not break a read
            self._note("retry", error)

    def token(self, outcome: str, seconds: float) -> None:
        """A token was asked for."""
        try:
            self._observer.token(outcome, seconds)
        except Exception as error:  # noqa: BLE001 - whatever a foreign observer raises must not break a read
            self._note("token", error)

    def breaker(self, state: str) -> None:
        """The vault's circuit breaker moved."""
        try:
            self._observer.breaker(state)
        except Exception as error:  # noqa: BLE001 - whatever a foreign observer raises must not break a read
            self._note("breaker", error)

    def cache(self, kind: str, outcome: str) -> None:
        """A read met the cache."""
        try:
            self._observer.cache(kind, outcome)
        except Exception as error:  # noqa: BLE001 - whatever a foreign observer raises must not break a read
            self._note("cache", error)

    def _note(self, event: str, error: Exception) -> None:
        failure = type(error).__name__
        self._failures[failure] += 1
        if self._failures[failure] == 1:
            logger.warning(
                "an observer raised %s when it was told of a %s; this is told once", failure, event
            )


def contain(observer: Observer | None) -> ContainedObserver:
    """Keep an observer, or nobody, at arm's length; one that is kept already is returned."""
    return (
        observer if isinstance(observer, ContainedObserver) else ContainedObserver(observer or NullObserver())
    )
