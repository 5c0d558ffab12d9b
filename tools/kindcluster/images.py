"""Our image and that of an application without a shell, built by Docker."""

import shutil
import sys
import tempfile
from pathlib import Path

from tools.kindcluster.cluster import run_command
from tools.localcluster.build import PROGRAMS
from tools.localcluster.images import OURS, PROBE

STATIC = 'FROM scratch\nCOPY probe /probe\nUSER 65532:65532\nENTRYPOINT ["/probe"]\n'


def build_images() -> list[str]:
    """Names of the images, as Docker knows them now. Raises ClusterError, BuildError."""
    run_command([sys.executable, "-m", "tools.image", "--tag", OURS], {})
    with tempfile.TemporaryDirectory(prefix="vaultbind-") as context:
        folder = Path(context)
        shutil.copy2(PROGRAMS.ensure_built() / "probe", folder / "probe")
        (folder / "Dockerfile").write_text(STATIC, encoding="utf-8")
        run_command(["docker", "build", "--tag", PROBE, context], {})
    return [OURS, PROBE]
