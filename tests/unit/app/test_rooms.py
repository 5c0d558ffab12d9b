"""Expiry beside a binding's own report."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.unit.app.objects import NOW, binding, keyvault
from tests.unit.app.test_operator import operator_on
from tests.unit.engine.objects import FINE
from vaultbind.api.conditions import Reason, Status
from vaultbind.api.refs import ObjectKey
from vaultbind.app.rooms import LookMetrics, WholeBinding
from vaultbind.bindings.reconcile import BindingRoom
from vaultbind.engine.cache import RawObject
from vaultbind.engine.queue import Priority
from vaultbind.engine.report import Report
from vaultbind.expiry.absence import Absences

DB, MAIN = ObjectKey("VaultBinding", "shop", "db"), ObjectKey("ClusterKeyVault", "", "main")


class FixedRoom:
    """Reports what it is given."""

    def __init__(self, report: Report | None) -> None:
        self.report = report

    async def reconcile(self, key: ObjectKey, obj: RawObject | None, priority: Priority) -> Report | None:
        assert (key, priority) == (DB, Priority.ROUTINE)
        return self.report


async def judged(
    report: Report | None, obj: RawObject | None, *, booked: bool = True, **vault: Any
) -> Report | None:
    """What is reported with a KeyVault of that spec; `booked`: the binding is known to use it."""
    operator = operator_on()
    operator.feed.take("ADDED", keyvault(**vault))
    if booked:
        operator.hub.book.note(DB, MAIN, ())
    room = WholeBinding(
        bindings=cast("BindingRoom", FixedRoom(report)),
        rollouts=operator._build_rollouts(),
        intake=operator.intake,
        hub=operator.hub,
        absences=Absences(hub=operator.hub, reads=operator.outlets.reads),
        now=lambda: NOW,
    )
    found = await room.reconcile(DB, obj, Priority.ROUTINE)
    await operator.stop(0.0)
    return found


def at(**ahead: float) -> str:
    return (NOW + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


WRITTEN = Report(conditions=(FINE,), fields={"revision": 1, "expires": at(days=10)})
KEPT = Report(conditions=(FINE,))
EARLY = Report(conditions=(replace(FINE, status=Status.FALSE, reason=Reason.OBJECT_NOT_YET_VALID),))

CASES = [
    pytest.param(WRITTEN, {}, "True ExpiresSoon", id="just written"),
    pytest.param(KEPT, {"revision": 1, "expires": at(days=10)}, "True ExpiresSoon", id="known from before"),
    pytest.param(KEPT, {"revision": 1, "expires": at(days=-1)}, "True Expired", id="expired meanwhile"),
    pytest.param(KEPT, {"revision": 1}, "False Valid", id="nothing expires"),
    pytest.param(
        Report(conditions=(FINE,), fields={"expires": None}),
        {"revision": 1, "expires": at(days=-1)},
        "False Valid",
        id="the object that expired is no longer bound",
    ),
    pytest.param(EARLY, {"revision": 1, "expires": at(days=10)}, "True NotYetValid", id="valid later"),
    pytest.param(KEPT, {}, None, id="never written"),
    pytest.param(Report(next_in=5.0), {"revision": 1}, None, id="nothing is reported"),
]


@pytest.mark.parametrize(("report", "status", "shown"), CASES)
async def test_expiring(report: Report, status: dict[str, Any], shown: str | None) -> None:
    found = await judged(report, binding(status=status))
    assert found is not None
    added = found.conditions[len(report.conditions) :]
    assert [f"{item.status.value} {item.reason.word}" for item in added] == ([shown] if shown else [])
    assert {**found.fields, "rolloutRevision": None} == {**report.fields, "rolloutRevision": None}
    assert found.next_in == report.next_in


async def test_the_vault_s_own_thresholds_count() -> None:
    found = await judged(WRITTEN, binding(), expiry={"warnBefore": ["1d"]})
    assert found is not None
    assert found.conditions[-1].reason.word == "Valid"


async def test_the_binding_s_own_thresholds_count_before_the_vault_s() -> None:
    obj = binding()
    obj["spec"]["expiry"] = {"warnBefore": ["60d", "1d"]}
    found = await judged(WRITTEN, obj, expiry={"warnBefore": ["1d"]})
    assert found is not None
    assert found.conditions[-1].message.endswith("within 60d; renew it in the vault")


OBJECTS = [
    {"kind": "secret", "name": "user"},
    {"kind": "key", "name": "later", "expires": at(days=20)},
    {"kind": "secret", "name": "web", "expires": at(days=10)},
]


@pytest.mark.parametrize(
    ("report", "status", "named"),
    [
        pytest.param({"objects": OBJECTS}, {}, "certificate web", id="just written"),
        pytest.param({}, {"objects": OBJECTS}, "certificate web", id="known from before"),
        pytest.param({"objects": OBJECTS[:2]}, {}, "an object", id="not among the first that the status has"),
    ],
)
async def test_the_object_that_expires_first_is_named(
    report: dict[str, Any], status: dict[str, Any], named: str
) -> None:
    written = replace(WRITTEN, fields={**WRITTEN.fields, **report})
    spec = {**binding()["spec"], "dataFrom": [{"tls": {"name": "web"}}]}
    found = await judged(written, binding(status={"revision": 1, **status}, spec=spec))
    assert found is not None
    assert found.conditions[-1].message.startswith(f"{named} expires at {at(days=10)}, within ")


@pytest.mark.parametrize(
    ("booked", "vault"),
    [
        pytest.param(False, {}, id="no vault known"),
        pytest.param(True, {"url": "not a url"}, id="a vault that cannot be read"),
    ],
)
async def test_without_a_vault_there_are_no_thresholds(booked: bool, vault: dict[str, Any]) -> None:
    found = await judged(WRITTEN, binding(), booked=booked, **vault)
    assert found is not None
    assert found.conditions[-1].reason.word == "Valid"


@pytest.mark.parametrize(("report", "obj"), [(None, binding()), (None, None), (KEPT, None)])
async def test_what_is_gone_does_not_expire(report: Report | None, obj: RawObject | None) -> None:
    assert await judged(report, obj) == report


def test_looks_are_counted_for_their_vault() -> None:
    operator = operator_on()
    looks = LookMetrics(operator.metrics.vaults)
    looks.looked("https://shop.vault.azure.net", "List", "ok")
    text = operator.metrics.render()[0].decode()
    line = next(line for line in text.splitlines() if line.startswith("vaultbind_vault_looks_total{"))
    assert 'detection="List"' in line
    assert "shop.vault.azure.net" in line
