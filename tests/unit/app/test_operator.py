"""The composition root: lanes, what the watches tell, expiry rounds, metrics, life."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from tests.unit.app.objects import FakeKube, binding, keyvault
from tests.unit.engine.objects import FakeClock
from tests.unit.kube.virtual_time import run_virtually
from vaultbind.api.refs import ObjectKey
from vaultbind.app.kinds import FED
from vaultbind.app.operator import Operator
from vaultbind.engine.queue import Priority
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.settings import RunSettings
from vaultbind.telemetry.metrics import Metrics
from vaultbind.vaults.hints import KIND_HINT

DB, MAIN = ObjectKey("VaultBinding", "shop", "db"), ObjectKey("ClusterKeyVault", "", "main")
U, R = Priority.URGENT, Priority.ROUTINE


def operator_on(kube: FakeKube | None = None, **settings: Any) -> Operator:
    return Operator(
        settings=RunSettings(**settings),
        client=cast("KubeClient", kube or FakeKube()),
        clock=FakeClock(),
        metrics=Metrics(),
        identity="test",
    )


def waiting(operator: Operator) -> dict[ObjectKey, Priority]:
    """Take all that waits out of the queue."""

    def take() -> Iterator[tuple[ObjectKey, Priority]]:
        while (item := operator.engine.queue.pop()) is not None:
            yield item

    found = dict(take())
    for key in found:
        operator.engine.queue.done(key)
    return found


# -- lanes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("obj", "lane"),
    [
        pytest.param(binding(), "readers of ClusterKeyVault main", id="a binding never looked at"),
        pytest.param(
            binding(spec={"vaultRef": {"name": "own"}, "data": binding()["spec"]["data"]}),
            "readers of KeyVault shop/own",
            id="of a KeyVault in its namespace",
        ),
        pytest.param(binding(spec={"data": 7}), "readers of no vault", id="a spec that cannot be read"),
    ],
)
def test_a_binding_waits_in_the_lane_of_its_vault(obj: dict[str, Any], lane: str) -> None:
    operator = operator_on()
    operator.feed.take("ADDED", obj)
    assert operator._lane_of(DB) == lane


def test_a_binding_that_is_gone_waits_in_the_lane_that_it_had() -> None:
    operator = operator_on()
    assert operator._lane_of(DB) == "readers of no vault"
    operator.hub.book.note(DB, MAIN, ())
    assert operator._lane_of(DB) == "readers of ClusterKeyVault main"


def test_a_vault_and_its_look_have_lanes_of_their_own() -> None:
    operator = operator_on()
    keys = [MAIN, ObjectKey("KeyVault", "shop", "main"), ObjectKey("VaultLook", "", "1 https://x")]
    assert len({operator._lane_of(key) for key in keys}) == 3


def test_a_flood_of_hints_leaves_room_for_what_is_new_and_for_looks() -> None:
    """Hints are urgent, and looks are not: a dozen about one vault at once, whatever they name."""
    operator = operator_on()
    for number in range(1000):
        operator.engine.add(ObjectKey(KIND_HINT, "shop.vault.azure.net", f"secret/n{number}"), U)
    other, look = ObjectKey(KIND_HINT, "other.vault.azure.net", "key/k"), ObjectKey("VaultLook", "", "1 x")
    operator.engine.add(look, R)
    operator.engine.add(other, U)
    operator.feed.take("ADDED", binding())
    taken = []
    while (item := operator.engine.queue.pop()) is not None:
        taken.append(item[0])
    assert {look, other, DB} < set(taken)
    assert len([key for key in taken if key.kind == KIND_HINT]) == operator.engine.queue.lane_limit + 1


def test_new_bindings_of_a_vault_that_hangs_leave_room_for_others() -> None:
    operator = operator_on()
    for number in range(100):
        operator.feed.take("ADDED", binding(f"slow{number}"))
    spec = {"vaultRef": {"name": "quick"}, "data": binding()["spec"]["data"]}
    operator.feed.take("ADDED", binding("quick", spec=spec))
    taken = []
    while (item := operator.engine.queue.pop()) is not None:
        taken.append(item[0].name)
    assert "quick" in taken
    assert len(taken) < 100


# -- what the watches tell --------------------------------------------------------------------------


def test_a_secret_s_change_brings_its_binding_back() -> None:
    operator = operator_on()
    operator.feed.take("ADDED", binding())
    operator.feed.take("ADDED", binding("other", spec={**binding()["spec"], "target": {"name": "db"}}))
    operator.feed.take("ADDED", binding("third"))
    waiting(operator)
    metadata = {"namespace": "shop", "name": "db", "uid": "s1", "resourceVersion": "5"}
    operator.secrets.on_event("MODIFIED", {"metadata": metadata})
    assert waiting(operator) == {DB: U, ObjectKey("VaultBinding", "shop", "other"): U}
    operator.secrets.on_event("MODIFIED", {"metadata": metadata})
    assert waiting(operator) == {}


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels or None}}


def test_labels_of_a_namespace_decide_anew_about_its_bindings() -> None:
    operator = operator_on()
    operator.feed.take("ADDED", binding())
    waiting(operator)
    for event, labels, looked in (
        ("ADDED", {}, {}),
        ("MODIFIED", {"team": "a"}, {DB: R}),
        ("MODIFIED", {"team": "a"}, {}),
        ("MODIFIED", {"team": "b"}, {DB: R}),
        ("MODIFIED", {}, {DB: R}),
    ):
        operator._on_namespace(event, namespace("shop", **labels))
        assert operator.hub.namespace_labels("shop") == labels
        assert waiting(operator) == looked
    operator._on_namespace("ADDED", namespace("elsewhere", team="a"))
    operator._on_namespace("MODIFIED", namespace("elsewhere", team="b"))
    assert waiting(operator) == {}
    operator._on_namespace("DELETED", namespace("shop"))
    operator._on_namespace("ADDED", namespace("shop", team="c"))
    assert waiting(operator) == {DB: R}, "a namespace may be told of after what is in it"
    operator._on_namespace("DELETED", namespace("elsewhere"))
    operator._on_namespace("DELETED", namespace("never seen"))
    assert operator.hub.namespace_labels("elsewhere") == {}


def test_namespaces_are_watched_only_where_the_whole_cluster_is() -> None:
    assert len(operator_on()._watches) == 2
    assert len(operator_on(namespaces=("a", "b", "c"))._watches) == 3


# -- expiry -----------------------------------------------------------------------------------------


def test_a_round_judges_the_vault_and_readers_whose_objects_expire() -> None:
    operator = operator_on()
    operator.feed.take("ADDED", keyvault())
    operator.feed.take("ADDED", binding(status={"expires": "2027-01-01T00:00:00Z"}))
    operator.feed.take("ADDED", binding("lasting", status={"revision": 1}))
    for name in ("db", "lasting", "gone"):
        operator.hub.book.note(ObjectKey("VaultBinding", "shop", name), MAIN, ())
    waiting(operator)
    assert operator.judge_expiry(MAIN, "v1")
    assert waiting(operator) == {MAIN: R, DB: R}


@pytest.mark.parametrize("uid", ["v1", "v0"], ids=["gone", "replaced by a namesake"])
def test_a_round_ends_with_its_vault(uid: str) -> None:
    operator = operator_on()
    if uid == "v0":
        operator.feed.take("ADDED", keyvault())
        waiting(operator)
    assert not operator.judge_expiry(MAIN, uid)
    assert waiting(operator) == {}


# -- metrics ----------------------------------------------------------------------------------------


def test_queue_and_bindings_are_shown() -> None:
    operator = operator_on()
    told = {"conditions": [{"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"}]}
    operator.feed.take("ADDED", binding("a", status=told))
    operator.feed.take("ADDED", binding("b"))
    operator.engine.add(DB, R)
    text = operator.metrics.render()[0].decode()
    for line in (
        'vaultbind_queue_depth{priority="urgent"} 2.0',
        'vaultbind_queue_depth{priority="routine"} 1.0',
        'vaultbind_bindings{ready="True"} 1.0',
        'vaultbind_bindings{ready="False"} 0.0',
        'vaultbind_bindings{ready="Unknown"} 1.0',
    ):
        assert line in text


# -- life -------------------------------------------------------------------------------------------


async def test_it_can_be_stopped_before_it_worked() -> None:
    operator = operator_on()
    operator._start(asyncio.sleep(3600), "something")
    await operator.stop(0.0)
    assert operator._tasks == set()


def test_what_does_not_end_in_time_is_told(caplog: pytest.LogCaptureFixture) -> None:
    operator = operator_on()

    async def hang(*_: Any) -> None:
        await asyncio.sleep(3600)

    async def story() -> None:
        operator.engine.rooms = {"VaultBinding": hang}
        operator.feed.take("ADDED", binding())
        run = asyncio.create_task(operator.engine.run())
        await asyncio.sleep(0)
        await operator.stop(5.0)
        await run

    run_virtually(story())
    assert "some work did not end in time and was cancelled" in caplog.text


def test_the_first_list_is_asked_for_until_it_comes(caplog: pytest.LogCaptureFixture) -> None:
    kube = FakeKube(error=KubeError(KubeErrorKind.UNREACHABLE, "list: no connection"))
    operator = operator_on(kube)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(2.5, setattr, kube, "error", None)
        work = asyncio.create_task(operator.work())
        await operator.feed.synced.wait()
        await operator.stop(1.0)
        await work

    run_virtually(story())
    assert caplog.text.count("our kinds cannot be listed: list: no connection; will retry") == 3


def test_the_sweep_runs_at_its_interval_and_looks_again_soon_where_something_is_behind() -> None:
    kube = FakeKube()
    changes = {700.0: {"vaultbindings": [binding()]}}
    assert times_of_lists(kube, changes, until=1300.0) == [0, 600, 1200, 1230]


def times_of_lists(kube: FakeKube, changes: Mapping[float, Mapping[str, Any]], until: float) -> list[int]:
    """Seconds at which all kinds were listed, while an operator ran to whom no watch tells anything."""
    operator = operator_on(kube)
    operator.engine.rooms = dict.fromkeys(FED, done)
    times: list[int] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        kube.before_answer = lambda: times.append(round(loop.time() - started))
        work = asyncio.create_task(operator.work())
        for when, change in changes.items():
            loop.call_later(when, kube.items.update, change)
        loop.call_later(until, operator.feed.dead.set)
        await operator.feed.dead.wait()
        await operator.stop(1.0)
        await work

    run_virtually(story())
    kinds = len(FED)
    assert times == [when for when in times[::kinds] for _ in range(kinds)]
    assert kube.items.get("vaultbindings") or len(operator.engine.cache) == 0
    return times[::kinds]


async def done(*_: Any) -> None:
    """A room where there is never anything to do."""


def test_bindings_that_exist_are_known_before_any_is_looked_at() -> None:
    """So that the first look at a vault asks for all that is wanted."""
    operator = operator_on(FakeKube(items={"vaultbindings": [binding()], "clusterkeyvaults": [keyvault()]}))
    wanted: list[int] = []

    async def look(*_: Any) -> None:
        wanted.append(len(operator.hub.book.refs((MAIN,))))

    async def story() -> None:
        operator.engine.rooms = dict.fromkeys(("VaultBinding", "ClusterKeyVault", "VaultLook"), look)
        work = asyncio.create_task(operator.work())
        await asyncio.sleep(1.0)
        await operator.stop(1.0)
        await work

    run_virtually(story())
    assert wanted == [1, 1, 1]


@pytest.mark.parametrize("vital", [True, False], ids=["a watch", "a report"])
def test_a_part_that_must_go_on_and_ends_is_the_end_of_all(
    caplog: pytest.LogCaptureFixture, *, vital: bool
) -> None:
    operator = operator_on(FakeKube())

    async def bug() -> None:
        raise ValueError("hunter2")

    async def story() -> None:
        operator._start(bug(), "part", vital=vital)
        await asyncio.sleep(1.0)
        await operator.stop(1.0)

    run_virtually(story())
    assert operator.broken.is_set() is vital
    assert "part: ended by an unexpected ValueError" in caplog.text
    assert "hunter2" not in caplog.text
