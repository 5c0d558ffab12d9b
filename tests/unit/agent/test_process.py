"""The program as the kubelet starts it."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.agent.stub_broker import StubBroker, serving
from tools.realcluster.pki import Pki

COMMAND = (sys.executable, "-I", "-m", "vaultbind.agent")
MEMORY_LIMIT = 24 * 1024
"""Kilobytes of resident memory at most."""
CPU_LIMIT = 0.150
"""Seconds of processor time for a whole init run."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[StubBroker]:
    with serving(Pki.create(tmp_path / "pki")) as found:
        yield found


@pytest.fixture
def environ(broker: StubBroker, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "files").mkdir()
    return {
        "VAULTBIND_BINDINGS": "shop-db",
        "VAULTBIND_BROKER": broker.url,
        "VAULTBIND_BROKER_CA": (tmp_path / "pki/ca.crt").read_text(),
        "VAULTBIND_TOKEN_FILE": str(tmp_path / "token"),
        "VAULTBIND_FILES": str(tmp_path / "files"),
        "VAULTBIND_ENV_FILE": str(tmp_path / "variables"),
        "VAULTBIND_VARIABLES": "shop-db/PASSWORD",
        "VAULTBIND_DEADLINE": "60",
        "VAULTBIND_TERMINATION_LOG": str(tmp_path / "termination-log"),
    }


def start(mode: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, mode], env=environ, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, told = process.communicate(timeout=120)
    return process.returncode, told


def test_init_writes_and_ends(broker: StubBroker, environ: dict[str, str], tmp_path: Path) -> None:
    broker.put("/v1/values/shop-db", {"data": {"PASSWORD": "czNjcjN0"}})
    status, told = finish(start("init", environ))

    assert (status, told) == (0, "vaultbind agent: shop-db: written\n")
    assert (tmp_path / "files/shop-db/PASSWORD").read_bytes() == b"s3cr3t"
    assert (tmp_path / "variables").read_bytes() == b"PASSWORD='s3cr3t'\n"
    assert not (tmp_path / "termination-log").exists()


def test_it_starts_quickly(broker: StubBroker, environ: dict[str, str]) -> None:
    broker.put("/v1/values/shop-db", {"data": {"PASSWORD": "czNjcjN0"}})
    costs = []
    for _ in range(10):  # others on the machine can only add to it
        process = subprocess.Popen([*COMMAND, "init"], env=environ, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        costs.append(usage.ru_utime + usage.ru_stime)
        assert process.returncode == 0

    assert min(costs) < CPU_LIMIT, costs


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux' /proc")
def test_it_is_small_with_a_value_of_300_kb(broker: StubBroker, environ: dict[str, str]) -> None:
    broker.put("/v1/values/shop-db", {"data": {"PASSWORD": "czNjcjN0", "big": "AAAA" * 100_000}})
    process = start("refresh", environ | {"VAULTBIND_REFRESH": "0.01"})
    assert process.stderr is not None
    assert process.stderr.readline() == "vaultbind agent: new content was written\n"
    told = Path(f"/proc/{process.pid}/status").read_text()
    process.send_signal(signal.SIGTERM)
    finish(process)

    peak = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM"))
    assert peak < MEMORY_LIMIT


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="limits are read from Linux' /proc")
@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="nothing here may dump at all")
def test_it_dumps_no_memory(broker: StubBroker, environ: dict[str, str]) -> None:
    """The kubelet's containers may: what the runtime allows is inherited."""
    broker.put("/v1/values/shop-db", {"data": {"PASSWORD": "czNjcjN0"}})
    process = start("refresh", environ | {"VAULTBIND_REFRESH": "0.01"})
    assert process.stderr is not None
    process.stderr.readline()  # it is at work
    told = Path(f"/proc/{process.pid}/limits").read_text()
    process.send_signal(signal.SIGTERM)
    finish(process)

    (limits,) = [line.split()[4:6] for line in told.splitlines() if line.startswith("Max core file size")]
    assert limits == ["0", "0"]


def test_why_it_failed_is_left_for_kubectl_describe(
    broker: StubBroker, environ: dict[str, str], tmp_path: Path
) -> None:
    broker.put("/v1/values/shop-db", {"message": "may not; kubectl create rolebinding x"}, status=403)
    status, told = finish(start("init", environ))

    message = "VaultBinding shop-db: may not; kubectl create rolebinding x"
    assert (status, told) == (1, f"vaultbind agent: {message}\n")
    assert (tmp_path / "termination-log").read_text() == message


def test_a_value_that_cannot_be_carried_is_named_and_not_shown(
    broker: StubBroker, environ: dict[str, str], tmp_path: Path
) -> None:
    broker.put("/v1/values/shop-db", {"data": {"PASSWORD": "aXQncw=="}})
    status, told = finish(start("init", environ))

    assert status == 1
    assert (tmp_path / "termination-log").read_text().startswith("key PASSWORD cannot be a variable")
    assert "it's" not in told
    assert list((tmp_path / "files").iterdir()) == []


def test_it_gives_up_after_its_deadline(environ: dict[str, str], tmp_path: Path) -> None:
    environ |= {"VAULTBIND_TOKEN_FILE": str(tmp_path / "none"), "VAULTBIND_DEADLINE": "1"}
    status, _ = finish(start("init", environ))

    assert status == 1
    assert "given up after 1 s" in (tmp_path / "termination-log").read_text()


@pytest.mark.parametrize(("mode", "expected"), [("init", 143), ("refresh", 0)])
def test_sigterm_ends_it_at_once(environ: dict[str, str], tmp_path: Path, mode: str, expected: int) -> None:
    environ |= {"VAULTBIND_TOKEN_FILE": str(tmp_path / "none"), "VAULTBIND_DEADLINE": "600"}
    environ |= {"VAULTBIND_REFRESH": "0.01"}
    process = start(mode, environ)
    assert process.stderr is not None
    process.stderr.readline()  # it is at work
    process.send_signal(signal.SIGTERM)
    status, told = finish(process)

    assert status == expected
    assert told.endswith("vaultbind agent: stopped\n")


def test_wrong_use(environ: dict[str, str]) -> None:
    assert finish(start("loop", environ)) == (
        2,
        "vaultbind agent: usage: python -m vaultbind.agent init|refresh\n",
    )
