"""`vaultbind demo` as a program: comes out well, notices each sabotage, leaves nothing behind."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.testbin.build import find
from vaultbind.cli.demo.manifests import BINDING_PUBLIC_KEY, BINDING_SECRETS, BINDING_TLS
from vaultbind.cli.demo.sabotage import SABOTAGES
from vaultbind.kube.connection import connect
from vaultbind.kube.resources import VAULT_BINDINGS

pytestmark = pytest.mark.timeout(1200)
"""The first test waits for all runs."""

DEMO = (sys.executable, "-m", "vaultbind.cli.main", "demo")
EXAMPLE = Path(__file__).parents[2] / "examples" / "vault.yaml"
SEEN = {
    "cluster": "forbidden",
    "vault": "The vault",
    "operator": "ended by itself (status -9)",
    "connect": "Unauthorized",
    "secrets": "key username holds something else than the vault",
    "tls": "the first certificate of tls.crt is not the vault's leaf",
    "public-key": "another key than the vault's",
    "pod": "VaultBinding shop-db does not exist",
    "sign": "the signature does not belong to the text and the vault's key",
    "expiry": "status.expires is 2099-01-01T00:00:00Z",
    "rotate": "key password holds something else than the vault",
    "repair": "key username holds something else than the vault",
    "delete": "the Secret shop-db was deleted",
}
DEADLINE = 30
"""Seconds for each step: the vault is looked at every five, and a busy machine takes its time."""
AT_ONCE = 7
"""They wait most of the time."""
READY = dict.fromkeys((BINDING_SECRETS, BINDING_TLS, BINDING_PUBLIC_KEY), "True")
"""The example's bindings, as kubectl shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How one run of the demo has ended."""

    status: int
    shown: str
    """What went to standard output."""
    complaints: str
    """What went to standard error."""
    folder: Path
    seconds: float

    @property
    def output(self) -> str:
        return self.shown + self.complaints

    @property
    def left(self) -> list[str]:
        """What was left in the folder for temporary files."""
        return sorted(path.name for path in self.folder.rglob("*") if not is_folder_of_demo(path))

    @property
    def document(self) -> dict[str, Any]:
        """The output of `-o json`."""
        found: dict[str, Any] = json.loads(self.shown)
        return found


def is_folder_of_demo(path: Path) -> bool:
    return path.is_dir() and path.name.startswith("vaultbind-demo-")


def environ(folder: Path) -> dict[str, str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("VAULTBIND_")}
    return {**ours, "TMPDIR": str(folder)}


def run(folder: Path, *flags: str) -> Run:
    folder.mkdir()
    began = time.monotonic()
    done = subprocess.run(
        [*DEMO, *flags], env=environ(folder), capture_output=True, text=True, timeout=400, check=False
    )
    seconds = time.monotonic() - began
    return Run(
        status=done.returncode, shown=done.stdout, complaints=done.stderr, folder=folder, seconds=seconds
    )


@contextmanager
def started(folder: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """A demo that goes on; told to end where a test has failed in its midst, lest it be waited for."""
    with subprocess.Popen([*DEMO, *flags], env=environ(folder), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The good run as ``, by itself because it is timed, and each sabotage by its step, a few at once."""
    folder = tmp_path_factory.mktemp("demos")

    def start(name: str) -> Run:
        flags = ("--sabotage", name, "--timeout", str(DEADLINE), "-o", "json") if name else ()
        return run(folder / (name or "good"), *flags)

    good = {"": start("")}
    names = [*reversed(list(SABOTAGES))]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return good | dict(zip(names, pool.map(start, names), strict=True))


def test_all_steps_are_verified_in_less_than_a_minute(runs: dict[str, Run]) -> None:
    good = runs[""]
    assert good.status == 0, good.output
    assert re.findall(r"^ +[0-9.]+s  ok +([a-z-]+) ", good.output, re.MULTILINE) == list(SABOTAGES)
    assert "13 of 13 steps verified" in good.output
    assert good.left == []
    assert good.seconds < 60


def test_what_it_took_is_told(runs: dict[str, Run]) -> None:
    costs = re.findall(r"it took ([0-9]+) vault requests.* and ([0-9]+) cluster writes", runs[""].output)
    assert len(costs) == 3
    assert all(int(requests) >= 1 and int(writes) >= 2 for requests, writes in costs)


@pytest.mark.parametrize("step", SABOTAGES)
def test_each_sabotage_is_noticed(runs: dict[str, Run], step: str) -> None:
    bad = runs[step]
    assert bad.status == 1, bad.output
    document = bad.document
    assert document["ok"] is False
    assert document["failure"]["step"] == step
    assert document["failure"]["expected"]
    assert SEEN[step] in document["failure"]["seen"]
    states = [item["state"] for item in document["steps"]]
    position = list(SABOTAGES).index(step)
    rest = len(SABOTAGES) - position - 1
    assert states == ["verified"] * position + ["failed"] + ["skipped"] * rest


@pytest.mark.parametrize("step", SABOTAGES)
def test_only_the_log_stays_and_only_after_a_failure(runs: dict[str, Run], step: str) -> None:
    bad = runs[step]
    has_started = list(SABOTAGES).index(step) >= list(SABOTAGES).index("operator")
    assert bad.left == (["operator.log"] if has_started else []), bad.output
    log = bad.document["failure"]["log"]
    assert Path(log).is_file() if has_started else log == ""


def test_no_value_is_told_nor_logged(runs: dict[str, Run]) -> None:
    texts = [item.output for item in runs.values()]
    texts += [path.read_text() for item in runs.values() for path in item.folder.rglob("*.log")]
    assert len(texts) >= 2 * len(runs) - 3
    for value in seeded_values():
        assert not [text for text in texts if value in text]
    assert not [text for text in texts if "PRIVATE KEY" in text]


def seeded_values() -> Iterator[str]:
    """Values of examples/vault.yaml, as they are and in base64's beginning."""
    secrets = yaml.safe_load(EXAMPLE.read_text())["vaults"]["shop"]["secrets"]
    yield secrets["db-username"]
    yield secrets["db-password"]["value"]
    yield secrets["payment"]["json"]["apiKey"]


def test_kept_running_until_it_is_told_to_end(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with started(tmp_path, "--keep", "-o", "json") as process:
        assert process.stdout is not None
        document = json.loads(read_document(process.stdout))
        kubeconfig = Path(document["kubeconfig"])
        assert kubeconfig.stat().st_mode & 0o077 == 0
        assert kubeconfig.parent.stat().st_mode & 0o077 == 0
        pid = operator_of(json.dumps(document))
        assert is_running(pid)
        assert asyncio.run(fetch_ready(kubeconfig)) == READY
        if kubectl := find_kubectl():
            assert list_ready(kubectl, kubeconfig, tmp_path_factory.mktemp("home")) == READY
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not is_running(pid)
    assert list(tmp_path.iterdir()) == []


async def fetch_ready(kubeconfig: Path) -> dict[str, str]:
    """Status of each binding's condition Ready, in all namespaces, by our own client."""
    async with await connect(kubeconfig=kubeconfig) as client:
        items = (await client.list(VAULT_BINDINGS))["items"]
    return {
        item["metadata"]["name"]: condition["status"]
        for item in items
        for condition in item["status"]["conditions"]
        if condition["type"] == "Ready"
    }


def find_kubectl() -> str | None:
    """The one of the tests on the real API server, or the machine's own; it is there where Go is, mostly."""
    binaries = find()
    return str(binaries.kubectl) if binaries else shutil.which("kubectl")


def list_ready(kubectl: str, kubeconfig: Path, home: Path) -> dict[str, str]:
    """The same as somebody sees it who typed what the demo says, in another terminal."""
    done = subprocess.run(
        [kubectl, "get", "vb", "-A"],
        env={"KUBECONFIG": str(kubeconfig), "HOME": str(home), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    header, *rows = (line.split() for line in done.stdout.splitlines())
    assert header[:3] == ["NAMESPACE", "NAME", "READY"]
    return {row[1]: row[2] for row in rows}


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_interrupted_in_the_middle_nothing_is_left(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with started(tmp_path) as process:
        assert process.stdout is not None
        pid = next(operator_of(line) for line in process.stdout if " operator " in line)
        assert is_running(pid)
        process.send_signal(number)
        assert process.wait(60) == status
    assert not is_running(pid)
    assert list(tmp_path.iterdir()) == []


def read_document(stream: Any) -> str:
    """Read up to the closing brace of a JSON document."""
    lines = []
    for line in stream:
        lines.append(line)
        if line.rstrip() == "}":
            break
    return "".join(lines)


def operator_of(text: str) -> int:
    found = re.search(r"ready, process ([0-9]+)", text)
    assert found, text
    return int(found[1])


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_help_lists_the_steps_that_can_be_sabotaged() -> None:
    done = subprocess.run([*DEMO, "--help"], capture_output=True, text=True, check=True)
    assert "|".join(SABOTAGES) in re.sub(r"\s+", "", done.stdout)


def test_somebodys_cluster_is_not_sabotaged() -> None:
    flags = ("--cluster", "current", "--sabotage", "tls")
    done = subprocess.run([*DEMO, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "embedded cluster only" in done.stderr
