"""Other releases: the one to come is made up, and one of before is taken out of git."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowkit.protocol.spent import Flag, Spent

from .releases import CHANGES, NoHistoryError, from_history, next_release
from .table import SCENARIOS, play

# The last one that knew neither turns of runs, nor lists of functions, nor versions of apps.
BEFORE_TURNS = "2308e2b"


def test_the_next_release_can_be_made_of_this_one(tmp_path: Path) -> None:
    protocol = next_release(tmp_path) / "flowkit" / "protocol"
    for file, changes in CHANGES.items():
        text = (protocol / file).read_text()
        assert all(after in text for _, after in changes), file


def test_this_release_does_not_know_the_flag_of_the_next_one() -> None:
    """It was ``^`` until that flag got a meaning: tasks of the next release then had no memory."""
    (_, after), *_ = CHANGES["lua/_lib/queue.lua"]
    flag = after[-2]
    assert flag not in set(Flag)
    assert Spent.decode(f"0{flag}") == Spent()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_release_without_turns_works_beside_this_one(tmp_path: Path) -> None:
    """Its workers look into plain ready lists only, and its schedulers fill no others."""
    try:
        folder = from_history(tmp_path, BEFORE_TURNS)
    except NoHistoryError:
        pytest.skip("needs a clone with its history")
    assert not (folder / "flowkit" / "protocol" / "lua" / "_lib" / "take_turns.lua").exists()
    verdict = play(SCENARIOS["versions"], 1, full=False, older=BEFORE_TURNS)
    assert verdict.passed, "\n".join([*verdict.violations, verdict.rerun, verdict.logs])
    combinations = [name for name in verdict.figures if name.startswith("schedulers ")]
    assert len(combinations) == 4
