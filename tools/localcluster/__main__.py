"""Keep a cluster until Ctrl-C: `python -m tools.localcluster`, then use the kubeconfig that it names."""

import signal
import sys
import tempfile
from pathlib import Path

from tools.gobuild import BuildError
from tools.localcluster.build import ensure
from tools.localcluster.cluster import LocalCluster
from tools.localcluster.images import ensure_images
from tools.realcluster import ClusterError


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        parts = ensure()
        images = ensure_images(parts)
        with (
            tempfile.TemporaryDirectory(prefix="vaultbind-") as folder,
            LocalCluster.start(parts, Path(folder), images=images) as cluster,
        ):
            print(
                f"export KUBECONFIG={cluster.api.kubeconfig}; {parts.binaries.kubectl} get nodes", flush=True
            )
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except (BuildError, ClusterError) as error:
        print(f"localcluster: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
