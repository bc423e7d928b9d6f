"""``track`` and ``progress``: how far the running attempt has got, as its function reports it.

A report is stored in this process and costs no more than that: one assignment, without a lock, a
clock or a call of the system. Where somebody else has to see it, a ``Sampler`` reads the reports
twice a second and passes on those that have changed, so the last report of an attempt is passed on
within half a second, however many came before it. Without a report there is no thread. Measured on
Python 3.11, Linux x86-64, per call: ``progress(done)`` 0.19 µs, a row of ``track`` 0.10 µs; reading
the clock alone takes 0.07 µs.

Outside of an attempt both functions do nothing, so code that uses them can be called anywhere. In a
thread that a task starts, they work if the thread has the context of the task, as that of
``asyncio.to_thread`` has. The last report wins: an attempt has one progress.
"""

from __future__ import annotations

import operator
import os
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar, overload

from ..context import AttemptFields, attempt_fields
from ..core.task_progress import MAX_COUNT, MAX_TEXT, TaskProgress, is_count

Row = TypeVar("Row")
Key = tuple[str, str, int]  # run id, task name, attempt
Report = tuple[float, float | None, str]  # done, total, text

INTERVAL_S = 0.5
# A thread that a task left behind may report after the attempt's end, when nothing removes it.
MOST_REPORTERS = 10_000
_MEMO = "@progress"


class Reporter:
    """The progress of one attempt. ``number``: of the task, -1 if the executor has not set it."""

    __slots__ = ("number", "report", "run_id")

    def __init__(self, run_id: str, number: int) -> None:
        self.run_id = run_id
        self.number = number
        self.report: Report = (0, None, "")

    def progress(self) -> TaskProgress:
        """Return the last report."""
        done, total, text = self.report
        return TaskProgress(done, total, text[:MAX_TEXT])


# The attempts that have reported something. Executors call ``end_reports`` if there are any.
REPORTERS: dict[Key, Reporter] = {}
_sampler: Sampler | None = None


def progress(done: float, total: float | None = None, text: str | None = None) -> None:
    """Report how far the running task has got. Outside of a task, do nothing.

    ``done``: what is done so far, such as rows or bytes. ``total``: how much there is in all.
    ``text``: at most 200 characters that are shown beside the numbers. What is omitted stays as it
    was. `flowkit watch`, `flowkit run` and `flowkit status` show it; they learn of at most two
    reports a second, and of the last one always, as long as the task runs.

    Raises TypeError for what is no number or no text, and ValueError for a number that is negative,
    NaN or 2**53 or more.
    """
    fields = attempt_fields()
    if fields is None:
        return
    reporter: Reporter = fields[5].get(_MEMO) or _begin(fields)
    if not (type(done) is int and 0 <= done < MAX_COUNT) and not is_count(done):
        done = _number("done", done)
    _, old_total, old_text = reporter.report
    if total is None:
        total = old_total
    elif not is_count(total):
        total = _number("total", total)
    if text is None:
        text = old_text
    elif not isinstance(text, str):
        raise TypeError(f"progress(text=…) takes text, not {type(text).__name__}")
    reporter.report = (done, total, text)


@overload
def track(
    rows: Iterable[Row], description: str = "rows", total: float | None = None
) -> Iterator[Row]: ...
@overload
def track(
    rows: AsyncIterable[Row], description: str = "rows", total: float | None = None
) -> AsyncIterator[Row]: ...
def track(
    rows: Iterable[Row] | AsyncIterable[Row],
    description: str = "rows",
    total: float | None = None,
) -> Iterator[Row] | AsyncIterator[Row]:
    """Iterate over ``rows`` and report how many the running task has finished.

    ``rows``: anything for a ``for`` or an ``async for`` loop. ``description``: what the rows are.
    ``total``: how many there are; by default their length, if they have one. A row counts when the
    loop asks for the next one. Outside of a task, this only iterates. See ``progress``.

    Raises TypeError for what cannot be iterated over, and what ``progress`` raises.
    """
    is_async = isinstance(rows, AsyncIterable)
    iterator: Any = aiter(rows) if isinstance(rows, AsyncIterable) else iter(rows)
    if total is None:
        total = operator.length_hint(rows) or None
    progress(0, total, description)
    fields = attempt_fields()
    if fields is None:
        return iterator  # type: ignore[no-any-return]
    count = _count_async if is_async else _count
    reporter: Reporter = fields[5][_MEMO]
    return count(iterator, reporter, reporter.report[1] if total else None, description)


def _count(
    rows: Iterator[Row], reporter: Reporter, total: float | None, text: str
) -> Iterator[Row]:
    for done, row in enumerate(rows, 1):
        yield row
        reporter.report = (done, total, text)


async def _count_async(
    rows: AsyncIterator[Row], reporter: Reporter, total: float | None, text: str
) -> AsyncIterator[Row]:
    done = 0
    async for row in rows:
        yield row
        done += 1
        reporter.report = (done, total, text)


def _begin(fields: AttemptFields) -> Reporter:
    """Return the reporter of an attempt; threads and coroutines of the attempt share it."""
    reporter: Reporter = fields[5].setdefault(_MEMO, Reporter(fields[0], fields[6]))
    REPORTERS[fields[:3]] = reporter
    while len(REPORTERS) > MOST_REPORTERS:
        REPORTERS.pop(next(iter(REPORTERS)), None)
    if _sampler is not None:
        _sampler.wake()
    return reporter


def _number(name: str, value: object) -> float:
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        try:
            number = float(value)  # type: ignore[arg-type, assignment]
        except (TypeError, ValueError):
            kind = type(value).__name__
            raise TypeError(f"progress({name}=…) takes a number, not {kind}") from None
    if not is_count(number):
        raise ValueError(f"progress({name}={number}): give a number from 0 up, below 2**53")
    return number


def end_reports() -> TaskProgress | None:
    """Forget the progress of this attempt, and return it; None if there is none."""
    fields = attempt_fields()
    reporter = None if fields is None else REPORTERS.pop(fields[:3], None)
    return None if reporter is None else reporter.progress()


def pass_reports_to(send: Callable[[Mapping[Key, Reporter]], None]) -> None:
    """Let a sampler pass on the reports of this process from now on. See ``Sampler``."""
    global _sampler
    _sampler = Sampler(send)


class Sampler:
    """A thread that passes on the reports of this process every ``INTERVAL_S``, if there are any.

    ``send`` gets all attempts that have reported something and have not ended; when the last one
    has ended, it gets none.
    """

    def __init__(
        self,
        send: Callable[[Mapping[Key, Reporter]], None],
        *,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """``pause(seconds)`` waits; tests replace it."""
        self._send = send
        self._pause = pause
        self._pid = os.getpid()
        self._news = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Start the thread if there is none. Any thread. A process that a task forks has none."""
        if self._pid != os.getpid():
            return
        with suppress(RuntimeError), self._lock:  # too many threads: the next attempt tries again
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="progress", daemon=True)
                thread.start()
                self._thread = thread
        self._news.set()

    def _run(self) -> None:
        while True:
            self._news.wait()  # without waking up while no task reports anything
            self._news.clear()
            self.work()

    def work(self) -> None:
        """Pass on reports until no attempt is left that has made one."""
        is_over = False
        while not is_over:
            reporters = dict(REPORTERS)
            is_over = not reporters
            self._send(reporters)
            self._pause(INTERVAL_S)
