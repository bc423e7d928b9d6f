"""Reads of how far running tasks have got."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.lanes import worker_of
from ..core.states import TaskState
from ..core.task_progress import TaskProgress
from .bounded_reads import Field, read_in_bounds
from .decoding import CorruptData
from .limits import MAX_PROGRESS_BYTES
from .progress_fields import parse_progress
from .records import TaskRecord
from .store import Store

PROGRESS_READS = 1000  # running tasks whose progress is read


class ProgressReads(Store):
    """Reads the progress that workers have stored."""

    def read_task_progress(
        self, run: str, records: Mapping[int, TaskRecord]
    ) -> dict[int, TaskProgress]:
        """Return the progress of the running tasks among these, by their numbers.

        Tasks that have reported nothing are left out, and so is what cannot be read, or belongs to
        another attempt. Two round trips, none if no task is running. At most ``PROGRESS_READS``
        tasks.
        """
        running = [
            (task, record)
            for task, record in records.items()
            if record.state is TaskState.RUNNING and record.lane
        ][:PROGRESS_READS]
        fields = [
            Field(
                self.keys.progress(worker_of(record.lane)),
                f"{run},{task},{record.attempt}",
                MAX_PROGRESS_BYTES,
            )
            for task, record in running
        ]
        result: dict[int, TaskProgress] = {}
        if not fields:
            return result
        for (task, record), value in zip(running, read_in_bounds(self.link, fields), strict=True):
            if isinstance(value, bytes):
                try:
                    lane, progress = parse_progress(value)
                except CorruptData:
                    continue  # it decides nothing, and the run can be read without it
                if lane == record.lane:
                    result[task] = progress
        return result
