"""In each state that the explorer reaches, each open task has one cause, and it is true."""

from __future__ import annotations

import pytest

from flowkit.core import explain
from flowkit.core.cause_rules import (
    RULES,
    Rule,
    later,
    no_function,
    no_scheduler,
    not_listed,
    upstream,
    window,
)
from flowkit.core.causes import Kind
from flowkit.core.states import TaskState

from .cause_watch import CauseWatch
from .causes import view_of
from .explore import Search
from .setups import setup
from .state import Setup
from .test_explorer import LARGE, SYSTEMS

MORE = {
    "a fan-out of which one task may be dispatched at a time": setup("wide", pairs=1, window=1),
    "a task that is pinned to one of two versions, a fault": setup(
        "one", apps=(1, 1), versions=("1", "2"), pinned="2", faults=1, kinds=frozenset({"death"})
    ),
    "a task, two deaths": setup("one", pairs=1, faults=2, kinds=frozenset({"death"})),
    "a task with a retry that is due later, a cancel": setup(
        "one", pairs=1, retries=1, failures=1, delay=100, clock=True, cancels=1
    ),
    "a task that comes again later, a cancel": setup(
        "one", pairs=1, agains=1, delay=100, clock=True, cancels=1
    ),
    "a task with a retry that is due later, lost hints or leases": setup(
        "one",
        pairs=1,
        retries=1,
        failures=1,
        delay=100,
        clock=True,
        faults=1,
        kinds=frozenset({"hints", "lapse"}),
    ),
}
SLOW = LARGE | {"a list of two that is mapped, a failure, a cancel and a resume"}
QUICK = [name for name in [*SYSTEMS, *MORE] if name not in SLOW]
# What no explored system has: a Redis that refuses writes, tasks that wait for runs, and the
# attempts that a worker of an older release puts off. ``tests/core/test_explain.py`` has.
ELSEWHERE = {
    *(Kind.REDIS_REFUSES, Kind.ALL_WAIT, Kind.WAITS_FOR_RUN, Kind.PUT_OFF),
    Kind.CHILDREN,  # tests/integration/test_called_runs.py
    Kind.ITEM_LIMIT,  # tests/core/test_map_views_random.py
}


def explained(which: Setup) -> CauseWatch:
    watch = CauseWatch(which)
    report = Search(which, watcher=watch).run()
    assert not report.wrong, "\n".join([report.wrong, *report.trace])
    assert report.complete
    return watch


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SLOW))
def test_each_cause_names_who_can_change_it_in_larger_systems(name: str) -> None:
    explained(SYSTEMS[name])


@pytest.mark.promise("sight-7")
def test_each_cause_names_who_can_change_it_and_all_causes_come_up() -> None:
    seen: set[Kind] = set()
    for name in QUICK:
        seen |= explained((SYSTEMS | MORE)[name]).seen.keys()
    assert seen == set(Kind) - ELSEWHERE


# -- mistakes ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("which", "state", "rule", "says"),
    [
        ("a chain that waits for turns, a retry and a fault", "queued", not_listed, "queued"),
        ("a task, two lost leases or replies, from the start", "pending", no_scheduler, "lags"),
        ("a task that one of two apps lacks, from the start", "queued", no_function, "not_ready"),
        ("a task, two deaths", "running", no_scheduler, "lost"),
        ("a task with a retry that is due later, a cancel", "waiting", later, "due"),
        ("a fan-out of which one task may be dispatched at a time", "pending", window, "lags"),
        ("a diamond with a retry, a cancel and a resume", "pending", upstream, "lags"),
    ],
)
def test_a_rule_that_is_missing_is_found(
    monkeypatch: pytest.MonkeyPatch, which: str, state: str, rule: Rule, says: str
) -> None:
    """Without it, the next rule names someone who cannot change anything."""
    rules = RULES[TaskState(state)]
    assert rule in rules
    fewer = tuple(other for other in rules if other is not rule)
    monkeypatch.setattr(explain, "RULES", {**RULES, TaskState(state): fewer})
    view_of.cache_clear()
    setup_ = (SYSTEMS | MORE)[which]
    report = Search(setup_, watcher=CauseWatch(setup_)).run()
    view_of.cache_clear()
    assert says in report.wrong
