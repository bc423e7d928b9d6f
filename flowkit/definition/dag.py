"""DAGDefinition: the tasks that belong together, their order, and whether they can run.

There are three ways to fill a DAG. In a ``with DAG("etl") as dag:`` block, the DAG gets every edge
that is drawn, and the tasks of those edges; a block without edges makes an empty DAG. With
``dag.add(task)`` or ``DAG(name, tasks=[…])``, tasks are named one by one, and the edges that were
drawn between them outside of any block count. Otherwise the DAG covers all registered tasks that
belong to no other DAG. Tasks and edges are looked up when the DAG is run or drawn, so later edges
count.

A DAG is a definition: running it does not change it, and it can run again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Never, Self, TypeVar, Unpack

from ..arguments import check_mapping, check_max_workers
from ..core.compiled import CompiledDAG, OnFailure
from ..core.names import check_name
from .argument_names import check_argument_names
from .calls import Call, CallTask, ParamsFunction
from .checks import check_hooks, check_importable, check_tasks, refuse_unknown_options
from .compiling import compile_indexed
from .edges import open_scopes
from .hooks import Hooks, hook_tasks
from .indexing import Edge, IndexedDAG, index_dag
from .members import Members
from .options import TaskOptions
from .result_types import check_result_types
from .run_parameters import RunParameters, check_params
from .taken_parameters import taken_parameters
from .task import Task

if TYPE_CHECKING:
    from ..parameters.conversion import GivenJSON, GivenText

AnyTask = TypeVar("AnyTask", bound=Task)


class DAGDefinition:
    """A named set of tasks and edges that can be checked and compiled. ``DAG`` has its options."""

    def __init__(
        self,
        name: str = "workflow",
        max_workers: int | None = None,
        *,
        on_failure: Literal["stop", "continue"] = "stop",
        hooks: Hooks | None = None,
        tasks: Iterable[Task] | None = None,
        pin_version: bool = False,
        check_types: bool = False,
        **unknown: Never,
    ) -> None:
        """Make a DAG of ``tasks``. Raises TypeError or ValueError for a bad option."""
        refuse_unknown_options(name, unknown, DAGDefinition.__init__)
        self.name = check_name("DAG", name)
        self.max_workers = check_max_workers(max_workers)
        try:
            self.on_failure = OnFailure(on_failure)
        except ValueError:
            raise ValueError(
                f"DAG {name!r}: on_failure must be 'stop' or 'continue', not {on_failure!r}."
                " To call a function, pass hooks=Hooks(on_failure=…)."
            ) from None
        for option, value in (("pin_version", pin_version), ("check_types", check_types)):
            if not isinstance(value, bool):
                raise TypeError(f"DAG {name!r}: {option} must be a bool, not {value!r}.")
        self.pin_version, self.check_types = pin_version, check_types
        self.hooks = check_hooks(self.name, hooks)
        self._members = Members()
        if tasks is not None:
            self._members.is_explicit = True
            for task in check_tasks(self.name, tasks):
                self._members.add(task)

    # -- drawing it ------------------------------------------------------------------------

    def __enter__(self) -> Self:
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

    # -- as a part of another DAG ------------------------------------------------------------

    def call(self, params: Mapping[str, object] | None = None, result: str | None = None) -> Call:
        """Return a call of this DAG, for a task to return instead of a result.

        The attempt of the task ends at once. The task is over when the run is, and has the result
        of the task named ``result``, or else the results of all tasks, by name, as ``run`` returns
        them. A task may also return a list of calls: its result is then the list of theirs.
        """
        return Call(self, params, result)

    def as_task(
        self,
        name: str | None = None,
        /,
        *,
        params: Mapping[str, object] | ParamsFunction | None = None,
        result: str | None = None,
        **options: Unpack[TaskOptions],
    ) -> Task[..., Any]:
        """Make a task that runs this DAG, for a drawing of another one. See ``call``.

        ``name``: by default that of the DAG. ``params``: the run parameters, or a function that
        returns them. It gets what a task gets: the results of the upstream tasks, and the
        parameters of the run that it names. Without a function, these results are ignored.
        ``options``: those of a task; a retry starts a new run. Raises TypeError, ValueError.
        """
        module = sys._getframe(1).f_globals.get("__name__", "?")
        given = name or options.get("name") or self.name
        options["name"] = given
        return Task(CallTask(self, given, params, result, module), **options)

    # -- tasks and edges -------------------------------------------------------------------

    @property
    def tasks(self) -> list[Task]:
        """The tasks, in order of appearance."""
        return self._members.tasks

    def edges(self) -> list[Edge]:
        """Return the edges as (upstream, downstream) pairs, each once.

        The edges of ``after`` and ``before`` are not among them.
        """
        return self._members.edges_among(self.tasks)

    def order_edges(self) -> list[Edge]:
        """Return the edges of ``after`` and ``before`` that no edge of ``edges`` includes."""
        tasks = self.tasks
        return self._members.order_among(tasks, self._members.edges_among(tasks))

    def indexed(self) -> IndexedDAG:
        """Number the tasks, check the edges, and return the tasks with their graph.

        Hooks are numbered after the tasks of ``tasks``. Raises DAGCycleError, DuplicateTaskError,
        and DAGError for a task that cannot take the results of its upstream tasks, or takes them in
        another order than its parameters say. Logs a warning if the annotations of a result and of
        the parameter that takes it contradict each other; with ``check_types``, raises DAGError.
        """
        tasks = self.tasks
        self._members.warn_of_modules(self.name, tasks)
        edges = self._members.edges_among(tasks)
        order = self._members.order_among(tasks, edges)
        if self.hooks is None and all(task.on_failure is None for task in tasks):
            return self._checked(index_dag(self.name, tasks, edges, order))
        on_retry = "" if self.hooks is None else self.hooks.retry_ref
        behind, leading = hook_tasks(self.name, tasks, self.hooks)
        indexed = index_dag(
            self.name,
            [*tasks, *behind],
            [*edges, *leading],
            order,
            own=len(tasks),
            on_retry=on_retry,
        )
        return self._checked(indexed)

    def _checked(self, indexed: IndexedDAG) -> IndexedDAG:
        """Check which result goes to which parameter, by their names and annotations."""
        check_argument_names(self.name, indexed)
        check_result_types(self.name, indexed, raises=self.check_types)
        return indexed

    def compile(self) -> CompiledDAG:
        """Return the form that is stored: the graph, references, policies and fixed arguments.

        Raises what ``indexed`` raises, DAGError for a fixed argument that cannot be stored, and
        ParameterError if tasks annotate a run parameter differently.
        """
        indexed = self.indexed()
        RunParameters(self.name, indexed)
        return compile_indexed(self.name, indexed, self.on_failure)

    def convert_params(self, given: Mapping[str, GivenText | GivenJSON]) -> dict[str, object]:
        """Convert run parameters that come from outside, by the annotations of the tasks.

        ``given``: text or JSON, by name. The result still has to be checked, as a run does, since
        parameters may be missing. Raises what ``indexed`` raises, and ParameterError.
        """
        return RunParameters(self.name, self.indexed()).convert(given)

    def check_params(self, params: Mapping[str, object] | None = None) -> None:
        """Raise ParameterError unless a run can start with exactly these parameters."""
        check_mapping(params)
        check_params(self.name, self.indexed(), [params or {}])

    def check_importable(self) -> None:
        """Raise NotImportableError for a task that workers cannot find."""
        check_importable(self.indexed().tasks)

    def compile_for_run(self, *runs: Mapping[str, object] | None) -> CompiledDAG:
        """Make all checks for runs on workers, and compile. The tasks are numbered once.

        ``runs``: the parameters of each run. Raises what ``compile``, ``check_params`` and
        ``check_importable`` raise.
        """
        for params in runs:
            check_mapping(params)
        indexed = self.indexed()
        given = [params or {} for params in runs or (None,)]
        takes = taken_parameters(tuple(check_params(self.name, indexed, given)))
        check_importable(indexed.tasks)
        return compile_indexed(self.name, indexed, self.on_failure, takes)

    def compile_for_calls(self, indexed: IndexedDAG) -> CompiledDAG:
        """Compile what ``indexed`` returned, for runs that tasks on workers call.

        The parameters of each run are still to be checked.
        """
        check_importable(indexed.tasks)
        return compile_indexed(self.name, indexed, self.on_failure)

    def __repr__(self) -> str:
        tasks = self.tasks
        edges = self._members.edges_among(tasks)
        return f"DAG(name={self.name!r}, tasks={len(tasks)}, edges={len(edges)})"
