"""Which results a run drops, and when."""

from __future__ import annotations

import pytest

from flowkit.core.check import check_run
from flowkit.core.commands import Command, DropResults, FinishRun, QueueTasks
from flowkit.core.compiled import OnFailure
from flowkit.core.dropping import with_needed
from flowkit.core.graph import Graph
from flowkit.core.policy_check import checked_policy
from flowkit.core.run import Run
from flowkit.core.states import RunState, TaskState
from flowkit.core.triggers import Trigger

S, F, K = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED
FAN = Graph.build(["load", "clean", "count"], [(0, 1), (0, 2)])


def dropped(commands: list[Command]) -> list[int]:
    return [
        task for command in commands if isinstance(command, DropResults) for task in command.tasks
    ]


def test_a_result_is_dropped_when_its_last_consumer_is_over() -> None:
    run = Run(FAN, not_kept=[0])
    assert dropped(run.start()) == []
    assert dropped(run.tasks_over([(0, S)])) == []
    assert dropped(run.tasks_over([(1, S)])) == []
    assert run.tasks_over([(2, K)]) == [DropResults([0]), FinishRun(RunState.SUCCEEDED, None)]


def test_the_result_of_a_task_without_consumers_is_dropped_at_its_end() -> None:
    run = Run(FAN, not_kept=[1])
    run.start()
    run.tasks_over([(0, S)])
    assert dropped(run.tasks_over([(1, S)])) == [1]


def test_consumers_that_a_failure_blocks_or_cancels_are_over() -> None:
    graph = Graph.build(["load", "bad", "report"], [(0, 1), (0, 2), (1, 2)])
    for on_failure in OnFailure:
        run = Run(graph, not_kept=[0], on_failure=on_failure)
        run.start()
        run.tasks_over([(0, S)])
        assert dropped(run.tasks_over([(1, F)])) == [0]


def test_a_consumer_that_was_over_first_counts_too() -> None:
    """``join`` is blocked while ``slow`` still runs."""
    graph = Graph.build(["bad", "slow", "join"], [(0, 2), (1, 2)])
    run = Run(graph, not_kept=[1], on_failure=OnFailure.CONTINUE)
    run.start()
    assert dropped(run.tasks_over([(0, F)])) == []
    assert dropped(run.tasks_over([(1, S)])) == [1]


def test_a_task_that_only_comes_after_another_does_not_hold_its_result() -> None:
    """``cleanup.after(load)``: it waits for the task, and takes nothing."""
    graph = Graph.build(["load", "count", "cleanup"], [(0, 1)], [(0, 2)])
    run = Run(graph, not_kept=[0])
    run.start()
    run.tasks_over([(0, S)])
    assert dropped(run.tasks_over([(1, S)])) == [0]
    assert dropped(run.tasks_over([(2, S)])) == []


def test_a_task_that_only_comes_after_another_needs_no_result_of_it() -> None:
    graph = Graph.build(["load", "count", "cleanup"], [(0, 1)], [(0, 2)])
    assert with_needed(graph, [2], gone={0}) == {2}
    assert with_needed(graph, [1], gone={0}) == {0, 1, 2}


def test_only_results_that_exist_are_dropped() -> None:
    run = Run(FAN, not_kept=[0, 1, 2])
    run.start()
    run.tasks_over([(0, S)])
    assert dropped(run.tasks_over([(1, F)])) == []
    assert dropped(run.tasks_over([(2, S)])) == [2, 0]


def test_a_repeated_fact_drops_nothing_twice_and_nothing_early() -> None:
    run = Run(FAN, not_kept=[0])
    run.start()
    run.tasks_over([(0, S), (1, S), (1, S)])
    assert dropped(run.tasks_over([(1, S), (0, S)])) == []
    assert dropped(run.tasks_over([(2, S)])) == [0]
    assert run.tasks_over([(2, S)]) == []


def test_a_restored_run_asks_again_for_what_may_not_have_been_done() -> None:
    run = Run(FAN, not_kept=[0, 1])
    commands = run.restore([(0, S), (1, S)])
    assert commands == [QueueTasks([2]), DropResults([1])]
    assert dropped(run.tasks_over([(2, S)])) == [0]


def test_a_restored_run_counts_the_tasks_that_it_marks_itself() -> None:
    run = Run(FAN, not_kept=[0])
    assert dropped(run.restore([(0, S), (1, F)])) == [0]


def test_a_cancelled_run_drops_before_its_end() -> None:
    run = Run(FAN, not_kept=[0])
    run.start()
    run.tasks_over([(0, S)])
    run.cancel()
    commands = run.tasks_over([(1, TaskState.CANCELLED), (2, TaskState.CANCELLED)])
    assert commands == [DropResults([0]), FinishRun(RunState.CANCELLED, None)]


def test_a_hook_of_the_task_is_a_consumer() -> None:
    graph = Graph.build(["load", "on_failure of load"], [(0, 1)])
    run = Run(graph, not_kept=[0], triggers={1: Trigger.TASK_FAILED})
    run.start()
    assert dropped(run.tasks_over([(0, S)])) == [0]  # the hook is skipped in the same step


def test_a_task_that_only_comes_after_another_does_not_need_its_result() -> None:
    graph = Graph.build(["setup", "load", "report"], [(1, 2)], order=[(0, 1)])
    assert with_needed(graph, [1], {0, 1}) == {1, 2}
    assert with_needed(graph, [2], {0, 1}) == {1, 2}
    assert with_needed(graph, [0], {0, 1}) == {0, 1, 2}


@pytest.mark.parametrize("trace", ["early", "never"])
def test_the_checker_finds_a_wrong_drop(trace: str) -> None:
    drop, end = [DropResults([0])], [FinishRun(RunState.SUCCEEDED, None)]
    steps = [QueueTasks([0]), (0, S), QueueTasks([1, 2]), (1, S)]
    steps += drop if trace == "early" else []
    steps += [(2, S), *end]
    with pytest.raises(AssertionError, match=r"dropped too early|results to drop"):
        check_run(FAN, [S, S, S], steps, on_failure=OnFailure.STOP, window=9, not_kept=[0])


def test_a_result_cannot_be_dropped_of_a_task_that_must_not_start_twice() -> None:
    with pytest.raises(ValueError, match="at_most_once=True and keep_result=False contradict"):
        checked_policy({"at_most_once": True, "keep_result": False})
    with pytest.raises(TypeError, match="keep_result must be True or False, not 'no'"):
        checked_policy({"keep_result": "no"})
