"""Text from outside steers no terminal and forges no line, wherever the library shows it.

The command line's own places are in tests/cli/test_cli_harmless.py; tests/test_sinks.py sees to it
that neither list misses one.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import time
import traceback
import xml.etree.ElementTree as ET
from collections import deque
from collections.abc import Callable
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from nasty import NASTY, NASTY_NAMES, forged, harmful

from flowkit.basics.display_text import escape_lines, escape_text
from flowkit.basics.terminal import show_traceback, write_output
from flowkit.codec.describe import describe
from flowkit.daemon import health
from flowkit.definition.call_plan import annotate
from flowkit.drawing import notebook, picture, svg
from flowkit.exceptions import DAGCycleError, FlowkitError, RunNotFound, TaskExecutionError
from flowkit.logging import FlowkitLogger
from flowkit.logging.streams import LONGEST_LINE
from flowkit.processes.daemon_output import Line, Pipe
from flowkit.processes.daemon_process import Daemon
from flowkit.system import print_line
from flowkit.testing.systems import RunningSystem

Capture = pytest.CaptureFixture[str]
nasty = pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())


class Terminal(io.StringIO):
    """A stream that a terminal shows."""

    def isatty(self) -> bool:
        return True


# -- the rule ----------------------------------------------------------------------------------


@nasty
def test_one_line_stays_one_line(text: str) -> None:
    shown = escape_text(text)
    assert harmful(shown) == []
    assert "\n" not in shown
    assert escape_text(shown) == shown
    shown.encode("utf-8")


@nasty
def test_continuation_lines_are_marked(text: str) -> None:
    shown = escape_lines(text, "    ")
    assert harmful(shown) == []
    assert forged(shown) == []


def test_harmless_text_is_unchanged() -> None:
    for text in (
        "naïve 東京\u3000大阪",
        "می\u200cخواهم",
        "1\u00a0000 €",
        "👩\u200d🔬 🏴",
        "a\\x1b",
    ):
        assert escape_text(text) == escape_lines(text) == text
    assert escape_lines("a\n\tb") == "a\n    b"
    assert escape_text("a\tb") == "a\\tb"


# -- log lines ---------------------------------------------------------------------------------

LOG_LINES: dict[str, Callable[[FlowkitLogger, str], None]] = {
    "name": lambda log, text: log.log_task_start(text),
    "error": lambda log, text: log.log_task_failure("load", ValueError(text)),
    "error type": lambda log, text: log.log_task_failure("load", "no", error_type=text),
    "reason": lambda log, text: log.log_task_skip("load", text),
    "value": lambda log, text: log.log_task_start("load", worker=text),
    "key": lambda log, text: log.log_task_start("load", **{text: 1}),
    "other event": lambda log, text: log.event(40, text, text, host=[text]),
    "standard record": lambda log, text: log.logger.error("%s", text),
    "level of a record": lambda log, text: log.logger.handle(record_of_level(text)),
    "traceback": lambda log, text: log.logger.error("x", exc_info=ValueError(text)),
}


def record_of_level(name: str) -> logging.LogRecord:
    record = logging.makeLogRecord({"msg": "text", "levelno": 40})
    record.levelname = name
    return record


@pytest.mark.parametrize("place", LOG_LINES)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_log_line_is_one_harmless_line(place: str, as_json: bool, capsys: Capture) -> None:
    for name, text in NASTY.items():
        LOG_LINES[place](FlowkitLogger("test.nasty", json_output=as_json), text)
        line, end, rest = capsys.readouterr().out.partition("\n")
        assert (end, rest) == ("\n", ""), name
        assert harmful(line) == [], name
        if as_json:
            assert line.isascii(), name
            assert isinstance(json.loads(line), dict), name


# -- standard streams --------------------------------------------------------------------------


@nasty
def test_a_terminal_gets_output_escaped_and_a_file_gets_it_as_it_is(text: str) -> None:
    """Standard output may be a file while standard error is a terminal: each is asked."""
    terminal, file = Terminal(), io.StringIO()
    write_output(terminal, text)
    write_output(file, text)
    assert harmful(terminal.getvalue()) == []
    assert file.getvalue() == text + "\n"


def test_unencodable_output_does_not_stop_anything() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    write_output(stream, "é\ud800")
    assert raw.getvalue() == b"\\xe9\\ud800\n"


@nasty
def test_lines_of_a_local_system(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    for line in (Line("w", text), Line("w", text, is_error=True), Line("w", text, "ERROR")):
        print_line(line)
    assert out.getvalue() == text + "\n"
    assert harmful(err.getvalue()) == []


@nasty
def test_the_traceback_of_a_bug(text: str, capsys: Capture) -> None:
    try:
        raise ValueError(text)
    except ValueError as error:
        show_traceback(type(error), error, error.__traceback__)
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last):\n")
    assert harmful(shown) == []


@nasty
def test_health_checks(text: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(health, "_check_all", lambda *args: text)
    monkeypatch.setattr(health, "load_settings", lambda: SimpleNamespace(redis_url="x", shards=()))
    assert health.main(["worker"]) == 0
    shown = capsys.readouterr().out
    assert harmful(shown) == forged(shown) == []


# -- errors ------------------------------------------------------------------------------------

ERRORS: dict[str, Callable[[str], BaseException]] = {
    "any": FlowkitError,
    "a run's": lambda text: RunNotFound("r1", text),
    "a cycle": lambda text: DAGCycleError([text, text], text),
    "a task's": lambda text: TaskExecutionError(text, text, text, text),
}


@nasty
@pytest.mark.parametrize("kind", ERRORS)
def test_the_text_of_an_error(text: str, kind: str) -> None:
    error = ERRORS[kind](text)
    annotate(error, text)
    assert harmful("".join(traceback.format_exception(error))) == []


def test_attributes_of_an_error_keep_what_came() -> None:
    error = TaskExecutionError("t", "E", "\x1b[2J", "\x1b[3J")
    assert (error.error_message, error.remote_traceback) == ("\x1b[2J", "\x1b[3J")
    assert str(error) == "Task 't' failed: E: \\x1b[2J\n\n\\x1b[3J"


@nasty
def test_what_was_printed_before_a_timeout(text: str) -> None:
    system: Any = SimpleNamespace(lines=deque([Line("worker", text)]))
    shown = RunningSystem._printed(system)
    assert harmful(shown) == forged(shown) == []


@nasty
def test_described_values(text: str) -> None:
    for value in (text, [text], {text: text}, type("Odd", (), {"__repr__": lambda self: text})()):
        shown = describe(value)
        assert harmful(shown) == []
        assert "\n" not in shown


# -- what daemons print ------------------------------------------------------------------------


@nasty
def test_last_words_of_a_daemon(text: str) -> None:
    daemon = Daemon("worker", ["-c", ""], {})
    daemon._last_words.append(text)
    failure = daemon.note_death(2) or ""
    assert failure.startswith("The worker cannot work: it ended by exit code 2.\n    ")
    assert harmful(failure) == forged(failure) == []


def line_of(raw: bytes) -> Line:
    mark = b'{"timestamp": '
    pipe: Any = SimpleNamespace(_source="worker", _is_error=False, _mark=mark)
    pipe._printed, pipe._logged = (
        lambda raw: Pipe._printed(pipe, raw),
        lambda raw: Pipe._logged(pipe, raw),
    )
    (line,) = Pipe._lines(pipe, raw)
    return line


@pytest.mark.parametrize(
    "raw",
    [
        b'{"timestamp": ' + b"[" * 100_000,
        b'{"timestamp": 1, "message": "x", "event": "e", "level": "\\u001b[2J"}',
        b'{"timestamp": 1, "message": "x", "event": "e", "level": ["ERROR"]}',
        b'{"timestamp": ' + b"9" * 5000 + b', "message": "x", "level": "INFO", "event": "e"}',
        b'{"timestamp": 1, "level": "INFO"}',
        b'{"timestamp": 1',
    ],
    ids=["nested", "a level that steers", "a level that is none", "digits", "no text", "cut"],
)
def test_a_line_that_only_starts_like_a_log_line_is_output(raw: bytes) -> None:
    """JSON that was nested deeply ended the thread that keeps the daemons, and them with it."""
    line = line_of(raw)
    assert line.level is None
    assert line.text == raw.decode()


def test_half_of_a_surrogate_pair_in_a_log_line_can_be_written() -> None:
    for event in ("task_output", "task_log", "other"):
        record = {"timestamp": 1, "message": "a\ud800", "level": "INFO", "event": event}
        assert line_of(json.dumps(record).encode()).text.encode("utf-8").endswith(b"a\\ud800")


# -- drawings ----------------------------------------------------------------------------------


class Tags(HTMLParser):
    """The tags of a page, each with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))


def tags_of(text: str) -> list[tuple[str, list[str]]]:
    page = Tags()
    page.feed(text)
    return page.tags


def drawn(name: str) -> picture.Picture:
    return picture.marked(name, [name, "b" * len(name)], [(0, 1)])


@nasty
def test_a_drawing_shows_a_hostile_name_as_text(text: str) -> None:
    """Also names that ``@task`` refuses: a graph in Redis is written by others."""
    item, honest = drawn(text), drawn("honest")
    kinds = (picture.as_text, picture.as_mermaid, picture.as_dot, svg.as_svg, notebook.dag_html)
    for kind in kinds:
        shown = kind(item)
        assert harmful(shown) == forged(shown) == []
        assert shown.count("\n") == kind(honest).count("\n")
    for kind in kinds[3:]:
        assert tags_of(kind(item)) == tags_of(kind(honest))
    ET.fromstring(svg.as_svg(item))


@nasty
def test_labels_end_where_they_should(text: str) -> None:
    node = picture.as_mermaid(drawn(text)).split("\n")[4]
    assert node.startswith('    t0["')
    assert node.endswith('"]')
    assert node.count('"') == 2
    title = picture.as_mermaid(drawn(text)).split("\n")[1].removeprefix("title: ")
    assert json.loads(title) == escape_text(text)
    label = picture.as_dot(drawn(text)).split("\n")[4].removeprefix("    t0 [label=")
    quoted = label.removesuffix("]").replace("\\\\", "").replace('\\"', "")
    assert (quoted[0], quoted[-1], quoted.count('"')) == ('"', '"', 2)


@pytest.mark.parametrize("text", NASTY_NAMES.values(), ids=NASTY_NAMES.keys())
def test_the_page_of_a_run_in_a_notebook(text: str) -> None:
    shown = notebook.safe_html(text)
    assert harmful(shown) == []
    assert tags_of(shown) == []


# -- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize("char", "_- .1a\t")
def test_grouping_by_name_takes_no_time_for_a_long_name(char: str) -> None:
    """40,000 underscores took 16 s: each of them began a search to the end."""
    from flowkit.drawing.stacks import _stem, title_of

    name = char * 1_000_000
    began = time.thread_time()
    assert _stem(name + "x").endswith("x")
    assert title_of(drawn(name), [0, 1])
    assert time.thread_time() - began < 5


def test_grouping_by_name_sees_what_it_saw() -> None:
    from flowkit.drawing.stacks import _NUMBER, _stem

    assert [_stem(name) for name in ("a__1", "a 1.2-3b", "1", "_1", "a_b_", "a1_2")] == [
        "a",
        "ab",
        "",
        "",
        "a_b_",
        "a",
    ]
    assert _NUMBER.findall("part_1__2 of-3") == ["_1", "__2", "-3"]


def test_the_bound_of_a_captured_line_is_far_from_where_escapes_cost_time() -> None:
    began = time.thread_time()
    for _ in range(20):
        escape_text("\x1b" * LONGEST_LINE)
    assert time.thread_time() - began < 5
