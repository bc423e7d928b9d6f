"""The document of a form: what a run can be given when it is submitted again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import TIME, Document


@dataclass(frozen=True, kw_only=True)
class FormEntry:
    """A run parameter that a DAG takes."""

    name: Annotated[str, "Its name."]
    type: Annotated[str, "Its annotation, empty if it has none or none is known."]
    known: Annotated[
        bool,
        "Whether text is converted to the annotation; if not, it is read as JSON if JSON would "
        "write the value in the same way, and stays text otherwise.",
    ]
    required: Annotated[bool, "Whether a run cannot start without it."]
    default: Annotated[str, "What it is without a value, empty if that is not known."]
    description: Annotated[str, "What it means, or empty."]
    example: Annotated[str, "A text that fits, or empty."]
    given: Annotated[bool, "Whether the run has a value for it."]
    text: Annotated[str | None, "This value as text, null if there is none or no text for it."]


@dataclass(frozen=True, kw_only=True)
class Form(Document):
    """What a run can be given when it is submitted again."""

    SCHEMA: ClassVar[str] = "flowkit/form/1"
    run_id: Annotated[str, "The run whose graph and values are used again."]
    dag: Annotated[str, "The name of its DAG."]
    submitted: Annotated[str | None, f"When it was submitted, {TIME}."]
    told: Annotated[
        bool, "Whether the store tells what the DAG takes; otherwise, only what the run has."
    ]
    problem: Annotated[str, "Why it does not tell, or empty."]
    parameters: Annotated[list[FormEntry], "The parameters."]
