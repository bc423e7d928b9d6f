"""The document of ``flowkit graph``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from .document import Document

if TYPE_CHECKING:
    from ...drawing.picture import Picture


@dataclass(frozen=True)
class GraphTask:
    """A task of the DAG."""

    name: Annotated[str, "The name of the task."]
    state: Annotated[str | None, "Its state in the run, null without a run."]


@dataclass(frozen=True)
class GraphEdge:
    """An edge of the DAG."""

    upstream: Annotated[str, "The task that comes first."]
    downstream: Annotated[str, "The task that comes after it."]
    data: Annotated[bool, "Whether a result is passed, not only the order kept."]


@dataclass(frozen=True, kw_only=True)
class Graph(Document):
    """The tasks and edges of a DAG, or of a run."""

    SCHEMA: ClassVar[str] = "flowkit/graph/1"
    dag: Annotated[str, "The name of the DAG."]
    run_id: Annotated[str | None, "The id of the run, null without one."]
    tasks: Annotated[list[GraphTask], "The tasks."]
    edges: Annotated[list[GraphEdge], "The edges."]


def graph_of(picture: Picture, run_id: str | None) -> Graph:
    """Return the document of a picture. ``run_id``: of the run, if it is one of a run."""
    names = picture.names
    return Graph(
        dag=picture.name,
        run_id=run_id,
        tasks=[
            GraphTask(name, None if mark is None else mark.state.value)
            for name, mark in zip(names, picture.marks, strict=True)
        ],
        edges=[
            GraphEdge(names[start], names[end], data)
            for edges, data in ((picture.edges, True), (picture.order, False))
            for start, end in edges
        ],
    )
