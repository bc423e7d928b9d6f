"""``flowkit graph``: draw a DAG without running it, or a run with the state of each task."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..client.run_ids import is_run_id
from ..daemon.options import redis_options, settings_from
from ..exceptions import AppError
from .connect import connect_to_run
from .dag_command import DAGCommand
from .inputs import checked_run_id, json_option, params_options, read_params
from .loading import load_dag

if TYPE_CHECKING:
    from ..client.status import RunStatus
    from ..dag import DAG
    from .given import Given

_SUFFIXES = {
    ".txt": "text",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".svg": "svg",
}
_DRAWINGS: dict[str, Callable[[DAG | RunStatus], str]] = {
    "text": lambda drawn: drawn.visualize(),
    "mermaid": lambda drawn: drawn.to_mermaid(),
    "dot": lambda drawn: drawn.to_dot(),
    "svg": lambda drawn: drawn.to_svg(),
}


@click.command(cls=DAGCommand)
@click.argument("spec", metavar="[FILE_OR_MODULE[:DAG]]", required=False)
@click.option(
    "--run",
    "run_id",
    metavar="RUN",
    callback=checked_run_id,
    help="Draw this run, with the state of each task.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_DRAWINGS)),
    help="Text, a Mermaid flowchart, a Graphviz graph, or an SVG image [default: from the suffix "
    "of --output, else text].",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to this file.",
)
@params_options
@json_option
@redis_options
@click.pass_context
def graph(
    ctx: click.Context,
    /,
    spec: str | None,
    run_id: str | None,
    form: str | None,
    output: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Draw a DAG, or a run with the state of each task.

    No task runs. Only drawing a run needs Redis; --run is needed only if a file or module has the
    name of the run. -p is for a factory (FILE:FUNCTION).
    """
    if as_json and (form or output):
        raise click.UsageError("--json prints a document: omit --format and --output.")
    form, given = form or _form_of(output), read_params(options)
    if (spec is None) == (run_id is None):
        raise click.UsageError("Name either a DAG, or a run.")
    dag = None if spec is None else _dag_of(spec, given, options)
    if dag is None:
        name = str(run_id or spec)
        _refuse_file(name)
        status = connect_to_run(ctx, options, name).status()
        _draw(status, form, output, as_json=as_json)
        return
    _draw(dag, form, output, as_json=as_json)
    dag.indexed()  # draw first: a picture helps to find the cycle that this reports


def _draw(drawn: DAG | RunStatus, form: str, output: Path | None, *, as_json: bool) -> None:
    if not as_json:
        _put(_DRAWINGS[form](drawn), output)
        return
    from ..client.documents.graph import graph_of
    from .print_json import print_document

    print_document(graph_of(drawn.picture(), getattr(drawn, "run_id", None)))


def _dag_of(spec: str, given: Given, options: dict[str, Any]) -> DAG | None:
    """Return the DAG to draw, None if ``spec`` can only be a run.

    Raises AppError, DAGError, and UsageError for Redis options beside a DAG.
    """
    may_be_run = is_run_id(spec) and not spec.endswith(".py")
    if any(value is not None for value in options.values()):
        if may_be_run:
            return None
        raise click.UsageError("A DAG is drawn without Redis. Use the Redis options only for runs.")
    try:
        return load_dag(spec, given).dag
    except AppError as error:
        is_absent = error.__cause__ is None or isinstance(error.__cause__, ModuleNotFoundError)
        if not (is_absent and may_be_run):
            raise
        if settings_from(options).redis_url is None:
            hint = "If it is a run, say where its Redis is: --redis URL, or FLOWKIT_REDIS_URL."
            raise AppError(f"{error} {hint}") from error
        return None


def _refuse_file(run_id: str) -> None:
    """Raise UsageError if ``run_id`` is a Python file."""
    if run_id.endswith(".py") and Path(run_id).is_file():
        raise click.UsageError(
            f"--run {run_id!r} is a file. To draw its DAG: flowkit graph {shlex.quote(run_id)}"
        )


def _form_of(output: Path | None) -> str:
    if output is None:
        return "text"
    if output.suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise click.UsageError(f"{str(output)!r}: give --format, or a name that ends in {known}.")
    return _SUFFIXES[output.suffix]


def _put(drawing: str, output: Path | None) -> None:
    from .output import note, say

    if output is None:
        say(drawing)
        return
    try:
        output.write_text(drawing + "\n", encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{str(output)!r} cannot be written: {error.strerror}.") from None
    note(f"Drawn: {output}")
