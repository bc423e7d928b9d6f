"""Where the boxes of a drawing are, for those who draw it themselves: the page of the dashboard.

The states of tasks are not considered. So a plan stays as it is while its run continues; the page
colours each box by the states of its tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .layers import layers_of
from .picture import Picture
from .places import Places, place
from .stacks import Stacks, boxes_of, is_too_large, title_of

EASY_BOXES = 300  # in a larger DAG, similar tasks share a box unless the caller objects
LONGEST_TITLE = 30
_CELL_PX, _LEAST_WIDTH, _PADDING, _HEIGHT = 7.6, 92.0, 40.0, 44.0


@dataclass(frozen=True, slots=True)
class Plan:
    """``boxes``: the tasks in each box, with the edges between boxes. ``titles``: what they say."""

    boxes: Stacks
    titles: Sequence[str]
    places: Places


def plan_of(picture: Picture, collapse: bool | None = None) -> Plan | None:
    """Return the plan of a picture, None if it is too large.

    ``collapse``: whether similar tasks share a box; None: if there are more than ``EASY_BOXES``.
    """
    boxes = boxes_of(picture, collapse, EASY_BOXES)
    if is_too_large(boxes):
        return None
    titles = [_cut(title_of(picture, members)) for members in boxes.members]
    sizes = [(max(_LEAST_WIDTH, len(title) * _CELL_PX + _PADDING), _HEIGHT) for title in titles]
    layers = layers_of(len(boxes.members), boxes.edges)
    return Plan(boxes, titles, place(sizes, layers, boxes.edges))


def _cut(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"
