"""The walk-through of docs/howto/a-run-failed.md: played on a real system, and compared.

A run of 253 tasks failed, and then stands still. The user of the story knows nothing of the system:
the commands name the task that began it, its error and what it printed, and what helps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from forker import shared_forker
from helpers import wait_until
from pages import ROOT, blocks
from real_redis import RealRedis
from real_system import System
from walkthrough import DEADLINE_S, Story

from flowkit.core.states import RunState, TaskState

PAGE = ROOT / "docs" / "howto" / "a-run-failed.md"
RUN = "invoices-2026-11-30"
# What differs each time → what the page shows instead.
SHOWN = (
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b", "2026-11-30 02:00:00"),
    (r"\b\d\d:\d\d:\d\d(\.\d+)?\b", "02:00:00"),
    (r"\b\d+\.\d\d s\b", "0.21 s"),
    (r"\b(\d+ min )?\d+ s ago\b", "3 s ago"),
    (r"\bfor \d+ s\b", "for 3 s"),
    (r"\bin (59 min \d+ s|1 h \d+ min)", "in 1 h 3 min"),
    (r"\b[A-Za-z0-9_-]{8}\.0\b", "IEkmb4xY.0"),
    (r"\b[0-9a-f]{12}\b", "5d1c7a90be24"),
    (r"\d[\d.]* (bytes|kB|MB)\b", "31.4 kB"),
    (r"\b[\w.-]+@[\w.-]+ via", "ann@ops via"),
    (r"scheduler \S+ took", "scheduler ops took"),
    (r"(publish.* after) \d[\d.]* m?s on \S+", r"\1 12 ms on IEkmb4xY"),
    (r", queued for [^,:\n]+", ""),
    (r"next attempt .* later", "next attempt 1 h 3 min later"),
    (r'File "[^"]*invoices.py"', 'File "/srv/invoices.py"'),
)


class Repair(Story):
    """The story of a run that is repaired."""

    def fixes(self, text: str, file: str, content: str) -> None:
        """Note a command of the shell, and do what it does."""
        self.told.append(f"$ {text}\n")
        with (self.system.folder / file).open("a") as opened:
            opened.write(content)


def without_widths(text: str) -> str:
    """Return the text of a block with two blanks between columns: they are as wide as the times."""
    return re.sub(r"(?<=\S)  +(?=\S)", "  ", text)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Repair]:
    (tmp_path / "redis").mkdir()
    server = RealRedis(tmp_path / "redis")
    server.start()
    system = System(server.url, "shop", tmp_path)
    (block,) = (item for item in blocks(PAGE, "python") if item.note == "file: invoices.py")
    (tmp_path / "invoices.py").write_text(block.text)
    (tmp_path / "rates.txt").write_text("EUR 1.0\n")
    try:
        yield Repair(system, SHOWN)
    finally:
        system.close()
        server.stop()


@pytest.mark.slow
def test_from_the_failure_to_success(story: Repair) -> None:
    system = story.system
    system.scheduler()
    system.worker("--processes", "1", app="invoices.py")
    with system.client() as client:
        # Or the history would tell that it took the lease while the run waited.
        wait_until("a scheduler leads", lambda: client.scheduler().leads, DEADLINE_S)
        words = ("submit", "invoices.py", "--run-id", RUN)
        shared_forker().run(words, system.folder, story.environ, DEADLINE_S)
        run = client.run(RUN)
        assert run.wait(DEADLINE_S) is RunState.FAILED

        story.types("flowkit ls --state failed")
        story.types("flowkit status last --limit 4")
        story.types("flowkit why last")
        story.types("flowkit logs last convert_142")
        story.types("flowkit dead show last convert_142")
        story.fixes("echo 'CHF 1.07' >> rates.txt", "rates.txt", "CHF 1.07\n")
        story.types("flowkit retry last convert_142")

        def waits() -> bool:
            return TaskState.WAITING in {task.state for task in run.status().tasks}

        wait_until("it waits", waits, DEADLINE_S)
        story.types("flowkit status last --state waiting,running")
        story.types("flowkit why last publish")
        story.fixes("touch server-is-up", "server-is-up", "")
        story.types("flowkit retry last publish --wait", notes_first=True)
        story.types("flowkit status last --no-tasks")
        story.types("flowkit result last publish")
        story.types("flowkit history last publish")
    page = [block.text for block in blocks(PAGE, "text")]
    whole = "\n".join(f"```text\n{text}```\n" for text in story.told)
    assert [*map(without_widths, story.told)] == [*map(without_widths, page)], whole
