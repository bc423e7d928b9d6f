"""``logs()`` of runs in this process: the same lines as of runs on workers."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import flowkit.logging as flowkit_logging
from flowkit import DAG, current_attempt, task
from flowkit.basics.log_line import LogLine
from flowkit.logging import add_log_filter, configure_logging, kept_lines, logs, remove_log_filter
from flowkit.logging.kept_lines import KeptLines
from flowkit.logging.streams import LONGEST_LINE
from flowkit.logging.task_lines import redact
from flowkit.testing import run_dag


@task(retries=1, delay=0)
def talks() -> None:
    print("first", "line")
    print("to stderr", file=sys.stderr)
    logging.getLogger("app").warning("a record")
    if current_attempt().attempt == 1:
        raise ValueError("once more")
    print("no line end", end="")


@task
def says_more() -> None:
    print("more")


def drawn() -> DAG:
    with DAG("talking") as dag:
        says_more.after(talks)
    return dag


EXPECTED = [
    ("talks", 1, "stdout", 20, "first line"),
    ("talks", 1, "stderr", 20, "to stderr"),
    ("talks", 1, "log", 30, "a record"),
    ("talks", 2, "stdout", 20, "first line"),
    ("talks", 2, "stderr", 20, "to stderr"),
    ("talks", 2, "log", 30, "a record"),
    ("talks", 2, "stdout", 20, "no line end"),
    ("says_more", 1, "stdout", 20, "more"),
]


def plain(lines: list[LogLine]) -> list[tuple[str, int, str, int, str]]:
    return [(line.task, line.attempt, line.stream, line.level, line.text) for line in lines]


@contextmanager
def capturing() -> Iterator[None]:
    """Capture output; not as a fixture, since pytest replaces the streams after those."""
    configure_logging("INFO", capture_output=True)
    try:
        yield
    finally:
        configure_logging()
        flowkit_logging._global_logger = None


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_a_run_in_this_process_has_the_lines_of_its_tasks(executor: str) -> None:
    with capturing():
        drawn().run(executor=executor)
    assert plain(logs()) == EXPECTED
    assert plain(logs("talks", 1)) == EXPECTED[:3]
    assert logs(run_id="unknown") == []


def test_a_run_under_test_has_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Its output is not changed."""
    result = run_dag(drawn())
    assert plain(result.logs()) == EXPECTED
    assert plain(result.logs(says_more)) == EXPECTED[-1:]
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line.startswith("first")] == ["first line"] * 2
    assert "no line end" in out
    assert "to stderr\n" in err


def test_a_run_under_test_has_them_while_output_is_captured() -> None:
    with capturing():
        assert plain(run_dag(drawn()).logs()) == EXPECTED
    assert plain(logs()) == EXPECTED


def test_a_filter_changes_and_drops_lines_and_an_error_drops_its_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def strict(text: str) -> str | None:
        if "record" in text:
            raise ValueError(text)
        return None if "stderr" in text else text.upper()

    add_log_filter(strict)
    try:
        lines = run_dag(drawn()).logs("talks", 2)
    finally:
        remove_log_filter(strict)
    assert [line.text for line in lines] == ["FIRST LINE", "NO LINE END"]
    capsys.readouterr()


def test_the_first_and_the_last_half_of_an_attempt_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_lines, "ATTEMPT_BYTES", 100)
    kept = KeptLines()
    for number in range(1, 101):
        kept.keep(("r", "t", 1), 0.0, 20, "stdout", f"line {number:03}")
    lines = kept.lines()
    assert [line.number for line in lines] == [1, 2, 3, 4, 5, 96, 97, 98, 99, 100]
    assert [line.missing for line in lines] == [0, 0, 0, 0, 0, 90, 0, 0, 0, 0]


def test_the_oldest_run_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_lines, "MOST_RUNS", 2)
    kept = KeptLines()
    for run in ("a", "b", "c"):
        kept.keep((run, "t", 1), 0.0, 20, "stdout", run)
    assert kept.lines("a") == []
    assert [line.text for line in kept.lines()] == ["c"]


@task
def writes(text: str, size: int) -> None:
    for at in range(0, len(text), size):
        sys.stdout.write(text[at : at + size])


@pytest.mark.parametrize("before", [0, *range(LONGEST_LINE - 9, LONGEST_LINE + 3)])
@pytest.mark.parametrize("size", [100, 1000, 10**6])
def test_no_cut_of_a_long_line_splits_a_secret(before: int, size: int) -> None:
    text = "x" * before + "hunter2" + "y" * (2 * LONGEST_LINE)
    with DAG("long") as dag:
        dag.add(writes.bind("writes", text=text, size=size))
    redact(["hunter[0-9]"])
    try:
        lines = [line.text for line in run_dag(dag).logs()]
    finally:
        redact([])
    assert "".join(lines) == text.replace("hunter2", "***")
    assert len(lines) > 1
