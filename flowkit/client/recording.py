"""Reads a whole run for a recording: one document that is read again without the system.

A run may have millions of items, and any amount of text. So each part has a bound, and each part
that was cut says so in ``left_out``. Secrets are hidden (``Redaction``) before a text is cut, so
that no part of one is left where it was cut. What it costs: the records and the history of the run
once, the newest ``MOST_LOG_BYTES`` of its lines, and at most ``MOST_READ`` bytes of results.

It does not read atomically: a run that is not over may change between two parts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..basics.counted import counted
from ..basics.log_line import LogLine
from ..basics.redaction import Redaction
from ..codec.provenance import Provenance
from ..core.compiled import CompiledDAG
from ..core.explain import Explanation
from ..core.run_record import RunRecord
from ..core.states import TaskState
from ..protocol.client_store import ClientStore
from ..protocol.listings import Listing
from .attempt_parts import AttemptPart, read_attempt_part
from .explaining import read_explanations
from .history import HistoryEvent
from .previews import Preview
from .recorded_values import ValueReader
from .run_logs import LogCursor, LogQuery
from .status import RunStatus, TaskStatus
from .task_details import params_preview

PART = 1_000
MOST_ITEMS = 5_000
MOST_WHYS = 200
MOST_ATTEMPTS = 20_000
LONGEST_ERROR, MOST_ERRORS = 20_000, 1_500_000  # characters of one, of all together
MOST_LINES, MOST_FAILED_LINES = 3_000, 1_000
MOST_LOG_BYTES = 10_000_000  # that are searched for lines: five seconds, if they are short
LONGEST_LINE, MOST_LINE_TEXT = 4_000, 1_000_000
SHORT = 100  # characters that a text keeps when there is no room left


class Shard(Protocol):
    """The connection to a shard, as this module needs it. ``hidden``: patterns of secrets."""

    hidden: tuple[str, ...]

    def run_store(self, run_id: str) -> AbstractContextManager[ClientStore]:
        """Lock the connection for calls about one run."""
        ...


class RecordedRun(Protocol):
    """A run handle, as this module needs it."""

    run_id: str
    provenance: Provenance

    @property
    def shard(self) -> Shard:
        """Where the run is."""

    def record(self) -> RunRecord:
        """Return the record of the run."""

    def graph(self, record: RunRecord | None = None) -> CompiledDAG:
        """Return the compiled DAG."""

    def status(self) -> RunStatus:
        """Return the state of the run and of each task."""

    def history(self) -> list[HistoryEvent]:
        """Return what happened to the run."""

    def items(
        self, task: str | None = None, *, limit: int = 100, start: int = 0
    ) -> Listing[TaskStatus]:
        """Return items of mapped tasks."""

    def log_cursor(self, query: LogQuery, *, follow: bool, after: str = "") -> LogCursor:
        """Return a cursor at the first line."""


@dataclass(slots=True)
class RunRecording:
    """What was read of a run.

    ``params``: its parameters, None without any. ``why``: of the run; ``whys``: of tasks.
    ``events``: what happened, oldest first. ``earlier``: the attempts that others replaced.
    ``items``: items by their mapped task. ``lines``: what tasks printed, in order. ``results``,
    ``arguments``: by the name of the task. ``left_out``: a sentence for each part that is not
    complete.
    """

    status: RunStatus
    dag: CompiledDAG
    params: Preview | None
    why: Explanation
    whys: list[Explanation]
    events: list[HistoryEvent]
    earlier: AttemptPart
    items: dict[str, list[TaskStatus]] = field(default_factory=dict)
    lines: list[LogLine] = field(default_factory=list)
    earlier_lines: int = 0
    results: dict[str, Preview] = field(default_factory=dict)
    arguments: dict[str, Preview] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def read_recording(run: RecordedRun, secrets: Redaction, *, previews: bool) -> RunRecording:
    """Return what is recorded of a run. ``previews``: with its values.

    Raises RunNotFound, RunLost, RunDamaged, RedisUnavailable.
    """
    dag, status = run.graph(), run.status()
    values = ValueReader(run.shard, run.provenance, run.run_id, dag, secrets)
    with run.shard.run_store(run.run_id) as store:
        record = store.read_run(run.run_id)
        why, whys = read_explanations(store, record, dag, MOST_WHYS, secrets.text)
        params = None
        if previews:
            params = params_preview(store, run.provenance, record, values.room)
        earlier = _earlier_attempts(store, record, dag)
    recording = RunRecording(status, dag, params, why, whys, run.history(), earlier)
    _read_items(run, recording)
    _read_lines(run, recording, secrets)
    _hide_errors(recording, secrets)
    if previews:
        values.read(recording.status.tasks, recording.items)
        recording.results, recording.arguments = values.results, values.arguments
        recording.left_out += values.left_out()
    else:
        recording.left_out.append("It was made without values: parameters, arguments and results.")
    return recording


def _earlier_attempts(store: ClientStore, run: RunRecord, dag: CompiledDAG) -> AttemptPart:
    """Return the attempts that others replaced, up to ``MOST_ATTEMPTS``."""
    first = read_attempt_part(store, run, dag, "", MOST_ATTEMPTS // 2)
    rest = read_attempt_part(store, run, dag, first.cursor, MOST_ATTEMPTS // 2)
    return AttemptPart([*first.attempts, *rest.attempts], "", more=False)


def _read_items(run: RecordedRun, recording: RunRecording) -> None:
    """Read the first items of the mapped tasks, the same number of each as far as there are."""
    mapped = [task for task in recording.status.tasks if task.total_items]
    room = MOST_ITEMS
    for at, task in enumerate(sorted(mapped, key=lambda task: task.total_items)):
        share = min(task.total_items, room // (len(mapped) - at))
        items: list[TaskStatus] = []
        while len(items) < share:
            part = run.items(task.name, start=len(items), limit=min(PART, share - len(items)))
            items += part
            if not part.more:
                break
        recording.items[task.name] = items
        room -= len(items)
        if len(items) < task.total_items:
            recording.left_out.append(
                f"{counted(task.total_items - len(items), 'item')} of {task.name} of "
                f"{task.total_items:,}: flowkit status {run.run_id} --task {task.name} --items"
            )


def _read_lines(run: RecordedRun, recording: RunRecording, secrets: Redaction) -> None:
    """Read the newest lines of the run, and older ones of tasks that failed."""
    failed = {task.name for task in recording.status.tasks if task.state is TaskState.FAILED}
    failed |= {
        item.name
        for items in recording.items.values()
        for item in items
        if item.state is TaskState.FAILED
    }
    newest: deque[tuple[int, LogLine]] = deque(maxlen=MOST_LINES)
    of_failed: deque[tuple[int, LogLine]] = deque(maxlen=MOST_FAILED_LINES)
    count = 0
    cursor = run.log_cursor(LogQuery(), follow=False)
    has_earlier = cursor.skip_to_bytes(MOST_LOG_BYTES)
    for line in _lines(cursor):
        if len(line.text) > LONGEST_LINE:  # thousands of these would take gigabytes
            line = replace(line, text=secrets.text(line.text)[: LONGEST_LINE + 1])
        newest.append((count, line))
        if line.task in failed:
            of_failed.append((count, line))
        count += 1
    kept = sorted({**dict(of_failed), **dict(newest)}.items(), reverse=True)
    room = TextRoom(LONGEST_LINE, MOST_LINE_TEXT)
    for _, line in kept:  # the newest first: they are the last to be cut
        text = room.fit(secrets.text(line.text))
        recording.lines.append(replace(line, text=text, label=secrets.text(line.label)))
    recording.lines.reverse()
    recording.earlier_lines = count - len(kept)
    if recording.earlier_lines:
        recording.left_out.append(
            f"{counted(recording.earlier_lines, 'line')} of logs of {count:,}: "
            f"flowkit logs {run.run_id}"
        )
    if has_earlier:
        recording.left_out.append(
            f"Lines of logs before the newest {MOST_LOG_BYTES // 10**6} MB, which were not "
            f"searched: flowkit logs {run.run_id}"
        )
    if room.cut:
        recording.left_out.append(f"The ends of {counted(room.cut, 'long line')} of logs.")


def _lines(cursor: LogCursor) -> Iterable[LogLine]:
    """Yield the lines that are stored now. Those that still come are not waited for."""
    while True:
        yield from cursor.next_part()
        if not cursor.has_moved:
            return


def _hide_errors(recording: RunRecording, secrets: Redaction) -> None:
    """Hide secrets in errors, cut them, and leave out attempts if there are too many."""
    room = TextRoom(LONGEST_ERROR, MOST_ERRORS)

    def shown(text: str) -> str:
        return room.fit(secrets.text(text))

    recording.status = replace(
        recording.status, tasks=_without_secrets(recording.status.tasks, shown)
    )
    recording.items = {
        task: _without_secrets(items, shown) for task, items in recording.items.items()
    }
    events = recording.events
    attempts = [at for at, event in enumerate(events) if event.attempt and event.task]
    extra = len(attempts) - MOST_ATTEMPTS
    if extra > 0:
        # Attempts without an error tell least, and old ones less than new ones.
        least = sorted(attempts, key=lambda at: (events[at].error is not None, at))
        gone = set(least[:extra])
        events = [event for at, event in enumerate(events) if at not in gone]
        recording.left_out.append(
            f"{counted(extra, 'attempt')} of {len(attempts):,}: "
            f"flowkit history {recording.status.run_id}"
        )
    recording.events = [
        replace(
            event,
            error=None if event.error is None else shown(event.error),
            traceback=shown(event.traceback),
        )
        for event in reversed(events)  # the newest first: they are the last to be cut
    ][::-1]
    if room.cut:
        recording.left_out.append(f"The ends of {counted(room.cut, 'error')} or their tracebacks.")


def _without_secrets(tasks: Sequence[TaskStatus], shown: Callable[[str], str]) -> list[TaskStatus]:
    return [
        task if task.error is None else replace(task, error=shown(task.error)) for task in tasks
    ]


class TextRoom:
    """Room for texts: ``longest`` characters of one, ``most`` of all. ``cut``: how many it cut."""

    def __init__(self, longest: int, most: int) -> None:
        self._longest, self._left = longest, most
        self.cut = 0

    def fit(self, text: str) -> str:
        """Return a text, or its beginning."""
        room = (
            self._longest if len(text) <= self._left else max(SHORT, min(self._longest, self._left))
        )
        if len(text) > room:
            self.cut += 1
            text = text[: room - 1] + "…"
        self._left = max(0, self._left - len(text))
        return text
