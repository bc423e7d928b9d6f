"""The lines of tasks that run in this process and its children, kept in memory for ``logs()``.

``configure_logging(capture_output=True)`` keeps them in ``KEPT``, and ``run_dag`` of
``flowkit.testing`` in a separate object. Bounds: the first and the last half of
``ATTEMPT_BYTES`` characters of each attempt, and the lines of the last ``MOST_RUNS`` runs that
printed. What was dropped is counted: ``missing`` of the next line.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ..basics.log_line import LogLine
from ..context import attempt_fields
from . import streams
from .streams import Who
from .task_lines import LineSink, end_of, pass_on, set_sink, sink

ATTEMPT_BYTES = 1024 * 1024
MOST_RUNS = 20

_Numbered = tuple[int, LogLine]  # the place among all lines


class _Attempt:
    """The lines of one attempt: its first half, and the newest ones that fit the second."""

    def __init__(self) -> None:
        self.head: list[_Numbered] = []
        self.tail: deque[_Numbered] = deque()
        self.count = 0
        self._head_size = self._tail_size = 0
        self._head_is_full = False

    def add(self, place: int, line: LogLine) -> None:
        size = len(line.text) + 1
        if not self._head_is_full and self._head_size + size <= ATTEMPT_BYTES // 2:
            self._head_size += size
            self.head.append((place, line))
            return
        self._head_is_full = True
        self.tail.append((place, line))
        self._tail_size += size
        while self._tail_size > ATTEMPT_BYTES // 2:
            self._tail_size -= len(self.tail.popleft()[1].text) + 1

    def lines(self) -> Iterator[_Numbered]:
        number = 0
        for place, line in (*self.head, *self.tail):
            missing, number = line.number - number - 1, line.number
            yield place, line if not missing else _with_missing(line, missing)


class KeptLines:
    """A sink that keeps lines in memory. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, dict[tuple[str, int], _Attempt]] = {}
        self._next = 0

    def add(self, whose: Who, level: int, stream: str, text: str) -> None:
        """Keep a line."""
        now = logging.makeLogRecord({}).created  # as the time of a record
        self.keep(whose, now, level, stream, text)

    def keep(self, whose: Who, time: float, level: int, stream: str, text: str) -> None:
        """Keep a line of another process. ``time``: seconds since 1970."""
        run, task, attempt = whose
        with self._lock:
            if run not in self._runs and len(self._runs) >= MOST_RUNS:
                del self._runs[next(iter(self._runs))]
            of_run = self._runs.setdefault(run, {})
            of_attempt = of_run.setdefault((task, attempt), _Attempt())
            of_attempt.count += 1
            self._next += 1
            number = of_attempt.count
            line = LogLine(time, level, task, attempt, stream, text, number=number)
            of_attempt.add(self._next, line)

    def end(self, whose: Who) -> None:
        """Do nothing: late lines are kept too."""

    def filters_changed(self, *, any_left: bool) -> None:
        """Do nothing: all lines here pass through the filters."""

    def lines(
        self, run: str | None = None, task: str | None = None, attempt: int | None = None
    ) -> list[LogLine]:
        """Return the lines of a run, None for the last one that printed, in their order."""
        with self._lock:
            if run is None and self._runs:
                run = next(reversed(self._runs))
            numbered = [
                item
                for (name, number), kept in self._runs.get(run or "", {}).items()
                if task in (None, name) and attempt in (None, number)
                for item in kept.lines()
            ]
        return [line for _, line in sorted(numbered, key=lambda item: item[0])]


def _with_missing(line: LogLine, missing: int) -> LogLine:
    return LogLine(
        line.time,
        line.level,
        line.task,
        line.attempt,
        line.stream,
        line.text,
        missing,
        line.number,
    )


KEPT = KeptLines()


def logs(
    task: str | None = None, attempt: int | None = None, *, run_id: str | None = None
) -> list[LogLine]:
    """Return what tasks of a run in this process printed and logged, in order.

    This works for ``dag.run()`` with threads and processes after
    ``configure_logging(capture_output=True)``. ``task``, ``attempt``: only of this task, of this
    attempt. ``run_id``: of this run, as given to ``dag.run(run_id=…)``; by default the last one
    that printed. Of each attempt the first and the last 512 KiB are kept, and the last 20 runs. For
    runs on workers, see ``logs`` of their handle.
    """
    return KEPT.lines(run_id, task, attempt)


@contextmanager
def keeping(kept: KeptLines) -> Iterator[None]:
    """Keep the lines of tasks within the block, and write their output unchanged.

    If output is captured already, that is not changed.
    """
    before = sink()
    if streams.is_started():
        set_sink(_Both(before, kept) if before is not None else kept)
        try:
            yield
        finally:
            set_sink(before)
        return
    handler = _Records()
    set_sink(kept)
    streams.start(_report, end_of, tee=True)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        streams.stop()
        set_sink(before)


def _report(whose: Who, stream: str, line: str) -> None:
    pass_on(whose, logging.INFO, stream, line)


class _Records(logging.Handler):
    """Keeps the records of tasks that reach the root logger."""

    def emit(self, record: logging.LogRecord) -> None:
        attempt = attempt_fields()
        if attempt is None or hasattr(record, "event"):
            return
        text = self.format(record)
        streams.note_printed(attempt[:3])
        pass_on(attempt[:3], record.levelno, "log", text)


class _Both:
    """Two sinks."""

    def __init__(self, first: LineSink, second: LineSink) -> None:
        self._sinks = (first, second)

    def add(self, whose: Who, level: int, stream: str, text: str) -> None:
        for item in self._sinks:
            item.add(whose, level, stream, text)

    def end(self, whose: Who) -> None:
        for item in self._sinks:
            item.end(whose)

    def filters_changed(self, *, any_left: bool) -> None:
        for item in self._sinks:
            item.filters_changed(any_left=any_left)
