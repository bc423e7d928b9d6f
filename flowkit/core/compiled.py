"""A compiled DAG: the graph and, for each task, the reference of its function and its policy.

It is only data. A worker looks a reference (``module:function``) up among the registered tasks of
its app; nothing is imported by name. Policies, references and fixed keyword arguments are stored
once and shared, since a wide DAG repeats them.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .graph import Graph
from .map_spec import Maps, counted_tasks, label_sources
from .numbering import MOST_NUMBERS, NODE, Numbering
from .retry import Policy
from .taken_parameter import TakenParameter
from .triggers import HOOKS, Trigger, special


class OnFailure(StrEnum):
    """What a run does when one of its tasks fails for good."""

    STOP = "stop"  # start no more tasks, wait for running ones, end as failed
    CONTINUE = "continue"  # branches that do not need the failed task continue


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CompiledDAG:
    """One version of a DAG. ``kwargs`` holds packed fixed keyword arguments by task number.

    ``on_retry``: the reference of the function that is called for retries, "" for none.
    ``pinned``: the version of the app whose workers alone run it, "" for any. ``maps``: how mapped
    tasks are mapped, by number. ``counted``: the tasks whose results are lists that are mapped.
    ``label_sources``: the tasks that make the labels of items, by mapped task.
    A number may be that of a task or, in a run, of an item of a mapped task.

    ``takes``: the run parameters that its tasks take. It is stored beside the graph, not in it,
    so a graph that was read has none: workers and schedulers need it for nothing.
    """

    name: str
    graph: Graph
    policies: tuple[Policy, ...]
    policy_of: array[int]
    refs: tuple[str, ...]
    ref_of: array[int]
    kwargs: Mapping[int, bytes] = field(default_factory=dict)
    on_failure: OnFailure = OnFailure.STOP
    on_retry: str = ""
    pinned: str = ""
    maps: Maps = field(default_factory=dict)
    takes: tuple[TakenParameter, ...] = ()
    numbering: Numbering = field(init=False, repr=False, compare=False)
    counted: frozenset[int] = field(init=False, repr=False, compare=False)
    label_sources: Mapping[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbering", Numbering(len(self.graph), self.maps))
        object.__setattr__(self, "counted", counted_tasks(self.maps))
        object.__setattr__(self, "label_sources", label_sources(self.graph, self.maps))

    def node(self, number: int) -> int:
        """Return the task of the graph that a number is, or is an item of. Raises IndexError."""
        numbering = self.numbering
        return number if number < numbering.count else numbering.split(number)[0]

    def policy(self, number: int) -> Policy:
        """Return the policy of a task, or of an item. Raises IndexError."""
        try:  # tasks come first, so that they cost no more than without items
            return self.policies[self.policy_of[number]]
        except IndexError:
            return self.policies[self.policy_of[self.numbering.node(number)]]

    def ref(self, number: int) -> str:
        """Return the reference of the function that a task or an item calls. Raises IndexError."""
        try:
            return self.refs[self.ref_of[number]]
        except IndexError:
            return self.refs[self.ref_of[self.numbering.node(number)]]

    def task_name(self, number: int) -> str:
        """Return the name of a task, or of an item, such as ``parse[7]``. Raises IndexError."""
        try:
            return self.graph.names[number]
        except IndexError:
            return self.numbering.name(self.graph.names, number)

    def is_valid(self, number: int) -> bool:
        """Return whether a number can be that of a task or of an item in a run."""
        most = MOST_NUMBERS if self.maps else self.numbering.count
        return 0 <= number < most

    def is_counted(self, number: int) -> bool:
        """Return whether the result of a task or an item is a list that is mapped."""
        return bool(self.counted) and self.numbering.is_result_of(number, self.counted)

    def label_number(self, number: int) -> int | None:
        """Return the item that has the label of an item: that one, or one before it.

        None for a task, and for an item without a label. Raises IndexError.
        """
        if not self.label_sources:
            return None
        task, index = self.numbering.split(number)
        source = None if index == NODE else self.label_sources.get(task)
        return None if source is None else self.numbering.item(source, index)

    def triggers(self) -> dict[int, Trigger]:
        """Return the triggers that matter, by task number (see ``triggers.special``)."""
        of_policy = [policy.trigger for policy in self.policies]
        if set(of_policy) <= {Trigger.NONE_FAILED}:
            return {}
        return special(self.graph, (of_policy[policy] for policy in self.policy_of))

    def not_kept(self) -> list[int]:
        """Return the tasks whose results are dropped when no consumer needs them."""
        dropped = {number for number, policy in enumerate(self.policies) if not policy.keep_result}
        if not dropped:
            return []
        return [task for task, policy in enumerate(self.policy_of) if policy in dropped]

    def hooks(self) -> set[int]:
        """Return the tasks that are hooks."""
        return {task for task, trigger in self.triggers().items() if trigger in HOOKS}
