"""Write `docs/metrics.md` from the table of metrics: `python -m tools.gen_metrics`."""

from pathlib import Path

from vaultbind.telemetry.metrics import render_table

TARGET = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
HEAD = """# Metrics

What `vaultbind run` shows at `/metrics`, besides the usual ones of the process and of Python (`process_...`,
`python_...`). Labels are bounded: names of Secrets, bindings and vault objects are never labels.
This page is generated from `operator/vaultbind/telemetry/definitions.py` by `make verify`.

"""


def render() -> str:
    """The page's text."""
    return HEAD + render_table()


def main() -> None:
    TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
