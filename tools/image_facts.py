"""What the image must be, asked of the image: `... --entrypoint python3 IMAGE - < tools/image_facts.py`.

Standard library only, and in one file: it runs where nothing of this repository is. Prints what it found as
JSON; ends with status 1 and a line for each fault.
"""

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

MOST_MEGABYTES = 120
"""Unpacked, over the base: the last stage adds one folder and removes files of the base."""
ADDED = Path("/opt/vaultbind")
INSTALLERS = ("pip", "setuptools", "wheel", "ensurepip", "hatchling", "uv")
COMPILERS = ("cc", "gcc", "g++", "clang", "ld", "make", "cargo", "go")
USER = 65532


def measure(folder: Path) -> float:
    """Megabytes of all files below a folder; a file with two names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for path in folder.rglob("*"):
        stat = path.lstat()
        seen[(stat.st_dev, stat.st_ino)] = stat.st_size
    return round(sum(seen.values()) / 1e6, 1)


def collect(added: Path = ADDED) -> dict[str, Any]:
    """Facts of this container."""
    return {
        "megabytes": measure(added),
        "user": os.geteuid(),
        "installers": [name for name in INSTALLERS if _is_importable(name) or shutil.which(name)],
        "compilers": [name for name in COMPILERS if shutil.which(name)],
        "program": shutil.which("vaultbind") or "",
        "writable": [str(path) for path in (added, Path("/usr"), Path("/etc")) if os.access(path, os.W_OK)],
    }


def find_faults(facts: dict[str, Any]) -> list[str]:
    """What is not as it must be, in words."""
    size = facts["megabytes"]
    checks: Iterable[tuple[Callable[[], bool], str]] = (
        (lambda: 1 < size < MOST_MEGABYTES, f"{size} MB over the base, not 1 to {MOST_MEGABYTES}"),
        (lambda: facts["user"] == USER, f"runs as user {facts['user']}, not {USER}"),
        (lambda: not facts["installers"], f"can install by {facts['installers']}"),
        (lambda: not facts["compilers"], f"can compile by {facts['compilers']}"),
        (lambda: bool(facts["program"]), "has no vaultbind on its path"),
        (lambda: not facts["writable"], f"its user may write to {facts['writable']}"),
    )
    return [told for is_right, told in checks if not is_right()]


def _is_importable(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def main() -> int:
    facts = collect()
    print(json.dumps(facts))
    faults = find_faults(facts)
    for told in faults:
        print(f"image: {told}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
