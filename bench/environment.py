"""The environment that is measured: what requirements.lock installs, nothing of the developers' tools.

It matters: Kopf imports every Kubernetes client that it finds.
"""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def ensure_python() -> Path:
    """Return the Python of an environment made from requirements.lock; made once per lock."""
    lock = ROOT / "requirements.lock"
    folder = ROOT / "build" / f"bench-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin/python"
    if (folder / "complete").exists():
        return python
    print(f"installing requirements.lock into {folder.relative_to(ROOT)} ...", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], check=True)
    (folder / "complete").touch()
    return python
