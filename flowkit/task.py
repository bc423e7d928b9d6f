"""Task: a function, how its attempts are made, and what it waits for.

``@task`` turns a function into a Task; ``>>`` draws edges between tasks. An edge drawn within a
``with DAG(…)`` block belongs to that DAG alone; one drawn elsewhere is kept on the two tasks, for
the DAG that covers everything. Calling a task runs it here and now, with its condition and its
retries and no DAG at all.

Every Task registers itself: in ``Task._all_tasks``, for the DAG that covers everything, and under
its reference (``module:function``), for the workers. A worker never imports by reference; it
only looks among what its own app has registered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import partial, update_wrapper
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Unpack, overload

from .core.retry import Policy
from .direct import call_here
from .functions import check_function, is_async, name_of, ref_of
from .invoke import CallPlan, plan_for
from .options import Predicate, TaskOptions, check_name, make_options, unknown_name

_NO_KWARGS: Mapping[str, Any] = MappingProxyType({})


class Scope(Protocol):
    """What takes the edges drawn inside of it: a DAG."""

    def draw(self, upstream: Task, downstream: Task) -> None:
        """Take one edge."""


# The open ``with DAG`` blocks of this thread or coroutine, innermost last.
open_scopes: ContextVar[tuple[Scope, ...]] = ContextVar("flowkit_scopes", default=())


class Task:
    """A function with a name, a policy and edges. See ``TaskOptions`` for the options.

    ``upstream`` and ``downstream`` hold the tasks of the edges drawn outside of any DAG block, in
    the order drawn; they may be appended to. ``base`` is the task this one was bound from
    (itself if it was not), ``kwargs`` the fixed keyword arguments, ``ref`` where workers look.
    """

    _all_tasks: ClassVar[list[Task]] = []
    _by_ref: ClassVar[dict[str, Task]] = {}

    def __init__(self, func: Callable[..., Any], **options: Unpack[TaskOptions]) -> None:
        """Check and register. Raises TypeError or ValueError for what cannot work."""
        name = name_of(func, options.get("name"))
        check_function(name, func)
        update_wrapper(self, func)
        self._options = make_options(name, options, is_async=is_async(func))
        self.func = func
        self.name = name
        self.upstream: list[Task] = []
        self.downstream: list[Task] = []
        self.base: Task = self
        self.kwargs: Mapping[str, Any] = _NO_KWARGS
        self.ref = ref_of(func)
        self._plan: CallPlan | None = None
        self._bound_names: set[str] = set()
        Task._all_tasks.append(self)
        Task._by_ref[self.ref] = self

    # -- its options -----------------------------------------------------------------------

    @property
    def policy(self) -> Policy:
        """How the attempts are made."""
        return self._options.policy

    @property
    def when(self) -> Predicate | None:
        """The predicate on the upstream results, None for "always"."""
        return self._options.when

    @property
    def retry_on(self) -> tuple[type[Exception], ...]:
        """The exceptions that are worth another attempt."""
        return self._options.retry_on

    @property
    def retries(self) -> int:
        """Further attempts after the first one."""
        return self.policy.retries

    @property
    def delay(self) -> float:
        """Seconds before the first retry."""
        return self.policy.delay

    @property
    def backoff(self) -> float:
        """The factor by which the delay grows from one retry to the next."""
        return self.policy.backoff

    @property
    def timeout(self) -> float | None:
        """The limit of one attempt in seconds, None for none."""
        return self.policy.timeout

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return self.policy.is_async

    # -- more tasks of one function --------------------------------------------------------

    def bind(self, name: str | None = None, /, **kwargs: Any) -> Task:
        """Make another task of the same function and options, with fixed keyword arguments.

        ``name``: left out, ``NAME_2``, ``NAME_3``, … of the original. Arguments fixed before are
        kept unless given again. Raises TypeError for an argument the function does not declare.
        """
        base = self.base
        plan = plan_for(base)
        for argument in kwargs:
            if argument not in plan.keyword and not plan.takes_any_keyword:
                problem = unknown_name("argument", argument, plan.keyword)
                raise TypeError(f"{base.name}.bind: {problem}")
        bound = Task.__new__(Task)
        bound.__dict__.update(base.__dict__)
        bound.name = base._next_name() if name is None else check_name("task", name)
        bound.kwargs = MappingProxyType({**self.kwargs, **kwargs})
        bound.upstream, bound.downstream = [], []
        base._bound_names.add(bound.name)
        Task._all_tasks.append(bound)
        return bound

    @property
    def has_bound_tasks(self) -> bool:
        """Whether other tasks were bound from this one."""
        return self.base is self and bool(self._bound_names)

    def _next_name(self) -> str:
        number = len(self._bound_names) + 2
        while f"{self.name}_{number}" in self._bound_names:
            number += 1
        return check_name("task", f"{self.name}_{number}")

    # -- edges -----------------------------------------------------------------------------

    @overload
    def __rshift__(self, other: Task) -> Task: ...
    @overload
    def __rshift__(self, other: list[Task]) -> list[Task]: ...
    @overload
    def __rshift__(self, other: tuple[Task, ...]) -> tuple[Task, ...]: ...
    def __rshift__(self, other: Task | Sequence[Task]) -> Task | Sequence[Task]:
        for task in _tasks_in(self.name, other, ">>"):
            _draw(self, task)
        return other

    def __rrshift__(self, other: Sequence[Task]) -> Task:
        for task in _tasks_in(self.name, other, "<<"):
            _draw(task, self)
        return self

    # -- calling it ------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it here and now: condition, then the function with its retries.

        Returns the result, or None if the condition says no; re-raises the last exception. An
        async task gives a coroutine that does the same. ``timeout`` limits the attempts of an
        async task only: a function that runs in the caller's own thread cannot be stopped.
        """
        return call_here(self, args, kwargs)

    def __repr__(self) -> str:
        ends = f"upstream={len(self.upstream)}, downstream={len(self.downstream)}"
        return f"Task(name={self.name!r}, {ends})"

    @classmethod
    def clear_registry(cls) -> None:
        """Forget all registered tasks, for a program or test that starts afresh."""
        cls._all_tasks.clear()
        cls._by_ref.clear()


@overload
def task(func: Callable[..., Any], /) -> Task: ...
@overload
def task(**options: Unpack[TaskOptions]) -> Callable[[Callable[..., Any]], Task]: ...
def task(
    func: Callable[..., Any] | None = None, /, **options: Unpack[TaskOptions]
) -> Task | Callable[[Callable[..., Any]], Task]:
    """Make a Task of the function below: ``@task``, ``@task()`` or ``@task(retries=3, …)``."""
    return partial(Task, **options) if func is None else Task(func, **options)


def registered_task(ref: str) -> Task | None:
    """Return the task that was last defined under ``module:function``, None if none was."""
    return Task._by_ref.get(ref)


def _draw(upstream: Task, downstream: Task) -> None:
    scopes = open_scopes.get()
    if scopes:
        scopes[-1].draw(upstream, downstream)
        return
    # A drawn edge is in both lists; looking through the shorter one keeps wide fan-outs linear.
    down, up = upstream.downstream, downstream.upstream
    known = downstream in down if len(down) <= len(up) else upstream in up
    if not known:
        down.append(downstream)
        up.append(upstream)


def _tasks_in(name: str, other: object, arrow: str) -> Sequence[Task]:
    """Return the tasks at the other end of an edge; refuse anything else before drawing any."""
    ends = other if isinstance(other, list | tuple) else (other,)
    for end in ends:
        if not isinstance(end, Task):
            edge = f"{name} >> {end!r}" if arrow == ">>" else f"{end!r} >> {name}"
            raise TypeError(
                f"{edge}: an edge goes between tasks, or a task and a list of tasks, and this is "
                f"no task but {type(end).__name__!r}. Is the function decorated with @task?"
            )
    return ends
