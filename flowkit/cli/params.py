"""``flowkit params``: the run parameters of a DAG, also listed by ``--help`` of other commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from .inputs import (
    dag_argument,
    json_option,
    load_app_quietly,
    load_dag,
    params_options,
    read_params,
)

if TYPE_CHECKING:
    from ..parameters.parameter import Parameter
    from .given import Given

_WIDEST = 60
_HEADERS = ("NAME", "TYPE", "DEFAULT", "TAKEN BY", "DESCRIPTION")


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
        needed = " ".join(one.example() for one in self.own if one.required)
        return f"To see the parameters of its runs too, give those of the factory: {needed}"


def describe(spec: str, given: Given) -> Described:
    """Load the app and return the parameters. Values for its runs do not matter here.

    Raises DAGError.
    """
    from ..app import split_spec

    target, name = split_spec(spec)
    factory = load_app_quietly(target).factory(name)
    own = [] if factory is None else factory.parameters()
    if any(one.required and one.name not in given for one in own):
        return Described(own, None)
    needed = {one.name: given[one.name] for one in own if one.name in given}
    return Described(own, load_dag(spec, needed).dag.parameters())


@click.command()
@dag_argument
@params_options
@json_option
def params(spec: str, as_json: bool, **options: Any) -> None:
    """List the run parameters of a DAG: types, defaults, and what they mean.

    No task runs, and no Redis is needed. For a factory (FILE:FUNCTION), its parameters come first,
    and -p gives the values that it needs to make the DAG.
    """
    from .output import note, print_json, print_table, say

    found = describe(spec, read_params(options))
    if as_json:
        of_run = None if found.of_run is None else documents(found.of_run)
        print_json({"factory": documents(found.own), "run": of_run})
        return
    rows = [*rows_of(found.own, "the factory"), *rows_of(found.of_run or ())]
    if rows:
        print_table(_HEADERS, rows)
    elif not found.note:
        say("The tasks of this DAG take no run parameters.")
    if found.note:
        note(found.note)


def rows_of(parameters: Iterable[Parameter], taker: str = "") -> list[Sequence[str]]:
    """Return a row of cells for each parameter. ``taker``: what takes it, if no task does."""
    return [
        (
            one.name,
            _cut(one.type_name),
            "required" if one.required else _cut(default_text(one)),
            _cut(", ".join(one.tasks) or taker),
            one.doc,
        )
        for one in parameters
    ]


def documents(parameters: Iterable[Parameter]) -> list[dict[str, object]]:
    """Return the parameters for ``--json``. Type and default are text, as Python writes them."""
    return [
        {
            "name": one.name,
            "type": one.type_name or None,
            "required": one.required,
            "default": None if one.required else default_text(one),
            "tasks": list(one.tasks),
            "description": one.doc,
        }
        for one in parameters
    ]


def default_text(parameter: Parameter) -> str:
    """Return the default value; several, with their tasks, if the tasks differ."""
    texts = {task: _repr(value) for task, value in parameter.defaults.items()}
    different = set(texts.values())
    if len(different) == 1:
        return different.pop()
    return ", ".join(f"{text} ({task})" for task, text in texts.items())


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # the class of the value is the user's
        return f"a {type(value).__name__}"


def _cut(text: str) -> str:
    from .output import cut

    return cut(text, _WIDEST)
