"""A cgroup subtree of our own in each hierarchy, so that pods have limits and nothing stays behind."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

MOUNTS = Path("/proc/mounts")
REMOVE_SECONDS = 5.0


def find_hierarchies(mounts: str) -> list[Path]:
    """Mount points of cgroup hierarchies, of both versions."""
    fields = [line.split() for line in mounts.splitlines()]
    return [Path(parts[1]) for parts in fields if len(parts) > 2 and parts[2] in ("cgroup", "cgroup2")]


@contextlib.contextmanager
def subtree(name: str) -> Iterator[None]:
    """Make it, and remove it with all that is below once its processes are gone."""
    folders = [place / name for place in find_hierarchies(MOUNTS.read_text())]
    try:
        for folder in folders:
            _make(folder)
        yield
    finally:
        deadline = time.monotonic() + REMOVE_SECONDS
        while folders := [folder for folder in folders if not _is_removed(folder)]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)


def _make(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for file in ("cpuset.cpus", "cpuset.mems"):  # version 1: empty, and no process may enter
        parent = folder.parent / file
        if parent.exists() and (folder / file).exists():
            (folder / file).write_text(parent.read_text())
    controllers = folder.parent / "cgroup.controllers"
    if controllers.exists():
        for name in controllers.read_text().split():
            with contextlib.suppress(OSError):
                (folder.parent / "cgroup.subtree_control").write_text(f"+{name}")


def _is_removed(folder: Path) -> bool:
    """Remove a subtree from its leaves on; a cgroup that has processes refuses."""
    with contextlib.suppress(OSError):
        for child in sorted((item for item in folder.rglob("*") if item.is_dir()), reverse=True):
            child.rmdir()
        folder.rmdir()
    return not folder.exists()
