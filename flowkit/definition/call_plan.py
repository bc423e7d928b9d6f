"""Call plans: where each argument of a task's function comes from, and whether to call it.

There is one ``CallPlan`` per function, made once from its signature. The in-process runner and the
worker both use it, so a task behaves the same in both. The rules:

1.  Upstream results fill the positional parameters from the left, in the order of the edges.
2.  Fixed keyword arguments (``Task.bind``) come next, and win over run parameters.
3.  Run parameters fill, by name, the declared parameters that are still empty. They are never
    passed to ``**kwargs``.
4.  ``when`` gets the first upstream result, or as many as it has parameters without a default.
    A conditional task without any upstream task is skipped.

This module calls only the predicate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, NamedTuple

from ..basics.display_text import escape_lines
from .task_like import TaskLike

_NOTHING: dict[str, Any] = {}
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_MOST_DECORATORS = 100  # around one function; some wrappers refer to themselves
_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class CallPlan:
    """The parameters of a task's function and predicate."""

    positional: tuple[str, ...]  # parameters that upstream results can fill, from the left
    keyword: tuple[str, ...]  # parameters that can be given by name
    required: tuple[str, ...]  # parameters without a default
    takes_any_positional: bool  # *args
    takes_any_keyword: bool  # **kwargs
    when: Callable[..., object] | None
    when_takes: int | None  # upstream results for the predicate; None: all
    _open: dict[int, tuple[str, ...]] = field(default_factory=dict, compare=False)
    declared: dict[str, Any] = field(default_factory=dict, compare=False)  # by run_parameters

    def open_names(self, upstream_count: int) -> tuple[str, ...]:
        """Return the parameters that can be given by name after that many upstream results."""
        names = self._open.get(upstream_count)
        if names is None:
            filled = self.positional[:upstream_count]
            names = tuple(name for name in self.keyword if name not in filled)
            self._open[upstream_count] = names
        return names

    def keywords(
        self, upstream_count: int, params: Mapping[str, Any], fixed: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the keyword arguments of a call. Do not change them: calls may share them."""
        if not params:
            return fixed or _NOTHING
        names = self.open_names(upstream_count)
        if not names:
            return fixed or _NOTHING
        keywords = {name: params[name] for name in names if name in params}
        keywords.update(fixed)
        return keywords

    def should_run(self, values: Sequence[Any], *, comes_after: bool = False) -> bool:
        """Call the predicate, if there is one, with these upstream results.

        ``comes_after``: whether the task has upstream tasks, even if it gets no result of them.
        Raises TypeError if the predicate returns a coroutine or a generator, which would always be
        true.
        """
        if self.when is None:
            return True
        if not values and not comes_after:
            return False
        answer = self.when(*values[: self.when_takes])
        return answer if isinstance(answer, bool) else _truth_of(answer, self.when)

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        """Return the arguments that a direct call passes to the predicate, in declared order."""
        if not kwargs:
            return args
        declared = [name for name in (*self.positional, *self.keyword) if name in kwargs]
        order = dict.fromkeys((*declared, *kwargs))
        return [*args, *(kwargs[name] for name in order)]


def _truth_of(answer: object, when: Callable[..., object]) -> bool:
    kind = type(answer)
    if not any(hasattr(kind, name) for name in ("__await__", "__next__", "__anext__")):
        return bool(answer)
    close = getattr(answer, "close", None)
    if close is not None:  # or Python warns about a coroutine that was never awaited
        close()
    raise TypeError(
        f"The condition {getattr(when, '__qualname__', when)!r} returned a {kind.__name__}, "
        "which always counts as true. A condition must be an ordinary function that returns its "
        "answer: not an async function, a call of one, or a generator."
    )


def plan_for(task: TaskLike) -> CallPlan:
    """Return the call plan of ``task``. Tasks bound from one function share it."""
    base = task.base
    plan: CallPlan | None = base._plan
    if plan is None:
        plan = base._plan = _make_plan(base.func, base.when)
    return plan


def missing_parameters(
    plan: CallPlan,
    upstream_count: int,
    param_names: Collection[str],
    fixed_names: Collection[str],
) -> list[str]:
    """Return the required parameters that a call would leave empty, in declared order."""
    filled = plan.positional[:upstream_count]
    return [
        name
        for name in plan.required
        if name not in filled
        and name not in fixed_names
        and not (name in param_names and name in plan.keyword)
    ]


def own_arguments(
    task: TaskLike, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return the arguments of one attempt: copies, for a task with ``copy_arguments``.

    Raises TypeError for an argument that cannot be copied.
    """
    if not task.copy_arguments:
        return args, kwargs
    from copy import deepcopy

    try:
        return deepcopy((list(args), dict(kwargs)))
    except Exception as error:
        raise TypeError(
            f"Task {task.name!r}: an argument cannot be copied, as copy_arguments=True requires "
            f"({type(error).__name__}: {error}). Pass plain data, or leave copy_arguments out."
        ) from error


def why_skipped(values: Sequence[Any], *, comes_after: bool = False) -> str:
    """Return why a task is skipped whose ``should_run`` was asked with these arguments."""
    asked = values or comes_after
    return "its condition is false" if asked else "conditional, without upstream"


def may_retry(task: TaskLike, error: BaseException) -> bool:
    """Return whether ``error`` may be retried. The policy decides how many attempts there are."""
    return isinstance(error, Exception) and isinstance(error, task.retry_on)


def _make_plan(func: Callable[..., Any], when: Callable[..., object] | None) -> CallPlan:
    parameters = _parameters(func)
    named = [p for p in parameters if p.kind in _POSITIONAL or p.kind in _KEYWORD]
    kinds = {p.kind for p in parameters}
    supplied = _supplied_names(func)
    return CallPlan(
        positional=tuple(p.name for p in named if p.kind in _POSITIONAL),
        keyword=tuple(p.name for p in named if p.kind in _KEYWORD),
        required=tuple(p.name for p in named if not p.has_default and p.name not in supplied),
        takes_any_positional=inspect.Parameter.VAR_POSITIONAL in kinds,
        takes_any_keyword=inspect.Parameter.VAR_KEYWORD in kinds,
        when=when,
        when_takes=None if when is None else _predicate_takes(when),
    )


def _supplied_names(func: Callable[..., Any]) -> set[str]:
    """Return the strings in the code of ``func``'s decorators: arguments that they may supply.

    ``functools.wraps`` shows the parameters of the wrapped function, even one that the decorator
    supplies: ``func(*args, session=…, **kwargs)``. A run does not require such a parameter.
    """
    names: set[str] = set()
    for _ in range(_MOST_DECORATORS):
        inner = getattr(func, "__wrapped__", None)
        if inner is None:
            break
        waiting = list(getattr(getattr(func, "__code__", None), "co_consts", ()))
        while waiting:
            constant = waiting.pop()
            if isinstance(constant, str):
                names.add(constant)
            elif isinstance(constant, tuple):
                waiting.extend(constant)
        func = inner
    return names


class _Parameter(NamedTuple):
    name: str
    kind: Any
    has_default: bool


def _parameters(func: Callable[..., Any]) -> list[_Parameter]:
    """Return the parameters. A built-in without a signature counts as accepting ``*args``."""
    if type(func) is FunctionType and not func.__dict__:
        return _plain_parameters(func)
    try:
        parameters = inspect.signature(func).parameters.values()
    except (ValueError, TypeError):
        return [_Parameter("args", inspect.Parameter.VAR_POSITIONAL, False)]
    return [_Parameter(p.name, p.kind, p.default is not p.empty) for p in parameters]


def _plain_parameters(func: FunctionType) -> list[_Parameter]:
    """Read the code of an undecorated function in 1 µs; ``inspect.signature`` takes 15 µs."""
    code, kind = func.__code__, inspect.Parameter
    count, names = code.co_argcount, code.co_varnames
    first_default = count - len(func.__defaults__ or ())
    parameters = [
        _Parameter(
            name,
            kind.POSITIONAL_ONLY if index < code.co_posonlyargcount else kind.POSITIONAL_OR_KEYWORD,
            index >= first_default,
        )
        for index, name in enumerate(names[:count])
    ]
    end = count + code.co_kwonlyargcount
    defaults = func.__kwdefaults__ or {}
    for name in names[count:end]:
        parameters.append(_Parameter(name, kind.KEYWORD_ONLY, name in defaults))
    if code.co_flags & inspect.CO_VARARGS:
        parameters.append(_Parameter("*", kind.VAR_POSITIONAL, False))
    if code.co_flags & inspect.CO_VARKEYWORDS:
        parameters.append(_Parameter("**", kind.VAR_KEYWORD, False))
    return parameters


def annotate(error: BaseException, note: str) -> None:
    """Add a note to an exception, unless its class refuses notes.

    Python prints notes unchanged, so the text is escaped. A program may raise the same object
    repeatedly, so a note that the exception already has is not added.
    """
    with suppress(Exception):
        text = escape_lines(note)
        if text not in getattr(error, "__notes__", ()):
            error.add_note(text)


def _predicate_takes(when: Callable[..., object]) -> int | None:
    """Return how many upstream results a predicate takes, None for all.

    A default is usually a captured value (``lambda x, limit=limit: x < limit``), so a parameter
    with a default gets no result; only the first parameter always gets one.
    """
    try:
        parameters = inspect.signature(when).parameters.values()
    except (ValueError, TypeError):  # a built-in such as bool
        return 1
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    required = sum(p.default is p.empty for p in positional)
    return max(required, min(1, len(positional)))
