"""Helm for the chart's tests and `make verify`: found in the cache or on `PATH`, else built from Go source.

Run it to build (`python3 -m tools.helm.build`); it prints the path. Standard library only.
The cache comes first: rendered manifests are committed, and should not depend on who rendered them.
"""

from pathlib import Path

from tools.gobuild import GoModule, GoProgram

MODULE = GoModule(
    folder=Path(__file__).resolve().parent,
    packages={"helm": "helm.sh/helm/v4/cmd/helm"},
    version_of="helm.sh/helm/v4",
    version_in="helm.sh/helm/v4/internal/version.version",
    estimate="1 to 3 minutes",
)
HELM = GoProgram(module=MODULE, name="helm", on_path=True)
find, ensure = HELM.find, HELM.ensure

if __name__ == "__main__":
    raise SystemExit(HELM.main())
