"""The systems that are explored: one task, a chain of two, a diamond, a diamond whose last task is
a clean-up (it starts whatever became of the others), a fan-out, a chain with a task that must
not start twice, a tree in which the results of three tasks are not kept, and a list that is mapped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowkit.core.compiled import OnFailure
from flowkit.core.retry import Policy
from flowkit.core.run_record import DEFAULT_WINDOW
from flowkit.core.triggers import Trigger
from flowkit.scheduler.serving import SMALL

from .memory import Plan
from .state import FAULTS, Setup

KINDS = FAULTS
EDGES = {
    "one": [],
    "two": [("a", "b")],
    "diamond": [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")],
    "cleanup": [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")],
    "wide": [("a", "b"), ("a", "c"), ("a", "d"), ("a", "e")],
    "once": [("a", "b"), ("b", "c")],
    "dropped": [("a", "b"), ("a", "c"), ("b", "d")],
    "mapped": [("a", "b"), ("b", "c")],
}
# Task b is mapped over what a returns.
MAPS = {"mapped": {"b": "a"}}
# The edges among them that pass no data: the clean-up only comes after c.
ORDER = {"cleanup": [("c", "d")]}


def setup(
    tasks: str = "diamond",
    *,
    retries: int = 0,
    on_failure: OnFailure = OnFailure.STOP,
    graph_known: bool = False,
    small: int = SMALL,
    others: str = "",
    window: int = DEFAULT_WINDOW,
    pinned: str = "",
    length: int = 2,
    **budgets: Any,
) -> Setup:
    """Return a setup. ``retries``: of task b (a, where it is alone), the one that may fail.

    ``small``: 0 for a run with backlogs. ``others``: tasks that have a function of their own.
    ``window``: the most tasks that are dispatched at a time. ``pinned``: the version of the app
    that runs it. ``length``: of the list that is mapped.
    """
    edges = EDGES[tasks]
    names = sorted({name for edge in edges for name in edge}) or ["a"]
    shaky = "b" if len(names) > 1 else "a"
    policies = {name: Policy(retries=retries if name == shaky else 0) for name in names}
    if tasks == "cleanup":
        policies["d"] = Policy(trigger=Trigger.ALL_OVER)
    if tasks == "once":
        policies["b"] = Policy(at_most_once=True)
    if tasks == "dropped":
        policies |= {name: replace(policies[name], keep_result=False) for name in "abd"}
    plan = Plan(
        policies,
        edges,
        on_failure,
        graph_known=graph_known,
        small=small,
        others=frozenset(others),
        order=ORDER.get(tasks, []),
        window=window,
        pinned=pinned,
        maps=MAPS.get(tasks, {}),
        lengths={"a": length},
    )
    return Setup(plan, shaky=frozenset({shaky}), **budgets)
