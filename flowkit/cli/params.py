"""``flowkit params``: the run parameters of a DAG, also listed by ``--help`` of other commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .inputs import (
    again_option,
    dag_or_run,
    json_option,
    limit_option,
    params_options,
    read_params,
    refuse_both,
)
from .loading import Described, describe

if TYPE_CHECKING:
    from ..client.client import Client
    from ..client.documents.system import ParamEntry
    from ..client.run_form import FormParameter
    from ..parameters.parameter import Parameter

_WIDEST = 60
_HEADERS = ("NAME", "TYPE", "DEFAULT", "TAKEN BY", "DESCRIPTION")


@click.command()
@dag_or_run
@params_options
@again_option("List what this run can be given when it is submitted again, and what it was given.")
@click.option("--task", metavar="NAME", help="Only parameters that this task takes.")
@limit_option(200)
@json_option
@redis_options
@click.pass_context
def params(
    ctx: click.Context,
    /,
    spec: str | None,
    again: str | None,
    task: str | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """List the run parameters of a DAG: types, defaults, and what they mean.

    No task runs. For a factory (FILE:FUNCTION), its parameters come first, and -p gives the values
    that it needs to make the DAG. Redis is needed for --again only, which needs no file.
    """
    refuse_both(spec, again)
    if spec is None:
        from .connect import connect

        given = read_params(options)
        if given or task is not None:
            raise click.UsageError("-p, --params-file and --task need a file, not --again.")
        _show_form(connect(ctx, options), str(again), limit, as_json=as_json)
    else:
        _show_dag(describe(spec, read_params(options)), task, limit, as_json=as_json)


def _show_dag(described: Described, task: str | None, limit: int, *, as_json: bool) -> None:
    """Print the parameters of a factory and of the runs of its DAG."""
    from ..client.documents.system import Params
    from .output import note, note_more, print_table, say
    from .print_json import print_document

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


def _show_form(client: Client, again: str, limit: int, *, as_json: bool) -> None:
    """Print what a run can be given when it is submitted again."""
    from ..client.documents.make_form import form_document
    from ..client.run_names import find_run
    from .output import note, note_more, print_table, say
    from .print_json import print_document

    form = client.run_form(find_run(client, again).run_id)
    if as_json:
        print_document(form_document(form))
        return
    rows = [
        (
            item.name,
            _cut(item.type),
            "required" if item.required else _cut(item.default),
            _cut(_value(item)),
            item.doc,
        )
        for item in form.parameters[:limit]
    ]
    if rows:
        print_table(("NAME", "TYPE", "DEFAULT", "VALUE", "DESCRIPTION"), rows)
        note_more(len(rows), len(form.parameters), more=len(form.parameters) > limit)
    elif form.is_told:
        say("The tasks of this DAG take no run parameters.")
    else:
        say("The run has no parameters.")
    if form.problem:
        note(form.problem)


def _value(item: FormParameter) -> str:
    """Return the value of the earlier run, "" for none."""
    if not item.given:
        return ""
    return "(no text for it)" if item.text is None else item.text


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
