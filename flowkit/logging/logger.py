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
from enum import IntEnum

from ..basics.shorten import shorten
from ..basics.suggestions import unknown_name
from ..context import attempt_fields
from .output import JsonFormatter, TextFormatter, own_handler, plain
from .records import make_record, write_record
from .streams import passing_through

# The names that each JSON line always has; context cannot use them.
_LINE_FIELDS = frozenset({"timestamp", "level", "message", "event"})
_ERROR_FIELDS = ("error_type", "error_message")
_NO_ATTEMPT: dict[str, object] = {"run_id": "", "task_name": "", "attempt": 0}


class LogLevel(IntEnum):
    """The levels of the standard module, and two more between INFO and WARNING."""

    DEBUG = 10
    INFO = 20
    SUCCESS = 25
    """A task has succeeded."""
    SYSTEM = 26
    """Events of a whole DAG, or of a daemon."""
    WARNING = 30
    ERROR = 40

    @classmethod
    def parse(cls, value: int | str) -> int:
        """Return the number of a level given as a ``LogLevel``, a number or a name in any case.

        Raises ValueError that lists the names for anything else.
        """
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return int(value)
        if isinstance(value, str) and value.strip().upper() in cls.__members__:
            return int(cls[value.strip().upper()])
        raise ValueError(unknown_name("log level", value, list(cls.__members__)))


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
        number = LogLevel.parse(level)
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
        if self.enabled(LogLevel.INFO):
            own = {"task_name": name}
            self._write(LogLevel.INFO, "task_start", f"Task started: {name}", own, context)

    def log_task_success(self, name: str, duration: float | None = None, **context: object) -> None:
        """A task has succeeded, after ``duration`` seconds."""
        if self.enabled(LogLevel.SUCCESS):
            own: dict[str, object] = {"task_name": name}
            text = f"Task succeeded: {name}"
            if duration is not None:
                own["duration"] = duration
                text += f" ({_seconds(duration)})"
            self._write(LogLevel.SUCCESS, "task_success", text, own, context)

    def log_task_failure(self, name: str, error: BaseException | str, **context: object) -> None:
        """A task has failed for good.

        ``error``: the exception, or its message if only that is known; then ``error_type`` in the
        context names its type.
        """
        if self.enabled(LogLevel.ERROR):
            if isinstance(error, BaseException):
                kind: object = type(error).__name__
            else:
                kind = context.pop("error_type", None)
            message = shorten(plain(error))
            own = {"task_name": name, "error_type": kind, "error_message": message}
            detail = ": ".join(str(part) for part in (kind, message) if part)
            text = f"Task failed: {name} ({detail})"
            self._write(LogLevel.ERROR, "task_failure", text, own, context)

    def log_task_retry(
        self, name: str, attempt: int, max_retries: int, delay: float, **context: object
    ) -> None:
        """A task will be retried after ``delay`` seconds: retry ``attempt`` of ``max_retries``.

        ``error_type`` and ``error_message`` in the context give the reason.
        """
        if self.enabled(LogLevel.WARNING):
            own = {"task_name": name, "attempt": attempt, "max_retries": max_retries}
            own |= {"delay": delay}
            text = f"Task retry: {name} (retry {attempt}/{max_retries} in {_seconds(delay)})"
            why = {key: context.pop(key) for key in _ERROR_FIELDS if key in context}
            text = ": ".join([text, *(plain(part) for part in why.values() if part)])
            self._write(LogLevel.WARNING, "task_retry", text, {**own, **why}, context)

    def log_task_skip(self, name: str, reason: str, **context: object) -> None:
        """A task is skipped because of ``reason``."""
        if self.enabled(LogLevel.INFO):
            own = {"task_name": name, "reason": reason}
            text = f"Task skipped: {name} ({reason})"
            self._write(LogLevel.INFO, "task_skip", text, own, context)

    def log_dag_start(self, name: str, total_tasks: int, **context: object) -> None:
        """A run of a DAG begins."""
        if self.enabled(LogLevel.SYSTEM):
            own = {"dag_name": name, "total_tasks": total_tasks}
            text = f"DAG started: {name} ({_tasks(total_tasks)})"
            self._write(LogLevel.SYSTEM, "dag_start", text, own, context)

    def log_dag_progress(self, name: str, completed: int, total: int, **context: object) -> None:
        """``completed`` of ``total`` tasks have ended. Without tasks, that counts as 100 %."""
        if self.enabled(LogLevel.SYSTEM):
            percentage = round(100 * completed / total, 1) if total else 100.0
            own = {"dag_name": name, "completed": completed, "total": total}
            text = f"DAG progress: {name} ({completed}/{total}, {percentage:.1f}%)"
            own_all = {**own, "percentage": percentage}
            self._write(LogLevel.SYSTEM, "dag_progress", text, own_all, context)

    def log_dag_complete(
        self, name: str, total_tasks: int, duration: float, **context: object
    ) -> None:
        """A run has succeeded, after ``duration`` seconds."""
        if self.enabled(LogLevel.SYSTEM):
            own = {"dag_name": name, "total_tasks": total_tasks, "duration": duration}
            text = f"DAG completed: {name} ({_tasks(total_tasks)}, {_seconds(duration)})"
            self._write(LogLevel.SYSTEM, "dag_complete", text, own, context)

    def _log(self, level: LogLevel | int | str, message: str, **context: object) -> None:
        """Write a message of the program. Programs call this method, so its name is stable."""
        number = LogLevel.parse(level)
        if self.enabled(number):
            self._write(number, "message", message, {}, context)

    def _write(
        self,
        level: int,
        event: str,
        message: str,
        own: Mapping[str, object],
        context: Mapping[str, object],
    ) -> None:
        taken = _LINE_FIELDS | own.keys()
        context = {(f"context_{key}" if key in taken else key): context[key] for key in context}
        extra = {"event": event, "fields": {**own, **context}, "context": context}
        # stacklevel 3: the record points at the caller of the public method.
        path, line, function, _ = self.logger.findCaller(stacklevel=3)
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


def _seconds(length: float) -> str:
    return f"{length:.2f}s" if length >= 1 else f"{length:.3f}s"


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"
