"""Task: a function, the rules for its attempts, and its edges.

``@task`` turns a function into a Task; ``>>`` draws edges between tasks. An edge drawn within a
``with DAG(…)`` block belongs to that DAG only. An edge drawn elsewhere is stored on its two tasks,
for the DAG that covers everything. Calling a task runs it directly, with its condition and its
retries, without a DAG.

Every Task registers itself in ``Task._all_tasks``, for the DAG that covers everything, and under
its reference (``module:function``), for the workers. A worker never imports by reference; it only
looks among the tasks that its app has registered. A task that is defined again, for example by
rerunning a notebook cell, replaces the earlier one (redefinition.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, update_wrapper
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, SupportsIndex, Unpack, overload

from ..basics.suggestions import unknown_name
from ..core.retry import Policy
from .binding import BoundNames, name_bound
from .call_plan import CallPlan, plan_for
from .callables import is_async
from .direct_call import call_here
from .edges import disconnect, innermost_scope
from .functions import check_function, name_of, ref_of
from .options import CacheKey, Predicate, TaskOptions, make_options
from .pickling import reduction
from .plain_types import PlainTypes
from .redefinition import definer_of, is_redefinition, replace
from .signatures import P, R
from .task_edges import TaskEdges

if TYPE_CHECKING:
    from .task_edges import P2, R2, Async, E, Gives, Stage, Takes1, Takes2, Takes3, Takes4, X

_NO_KWARGS: Mapping[str, Any] = MappingProxyType({})


class Task(TaskEdges[P, R], Generic[P, R]):
    """A function with a name, a policy and edges. See ``TaskOptions`` for the options.

    For type checkers it has the signature of its function: ``def f(x: int) -> str`` makes a
    ``Task[[int], str]``. In an annotation, ``Task`` alone is a task of any function.

    ``upstream`` and ``downstream`` hold the tasks of the edges drawn outside of any DAG block, in
    the order drawn; you may append to them. Edges of ``after`` and ``before`` are not among them.
    ``base`` is the task that this one was bound from (itself if it was not bound), ``kwargs`` the
    fixed keyword arguments, and ``ref`` the reference by which workers find it.
    """

    _all_tasks: ClassVar[list[Task]] = []
    _by_ref: ClassVar[dict[str, Task]] = {}
    _by_ref_and_name: ClassVar[dict[tuple[str, str], Task]] = {}
    _plain_types: PlainTypes | None = None

    def __init__(self, func: Callable[P, R], **options: Unpack[TaskOptions]) -> None:
        """Check the options and register the task. Raises TypeError or ValueError."""
        self._set_up(func, options)
        if self.on_failure is not None:
            as_task(f"Task {self.name!r}: on_failure", self.on_failure)
        _register(self)

    def _set_up(self, func: Callable[P, R], options: TaskOptions) -> None:
        name = name_of(func, options.get("name"))
        check_function(name, func)
        update_wrapper(self, func)
        self._options = make_options(name, options, is_async=is_async(func))
        self.func = func
        self.name = name
        self.upstream: list[Task] = []
        self.downstream: list[Task] = []
        self.base: Task[..., R] = self
        self.kwargs: Mapping[str, Any] = _NO_KWARGS
        self.ref = ref_of(func)
        self._plan: CallPlan | None = None
        self._bound_names = BoundNames()
        self._earlier_name: str | None = None  # see binding.py for this and the next two
        self._is_numbered = False
        self._is_listed = False
        self._in_dag = False
        self._is_mentioned = False  # by an edge to an empty list, outside of a block
        self._definer = definer_of(func)
        self._place = 0

    @classmethod
    def unlisted(cls, func: Callable[P, R]) -> Task[P, R]:
        """Make a task that workers find, but that a DAG covers only if it is drawn or added."""
        task = cls.__new__(cls)
        task._set_up(func, {})
        Task._by_ref[task.ref] = task
        return task

    # -- its options -----------------------------------------------------------------------

    @property
    def policy(self) -> Policy:
        """The rules for its attempts: retries, delays, timeout and queue."""
        return self._options.policy

    @property
    def when(self) -> Predicate | None:
        """The predicate on the upstream results, None to run always."""
        return self._options.when

    @property
    def retry_on(self) -> tuple[type[Exception], ...]:
        """The exceptions that are retried."""
        return self._options.retry_on

    @property
    def trigger(self) -> str:
        """How the upstream tasks must have ended: see ``TaskOptions``."""
        return self.policy.trigger.value

    @property
    def on_failure(self) -> Callable[..., object] | None:
        """The hook to call when the task has failed for good."""
        return self._options.on_failure

    @property
    def cache_ttl(self) -> float | None:
        """The seconds for which a result is reused, None to never reuse it."""
        return self._options.cache_ttl

    @property
    def cache_key(self) -> CacheKey | None:
        """The function whose result identifies a call, None to use the arguments themselves."""
        return self._options.cache_key

    @property
    def retries(self) -> int:
        """The number of attempts after the first one."""
        return self.policy.retries

    @property
    def delay(self) -> float:
        """Seconds before the first retry."""
        return self.policy.delay

    @property
    def backoff(self) -> float:
        """The factor by which the delay grows with each retry."""
        return self.policy.backoff

    @property
    def timeout(self) -> float | None:
        """The time limit of one attempt in seconds, None for no limit."""
        return self.policy.timeout

    @property
    def at_most_once(self) -> bool:
        """Whether the task is never started twice in a run."""
        return self.policy.at_most_once

    @property
    def copy_arguments(self) -> bool:
        """Whether each attempt in this process gets copies of its arguments."""
        return self._options.copy_arguments

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return self.policy.is_async

    # -- more tasks of one function --------------------------------------------------------

    def bind(self, name: str | None = None, /, **kwargs: Any) -> Task[..., R]:
        """Make another task of the same function and options, with fixed keyword arguments.

        ``name``: by default ``NAME_2``, ``NAME_3``, … after the original task, counted within the
        DAG that takes it. Arguments that were fixed before are kept unless given again. Within a
        ``with DAG(…):`` block the new task belongs to no DAG until it is drawn or added. Raises
        TypeError for an argument that the function does not declare.
        """
        base = self.base
        plan = plan_for(base)
        for argument in kwargs:
            if argument not in plan.keyword and not plan.takes_any_keyword:
                problem = unknown_name("argument", argument, plan.keyword)
                raise TypeError(f"{base.name}.bind: {problem}")
        bound: Task[..., R] = Task.__new__(Task)
        bound.__dict__.update(base.__dict__)
        bound.kwargs = MappingProxyType({**self.kwargs, **kwargs})
        disconnect(bound)
        name_bound(bound, name, innermost_scope())
        return bound

    @property
    def has_bound_tasks(self) -> bool:
        """Whether other tasks were bound from this one."""
        return self.base is self and bool(self._bound_names.ever)

    if TYPE_CHECKING:  # see task_edges.py

        @overload
        def __rshift__(self: Gives[X], other: Takes1[X, P2, R2]) -> Task[P2, R2]: ...
        @overload
        def __rshift__(self: Gives[X], other: Takes2[X, P2, R2]) -> Task[P2, R2]: ...
        @overload
        def __rshift__(self: Gives[X], other: Takes3[X, P2, R2]) -> Task[P2, R2]: ...
        @overload
        def __rshift__(self: Async[X], other: Takes1[X, P2, R2]) -> Task[P2, R2]: ...
        @overload
        def __rshift__(self: Async[X], other: Takes2[X, P2, R2]) -> Task[P2, R2]: ...
        @overload
        def __rshift__(self: Async[X], other: Takes3[X, P2, R2]) -> Task[P2, R2]: ...
        @overload
        def __rshift__(self, other: Takes4[P2, R2]) -> Task[P2, R2]: ...
        @overload
        def __rshift__(self, other: Sequence[E]) -> Stage[E]: ...
        @overload
        def __rshift__(self, other: list[object]) -> Stage[Any]: ...
        def __rshift__(self, other: Any) -> Any: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the task directly: its condition, then its function with its retries.

        Returns the result, or None if the condition is false; re-raises the last exception. An
        async task returns a coroutine that does the same. ``timeout`` limits the attempts of an
        async task only: a function that runs in the caller's thread cannot be stopped.

        The None of a condition is not part of the return type. Few tasks have a condition, and the
        callers of all others would have to check for a None that never comes.
        """
        result: R = call_here(self, args, kwargs)
        return result

    def __repr__(self) -> str:
        ends = f"upstream={len(self.upstream)}, downstream={len(self.downstream)}"
        return f"Task(name={self.name!r}, {ends})"

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Pickle by name what another process finds there; anything else by value."""
        return reduction(self) or super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without edges, for a process where another task calls this one."""
        edges: dict[str, Any] = {"upstream": [], "downstream": [], "_after": None, "_before": None}
        return {**self.__dict__, **edges, "_definer": None}

    @classmethod
    def clear_registry(cls) -> None:
        """Forget all registered tasks, so that a program or test can start over."""
        cls._all_tasks.clear()
        cls._by_ref.clear()
        cls._by_ref_and_name.clear()


@overload
def task(func: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(**options: Unpack[TaskOptions]) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(
    func: Callable[..., Any] | None = None, /, **options: Unpack[TaskOptions]
) -> Task | Callable[[Callable[..., Any]], Task]:
    """Turn a function into a Task: ``@task``, ``@task()`` or ``@task(retries=3, …)``."""
    return partial(Task, **options) if func is None else Task(func, **options)


def _register(task: Task) -> None:
    tasks, key = Task._all_tasks, (task.ref, task.name)
    old = Task._by_ref_and_name.get(key)
    if old is not None and is_redefinition(old, task):
        replace(tasks, old, task)
    else:
        task._place = len(tasks)
        tasks.append(task)
    Task._by_ref_and_name[key] = Task._by_ref[task.ref] = task


def registered_task(ref: str) -> Task | None:
    """Return the task that was last defined as ``module:function``, None if there is none."""
    return Task._by_ref.get(ref)


def registered_refs() -> list[str]:
    """Return the references of all functions that tasks were defined of."""
    return list(Task._by_ref)


def as_task(what: str, hook: Callable[..., Any]) -> Task:
    """Return the hook as a task: itself, or an unlisted task made of the function.

    ``what`` is named in the TypeError for a hook that cannot take an event.
    """
    task = hook if isinstance(hook, Task) else None
    if task is None:
        if not callable(hook) or isinstance(hook, type):
            raise TypeError(f"{what} must be a function that takes a HookEvent, not {hook!r}.")
        known = Task._by_ref.get(ref_of(hook))
        task = known if known is not None and known.func is hook else Task.unlisted(hook)
    plan = plan_for(task)
    if not plan.positional and not plan.takes_any_positional:
        raise TypeError(
            f"{what}: {task.name!r} must take the HookEvent as its first positional argument."
        )
    return task
