"""Calls: runs of a DAG that a task returns instead of a result.

A task that returns a ``Call``, or a list of calls, is over when these runs are. Its result is
theirs. ``DAG.as_task`` makes a task whose function only returns a call.

For type checkers, a call is a value of any type: the results of its run take its place.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Never, Protocol, Self

from ..arguments import check_mapping
from ..core.called_run import MOST_CALLS, MOST_DEPTH
from ..exceptions import DAGError
from .callables import is_async
from .task_names import number_of

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG
    from .task_like import TaskLike

_made: list[bool] = []  # not empty as soon as this process has made a call
_NO_PARAMS: Mapping[str, object] = MappingProxyType({})
ParamsFunction = Callable[..., Mapping[str, object]]


class CallableDAG(Protocol):
    """A DAG that can be called: a ``DAGDefinition``."""

    name: str
    max_workers: int | None
    pin_version: bool

    @property
    def tasks(self) -> Sequence[TaskLike]:
        """Its tasks."""

    def indexed(self) -> Any:
        """Number its tasks."""

    def compile_for_calls(self, indexed: Any) -> CompiledDAG:
        """Check that workers find its tasks, and compile it."""


class Call(Any):  # type: ignore[misc]
    """A run of a DAG, to be returned by a task. ``DAG.call`` makes one. It cannot be changed.

    ``dag``, ``params``: what is run. ``result``: the name of the task whose result is the value of
    the call, None for the results of all tasks by name.
    """

    __flowkit_advice__ = (
        "Return it by itself, or in a list that has nothing but calls: return [dag.call(…), …]."
    )
    dag: CallableDAG
    params: Mapping[str, object]
    result: str | None

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Make an empty call."""
        return object.__new__(cls)  # that of Any passes the arguments on

    def __init__(
        self, dag: CallableDAG, params: Mapping[str, object] | None, result: str | None
    ) -> None:
        """Raises TypeError for a ``result`` that is no name, or parameters that are no mapping."""
        check_mapping(params)
        put = object.__setattr__
        if not _made:
            _made.append(True)
        put(self, "dag", dag)
        put(self, "params", MappingProxyType(dict(params)) if params else _NO_PARAMS)
        put(self, "result", check_result(f"DAG {dag.name!r}: call", result))

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"a call of DAG {self.dag.name!r} cannot be changed")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError(f"a call of DAG {self.dag.name!r} cannot be changed")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the name of the DAG in a module, if it has one, so that it stays the same."""
        more = dict(self.params), self.result
        place = _place_of(self.dag)
        return (Call, (self.dag, *more)) if place is None else (_call_at, (*place, *more))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Call):
            return NotImplemented
        mine = self.dag, self.params, self.result
        return mine == (other.dag, other.params, other.result)

    def __hash__(self) -> int:
        return hash((self.dag.name, self.result))

    def __repr__(self) -> str:
        shown = "".join(f", {name}={value!r}" for name, value in self._given().items())
        return f"Call({self.dag.name!r}{shown})"

    def _given(self) -> dict[str, object]:
        given: dict[str, object] = {"params": dict(self.params)} if self.params else {}
        return {**given, **({} if self.result is None else {"result": self.result})}


def _place_of(dag: CallableDAG) -> tuple[str, str] | None:
    """Return the module and the name of a DAG, None without one."""
    for module in dict.fromkeys(task.base.func.__module__ for task in dag.tasks):
        for name, value in vars(sys.modules.get(module, sys)).items():
            if value is dag:
                return module, name
    return None


def _call_at(module: str, name: str, params: Mapping[str, object], result: str | None) -> Call:
    """Return a call of the DAG with this name. A child of this program has another main module."""
    found = "__main__" if module == "__mp_main__" and module not in sys.modules else module
    return Call(getattr(import_module(found), name), params, result)


def check_result(what: str, result: object) -> str | None:
    """Return the name of a task, or None. Raises TypeError."""
    if result is None or isinstance(result, str):
        return result
    raise TypeError(
        f"{what}: result must be the name of a task of that DAG, or None for the results of all "
        f"its tasks, not {result!r}."
    )


def any_made() -> bool:
    """Return whether this process has made a call."""
    return bool(_made)


def has_calls(value: object) -> bool:
    """Return whether a task that returned this value has called runs."""
    kind = type(value)
    if kind is Call:
        return True
    return (kind is list or kind is tuple) and bool(value) and type(value[0]) is Call  # type: ignore[index]


def wanted_task(compiled: CompiledDAG, result: str) -> int:
    """Return the number of the task whose result a call wants.

    Raises TaskNotFoundError, DAGError for a result that is not kept until the end of its run.
    """
    task = number_of(result, compiled.graph.names, f"DAG {compiled.name!r}")
    if not compiled.policy(task).keep_result:
        raise _not_kept(compiled.name, result)
    return task


def wanted_here(dag_name: str, tasks: Sequence[TaskLike], result: str) -> None:
    """Check the task whose result a call wants, of a run in this process. As ``wanted_task``."""
    number = number_of(result, [task.name for task in tasks], f"DAG {dag_name!r}")
    if not tasks[number].policy.keep_result:
        raise _not_kept(dag_name, result)


def _not_kept(dag_name: str, result: str) -> DAGError:
    return DAGError(
        f"task {result!r} of DAG {dag_name!r} has keep_result=False, so its result is deleted "
        "before its run ends, and cannot be the result of a call. Name another task, or leave "
        "keep_result out."
    )


def too_deep(name: str) -> DAGError:
    """Return the error for a call by the task ``name`` of a run that is already deep enough."""
    return DAGError(
        f"Task {name!r} called a run, and its own run is already {MOST_DEPTH} calls deep, which is "
        "the limit. If DAGs call each other, make sure that this ends."
    )


def calls_in(name: str, value: object) -> list[Call]:
    """Return the calls in a value that ``has_calls``. ``name``: of the task.

    Raises TypeError if it contains anything else, ValueError for too many.
    """
    calls: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
    for at, call in enumerate(calls):
        if type(call) is not Call:
            raise TypeError(
                f"Task {name!r} returned a list of calls, in which item {at} is none but "
                f"{call!r:.80}. Return calls only; pass other values as parameters of a call."
            )
    if len(calls) > MOST_CALLS:
        raise ValueError(
            f"Task {name!r} returned {len(calls):,} calls; the limit is {MOST_CALLS:,}. Return "
            "fewer, or map a task over a list: each of its items can return calls."
        )
    return calls


class CallTask:
    """The function of a task that ``DAG.as_task`` makes: it returns a call of the DAG.

    It is found by workers under the module that made it, the name of the DAG and that of the task.
    """

    def __init__(
        self,
        dag: CallableDAG,
        name: str,
        params: Mapping[str, object] | ParamsFunction | None,
        result: str | None,
        module: str,
    ) -> None:
        """``module``: where the task was made. Raises TypeError."""
        what = f"DAG {dag.name!r}: as_task"
        if params is not None and not isinstance(params, Mapping) and not callable(params):
            raise TypeError(
                f"{what}: params must be a mapping, or a function that returns one, not {params!r}."
            )
        if callable(params) and is_async(params):
            raise TypeError(f"{what}: the function for params must not be async.")
        self.dag, self.params = dag, params
        self.result = check_result(what, result)
        self.__name__, self.__module__ = name, module
        self.__qualname__ = f"{dag.name}.as_task({name})"
        self.__doc__ = f"Run DAG {dag.name!r}."
        if callable(params):
            self.__wrapped__ = params  # upstream results and run parameters go to it
        else:
            ignored = inspect.Parameter("upstream", inspect.Parameter.VAR_POSITIONAL)
            self.__signature__ = inspect.Signature([ignored])

    def __call__(self, *args: object, **kwargs: object) -> Call:
        """Return the call; the arguments go to the function for the parameters."""
        params = self.params
        if callable(params):
            given = params(*args, **kwargs)
            if not isinstance(given, Mapping):
                raise TypeError(
                    f"the function for the parameters of DAG {self.dag.name!r} must return a "
                    f"mapping of names to values, not {given!r:.80}"
                )
            params = given
        return Call(self.dag, params, self.result)

    def is_like(self, other: object) -> bool:
        """Return whether another task does the same."""
        return (
            isinstance(other, CallTask)
            and other.dag is self.dag
            and other.params == self.params
            and other.result == self.result
        )
