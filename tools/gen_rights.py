"""Write the table of the operator's rights into `docs/security.md`: `python -m tools.gen_rights`."""

import json
from collections.abc import Mapping
from typing import Any

from tools.gen_chart import ROOT
from tools.realcluster.rules import load_rights

TARGET = ROOT / "docs" / "security.md"
BEGIN = "<!-- rights: made from charts/vaultbind/files/rights.yaml by `make verify` -->\n"
END = "<!-- end of rights -->\n"
WHERE = {
    "namespaces": "the cluster, or each namespace of `scope: Namespaces`",
    "cluster": "the cluster",
    "default": "namespace `default`",
    "own": "the release's namespace",
}
CONDITIONS = {"scope": "scope", "drift": "driftDetection", "rollouts": "rollouts.enabled"}


def render(page: str) -> str:
    """The page with a fresh table between its markers."""
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    rows = [_row(right) for right in load_rights()]
    table = "\n".join(["| may | on | where | why |", "|---|---|---|---|", *rows])
    return f"{head}{BEGIN}\n{table}\n\n{END}{tail}"


def _row(right: Mapping[str, Any]) -> str:
    group = f" ({right['group']})" if right["group"] else ""
    named = ", only the one of the release" if right.get("named") else ""
    only = [
        f"`{name}: {json.dumps(right[key]).strip(chr(34))}`"
        for key, name in CONDITIONS.items()
        if key in right
    ]
    where = WHERE[right["where"]] + (f", only with {' and '.join(only)}" if only else "")
    resources = ", ".join(f"`{name}`" for name in right["resources"])
    return f"| {', '.join(right['verbs'])} | {resources}{group}{named} | {where} | {right['why']} |"


def main() -> None:
    TARGET.write_text(render(TARGET.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
