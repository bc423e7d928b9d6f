"""DAG: a definition that can be drawn, run here, and submitted to workers.

Its tasks, its edges and the checks of them are in ``definition/dag.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from .definition.dag import DAGDefinition
from .definition.importing import refuse_run_while_imported
from .definition.run_parameters import RunParameters
from .drawing.picture import Picture, as_dot, as_mermaid, as_text, marked

if TYPE_CHECKING:
    from .client.run_handle import RunHandle
    from .drawing.marks import States
    from .parameters.parameter import Parameter
    from .state.store import StateStore

Executor = Literal["thread", "process", "redis"]


class DAG(DAGDefinition):
    """A named set of tasks and edges.

    ``max_workers``: how many tasks may run at a time in this process, None for a suitable default.
    ``on_failure``: "stop" starts no further task after a failure; "continue" runs the tasks that
    do not depend on the failed one. The run fails in both cases.
    ``hooks``: functions to call when tasks or runs end.
    ``tasks``: the tasks of the DAG, possibly none. None: the tasks that are added or drawn later,
    or otherwise all registered tasks that belong to no other DAG.
    ``check_types``: whether annotations of a result and of the parameter that gets it that
    contradict each other are an error; they are logged as a warning otherwise.
    ``pin_version``: only workers with the version of the code that a run was submitted with run
    it. It has no effect on runs in this process.
    """

    # -- pictures of it: see drawing.marks.marks_of for `states` ----------------------------

    def visualize(self, states: States | None = None) -> str:
        """Return the tasks with their upstream and downstream names, as text.

        The tasks that it only comes after or before are listed apart.
        """
        return as_text(self.picture(states))

    def to_mermaid(self, states: States | None = None) -> str:
        """Return a Mermaid flowchart."""
        return as_mermaid(self.picture(states))

    def to_dot(self, states: States | None = None) -> str:
        """Return a graph for Graphviz."""
        return as_dot(self.picture(states))

    def to_svg(self, states: States | None = None, *, collapse: bool | None = None) -> str:
        """Return a standalone SVG drawing.

        ``states``: the states of the tasks: {task name: state}, a RunStatus or a RunHandle.
        ``collapse``: whether many tasks in the same position share a box; None: only if there are
        more than 100 tasks. Raises TaskNotFoundError for an unknown name in ``states``, DAGError
        for a DAG that is too large to draw.
        """
        from .drawing.svg import as_svg

        return as_svg(self.picture(states), collapse)

    def _repr_html_(self) -> str:
        from .drawing.notebook import dag_html

        return dag_html(self.picture())

    def picture(self, states: States | None = None) -> Picture:
        """Return the tasks and the edges, numbered; ``states`` as in ``visualize``."""
        tasks = self.tasks
        number = {task: index for index, task in enumerate(tasks)}
        edges = self._members.edges_among(tasks)
        pairs = [(number[upstream], number[downstream]) for upstream, downstream in edges]
        order = self._members.order_among(tasks, edges)
        ordered = [(number[upstream], number[downstream]) for upstream, downstream in order]
        mapped = [index for index, task in enumerate(tasks) if task.map_options is not None]
        return marked(self.name, [task.name for task in tasks], pairs, states, ordered, mapped)

    def parameters(self) -> list[Parameter]:
        """Return the run parameters that the tasks take, in the order of the tasks.

        Raises DAGError for an invalid DAG, ParameterError if tasks annotate one differently.
        """
        return list(RunParameters(self.name, self.indexed()))

    # -- running it ------------------------------------------------------------------------

    def run(
        self,
        executor: Executor = "thread",
        max_workers: int | None = None,
        params: Mapping[str, Any] | None = None,
        redis: str | None = None,
        namespace: str | None = None,
        timeout: float | None = None,
        state: StateStore | None = None,
        resume: bool = False,
        from_task: str | Sequence[str] | None = None,
        run_id: str | None = None,
    ) -> dict[str, Any]:
        """Run the DAG, wait, and return {task name: result} without the skipped tasks.

        ``executor``: "thread" for threads of this process; "process" for child processes, which
        use all cores (``async`` tasks run in this process); "redis" for workers: there, ``redis``,
        ``namespace`` and ``run_id`` are as for ``submit``, and the workers bound the parallelism.
        ``params``: run parameters by name. ``timeout``: seconds to wait. ``state``: a store for
        results, under ``DAG/task``. ``resume``: reuse live results in the store whose upstream
        results are reused too. ``from_task``: names of tasks to run again in any case.

        Raises the exception of the failed task; TaskExecutionError from workers, and for what is
        not an ``Exception``; WorkerLost, WaitTimeout, and a DAGError before anything runs.
        """
        from .executors import RunOptions, run_and_wait

        options = RunOptions(
            executor=executor,
            max_workers=max_workers,
            params=params,
            redis=redis,
            namespace=namespace,
            timeout=timeout,
            state=state,
            resume=resume,
            from_task=from_task,
            run_id=run_id,
        )
        return run_and_wait(self, options)

    async def arun(
        self,
        executor: Executor = "thread",
        max_workers: int | None = None,
        params: Mapping[str, Any] | None = None,
        redis: str | None = None,
        namespace: str | None = None,
        timeout: float | None = None,
        state: StateStore | None = None,
        resume: bool = False,
        from_task: str | Sequence[str] | None = None,
        run_id: str | None = None,
    ) -> dict[str, Any]:
        """Run the DAG as ``run`` does, without blocking the event loop: ``await dag.arun()``.

        Cancelling the awaiting task stops the run as Ctrl-C does, even on workers.
        """
        from .executors import RunOptions, run_and_await

        options = RunOptions(
            executor=executor,
            max_workers=max_workers,
            params=params,
            redis=redis,
            namespace=namespace,
            timeout=timeout,
            state=state,
            resume=resume,
            from_task=from_task,
            run_id=run_id,
        )
        return await run_and_await(self, options)

    def submit(
        self,
        redis: str | None = None,
        run_id: str | None = None,
        params: Mapping[str, Any] | None = None,
        namespace: str | None = None,
        ttl: int | None = None,
    ) -> RunHandle:
        """Submit a run to the workers and return at once.

        ``run_id``: an id of your choice, so that submitting twice makes one run. None for a new id,
        except in a task on a worker: executed again, it gets the run that it has submitted before.
        ``redis``, ``namespace``: from the settings by default; in a task, those of its worker.
        ``ttl``: seconds to keep the run after its end. Raises a DAGError if the DAG or its
        parameters are wrong or a task is not importable, StoreError if Redis cannot be used.
        """
        from .client.client import Client

        refuse_run_while_imported(self.name)
        client = Client.connect(redis, namespace)
        return client.submit(self, run_id=run_id, params=params, ttl=ttl)
