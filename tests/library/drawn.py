"""Reads an SVG drawing back: its boxes, its edges and what is written in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree

from flowkit import DAG, Task
from flowkit.client.status import TaskStatus
from flowkit.core.states import TaskState

SVG = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """One box. ``lines``: what is written in it; ``tooltip``: its lines; ``cards``: frames."""

    lines: list[str]
    tooltip: list[str]
    state: str
    left: float
    top: float
    right: float
    bottom: float
    cards: int


@dataclass(frozen=True)
class Line:
    """One edge. ``level``: its straight pieces, from point to point."""

    name: str
    back: bool
    begin: Point
    end: Point
    level: list[tuple[Point, Point]]


@dataclass(frozen=True)
class Drawn:
    """What an SVG shows."""

    width: float
    height: float
    header: list[str]
    boxes: list[Box]
    edges: list[Line]

    def box(self, name: str) -> Box:
        (result,) = [box for box in self.boxes if name in box.tooltip]
        return result


def read(svg: str) -> Drawn:
    root = ElementTree.fromstring(svg)
    groups = root.findall(f".//{SVG}g")
    return Drawn(
        width=float(root.attrib["width"]),
        height=float(root.attrib["height"]),
        header=_texts(root, "./") + _texts(root, f"./{SVG}g/"),
        boxes=[_box(item) for item in groups if item.get("class", "").startswith("node ")],
        edges=[
            _line(path)
            for group in groups
            if group.get("class") == "edges"
            for path in group.findall(f"{SVG}path")
        ],
    )


def _texts(node: ElementTree.Element, where: str) -> list[str]:
    return [text.text or "" for text in node.findall(f"{where}{SVG}text")]


def _box(node: ElementTree.Element) -> Box:
    rects = node.findall(f"{SVG}rect")
    (front,) = [rect for rect in rects if rect.get("class") == "box front"]
    x, y, width, height = (float(front.attrib[key]) for key in ("x", "y", "width", "height"))
    title = node.find(f"{SVG}title")
    assert title is not None
    return Box(
        lines=_texts(node, "./"),
        tooltip=(title.text or "").split("\n"),
        state=node.attrib["class"].removeprefix("node "),
        left=x,
        top=y,
        right=x + width,
        bottom=y + height,
        cards=sum((rect.get("class") or "").startswith("box") for rect in rects),
    )


def _line(path: ElementTree.Element) -> Line:
    steps = [
        (step[0], [float(number) for number in step[1:].split()])
        for step in re.findall(r"[MLC][^MLC]*", path.attrib["d"])
    ]
    points = [(kind, (numbers[-2], numbers[-1])) for kind, numbers in steps]
    return Line(
        name=path.findtext(f"{SVG}title", ""),
        back=path.get("class") == "back",
        begin=points[0][1],
        end=points[-1][1],
        level=[(old[1], new[1]) for old, new in pairwise(points) if new[0] == "L"],
    )


def make(name: str, *chains: str) -> DAG:
    """Make a DAG from chains such as "a b c": a before b before c."""
    tasks: dict[str, Task] = {}
    with DAG(name) as dag:
        for chain in chains:
            result = [tasks.setdefault(word, _task(word)) for word in chain.split()]
            for task in result:
                dag.add(task)
            for upstream, downstream in pairwise(result):
                upstream >> downstream
    return dag


def _task(name: str) -> Task:
    return Task(lambda *results: results, name=name)


def stands(
    name: str,
    state: TaskState,
    duration: float | None = None,
    attempt: int = 1,
    error: str | None = None,
) -> TaskStatus:
    """Return how a task stands."""
    return TaskStatus(name, state, attempt, "worker-1", None, duration, error)
