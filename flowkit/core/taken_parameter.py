"""A run parameter as it is stored with a DAG, for those who have not got its code."""

from __future__ import annotations

from dataclasses import dataclass

MOST_TAKEN = 200  # parameters of a DAG; of more, none is stored
LONGEST_NAME = 200  # characters
LONGEST_TEXT = 300  # characters of an annotation, a default or a documentation


@dataclass(frozen=True, slots=True)
class TakenParameter:
    """What the tasks of a DAG say of one of its run parameters.

    ``annotation``: as a user would write it, "" for none. ``is_closed``: whether this text says all
    of it, because it has built-in types only. ``is_inferred``: whether it is only the type of the
    default, for text: Python may pass anything. ``required``: a run cannot start without it.
    ``default``: the default value as Python writes it, "" for none. ``doc``: the first line of its
    documentation, or "".
    """

    name: str
    annotation: str = ""
    is_closed: bool = False
    is_inferred: bool = False
    required: bool = False
    default: str = ""
    doc: str = ""
