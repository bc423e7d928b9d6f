"""Where the tasks and the items of a DAG with mapped tasks get their arguments from.

It is worked out once for each task of the graph, since a mapped task may have a million items.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from weakref import WeakKeyDictionary

from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.core.numbering import NODE
from flowkit.definition.mapped_parameters import takes_mapped
from flowkit.definition.task import registered_task


class Kind(Enum):
    """What an argument is."""

    RESULT = "the result of an upstream task"
    ITEM = "the result of the upstream item of the same index"
    ELEMENT = "an element of the result of an upstream task"
    FLAT = "an element of the lists that the items of an upstream task returned"
    ALL = "the results of all items of an upstream task"
    MAPPED = "the same, as a Mapped"


class Source(NamedTuple):
    """Where one argument comes from. ``task``: the upstream task."""

    kind: Kind
    task: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The sources of all arguments, in their order.

    ``only``: the list of which an item gets an element and nothing else, which is the usual case.
    """

    sources: tuple[Source, ...]
    only: int | None

    def numbers(self, dag: CompiledDAG, index: int) -> list[int]:
        """Return the tasks and items whose results are arguments."""
        item = dag.numbering.item
        return [
            task if kind is Kind.RESULT else item(task, index)
            for kind, task in self.sources
            if kind is Kind.RESULT or kind is Kind.ITEM
        ]


class Plans:
    """The plans of the graphs that one lane has read."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Graph, dict[int, Plan]] = WeakKeyDictionary()

    def plan(self, dag: CompiledDAG, node: int, index: int) -> Plan:
        """Return the plan of a task (``index`` is NODE), or of an item of it."""
        known = self._known.get(dag.graph)
        if known is None:
            known = self._known[dag.graph] = {}
        key = node if index == NODE else -1 - node
        plan = known.get(key)
        if plan is None:
            plan = known[key] = _plan(dag, node, is_item=index != NODE)
        return plan


def _plan(dag: CompiledDAG, node: int, *, is_item: bool) -> Plan:
    upstream = enumerate(dag.graph.inputs(node))
    sources = tuple(Source(_kind(dag, node, at, task, is_item), task) for at, task in upstream)
    is_simple = len(sources) == 1 and sources[0].kind is Kind.ELEMENT
    return Plan(sources, sources[0].task if is_simple else None)


def _kind(dag: CompiledDAG, node: int, at: int, source: int, is_item: bool) -> Kind:
    spec = dag.maps[node] if is_item else None
    is_over = spec is not None and source in spec.over
    if source not in dag.maps:
        return Kind.ELEMENT if is_over else Kind.RESULT
    if spec is not None and is_over:
        return Kind.FLAT if spec.flatten else Kind.ITEM
    task = registered_task(dag.ref(node))
    return Kind.MAPPED if task is not None and takes_mapped(task, at) else Kind.ALL
