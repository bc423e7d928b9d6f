"""The life-cycle log: one line for every event of a DAG, a run or a task.

All records go through the standard ``logging`` module under the logger's name, so the user's
handlers and filters see every record. ``record.event`` is the name of the event, and
``record.fields`` has all its fields. This module adds one handler, which writes to standard output.

Rules:
- One record is one line and one ``write``; all loggers share a lock, so lines never mix. Nested
  loggers (``flowkit``, ``flowkit.worker``) do not write a record twice.
- ``sys.stdout`` is looked up for each line, so redirection works at any time.
- Text escapes control characters: the name or error of a task cannot move the cursor, forge a
  second line or reverse text. JSON is ASCII and strictly valid, whatever the context contains.
- The fields of a line win: context of the same name is written as ``context_NAME``.
- Logging never fails a task. A broken pipe or a closed stream only loses lines, and an error in
  the user's record factory, filter or handler is reported (``log_records``).
- Two loggers with one name are the same logger, as in the standard module: the last setting wins.

``configure_logging(capture_output=True)`` also turns what tasks print and log into events: see
``log_capture``. ``AttemptFilter`` helps programs that format records themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ..basics.log_level import LogLevel
from ..basics.shorten import shorten
from ..basics.suggestions import unknown_name
from ..context import attempt_fields
from ..events.event import Event
from ..events.lines import MESSAGE
from ..events.runs import RunProgressed, RunStarted, RunSucceeded
from ..events.tasks import TaskFailed, TaskRetried, TaskSkipped, TaskStarted, TaskSucceeded
from .output import JsonFormatter, TextFormatter, own_handler, plain
from .records import make_record, write_record
from .streams import passing_through

# The names that each JSON line always has; context cannot use them.
_LINE_FIELDS = frozenset({"timestamp", "level", "message", "event"})
_NO_ATTEMPT: dict[str, object] = {"run_id": "", "task_name": "", "attempt": 0}


for _level in (LogLevel.SUCCESS, LogLevel.SYSTEM):
    if logging.getLevelName(int(_level)) == f"Level {int(_level)}":  # keep a name of the program
        logging.addLevelName(int(_level), _level.name)
_levels_set: dict[str, int] = {}  # by this module, by the logger's name


class FlowkitLogger:
    """Writes one line for each event, as text or as JSON.

    ``name``: the standard logger to write to, also available as ``.logger``. ``level``: a
    LogLevel, a number or a name; events below it are dropped. ``json_output``: one JSON object per
    line. ``use_colors``: None for colours on a terminal only, unless NO_COLOR, FORCE_COLOR or
    TERM=dumb says otherwise. Each ``log_...`` method takes further keyword arguments as context.
    Raises ValueError for an unknown level.
    """

    def __init__(
        self,
        name: str = "flowkit",
        level: LogLevel | int | str = LogLevel.INFO,
        json_output: bool = False,
        use_colors: bool | None = None,
    ) -> None:
        number = _level_number(level)
        self.name = name
        self.json_output = json_output
        self.logger = logging.getLogger(name)
        self.logger.setLevel(number)
        _levels_set[name] = number
        formatter = JsonFormatter() if json_output else TextFormatter(use_colors)
        own_handler(self.logger).setFormatter(formatter)

    @property
    def level(self) -> int:
        """The level in force, which ``logging.getLogger(name).setLevel`` changes too."""
        return self.logger.level

    def enabled(self, level: int) -> bool:
        """Return whether a line of this level would be written. Cheap enough to call per task."""
        return self.logger.isEnabledFor(level)

    def event(self, level: int, event_name: str, message: str, /, **fields: object) -> None:
        """Write any other event in the same format.

        ``fields`` are fields of the JSON line, and follow the message as ``key=value`` in text. Use
        the names ``run_id``, ``task_name``, ``dag_name``, ``attempt``, ``worker`` and ``duration``
        (seconds).
        """
        if self.enabled(level):
            self._write(level, event_name, message, {}, fields)

    def log_task_start(self, name: str, **context: object) -> None:
        """An attempt of a task begins."""
        if self.enabled(TaskStarted.level):
            self._write_event(TaskStarted(task_name=name), context)

    def log_task_success(self, name: str, duration: float | None = None, **context: object) -> None:
        """A task has succeeded, after ``duration`` seconds."""
        if self.enabled(TaskSucceeded.level):
            self._write_event(TaskSucceeded(task_name=name, duration=duration), context)

    def log_task_failure(self, name: str, error: BaseException | str, **context: object) -> None:
        """A task has failed for good.

        ``error``: the exception, or its message if only that is known; then ``error_type`` in the
        context names its type.
        """
        if self.enabled(TaskFailed.level):
            if isinstance(error, BaseException):
                kind: str | None = type(error).__name__
            else:
                kind = _text(context.pop("error_type", None))
            message = shorten(plain(error))
            event = TaskFailed(task_name=name, error_type=kind, error_message=message)
            self._write_event(event, context)

    def log_task_retry(
        self, name: str, attempt: int, max_retries: int, delay: float, **context: object
    ) -> None:
        """A task will be retried after ``delay`` seconds: retry ``attempt`` of ``max_retries``.

        ``error_type`` and ``error_message`` in the context give the reason.
        """
        if self.enabled(TaskRetried.level):
            event = TaskRetried(
                task_name=name,
                attempt=attempt,
                max_retries=max_retries,
                delay=delay,
                error_type=_text(context.pop("error_type", None)),
                error_message=_text(context.pop("error_message", None)),
            )
            self._write_event(event, context)

    def log_task_skip(self, name: str, reason: str, **context: object) -> None:
        """A task is skipped because of ``reason``."""
        if self.enabled(TaskSkipped.level):
            self._write_event(TaskSkipped(task_name=name, reason=reason), context)

    def log_dag_start(self, name: str, total_tasks: int, **context: object) -> None:
        """A run of a DAG begins."""
        if self.enabled(RunStarted.level):
            self._write_event(RunStarted(dag_name=name, total_tasks=total_tasks), context)

    def log_dag_progress(self, name: str, completed: int, total: int, **context: object) -> None:
        """``completed`` of ``total`` tasks have ended. Without tasks, that counts as 100 %."""
        if self.enabled(RunProgressed.level):
            self._write_event(RunProgressed.of(name, completed, total), context)

    def log_dag_complete(
        self, name: str, total_tasks: int, duration: float, **context: object
    ) -> None:
        """A run has succeeded, after ``duration`` seconds."""
        if self.enabled(RunSucceeded.level):
            event = RunSucceeded(dag_name=name, total_tasks=total_tasks, duration=duration)
            self._write_event(event, context)

    def _log(self, level: LogLevel | int | str, message: str, **context: object) -> None:
        """Write a message of the program. Programs call this method, so its name is stable."""
        number = _level_number(level)
        if self.enabled(number):
            self._write(number, MESSAGE.event_name, message, {}, context)

    def _write_event(self, event: Event, context: Mapping[str, object]) -> None:
        own = event.fields()
        self._write(event.level, event.event_name, event.message(), own, context, depth=4)

    def _write(
        self,
        level: int,
        event: str,
        message: str,
        own: Mapping[str, object],
        context: Mapping[str, object],
        *,
        depth: int = 3,
    ) -> None:
        taken = _LINE_FIELDS | own.keys()
        context = {(f"context_{key}" if key in taken else key): context[key] for key in context}
        extra = {"event": event, "fields": {**own, **context}, "context": context}
        # The record points at the caller of the public method.
        path, line, function, _ = self.logger.findCaller(stacklevel=depth)
        with passing_through():  # output of the user's handler is not output of a task
            record = make_record(self.logger, level, message, extra, (path, line, function))
            write_record(self.logger, record)


class AttemptFilter(logging.Filter):
    """Adds ``run_id``, ``task_name`` and ``attempt`` to each record, for your own formatter.

    Add it to a handler: the filters of a logger do not see the records of loggers below it. Outside
    of attempts the values are "", "" and 0, except for flowkit's events, which have their own.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attributes. No record is dropped."""
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping) and hasattr(record, "context"):
            values = [fields.get(name, empty) for name, empty in _NO_ATTEMPT.items()]
        else:
            values = list((attempt_fields() or ())[:3]) or list(_NO_ATTEMPT.values())
        vars(record).update(zip(_NO_ATTEMPT, values, strict=True))
        return True


def last_level(name: str) -> int | None:
    """Return the level that flowkit last gave to the logger of this name, None if it never did."""
    return _levels_set.get(name)


def _level_number(level: int | str) -> int:
    """Return the number of a level given as a ``LogLevel``, a number or a name in any case.

    Raises ValueError that lists the names for anything else.
    """
    if isinstance(level, int) and not isinstance(level, bool) and level > 0:
        return int(level)
    if isinstance(level, str) and level.strip().upper() in LogLevel.__members__:
        return int(LogLevel[level.strip().upper()])
    raise ValueError(unknown_name("log level", level, list(LogLevel.__members__)))


def _text(value: object) -> str | None:
    return None if value is None else plain(value)
