"""pytest hooks: choose the tests, let Azure's clients talk to an emulator, write down the outcome.

Environment: VAULTBIND_SDK_SUITE (secrets, keys, certificates), VAULTBIND_SDK_RESULTS (file to write),
VAULTBIND_SDK_AUTHORITY (URL of the emulator), and the options VAULTBIND_SDK_CONNECT (host:port where all
real vault names lead), VAULTBIND_SDK_FAST, VAULTBIND_SDK_ATTESTATION and VAULTBIND_SDK_ALL_VERSIONS.
"""

import importlib
import json
import os
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from . import REAL_SUFFIXES, attestation, has_real_name, merge_ca, selection, waits
from . import test_proxy as test_proxy  # noqa: PLC0414 - a fixture that the suites ask for

SUITE = os.environ.get("VAULTBIND_SDK_SUITE", "")
POLICIES = ("challenge_auth_policy", "async_challenge_auth_policy")
_resolve = socket.getaddrinfo
_outcomes: dict[str, str] = {}


def _is_set(name: str) -> bool:
    return bool(os.environ.get(f"VAULTBIND_SDK_{name}"))


def _resolve_vaults(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    """Let every vault's name lead to VAULTBIND_SDK_CONNECT, whatever its port."""
    name = host.decode() if isinstance(host, bytes) else host
    if name and name.endswith(REAL_SUFFIXES):
        host, _, number = os.environ["VAULTBIND_SDK_CONNECT"].rpartition(":")
        port = int(number)
    return _resolve(host, port, *args, **kwargs)


def pytest_configure(config: pytest.Config) -> None:
    for mark in ("playback_test_only", "live_test_only"):
        config.addinivalue_line("markers", f"{mark}: the SDK's")
    if SUITE == "certificates":
        merge_ca.write_merge_ca(Path.cwd())
    if _is_set("CONNECT"):
        socket.getaddrinfo = _resolve_vaults
    if _is_set("FAST"):
        waits.install()
    if _is_set("ATTESTATION"):
        os.environ["AZURE_KEYVAULT_ATTESTATION_URL"] = attestation.start()


@pytest.fixture(autouse=True)
def _challenges_of_an_emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few tests make a client themselves, without verify_challenge_resource=False."""
    if has_real_name(os.environ["AZURE_KEYVAULT_URL"]) or not selection.is_live_test(request.function):
        return
    for name in POLICIES:
        module = importlib.import_module(f"azure.keyvault.{SUITE}._shared.{name}")
        monkeypatch.setattr(module, "_validate_challenge_resource", lambda *_args: None, raising=False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    all_versions = _is_set("ALL_VERSIONS")
    if all_versions:
        selection.run_every_version()
    dropped = [item for item in items if not selection.is_wanted(item, SUITE, all_versions=all_versions)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if item not in dropped]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    if report.when == "call" or report.outcome != "passed":
        known = _outcomes.get(report.nodeid)
        _outcomes[report.nodeid] = "failed" if known == "failed" else report.outcome
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    Path(os.environ["VAULTBIND_SDK_RESULTS"]).write_text(json.dumps(_outcomes, indent=1), encoding="utf-8")
