"""Images as archives, made by buildah without a registry, kept in the cache as long as their sources stay."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tools.gen_chart import ROOT
from tools.gobuild import BuildError
from tools.localcluster.build import Parts, cache, run
from tools.localcluster.configuration import PAUSE

OURS = "localhost/vaultbind:local"
PROBE = "localhost/probe:local"
CONTEXT = ("Dockerfile", "pyproject.toml", "requirements.lock", "README.md", "LICENSE")
FOLDERS = ("operator", "crds", "examples")
"""What our image is made of, as .dockerignore says."""


def sources() -> Iterator[Path]:
    """Files that our image is made of."""
    yield from (ROOT / name for name in CONTEXT)
    for folder in FOLDERS:
        yield from sorted(path for path in (ROOT / folder).rglob("*") if path.is_file() and _counts(path))


def _counts(path: Path) -> bool:
    return "__pycache__" not in path.parts


def ensure_images(parts: Parts) -> list[Path]:
    """Archives of our image, of the pause image, and of an application without a shell. Raises BuildError."""
    digest = hashlib.sha256(str(parts.rootfs).encode())
    for path in sources():
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    program = hashlib.sha256(str(parts.programs).encode()).hexdigest()
    return [
        _keep(OURS, digest.hexdigest(), partial(_build_ours, parts.rootfs)),
        *(_keep(name, program, partial(_build_static, parts.programs, name)) for name in (PAUSE, PROBE)),
    ]


def _keep(name: str, digest: str, build: Callable[[], None]) -> Path:
    """The archive of an image, built anew when what it is made of has changed; older ones go."""
    short = name.rpartition("/")[2].partition(":")[0]
    archive = cache("images") / f"{short}-{digest[:16]}.tar"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        for old in archive.parent.glob(f"{short}-*.tar"):
            old.unlink()
        build()
        unfinished = archive.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        run(["buildah", "push", "--quiet", name, f"docker-archive:{unfinished}:{name}"], ROOT)
        unfinished.rename(archive)
    return archive


def _build_ours(rootfs: Path) -> None:
    print(f"building the image {OURS} (a minute)", flush=True)
    command = [sys.executable, "-m", "tools.image", "--rootfs", str(rootfs), "--tag", OURS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"the image cannot be built: {done.stderr.strip()[-500:]}")


def _build_static(folder: Path, name: str) -> None:
    """An image of one static program and nothing else: no shell, no libraries."""
    program = name.rpartition("/")[2].partition(":")[0]
    container = run(["buildah", "from", "scratch"], ROOT).strip()
    run(["buildah", "copy", "--quiet", container, str(folder / program), f"/{program}"], ROOT)
    run(["buildah", "config", "--entrypoint", f'["/{program}"]', "--user", "65532:65532", container], ROOT)
    run(["buildah", "commit", "--quiet", container, name], ROOT)
    run(["buildah", "rm", container], ROOT)
