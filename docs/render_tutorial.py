"""Generates docs/tutorial.md from docs/tutorial.py: prose, code, and what each cell prints.

The script is in the percent format of notebooks: a line ``# %%`` begins a code cell, ``# %%
[markdown]`` a cell of prose in comments. What a cell prints comes from a run of the whole script
in a separate process. ``cells`` and ``written`` are pure; ``outputs`` starts that process.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SCRIPT = Path(__file__).with_name("tutorial.py")
PAGE = Path(__file__).with_name("tutorial.md")
NOTE = "<!-- Made from tutorial.py by docs/refresh.py: edit the script. -->\n"
DEADLINE_S = 60.0

_CELL = re.compile(r"^# %%(?P<kind> \[markdown\])?\n(?P<text>.*?)(?=^# %%|\Z)", re.DOTALL | re.M)
_PRINTED = re.compile(r"^<!-- prints -->\n```text\n(?P<text>.*?)^```$", re.DOTALL | re.M)
_END_OF_CELL = "\x1e"  # ASCII's "record separator"


class Cell(NamedTuple):
    """A cell of the script. The text of prose has no comment signs."""

    is_code: bool
    text: str


def cells(script: str) -> list[Cell]:
    """Return the cells in order. Raises ValueError for prose that is not a comment."""
    result = []
    for match in _CELL.finditer(script):
        text = match["text"].strip("\n")
        result.append(Cell(True, text) if match["kind"] is None else Cell(False, _prose(text)))
    return result


def _prose(text: str) -> str:
    lines = text.split("\n")
    for line in lines:
        if line != "#" and not line.startswith("# "):
            raise ValueError(f"a cell of prose has a line that is no comment: {line!r}")
    return "\n".join(line[2:] for line in lines)


def written(script: str, printed: Sequence[str]) -> str:
    """Return the page; ``printed``: what each code cell prints, "" for nothing."""
    parts = []
    left = iter(printed)
    for cell in cells(script):
        if not cell.is_code:
            parts.append(cell.text)
            continue
        parts.append(f"```python\n{cell.text}\n```")
        text = next(left, "")
        if text:
            parts.append(f"<!-- prints -->\n```text\n{text}```")
    return NOTE + "\n\n".join(parts) + "\n"


def printed_in(page: str) -> list[str]:
    """Return the output of each cell in the page, without cells that print nothing."""
    return [result["text"] for result in _PRINTED.finditer(page)]


def is_fresh(script: str, page: str) -> bool:
    """Return whether the page has the prose and code of the script; outputs are not compared."""
    return _without_outputs(page) == _without_outputs(written(script, []))


def _without_outputs(page: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", _PRINTED.sub("", page)).rstrip()


def outputs(script: str) -> list[str]:
    """Run the script and return what each code cell prints. Raises RuntimeError if it fails."""
    parts = [cell.text for cell in cells(script) if cell.is_code]
    mark = f"\nprint(end={_END_OF_CELL!r}, flush=True)\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tutorial.py")
        path.write_text(mark.join([*parts, ""]), encoding="utf-8")
        clean = {key: text for key, text in os.environ.items() if not key.startswith("FLOWKIT_")}
        done = subprocess.run(
            [sys.executable, str(path)],
            cwd=folder,
            env={**clean, "TMPDIR": folder},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
    if done.returncode:
        raise RuntimeError(f"docs/tutorial.py fails:\n{done.stderr}")
    return done.stdout.split(_END_OF_CELL)[: len(parts)]
