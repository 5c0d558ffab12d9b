"""Build the image with the engine that is here: `python -m tools.image --help`.

`--rootfs` makes the base of a folder with a root filesystem that has `python3` and its venv, such as
debootstrap leaves it: buildah then needs neither a registry nor an engine that runs.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.gen_chart import ROOT

ENGINES = ("docker", "podman", "buildah")
LOCAL_BASE = "localhost/vaultbind-base:local"
Run = Callable[[Sequence[str]], str]


class ImageError(Exception):
    """The image cannot be built here; the message says why."""


def find_engine(works: Callable[[str], bool], *, needs_buildah: bool) -> str:
    """Return the first engine that works. Raises ImageError."""
    for name in ("buildah",) if needs_buildah else ENGINES:
        if works(name):
            return name
    raise ImageError(
        "no engine: docker, podman or buildah" if not needs_buildah else "--rootfs needs buildah"
    )


def render_build(engine: str, tag: str, base: str, environ: Mapping[str, str]) -> list[str]:
    """The command that builds; buildah gets this machine's settings of pip, certificates and wheels."""
    arguments = ["--tag", tag, *(["--build-arg", f"BASE={base}"] if base else [])]
    if engine != "buildah":
        return [engine, "build", *arguments, "."]
    names = [name for name in environ if name.startswith("PIP_")]
    places = [environ.get("PIP_FIND_LINKS", ""), "/etc/ssl/certs", "/etc/pip.conf"]
    mounts = [f"{place}:{place}:ro" for place in places if place.startswith("/") and Path(place).exists()]
    return [
        *("buildah", "build", "--isolation", "chroot", "--pull-never" if base == LOCAL_BASE else "--pull"),
        *(part for name in names for part in ("--env", name)),
        *(part for mount in mounts for part in ("--volume", mount)),
        *(*arguments, "."),
    ]


def make_base(rootfs: Path, run: Run) -> None:
    """Make an image of a folder."""
    container = run(["buildah", "from", "scratch"])
    run(["buildah", "copy", "--quiet", container, str(rootfs), "/"])
    run(["buildah", "commit", "--quiet", container, LOCAL_BASE])
    run(["buildah", "rm", container])


def works(engine: str) -> bool:
    """Whether an engine is there and answers."""
    if shutil.which(engine) is None:
        return False
    return subprocess.run([engine, "info"], capture_output=True, check=False).returncode == 0


def run(command: Sequence[str]) -> str:
    """Last line of a command's output. Raises ImageError."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"{' '.join(command[:2])} failed with status {done.returncode}")
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines else ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.image", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tag", default="vaultbind:local")
    parser.add_argument("--base", default="", help="image with Python; default: that of the Dockerfile")
    parser.add_argument("--rootfs", type=Path, help="folder to make the base of")
    asked = parser.parse_args(arguments)
    try:
        engine = find_engine(works, needs_buildah=asked.rootfs is not None)
        if asked.rootfs is not None:
            make_base(asked.rootfs, run)
            asked.base = LOCAL_BASE
        built = run(render_build(engine, asked.tag, asked.base, os.environ))
    except ImageError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    print(f"{asked.tag} built by {engine}: {built}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
