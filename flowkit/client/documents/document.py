"""What all JSON documents have in common: a schema with a version.

A command with ``--json`` builds a frozen dataclass and prints it. The dataclass is the schema: its
annotations say what each field may hold, ``Annotated`` says what it means, and
docs/reference/json.md is generated from both. A test compares the output of every command with it.

Rules:

- The first field of a document is ``schema``, such as ``flowkit/runs/1``.
- A document always has all of its fields. A value that is unknown is null.
- A new field may be added at any time. To remove or rename a field, or to change its meaning, give
  the document a new number.
- A list is a document too, with ``items`` and the fields of ``ListDocument``.
- A command that prints while things happen prints one document per line.

It refuses nothing: the values come from the library, and ``plain`` converts what JSON cannot hold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from ...codec.plain import plain

# What fields of several documents mean.
TIME = "ISO 8601 in UTC"
RUN_STATE = "`running`, `succeeded`, `failed` or `cancelled`."
STOPPING = "Whether it is running and was told to stop."


class Document:
    """The base of the documents. ``SCHEMA``: the name and the version of this one."""

    SCHEMA: ClassVar[str]


@dataclass(frozen=True)
class Damaged:
    """An entry of a list that cannot be read."""

    name: Annotated[str, "The name of the entry as Redis has it, such as a run id."]
    damaged: Annotated[str, "What is wrong with it."]


@dataclass(frozen=True, kw_only=True)
class ListDocument(Document):
    """The base of the lists. Each adds ``items``."""

    damaged: Annotated[list[Damaged], "The entries that cannot be read."]
    matching: Annotated[
        int | None, "How many entries there are without `--limit`, null if they were not counted."
    ]
    more: Annotated[bool, "Whether there are more entries than `items` has; see `--limit`."]


@dataclass(frozen=True)
class ErrorDocument:
    """An error. Of a failed task: the exception that it raised."""

    type: Annotated[str, "The class of the exception."]
    message: Annotated[str, "Its message."]
    task: Annotated[str | None, "The task that raised it, null if the error is flowkit's own."] = (
        None
    )
    attempt: Annotated[int | None, "The attempt of the task."] = None
    traceback: Annotated[str | None, "The traceback from the worker."] = None


def damaged_entries(items: Iterable[tuple[str, str]]) -> list[Damaged]:
    """Return the damaged items of a listing as parts of a document."""
    return [Damaged(name, problem) for name, problem in items]


def to_mapping(document: Document) -> Mapping[str, object]:
    """Return a document as JSON values, its schema first."""
    names = [field.name for field in dataclasses.fields(document)]  # type: ignore[arg-type]
    fields = {name: plain(getattr(document, name)) for name in names}
    return {"schema": document.SCHEMA, **fields}
