"""KeyVault objects, the sessions behind them, and what the engine runs for both."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.vaults.stage import Stage, reader, ref
from vaultbind.api.conditions import Reason
from vaultbind.api.refs import ObjectKey, VaultObjectKind
from vaultbind.engine.cache import ObjectCache
from vaultbind.engine.queue import Priority
from vaultbind.engine.report import Report
from vaultbind.keyvault import KeyVaultClient, KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.simulation import Fault
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.policy import VaultPolicy
from vaultbind.vaults.room import VaultRoom, report_denial
from vaultbind.vaults.session import VaultSession
from vaultbind.vaults.watcher import look_key

URL = "https://shop.vault.azure.net"
SHOP = ObjectKey("ClusterKeyVault", "", "shop")
TWIN = ObjectKey("ClusterKeyVault", "", "twin")
ACCESS = [{"namespaces": {"all": True}}]


def vault(key: ObjectKey, generation: int = 1, **spec: Any) -> dict[str, Any]:
    return {
        "kind": key.kind,
        "metadata": {"name": key.name, "uid": f"uid-{key.name}", "generation": generation},
        "spec": {"url": URL, "access": ACCESS, **spec},
    }


@dataclass(slots=True)
class House:
    """A hub with its room on a simulated vault; `queued` is what the engine would do next."""

    stage: Stage = field(default_factory=Stage)
    queued: list[ObjectKey] = field(default_factory=list)
    looks: list[tuple[str, str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    cache: ObjectCache = field(default_factory=ObjectCache)
    hub: VaultHub = field(init=False)
    room: VaultRoom = field(init=False)

    def __post_init__(self) -> None:
        self.hub = VaultHub(
            cache=self.cache,
            clock=self.stage.clock,
            policy=VaultPolicy(),
            make_client=self._make_client,
            enqueue=lambda key, priority: self.queued.append(key),
            namespace_labels=lambda namespace: self.labels,
        )
        self.room = VaultRoom(hub=self.hub, observer=self, draw=lambda: 0.5)

    async def _make_client(self, spec: Any) -> KeyVaultClient:
        return await self.stage._make_client(spec)

    def looked(self, vault: str, detection: str, outcome: str) -> None:
        self.looks.append((detection, outcome))

    def compared_clocks(self, vault: str, ahead: float) -> None:
        """Nobody wants to know."""

    def put(self, key: ObjectKey = SHOP, generation: int = 1, **spec: Any) -> None:
        self.cache.put(key, vault(key, generation, **spec))

    def session(self, key: ObjectKey = SHOP) -> VaultSession:
        resolution = self.hub.resolve(key)
        assert resolution is not None
        assert resolution.session is not None
        return resolution.session

    async def reconcile(self, key: ObjectKey = SHOP) -> Report | None:
        return await self.room.reconcile(key, self.cache.get(key), Priority.URGENT)

    async def look(self, session: VaultSession) -> Report | None:
        self.stage.clock.seconds += 60
        return await self.room.look(look_key(session), None, Priority.ROUTINE)

    def taken(self) -> list[ObjectKey]:
        taken, self.queued = self.queued, []
        return taken


def shown(report: Report | None) -> list[str]:
    assert report is not None
    return [f"{c.type.value} {c.status.value} {c.reason.word}" for c in report.conditions]


async def test_nothing_leads_nowhere() -> None:
    house = House()
    assert house.hub.resolve(SHOP) is None
    assert await house.room.reconcile(SHOP, vault(SHOP), Priority.URGENT) is None
    assert await house.reconcile() is None
    assert house.taken() == []


async def test_the_first_report_follows_the_first_look() -> None:
    house = House()
    house.put()
    assert await house.reconcile() is None
    session = house.session()
    assert house.taken() == [look_key(session)]
    assert await house.look(session) == Report(next_in=60.0)
    assert house.taken() == [SHOP]
    assert shown(await house.reconcile()) == ["Ready True Connected"]
    assert house.looks == [("List", "ok")]
    await house.look(session)
    assert house.taken() == [SHOP], "each look is judged"


async def test_a_keyvault_wakes_its_readers_once_for_each_generation() -> None:
    """Not again when its first look ends: by then many have what they need, and would look at it anew."""
    house = House()
    one, two = reader("one"), reader("two")
    for each in (one, two):
        house.hub.book.note(each, SHOP, ())

    def taken() -> list[ObjectKey]:
        return sorted(key for key in house.taken() if key in (one, two))

    async def woken(generation: int, **spec: Any) -> list[ObjectKey]:
        house.put(generation=generation, **spec)
        await house.reconcile()
        return taken()

    assert await woken(1) == [one, two]
    await house.look(house.session())
    assert await woken(1) == []
    assert await woken(2, refreshInterval="5m") == [one, two]
    assert await woken(2, refreshInterval="5m") == []
    house.cache.remove(SHOP)
    await house.room.reconcile(SHOP, None, Priority.URGENT)
    assert taken() == [one, two], "it is gone"
    assert await woken(2, refreshInterval="5m") == [one, two]


async def test_a_spec_that_cannot_be_used_stalls() -> None:
    house = House()
    house.put(url="https://evil.com")
    assert shown(await house.reconcile()) == ["Ready False UrlNotAllowed", "Stalled True UrlNotAllowed"]
    house.put(generation=2, refreshInterval="1s")
    assert shown(await house.reconcile()) == ["Ready False InvalidSpec", "Stalled True InvalidSpec"]
    house.put(generation=3, auth={"madeUpLater": {}})
    assert shown(await house.reconcile()) == ["Ready False NotImplemented", "Stalled True NotImplemented"]
    assert house.taken() == [], "no session was made"
    assert shown(report_denial(None)) == ["Ready False InvalidSpec", "Stalled True InvalidSpec"]


async def test_equal_specs_share_a_session_and_only_what_matters_counts() -> None:
    house = House()
    house.put()
    house.put(TWIN, access=[{"namespaces": {"names": ["n"]}}], expiry={"warnBefore": ["1d"]})
    assert house.session() is house.session(TWIN)
    assert house.session().members == {SHOP, TWIN}
    assert house.taken() == [look_key(house.session())]
    others: list[dict[str, Any]] = [
        {"refreshInterval": "5m"},
        {"detection": "Get"},
        {"rateLimit": {"burst": 1}},
    ]
    for number, other in enumerate(others):
        house.put(TWIN, generation=2 + number, **other)
        assert house.session(TWIN) is not house.session()
    house.put(TWIN, generation=9, expiry={"warnBefore": ["2d"]})
    assert house.session(TWIN) is house.session()


async def test_a_changed_spec_moves_its_readers_and_retires_the_old_session() -> None:
    house = House()
    house.put()
    before = house.session()
    house.hub.book.note(reader("x"), SHOP, [ref("a")])
    await house.look(before)
    house.taken()
    house.put(generation=2, refreshInterval="5m")
    assert await house.reconcile() is None
    after = house.session()
    assert (before.retired, after.retired) == (True, False)
    assert house.taken() == [look_key(after), look_key(before), reader("x")]
    assert await house.look(before) is None
    assert before.held.is_empty
    assert house.hub.session_of_look(look_key(before)) is None


async def test_the_same_session_again_is_not_retired() -> None:
    house = House()
    house.put()
    before = house.session()
    house.taken()
    house.put(generation=2, access=[{"namespaces": {"names": ["n"]}}])
    await house.reconcile()
    assert house.session() is before
    assert not before.retired
    assert house.taken() == [], "who may read is no matter of looks"


async def test_a_deleted_keyvault_tells_its_readers() -> None:
    house = House()
    house.put()
    house.put(TWIN)
    session = house.session()
    house.session(TWIN)
    house.hub.book.note(reader("x"), SHOP, [ref("a")])
    house.taken()
    house.cache.remove(SHOP)
    assert await house.reconcile() is None
    assert house.taken() == [reader("x")]
    assert session.members == {TWIN}
    house.cache.remove(TWIN)
    await house.reconcile(TWIN)
    assert session.retired
    assert house.taken() == [look_key(session)]


async def test_a_look_that_hangs_ends_when_its_session_retires() -> None:
    house = House()
    house.put()
    session = house.session()
    started, never = asyncio.Event(), asyncio.Event()

    async def hang(_spec: object) -> KeyVaultClient:
        started.set()
        await never.wait()
        raise AssertionError

    session.make_client = hang
    look = asyncio.create_task(house.room.look(look_key(session), None, Priority.ROUTINE))
    await started.wait()
    house.cache.remove(SHOP)
    await house.reconcile()
    assert await look is None
    assert session.looked.is_set()
    await house.hub.aclose()


async def test_a_look_that_is_cancelled_for_another_reason_is_cancelled() -> None:
    house = House()
    house.put()
    session = house.session()
    look = asyncio.create_task(house.room.look(look_key(session), None, Priority.ROUTINE))
    await asyncio.sleep(0)
    look.cancel()
    await asyncio.gather(look, return_exceptions=True)
    assert look.cancelled()
    await house.hub.aclose()


async def test_trouble_is_told_to_the_keyvault_and_its_end_to_the_readers() -> None:
    house = House()
    house.put()
    session = house.session()
    house.hub.book.note(reader("x"), SHOP, [ref("a")])
    await house.look(session)
    house.taken()
    house.stage.estate.faults.add(Fault(status=503, count=1))
    report = await house.look(session)
    assert report == Report(retry=True, retry_after=0.5)
    assert set(house.taken()) == {SHOP}
    assert shown(await house.reconcile()) == ["Ready False Unreachable"]
    assert house.looks[-1] == ("", "VaultError")
    await house.look(session)
    assert set(house.taken()) == {SHOP, reader("x")}
    assert shown(await house.reconcile()) == ["Ready True Connected"]


async def test_a_paused_vault_is_asked_when_its_pause_ends() -> None:
    house = House()
    house.put()
    session = house.session()
    house.stage.estate.faults.add(Fault(status=429, retry_after=100, count=1))
    assert await house.look(session) == Report(retry=True, retry_after=100.5)
    assert await house.look(session) == Report(retry=True, retry_after=40.5)
    assert shown(await house.reconcile()) == ["Ready False Throttled"]


@pytest.mark.parametrize(
    ("kind", "renewed"),
    [
        (KeyVaultErrorKind.UNAUTHORIZED, True),
        (KeyVaultErrorKind.AUTHENTICATION_FAILED, True),
        (KeyVaultErrorKind.CONFIGURATION, True),
        (KeyVaultErrorKind.UNREACHABLE, False),
    ],
)
async def test_a_refused_identity_is_built_anew(kind: KeyVaultErrorKind, renewed: bool) -> None:
    house = House()
    house.put()
    session = house.session()
    await house.look(session)
    assert not session.held.is_empty

    async def refuse() -> None:
        raise KeyVaultError(kind)

    house.hub.watcher(session)._running = asyncio.create_task(refuse())
    await house.look(session)
    assert session.held.is_empty is renewed


async def test_readers_of_a_stale_vault_look_at_their_age() -> None:
    house = House()
    house.put()
    session = house.session()
    house.hub.book.note(reader("x"), SHOP, [ref("a")])
    await house.look(session)
    house.stage.estate.faults.add(Fault(status=503))
    await house.look(session)
    house.taken()
    house.stage.clock.seconds += timedelta(hours=1).total_seconds()
    await house.look(session)
    assert reader("x") in house.taken()


async def test_where_lists_are_not_used_the_message_says_so() -> None:
    house = House()
    house.stage.seed("a")
    house.put(detection="Get")
    session = house.session()
    house.hub.book.note(reader("x"), SHOP, [ref("a")])
    await house.look(session)
    report = await house.reconcile()
    assert report is not None
    assert report.conditions[0].message == "the vault answers; list is not used here"
    await house.hub.aclose()


def test_access() -> None:
    house = House()
    rules = [{"namespaces": {"selector": {"matchLabels": {"team": "a"}}}, "objects": ["a"]}]
    house.put(access=rules)
    resolution = house.hub.resolve(SHOP)
    assert resolution is not None
    wanted = ((VaultObjectKind.SECRET, "a"),)
    denial = house.hub.decide_access(resolution, "n", wanted)
    assert denial is not None
    assert denial.reason is Reason.ACCESS_DENIED
    assert "namespace n may not read secret a" in denial.message
    house.labels = {"team": "a"}
    assert house.hub.decide_access(resolution, "n", wanted) is None
    assert house.hub.decide_access(resolution, "n", (*wanted, (VaultObjectKind.KEY, "b"))) is not None


def test_a_keyvault_of_the_namespace_has_no_rules() -> None:
    house = House()
    key = ObjectKey("KeyVault", "n", "near")
    secret = {"clientId": "c", "tenantId": "t", "secretRef": {"name": "s", "key": "k"}}
    obj = vault(key, auth={"servicePrincipal": secret})
    del obj["spec"]["access"]
    obj["metadata"]["namespace"] = "n"
    house.cache.put(key, obj)
    resolution = house.hub.resolve(key)
    assert resolution is not None
    assert resolution.denial is None, resolution.denial
    assert house.hub.decide_access(resolution, "n", ((VaultObjectKind.SECRET, "a"),)) is None
    assert house.hub.vaults() == [key]


REFERRING: dict[str, dict[str, Any]] = {
    "client secret": {
        "auth": {
            "servicePrincipal": {
                "clientId": "c",
                "tenantId": "t",
                "secretRef": {"name": "s", "key": "k"},
            }
        }
    },
    "client certificate": {
        "auth": {
            "servicePrincipal": {
                "clientId": "c",
                "tenantId": "t",
                "certificateRef": {"name": "s", "key": "k"},
            }
        }
    },
    "ServiceAccount": {
        "auth": {"workloadIdentity": {"serviceAccountRef": {"name": "web"}, "clientId": "c", "tenantId": "t"}}
    },
    "CA bundle": {
        "auth": {"workloadIdentity": {"serviceAccountRef": {"name": "web"}}},
        "caBundleRef": {"kind": "Secret", "name": "s", "key": "k"},
    },
}


@pytest.mark.parametrize("spec", REFERRING.values(), ids=REFERRING.keys())
def test_equal_references_of_two_namespaces_never_share_a_session(spec: dict[str, Any]) -> None:
    """A credential is a session's: a tenant would read with the other's."""
    house = House()
    sessions = []
    for namespace in ("shop", "bank"):
        key = ObjectKey("KeyVault", namespace, "near")
        obj = vault(key, **spec)
        del obj["spec"]["access"]
        obj["metadata"] |= {"namespace": namespace, "uid": f"uid-{namespace}"}
        house.cache.put(key, obj)
        sessions.append(house.session(key))
    assert sessions[0] is not sessions[1]
    assert [session.members for session in sessions] == [
        {ObjectKey("KeyVault", namespace, "near")} for namespace in ("shop", "bank")
    ]
