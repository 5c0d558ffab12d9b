"""RSA keys, made in threads beside the event loop: one takes 0.03 s to several, too long to stand still.

The state machine takes keys where it needs them. When none is ready it stops there by KeyWanted, before it
has changed anything for that key; its caller waits in the way that suits (`attend` on an event loop,
`patiently` in a thread that may stand still) and calls again, and it goes on from where it was.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import rsa

T = TypeVar("T")
STANDARD_EXPONENT: Final = 65_537
AHEAD: Final = {2048: 2}
"""How many keys of a size are kept ready once that size is in use; of others one."""
THREADS: Final = 2
THREAD_NAME: Final = "rsa-keys"
RsaSource = Callable[[int], rsa.RSAPrivateKey]
"""Gives an RSA key of so many bits, exponent 65537."""


def make_rsa(bits: int) -> rsa.RSAPrivateKey:
    """Make a key, now and here."""
    return rsa.generate_private_key(public_exponent=STANDARD_EXPONENT, key_size=bits)


class KeyWanted(Exception):  # noqa: N818 - not an error: a request to come back with a key
    """No RSA key of so many bits is ready."""

    def __init__(self, bits: int) -> None:
        """Ask for a key of `bits`."""
        super().__init__(f"an RSA key of {bits} bits")
        self.bits = bits


class RsaPool:
    """Keys by size, each given once. Its threads come with the first key, and end with `close`."""

    def __init__(self, make: RsaSource = make_rsa) -> None:
        """Begin empty; `make` is called in the pool's threads only."""
        self._make = make
        self._stock: dict[int, deque[Future[rsa.RSAPrivateKey]]] = defaultdict(deque)
        self._works_ahead = False
        self._threads: ThreadPoolExecutor | None = None

    def take(self, bits: int) -> rsa.RSAPrivateKey:
        """Return a key that nobody else gets; raises KeyWanted when none is ready."""
        stock = self._stock[bits]
        if not stock or not stock[0].done():
            raise KeyWanted(bits)
        key = stock.popleft().result()
        if self._works_ahead:
            self._order(bits, AHEAD.get(bits, 1))
        return key

    async def attend(self, call: Callable[[], T]) -> T:
        """Call something that takes keys, as often as it needs; others may run while keys are made."""
        while True:
            try:
                return call()
            except KeyWanted as wanted:
                with suppress(Exception):  # `take` raises it
                    # shielded: who gives up waiting must not take the key from who waits on
                    await asyncio.shield(asyncio.wrap_future(self._order(wanted.bits, 1)))

    def patiently(self, call: Callable[[], T]) -> T:
        """Call something that takes keys, and stand still while they are made."""
        while True:
            try:
                return call()
            except KeyWanted as wanted:
                wait((self._order(wanted.bits, 1),))

    def _order(self, bits: int, count: int) -> Future[rsa.RSAPrivateKey]:
        """See that so many keys are ready or being made; returns the one that is next."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, THREAD_NAME)
        stock = self._stock[bits]
        while len(stock) < count:
            stock.append(self._threads.submit(self._make, bits))
        return stock[0]

    @asynccontextmanager
    async def working_ahead(self) -> AsyncIterator[None]:
        """Keep keys of the sizes in use ready until the block ends; then the pool is closed."""
        self._works_ahead = True
        try:
            yield
        finally:
            self._works_ahead = False
            await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Forget what is ready and end the threads: waits for keys that are being made, makes no others."""
        self._stock.clear()
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(cancel_futures=True)
