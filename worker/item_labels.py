"""The labels of items: what people see beside their index.

A label comes from the graph, as a format string or as the reference of a function, which is looked
up among the tasks that the app has registered. It never fails its item: see definition/labels.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flowkit.core.compiled import CompiledDAG
from flowkit.core.mapping import FUNCTION
from flowkit.definition.call_plan import plan_for
from flowkit.definition.labels import Label, label_text
from flowkit.definition.task import Task, registered_task
from flowkit.protocol.outcomes import Outcome


def label_of(dag: CompiledDAG, number: int, node: int, task: Task, args: Sequence[object]) -> str:
    """Return the label of an item of the task ``node``, "" for none.

    ``args``: what it gets from its upstream tasks.
    """
    if number == node or not dag.maps[node].label:
        return ""
    spec = dag.maps[node]
    label: Label = spec.label
    if spec.label.startswith(FUNCTION):
        named = registered_task(spec.label.removeprefix(FUNCTION))
        if named is None:  # another version of the app
            return ""
        label = named.func
    sources = dag.graph.inputs(node)
    items = [args[sources.index(source)] for source in spec.over]
    try:
        text = label_text(label, plan_for(task).positional, args, items)
    except BaseException:  # the user's function may even raise SystemExit
        return ""
    return text.encode("utf-8", "replace").decode()


def labelled(outcome: Outcome, label: str) -> Outcome:
    """Return the outcome of an item with its label."""
    return replace(outcome, label=label) if label else outcome
