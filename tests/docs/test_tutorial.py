"""The tutorial runs from top to bottom and prints what its page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT
from render_tutorial import cells, is_fresh, outputs, printed_in, written

SCRIPT = ROOT / "docs" / "tutorial.py"
PAGE = ROOT / "docs" / "tutorial.md"

SMALL = """\
# %% [markdown]
# # Two cells
#
# One prints.

# %%
x = 1

# %% [markdown]
# Then:

# %%
print(x)
print("two")
"""


def test_it_runs_and_prints_what_the_page_says(tmp_path: Path) -> None:
    """In an empty folder, with nothing but flowkit: no Redis, no settings, no other file."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("FLOWKIT_")}
    done = subprocess.run(
        [sys.executable, SCRIPT],
        cwd=tmp_path,
        env={**environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(printed_in(PAGE.read_text()))
    assert done.stderr == ""


def test_the_page_is_made_from_the_script() -> None:
    assert is_fresh(SCRIPT.read_text(), PAGE.read_text()), "run python docs/refresh.py"


def test_cells_become_prose_code_and_what_they_print() -> None:
    printed = outputs(SMALL)
    assert printed == ["", "1\ntwo\n"]
    page = written(SMALL, printed)
    assert "\n# Two cells\n\nOne prints.\n\n```python\nx = 1\n```\n\nThen:\n" in page
    assert printed_in(page) == ["1\ntwo\n"]
    assert is_fresh(SMALL, page)


@pytest.mark.parametrize(("old", "new"), [("x = 1", "x = 2"), ("One prints.", "Both print.")])
def test_a_changed_script_makes_the_page_stale(old: str, new: str) -> None:
    page = written(SMALL, ["", "1\ntwo\n"])
    assert not is_fresh(SMALL.replace(old, new), page)


def test_prose_that_is_no_comment_is_refused() -> None:
    with pytest.raises(ValueError, match="line that is no comment"):
        cells("# %% [markdown]\n# Prose.\nprint('code')\n")


def test_a_failing_script_is_reported_with_its_error() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        outputs("# %%\n1 / 0\n")


def test_the_page_covers_the_questions_of_a_newcomer() -> None:
    headings = re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE)
    assert len(headings) >= 12
    for word in ("Retries", "Conditions", "Fan-out", "Async", "Parameters", "Drawing", "Redis"):
        assert any(word in heading for heading in headings), word
