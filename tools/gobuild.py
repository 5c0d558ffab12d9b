"""Programs built from Go source: modules of ours name them by `tool` lines, a cache keeps what was built.

Standard library only.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPORT_SECONDS = 15.0


class BuildError(Exception):
    """The programs are not there and cannot be built; the message says why in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoModule:
    """A folder with go.mod and go.sum, and what is built from it."""

    folder: Path
    packages: Mapping[str, str]
    """Program and the package that it is built from; each has a `tool` line in go.mod."""
    version_of: str
    """Module whose version the programs shall tell,"""
    version_in: str
    """by this variable."""
    estimate: str
    """How long a first build takes, for people."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """Program names where they differ from the package's last folder."""
    tags: tuple[str, ...] = ()
    """Build tags: what to leave out."""

    def cache_folder(self, environ: Mapping[str, str] = os.environ) -> Path:
        """Folder for exactly these module files and this compiler."""
        base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        digest = hashlib.sha256()
        for part in (
            *(self.folder / name for name in ("go.mod", "go.sum")),
            *sorted(self.folder.rglob("*.go")),
        ):
            digest.update(part.read_bytes())
        digest.update(self.go("env", "GOVERSION").encode())
        return base / "vaultbind" / self.folder.name / digest.hexdigest()[:16] / "bin"

    def cache_if_known(self, environ: Mapping[str, str] = os.environ) -> Path | None:
        """Return the cache's folder, or None where no compiler tells which one that is."""
        return self.cache_folder(environ) if has_go(environ) else None

    def ensure_built(self, environ: Mapping[str, str] = os.environ) -> Path:
        """Return the folder with the programs, after building them once; raise BuildError with the reason."""
        target = self.cache_folder(environ)
        with _lock(target.parent / ".lock"):
            if not all(executable(target / name) for name in self.packages):
                self._build(target)
        return target

    def go(self, *arguments: str) -> str:
        """Output of a go command in the module's folder. Raises BuildError."""
        done = subprocess.run(
            ["go", *arguments], cwd=self.folder, env=_environ(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BuildError(f"go {arguments[0]}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def version(self) -> str:
        """Version of the module that the programs are of, from go.mod."""
        match = re.search(rf"{re.escape(self.version_of)} (v[0-9.]+)", (self.folder / "go.mod").read_text())
        if match is None:
            raise BuildError(f"{self.folder.name}/go.mod names no {self.version_of}")
        return match.group(1)

    def _build(self, target: Path) -> None:
        started = time.monotonic()
        flags = f"-s -w -X {self.version_in}={self.version()}"
        print(
            f"building {', '.join(self.packages)} into {target} ({self.estimate} the first time)", flush=True
        )
        folder = Path(tempfile.mkdtemp(dir=target.parent, prefix="unfinished-"))
        try:
            tags = ["-tags", ",".join(self.tags)] if self.tags else []
            options = ["-v", "-trimpath", *tags, "-ldflags", flags, "-o", f"{folder}/"]
            self._follow(["go", "build", *options, *self.packages.values()], started)
            for built, name in self.renames.items():
                (folder / built).rename(folder / name)
            folder.chmod(0o755)
            folder.rename(target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(f"built in {time.monotonic() - started:.0f} s", flush=True)

    def _follow(self, command: list[str], started: float) -> None:
        """Run a `go build -v`, which names each package as it is compiled, and say how far it is."""
        total = len(self.go("list", "-deps", *self.packages.values()).splitlines())
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=_environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines: list[str] = []
        said = started
        for line in process.stdout or ():
            lines.append(line.rstrip())
            if time.monotonic() - said >= REPORT_SECONDS:
                said = time.monotonic()
                print(f"  {said - started:4.0f} s  {len(lines)} of at most {total} packages", flush=True)
        if process.wait() != 0:
            raise BuildError("go build failed: " + " | ".join(lines[-5:]))


def has_go(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether there is a compiler."""
    return shutil.which("go", path=environ.get("PATH")) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoProgram:
    """One program of a module of its own; `on_path` where one that is installed serves, too."""

    module: GoModule
    name: str
    on_path: bool = False

    def find(self, environ: Mapping[str, str] = os.environ) -> Path | None:
        """Return the program's path, or None."""
        cache = self.module.cache_if_known(environ)
        built = executable(cache / self.name) if cache else None
        return built or (on_path(self.name, environ) if self.on_path else None)

    def ensure(self, environ: Mapping[str, str] = os.environ) -> Path:
        """Return the program's path, after building it where it is missing. Raises BuildError."""
        if found := self.find(environ):
            return found
        if not has_go(environ):
            raise BuildError(f"no Go compiler{f' and no {self.name}' if self.on_path else ''} on PATH")
        return self.module.ensure_built(environ) / self.name

    def main(self) -> int:
        """Build it, and print its path or why there is none."""
        try:
            print(self.ensure())
        except BuildError as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            return 1
        return 0


def executable(path: Path) -> Path | None:
    """Return the path where a program stands, else None."""
    return path if os.access(path, os.X_OK) else None


def on_path(name: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return where `PATH` has a program, or None."""
    found = shutil.which(name, path=environ.get("PATH"))
    return Path(found) if found else None


def _environ() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Let one process build, others wait for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
