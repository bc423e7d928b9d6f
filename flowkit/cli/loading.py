"""Loading apps and DAGs for commands, with the run parameters that are given for them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..app import App
    from ..dag import DAG
    from ..definition.factories import Factory
    from ..parameters.parameter import Parameter
    from .given import Given


@dataclass(frozen=True, slots=True)
class Loaded:
    """A DAG, the file or module of its app, and the run parameters that were given."""

    app: str
    dag: DAG
    params: dict[str, object]


def load_app_quietly(target: str) -> App:
    """Load an app. Output of its module goes to standard error. Raises AppError.

    The working directory is restored afterwards: paths that the user typed, and those that daemons
    load, are relative to it.
    """
    from ..app import load_app

    with _quietly():
        return load_app(target)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    before = os.getcwd()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.chdir(before)


def load_dag(spec: str, given: Given | None = None) -> Loaded:
    """Load the DAG that ``spec`` names, and convert the run parameters.

    If it names a factory, that is called with those values that it takes. Raises DAGError.
    """
    from ..app import split_spec

    target, name = split_spec(spec)
    app = load_app_quietly(target)
    factory, rest = app.factory(name), dict(given or {})
    if factory is None:
        dag = app.dag(name)
    else:
        values = {
            parameter.name: parameter.convert(rest.pop(parameter.name), factory.owner)
            for parameter in factory.parameters()
            if parameter.name in rest
        }
        with _quietly():
            dag = app.build(factory, values)
        _refuse_unknown(factory, dag, rest)
        _refuse_taken(factory, dag, values)
    return Loaded(target, dag, dag.convert_params(rest) if rest else {})


def _refuse_unknown(factory: Factory, dag: DAG, given: Given) -> None:
    """Raise ParameterError for a name that neither the factory nor its DAG takes."""
    if not given:
        return
    from ..basics.suggestions import suggestion
    from ..exceptions import ParameterError

    known = [parameter.name for parameter in (*factory.parameters(), *dag.parameters())]
    for name in given:
        if name not in known:
            raise ParameterError(
                f"{factory.owner} has no parameter {name!r}, and neither has its DAG "
                f"{dag.name!r}. {suggestion(name, known)}",
                name,
            )


def _refuse_taken(factory: Factory, dag: DAG, values: Mapping[str, object]) -> None:
    """Raise ParameterError if the runs need a value that the factory got and did not pass on."""
    from ..exceptions import ParameterError

    for parameter in dag.parameters():
        name = parameter.name
        if parameter.required and name in values:
            raise ParameterError(
                f"{factory.owner} takes {name!r}, so its DAG {dag.name!r} does not get it, and "
                f"task {parameter.tasks[0]!r} needs it: pass it on with .bind({name}={name}).",
                name,
                parameter.tasks[0],
            )


@dataclass(frozen=True, slots=True)
class Described:
    """What can be given for a DAG.

    ``own``: parameters of its factory, none if it has no factory. ``of_run``: parameters of its
    runs, None if the factory needs values before it makes the DAG.
    """

    own: list[Parameter]
    of_run: list[Parameter] | None

    @property
    def note(self) -> str:
        """What to say about parameters that are unknown, "" if all are known."""
        if self.of_run is not None:
            return ""
        needed = " ".join(item.example() for item in self.own if item.required)
        return f"To see the parameters of its runs too, give those of the factory: {needed}"


def describe(spec: str, given: Given) -> Described:
    """Load the app and return the parameters. Values for its runs do not matter here.

    Raises DAGError.
    """
    from ..app import split_spec

    target, name = split_spec(spec)
    factory = load_app_quietly(target).factory(name)
    own = [] if factory is None else factory.parameters()
    if any(item.required and item.name not in given for item in own):
        return Described(own, None)
    needed = {item.name: given[item.name] for item in own if item.name in given}
    return Described(own, load_dag(spec, needed).dag.parameters())
