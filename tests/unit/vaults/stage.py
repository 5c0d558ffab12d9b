"""A session on a simulated vault, with time that tests move."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from vaultbind.api.keyvault import DefaultAuth, KeyVaultSpec
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.engine.queue import Priority
from vaultbind.keyvault import KeyVaultClient, KeyVaultConfig
from vaultbind.keyvault.resilience.breaker import BreakerConfig
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.simulation import Estate, EstateConfig
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.keyvault.simulation.transport import SimulatedCredential, SimulatedTransport
from vaultbind.vaults.interests import InterestBook
from vaultbind.vaults.reads import Reading
from vaultbind.vaults.session import VaultSession
from vaultbind.vaults.watcher import Watcher

URL = "https://shop.vault.azure.net"
VAULT = ObjectKey("ClusterKeyVault", "", "shop")
KINDS = {
    "secret": VaultObjectKind.SECRET,
    "certificate": VaultObjectKind.CERTIFICATE,
    "key": VaultObjectKind.KEY,
}


def ref(text: str) -> VaultObjectRef:
    """`name`, `name/version` or `kind:name`."""
    kind, _, name = text.rpartition(":")
    name, _, version = name.partition("/")
    return VaultObjectRef(KINDS[kind or "secret"], name, version)


def reader(name: str) -> ObjectKey:
    return ObjectKey("VaultBinding", "n", name)


@dataclass(slots=True)
class FakeClock:
    """Stands still unless it is moved."""

    start: datetime = datetime(2026, 11, 24, 12, tzinfo=UTC)
    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds - 1000.0)

    def time(self) -> float:
        return self.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(slots=True)
class Stage:
    """`wants` fills the book; `asked()` gives the requests since the last call."""

    clock: FakeClock = field(default_factory=FakeClock)
    page_sizes: tuple[int, ...] = (25,)
    told: list[set[ObjectKey]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    clients: int = 0
    failure: Exception | None = None
    book: InterestBook = field(default_factory=InterestBook)
    estate: Estate = field(init=False)
    session: VaultSession = field(init=False)
    watcher: Watcher = field(init=False)

    def __post_init__(self) -> None:
        self.estate = Estate(EstateConfig(clock=self.clock.now, page_sizes=self.page_sizes))
        self.play()

    def play(self, **spec: Any) -> None:
        """Begin anew with another spec."""
        self.session = VaultSession(
            name="1",
            spec=KeyVaultSpec(**{"url": URL, "auth": DefaultAuth(), **spec}),
            clock=self.clock,
            make_client=self._make_client,
            book=self.book,
            on_change=lambda readers: self.told.append(set(readers)),
            on_state=lambda session: self.states.append(
                session.trouble.reason.word if session.trouble else "good"
            ),
            draw=lambda: 1.0,
            members={VAULT},
        )
        self.watcher = Watcher(session=self.session)

    async def _make_client(self, spec: KeyVaultSpec) -> KeyVaultClient:
        self.clients += 1
        if self.failure is not None:
            raise self.failure
        config = KeyVaultConfig(
            vault_url=spec.url,
            credential=SimulatedCredential(self.estate),
            retry=RetryConfig(attempts=1),
            breaker=BreakerConfig(failures=1000),
        )
        transport = SimulatedTransport(self.estate, sleep=self.clock.sleep)
        return KeyVaultClient(config, transport=transport, clock=self.clock)

    @property
    def vault(self) -> VaultDriver:
        return self.estate.driver("shop")

    def seed(self, *names: str) -> None:
        """Make secrets, long ago."""
        old = VaultDriver(self.estate.vault("shop"), lambda: self.clock.now() - timedelta(hours=1))
        for name in names:
            old.set_secret(name, f"value of {name}")

    def wants(self, name: str, *refs: str) -> None:
        self.book.note(reader(name), VAULT, [ref(text) for text in refs])

    def asked(self) -> list[str]:
        lines = [
            f"{entry.kind}.{entry.action} {entry.name}".strip()
            for entry in self.estate.log.recent()
            if entry.outcome != "401"
        ]
        self.estate.log.clear()
        return lines

    async def look(self, *, after: float = 60.0) -> list[set[ObjectKey]]:
        """Look once; returns who was told."""
        self.clock.seconds += after
        await self.watcher.look()
        return self.heard()

    def heard(self) -> list[set[ObjectKey]]:
        told, self.told = self.told, []
        return told

    async def read(self, name: str, text: str, **options: Any) -> Reading:
        return await self.session.read(ref(text), reader(name), Priority.URGENT, **options)
