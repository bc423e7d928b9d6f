"""The documentation as data: its code blocks, tables and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "reference"
AT_THE_TOP = [README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
PAGES = [*AT_THE_TOP, *sorted((ROOT / "docs").rglob("*.md"))]
HOWTO = sorted((ROOT / "docs" / "howto").glob("*.md"))
GENERATED = [ROOT / "docs" / "api.md", ROOT / "docs" / "tutorial.md"]  # as a whole

_FENCE = re.compile(
    r"(?:<!-- (?P<note>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.M
)
_LINK = re.compile(r"\]\((?P<target>[^)#\s]+)[^)]*\)")
_ANCHORED = re.compile(r"\]\((?P<target>[^)#\s]*)#(?P<anchor>[^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. ``note``: the comment right above it, which readers do not see."""

    page: Path
    line: int
    language: str
    text: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path, language: str) -> list[Block]:
    text = page.read_text()
    return [
        Block(
            page,
            text[: result.start()].count("\n") + 1,
            language,
            result["text"],
            result["note"] or "",
        )
        for result in _FENCE.finditer(text)
        if result["language"] == language
    ]


def links(page: Path) -> Iterator[str]:
    """Yield the targets of links that lead to a file of this project."""
    prose = _FENCE.sub("", page.read_text())
    for result in _LINK.finditer(prose):
        if "://" not in result["target"]:
            yield result["target"]


def anchored_links(page: Path) -> Iterator[tuple[str, str]]:
    """Yield target ("" for the page itself) and anchor of links into a page of this project."""
    for result in _ANCHORED.finditer(_FENCE.sub("", page.read_text())):
        if "://" not in result["target"]:
            yield result["target"], result["anchor"]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    from render_api import Anchors

    made = Anchors()
    prose = _FENCE.sub("", page.read_text())
    return {made.add(result[1]) for result in re.finditer(r"^#+ (.+)$", prose, re.MULTILINE)}


def table(page: Path, first_heading: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this heading."""
    lines = iter(page.read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {first_heading} |"):
            next(lines)
            break
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows
