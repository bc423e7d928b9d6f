"""Decoding the record of a run: the hash that ``submit`` creates and the scheduler completes.

A reader asks only for the fields that it shows (``FIELDS``), never for the parameters. Decoding is
strict: a field of a wrong type, length or range makes the record damaged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ..core.names import MAX_NAME, is_name
from ..core.run_record import Parent, RunProgress, RunRecord
from ..core.states import RunState, TaskState
from .decoding import CorruptData, digest, is_run_id, number, shown, state, task_number
from .limits import ATTEMPT_DIGITS, MAX_CALLER, MAX_COUNTS_BYTES, MAX_TIME_MS, TASK_DIGITS

FIELDS = (
    "dag",
    "graph",
    "state",
    "total",
    "submitted",
    "finished",
    "stop",
    "failed",
    "counts",
    "by",
    "parent",
    "children",
)
_PARENT = re.compile(
    rb"([^,]{1,128}),([0-9]{1,%d}),([0-9]{1,%d}),([0-9]{1,4})" % (TASK_DIGITS, ATTEMPT_DIGITS)
)
PROGRESS_FIELDS = ("state", "counts", "total")


def parse_run(run: str, values: Sequence[object]) -> RunRecord:
    """Decode the values of ``FIELDS``. Raises CorruptData."""
    dag, graph, run_state, total, submitted, finished, stop, failed, counts, by, *more = values
    parent, children = more
    tasks, by_state = task_number(total), parse_counts(counts)
    return RunRecord(
        run=run,
        dag_name=dag_name(dag),
        digest=digest(graph),
        state=state(run_state, RunState),
        total=_with_items(tasks, by_state),
        submitted_ms=_time(submitted, "the time of its submission"),
        finished_ms=_time(finished, "the time of its end") if finished else None,
        stop=state(stop, RunState) if stop else None,
        failed_task=task_number(failed) if failed else None,
        counts=by_state,
        by=parse_caller(by),
        graph_total=tasks,
        parent=parse_parent(parent),
        has_children=children is not None,
    )


def parse_parent(data: object) -> Parent | None:
    """Decode the parent of a run, None for none and for a damaged one."""
    match = _PARENT.fullmatch(data) if isinstance(data, bytes) and len(data) < 200 else None
    if match is None:
        return None
    run = match[1].decode("utf-8", "replace")
    return Parent(run, int(match[2]), int(match[3])) if is_run_id(run) else None


def parse_progress(values: Sequence[object]) -> RunProgress:
    """Decode the values of ``PROGRESS_FIELDS``. Raises CorruptData."""
    run_state, counts, total = values
    by_state = parse_counts(counts)
    return RunProgress(
        state(run_state, RunState), by_state, _with_items(task_number(total), by_state)
    )


def dag_name(data: object) -> str:
    """Decode the name of a DAG. Raises CorruptData."""
    if isinstance(data, bytes) and len(data) <= 4 * MAX_NAME:
        with suppress(UnicodeDecodeError):
            name = data.decode()
            if is_name(name):
                return name
    raise CorruptData(f"the name of its DAG is damaged: {shown(data)}")


def parse_caller(data: object) -> str:
    """Decode who did something, which nothing depends on: "" if it is damaged."""
    if isinstance(data, bytes) and len(data) <= MAX_CALLER and data.isascii():
        text = data.decode()
        if text.isprintable():
            return text
    return ""


def parse_counts(data: object) -> dict[str, int]:
    """Decode the ``state=number`` pairs that the scheduler writes. Raises CorruptData."""
    if data is None:
        return {}
    if not isinstance(data, bytes) or len(data) > MAX_COUNTS_BYTES:
        raise CorruptData(f"the counts of its tasks are damaged: {shown(data)}")
    pairs = (pair.partition(b"=") for pair in data.split())
    return {state(name, TaskState).value: task_number(count) for name, _, count in pairs}


def _with_items(tasks: int, counts: Mapping[str, int]) -> int:
    """Return the number of tasks with the items of mapped tasks, which only the counts include."""
    return max(tasks, sum(counts.values()))


def _time(data: object, what: str) -> int:
    """Decode a time in ms before the year 9999. Raises CorruptData."""
    time_ms = number(data, what)
    if time_ms > MAX_TIME_MS:
        raise CorruptData(f"{what} is in the year 9999 or later: {shown(data)}")
    return time_ms
