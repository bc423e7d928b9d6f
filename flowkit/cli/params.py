"""``flowkit params``: the run parameters of a DAG, also listed by ``--help`` of other commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from .inputs import dag_argument, json_option, limit_option, params_options, read_params
from .loading import describe

if TYPE_CHECKING:
    from ..client.documents.system import ParamEntry
    from ..parameters.parameter import Parameter

_WIDEST = 60
_HEADERS = ("NAME", "TYPE", "DEFAULT", "TAKEN BY", "DESCRIPTION")


@click.command()
@dag_argument
@params_options
@click.option("--task", metavar="NAME", help="Only parameters that this task takes.")
@limit_option(200)
@json_option
def params(spec: str, task: str | None, limit: int, as_json: bool, **options: Any) -> None:
    """List the run parameters of a DAG: types, defaults, and what they mean.

    No task runs, and no Redis is needed. For a factory (FILE:FUNCTION), its parameters come first,
    and -p gives the values that it needs to make the DAG.
    """
    from ..client.documents.system import Params
    from .output import note, note_more, print_table, say
    from .print_json import print_document

    described = describe(spec, read_params(options))
    own = list(described.own) if task is None else []
    of_run = [item for item in described.of_run or () if task is None or task in item.tasks]
    matching = len(own) + len(of_run)
    own = own[:limit]
    of_run = of_run[: limit - len(own)]
    shown = len(own) + len(of_run)
    if as_json:
        run = None if described.of_run is None else documents(of_run)
        more = matching > shown
        print_document(Params(factory=documents(own), run=run, matching=matching, more=more))
        return
    rows = [*rows_of(own, "the factory"), *rows_of(of_run)]
    if rows:
        print_table(_HEADERS, rows)
        note_more(shown, matching, more=matching > shown)
    elif not described.note:
        which = "The tasks of this DAG take" if task is None else f"Task {task!r} takes"
        say(f"{which} no run parameters.")
    if described.note:
        note(described.note)


def rows_of(parameters: Iterable[Parameter], taker: str = "") -> list[Sequence[str]]:
    """Return a row of cells for each parameter. ``taker``: what takes it, if no task does."""
    return [
        (
            parameter.name,
            _cut(parameter.type_name),
            "required" if parameter.required else _cut(parameter.default_text),
            _cut(", ".join(parameter.tasks) or taker),
            parameter.doc,
        )
        for parameter in parameters
    ]


def documents(parameters: Iterable[Parameter]) -> list[ParamEntry]:
    """Return the parameters for ``--json``. Type and default are text, as Python writes them."""
    from ..client.documents.system import ParamEntry

    return [
        ParamEntry(
            name=parameter.name,
            type=parameter.type_name or None,
            required=parameter.required,
            default=None if parameter.required else parameter.default_text,
            tasks=list(parameter.tasks),
            description=parameter.doc,
        )
        for parameter in parameters
    ]


def _cut(text: str) -> str:
    from .output import cut

    return cut(text, _WIDEST)
