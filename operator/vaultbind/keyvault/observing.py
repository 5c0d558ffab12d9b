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
        self._tell("request", kind, method, route, status, seconds)

    def retry(self, kind: str, method: str, route: str, reason: str, delay: float) -> None:
        """An attempt failed and is repeated."""
        self._tell("retry", kind, method, route, reason, delay)

    def token(self, outcome: str, seconds: float) -> None:
        """A token was asked for."""
        self._tell("token", outcome, seconds)

    def breaker(self, state: str) -> None:
        """The vault's circuit breaker moved."""
        self._tell("breaker", state)

    def cache(self, kind: str, outcome: str) -> None:
        """A read met the cache."""
        self._tell("cache", kind, outcome)

    def _tell(self, event: str, *told: object) -> None:
        try:
            getattr(self._observer, event)(*told)
        except Exception as error:  # noqa: BLE001 - whatever a foreign observer raises must not break a read
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
