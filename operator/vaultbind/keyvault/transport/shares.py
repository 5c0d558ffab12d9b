"""What the clients of one transport have in common, counted: each thing ends with its last user."""

import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from azure.core.credentials_async import AsyncTokenProvider

from vaultbind.keyvault.resilience.clock import Clock, SystemClock
from vaultbind.keyvault.transport.identities import CredentialConfig

LOG: Final = logging.getLogger("vaultbind.keyvault.transport")
T = TypeVar("T")
End = Callable[[], Awaitable[None]]


class Shares:
    """Things by their key; whoever borrows one gives it back, and the last one ends it."""

    def __init__(self) -> None:
        """Begin empty."""
        self._held: dict[Hashable, _Held] = {}

    def borrow(
        self, key: Hashable, make: Callable[[], T], end: Callable[[T], Awaitable[None]] | None = None
    ) -> tuple[T, End]:
        """Return what is kept under `key`, made when nobody else has it, and how to give it back.

        To give it back twice is to give it back once. `end` is awaited after the last one has.
        """
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held(value=make(), end=end)
        held.users += 1
        return cast("T", held.value), _once(lambda: self._give_back(key, held))

    async def aclose(self) -> None:
        """End everything, whoever uses it; raises nothing."""
        held, self._held = list(self._held.values()), {}
        await end_all([item.finish for item in held])

    async def _give_back(self, key: Hashable, held: "_Held") -> None:
        held.users -= 1
        if held.users == 0 and self._held.get(key) is held:
            del self._held[key]  # before it ends: who comes meanwhile must not get it
            await held.finish()


@dataclass(slots=True, kw_only=True)
class _Held:
    value: Any
    end: Callable[[Any], Awaitable[None]] | None
    users: int = 0

    async def finish(self) -> None:
        if self.end is not None:
            await self.end(self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Same:
    """A key that is equal to itself only, whatever the thing in it compares."""

    thing: object

    def __hash__(self) -> int:
        return id(self.thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.thing is other.thing


@dataclass(frozen=True, slots=True, eq=False)
class Who:
    """A key for whoever asks: equal descriptions are one identity, credential objects only themselves.

    Client secrets are compared, and not hashed.
    """

    credential: CredentialConfig | AsyncTokenProvider

    def __hash__(self) -> int:
        mine = self.credential
        if not isinstance(mine, CredentialConfig):
            return id(mine)
        return hash((type(mine), getattr(mine, "tenant_id", ""), getattr(mine, "client_id", "")))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Who):
            return False
        mine, theirs = self.credential, other.credential
        return mine is theirs or (isinstance(mine, CredentialConfig) and mine == theirs)


def key_of(clock: Clock) -> Hashable:
    """Tell clocks apart: the system's is one, however many objects stand for it."""
    return SystemClock if isinstance(clock, SystemClock) else Same(clock)


async def end_all(ends: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Await each of them, the last one first; one that fails is logged and keeps none from its end."""
    async with AsyncExitStack() as stack:  # which goes on after a cancellation, too
        for end in ends:
            stack.push_async_callback(_end, end)


async def _end(end: Callable[[], Awaitable[Any]]) -> None:
    try:
        await end()
    except Exception as error:  # noqa: BLE001 - of a credential or transport that was given; its text is foreign
        LOG.warning("a part of a client could not be closed: %s", type(error).__name__)


def _once(act: Callable[[], Awaitable[None]]) -> End:
    left = [act]

    async def act_once() -> None:
        if left:
            await left.pop()()

    return act_once
