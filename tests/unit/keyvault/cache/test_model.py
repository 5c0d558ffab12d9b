"""The cache against a model of what it may say: random reads, writes, pauses, failures and slow answers."""

import asyncio
from dataclasses import dataclass, field
from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vaultbind.keyvault.cache.entry import CacheKey
from vaultbind.keyvault.cache.manager import ReadCache
from vaultbind.keyvault.cache.policy import OVERHEAD, CacheConfig
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.ratelimit import Priority
from vaultbind.keyvault.types.common import SecretString
from vaultbind.keyvault.types.secret import Secret, SecretProperties

NAMES = st.sampled_from("abcd")
SIZES = st.sampled_from([10, 100, 600])
CONFIG = CacheConfig(ttl=100, negative_ttl=10, refresh_after=0.8, max_entries=3, max_bytes=3 * OVERHEAD + 700)


@dataclass(kw_only=True)
class Known:
    """What the model says the cache holds of a name; `value` None: known to be missing."""

    value: str | None
    asked: float
    refreshed: bool = False

    @property
    def size(self) -> int:
        return OVERHEAD + len(self.value or "")

    def is_over(self, now: float) -> bool:
        return now >= self.asked + (CONFIG.negative_ttl if self.value is None else CONFIG.ttl)

    def is_late(self, now: float) -> bool:
        return self.value is not None and not self.refreshed and now >= self.asked + 80


@dataclass(kw_only=True)
class Held:
    """A read whose answer, already fixed in the vault, has not come back yet."""

    name: str
    task: "asyncio.Task[Secret]" = field(repr=False)
    answer: str | None
    asked: float
    gate: asyncio.Event = field(repr=False)
    believed: bool = True


class CacheMachine(RuleBasedStateMachine):
    """`known` is in order of use, as the model's own, simple-minded least-recently-used list."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.now = 0.0
        self.vault: dict[str, str] = {}
        self.known: dict[str, Known] = {}
        self.held: list[Held] = []
        self.requests = self.expected = self.number = 0
        self.failing = False
        self.gate: asyncio.Event | None = None
        self.cache = ReadCache(CONFIG, lambda: self.now)
        self.last_sweep = -inf

    def teardown(self) -> None:
        for held in self.held:
            held.gate.set()
        self.run_loop()
        for held in self.held:
            held.task.exception()
        self.loop.run_until_complete(self.cache.aclose())
        self.loop.close()

    # -------------------------------------------------------------- the vault

    async def fetch(self, name: str) -> Secret:
        self.requests += 1
        value, gate = self.vault.get(name), self.gate
        failing = self.failing
        if gate is not None:
            await gate.wait()
        if failing:
            raise KeyVaultError(KeyVaultErrorKind.SERVER_ERROR)
        if value is None:
            raise KeyVaultError(KeyVaultErrorKind.SECRET_NOT_FOUND)
        return Secret(value=SecretString(value), properties=SecretProperties(id=name, name=name))

    def start(self, name: str) -> "asyncio.Task[Secret]":
        def ask(_: Priority) -> "asyncio.Future[Secret]":
            return asyncio.ensure_future(self.fetch(name))

        return self.loop.create_task(self.cache.read(CacheKey("secret", name, ""), ask))

    def run_loop(self) -> None:
        async def settle() -> None:
            for _ in range(8):
                await asyncio.sleep(0)

        self.loop.run_until_complete(settle())

    # -------------------------------------------------------------- what the model expects

    def find(self, name: str) -> Known | None:
        known = self.known.pop(name, None)
        if known is None or known.is_over(self.now):
            return None
        self.known[name] = known
        return known

    def has(self, name: str) -> bool:
        return name in self.known and not self.known[name].is_over(self.now)

    def learn(self, name: str, value: str | None, asked: float) -> None:
        self.known.pop(name, None)
        if self.now >= self.last_sweep + CONFIG.ttl:
            self.last_sweep = self.now
            self.known = {n: k for n, k in self.known.items() if not k.is_over(self.now)}
        fresh = Known(value=value, asked=asked)
        if fresh.is_over(self.now):
            return
        self.known[name] = fresh
        while len(self.known) > 3 or sum(k.size for k in self.known.values()) > CONFIG.max_bytes:
            del self.known[next(iter(self.known))]

    def is_in_flight(self, name: str) -> bool:
        return any(held.name == name and held.believed for held in self.held)

    # -------------------------------------------------------------- what happens

    @rule(seconds=st.sampled_from([1, 5, 9, 30, 79, 100]))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=NAMES, size=SIZES)
    def somebody_else_writes(self, name: str, size: int) -> None:
        self.number += 1
        self.vault[name] = f"{self.number}-".ljust(size, "x")

    @rule(name=NAMES, size=SIZES)
    def write(self, name: str, size: int) -> None:
        self.somebody_else_writes(name, size)
        self.forget(name)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self.vault.pop(name, None)
        self.forget(name)

    def forget(self, name: str) -> None:
        self.cache.forget("secret", name)
        self.known.pop(name, None)
        for held in self.held:
            held.believed = held.believed and held.name != name

    @rule(failing=st.booleans())
    def vault_fails(self, failing: bool) -> None:
        self.failing = failing

    @rule(name=NAMES)
    def read(self, name: str) -> None:
        if self.is_in_flight(name):
            return
        known = self.find(name)
        if known is None:
            self.expected += 1
            if not self.failing:
                self.learn(name, self.vault.get(name), self.now)
            wanted: str | None = "failure" if self.failing else self.vault.get(name)
        else:
            wanted = known.value
            if known.is_late(self.now):
                known.refreshed = True
                self.expected += 1
                if not self.failing:
                    self.learn(name, self.vault.get(name), self.now)
        task = self.start(name)
        self.run_loop()
        assert outcome(task) == wanted

    @rule(name=NAMES)
    def begin_slow_read(self, name: str) -> None:
        if self.is_in_flight(name) or self.failing or self.has(name):
            return
        self.find(name)
        self.expected += 1
        gate = asyncio.Event()
        answer, asked = self.vault.get(name), self.now
        self.gate = gate
        task = self.start(name)
        self.run_loop()
        self.gate = None
        self.held.append(Held(name=name, task=task, answer=answer, asked=asked, gate=gate))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def join_slow_read(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.held))
        if held.believed and not self.has(held.name):
            self.find(held.name)
            joined = self.start(held.name)
            self.run_loop()
            assert not joined.done()
            joined.cancel()
            self.run_loop()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def finish_slow_read(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.held))
        self.held.remove(held)
        held.gate.set()
        self.run_loop()
        if held.believed:
            self.learn(held.name, held.answer, held.asked)
        assert outcome(held.task) == held.answer

    # -------------------------------------------------------------- what always holds

    @invariant()
    def asks_exactly_as_often_as_it_must(self) -> None:
        assert self.requests == self.expected

    @invariant()
    def keeps_what_the_model_keeps(self) -> None:
        stats = self.cache.stats
        assert stats.entries == len(self.known)
        assert stats.bytes == sum(known.size for known in self.known.values())
        assert stats.entries <= CONFIG.max_entries
        assert stats.bytes <= CONFIG.max_bytes


def outcome(task: "asyncio.Task[Secret]") -> str | None:
    assert task.done()
    error = task.exception()
    if error is None:
        return task.result().value.expose_secret()
    assert isinstance(error, KeyVaultError)
    return None if error.kind is KeyVaultErrorKind.SECRET_NOT_FOUND else "failure"


TestCache = CacheMachine.TestCase
TestCache.settings = settings(max_examples=60, stateful_step_count=40)
