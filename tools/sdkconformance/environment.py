"""Where the suites run: their source distributions and a virtual environment, both kept in a cache."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.sdkconformance.suites import HERE, SUITES, Suite, find_mistakes

REQUIREMENTS = HERE / "requirements.txt"


class UnavailableError(Exception):
    """What the suites need is not in the cache and cannot be fetched; the message says why in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Python of the virtual environment, and the folder with the source distributions."""

    python: Path
    archives: Path

    def unpack(self, suite: Suite, folder: Path) -> Path:
        """Put the suite's tests, as they were published, into an empty folder; returns where they are."""
        archive = self.archives / suite.archive
        if _digest(archive) != suite.sha256:
            raise UnavailableError(
                f"{archive} is not the file that {suite.project} {suite.version} published"
            )
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
        return folder / archive.name.removesuffix(".tar.gz") / "tests"


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Folder for exactly these requirements and this Python."""
    base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    mark = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    return base / "vaultbind" / "sdkconformance" / mark


def ensure(environ: Mapping[str, str] = os.environ) -> Environment:
    """Return the environment, after making what is missing; raises UnavailableError."""
    if mistakes := find_mistakes():
        raise UnavailableError("; ".join(mistakes))
    folder = cache_folder(environ)
    python = folder / "venv" / "bin" / "python"
    with _lock(folder):
        if not (folder / "complete").exists():
            shutil.rmtree(folder / "venv", ignore_errors=True)
            _run(f"making {folder / 'venv'}", sys.executable, "-m", "venv", str(folder / "venv"))
            options = ("--require-hashes", "-r", str(REQUIREMENTS))
            _run("installing what the suites run with", str(python), *PIP, "install", *options)
            (folder / "complete").touch()
        for suite in SUITES.values():
            _fetch(python, folder, suite)
    return Environment(python=python, archives=folder)


PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "--retries", "1")


def _fetch(python: Path, folder: Path, suite: Suite) -> None:
    """Download a source distribution; pip refuses one with another hash."""
    if (folder / suite.archive).exists():
        return
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        pin = Path(scratch, "pin.txt")
        pin.write_text(f"{suite.project}=={suite.version} --hash=sha256:{suite.sha256}\n", encoding="ascii")
        options = ("--no-deps", "--no-binary", ":all:", "--require-hashes", "--dest", scratch)
        what = f"downloading {suite.project} {suite.version}"
        _run(what, str(python), *PIP, "download", *options, "-r", str(pin))
        Path(scratch, suite.archive).rename(folder / suite.archive)


def _run(what: str, *command: str) -> None:
    print(f"sdk: {what}", flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise UnavailableError(f"{what} failed: {lines[-1][:300]}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Let one process fill the cache, others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
