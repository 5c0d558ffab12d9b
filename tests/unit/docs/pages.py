"""Our Markdown pages, as the tests of this folder read them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
OPERATOR = ROOT / "operator" / "vaultbind"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEREDOC = re.compile(r"<<'EOF'\n(.*?)^EOF$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TICKS = re.compile(r"`([^`\n]+)`")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: its path below the repository, and its text."""

    path: str
    text: str

    def blocks(self, language: str) -> tuple[str, ...]:
        """Contents of the fenced blocks in that language."""
        return tuple(body for found, body in _FENCE.findall(self.text) if found == language)

    def blocks_in_order(self) -> tuple[tuple[str, str], ...]:
        """All fenced blocks, each with its language."""
        return tuple(_FENCE.findall(self.text))

    def manifests(self) -> Iterator[str]:
        """YAML blocks, and YAML that a command is fed with."""
        yield from self.blocks("yaml")
        for block in self.blocks("sh"):
            yield from _HEREDOC.findall(block)

    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def links(self) -> tuple[str, ...]:
        """Targets of the links that stay in the repository."""
        found = _LINK.findall(self.prose())
        return tuple(link for link in found if not re.match(r"[a-z]+:", link))

    def anchors(self) -> frozenset[str]:
        """Anchors of the headings, as GitHub makes them."""
        headings = _HEADING.findall(self.prose())
        return frozenset(
            _NOT_IN_ANCHORS.sub("", re.sub(r"[`*]", "", text).lower()).replace(" ", "-") for text in headings
        )

    def ticked(self) -> tuple[str, ...]:
        """What stands in backticks outside of blocks."""
        return tuple(_TICKS.findall(self.prose()))

    def commands(self) -> Iterator[str]:
        """Lines of shell blocks, and code in the text."""
        for block in self.blocks("sh"):
            yield from (line.strip() for line in block.replace("\\\n", " ").splitlines())
        yield from self.ticked()


def load(path: str) -> Page:
    """One page by its path below the repository."""
    return Page(path=path, text=(ROOT / path).read_text(encoding="utf-8"))


def all_pages() -> tuple[Page, ...]:
    """Pages of the top folder, of `docs/` and of the chart."""
    found = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts").rglob("*.md")])
    return tuple(load(path.relative_to(ROOT).as_posix()) for path in found)
