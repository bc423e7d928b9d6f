"""The part of a run handle that concerns other runs: parent, children, resuming, deleting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from ..codec.provenance import Provenance
from ..definition.task_names import numbers_of
from .families import CalledRun, delete_family, read_children, resume_family

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG
    from ..core.run_record import RunRecord
    from .shard import ShardConnection


class RunFamily:
    """What ``RunHandle`` does with a run and those above and below it."""

    run_id: str
    shard: ShardConnection
    provenance: Provenance
    max_result_bytes: int

    if TYPE_CHECKING:

        def __init__(
            self,
            shard: ShardConnection,
            run_id: str,
            *,
            provenance: Provenance,
            max_result_bytes: int,
        ) -> None: ...
        def graph(self, record: RunRecord | None = None) -> CompiledDAG:
            """Return the compiled DAG."""

    def parent(self) -> Self | None:
        """Return the run of the task that has called this run, None if it was submitted.

        Its record (``record().parent``) says which attempt it was.
        """
        with self.shard.run_store(self.run_id) as store:
            parent = store.read_parent(self.run_id)
        if parent is None:
            return None
        limit = self.max_result_bytes
        return type(self)(
            self.shard, parent.run, provenance=self.provenance, max_result_bytes=limit
        )

    def children(self) -> list[CalledRun]:
        """Return the runs that tasks of this run have called, by task, attempt and position.

        Raises RunNotFound, RunLost, RunDamaged.
        """
        graph = self.graph().graph
        with self.shard.run_store(self.run_id) as store:
            return read_children(store, self.run_id, graph)

    def delete(self) -> bool:
        """Delete the run and all its data, before its TTL expires. It must be over.

        Return whether there was anything to delete. Deleting a run again does no harm. If the
        connection breaks, the call is repeated, and may return False although it has deleted the
        run. Raises RunNotOver; stop such a run first, with ``cancel`` and ``wait``.
        """
        with self.shard.run_store(self.run_id) as store:
            return delete_family(store, self.run_id)

    def resume(self, from_task: str | Sequence[str] | None = None) -> None:
        """Resume the run after a failure or a cancellation. Results of successful tasks are kept.

        ``from_task``: the name of a task, or several, to run again with everything downstream, even
        if it succeeded. With it, a run that succeeded can be resumed too.

        Raises RunNotFound, TaskNotFoundError for a name that the DAG does not have, RunAlreadyOver
        if the run succeeded and no task is named, RunNotOver if the run has not ended and a task
        is named.
        """
        numbers: list[int] = []
        if from_task is not None:
            names = self.graph().graph.names
            numbers = numbers_of(from_task, names, f"run {self.run_id!r}")
        with self.shard.run_store(self.run_id) as store:
            resume_family(store, self.run_id, numbers)
