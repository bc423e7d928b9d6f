"""The resolver's rules, one story each. Tasks are named by letters, facts by ``done("a")``."""

from __future__ import annotations

import pytest

from flowkit.core.commands import Command, FinishRun, MarkTasks, QueueTasks, StopRun, StopTasks
from flowkit.core.compiled import OnFailure
from flowkit.core.graph import Graph
from flowkit.core.run import Run
from flowkit.core.run_record import DEFAULT_WINDOW
from flowkit.core.states import RunState, TaskState

CONTINUE = OnFailure.CONTINUE
SUCCEEDED, FAILED, CANCELLED = RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED
BLOCKED = TaskState.UPSTREAM_FAILED


def number(name: str) -> int:
    return ord(name) - ord("a")


def numbers(names: str) -> list[int]:
    return [number(name) for name in names]


def graph(size: int, edges: str = "") -> Graph:
    """``graph(3, "ab bc")``: tasks a, b, c with a before b before c."""
    pairs = [(number(edge[0]), number(edge[1])) for edge in edges.split()]
    return Graph.build([chr(ord("a") + task) for task in range(size)], pairs)


def facts(names: str, state: TaskState) -> list[tuple[int, TaskState]]:
    return [(number(name), state) for name in names]


def done(names: str) -> list[tuple[int, TaskState]]:
    return facts(names, TaskState.SUCCEEDED)


def failed(names: str) -> list[tuple[int, TaskState]]:
    return facts(names, TaskState.FAILED)


def cancelled(names: str) -> list[tuple[int, TaskState]]:
    return facts(names, TaskState.CANCELLED)


def queue(names: str) -> QueueTasks:
    return QueueTasks(numbers(names))


def mark(state: TaskState, names: str) -> MarkTasks:
    return MarkTasks(state, numbers(names))


def stop(names: str) -> StopTasks:
    return StopTasks(numbers(names))


def finish(outcome: RunState, name: str | None = None) -> FinishRun:
    return FinishRun(outcome, None if name is None else number(name))


def started(shape: Graph, **how: object) -> Run:
    run = Run(shape, **how)
    run.start()
    return run


DIAMOND = "ab ac bd cd"


# -- 1: a task is queued once, when all that it needs is done ----------------------------------


def test_the_start_queues_the_tasks_without_upstream_tasks() -> None:
    assert Run(graph(4, "ac bc")).start() == [queue("abd")]


def test_a_task_waits_for_the_last_of_its_upstream_tasks() -> None:
    run = started(graph(4, DIAMOND))
    assert run.tasks_over(done("a")) == [queue("bc")]
    assert run.tasks_over(done("c")) == []
    assert run.tasks_over(done("b")) == [queue("d")]


def test_a_skipped_task_counts_as_done() -> None:
    run = started(graph(2, "ab"))
    assert run.tasks_over(facts("a", TaskState.SKIPPED)) == [queue("b")]
    assert run.tasks_over(facts("b", TaskState.SKIPPED)) == [finish(SUCCEEDED)]


def test_facts_in_one_batch_release_tasks_together() -> None:
    run = started(graph(3, "ac bc"))
    assert run.tasks_over(done("ab")) == [queue("c")]


def test_starting_twice_queues_once() -> None:
    run = started(graph(2, "ab"))
    assert run.start() == []
    run.tasks_over(done("a"))
    assert run.start() == []


# -- 2: facts may come twice and in any order --------------------------------------------------


@pytest.mark.parametrize("again", [done("a"), failed("a"), cancelled("a"), facts("a", BLOCKED)])
def test_the_first_fact_about_a_task_counts(again: list[tuple[int, TaskState]]) -> None:
    run = started(graph(2, "ab"))
    run.tasks_over(done("a"))
    assert run.tasks_over(again) == []
    assert run.state(0) is TaskState.SUCCEEDED
    assert run.counts() == {TaskState.SUCCEEDED: 1, TaskState.QUEUED: 1}


def test_a_fact_twice_in_one_batch_counts_once() -> None:
    run = started(graph(3, "ac bc"))
    assert run.tasks_over(done("aa")) == []
    assert run.tasks_over(done("b")) == [queue("c")]


def test_a_fact_that_arrives_early_is_kept() -> None:
    """Nothing is queued that is over already, nor is anything behind it forgotten."""
    run = started(graph(3, "ab bc"))
    assert run.tasks_over(done("b")) == [queue("c")]
    assert run.tasks_over(done("a")) == []
    assert run.tasks_over(done("c")) == [finish(SUCCEEDED)]


@pytest.mark.parametrize(
    "state", [TaskState.PENDING, TaskState.QUEUED, TaskState.RUNNING, TaskState.WAITING, BLOCKED]
)
def test_a_fact_that_does_not_end_an_attempt_is_refused(state: TaskState) -> None:
    """Such a fact once took a task out of the count of open ones, and the run ended under it."""
    run = started(graph(2))
    with pytest.raises(ValueError, match=f"^task 'b' cannot be reported as {state.value}$"):
        run.tasks_over([(1, state)])
    assert run.dispatched == 2
    assert run.over == 0


# -- 3: the window -----------------------------------------------------------------------------


def test_no_more_tasks_are_dispatched_than_the_window_holds() -> None:
    run = Run(graph(5), window=2)
    assert run.start() == [queue("ab")]
    assert run.tasks_over(done("a")) == [queue("c")]
    assert run.tasks_over(done("bc")) == [queue("de")]


def test_tasks_are_queued_in_the_order_they_became_ready() -> None:
    run = Run(graph(4, "ad"), window=1)
    assert run.start() == [queue("a")]
    assert run.tasks_over(done("a")) == [queue("b")]
    assert run.tasks_over(done("b")) == [queue("c")]
    assert run.tasks_over(done("c")) == [queue("d")]


def test_a_failure_frees_a_window_slot_if_the_run_continues() -> None:
    run = started(graph(3, "ab"), window=1, on_failure=CONTINUE)
    assert run.tasks_over(failed("a")) == [mark(BLOCKED, "b"), queue("c")]


def test_the_default_window_holds_ten_thousand() -> None:
    assert DEFAULT_WINDOW == 10_000
    names = [str(task) for task in range(DEFAULT_WINDOW + 1)]
    (command,) = Run(Graph.build(names, [])).start()
    assert command == QueueTasks(list(range(DEFAULT_WINDOW)))


@pytest.mark.parametrize("window", [0, -1])
def test_a_window_of_zero_is_refused(window: int) -> None:
    with pytest.raises(ValueError, match=f"^window must be at least 1, not {window}$"):
        Run(graph(1), window=window)


# -- 4: after a stop nothing more is queued ----------------------------------------------------


def test_a_failure_stops_the_run() -> None:
    run = started(graph(5, "ab bc"), window=3)
    assert run.tasks_over(failed("a")) == [
        StopRun(FAILED, 0),
        mark(BLOCKED, "bc"),
        stop("de"),
    ]
    assert run.outcome is FAILED
    assert run.tasks_over(done("d")) == []
    assert run.tasks_over(cancelled("e")) == [finish(FAILED, "a")]


def test_a_failure_cancels_tasks_that_are_not_downstream() -> None:
    run = started(graph(4, "ab cd"), window=1)
    assert run.tasks_over(failed("a")) == [
        StopRun(FAILED, 0),
        mark(BLOCKED, "b"),
        mark(TaskState.CANCELLED, "cd"),
        finish(FAILED, "a"),
    ]


def test_tasks_that_finish_after_a_stop_release_nothing() -> None:
    run = started(graph(3, "bc"))
    assert run.tasks_over(failed("a")) == [
        StopRun(FAILED, 0),
        mark(TaskState.CANCELLED, "c"),
        stop("b"),
    ]
    assert run.tasks_over(done("b")) == [finish(FAILED, "a")]


def test_the_first_of_several_failures_is_named() -> None:
    run = started(graph(3))
    run.tasks_over(failed("b"))
    assert run.tasks_over(failed("ca")) == [finish(FAILED, "b")]


def test_a_cancelled_run_ends_when_its_running_tasks_finish() -> None:
    run = started(graph(3, "bc"))
    assert run.cancel() == [
        StopRun(CANCELLED),
        mark(TaskState.CANCELLED, "c"),
        stop("ab"),
    ]
    assert run.tasks_over(cancelled("a")) == []
    assert run.tasks_over(done("b")) == [finish(CANCELLED)]


def test_a_failure_after_a_cancel_is_named_but_the_run_was_cancelled() -> None:
    run = started(graph(2))
    run.cancel()
    assert run.tasks_over(failed("b")) == []
    assert run.tasks_over(done("a")) == [finish(CANCELLED, "b")]


@pytest.mark.parametrize("on_failure", list(OnFailure))
def test_cancelling_twice_is_cancelling_once(on_failure: OnFailure) -> None:
    run = started(graph(1), on_failure=on_failure)
    assert run.cancel() == [StopRun(CANCELLED), stop("a")]
    assert run.cancel() == []


def test_a_cancel_also_ends_the_waiting_tasks_of_a_failed_run() -> None:
    """It once changed nothing: who cancelled a failing run waited for its longest task."""
    run = started(graph(2))
    run.tasks_over(failed("a"))
    assert run.cancel() == [StopRun(CANCELLED), stop("b")]
    assert run.cancel() == []
    assert run.tasks_over(cancelled("b")) == [finish(CANCELLED, "a")]


def test_a_run_that_is_cancelled_before_it_starts_never_queues() -> None:
    run = Run(graph(2, "ab"))
    assert run.cancel() == [
        StopRun(CANCELLED),
        mark(TaskState.CANCELLED, "ab"),
        finish(CANCELLED),
    ]
    assert run.start() == []


@pytest.mark.parametrize("on_failure", list(OnFailure))
def test_a_task_cancelled_for_no_known_reason_stops_the_run(on_failure: OnFailure) -> None:
    """What waits for it can never go ahead; the run once stayed open forever."""
    run = started(graph(3, "ab"), on_failure=on_failure)
    assert run.tasks_over(cancelled("a")) == [
        StopRun(CANCELLED),
        mark(TaskState.CANCELLED, "b"),
        stop("c"),
    ]
    assert run.tasks_over(done("c")) == [finish(CANCELLED)]


# -- continuing after a failure ------------------------------------------------------------------


def test_independent_branches_continue_after_a_failure() -> None:
    run = started(graph(5, "ab bc de"), on_failure=CONTINUE)
    assert run.tasks_over(failed("a")) == [mark(BLOCKED, "bc")]
    assert run.outcome is None
    assert run.tasks_over(done("d")) == [queue("e")]
    assert run.tasks_over(done("e")) == [finish(FAILED, "a")]
    assert run.outcome is FAILED


def test_a_task_downstream_of_two_failures_is_marked_once() -> None:
    run = started(graph(3, "ac bc"), on_failure=CONTINUE)
    assert run.tasks_over(failed("ab")) == [mark(BLOCKED, "c"), finish(FAILED, "a")]


def test_a_cancel_after_a_continued_failure_wins() -> None:
    run = started(graph(3, "ab"), on_failure=CONTINUE)
    run.tasks_over(failed("a"))
    assert run.cancel() == [StopRun(CANCELLED), stop("c")]
    assert run.tasks_over(cancelled("c")) == [finish(CANCELLED, "a")]


# -- 5: the end is said once, and last ---------------------------------------------------------


def test_an_empty_run_ends_immediately() -> None:
    assert Run(graph(0)).start() == [finish(SUCCEEDED)]


def test_no_command_follows_the_end() -> None:
    run = started(graph(2, "ab"))
    run.tasks_over(done("a"))
    assert not run.finished
    assert run.tasks_over(done("b")) == [finish(SUCCEEDED)]
    assert run.finished
    assert run.start() == []
    assert run.cancel() == []
    assert run.tasks_over(done("ab") + failed("ab")) == []
    assert run.outcome is SUCCEEDED


# -- 6: restoring ------------------------------------------------------------------------------


def restored(
    shape: Graph, states: dict[str, TaskState], stopping: RunState | None = None, **how: object
) -> list[Command]:
    return Run(shape, **how).restore(
        [(number(name), state) for name, state in states.items()], stopping
    )


def test_a_run_without_records_starts_over() -> None:
    assert restored(graph(3, "ab"), {}) == [queue("ac")]


def test_released_tasks_that_were_not_queued_are_queued() -> None:
    states = {"a": TaskState.SUCCEEDED, "b": TaskState.QUEUED}
    assert restored(graph(4, DIAMOND), states) == [queue("c")]


@pytest.mark.parametrize("state", [TaskState.QUEUED, TaskState.RUNNING, TaskState.WAITING])
def test_dispatched_tasks_are_not_queued_again(state: TaskState) -> None:
    run = Run(graph(2), window=1)
    assert run.restore([(0, state)]) == []
    assert run.dispatched_tasks() == [0]
    assert run.tasks_over(done("a")) == [queue("b")]


def test_a_smaller_window_waits_for_free_slots() -> None:
    run = Run(graph(4), window=1)
    assert run.restore([(task, TaskState.RUNNING) for task in range(3)]) == []
    assert run.tasks_over(done("ab")) == []
    assert run.tasks_over(done("c")) == [queue("d")]


def test_an_unhandled_recorded_failure_stops_the_run() -> None:
    states = {"a": TaskState.FAILED, "c": TaskState.RUNNING}
    assert restored(graph(4, "ab"), states) == [
        StopRun(FAILED, 0),
        mark(BLOCKED, "b"),
        mark(TaskState.CANCELLED, "d"),
        stop("c"),
    ]


def test_a_recorded_stop_is_continued() -> None:
    states = {"a": TaskState.FAILED, "b": BLOCKED, "c": TaskState.RUNNING}
    assert restored(graph(4, "ab"), states, FAILED) == [
        StopRun(FAILED, 0),
        mark(TaskState.CANCELLED, "d"),
        stop("c"),
    ]


def test_a_recorded_cancel_does_not_become_a_failure() -> None:
    """A task failed while the run was being cancelled, then the resolver was lost. The next one
    first noted a failed stop, then a cancelled one: a crash in between changed the outcome."""
    states = {"a": TaskState.FAILED, "c": TaskState.RUNNING}
    assert restored(graph(3, "ab"), states, CANCELLED) == [
        StopRun(CANCELLED),
        mark(TaskState.CANCELLED, "b"),
        stop("c"),
    ]


def test_partial_marks_are_completed() -> None:
    """b was marked, c was not; nobody looked behind b any more, and the run never ended."""
    states = {"a": TaskState.FAILED, "b": BLOCKED}
    assert restored(graph(3, "ab bc"), states, on_failure=CONTINUE) == [
        mark(BLOCKED, "c"),
        finish(FAILED, "a"),
    ]


def test_a_partial_stop_still_knows_what_the_failure_blocked() -> None:
    states = {"a": TaskState.FAILED, "b": BLOCKED}
    assert restored(graph(4, "ab bc"), states, FAILED) == [
        StopRun(FAILED, 0),
        mark(BLOCKED, "c"),
        mark(TaskState.CANCELLED, "d"),
        finish(FAILED, "a"),
    ]


@pytest.mark.parametrize("on_failure", list(OnFailure))
def test_a_cancelled_task_without_a_recorded_stop_stops_the_run(on_failure: OnFailure) -> None:
    states = {"a": TaskState.CANCELLED}
    assert restored(graph(2, "ab"), states, on_failure=on_failure) == [
        StopRun(CANCELLED),
        mark(TaskState.CANCELLED, "b"),
        finish(CANCELLED),
    ]


def test_of_several_recorded_failures_the_lowest_number_is_named() -> None:
    states = {"b": TaskState.FAILED, "a": TaskState.FAILED}
    assert restored(graph(2), states, on_failure=CONTINUE) == [finish(FAILED, "a")]


def test_an_unrecorded_end_is_requested_again() -> None:
    assert restored(graph(1), {"a": TaskState.SUCCEEDED}) == [finish(SUCCEEDED)]
    assert restored(graph(1), {"a": TaskState.SUCCEEDED}, CANCELLED) == [
        StopRun(CANCELLED),
        finish(CANCELLED),
    ]


def test_a_resumed_run_runs_only_the_remaining_tasks() -> None:
    run = Run(graph(4, DIAMOND))
    assert run.restore(done("a") + facts("c", TaskState.SKIPPED)) == [queue("b")]
    assert run.tasks_over(done("b")) == [queue("d")]
    assert run.tasks_over(done("d")) == [finish(SUCCEEDED)]


# -- what it tells -----------------------------------------------------------------------------


def test_it_counts_what_it_knows() -> None:
    run = started(graph(5, "ab"), window=3, on_failure=CONTINUE)
    run.tasks_over(failed("a") + done("c"))
    assert run.counts() == {
        TaskState.FAILED: 1,
        BLOCKED: 1,
        TaskState.SUCCEEDED: 1,
        TaskState.QUEUED: 2,
    }
    assert [run.state(task) for task in range(5)] == [
        TaskState.FAILED,
        BLOCKED,
        TaskState.SUCCEEDED,
        TaskState.QUEUED,
        TaskState.QUEUED,
    ]
    assert (run.over, run.dispatched, run.dispatched_tasks()) == (3, 2, [3, 4])


def test_a_task_that_waits_is_pending() -> None:
    run = started(graph(2, "ab"))
    assert run.state(1) is TaskState.PENDING
    assert run.counts() == {TaskState.PENDING: 1, TaskState.QUEUED: 1}
