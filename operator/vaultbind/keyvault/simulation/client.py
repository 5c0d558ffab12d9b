"""A Key Vault for your tests: the real client on a simulated vault, with time that you move."""

import asyncio
import heapq
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count as count_up
from typing import Any, Final

from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.config import KeyVaultConfig
from vaultbind.keyvault.observer import Observer
from vaultbind.keyvault.simulation.access_log import AccessLog, AccessLogEntry
from vaultbind.keyvault.simulation.api.messages import parse_host
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.keyvault.simulation.estate import Estate, EstateConfig
from vaultbind.keyvault.simulation.faults import Ending, Fault
from vaultbind.keyvault.simulation.records import VaultSettings
from vaultbind.keyvault.simulation.transport import SimulatedCredential, SimulatedTransport
from vaultbind.keyvault.validation import parse_vault_url

MOCK_URL: Final = "https://mock.vault.azure.net"
START: Final = datetime(2027, 1, 1, tzinfo=UTC)
LOGGED: Final = 100_000
_SETTLING: Final = 200


class MockKeyVaultClient(KeyVaultClient):
    """KeyVaultClient with everything that is real above the wire, and a simulated vault below it.

        async with MockKeyVaultClient() as client:
            client.seed(secrets={"db": "s3cr3t"})
            client.fail_next(2)
            await client.secrets.get_secret("db")      # retried, no time is lost
            await client.advance(timedelta(days=30))   # expiry, timers, the vault's own clock

    Waits of retries and limits pass at once and move the time; the expiry monitor waits for `advance`. The
    same `seed_text` and the same calls give the same versions, times and log; key material alone is random.
    """

    def __init__(
        self,
        vault_url: str = MOCK_URL,
        *,
        seed_text: str = "",
        start: datetime = START,
        observer: Observer | None = None,
        **settings: Any,
    ) -> None:
        """`settings` are fields of KeyVaultConfig; `start` is the time at which it begins (aware)."""
        self.time = SimulatedTime(start)
        self.estate = Estate(EstateConfig(settings=VaultSettings(seed=seed_text), clock=self.time.now))
        self.estate.log = AccessLog(recent=LOGGED)
        settings.setdefault("credential", SimulatedCredential(self.estate))
        super().__init__(
            KeyVaultConfig(vault_url=vault_url, **settings),
            transport=SimulatedTransport(self.estate, sleep=self.time.sleep),
            observer=observer,
            clock=self.time,
            monitor_clock=_PatientClock(self.time),
            jitter=random.Random(seed_text).random,
        )
        authority = parse_vault_url(vault_url).authority
        self.vault: VaultDriver = self.estate.driver(parse_host(authority).vault)
        """Changes the vault behind the client's back, as somebody else would."""

    @property
    def access_log(self) -> Sequence[AccessLogEntry]:
        """What the vault was asked, oldest first: names and outcomes, never values.

        Without the SDK's requests for a challenge: it remembers challenges for the whole process.
        """
        return tuple(entry for entry in self.estate.log.recent() if entry.principal)

    def seed(
        self,
        *,
        secrets: Mapping[str, str] | None = None,
        keys: Mapping[str, str] | None = None,
        certificates: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Fill the vault: secrets by value, keys by type (`EC`, `RSA`), certificates by DNS names.

        `vault` has all attributes. Raises VaultProblem as the service would refuse.
        """
        for name, value in (secrets or {}).items():
            self.vault.set_secret(name, value)
        for name, key_type in (keys or {}).items():
            self.vault.create_key(name, key_type=key_type)
        for name, dns_names in (certificates or {}).items():
            self.vault.issue_certificate(name, dns_names)

    async def advance(self, time: timedelta | float) -> None:
        """Let time pass (seconds or a timedelta) for vault and client; whoever waits for it, goes on."""
        await self.time.advance(time.total_seconds() if isinstance(time, timedelta) else time)
        await self.estate.catch_up()

    def fail_next(
        self,
        count: int = 1,
        *,
        status: int | None = 503,
        code: str = "",
        retry_after: float | None = None,
        ending: Ending = Ending.WHOLE,
        path: str = "*",
    ) -> None:
        """Let the next requests fail: with `status`, or cut or refused by `ending`; `path` is a glob.

        Retries count as requests. With `status=None` and a whole ending nothing fails.
        """
        status = status if ending is Ending.WHOLE else None
        fault = Fault(
            count=count, status=status, code=code, retry_after=retry_after, ending=ending, path=path
        )
        self.estate.faults.add(fault)


class SimulatedTime:
    """One time for vault and client, as a Clock; it moves by being waited for, and by `advance`."""

    def __init__(self, start: datetime) -> None:
        """Begin at `start`."""
        self._start = start
        self._passed = 0.0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count_up()

    def now(self) -> datetime:
        """The simulated date."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self._passed

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._start.timestamp() + self._passed

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        moment = self._passed + seconds
        await asyncio.sleep(0)
        self._move(moment)

    async def wait(self, seconds: float) -> None:
        """Wait until somebody else has let `seconds` pass."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._passed + seconds, next(self._numbers), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass, moment by moment of those who wait."""
        end = self._passed + seconds
        await _settle()
        while self._waiting and self._waiting[0][0] <= end:
            self._move(self._waiting[0][0])
            await _settle()
        self._move(end)
        await _settle()

    def _move(self, moment: float) -> None:
        self._passed = max(self._passed, moment)
        while self._waiting and self._waiting[0][0] <= self._passed:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)


class _PatientClock:
    """The simulated time for whoever must not move it by waiting."""

    def __init__(self, time: SimulatedTime) -> None:
        self._time = time

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self._time.monotonic()

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait until somebody else has let `seconds` pass."""
        await self._time.wait(seconds)


async def _settle() -> None:
    """Let tasks run that have something to do; in process nothing takes longer than a few turns."""
    for _ in range(_SETTLING):
        await asyncio.sleep(0)
