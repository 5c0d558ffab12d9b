"""RSA keys made ahead of use: one takes 0.1 s to several, and the event loop shall not stand still for it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

STANDARD_EXPONENT: Final = 65_537


def make_rsa(bits: int) -> rsa.RSAPrivateKey:
    """Make a key, now and here."""
    return rsa.generate_private_key(public_exponent=STANDARD_EXPONENT, key_size=bits)


class RsaPool:
    """Keys by size. `take` never fails; after `prepare` it does not have to make one either."""

    def __init__(self, make: Callable[[int], rsa.RSAPrivateKey] = make_rsa) -> None:
        """Begin empty."""
        self._make = make
        self._ready: dict[int, deque[rsa.RSAPrivateKey]] = {}

    def take(self, bits: int) -> rsa.RSAPrivateKey:
        """Return a key that nobody else gets; makes one when none is ready."""
        ready = self._ready.get(bits)
        return ready.popleft() if ready else self._make(bits)

    async def prepare(self, bits: int) -> None:
        """See that a key is ready; others may run meanwhile. Take it before the next await."""
        ready = self._ready.setdefault(bits, deque())
        while not ready:
            ready.append(await asyncio.to_thread(self._make, bits))
