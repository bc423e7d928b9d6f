"""The document of a drawing of a run: where its boxes and edges are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, ClassVar

from ...drawing.picture import marked
from ...drawing.plan import plan_of
from .document import Document

if TYPE_CHECKING:
    from ...core.compiled import CompiledDAG


@dataclass(frozen=True)
class PlanBox:
    """A box: a task, or several similar ones."""

    title: Annotated[str, "What it says, cut."]
    at: Annotated[list[float], "Left, top, width, height."]
    tasks: Annotated[list[int], "The numbers of its tasks, in the order of the columns."]


@dataclass(frozen=True, kw_only=True)
class GraphPlan(Document):
    """Where the tasks of a run are in a drawing."""

    SCHEMA: ClassVar[str] = "flowkit/graph-plan/1"
    run_id: Annotated[str, "The id of the run."]
    too_large: Annotated[bool, "Whether there are too many boxes or edges; then there are none."]
    collapsed: Annotated[bool, "Whether similar tasks share a box."]
    width: Annotated[float, "The width of the drawing."]
    height: Annotated[float, "Its height."]
    boxes: Annotated[list[PlanBox], "The boxes."]
    lines: Annotated[list[list[float]], "Edges, each as the points of its line: x, y, x, y, …"]
    ends: Annotated[list[int], "The boxes at the ends of each edge: from, to, from, to, …"]
    passing: Annotated[int, "How many of the edges pass results; the others follow them."]


def plan_document(run_id: str, dag: CompiledDAG, *, collapse: bool | None) -> GraphPlan:
    """Return the drawing of a graph, without states."""
    names, graph = dag.graph.names, dag.graph
    picture = marked(run_id, names, graph.data_edges(), None, graph.order_edges(), list(dag.maps))
    plan = plan_of(picture, collapse)
    if plan is None:
        return GraphPlan(
            run_id=run_id,
            too_large=True,
            collapsed=False,
            width=0,
            height=0,
            boxes=[],
            lines=[],
            ends=[],
            passing=0,
        )
    boxes, places = plan.boxes, plan.places
    return GraphPlan(
        run_id=run_id,
        too_large=False,
        collapsed=len(boxes.members) < len(names),
        width=round(places.width, 1),
        height=round(places.height, 1),
        boxes=[
            PlanBox(title, _rounded(place), list(members))
            for title, place, members in zip(plan.titles, places.boxes, boxes.members, strict=True)
        ],
        lines=[_rounded(chain.from_iterable(line)) for line in places.lines],
        ends=list(chain.from_iterable(boxes.edges)),
        passing=boxes.passing,
    )


def _rounded(numbers: Iterable[float]) -> list[float]:
    return [round(number, 1) for number in numbers]
