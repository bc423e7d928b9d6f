"""The log as a program has set it up before the first run: its levels, handlers and names stay."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

import flowkit.logging as subject
from flowkit.logging import configure_logging, get_logger

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins as a program does that has just imported flowkit."""
    standard = logging.getLogger("flowkit")
    level, handlers = standard.level, list(standard.handlers)
    monkeypatch.setattr(subject, "_global_logger", None)
    standard.handlers.clear()
    standard.setLevel(logging.NOTSET)
    yield
    standard.setLevel(level)
    standard.handlers[:] = handlers


def test_a_level_that_the_program_has_set_before_the_first_run_stays(capsys: Capture) -> None:
    logging.getLogger("flowkit").setLevel("ERROR")
    get_logger().log_task_start("quiet")
    get_logger().log_task_failure("load", "no such row")
    assert capsys.readouterr().out.count("Task failed: load") == 1


def test_handlers_of_the_program_write_each_line_alone(capsys: Capture) -> None:
    """``logging.config.dictConfig`` gives the logger a handler, as it does to any library's."""
    lines = io.StringIO()
    logging.getLogger("flowkit").addHandler(logging.StreamHandler(lines))
    get_logger().log_task_start("load")
    assert lines.getvalue() == "Task started: load\n"
    assert capsys.readouterr().out == ""


def test_configure_logging_wins_over_what_was_set_before(capsys: Capture) -> None:
    logging.getLogger("flowkit").setLevel("ERROR")
    configure_logging().log_task_start("load")
    assert capsys.readouterr().out.count("Task started: load") == 1


def test_a_level_set_by_flowkit_does_not_count_as_set_by_the_program(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging("ERROR")
    monkeypatch.setattr(subject, "_global_logger", None)
    get_logger().log_task_start("load")
    assert capsys.readouterr().out.count("Task started: load") == 1


NOTICE = """
import logging
logging.addLevelName(25, "NOTICE")
logging.basicConfig(level=1, format="MINE %(levelname)s %(message)s")
from flowkit import get_logger
logging.getLogger("app").log(25, "a notice")
get_logger().log_task_success("load")
"""


def test_a_level_name_of_the_program_stays_and_flowkit_writes_its_own() -> None:
    ended = subprocess.run([sys.executable, "-c", NOTICE], capture_output=True, text=True)
    assert ended.stderr == "MINE NOTICE a notice\nMINE NOTICE Task succeeded: load\n"
    assert " SUCCESS Task succeeded: load" in ended.stdout
