"""The life-cycle tables, pair by pair, against a list written by hand."""

from __future__ import annotations

from itertools import product

import pytest

from flowkit.core.states import (
    RUN_OVER,
    RUN_TABLE,
    TASK_DONE,
    TASK_OVER,
    TASK_TABLE,
    IllegalTransition,
    RunMove,
    RunState,
    TaskMove,
    TaskState,
    mermaid,
    next_run_state,
    next_task_state,
)

# state, move, new state: written out again on purpose, so that no table can change by accident.
LEGAL_FOR_TASKS = """
    pending          queue    queued
    pending          block    upstream_failed
    pending          skip     skipped
    pending          items_over   succeeded
    pending          item_failed  failed
    pending          cancel   cancelled
    queued           claim    running
    queued           cancel   cancelled
    running          succeed  succeeded
    running          fail     failed
    running          skip     skipped
    running          retry    waiting
    running          again    waiting
    running          call     waiting
    running          release  queued
    running          cancel   cancelled
    waiting          due      queued
    waiting          cancel   cancelled
    failed           resume   pending
    upstream_failed  resume   pending
    cancelled        resume   pending
    succeeded        resume   pending
    skipped          resume   pending
"""
LEGAL_FOR_RUNS = """
    running    succeed  succeeded
    running    fail     failed
    running    cancel   cancelled
    failed     resume   running
    cancelled  resume   running
    succeeded  resume   running
"""


def legal(table: str) -> dict[tuple[str, str], str]:
    rows = [line.split() for line in table.strip().splitlines()]
    return {(state, move): new for state, move, new in rows}


@pytest.mark.parametrize(("state", "move"), list(product(TaskState, TaskMove)))
def test_a_task_takes_the_moves_of_the_list_and_refuses_all_others(
    state: TaskState, move: TaskMove
) -> None:
    new = legal(LEGAL_FOR_TASKS).get((state.value, move.value))
    if new is not None:
        assert next_task_state(state, move) is TaskState(new)
        return
    with pytest.raises(IllegalTransition) as caught:
        next_task_state(state, move)
    assert (caught.value.state, caught.value.move) == (state, move)
    assert str(caught.value) == f"'{move.value}' is not possible in state '{state.value}'"


@pytest.mark.parametrize(("state", "move"), list(product(RunState, RunMove)))
def test_a_run_takes_the_moves_of_the_list_and_refuses_all_others(
    state: RunState, move: RunMove
) -> None:
    new = legal(LEGAL_FOR_RUNS).get((state.value, move.value))
    if new is not None:
        assert next_run_state(state, move) is RunState(new)
        return
    with pytest.raises(IllegalTransition) as caught:
        next_run_state(state, move)
    assert (caught.value.state, caught.value.move) == (state, move)
    assert str(caught.value) == f"'{move.value}' is not possible in state '{state.value}'"


def test_a_refusal_does_not_show_the_lookup_that_failed() -> None:
    with pytest.raises(IllegalTransition) as caught:
        next_task_state(TaskState.SUCCEEDED, TaskMove.FAIL)
    assert caught.value.__suppress_context__


def test_every_task_state_can_be_reached_from_pending() -> None:
    assert reachable(TaskState.PENDING, TASK_TABLE) == set(TaskState)


def test_every_run_state_can_be_reached_from_running() -> None:
    assert reachable(RunState.RUNNING, RUN_TABLE) == set(RunState)


def test_every_task_can_still_end_whatever_has_happened() -> None:
    for state in TaskState:
        assert reachable(state, TASK_TABLE) & TASK_OVER


def test_only_resume_leaves_a_final_state() -> None:
    assert {move for state, move in TASK_TABLE if state in TASK_OVER} == {TaskMove.RESUME}
    assert {move for state, move in RUN_TABLE if state in RUN_OVER} == {RunMove.RESUME}


def test_only_a_resume_repeats_finished_work() -> None:
    assert {move for state, move in TASK_TABLE if state in TASK_DONE} == {TaskMove.RESUME}
    again = {move for state, move in RUN_TABLE if state is RunState.SUCCEEDED}
    assert again == {RunMove.RESUME}


def test_every_unfinished_task_can_be_cancelled() -> None:
    for state in set(TaskState) - TASK_OVER:
        assert next_task_state(state, TaskMove.CANCEL) is TaskState.CANCELLED


def test_only_a_claim_makes_a_task_run() -> None:
    moves = {move for (_, move), new in TASK_TABLE.items() if new is TaskState.RUNNING}
    assert moves == {TaskMove.CLAIM}


def test_the_final_and_the_successful_states() -> None:
    over = {"succeeded", "failed", "skipped", "upstream_failed", "cancelled"}
    assert {state.value for state in TASK_OVER} == over
    assert {state.value for state in TASK_DONE} == {"succeeded", "skipped"}
    assert {state.value for state in RUN_OVER} == {"succeeded", "failed", "cancelled"}


def test_the_diagram_shows_the_table() -> None:
    assert mermaid(TASK_TABLE).splitlines() == [
        "stateDiagram-v2",
        "    [*] --> pending",
        "    pending --> queued: queue",
        "    pending --> upstream_failed: block",
        "    pending --> skipped: skip",
        "    pending --> succeeded: items_over",
        "    pending --> failed: item_failed",
        "    pending --> cancelled: cancel",
        "    queued --> running: claim",
        "    queued --> cancelled: cancel",
        "    running --> succeeded: succeed",
        "    running --> failed: fail",
        "    running --> skipped: skip",
        "    running --> waiting: retry",
        "    running --> waiting: again",
        "    running --> waiting: call",
        "    running --> queued: release",
        "    running --> cancelled: cancel",
        "    waiting --> queued: due",
        "    waiting --> cancelled: cancel",
        "    failed --> pending: resume",
        "    upstream_failed --> pending: resume",
        "    cancelled --> pending: resume",
        "    succeeded --> pending: resume",
        "    skipped --> pending: resume",
        "    succeeded --> [*]",
        "    failed --> [*]",
        "    skipped --> [*]",
        "    upstream_failed --> [*]",
        "    cancelled --> [*]",
    ]


def reachable(start: object, table: dict) -> set:
    result = [start]
    for state in result:  # grows while it is walked
        result += [new for (old, _), new in table.items() if old is state and new not in result]
    return set(result)
