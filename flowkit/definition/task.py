"""Task: a function, the rules for its attempts, and its edges.

``@task`` turns a function into a Task; ``>>`` draws edges between tasks. An edge drawn within a
``with DAG(…)`` block belongs to that DAG only. An edge drawn elsewhere is stored on its two tasks,
for the DAG that covers everything. Calling a task runs it directly, with its condition and its
retries, without a DAG.

Every Task registers itself in ``Task._all_tasks``, for the DAG that covers everything, and under
its reference (``module:function``), for the workers. A worker never imports by reference; it only
looks among the tasks that its app has registered. A task may be defined again (redefinition.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial, update_wrapper
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, SupportsIndex, Unpack, overload

from ..basics.suggestions import unknown_name
from .binding import BoundNames, name_bound, name_mapped
from .call_plan import CallPlan, plan_for
from .callables import is_async
from .direct_call import call_here
from .edges import disconnect, innermost_scope
from .functions import check_function, name_of, ref_of
from .hook_checks import hook_task
from .map_options import MapOptions, make_map_options, refuse_bind, refuse_call
from .options import TaskOptions, TaskProperties, make_options
from .pickling import reduction
from .plain_types import PlainTypes
from .redefinition import definer_of, register
from .signatures import P, R
from .task_edges import TaskEdges

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Concatenate, Literal, Protocol

    from .edge_types import (
        Element,
        GivesSome,
        Mappable,
        MapResults,
        Nested,
        Takes1,
        Takes2,
        Takes3,
        Takes4,
    )
    from .labels import Label
    from .map_options import Failures, GivenMapOptions
    from .task_edges import P2, R2, Async, E, Exactly, Gives, Stage, X

_NO_KWARGS: Mapping[str, Any] = MappingProxyType({})


class Task(TaskEdges[P, R], TaskProperties, Generic[P, R]):
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
    upstream: list[Task]
    downstream: list[Task]
    _plain_types: PlainTypes | None = None
    _has_mapped = False
    map_options: MapOptions | None = None

    def __init__(self, func: Callable[P, R], **options: Unpack[TaskOptions]) -> None:
        """Check the options and register the task. Raises TypeError or ValueError."""
        self._set_up(func, options)
        if self.on_failure is not None:
            hook_task(f"Task {self.name!r}: on_failure", self.on_failure, Task.of)
        register(self)

    def _set_up(self, func: Callable[P, R], options: TaskOptions) -> None:
        name = name_of(func, options.get("name"))
        check_function(name, func)
        update_wrapper(self, func)
        self._options = make_options(name, options, is_async=is_async(func))
        self.func = func
        self.name = name
        self.upstream, self.downstream = [], []
        self.base: Task[..., R] = self
        self.kwargs: Mapping[str, Any] = _NO_KWARGS
        self.ref = ref_of(func)
        self._plan: CallPlan | None = None
        self._bound_names = BoundNames()
        self._definer = definer_of(func)

    @classmethod
    def of(cls, func: Callable[..., Any]) -> Task:
        """Return a function as a task: itself, or an unlisted one, found by its reference."""
        if isinstance(func, Task):
            return func
        known = Task._by_ref.get(ref_of(func))
        return known if known is not None and known.func is func else Task.unlisted(func)

    @classmethod
    def unlisted(cls, func: Callable[P, R]) -> Task[P, R]:
        """Make a task that workers find, but that a DAG covers only if it is drawn or added."""
        task = cls.__new__(cls)
        task._set_up(func, {})
        Task._by_ref[task.ref] = task
        return task

    # -- more tasks of one function --------------------------------------------------------

    def bind(self, name: str | None = None, /, **kwargs: Any) -> Task[..., R]:
        """Make another task of the same function and options, with fixed keyword arguments.

        ``name``: by default ``NAME_2``, ``NAME_3``, … after the original task, counted within the
        DAG that takes it. Arguments that were fixed before are kept unless given again. Within a
        ``with DAG(…):`` block the new task belongs to no DAG until it is drawn or added. Raises
        TypeError for an argument that the function does not declare.
        """
        refuse_bind(self)
        base = self.base
        plan = plan_for(base)
        for argument in kwargs:
            if argument not in plan.keyword and not plan.takes_any_keyword:
                problem = unknown_name("argument", argument, plan.keyword)
                raise TypeError(f"{base.name}.bind: {problem}")
        bound: Task[..., R] = Task.__new__(Task)
        bound.__dict__.update(base.__dict__)
        bound.kwargs = MappingProxyType({**self.kwargs, **kwargs})
        bound._has_mapped = False
        disconnect(bound)
        name_bound(bound, name, innermost_scope())
        return bound

    if TYPE_CHECKING:
        map: MapMethod

    else:

        def map(
            self,
            *,
            over: Task | tuple[Task, ...] | None = None,
            label: Label | None = None,
            max_active: int | None = None,
            failures: Failures = "stop",
            flatten: bool = False,
            name: str | None = None,
        ) -> Task:
            """Make a task that runs this one for each element of an upstream result.

            ``over``: the upstream task, or a tuple of tasks whose elements are taken together; by
            default the first one drawn. The results of others go whole to each item. ``label``: a
            function of the item, or a format string, for people. ``max_active``: how many items are
            dispatched at a time. ``failures``: "stop" fails with the first item that fails,
            "collect" lets the tasks downstream see the failures. ``flatten``: over the elements of
            the lists that a mapped upstream task returned. ``name``: by default that of this task.
            """
            given = {"over": over, "label": label, "max_active": max_active}
            given |= {"failures": failures, "flatten": flatten}
            return self._mapped(make_map_options(self, Task, given), name)

    def _mapped(self, options: MapOptions, name: str | None) -> Task[..., Any]:
        if callable(options.label):
            options = replace(options, label_ref=Task.of(options.label).ref)
        mapped: Task[..., Any] = Task.__new__(Task)
        mapped.__dict__.update(self.__dict__)
        mapped.map_options, mapped._has_mapped = options, False
        disconnect(mapped)
        name_mapped(mapped, self.name if name is None else name, innermost_scope())
        self._has_mapped = True
        return mapped

    @property
    def has_bound_tasks(self) -> bool:
        """Whether other tasks were bound or mapped from this one."""
        return self._has_mapped or (self.base is self and bool(self._bound_names.ever))

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
        def __rshift__(
            self: GivesSome[X], other: Takes1[list[X | None], P2, R2]
        ) -> Task[P2, R2]: ...
        @overload
        def __rshift__(
            self: GivesSome[X], other: Takes2[list[X | None], P2, R2]
        ) -> Task[P2, R2]: ...
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
        refuse_call(self)
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


def registered_task(ref: str) -> Task | None:
    """Return the task that was last defined as ``module:function``, None if there is none."""
    return Task._by_ref.get(ref)


def registered_refs() -> list[str]:
    """Return the references of all functions that tasks were defined of."""
    return list(Task._by_ref)


if TYPE_CHECKING:  # see edge_types.py; here, since they name Task

    class MapMethod:
        """``Task.map``: a descriptor, since mypy solves no argument of ``self`` itself."""

        @overload
        def __get__(
            self, task: Exactly[Concatenate[X, P2], Coroutine[Any, Any, R2]], owner: object
        ) -> MapCall[X, P2, R2]: ...
        @overload
        def __get__(
            self, task: Exactly[Concatenate[X, P2], R2], owner: object
        ) -> MapCall[X, P2, R2]: ...
        def __get__(self, task: Any, owner: object) -> Any: ...

    class MapCall(Protocol[Element, P2, R2]):
        """A call of ``Task.map``. With ``flatten``, it takes elements of elements."""

        @overload
        def __call__(
            self, *, flatten: Literal[False] = False, **options: Unpack[GivenMapOptions]
        ) -> Task[Concatenate[Mappable[Element], P2], MapResults[R2]]: ...
        @overload
        def __call__(
            self, *, flatten: Literal[True], **options: Unpack[GivenMapOptions]
        ) -> Task[Concatenate[Nested[Element], P2], MapResults[R2]]: ...
        def __call__(self, *, flatten: bool = False, **options: Any) -> Any: ...  # noqa: D102
