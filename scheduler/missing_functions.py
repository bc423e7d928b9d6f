"""The missing functions duty: tells of tasks that no live worker of their queue can run.

Such a task waits, since a deployment may bring its function at any time. By default it waits as
long as it takes; with a timeout it fails after that time. A queue without live workers is no reason
to fail: nothing is known of what its workers can run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from flowkit.basics.shorten import shorten
from flowkit.events.event import Listener
from flowkit.events.runs import RunLacksFunction
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.scheduler_store import SchedulerStore

from .active import Active
from .loop import Duty
from .serving import Serving

EVERY_S = 1.0
MOST_APPS = 1000  # characters of apps that a message names


class MissingFunctions(Duty):
    """Looks for active runs with dispatched tasks that no live worker of their queue can run."""

    name = "missing functions"

    def __init__(
        self,
        store: SchedulerStore,
        active: Mapping[str, Active],
        serving: Serving,
        listener: Listener,
        timeout: float = 0.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``timeout``: the seconds that a task waits for a worker with its function, 0 for no
        limit.
        """
        self._store = store
        self._active = active
        self._serving = serving
        self._listener = listener
        self._timeout = timeout
        self._monotonic = monotonic
        self._since: dict[tuple[str, int], float] = {}  # run and reference → when it was missed

    def run_once(self) -> float:
        """Look once; return the seconds until the next time."""
        now = self._monotonic()
        before, self._since = self._since, {}
        if self._timeout and any(now - since >= self._timeout for since in before.values()):
            self._serving.look(again=True)  # nothing fails because of what was known before
        for active in list(self._active.values()):
            for (queue, ref), tasks in self._missing(active).items():
                since = self._since[active.run, ref] = before.get((active.run, ref), now)
                if (active.run, ref) not in before:
                    self._tell(active, queue, ref, tasks[0])
                if self._timeout and now - since >= self._timeout:
                    error = ErrorInfo("TaskNotFoundError", self._why(active, queue, ref))
                    self._store.fail_queued(active.run, tasks, error.pack())
                    del self._since[active.run, ref]  # a resume waits anew
        return EVERY_S

    def _missing(self, active: Active) -> dict[tuple[str, int], list[int]]:
        """Return dispatched tasks by the queue and the reference that none of its workers has."""
        missing: dict[tuple[str, int], list[int]] = {}
        absent = {
            queue: refs
            for queue in {policy.queue for policy in active.dag.policies}
            if (refs := self._serving.absent(active, queue))
        }
        if absent:
            for task in active.state.dispatched_tasks():
                node = active.dag.numbering.node(task)
                queue, ref = active.dag.policy(node).queue, active.dag.ref_of[node]
                if ref in absent.get(queue, ()):
                    missing.setdefault((queue, ref), []).append(task)
        return missing

    def _tell(self, active: Active, queue: str, ref: int, task: int) -> None:
        self._listener.hear(
            RunLacksFunction(
                run_id=active.run,
                dag_name=active.dag.name,
                task_name=active.dag.task_name(task),
                queue=queue,
                function=active.dag.refs[ref],
                apps=self._apps(queue),
            )
        )

    def _why(self, active: Active, queue: str, ref: int) -> str:
        return (
            f"for {self._timeout:g} s no live worker of queue {queue!r} had the function "
            f"{active.dag.refs[ref]!r}; their apps are {self._apps(queue)}. Start a worker whose "
            "--app imports the module that defines it, in the version that was submitted, and "
            "resume the run"
        )

    def _apps(self, queue: str) -> str:
        return shorten(", ".join(self._serving.apps_of(queue)), MOST_APPS)
