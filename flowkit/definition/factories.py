"""Factories: functions of an app that return a DAG, ``flowkit run etl.py:build -p day=…``.

A factory is a plain Python function at the top level of the app's module. It is called in the
process of the command that names it, not on workers: these find the tasks in the module, so the
tasks must be defined there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from ..basics.suggestions import unknown_name
from ..exceptions import AppError, ParameterError
from .app_errors import report
from .dag import DAGDefinition
from .task import Task

if TYPE_CHECKING:
    from ..parameters.parameter import Parameter

_NAMES_DAG = re.compile(r"['\"]?(\w+\.)*DAG['\"]?")
_MOST_SHOWN = 20
AnyDAG = TypeVar("AnyDAG", bound=DAGDefinition)


class Factory:
    """A function that returns a DAG, and its parameters. ``app``: the name of the app."""

    def __init__(self, app: str, name: str, func: Callable[..., object]) -> None:
        """Wrap a function that ``factory_in`` returns."""
        self.app, self.name, self.func = app, name, func
        self.owner = f"Factory {name!r} of app {app!r}"

    def parameters(self) -> list[Parameter]:
        """Return the parameters that can be given by name."""
        from ..parameters.annotations import NOTHING
        from ..parameters.parameter import parameter_of
        from ..parameters.signatures import declared

        by_position = [
            parameter.name
            for parameter in inspect.signature(self.func).parameters.values()
            if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is NOTHING
        ]
        if by_position:
            raise ParameterError(
                f"{self.owner} takes {by_position[0]!r} by position only, and -p gives values by "
                "name: remove the / from its parameters.",
                by_position[0],
            )
        return [parameter_of(self.name, item) for item in declared(self.func).values()]

    def check(self, values: Mapping[str, object]) -> None:
        """Raise ParameterError unless the factory can be called with these values by name."""
        parameters = {parameter.name: parameter for parameter in self.parameters()}
        for name, value in values.items():
            if name not in parameters:
                sentence = unknown_name("parameter", name, list(parameters))
                raise ParameterError(f"{self.owner}: {sentence}", name)
            parameters[name].check(value, self.owner)
        missing = [
            parameter
            for parameter in parameters.values()
            if parameter.required and parameter.name not in values
        ]
        if missing:
            first = missing[0]
            raise ParameterError(
                f"{self.owner} lacks its parameter {first.name!r}. For example: {first.example()}",
                first.name,
            )

    def build(self, values: Mapping[str, object], kind: type[AnyDAG]) -> AnyDAG:
        """Call the factory and return its DAG. ``kind``: the class of DAGs.

        Raises ParameterError for values that it does not take, and AppError if it raises an error
        or returns anything else.
        """
        self.check(values)
        try:
            dag = self.func(**values)
        except SystemExit as error:
            raise AppError(
                f"{self.owner} ended the program (exit {error.code!r}). It must return a DAG."
            ) from error
        except Exception as error:
            raise AppError(report(f"{self.owner} failed", error)) from error
        if not isinstance(dag, kind):
            returned = "nothing" if dag is None else f"a {type(dag).__name__}"
            raise AppError(
                f"{self.owner} must return a DAG, and returned {returned}. Does it end with "
                "`return dag`?"
            )
        return dag


def factory_in(module: ModuleType, name: str) -> Callable[..., object] | None:
    """Return the function of this name if it may be called to make a DAG.

    A function that the module imports may only be called if it seems to return a DAG, so that no
    name on a command line calls ``shutil.move``.
    """
    value = vars(module).get(name)
    if not _is_plain_function(value):
        return None
    if not _is_own(value, module):
        return value if _may_return_dag(value) else None
    returns = getattr(value, "__annotations__", {}).get("return", DAGDefinition)
    return None if returns in (None, "None", type(None)) else value


def _is_plain_function(value: Any) -> TypeGuard[Callable[..., object]]:
    return (
        inspect.isfunction(value)
        and not inspect.iscoroutinefunction(value)
        and not inspect.isgeneratorfunction(value)
        and not inspect.isasyncgenfunction(value)
    )


def likely_factories(module: ModuleType) -> dict[str, Callable[..., object]]:
    """Return the functions of a module that seem to return a DAG, by name.

    They are annotated ``-> DAG``, or have no annotation and use the name DAG.
    """
    return {
        name: value
        for name, value in vars(module).items()
        if _is_plain_function(value) and _is_own(value, module) and _may_return_dag(value)
    }


def without_dag(app: str, module: ModuleType) -> str:
    """Say what an app without a DAG has instead, and how to get one."""
    tasks = [task.name for task in Task._all_tasks if task.func.__module__ == module.__name__]
    factories = likely_factories(module)
    if factories:
        shown = ", ".join(f"{name}{_signature(func)}" for name, func in factories.items())
        return (
            f"App {app!r} has no DAG at the top level of its module, only functions that may "
            f"return one: {shown}. Its tasks: {_listed(tasks)}. To call a function, name it and "
            f"give its parameters: {app}:{next(iter(factories))} -p NAME=VALUE"
        )
    functions = [name for name, value in vars(module).items() if _is_own(value, module)]
    only = f", only functions: {_listed(functions)}" if functions else ""
    return (
        f"App {app!r} has no DAG and no task{only}. Decorate "
        "functions with @task, and draw them in a `with DAG('…') as dag:` block at the top level "
        "of the module, or in a function that returns the DAG."
    )


def _listed(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more if names else "none"


def _is_own(value: object, module: ModuleType) -> bool:
    return inspect.isfunction(value) and value.__module__ == module.__name__


def _may_return_dag(func: Any) -> bool:
    """Return whether ``func`` seems to return a DAG. Annotations that are text stay text."""
    annotations = getattr(func, "__annotations__", {})
    if "return" not in annotations:
        return "DAG" in func.__code__.co_names
    given = annotations["return"]
    if isinstance(given, str):
        return _NAMES_DAG.fullmatch(given) is not None
    return isinstance(given, type) and issubclass(given, DAGDefinition)


def _signature(func: Callable[..., object]) -> str:
    """Return the parameters of a function with their types, as in its definition."""
    from ..parameters.parameter import parameter_of
    from ..parameters.signatures import declared

    parameters = [parameter_of(func.__name__, item) for item in declared(func).values()]
    return f"({', '.join(parameter.text() for parameter in parameters)})"
