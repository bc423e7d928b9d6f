"""A DAG as a run needs it: the graph plus, for each task, its function's reference and policy.

It is data only. A reference (``module:function``) is looked up by a worker among the tasks that
its own app has registered; nothing here is ever imported by name. Policies, references and fixed
keyword arguments are stored once and pointed at, since a wide DAG repeats them.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .graph import Graph
from .retry import Policy
from .triggers import HOOKS, Trigger, special


class OnFailure(StrEnum):
    """What a run does when one of its tasks fails for good."""

    STOP = "stop"  # start nothing more, wait for what runs, end as failed
    CONTINUE = "continue"  # branches that do not need the failed task go on


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CompiledDAG:
    """One version of a DAG. ``kwargs`` holds packed fixed keyword arguments by task number.

    ``on_retry``: the reference of the function that hears of retries, "" for none.
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

    def policy(self, task: int) -> Policy:
        """Return how the attempts of ``task`` are made."""
        return self.policies[self.policy_of[task]]

    def ref(self, task: int) -> str:
        """Return the reference of the function that ``task`` calls."""
        return self.refs[self.ref_of[task]]

    def triggers(self) -> dict[int, Trigger]:
        """Return the triggers that have a say, by task number."""
        of_policy = [policy.trigger for policy in self.policies]
        if set(of_policy) <= {Trigger.NONE_FAILED}:
            return {}
        return special(self.graph, (of_policy[policy] for policy in self.policy_of))

    def hooks(self) -> set[int]:
        """Return the tasks that are hooks."""
        return {task for task, trigger in self.triggers().items() if trigger in HOOKS}
