"""Write the tables of the chart's rights into `docs/security.md`: `python -m tools.gen_rights`."""

import json
from collections.abc import Mapping
from typing import Any

from tools.gen_chart import ROOT
from tools.realcluster.rules import load_injection_rights, load_rights

TARGET = ROOT / "docs" / "security.md"
FILES = "charts/vaultbind/files"
BEGIN = f"<!-- rights: made from {FILES}/rights.yaml by `make verify` -->\n"
END = "<!-- end of rights -->\n"
BEGIN_INJECTION = (
    "<!-- rights of injection: made from charts/vaultbind/files/injection-rights.yaml by `make verify` -->\n"
)
END_INJECTION = "<!-- end of rights of injection -->\n"
WHERE = {
    "namespaces": "the cluster, or each namespace of `scope: Namespaces`",
    "cluster": "the cluster",
    "default": "namespace `default`",
    "own": "the release's namespace",
    "tokens": "the namespaces of `rbac.serviceAccountTokens`, none by default",
    "credentials": "each namespace of `injection.broker.credentialSecrets`",
}
NAMED = {
    "lease": ", only the one of the release",
    "fullname": ", only those of the release",
    "secret": ", only the named one",
}
WHO = {
    "webhook": "the webhook",
    "broker": "the broker",
    "operator": "the operator",
    "pods": "pods, by `vaultbind-values-reader`",
}
CONDITIONS = {
    "scope": "scope",
    "drift": "driftDetection",
    "rollouts": "rollouts.enabled",
    "podAuth": "injection.podAuth.enabled",
}


def render(page: str) -> str:
    """The page with fresh tables between their markers."""
    own = [_row(right) for right in load_rights()]
    parts = [f"| {WHO[right['who']]} {_row(right)}" for right in load_injection_rights()]
    page = _put(page, (BEGIN, END), "| may | on | where | why |\n|---|---|---|---|", own)
    head = "| who | may | on | where | why |\n|---|---|---|---|---|"
    return _put(page, (BEGIN_INJECTION, END_INJECTION), head, parts)


def _put(page: str, marks: tuple[str, str], head: str, rows: list[str]) -> str:
    begin, end = marks
    before, _, rest = page.partition(begin)
    table = "\n".join([head, *rows])
    return f"{before}{begin}\n{table}\n\n{end}{rest.partition(end)[2]}"


def _row(right: Mapping[str, Any]) -> str:
    group = f" ({right['group']})" if right["group"] else ""
    named = NAMED.get(right.get("named", ""), "")
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
