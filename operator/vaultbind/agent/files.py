"""A binding's keys as files, changed all at once: the same layout and swap as the kubelet's own volumes.

`FOLDER/KEY` is a link to `..data/KEY`, and `..data` a link to a folder that is never changed once it is
there. Whoever opens `FOLDER/..data` once reads keys that belong together.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from vaultbind.agent.errors import AgentError

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_DATA = "..data"
_NEXT = "..data_next"


def write_files(folder: Path, data: Mapping[str, bytes], mode: int) -> bool:
    """Make `folder` hold exactly `data`; return whether anything changed.

    Raises AgentError for a key that is no file's name, OSError where the volume is full.
    """
    for key in data:
        if not _KEY.fullmatch(key) or key == "." or key.startswith(".."):
            raise AgentError(f"key {key[:64]!r} is no file's name")
    folder.mkdir(mode=0o755, exist_ok=True)
    if _read(folder) == data:
        return False
    fresh = _write_fresh(folder, data, mode)
    _swap(folder, fresh)
    _link(folder, data)
    _sweep(folder, fresh)
    return True


def _read(folder: Path) -> dict[str, bytes] | None:
    """What the folder holds; None where a former write did not end."""
    try:
        found = {path.name: path.read_bytes() for path in (folder / _DATA).iterdir()}
    except OSError:
        return None
    linked = {path.name for path in folder.iterdir() if not path.name.startswith("..")}
    return found if linked == set(found) else None


def _write_fresh(folder: Path, data: Mapping[str, bytes], mode: int) -> Path:
    fresh = folder / f"..{os.urandom(8).hex()}"
    fresh.mkdir(mode=0o700)
    try:
        for key, value in data.items():
            path = fresh / key
            path.write_bytes(value)
            path.chmod(mode)
        fresh.chmod(0o755)
    except OSError:
        _remove(fresh)
        raise
    return fresh


def _swap(folder: Path, fresh: Path) -> None:
    """The one moment of change: a rename."""
    following = folder / _NEXT
    following.unlink(missing_ok=True)
    following.symlink_to(fresh.name)
    following.replace(folder / _DATA)


def _link(folder: Path, data: Mapping[str, bytes]) -> None:
    for key in data:
        path = folder / key
        if not path.is_symlink():
            path.symlink_to(f"{_DATA}/{key}")
    for path in folder.iterdir():
        if not path.name.startswith("..") and path.name not in data:
            path.unlink()


def _sweep(folder: Path, fresh: Path) -> None:
    """Remove older folders, those of writes that did not end included."""
    for path in folder.iterdir():
        if path.name.startswith("..") and path.name not in (_DATA, fresh.name):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder of files, or a link; what cannot be removed is removed by the next write."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
        else:
            path.unlink()


def write_file(path: Path, content: bytes) -> bool:
    """Replace one file at once, readable by all of the pod; return whether it changed."""
    if path.is_file() and path.read_bytes() == content:
        return False
    fresh = path.parent / f"..{os.urandom(8).hex()}"
    try:
        fresh.touch(mode=0o600)
        fresh.write_bytes(content)
        fresh.chmod(0o444)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    return True
