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
from .retry import Policy
from .triggers import HOOKS, Trigger, special


class OnFailure(StrEnum):
    """What a run does when one of its tasks fails for good."""

    STOP = "stop"  # start no more tasks, wait for running ones, end as failed
    CONTINUE = "continue"  # branches that do not need the failed task continue


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CompiledDAG:
    """One version of a DAG. ``kwargs`` holds packed fixed keyword arguments by task number.

    ``on_retry``: the reference of the function that is called for retries, "" for none.
    ``pinned``: the version of the app whose workers alone run it, "" for any.
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

    def policy(self, task: int) -> Policy:
        """Return the policy of ``task``."""
        return self.policies[self.policy_of[task]]

    def ref(self, task: int) -> str:
        """Return the reference of the function that ``task`` calls."""
        return self.refs[self.ref_of[task]]

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
