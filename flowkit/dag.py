"""DAG: the tasks that belong together, their order, and the ways to run them.

There are three ways to fill a DAG. In a ``with DAG("etl") as dag:`` block, the DAG gets every edge
that is drawn, and the tasks of those edges; a block without edges makes an empty DAG. With
``dag.add(task)`` or ``DAG(name, tasks=[…])``, tasks are named one by one, and the edges that were
drawn between them outside of any block count. Otherwise the DAG covers all registered tasks that
belong to no other DAG. Tasks and edges are looked up when the DAG is run or drawn, so later edges
count.

A DAG is a definition: running it does not change it, and it can run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .checks import (
    check_hooks,
    check_importable,
    check_mapping,
    check_max_workers,
    check_params,
    check_tasks,
)
from .core.compiled import CompiledDAG, OnFailure
from .drawing.picture import Picture, as_dot, as_mermaid, as_text, picture_of
from .edges import open_scopes
from .importing import refuse_run_while_imported
from .layout import Edge, IndexedDAG, compile_indexed, index_dag
from .members import Members
from .options import check_name
from .task import Task

if TYPE_CHECKING:
    from .drawing.marks import States
    from .hooks import Hooks
    from .run_handle import RunHandle
    from .state import StateStore

Executor = Literal["thread", "process", "redis"]
AnyTask = TypeVar("AnyTask", bound=Task)


class DAG:
    """A named set of tasks and edges.

    ``max_workers``: how many tasks may run at a time in this process, None for a suitable default.
    ``on_failure``: "stop" starts no further task after a failure; "continue" runs the tasks that
    do not depend on the failed one. The run fails in both cases.
    ``hooks``: functions to call when tasks or runs end.
    ``tasks``: the tasks of the DAG, possibly none. None: the tasks that are added or drawn later,
    or otherwise all registered tasks that belong to no other DAG.
    """

    def __init__(
        self,
        name: str = "workflow",
        max_workers: int | None = None,
        *,
        on_failure: Literal["stop", "continue"] = "stop",
        hooks: Hooks | None = None,
        tasks: Iterable[Task] | None = None,
    ) -> None:
        """Make a DAG of ``tasks``. Raises TypeError or ValueError for a bad option."""
        self.name = check_name("DAG", name)
        self.max_workers = check_max_workers(max_workers)
        try:
            self.on_failure = OnFailure(on_failure)
        except ValueError:
            raise ValueError(
                f"DAG {name!r}: on_failure must be 'stop' or 'continue', not {on_failure!r}."
                " To call a function, pass hooks=Hooks(on_failure=…)."
            ) from None
        self.hooks = check_hooks(self.name, hooks)
        self._members = Members()
        if tasks is not None:
            self._members.is_explicit = True
            for task in check_tasks(self.name, tasks):
                self._members.add(task)

    # -- drawing it ------------------------------------------------------------------------

    def __enter__(self) -> DAG:
        """Collect the edges drawn in this thread or coroutine until the block ends."""
        self._members.open_block()
        open_scopes.set((*open_scopes.get(), self._members))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        open_scopes.set(open_scopes.get()[:-1])

    def add(self, task: AnyTask) -> AnyTask:
        """Add a task without an edge, and return it. Adding a task twice has no effect."""
        if not isinstance(task, Task):
            raise TypeError(
                f"DAG {self.name!r}: add() takes a task, not {task!r}. "
                "Is the function decorated with @task?"
            )
        self._members.add(task)
        return task

    def draw(self, upstream: Task, downstream: Task) -> None:
        """Add an edge and its tasks; what ``>>`` does within a block."""
        self._members.draw(upstream, downstream)

    # -- tasks and edges -------------------------------------------------------------------

    @property
    def tasks(self) -> list[Task]:
        """The tasks, in order of appearance."""
        return self._members.tasks

    def edges(self) -> list[Edge]:
        """Return the edges as (upstream, downstream) pairs, each once."""
        return self._members.edges_among(self.tasks)

    def indexed(self) -> IndexedDAG:
        """Number the tasks, check the edges, and return the tasks with their graph.

        Hooks are numbered after the tasks of ``tasks``. Raises DAGCycleError, DuplicateTaskError,
        and DAGError for a task that cannot take the results of its upstream tasks.
        """
        tasks = self.tasks
        self._members.warn_of_modules(self.name, tasks)
        edges = self._members.edges_among(tasks)
        if self.hooks is None and all(task.on_failure is None for task in tasks):
            return index_dag(self.name, tasks, edges)
        from .hooks import hook_tasks

        behind, leading = hook_tasks(self.name, tasks, self.hooks)
        return index_dag(self.name, [*tasks, *behind], [*edges, *leading], own=len(tasks))

    def compile(self) -> CompiledDAG:
        """Return the form that is stored: the graph, references, policies and fixed arguments.

        Raises what ``indexed`` raises, and DAGError for a fixed argument that cannot be stored.
        """
        return self._compile(self.indexed())

    def _compile(self, indexed: IndexedDAG) -> CompiledDAG:
        on_retry = "" if self.hooks is None else self.hooks.retry_ref
        return compile_indexed(self.name, indexed, self.on_failure, on_retry=on_retry)

    def check_params(self, params: Mapping[str, object] | None = None) -> None:
        """Raise ParameterError unless a run can start with exactly these parameters."""
        check_mapping(params)
        check_params(self.name, self.indexed(), params or {})

    def check_importable(self) -> None:
        """Raise NotImportableError for a task that workers cannot find."""
        check_importable(self.indexed().tasks)

    def compile_for_run(self, params: Mapping[str, object] | None = None) -> CompiledDAG:
        """Make all checks for a run on workers, and compile. The tasks are numbered once.

        Raises what ``compile``, ``check_params`` and ``check_importable`` raise.
        """
        check_mapping(params)
        indexed = self.indexed()
        check_params(self.name, indexed, params or {})
        check_importable(indexed.tasks)
        return self._compile(indexed)

    # -- pictures of it: see drawing.marks.marks_of for `states` ----------------------------

    def visualize(self, states: States | None = None) -> str:
        """Return the tasks with their upstream and downstream names, as text."""
        return as_text(self._picture(states))

    def to_mermaid(self, states: States | None = None) -> str:
        """Return a Mermaid flowchart."""
        return as_mermaid(self._picture(states))

    def to_dot(self, states: States | None = None) -> str:
        """Return a graph for Graphviz."""
        return as_dot(self._picture(states))

    def to_svg(self, states: States | None = None, *, collapse: bool | None = None) -> str:
        """Return a standalone SVG drawing.

        ``states``: the states of the tasks: {task name: state}, a RunStatus or a RunHandle.
        ``collapse``: whether many tasks in the same position share a box; None: only if there are
        more than 100 tasks. Raises TaskNotFoundError for an unknown name in ``states``, DAGError
        for a DAG that is too large to draw.
        """
        from .drawing.svg import as_svg

        return as_svg(self._picture(states), collapse)

    def _repr_html_(self) -> str:
        from .drawing.notebook import dag_html

        return dag_html(self._picture())

    def _picture(self, states: States | None = None) -> Picture:
        tasks = self.tasks
        return picture_of(self.name, tasks, self._members.edges_among(tasks), states)

    def __repr__(self) -> str:
        tasks = self.tasks
        edges = self._members.edges_among(tasks)
        return f"DAG(name={self.name!r}, tasks={len(tasks)}, edges={len(edges)})"

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
    ) -> dict[str, Any]:
        """Run the DAG, wait, and return {task name: result} without the skipped tasks.

        ``executor``: "thread" for threads of this process; "process" for child processes, which
        use all cores (``async`` tasks run in this process); "redis" for the workers at ``redis``
        and ``namespace`` (both from the settings by default), where the number of workers, not
        ``max_workers``, bounds the parallelism. ``params``: run parameters by name. ``timeout``:
        seconds to wait for the end, None for no limit. ``state``: a store for each result as it
        comes, under ``DAG/task``. ``resume``: reuse the live results in the store whose upstream
        results are reused too, and run the other tasks. ``from_task``: the name of a task, or
        several, to run again in any case, with everything downstream.

        Raises the exception of the failed task; from workers, and for a ``BaseException`` that is
        not an ``Exception`` (such as SystemExit), TaskExecutionError. Raises WorkerLost for a task
        whose processes died, WaitTimeout after the timeout, and a DAGError before anything runs if
        the DAG or its parameters are wrong or a task's function cannot be sent to a process.
        """
        from .running import RunOptions, run_and_wait

        keeping = (state, resume, from_task)
        given = (executor, max_workers, params, redis, namespace, timeout, *keeping)
        return run_and_wait(self, RunOptions(*given))

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
    ) -> dict[str, Any]:
        """Run the DAG as ``run`` does, without blocking the event loop: ``await dag.arun()``.

        Cancelling the awaiting task stops the run as Ctrl-C does, even on workers.
        """
        from .running import RunOptions, run_and_await

        keeping = (state, resume, from_task)
        given = (executor, max_workers, params, redis, namespace, timeout, *keeping)
        return await run_and_await(self, RunOptions(*given))

    def submit(
        self,
        redis: str | None = None,
        run_id: str | None = None,
        params: Mapping[str, Any] | None = None,
        namespace: str | None = None,
        ttl: int | None = None,
    ) -> RunHandle:
        """Submit a run to the workers and return at once.

        ``run_id``: an id of your choice, so that submitting twice makes one run; None for a new id.
        ``ttl``: seconds to keep the run after its end. Raises a DAGError if the DAG or its
        parameters are wrong or a task is not importable, StoreError if Redis cannot be used.
        """
        from .client import Client

        refuse_run_while_imported(self.name)
        client = Client.connect(redis, namespace)
        return client.submit(self, run_id=run_id, params=params, ttl=ttl)
