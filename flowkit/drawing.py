"""A DAG as text and as a Mermaid diagram. A DAG with a cycle can be drawn too: that helps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from .layout import Edge
from .task import Task

_PLAIN = frozenset(" _-.,:()")


def as_text(name: str, tasks: Sequence[Task], edges: Iterable[Edge]) -> str:
    """Return the DAG's name and, for each task, its upstream and downstream names."""
    if not tasks:
        return "Empty DAG (no tasks defined)"
    upstream: dict[Task, list[str]] = {task: [] for task in tasks}
    downstream: dict[Task, list[str]] = {task: [] for task in tasks}
    for source, target in edges:
        upstream[target].append(_visible(source.name))
        downstream[source].append(_visible(target.name))
    lines = [f"DAG: {_visible(name)}"]
    for task in tasks:
        lines += [
            "",
            _visible(task.name),
            f"  Upstream: {', '.join(upstream[task]) or '(none)'}",
            f"  Downstream: {', '.join(downstream[task]) or '(none)'}",
        ]
    return "\n".join(lines)


def as_mermaid(name: str, tasks: Sequence[Task], edges: Iterable[Edge]) -> str:
    """Return a Mermaid flowchart; any name is safe in it."""
    number = {task: index for index, task in enumerate(tasks)}
    lines = ["---", f"title: {json.dumps(_visible(name))}", "---", "flowchart TD"]
    lines += [f'    t{index}["{_entities(task.name)}"]' for task, index in number.items()]
    lines += [f"    t{number[source]} --> t{number[target]}" for source, target in edges]
    return "\n".join(lines)


def _visible(name: str) -> str:
    """Escape what a terminal would not show, or would show as something else."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _entities(name: str) -> str:
    return "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in name)
