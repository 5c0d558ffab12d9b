"""Write `docs/reasons.md` from the table of reasons: `python -m tools.gen_reasons`."""

from pathlib import Path

from vaultbind.api.conditions import Reason

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reasons.md"
HEAD = """# Reasons

Every reason that a condition or an Event of vaultbind can have; an Event's reason is the condition's word.
"Stalled" says whether condition `Stalled` is True with it: nothing moves until a person changes an object of
the cluster. After all others the operator tries or looks again by itself.
This page is generated from `operator/vaultbind/api/conditions.py` by `make verify`.

| reason | meaning | stalled |
|---|---|---|
"""


def render() -> str:
    """The page's text."""
    rows = sorted(Reason, key=lambda reason: reason.word)
    return HEAD + "".join(
        f"| `{row.word}` | {row.sentence} | {'yes' if row.stalled else ''} |\n" for row in rows
    )


def main() -> None:
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
