"""Write the table of alerts into `docs/operate.md`: `python -m tools.gen_alerts`.

What is alerted on stands once, in the chart's file that the PrometheusRule is made of.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tools.gen_chart import CHART, ROOT

TARGET = ROOT / "docs" / "operate.md"
SOURCE = CHART / "files" / "alerts.yaml"
BEGIN = "<!-- alerts: made from charts/vaultbind/files/alerts.yaml by `make verify` -->\n"
END = "<!-- end of alerts -->\n"
HEAD = "| alert | severity | means | while |\n|---|---|---|---|"
LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")


def render(page: str) -> str:
    """The page with a fresh table between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{TARGET.name} has lost the marks of its table of alerts")
    table = "\n".join([HEAD, *map(_row, load())])
    return f"{before}{BEGIN}\n{table}\n\n{END}{after}"


def load() -> Iterator[Mapping[str, Any]]:
    """All rules, in their order."""
    for group in yaml.safe_load(SOURCE.read_text("utf-8"))["groups"]:
        yield from group["rules"]


def _row(rule: Mapping[str, Any]) -> str:
    """Its name leads to what to do; a bar would end a cell, even in code."""
    name = f"[{rule['alert']}](runbooks/{rule['alert']}.md)"
    means = LABEL.sub(r"`\1`", rule["annotations"]["summary"])
    expression = " ".join(rule["expr"].split()).replace("|", "\\|")
    return f"| {name} | {rule['labels']['severity']} | {means} | `{expression}` for {rule['for']} |"


def main() -> None:
    TARGET.write_text(render(TARGET.read_text("utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
