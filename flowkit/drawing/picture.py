"""Draw a DAG as text, as a Mermaid flowchart and for Graphviz, with or without states.

Every kind of drawing starts from a ``Picture``: numbers, names and edges, of tasks defined in this
process or of the graph that a run follows. It is not checked: drawing a DAG with a cycle, or with
two tasks of one name, helps to find the mistake.

Any name is safe in every kind of drawing: it cannot end its label or control a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..basics.display_text import escape_text
from ..core.states import TaskState
from .marks import Mark, States, marks_of
from .style import INK, LOOKS

EMPTY = "Empty DAG (no tasks defined)"
_PLAIN = frozenset(" _-.,:()")


@dataclass(frozen=True, slots=True)
class Picture:
    """What to draw. ``edges``: (upstream, downstream) numbers. ``marks``: by task.

    ``order``: the edges without data, which are drawn thin or dotted. ``mapped``: the mapped tasks,
    which are shown as ``NAME[]``.
    """

    name: str
    names: Sequence[str]
    edges: Sequence[tuple[int, int]]
    marks: Sequence[Mark | None]
    order: Sequence[tuple[int, int]] = ()
    mapped: Collection[int] = ()

    def title(self, task: int) -> str:
        """Return the name of a task as it is drawn."""
        return f"{self.names[task]}[]" if task in self.mapped else self.names[task]

    def titles(self) -> list[str]:
        """Return the names of all tasks as they are drawn."""
        return [self.title(task) for task in range(len(self.names))]

    def states(self) -> set[TaskState]:
        """Return the states of the marked tasks."""
        return {mark.state for mark in self.marks if mark is not None}

    def item_states(self) -> set[TaskState]:
        """Return the states of the items of mapped tasks."""
        return {state for mark in self.marks if mark is not None for state in mark.items}


def marked(
    name: str,
    names: Sequence[str],
    edges: Sequence[tuple[int, int]],
    states: States | None = None,
    order: Sequence[tuple[int, int]] = (),
    mapped: Collection[int] = (),
) -> Picture:
    """Return a picture in which the tasks in ``states`` are marked.

    ``mapped``: the mapped tasks, beside those whose items are in ``states``.

    Raises what ``marks_of`` raises.
    """
    marks = {} if states is None else marks_of(name, names, states)
    in_order = [marks.get(task) for task in names]
    known = {task for task, mark in enumerate(in_order) if mark is not None and mark.items}
    return Picture(name, names, edges, in_order, order, known.union(mapped))


def as_text(picture: Picture) -> str:
    """Return the DAG's name and, for each task, its upstream and downstream names.

    Tasks of edges without data are listed apart, as ``After`` and ``Before``.
    """
    if not picture.names:
        return EMPTY
    names = [escape_text(name) for name in picture.titles()]
    upstream, downstream = _neighbours(names, picture.edges)
    after, before = _neighbours(names, picture.order)
    lines = [f"DAG: {escape_text(picture.name)}"]
    for task, mark in enumerate(picture.marks):
        lines += ["", names[task]]
        if mark is not None:
            lines.append(f"  State: {mark.text}")
        lines.append(f"  Upstream: {', '.join(upstream[task]) or '(none)'}")
        if after[task]:
            lines.append(f"  After: {', '.join(after[task])}")
        lines.append(f"  Downstream: {', '.join(downstream[task]) or '(none)'}")
        if before[task]:
            lines.append(f"  Before: {', '.join(before[task])}")
    return "\n".join(lines)


def _neighbours(
    names: Sequence[str], edges: Sequence[tuple[int, int]]
) -> tuple[list[list[str]], list[list[str]]]:
    """Return the names upstream and downstream of each task."""
    upstream: list[list[str]] = [[] for _ in names]
    downstream: list[list[str]] = [[] for _ in names]
    for source, target in edges:
        upstream[target].append(names[source])
        downstream[source].append(names[target])
    return upstream, downstream


def as_mermaid(picture: Picture) -> str:
    """Return a Mermaid flowchart."""
    lines = ["---", f"title: {json.dumps(escape_text(picture.name))}", "---", "flowchart TD"]
    for task, (name, mark) in enumerate(zip(picture.titles(), picture.marks, strict=True)):
        if mark is None:
            lines.append(f'    t{task}["{_entities(name)}"]')
        else:
            label = f"{_entities(name)}<br/>{mark.text}"
            lines.append(f'    t{task}["{label}"]:::{mark.state.value}')
    lines += [f"    t{source} --> t{target}" for source, target in picture.edges]
    lines += [f"    t{source} -.-> t{target}" for source, target in picture.order]
    for state in _in_order(picture):
        look = LOOKS[state]
        style = f"fill:{look.pale},stroke:{look.on_light},color:{INK}"
        lines.append(f"    classDef {state.value} {style}")
    return "\n".join(lines)


def as_dot(picture: Picture) -> str:
    """Return a graph in the DOT language of Graphviz."""
    title = _quoted(picture.name)
    lines = [
        f"digraph {title} {{",
        f"    graph [rankdir=LR, label={title}, labelloc=t, labeljust=l, fontname=Helvetica]",
        '    node [shape=box, style="rounded,filled", fillcolor=white, fontname=Courier]',
        "    edge [color=gray50]",
    ]
    for task, (name, mark) in enumerate(zip(picture.titles(), picture.marks, strict=True)):
        lines.append(f"    t{task} [{_dot_attributes(name, mark)}]")
    lines += [f"    t{source} -> t{target}" for source, target in picture.edges]
    lines += [f"    t{source} -> t{target} [style=dotted]" for source, target in picture.order]
    return "\n".join([*lines, "}"])


def _dot_attributes(name: str, mark: Mark | None) -> str:
    if mark is None:
        return f"label={_quoted(name)}"
    look = LOOKS[mark.state]
    colors = f'color="{look.on_light}", fillcolor="{look.pale}", fontcolor="{INK}"'
    return f"label={_quoted(name, mark.text)}, {colors}"


def _in_order(picture: Picture) -> list[TaskState]:
    states = picture.states()
    return [state for state in TaskState if state in states]


def _entities(name: str) -> str:
    return "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in name)


def _quoted(*lines: str) -> str:
    r"""Quote text for Graphviz, which would interpret ``\N`` and ``&lt;`` in it."""
    safe = (escape_text(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(line.replace("&", "&amp;") for line in safe) + '"'
