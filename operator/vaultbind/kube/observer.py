"""What the kube workshop tells whoever keeps count."""

from typing import Protocol


class KubeObserver(Protocol):
    """Called on the event loop after each request; must be quick and must not raise."""

    def request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        """One request was answered; `status` is 0 where no answer came. `resource` as in `secrets/status`."""

    def watch_ended(self, resource: str, cause: str) -> None:
        """A watch has to be opened again: `expired`, `silent`, `closed` or a kind of KubeError."""


class NullKubeObserver:
    """Listens to nothing."""

    def request(self, verb: str, resource: str, status: int, seconds: float) -> None:
        """Ignore it."""

    def watch_ended(self, resource: str, cause: str) -> None:
        """Ignore it."""
