"""The part of a client that reads of one run within bounds, for pages: tasks, values, lines."""

from __future__ import annotations

from ..arguments import check_limit
from .attempt_parts import AttemptPart, read_attempt_part
from .log_parts import LogPart, read_log_part
from .previews import LARGE, WHOLE, Preview, read_result_preview
from .run_handle import RunHandle
from .run_logs import log_query
from .run_shape import read_shape
from .task_details import TaskDetails, read_task_details

MOST_ATTEMPTS = 10_000  # in one part


class RunDetails:
    """What ``Client`` reads of a run in parts and within bounds."""

    def run(self, run_id: str) -> RunHandle:
        """Return the handle of a run."""
        raise NotImplementedError

    def task_details(self, run_id: str, task: str) -> TaskDetails:
        """Return all details of a task or an item: its state, policy, attempts, inputs and result.

        Values are for display: see ``preview``. Raises RunNotFound, RunDamaged, RunLost,
        TaskNotFoundError for a name that the run does not have.
        """
        handle = self.run(run_id)
        number, dag = handle.task_number(task), handle.graph()
        with handle.shard.run_store(run_id) as store:
            run = store.read_run(run_id)
            return read_task_details(store, handle.provenance, run, dag, number)

    def preview(self, run_id: str, task: str, *, whole: bool = False) -> Preview | None:
        """Return the result of a task or an item as JSON values, cut; None if it has none.

        It is decoded without classes and libraries: no code of the value's classes runs, and an
        array or a table is only named. ``whole``: do not cut it, if it has at most 1 MiB. Raises
        RunNotFound, RunDamaged, RunLost, TaskNotFoundError for a name that the run does not have.
        """
        handle = self.run(run_id)
        number, dag = handle.task_number(task), handle.graph()
        with handle.shard.run_store(run_id) as store:
            store.read_run(run_id)
            shape = read_shape(store, run_id, dag)
            room = WHOLE if whole else LARGE
            return read_result_preview(store, handle.provenance, run_id, shape, number, room)

    def attempt_part(self, run_id: str, *, cursor: str = "", limit: int = 1000) -> AttemptPart:
        """Return the next attempts that others replaced, oldest first, and a cursor.

        The last attempt of each task is in its state. ``cursor``: the one of the part before, ""
        for the first attempts. ``limit``: the most attempts, up to 10,000. A part may have none
        although ``more`` is true. Raises RunNotFound, RunDamaged, RunLost, and TypeError and
        ValueError for invalid arguments.
        """
        handle, most = self.run(run_id), min(check_limit(limit), MOST_ATTEMPTS)
        dag = handle.graph()
        with handle.shard.run_store(run_id) as store:
            return read_attempt_part(store, store.read_run(run_id), dag, cursor, most)

    def log_part(
        self,
        run_id: str,
        task: str | None = None,
        attempt: int | None = None,
        *,
        level: int | str | None = None,
        since: float | None = None,
        cursor: str = "",
        limit: int = 500,
    ) -> LogPart:
        """Return the next lines that the tasks of a run printed and logged, and a cursor.

        ``task``, ``attempt``, ``level``, ``since``: as for ``RunHandle.logs``. ``cursor``: the one
        of the part before, "" for the first lines. ``limit``: the most lines. A part may have no
        lines although ``more`` is true. Raises what ``RunHandle.logs`` raises, and ValueError for a
        wrong cursor.
        """
        handle, most = self.run(run_id), check_limit(limit)
        number = None if task is None else handle.task_number(task)
        query = log_query(number, attempt, level, since)
        return read_log_part(
            lambda after: handle.log_cursor(query, follow=False, after=after), cursor, most
        )
