"""What a run can be given when it is submitted again: the form of its parameters.

The parameters that the DAG takes come from its store, as text (``protocol/takes.py``). Their
annotations are built-in types of a closed list (``parameters/closed.py``), or unknown: no class is
looked up by a name that a store has. A DAG that a client of an older release has submitted, or a
task, has no such list: then the form has the parameters of the earlier run, and takes the types of
their values.

A value of the earlier run is shown as text only if this text is read as exactly this value.
Otherwise the form keeps the value, whose bytes are copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from ..basics.suggestions import unknown_name
from ..codec.packing import CodecError, pack, unpack
from ..codec.parts import is_builtin
from ..codec.provenance import Provenance, takes_purpose, without_signatures
from ..core.taken_parameter import TakenParameter
from ..exceptions import ParameterError, UntrustedValue
from ..protocol.client_store import ClientStore
from ..protocol.decoding import CorruptData
from ..protocol.takes import unpack_takes

if TYPE_CHECKING:
    from ..parameters.parameter import Parameter

LONGEST_SHOWN = 4_096  # bytes of a packed value that is shown as text
MOST_SHOWN = 200  # values of an earlier run, if the list of the DAG is missing
NOT_TOLD = "The store does not tell what this DAG takes, so types are those of the earlier run."


@dataclass(frozen=True, slots=True)
class FormParameter:
    """One parameter of a form.

    ``name``, ``doc``: of the parameter. ``type``: its annotation, "" if it has none or none is
    known. ``is_known``: whether text is converted to this annotation; otherwise, text is read as
    JSON if JSON would write the value in the same way, and is text if not. ``required``: a run
    needs it. ``default``: what it is without a value, as Python writes it, "" if that is unknown.
    ``example``: a text that fits. ``given``: whether the earlier run has a value for it. ``text``:
    this value as text, None if there is none, or no text for it.
    """

    name: str
    type: str
    is_known: bool
    required: bool
    default: str
    doc: str
    example: str
    given: bool
    text: str | None


@dataclass(frozen=True, slots=True)
class RunForm:
    """The parameters of a run, and of another run like it.

    ``run_id``, ``dag``: the run whose graph and values these are. ``submitted``: when that was,
    seconds since 1970. ``is_told``: whether the store tells what the DAG takes; otherwise only the
    parameters of the run are listed, and ``problem`` says why.
    """

    run_id: str
    dag: str
    submitted: float
    parameters: tuple[FormParameter, ...]
    is_told: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What the DAG of a run takes. ``parameters``: None if the store does not tell."""

    owner: str
    parameters: dict[str, Parameter] | None
    declared: Mapping[str, TakenParameter] = field(default_factory=dict)
    problem: str = ""

    def check(self, values: Mapping[str, object], names: Mapping[str, object]) -> None:
        """Raise ParameterError unless a run can start with these parameters.

        ``values``: those that are new. ``names``: all of them.
        """
        if self.parameters is None:
            return
        for name, value in values.items():
            parameter = self.parameter(name)
            if not self.declared[name].is_inferred:
                parameter.check(value, self.owner)
        for name, parameter in self.parameters.items():
            if parameter.required and name not in names:
                raise ParameterError(
                    f"{self.owner}: the required parameter {name!r} has no value. For example: "
                    f"{parameter.example()}",
                    name,
                )

    def parameter(self, name: str) -> Parameter:
        """Return a parameter, without an annotation if nothing is told of it.

        Raises ParameterError for a name that the DAG does not take.
        """
        if self.parameters is None:
            return _undeclared(name)
        if name not in self.parameters:
            sentence = unknown_name("parameter", str(name), list(self.parameters))
            raise ParameterError(f"{self.owner}: {sentence}", str(name))
        return self.parameters[name]


def read_taken(store: ClientStore, digest: str, dag_name: str, provenance: Provenance) -> Taken:
    """Return what a DAG takes: nothing is told by what is damaged, or not signed as it must be."""
    owner = f"DAG {dag_name!r}"
    try:
        stored = store.read_takes(digest)
        if not stored:
            return Taken(owner, None, problem=NOT_TOLD)
        purpose = takes_purpose(store.keys.namespace, digest)
        packed = provenance.open(stored, purpose, "the list of the run parameters of this DAG")
        declared = unpack_takes(packed if provenance else without_signatures(packed))
    except (CorruptData, UntrustedValue) as error:
        return Taken(owner, None, problem=f"{NOT_TOLD} {str(error).rstrip('.')}.")
    return Taken(
        owner,
        {item.name: _parameter(item) for item in declared},
        {item.name: item for item in declared},
    )


def form_parameters(taken: Taken, parts: Mapping[str, bytes]) -> tuple[FormParameter, ...]:
    """Return the form of a run with these packed values."""
    names = list(parts)[:MOST_SHOWN] if taken.parameters is None else list(taken.parameters)
    return tuple(_form_parameter(taken, name, parts.get(name)) for name in names)


def typed_as(taken: Taken, name: str, part: bytes | None) -> Parameter:
    """Return a parameter whose annotation is that of the earlier value, if the DAG has none."""
    parameter = taken.parameter(name)
    if taken.parameters is not None or part is None:
        return parameter
    return _like(name, _value_of(part)[0])


def _form_parameter(taken: Taken, name: str, part: bytes | None) -> FormParameter:
    from ..parameters.examples import example_text

    parameter = typed_as(taken, name, part)
    declared = taken.declared.get(name, TakenParameter(name, parameter.type_name))
    return FormParameter(
        name=name,
        type=declared.annotation,
        is_known=parameter.annotation is not Any,
        required=declared.required,
        default=declared.default,
        doc=declared.doc,
        example=example_text(parameter.annotation) or "",
        given=part is not None,
        text=None if part is None else _text_of(part, parameter),
    )


def _parameter(item: TakenParameter) -> Parameter:
    from ..parameters.annotations import NOTHING
    from ..parameters.closed import annotation_of
    from ..parameters.parameter import Parameter

    kind = annotation_of(item.annotation) if item.is_closed else NOTHING
    return Parameter(item.name, Any if kind is NOTHING else kind, item.required, {}, (), item.doc)


def _undeclared(name: str) -> Parameter:
    from ..parameters.parameter import Parameter

    return Parameter(name, Any, required=False, defaults={}, tasks=())


def _like(name: str, value: object) -> Parameter:
    """Return a parameter that takes values of the type of this one, if it is a built-in type."""
    from ..parameters.closed import is_closed
    from ..parameters.parameter import Parameter

    kinds: tuple[type, ...] = (Path, PurePath, type(value))
    kind = next(kind for kind in kinds if isinstance(value, kind))
    annotation = kind if value is not None and is_closed(kind) else Any
    return Parameter(name, annotation, required=False, defaults={}, tasks=())


def _value_of(part: bytes) -> tuple[object, bool]:
    """Return a packed value, decoded without classes, and whether it is one for a form."""
    if len(part) > LONGEST_SHOWN or not is_builtin(part):
        return None, False
    try:
        return unpack(part, inert=True), True
    except CodecError:
        return None, False


def _text_of(part: bytes, parameter: Parameter) -> str | None:
    """Return a text that is read as exactly this value, None if there is none."""
    from ..parameters.as_text import texts_of
    from ..parameters.conversion import GivenText

    value, is_shown = _value_of(part)
    for text in texts_of(value) if is_shown else ():
        try:
            if pack(parameter.convert(GivenText(text), "")) == part:
                return text
        except (ParameterError, CodecError):
            continue
    return None
