"""Parse the arguments of commands: apps, DAGs and run parameters."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..daemon.options import Seconds

if TYPE_CHECKING:
    from ..app import App
    from ..dag import DAG
    from ..definition.factories import Factory
    from .given import Given

_F = TypeVar("_F", bound=Callable[..., Any])


def params_options(command: _F) -> _F:
    """Add the options for parameters; ``read_params`` reads both."""
    param = click.option(
        "-p",
        "--param",
        "texts",
        metavar="KEY=VALUE",
        multiple=True,
        help="Run parameter. VALUE is converted to the type that the task annotates (see `flowkit "
        "params`). KEY=@FILE reads VALUE from a file; KEY=@@TEXT is the text @TEXT.",
    )
    params_file = click.option(
        "--params-file",
        metavar="FILE",
        help="Read run parameters from a JSON object in this file, - for standard input. Those of "
        "-p take precedence.",
    )
    return param(params_file(command))


def read_params(options: dict[str, Any]) -> Given:
    """Take the options of ``params_options`` out of ``options`` and read them."""
    from .given import parse_params

    return parse_params(options.pop("texts"), options.pop("params_file"))


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

timeout_option = click.option(
    "--timeout",
    type=Seconds(min_open=True),
    metavar="SECONDS",
    help="Wait at most this long.",
)


def limit_option(default: int) -> Callable[[_F], _F]:
    """Return the option ``--limit`` of a list."""
    return click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        metavar="N",
        help="Maximum number of entries.",
    )


def checked_run_id(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the run id if it is valid. A click callback. Raises BadParameter."""
    from ..client.run_ids import check_run_id

    try:
        return None if value is None else check_run_id(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


run_argument = click.argument("run_id", metavar="RUN", callback=checked_run_id)
dag_argument = click.argument("spec", metavar="FILE_OR_MODULE[:DAG]")


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
            one.name: one.convert(rest.pop(one.name), factory.owner)
            for one in factory.parameters()
            if one.name in rest
        }
        with _quietly():
            dag = app.build(factory, values)
        _refuse_unknown(factory, dag, rest)
    return Loaded(target, dag, dag.convert_params(rest) if rest else {})


def _refuse_unknown(factory: Factory, dag: DAG, given: Given) -> None:
    """Raise ParameterError for a name that neither the factory nor its DAG takes."""
    if not given:
        return
    from ..basics.suggestions import suggestion
    from ..exceptions import ParameterError

    known = [one.name for one in (*factory.parameters(), *dag.parameters())]
    for name in given:
        if name not in known:
            raise ParameterError(
                f"{factory.owner} has no parameter {name!r}, and neither has its DAG "
                f"{dag.name!r}. {suggestion(name, known)}",
                name,
            )
