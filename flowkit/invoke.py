"""How a task's function is called: which argument comes from where, and whether at all.

One ``CallPlan`` per function, made once from its signature; the in-process runner and the worker
both call through it, so a task behaves alike in both. The rules:

1.  Upstream results fill the positional parameters from the left, in the order of the edges.
2.  Fixed keyword arguments (``Task.bind``) come next, and win over run parameters.
3.  Run parameters fill, by name, what the function declares and nothing else has filled. They
    never reach ``**kwargs``: only a declared name asks for one.
4.  ``when`` gets the first upstream result, or as many as it has parameters without a default.
    A conditional task without any upstream result is skipped.

It calls nothing by itself but the predicate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from .core.display_text import escape_lines

if TYPE_CHECKING:
    from .task import Task

_NOTHING: dict[str, Any] = {}
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_MOST_DECORATORS = 100  # round one function; some wrappers refer to themselves
_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What the signatures of a task's function and predicate say."""

    positional: tuple[str, ...]  # parameters that upstream results can fill, from the left
    keyword: tuple[str, ...]  # parameters that can be given by name
    required: tuple[str, ...]  # parameters without a default
    takes_any_positional: bool  # *args
    takes_any_keyword: bool  # **kwargs
    when: Callable[..., object] | None
    when_takes: int | None  # upstream results for the predicate; None: all
    _open: dict[int, tuple[str, ...]] = field(default_factory=dict, compare=False)

    def open_names(self, upstream_count: int) -> tuple[str, ...]:
        """Return the parameters to be given by name beside that many upstream results."""
        names = self._open.get(upstream_count)
        if names is None:
            filled = self.positional[:upstream_count]
            names = tuple(name for name in self.keyword if name not in filled)
            self._open[upstream_count] = names
        return names

    def keywords(
        self, upstream_count: int, params: Mapping[str, Any], fixed: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the keyword arguments of a call. Not to be changed: it may be shared."""
        if not params:
            return fixed or _NOTHING
        names = self.open_names(upstream_count)
        if not names:
            return fixed or _NOTHING
        found = {name: params[name] for name in names if name in params}
        found.update(fixed)
        return found

    def should_run(self, values: Sequence[Any]) -> bool:
        """Ask the predicate, if there is one, about these upstream results.

        Raises TypeError for an answer that is a coroutine or a generator: it would always be true.
        """
        if self.when is None:
            return True
        if not values:
            return False
        answer = self.when(*values[: self.when_takes])
        return answer if isinstance(answer, bool) else _truth_of(answer, self.when)

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        """Return what a direct call shows to the predicate: all arguments, in declared order."""
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
    if close is not None:  # Python warns of a coroutine that was never awaited
        close()
    raise TypeError(
        f"The condition {getattr(when, '__qualname__', when)!r} answered with a {kind.__name__}, "
        "which counts as true whatever it would say. A condition must be an ordinary function that "
        "returns its answer: not an async function, a call of one, or a generator."
    )


def plan_for(task: Task) -> CallPlan:
    """Return the plan of ``task``; tasks bound from one function share it."""
    base = task.base
    plan = base._plan
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
    task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return what one attempt is called with: copies, for a task with ``copy_arguments``.

    Raises TypeError for what cannot be copied.
    """
    if not task.copy_arguments:
        return args, kwargs
    from copy import deepcopy

    try:
        return deepcopy((list(args), dict(kwargs)))
    except Exception as error:
        raise TypeError(
            f"Task {task.name!r}: an argument cannot be copied, and copy_arguments=True wants it "
            f"({type(error).__name__}: {error}). Give it plain data, or leave copy_arguments out."
        ) from error


def why_skipped(values: Sequence[Any]) -> str:
    """Say why a task whose condition saw these upstream results is skipped."""
    return "its condition is false" if values else "conditional, without upstream"


def may_retry(task: Task, error: BaseException) -> bool:
    """Tell whether ``error`` is worth another attempt; how many there are is the policy's."""
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
    """Return the texts in the code of decorators of ``func``: arguments that they may supply.

    ``functools.wraps`` shows the parameters of the function inside, also one that the decorator
    fills: ``func(*args, session=…, **kwargs)``. Such a one is not asked for before a run.
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
    """Return the parameters; some built-ins tell none, and are taken to accept any positional."""
    if type(func) is FunctionType and not func.__dict__:
        return _plain_parameters(func)
    try:
        found = inspect.signature(func).parameters.values()
    except (ValueError, TypeError):
        return [_Parameter("args", inspect.Parameter.VAR_POSITIONAL, False)]
    return [_Parameter(p.name, p.kind, p.default is not p.empty) for p in found]


def _plain_parameters(func: FunctionType) -> list[_Parameter]:
    """Read an undecorated function's code, 1 µs where ``inspect.signature`` takes 15."""
    code, kind = func.__code__, inspect.Parameter
    count, names = code.co_argcount, code.co_varnames
    first_default = count - len(func.__defaults__ or ())
    found = [
        _Parameter(
            name,
            kind.POSITIONAL_ONLY if index < code.co_posonlyargcount else kind.POSITIONAL_OR_KEYWORD,
            index >= first_default,
        )
        for index, name in enumerate(names[:count])
    ]
    end = count + code.co_kwonlyargcount
    defaults = func.__kwdefaults__ or {}
    found += [_Parameter(name, kind.KEYWORD_ONLY, name in defaults) for name in names[count:end]]
    if code.co_flags & inspect.CO_VARARGS:
        found.append(_Parameter("*", kind.VAR_POSITIONAL, False))
    if code.co_flags & inspect.CO_VARKEYWORDS:
        found.append(_Parameter("**", kind.VAR_KEYWORD, False))
    return found


def annotate(error: BaseException, note: str) -> None:
    """Add a note to an exception, if it takes one: a class of the user's may refuse.

    Python prints notes as they are, so the text is escaped. A program may raise the same object
    again and again, so a note that it has already is not added.
    """
    with suppress(Exception):
        text = escape_lines(note)
        if text not in getattr(error, "__notes__", ()):
            error.add_note(text)


def _predicate_takes(when: Callable[..., object]) -> int | None:
    """Count the upstream results that a predicate wants.

    A default is usually a captured value (``lambda x, limit=limit: x < limit``), so a parameter
    that has one is left alone; only the first parameter always gets its value.
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
