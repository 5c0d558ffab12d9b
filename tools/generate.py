"""Regenerate every generated file; fail and name those that changed (`make verify`).

Each generator is a program `tools/gen_<what>.py` that rewrites its files; it is found by its name.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    before = _changed()
    for script in sorted((ROOT / "tools").glob("gen_*.py")):
        module = f"tools.{script.stem}"
        done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, check=False)
        if done.returncode != 0:
            print(f"verify: {module} failed", file=sys.stderr)
            return 1
    stale = {path: status for path, status in _changed().items() if before.get(path) != status}
    for path in sorted(stale):
        print(f"verify: {path} was stale; it is up to date now: commit it", file=sys.stderr)
    return 1 if stale else 0


def _changed() -> dict[str, str]:
    """Return git's idea of each changed or untracked file: its path and the hash of its content."""
    done = subprocess.run(
        ["git", "ls-files", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {path: _hash(path) for path in done.stdout.splitlines()}


def _hash(path: str) -> str:
    if not (ROOT / path).is_file():
        return "deleted"
    done = subprocess.run(["git", "hash-object", path], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    raise SystemExit(main())
