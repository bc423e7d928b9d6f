"""DAG: which tasks belong together, in which order, and the ways to run them.

A DAG is filled in one of three ways. In a ``with DAG("etl") as dag:`` block every edge drawn
belongs to it, and the tasks of those edges; a block in which nothing was drawn makes an empty DAG.
With ``dag.add(task)`` or ``DAG(name, tasks=[…])`` tasks are named one by one; the edges drawn
between them outside of any block hold. With neither, it covers all registered tasks that belong to
no other DAG. What it consists of is looked up when it is run or drawn, so later edges count.

A DAG is a definition: running it leaves nothing behind in it, and it can run again.
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

    ``max_workers``: most tasks that run at a time in this process, None for a fitting default.
    ``on_failure``: "stop" starts nothing more after a failed task; "continue" goes on with what
    does not need it (the run has failed all the same).
    ``tasks``: what it consists of, also if that is nothing; None for what is added or drawn later,
    or else for all registered tasks that belong to no other DAG.
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
                " A function to be called goes into hooks=Hooks(on_failure=…)."
            ) from None
        self.hooks = check_hooks(self.name, hooks)
        self._members = Members()
        if tasks is not None:
            self._members.is_explicit = True
            for task in check_tasks(self.name, tasks):
                self._members.add(task)

    # -- drawing it ------------------------------------------------------------------------

    def __enter__(self) -> DAG:
        """Take the edges drawn in this thread (or coroutine) until the block ends."""
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
        """Add a task that needs no edge, and return it. Adding it twice is adding it once."""
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

    # -- what it consists of ---------------------------------------------------------------

    @property
    def tasks(self) -> list[Task]:
        """The tasks, in order of appearance."""
        return self._members.tasks

    def edges(self) -> list[Edge]:
        """Return the edges as (upstream, downstream) pairs, each once."""
        return self._members.edges_among(self.tasks)

    def indexed(self) -> IndexedDAG:
        """Number the tasks and check the drawing.

        Hooks are tasks behind those of ``tasks``. Raises DAGCycleError, DuplicateTaskError, or
        DAGError for a task that cannot take the results of its upstream tasks.
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
        """Return what a store can hold: the graph, references, policies and fixed arguments.

        Raises what ``layout`` raises, and DAGError for a fixed argument that cannot be stored.
        """
        return self._compile(self.indexed())

    def _compile(self, indexed: IndexedDAG) -> CompiledDAG:
        on_retry = "" if self.hooks is None else self.hooks.retry_ref
        return compile_indexed(self.name, indexed, self.on_failure, on_retry=on_retry)

    def check_params(self, params: Mapping[str, object] | None = None) -> None:
        """Raise ParameterError unless a run could start with exactly these parameters."""
        check_mapping(params)
        check_params(self.name, self.indexed(), params or {})

    def check_importable(self) -> None:
        """Raise NotImportableError for a task that workers could not find."""
        check_importable(self.indexed().tasks)

    def compile_for_run(self, params: Mapping[str, object] | None = None) -> CompiledDAG:
        """Make all the checks that a run on workers needs, and compile, numbering tasks once.

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
        """Return a drawing that stands alone.

        ``states``: how the tasks stand: {task name: state}, a RunStatus or a RunHandle.
        ``collapse``: whether many tasks that stand alike share a box; None for "beyond 100
        tasks". Raises TaskNotFoundError for an unknown name in ``states``, DAGError for a DAG that
        is too large to be drawn.
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
        """Run it, wait, and return {task name: result} without the skipped tasks.

        ``executor``: "thread" for threads of this process; "process" for child processes, which
        use all cores (``async`` tasks stay here); "redis" for the workers at ``redis`` and
        ``namespace`` (both from the settings by default), where the workers' number and not
        ``max_workers`` bounds the parallelism. ``params``: run parameters by name.
        ``timeout``: seconds to wait for the end, None for any time. ``state``: a store where each
        result is kept as it comes, under ``DAG/task``; with ``resume``, live results in it are
        reused if all upstream of them are too, and the rest is run; ``from_task``: the name of a
        task, or several, to be made again all the same, with everything downstream.

        Raises the failed task's own exception or, from workers and for what is no ``Exception``
        (SystemExit, say), TaskExecutionError; WorkerLost for a task whose processes died,
        WaitTimeout when time is over, and a DAGError before anything runs if the DAG or its
        parameters are wrong, or no process could get a task's function.
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
        """Run it as ``run`` does while the event loop goes on: ``await dag.arun()``.

        Cancelling what awaits it stops the run as Ctrl-C does, also one on workers.
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
        """Hand a run to the workers and return at once.

        ``run_id``: chosen by you, so that submitting twice is one run; None for a new one.
        ``ttl``: seconds that the run is kept after its end. Raises a DAGError if the DAG, its
        parameters or its importability is wrong, StoreError if Redis cannot be used.
        """
        from .client import Client

        refuse_run_while_imported(self.name)
        client = Client.connect(redis, namespace)
        return client.submit(self, run_id=run_id, params=params, ttl=ttl)
