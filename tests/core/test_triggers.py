"""What each trigger makes of upstream tasks that are over, all combinations of it."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from flowkit.core.graph import Graph
from flowkit.core.states import TaskState
from flowkit.core.triggers import (
    AFTER_FAILURE,
    FOR_USERS,
    HOOKS,
    Trigger,
    Verdict,
    special,
    verdict,
)

OK, SKIP, BAD = TaskState.SUCCEEDED, TaskState.SKIPPED, TaskState.FAILED
RUN, SKIPPED, BLOCK = Verdict.RUN, Verdict.SKIP, Verdict.BLOCK
NONE_FAILED, ALL_SUCCEEDED = Trigger.NONE_FAILED, Trigger.ALL_SUCCEEDED
ANY_SUCCEEDED, ALL_OVER = Trigger.ANY_SUCCEEDED, Trigger.ALL_OVER

# How the upstream tasks ended, and the verdicts in the order of FOR_USERS.
TABLE = {
    (OK,): (RUN, RUN, RUN, RUN),
    (OK, SKIP): (RUN, SKIPPED, RUN, RUN),
    (SKIP,): (RUN, SKIPPED, SKIPPED, RUN),
    (OK, BAD): (BLOCK, BLOCK, RUN, RUN),
    (OK, SKIP, BAD): (BLOCK, BLOCK, RUN, RUN),
    (SKIP, BAD): (BLOCK, BLOCK, BLOCK, RUN),
    (BAD,): (BLOCK, BLOCK, BLOCK, RUN),
}


@pytest.mark.parametrize("ended", TABLE, ids=lambda ended: " ".join(ended))
def test_the_truth_table(ended: tuple[TaskState, ...]) -> None:
    assert tuple(verdict(trigger, ended) for trigger in FOR_USERS) == TABLE[ended]


@pytest.mark.parametrize("ended", TABLE, ids=lambda ended: " ".join(ended))
@pytest.mark.parametrize("failure", [TaskState.UPSTREAM_FAILED, TaskState.CANCELLED])
def test_a_task_that_never_started_counts_as_failed(
    ended: tuple[TaskState, ...], failure: TaskState
) -> None:
    other = [failure if state is BAD else state for state in ended]
    assert tuple(verdict(trigger, other) for trigger in FOR_USERS) == TABLE[ended]


def test_the_table_is_complete() -> None:
    kinds = (OK, SKIP, BAD)
    all_sets = chain.from_iterable(combinations(kinds, size) for size in (1, 2, 3))
    assert set(TABLE) == set(all_sets)


@pytest.mark.parametrize(
    ("trigger", "runs_on"), [(Trigger.TASK_FAILED, BAD), (Trigger.TASK_SKIPPED, SKIP)]
)
def test_a_hook_on_a_task_runs_for_its_end_alone(trigger: Trigger, runs_on: TaskState) -> None:
    over = [OK, SKIP, BAD, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED]
    assert [state for state in over if verdict(trigger, [state]) is RUN] == [runs_on]
    assert {verdict(trigger, [state]) for state in over} == {RUN, SKIPPED}


def test_only_what_has_a_say_is_special() -> None:
    graph = Graph.build(["a", "b", "c", "d"], [(0, 1), (1, 2)])
    triggers = [ALL_OVER, NONE_FAILED, ALL_OVER, Trigger.RUN_FAILED]
    assert special(graph, triggers) == {2: ALL_OVER, 3: Trigger.RUN_FAILED}


def test_hooks_and_clean_up_run_after_a_failure() -> None:
    assert set(FOR_USERS) & AFTER_FAILURE == {ALL_OVER}
    assert HOOKS < AFTER_FAILURE
    assert set(FOR_USERS) | HOOKS == set(Trigger)
