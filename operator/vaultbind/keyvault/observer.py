"""Seam for metrics and traces: the library tells, somebody else counts."""

from typing import Protocol


class Observer(Protocol):
    """What is told while requests run. Calls must be quick; what they raise is contained and counted.

    `kind` is secret, key or certificate; `route` is a template without names (`/secrets/{name}`); `status`
    is the HTTP status, or 0 when no answer came; times are seconds.

        client = KeyVaultClient(config, observer=NullObserver())
        print(client.observer_failures)
    """

    def request(self, kind: str, method: str, route: str, status: int, seconds: float) -> None:
        """One request went over the wire, challenges and retries included."""
        ...

    def retry(self, kind: str, method: str, route: str, reason: str, delay: float) -> None:
        """An attempt failed with `reason` and is repeated after `delay` seconds."""
        ...

    def token(self, outcome: str, seconds: float) -> None:
        """A token was asked for: `outcome` is `ok` or the failure's code."""
        ...

    def breaker(self, state: str) -> None:
        """The vault's circuit breaker moved to `closed`, `open` or `half-open`."""
        ...

    def cache(self, kind: str, outcome: str) -> None:
        """A read met the cache: `hit`, `negative-hit`, `join`, `miss`, or `refresh` beside a hit."""
        ...


class NullObserver:
    """Listens to nothing; override what you need.

        class Slow(NullObserver):
            def request(self, kind, method, route, status, seconds):
                if seconds > 1:
                    print(route, seconds)

        client = KeyVaultClient(config, observer=Slow())

    So it goes on working when observers are told of more.
    """

    def request(self, kind: str, method: str, route: str, status: int, seconds: float) -> None:
        """Do nothing."""

    def retry(self, kind: str, method: str, route: str, reason: str, delay: float) -> None:
        """Do nothing."""

    def token(self, outcome: str, seconds: float) -> None:
        """Do nothing."""

    def breaker(self, state: str) -> None:
        """Do nothing."""

    def cache(self, kind: str, outcome: str) -> None:
        """Do nothing."""
