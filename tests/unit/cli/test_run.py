"""`vaultbind run`: flags and variables, mistakes, probes."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from tests.unit.app.test_operator import operator_on
from vaultbind.cli import run as cli
from vaultbind.handlers.controller import ControllerError
from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.leases import LeaseElector
from vaultbind.settings import RunSettings
from vaultbind.telemetry.health import HealthChecks, LoopLag


@pytest.fixture(autouse=True)
def _same_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@dataclass
class Runs:
    """Takes the place of the operator itself."""

    settings: list[RunSettings] = field(default_factory=list)
    error: Exception | None = None

    async def run(self, settings: RunSettings) -> None:
        self.settings.append(settings)
        if self.error is not None:
            raise self.error


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    runs = Runs()
    monkeypatch.setattr(cli, "_run", runs.run)
    monkeypatch.setattr(cli, "configure", lambda *_: None)
    return runs


def invoke(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(cli.run, list(arguments), env=variables)


def test_each_flag_is_also_a_variable_and_has_its_help() -> None:
    for option in cast("list[Any]", cli.run.params):
        assert option.envvar == f"VAULTBIND_{option.opts[0].removeprefix('--').replace('-', '_').upper()}"
        assert option.help, option.name


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--namespace", "a", "--namespace", "b", "--stale-after", "5m"], {}),
        ([], {"VAULTBIND_NAMESPACE": "a b", "VAULTBIND_STALE_AFTER": "5m"}),
        (["--stale-after", "5m"], {"VAULTBIND_NAMESPACE": "a b", "VAULTBIND_STALE_AFTER": "9m"}),
    ],
    ids=["flags", "variables", "a flag wins"],
)
def test_flags_and_variables(runs: Runs, arguments: list[str], variables: dict[str, str]) -> None:
    assert invoke(*arguments, **variables).exit_code == 0
    assert runs.settings == [RunSettings(namespaces=("a", "b"), stale_after=timedelta(minutes=5))]


def test_all_mistakes_are_told_at_once(runs: Runs) -> None:
    shown = invoke("--namespace", "A", "--metrics-address", "x", "--stale-after", "soon")
    assert shown.exit_code == 2
    assert all(flag in shown.output for flag in ("--namespace 'A'", "--metrics-address", "--stale-after"))
    assert runs.settings == []


@pytest.mark.parametrize(
    "error", [KubeConfigError("no cluster"), ControllerError("the watch is dead"), OSError("address in use")]
)
def test_what_ended_it_is_told_in_one_line(runs: Runs, error: Exception) -> None:
    runs.error = error
    shown = invoke()
    assert (shown.exit_code, shown.output) == (1, f"vaultbind run: {error}\n")


# -- probes -----------------------------------------------------------------------------------------


def verdict(checks: HealthChecks, name: str) -> tuple[bool, str]:
    found = checks._checks[name]()
    return found.ok, found.detail


def elector(*, leads: bool) -> LeaseElector:
    return cast("LeaseElector", SimpleNamespace(is_leader=leads))


def test_ready_is_who_knows_what_its_part_needs() -> None:
    operator = operator_on()
    alone, leader = cli._ready(operator, None), cli._ready(operator, elector(leads=True))
    standby = cli._ready(operator, elector(leads=False))
    for checks, detail in ((alone, "first list"), (leader, "first list"), (standby, "standby")):
        assert verdict(checks, "synced") == (False, detail)
    operator.warm.set()
    assert verdict(standby, "synced") == (True, "standby")
    assert verdict(leader, "synced") == verdict(alone, "synced") == (False, "first list")
    operator.feed.synced.set()
    assert verdict(leader, "synced") == verdict(alone, "synced") == (True, "first list")


def test_a_dead_watch_is_not_alive() -> None:
    operator = operator_on()
    checks = cli._live(operator, LoopLag())
    assert verdict(checks, "sweep")[0]
    assert verdict(checks, "loop")[0]
    operator.feed.dead.set()
    assert not verdict(checks, "sweep")[0]


def test_the_lease_is_in_the_namespace_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = operator_on()
    connection = SimpleNamespace(default_namespace="ours")
    monkeypatch.setattr(operator.client, "connection", connection, raising=False)
    for flag, namespace in (("", "ours"), ("ops", "ops")):
        made = cli._elector(RunSettings(lease_namespace=flag, lease_name="vb"), operator)
        assert made._place[1:] == (namespace, "vb")
        assert made.identity == "test"
