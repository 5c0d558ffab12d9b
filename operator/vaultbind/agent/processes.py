"""Tells other containers' processes of new content; they are visible where the pod shares its processes."""

import os
import signal as signals
from collections.abc import Callable, Iterator
from pathlib import Path

PROC = Path("/proc")


def find_processes(name: str, *, own: int, proc: Path = PROC) -> Iterator[int]:
    """Pids of the processes of that name; without a name: the main ones of all other containers.

    Main processes have no parent inside of the pod; the first of all is the pod's own.
    """
    for entry in sorted(proc.iterdir()):
        if not entry.name.isdecimal() or int(entry.name) in (1, own):
            continue
        try:
            comm, parent = _parse_stat((entry / "stat").read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile
        if comm == name or (not name and parent == 0):
            yield int(entry.name)


def _parse_stat(text: str) -> tuple[str, int]:
    """Name and parent; the name stands in parentheses and may hold some."""
    comm = text[text.index("(") + 1 : text.rindex(")")]
    return comm, int(text[text.rindex(")") + 1 :].split()[1])


def send_signal(
    signal: str,
    name: str,
    *,
    proc: Path = PROC,
    kill: Callable[[int, int], None] = os.kill,
) -> str:
    """Signal what is found; return what happened, for the log."""
    number = getattr(signals, signal)
    told: list[str] = []
    for pid in find_processes(name, own=os.getpid(), proc=proc):
        try:
            kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError:
            told.append(f"process {pid} belongs to another user and cannot be signalled")
        else:
            told.append(f"{signal} sent to process {pid}")
    return "; ".join(told) or f"there is no process {name or 'of another container'} to signal"
