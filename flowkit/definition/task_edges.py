"""The edges of a task: ``>>``, ``after`` and ``before``.

``a >> b`` passes the result of ``a`` to ``b``. ``b.after(a)`` says only that ``b`` starts after
``a``. An edge drawn within a ``with DAG(…)`` block belongs to that DAG only; see edges.py.

What type checkers see is declared at ``Task.__rshift__``, with the types of edge_types.py:
``a >> b`` has the type of ``b``, and ``b`` must have a positional parameter that takes the result
of ``a``. A checker does not know which one, since other edges may lead to ``b`` too. So it allows
each of the first three parameters, and any result for a function with more. Lists of tasks are not
compared: to mypy, a list of tasks of several types is a list of objects. Each edge is compared with
its own parameter when a DAG is compiled (result_types.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, overload

from .edges import draw, draw_order, mention, tasks_in, tasks_of
from .foreign_words import ForeignWords
from .signatures import P, R

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import ParamSpec, TypeAlias

    from ..basics.again import Again

    X = TypeVar("X")
    P2 = ParamSpec("P2")
    R2 = TypeVar("R2", covariant=True)

    class Exactly(Protocol[P2, R2]):
        """A ``Task[P2, R2]``, by its structure: mypy solves generic functions only in calls."""

        def _exactly(self, *args: P2.args, **kwargs: P2.kwargs) -> R2: ...

    # What a task passes on is never the ``Again`` that it may return too.
    Gives: TypeAlias = Callable[..., X | Again]
    # A task whose function returns a coroutine. What it passes on is the result of that.
    Async: TypeAlias = "TaskEdges[..., Coroutine[Any, Any, X | Again]]"

# Several tasks at one end of an edge. Anything that is not a task is refused when it is drawn.
Several = TypeVar("Several", bound="Sequence[TaskEdges] | list[object]")
End = TypeVar("End", bound="TaskEdges")
E = TypeVar("E", bound="TaskEdges")
E2 = TypeVar("E2", bound="TaskEdges")


class TaskEdges(ForeignWords, Generic[P, R]):
    """The part of ``Task`` that draws edges."""

    name: str
    upstream: list[Any]
    downstream: list[Any]
    # The tasks before and after it without data, outside of blocks; None for none.
    _after: dict[Any, None] | None = None
    _before: dict[Any, None] | None = None
    _is_mentioned: bool

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...  # noqa: D102
        def _exactly(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    def __rshift__(self, other: Any) -> Any:
        ends = tasks_in(TaskEdges, self.name, other, ">>")
        for task in ends:
            draw(self, task)
        if not ends:
            mention(self)
        return Stage(other) if isinstance(other, list | tuple) else other

    def __rrshift__(self, other: Sequence[TaskEdges] | list[object]) -> Self:
        ends = tasks_in(TaskEdges, self.name, other, "<<")
        for task in ends:
            draw(task, self)
        if not ends:
            mention(self)
        return self

    def after(self, *tasks: TaskEdges | Sequence[TaskEdges] | list[object]) -> Self:
        """Start this task after others without taking their results, and return this task.

        ``tasks``: tasks, or lists of them. Its trigger and a resume treat them like other upstream
        tasks. If ``>>`` connects two tasks too, the result is passed. Raises TypeError.
        """
        others = tasks_of(TaskEdges, f"{self.name}.after", tasks)
        for task in others:
            draw_order(task, self)
        if not others:
            mention(self)
        return self

    def before(self, *tasks: TaskEdges | Sequence[TaskEdges] | list[object]) -> Self:
        """Start others after this task without passing its result to them, and return this task.

        ``setup.before(load, report)`` is ``load.after(setup)`` and ``report.after(setup)``.
        """
        others = tasks_of(TaskEdges, f"{self.name}.before", tasks)
        for task in others:
            draw_order(self, task)
        if not others:
            mention(self)
        return self


class Stage(list[E]):
    """The tasks at the end of ``a >> [b, c]``: a list whose tasks can be followed by others.

    ``a >> [b, c] >> [d, e]`` draws every pair of ``[b, c]`` and ``[d, e]``, and so does
    ``[b, c] >> (d >> [e])`` or any other expression with a stage on one side. Between two plain
    lists Python calls nothing of flowkit's.
    """

    @overload
    def __rshift__(self, other: End) -> End: ...
    @overload
    def __rshift__(self, other: Sequence[E2]) -> Stage[E2]: ...
    @overload
    def __rshift__(self, other: list[object]) -> Stage[Any]: ...
    def __rshift__(self, other: Any) -> Any:
        ends = tasks_in(TaskEdges, _shown(self), other, ">>")
        for task in self:
            for end in ends:
                draw(task, end)
            if not ends:
                mention(task)
        if not self:
            for end in ends:
                mention(end)
        return Stage(ends) if isinstance(other, list | tuple) else other

    def __rrshift__(self, other: Sequence[TaskEdges] | list[object]) -> Self:
        Stage(tasks_in(TaskEdges, _shown(self), other, "<<")) >> self
        return self


def _shown(tasks: Sequence[TaskEdges]) -> str:
    return f"[{', '.join(task.name for task in tasks)}]"
