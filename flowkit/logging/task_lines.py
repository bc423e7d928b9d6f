"""Where the lines of tasks go besides the log: to one sink, behind the filters.

A line is what a task printed, or the message of a record that it logged. ``capture`` determines
the lines and passes each of them through ``pass_on`` first. The order is fixed:

1.  The function that the app gave to ``add_log_filter`` changes the line or drops it.
2.  What matches a pattern of ``redact`` becomes ``***``.
3.  The sink keeps the line, and then the log writes it.

So neither the log nor the sink ever has a line that the filters did not see. A filter that raises
drops its line: it may have been about to remove a secret. Its first error is reported on standard
error.

A process has one sink: on a worker the pipe to the log collector, in other programs the lines kept
for ``logs()``. Without a sink and without filters, a line costs one more call here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Protocol

from ..basics.redaction import MASK, secrets_of
from .streams import Who, keep_whole, passing_through

LogFilter = Callable[[str], str | None]  # user code: it may return anything


class LineSink(Protocol):
    """Keeps the lines of attempts. Any thread calls it; it raises nothing."""

    def add(self, whose: Who, level: int, stream: str, text: str) -> None:
        """Keep a line. ``stream``: "stdout", "stderr" or "log"."""
        ...

    def end(self, whose: Who) -> None:
        """An attempt that has printed or logged is over. Late lines may follow."""
        ...

    def filters_changed(self, *, any_left: bool) -> None:
        """The app has registered or removed a filter. ``any_left``: whether it has any now."""
        ...


_sink: LineSink | None = None
_report_broken: Callable[[str, BaseException], None] | None = None
_filters: list[LogFilter] = []
_secrets: re.Pattern[str] | None = None


def set_sink(sink: LineSink | None) -> None:
    """Keep the lines of tasks here from now on; None keeps them nowhere."""
    global _sink
    _sink = sink
    _tell_sink()


def sink() -> LineSink | None:
    """Return the sink of this process."""
    return _sink


def report_with(report: Callable[[str, BaseException], None]) -> None:
    """Report a filter that raises with this function."""
    global _report_broken
    _report_broken = report


def add_log_filter(function: LogFilter) -> LogFilter:
    """Let ``function`` see each line of a task before it is logged and kept.

    It gets the text, and returns the text to use, or None to drop the line. Use it to remove
    secrets that ``FLOWKIT_LOG_REDACT`` cannot describe. It runs in the process of the task, in the
    thread that prints. If it raises, the line is dropped. Returns the function, so it can be used
    as a decorator. The output of programs does not pass through it, so that output is dropped while
    a filter is registered.
    """
    if not callable(function):
        raise TypeError(f"add_log_filter needs a function, not {type(function).__name__}")
    _filters.append(function)
    _tell_sink()
    return function


def remove_log_filter(function: LogFilter) -> None:
    """Undo ``add_log_filter``. Does nothing if the function is not registered."""
    if function in _filters:
        _filters.remove(function)
        _tell_sink()


def _tell_sink() -> None:
    if _sink is not None:
        _sink.filters_changed(any_left=bool(_filters))


def is_filtered() -> bool:
    """Return whether lines may change on their way."""
    return bool(_filters) or _secrets is not None


def redact(patterns: Iterable[str]) -> None:
    """Replace what matches one of these regular expressions by ``***`` from now on."""
    global _secrets
    _secrets = secrets_of(patterns)
    keep_whole(_secrets)


def clean(text: str) -> str | None:
    """Return a line as the filters leave it, None if it is dropped."""
    for function in _filters:
        try:
            with passing_through():  # what a filter prints is no line of the task
                changed: object = function(text)
            if changed is None:
                return None
            if not isinstance(changed, str):
                raise TypeError(f"it returned {type(changed).__name__}, not str or None")
        except Exception as error:
            if _report_broken is not None:
                _report_broken("A function of add_log_filter", error)
            return None
        text = changed
    return text if _secrets is None else _secrets.sub(MASK, text)


def pass_on(whose: Who, level: int, stream: str, text: str) -> str | None:
    """Filter a line and keep it. Return what the log may write, None for nothing."""
    if is_filtered():
        cleaned = clean(text)
        if cleaned is None:
            return None
        text = cleaned
    if _sink is not None:
        _sink.add(whose, level, stream, text)
    return text


def end_of(whose: Who) -> None:
    """An attempt that has printed or logged is over."""
    if _sink is not None:
        _sink.end(whose)
