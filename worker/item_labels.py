"""The labels of items: what people see beside their index.

A label comes from the graph, as a format string or as the reference of a function, which is looked
up among the tasks that the app has registered. It never fails its item: see definition/labels.py.

An item that makes no label has that of the item before it. Readers derive it, so it is not stored
again. Log lines have it too (known_labels.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

from flowkit.core.compiled import CompiledDAG
from flowkit.core.map_spec import FUNCTION
from flowkit.core.numbering import labelled
from flowkit.definition.call_plan import plan_for
from flowkit.definition.labels import Label, label_text
from flowkit.definition.task import Task, registered_task
from flowkit.exceptions import TaskNotFoundError
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.worker_store import Claim

from .attempt_events import AttemptEvents
from .inputs import Inputs
from .results import Life

MOST_TOLD = 1000  # mapped tasks of runs
ABSENT = "this version of the app does not have the function {ref!r}"


class ItemLabels:
    """Makes the labels of the items that one lane runs."""

    def __init__(self, inputs: Inputs, events: AttemptEvents) -> None:
        self._inputs, self._events = inputs, events
        self._told: OrderedDict[tuple[Life, int], None] = OrderedDict()

    def of(
        self, claim: Claim, dag: CompiledDAG, task: Task, args: Sequence[object]
    ) -> tuple[str, str]:
        """Return the label to store for a claimed task or item, and its name for log lines.

        ``args``: what it gets from its upstream tasks.
        """
        name, number = dag.task_name(claim.task), dag.label_number(claim.task)
        if number is None:
            return "", name
        if number != claim.task:
            return "", self.stored(claim, dag)
        label = _own_label(dag, number, task, args, lambda error: self._tell(claim, dag, error))
        self._inputs.labels.keep(claim, number, label)
        return label, labelled(name, label)

    def stored(self, claim: Claim, dag: CompiledDAG) -> str:
        """Return the name of a claimed task or item for log lines, with the label that it has."""
        return labelled(dag.task_name(claim.task), self._inputs.labels.of(claim, dag))

    def _tell(self, claim: Claim, dag: CompiledDAG, error: BaseException) -> None:
        """Log that a label cannot be made, once for each mapped task of a run."""
        key = claim.life, dag.node(claim.task)
        if key not in self._told:
            self._told[key] = None
            self._events.unlabelled(claim, dag.task_name(claim.task), error)
            if len(self._told) > MOST_TOLD:
                self._told.popitem(last=False)


def _own_label(
    dag: CompiledDAG,
    number: int,
    task: Task,
    args: Sequence[object],
    failed: Callable[[BaseException], None],
) -> str:
    """Return the label that an item's own mapped task makes, "" if it cannot be made."""
    node = dag.node(number)
    spec = dag.maps[node]
    label: Label = spec.label
    if spec.label.startswith(FUNCTION):
        ref = spec.label.removeprefix(FUNCTION)
        named = registered_task(ref)
        if named is None:
            failed(TaskNotFoundError(ABSENT.format(ref=ref), ref))
            return ""
        label = named.func
    sources = dag.graph.inputs(node)
    items = [args[sources.index(source)] for source in spec.over]
    text = label_text(label, plan_for(task).positional, args, items, failed)
    return text.encode("utf-8", "replace").decode()


def with_label(outcome: Outcome, label: str) -> Outcome:
    """Return the outcome of an item with its label."""
    return replace(outcome, label=label) if label else outcome
