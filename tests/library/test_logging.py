"""The life-cycle log: every event in both forms, and what no line may ever do."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import flowkit.logging as subject
from flowkit.logging import FlowkitLogger, LogLevel, configure_logging, get_logger

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins with no logger configured and a plain environment."""
    for variable in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(subject, "_global_logger", None)
    monkeypatch.setattr(
        subject.logger, "_levels_set", {"flowkit": logging.getLogger("flowkit").level}
    )
    standard = logging.getLogger("flowkit")
    level, handlers = standard.level, list(standard.handlers)
    standard.handlers.clear()
    yield
    standard.setLevel(level)
    standard.handlers[:] = handlers


def text_line(capsys: Capture) -> str:
    out = capsys.readouterr().out
    assert out.count("\n") == 1, out
    assert out.endswith("\n")
    return out[:-1]


def json_line(capsys: Capture) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(text_line(capsys))
    return line


# method and arguments → level, text of the message, JSON fields beside the common ones
EVENTS: list[tuple[Callable[[FlowkitLogger], None], str, str, dict[str, Any]]] = [
    (
        lambda log: log.log_task_start("load"),
        "INFO",
        "Task started: load",
        {"event": "task_start", "task_name": "load"},
    ),
    (
        lambda log: log.log_task_success("load"),
        "SUCCESS",
        "Task succeeded: load",
        {"event": "task_success", "task_name": "load"},
    ),
    (
        lambda log: log.log_task_success("load", duration=1.5),
        "SUCCESS",
        "Task succeeded: load (1.50s)",
        {"event": "task_success", "task_name": "load", "duration": 1.5},
    ),
    (
        lambda log: log.log_task_failure("load", ValueError("no rows")),
        "ERROR",
        "Task failed: load (ValueError: no rows)",
        {
            "event": "task_failure",
            "task_name": "load",
            "error_type": "ValueError",
            "error_message": "no rows",
        },
    ),
    (
        lambda log: log.log_task_failure("load", KeyboardInterrupt()),
        "ERROR",
        "Task failed: load (KeyboardInterrupt)",
        {
            "event": "task_failure",
            "task_name": "load",
            "error_type": "KeyboardInterrupt",
            "error_message": "",
        },
    ),
    (
        lambda log: log.log_task_failure("load", "no rows", error_type="ValueError"),
        "ERROR",
        "Task failed: load (ValueError: no rows)",
        {
            "event": "task_failure",
            "task_name": "load",
            "error_type": "ValueError",
            "error_message": "no rows",
        },
    ),
    (
        lambda log: log.log_task_retry("load", attempt=2, max_retries=3, delay=0.25),
        "WARNING",
        "Task retry: load (retry 2/3 in 0.250s)",
        {
            "event": "task_retry",
            "task_name": "load",
            "attempt": 2,
            "max_retries": 3,
            "delay": 0.25,
        },
    ),
    (
        lambda log: log.log_task_retry(
            "load", 1, 3, 1.0, error_type="OSError", error_message="disk full"
        ),
        "WARNING",
        "Task retry: load (retry 1/3 in 1.00s): OSError: disk full",
        {
            "event": "task_retry",
            "task_name": "load",
            "attempt": 1,
            "max_retries": 3,
            "delay": 1.0,
            "error_type": "OSError",
            "error_message": "disk full",
        },
    ),
    (
        lambda log: log.log_task_skip("load", "condition is false"),
        "INFO",
        "Task skipped: load (condition is false)",
        {"event": "task_skip", "task_name": "load", "reason": "condition is false"},
    ),
    (
        lambda log: log.log_dag_start("etl", 5),
        "SYSTEM",
        "DAG started: etl (5 tasks)",
        {"event": "dag_start", "dag_name": "etl", "total_tasks": 5},
    ),
    (
        lambda log: log.log_dag_start("etl", 1),
        "SYSTEM",
        "DAG started: etl (1 task)",
        {"event": "dag_start", "dag_name": "etl", "total_tasks": 1},
    ),
    (
        lambda log: log.log_dag_progress("etl", 3, 5),
        "SYSTEM",
        "DAG progress: etl (3/5, 60.0%)",
        {"event": "dag_progress", "dag_name": "etl", "completed": 3, "total": 5, "percentage": 60},
    ),
    (
        lambda log: log.log_dag_progress("etl", 0, 0),
        "SYSTEM",
        "DAG progress: etl (0/0, 100.0%)",
        {"event": "dag_progress", "dag_name": "etl", "completed": 0, "total": 0, "percentage": 100},
    ),
    (
        lambda log: log.log_dag_complete("etl", 5, 12.345),
        "SYSTEM",
        "DAG completed: etl (5 tasks, 12.35s)",
        {"event": "dag_complete", "dag_name": "etl", "total_tasks": 5, "duration": 12.345},
    ),
    (
        lambda log: log.event(LogLevel.WARNING, "child_died", "A child died", worker="w1"),
        "WARNING",
        "A child died worker=w1",
        {"event": "child_died", "worker": "w1"},
    ),
]
IDS = [f"{fields['event']}-{number}" for number, (_, _, _, fields) in enumerate(EVENTS)]


@pytest.mark.promise("logging-6")
@pytest.mark.parametrize(("call", "level", "message", "fields"), EVENTS, ids=IDS)
def test_every_event_is_one_text_line(
    call: Callable[[FlowkitLogger], None],
    level: str,
    message: str,
    fields: dict[str, Any],
    capsys: Capture,
) -> None:
    call(FlowkitLogger("test.text"))
    date, clock, shown_level, shown_message = text_line(capsys).split(maxsplit=3)
    assert (shown_level, shown_message) == (level, message)
    assert (len(date), len(clock)) == (len("2025-11-22"), len("06:10:02.123"))


@pytest.mark.promise("logging-7")
@pytest.mark.parametrize(("call", "level", "message", "fields"), EVENTS, ids=IDS)
def test_every_event_is_one_json_object(
    call: Callable[[FlowkitLogger], None],
    level: str,
    message: str,
    fields: dict[str, Any],
    capsys: Capture,
) -> None:
    call(FlowkitLogger("test.json", json_output=True))
    line = json_line(capsys)
    assert line.pop("timestamp").endswith("+00:00")
    assert line.pop("level") == level
    assert message.startswith(line.pop("message"))
    assert line == fields


@pytest.mark.promise("logging-8")
def test_context_follows_the_text_as_key_and_value(capsys: Capture) -> None:
    log = FlowkitLogger("test.context")
    log.log_task_start("load", run_id="r1", attempt=2, took=0.123456789, note="two words", empty="")
    assert text_line(capsys).endswith(
        'Task started: load run_id=r1 attempt=2 took=0.123457 note="two words" empty=""'
    )


@pytest.mark.promise("logging-8")
def test_context_is_among_the_json_fields(capsys: Capture) -> None:
    log = FlowkitLogger("test.context_json", json_output=True)
    log.log_task_success("load", 0.5, run_id="r1", rows=[1, 2])
    line = json_line(capsys)
    assert (line["run_id"], line["rows"], line["duration"]) == ("r1", [1, 2], 0.5)


def test_context_cannot_replace_a_line_s_own_fields(capsys: Capture) -> None:
    log = FlowkitLogger("test.own_fields", json_output=True)
    log.log_task_start("load", level="low", event="party", task_name="other", timestamp=0)
    line = json_line(capsys)
    assert (line["level"], line["event"], line["task_name"]) == ("INFO", "task_start", "load")
    assert line["timestamp"] != 0
    assert (line["context_level"], line["context_event"]) == ("low", "party")
    assert (line["context_task_name"], line["context_timestamp"]) == ("other", 0)


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\rb",
        "\x1b[2Jgone",
        "bell\x07",
        "tab\t",
        "c1\x9b31m",
        "\u202eright",
        "\u2028",
        "\ud800",
    ],
)
@pytest.mark.parametrize("place", ["name", "error", "value", "key"])
def test_text_escapes_what_could_steer_a_terminal(place: str, text: str, capsys: Capture) -> None:
    log = FlowkitLogger("test.escapes")
    if place == "name":
        log.log_task_start(text)
    elif place == "error":
        log.log_task_failure("load", ValueError(text))
    else:
        log.log_task_start("load", **({"key": text} if place == "value" else {text: "value"}))
    line = text_line(capsys)
    assert line.isprintable()
    assert "\\" in line


def test_json_survives_values_that_json_does_not_know(capsys: Capture) -> None:
    class Silent:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    cycle: list[object] = []
    cycle.append(cycle)
    log = FlowkitLogger("test.odd_values", json_output=True)
    log.log_task_start(
        "load", nan=float("nan"), pairs={(1, 2): 3}, cycle=cycle, path=os.sep.join, silent=Silent()
    )
    line = json_line(capsys)
    assert (line["task_name"], line["nan"], line["pairs"]) == ("load", "nan", "{(1, 2): 3}")
    assert line["cycle"] == "[[...]]"
    assert line["silent"] == "<Silent that cannot be printed>"


def test_lines_below_the_level_are_not_written(capsys: Capture) -> None:
    log = FlowkitLogger("test.level", level=LogLevel.WARNING)
    for call, _, _, _ in EVENTS:
        call(log)
    levels = {line.split()[2] for line in capsys.readouterr().out.splitlines()}
    assert levels == {"WARNING", "ERROR"}


@pytest.mark.promise("logging-4")
def test_success_and_system_are_between_info_and_warning(capsys: Capture) -> None:
    order = ["DEBUG", "INFO", "SUCCESS", "SYSTEM", "WARNING", "ERROR"]
    assert [level.name for level in sorted(LogLevel)] == order
    log = FlowkitLogger("test.between", level=LogLevel.SUCCESS)
    log.log_task_start("hidden")
    log.log_task_success("shown")
    assert text_line(capsys).endswith("SUCCESS Task succeeded: shown")


def test_a_level_may_be_given_by_name_and_asked_for_cheaply() -> None:
    log = FlowkitLogger("test.by_name", level="success")
    assert log.level == LogLevel.SUCCESS
    assert log.enabled(LogLevel.SYSTEM)
    assert not log.enabled(LogLevel.INFO)


@pytest.mark.parametrize("level", ["loud", "", 0, -5, True, None])
def test_an_unknown_level_is_refused_and_the_known_ones_are_named(level: Any) -> None:
    with pytest.raises(ValueError, match=r"Available: 'DEBUG', 'INFO', 'SUCCESS', 'SYSTEM'") as it:
        FlowkitLogger("test.bad_level", level=level)
    assert f"unknown log level {level!r}" in str(it.value)


@pytest.mark.promise("logging-2")
def test_without_configuration_the_global_logger_is_text_at_info(capsys: Capture) -> None:
    log = get_logger()
    assert log is get_logger()
    assert (log.name, log.level, log.json_output) == ("flowkit", LogLevel.INFO, False)
    log.event(LogLevel.DEBUG, "quiet", "not shown")
    log.log_task_start("load")
    assert text_line(capsys).endswith("Task started: load")


@pytest.mark.promise("logging-11")
def test_programs_with_names_of_the_first_release_keep_working(capsys: Capture) -> None:
    """``_log`` writes a message of one's own; ``_global_logger = None`` starts again at INFO."""
    configure_logging("ERROR", json_output=True)
    subject._global_logger = None
    get_logger()._log(LogLevel.WARNING, "half done", rows=3)
    assert text_line(capsys).endswith("half done rows=3")
    get_logger()._log("debug", "not at INFO")
    logger = configure_logging(json_output=True)
    logger._log(20, "done", run_id="r1", event="mine")
    line = json_line(capsys)
    assert (line["event"], line["message"], line["level"]) == ("message", "done", "INFO")
    assert (line["run_id"], line["context_event"]) == ("r1", "mine")


@pytest.mark.promise("logging-1")
def test_configuring_also_replaces_loggers_that_are_held(
    capsys: Capture,
) -> None:
    old = get_logger()
    new = configure_logging(level=LogLevel.DEBUG, json_output=True)
    assert get_logger() is new
    old.event(LogLevel.DEBUG, "detail", "shown once")
    assert json_line(capsys)["event"] == "detail"


@pytest.mark.promise("logging-10")
def test_the_user_s_own_handlers_receive_the_records(
    capsys: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[logging.LogRecord] = []

    class Mine(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    mine = Mine()
    logging.getLogger("flowkit").addHandler(mine)
    configure_logging().log_task_success("load", 0.5, run_id="r1")
    (record,) = seen
    assert record.getMessage() == "Task succeeded: load (0.500s)"
    assert (record.levelname, record.levelno) == ("SUCCESS", LogLevel.SUCCESS)
    assert vars(record)["event"] == "task_success"
    assert vars(record)["fields"] == {"task_name": "load", "duration": 0.5, "run_id": "r1"}
    assert record.filename == os.path.basename(__file__)
    assert caplog.records == [record]  # handlers of the root logger see it too
    text_line(capsys)  # and it was written, once


def test_a_percent_sign_in_a_name_is_no_format(capsys: Capture) -> None:
    FlowkitLogger("test.percent").log_task_start("100%s")
    assert text_line(capsys).endswith("Task started: 100%s")


def test_loggers_nested_by_name_write_a_record_once(capsys: Capture) -> None:
    FlowkitLogger("test.outer", level=LogLevel.DEBUG)
    FlowkitLogger("test.outer.inner").log_task_start("load")
    text_line(capsys)


def test_records_of_other_code_are_lines_too(capsys: Capture) -> None:
    log = FlowkitLogger("test.foreign", json_output=True)
    try:
        raise LookupError("gone")
    except LookupError:
        log.logger.exception("trouble with %s", "load")
    line = json_line(capsys)
    assert (line["message"], line["event"], line["level"]) == ("trouble with load", "log", "ERROR")
    assert line["traceback"].endswith("LookupError: gone")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, use_colors: bool | None = None
) -> str:
    monkeypatch.setattr(sys, "stdout", stream)
    FlowkitLogger("test.colors", use_colors=use_colors).log_task_start("load", run_id="r1")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("environment", "stream", "use_colors", "colored"),
    [
        ({}, Terminal, None, True),
        ({}, io.StringIO, None, False),
        ({"NO_COLOR": "1"}, Terminal, None, False),
        ({"NO_COLOR": ""}, Terminal, None, True),
        ({"TERM": "dumb"}, Terminal, None, False),
        ({"FORCE_COLOR": "1"}, io.StringIO, None, True),
        ({"FORCE_COLOR": "0"}, io.StringIO, None, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, Terminal, None, False),
        ({"NO_COLOR": "1"}, io.StringIO, True, True),
        ({"FORCE_COLOR": "1"}, Terminal, False, False),
    ],
)
def test_colours_are_used_on_terminals_or_on_request(
    environment: dict[str, str],
    stream: type[io.StringIO],
    use_colors: bool | None,
    colored: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    line = written(monkeypatch, stream(), use_colors)
    assert ("\x1b[" in line) is colored
    assert "Task started: load" in line


def test_json_is_never_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    FlowkitLogger("test.json_colors", json_output=True, use_colors=True).log_task_start("load")
    assert json.loads(stream.getvalue())["task_name"] == "load"


def test_standard_output_is_looked_up_for_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    log = FlowkitLogger("test.lookup")
    first, second = io.StringIO(), io.StringIO()
    for stream, name in ((first, "one"), (second, "two")):
        monkeypatch.setattr(sys, "stdout", stream)
        log.log_task_start(name)
    assert first.getvalue().endswith("Task started: one\n")
    assert second.getvalue().endswith("Task started: two\n")


def test_a_narrow_encoding_gets_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    FlowkitLogger("test.ascii").log_task_start("größe")
    assert raw.getvalue().endswith(b"Task started: gr\\xf6\\xdfe\n")


def test_output_that_has_gone_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    for stream in (Gone(), None):
        monkeypatch.setattr(sys, "stdout", stream)
        FlowkitLogger("test.gone").log_task_start("load")
    assert capsys.readouterr().err == ""
