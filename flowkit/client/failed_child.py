"""The child run in which the failure of a task began: where its traceback and its lines are."""

from __future__ import annotations

import re
from contextlib import suppress

from ..core.called_run import MOST_DEPTH
from ..exceptions import ChildRunFailed, RunNotFound
from ..protocol.client_store import ClientStore
from ..protocol.decoding import CorruptData, is_run_id
from ..protocol.records import ErrorInfo

# As execution/child_failure.py writes it: failed, or cancelled.
_CHILD = re.compile(r"run (\S+) (?:failed: |of DAG )")


def failed_child(store: ClientStore, run: str, task: int) -> str:
    """Return the deepest child run that failed below a failed task, "" if none did.

    Two round trips for each level. A run that is gone ends the search, and so does one that no task
    of the run above has called: the text of an error is not trusted.
    """
    deepest = ""
    with suppress(RunNotFound, CorruptData):
        for _ in range(MOST_DEPTH):
            child = _child_in(store, run, task)
            record = store.read_run(child) if child else None
            if record is None or record.parent is None or record.parent.run != run:
                break
            deepest = run = child
            if record.failed_task is None:
                break
            task = record.failed_task
    return deepest


def _child_in(store: ClientStore, run: str, task: int) -> str:
    """Return the run that the error of a task names, "" if it names none."""
    (packed,) = store.read_errors(run, [task])
    error = ErrorInfo.unpack(packed) if packed else None
    if error is None or error.type != ChildRunFailed.__name__:
        return ""
    named = _CHILD.match(error.message)
    return named[1] if named is not None and is_run_id(named[1]) else ""
