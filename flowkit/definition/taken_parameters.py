"""What is stored of the run parameters of a DAG, so that its runs can be submitted without code.

All of it is text, and bounded. A default is stored as it is shown, not as a value: a run that
leaves the parameter out gets the default from the function, as always.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..basics.shorten import shorten
from ..core.taken_parameter import LONGEST_NAME, LONGEST_TEXT, MOST_TAKEN, TakenParameter

if TYPE_CHECKING:
    from ..parameters.parameter import Parameter


def taken_parameters(parameters: Sequence[Parameter]) -> tuple[TakenParameter, ...]:
    """Return the parameters as they are stored; none if there are too many to show in a form."""
    if len(parameters) > MOST_TAKEN or any(len(item.name) > LONGEST_NAME for item in parameters):
        return ()
    return tuple(map(_taken, parameters))


def _taken(parameter: Parameter) -> TakenParameter:
    from ..parameters.closed import is_closed

    kind: Any = parameter.expected
    return TakenParameter(
        name=parameter.name,
        annotation=shorten("" if kind is Any else _name_of(kind), LONGEST_TEXT),
        is_closed=kind is not Any and not parameter.problem and is_closed(kind),
        is_inferred=kind is not Any and parameter.annotation is Any,
        required=parameter.required,
        default="" if parameter.required else shorten(parameter.default_text, LONGEST_TEXT),
        doc=shorten(parameter.doc, LONGEST_TEXT),
    )


def _name_of(annotation: object) -> str:
    from ..parameters.annotations import name_of

    return name_of(annotation)
