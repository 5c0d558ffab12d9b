"""The command: its list of subcommands, what a base install lacks."""

import importlib
import resource
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from vaultbind import __version__
from vaultbind.cli.main import COMMANDS, EXTRA, main


def test_help_and_version_name_every_command() -> None:
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    assert [name for name, line in COMMANDS.items() if f"{name} " not in shown.output] == []
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_tells_about_itself(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "-h"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


def test_a_command_that_does_not_exist() -> None:
    shown = CliRunner().invoke(main, ["fly"])
    assert shown.exit_code == 2
    assert "No such command 'fly'" in shown.output


def test_no_command_dumps_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda *limit: limits.append(limit))
    CliRunner().invoke(main, ["run", "-h"])
    assert limits == [(resource.RLIMIT_CORE, (0, 0))]


def test_without_limits_of_a_process_it_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    assert CliRunner().invoke(main, ["run", "-h"]).exit_code == 0


def _lacks(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    def import_module(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {module!r} for {name}", name=module)

    monkeypatch.setattr(importlib, "import_module", import_module)


@pytest.mark.parametrize("module", ["kopf", "prometheus_client.exposition"])
def test_a_base_install_says_what_to_install(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    _lacks(monkeypatch, module)
    shown = CliRunner().invoke(main, ["run"])
    assert shown.exit_code == 2
    assert EXTRA in " ".join(shown.output.split())


def test_a_module_of_ours_that_is_missing_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    _lacks(monkeypatch, "vaultbind.cli.run")
    shown = CliRunner().invoke(main, ["run"])
    assert isinstance(shown.exception, ModuleNotFoundError)
