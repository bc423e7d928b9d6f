"""``check_run`` lets sound runs pass and tells the story of every unsound one."""

from __future__ import annotations

import pytest

from flowkit.core.check import Fact, check_run
from flowkit.core.commands import Command, FinishRun, MarkTasks, QueueTasks, StopRun, StopTasks
from flowkit.core.compiled import OnFailure
from flowkit.core.graph import Graph
from flowkit.core.states import RunState, TaskState

OK, BAD, SKIP, STOPPED, BLOCKED, PENDING = (
    TaskState.SUCCEEDED,
    TaskState.FAILED,
    TaskState.SKIPPED,
    TaskState.CANCELLED,
    TaskState.UPSTREAM_FAILED,
    TaskState.PENDING,
)
# a before b; c stands alone
GRAPH = Graph.build(["a", "b", "c"], [(0, 1)])
Trace = list[Fact | Command]
A, B, C = range(3)
SUCCEEDED, FAILED, CANCELLED = RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED


def end(outcome: RunState, failed: int | None = None) -> FinishRun:
    return FinishRun(outcome, failed)


def judge(
    trace: Trace,
    states: list[TaskState],
    *,
    on_failure: OnFailure = OnFailure.STOP,
    window: int = 2,
) -> None:
    check_run(GRAPH, states, trace, on_failure=on_failure, window=window)


ALL_WELL: Trace = [
    QueueTasks([A, C]),
    (A, OK),
    QueueTasks([B]),
    (C, SKIP),
    (B, OK),
    end(SUCCEEDED),
]
STOPPED_BY_A: Trace = [
    QueueTasks([A, C]),
    (A, BAD),
    StopRun(FAILED),
    MarkTasks(BLOCKED, [B]),
    StopTasks([C]),
    (C, STOPPED),
    end(FAILED, A),
]
WENT_ON: Trace = [QueueTasks([A, C]), (A, BAD), MarkTasks(BLOCKED, [B]), (C, OK), end(FAILED, A)]
CALLED_OFF: Trace = [
    QueueTasks([C]),
    StopRun(CANCELLED),
    MarkTasks(STOPPED, [A, B]),
    StopTasks([C]),
    (C, OK),
    end(CANCELLED),
]


def test_a_run_that_succeeds_is_sound() -> None:
    judge(ALL_WELL, [OK, OK, SKIP])


def test_a_run_that_a_failure_stops_is_sound() -> None:
    judge(STOPPED_BY_A, [BAD, BLOCKED, STOPPED])


def test_a_run_that_continues_after_a_failure_is_sound() -> None:
    judge(WENT_ON, [BAD, BLOCKED, OK], on_failure=OnFailure.CONTINUE)


@pytest.mark.parametrize("on_failure", list(OnFailure))
def test_a_run_that_is_cancelled_is_sound(on_failure: OnFailure) -> None:
    judge(CALLED_OFF, [STOPPED, STOPPED, OK], on_failure=on_failure)


def test_a_stop_repeated_after_a_crash_is_sound() -> None:
    judge([*CALLED_OFF[:3], *CALLED_OFF[1:2], *CALLED_OFF[3:]], [STOPPED, STOPPED, OK])


def test_an_empty_run_is_sound() -> None:
    nothing = Graph.build([], [])
    check_run(nothing, [], [end(SUCCEEDED)], on_failure=OnFailure.STOP, window=1)


@pytest.mark.parametrize(
    ("trace", "claim"),
    [
        ([QueueTasks([A, B])], "b: queued too early"),
        ([QueueTasks([A]), QueueTasks([A])], "a: became queued when queued"),
        ([*ALL_WELL[:3], QueueTasks([A])], "a: became queued when succeeded"),
        ([QueueTasks([A, C]), (A, OK), (A, OK)], "a: became succeeded when succeeded"),
        ([QueueTasks([A, C]), (A, OK), (A, BAD)], "a: became failed when succeeded"),
        ([(A, OK)], "a: became succeeded when pending"),
        ([QueueTasks([A]), (A, TaskState.RUNNING)], "a: reported running"),
        ([QueueTasks([A]), (A, BLOCKED)], "a: reported upstream_failed"),
        ([QueueTasks([A]), (A, STOPPED)], "a: cancelled before the run's stop"),
        ([MarkTasks(STOPPED, [A])], "a: cancelled before the run's stop"),
        ([MarkTasks(OK, [A])], "a: marked succeeded"),
        ([QueueTasks([A]), MarkTasks(BLOCKED, [A])], "a: became upstream_failed when queued"),
        ([StopRun(CANCELLED), QueueTasks([A])], "a: queued after the stop"),
        ([StopRun(CANCELLED), StopRun(FAILED)], "the run: stopped again, as failed"),
        ([QueueTasks([A]), StopTasks([A])], "a: asked to stop before the run was"),
        ([StopRun(CANCELLED), StopTasks([A])], "a: asked to stop before it was queued"),
        ([*ALL_WELL[:4], end(SUCCEEDED)], "the run: ended before all tasks were over"),
        ([*ALL_WELL, end(SUCCEEDED)], "the run: something happened after its end"),
        ([*ALL_WELL, (A, OK)], "the run: something happened after its end"),
    ],
)
def test_an_illegal_step_is_refused_where_it_happens(trace: Trace, claim: str) -> None:
    with pytest.raises(AssertionError) as caught:
        judge(trace, [OK, OK, SKIP])
    assert str(caught.value).splitlines()[0] == claim


def test_the_window_may_be_filled_but_not_overrun() -> None:
    wide = Graph.build(["a", "b", "c"], [])
    trace: Trace = [QueueTasks([A, B]), (A, OK), QueueTasks([C]), (B, OK), (C, OK), end(SUCCEEDED)]
    rules = {"on_failure": OnFailure.STOP}
    check_run(wide, [OK] * 3, trace, window=2, **rules)
    with pytest.raises(AssertionError, match=r"^a, b: dispatch window overrun"):
        check_run(wide, [OK] * 3, trace, window=1, **rules)


@pytest.mark.parametrize(
    ("trace", "states", "claim"),
    [
        (ALL_WELL[:-1], [OK, OK, SKIP], "the run: its end was None"),
        ([*ALL_WELL[:-1], end(FAILED)], [OK, OK, SKIP], "the run: its end was FinishRun"),
        ([*ALL_WELL[:-1], end(SUCCEEDED, A)], [OK, OK, SKIP], "the run: its end was FinishRun"),
        ([*CALLED_OFF[:-1], end(SUCCEEDED)], [STOPPED, STOPPED, OK], "the run: its end was"),
        ([*CALLED_OFF[:-1], end(CANCELLED, A)], [STOPPED, STOPPED, OK], "the run: its end was"),
        ([*STOPPED_BY_A[:-1], end(FAILED)], [BAD, BLOCKED, STOPPED], "the run: its end was"),
        ([*STOPPED_BY_A[:-1], end(FAILED, B)], [BAD, BLOCKED, STOPPED], "the run: its end was"),
        (ALL_WELL, [OK, OK, OK], "c: trace disagrees with record succeeded"),
        (WENT_ON, [BAD, BLOCKED, OK], "a: its stop was None, with on_failure stop"),
    ],
)
def test_an_inconsistent_end_is_refused(trace: Trace, states: list[TaskState], claim: str) -> None:
    with pytest.raises(AssertionError) as caught:
        judge(trace, states)
    assert str(caught.value).startswith(claim)


def test_a_run_that_continues_on_failure_may_not_be_stopped_by_one() -> None:
    with pytest.raises(AssertionError, match=r"^a: its stop was failed, with on_failure continue"):
        judge(STOPPED_BY_A, [BAD, BLOCKED, STOPPED], on_failure=OnFailure.CONTINUE)


def test_a_stop_by_failure_needs_a_failure() -> None:
    trace: Trace = [StopRun(FAILED), MarkTasks(STOPPED, [A, B, C]), end(FAILED)]
    with pytest.raises(AssertionError, match=r"^the run: its stop was failed"):
        judge(trace, [STOPPED] * 3)


def test_no_task_is_upstream_failed_without_an_upstream_failure() -> None:
    trace: Trace = [QueueTasks([A]), (A, OK), MarkTasks(BLOCKED, [B, C]), end(FAILED)]
    with pytest.raises(AssertionError, match=r"^b, a: ended upstream_failed, against its upstream"):
        judge(trace, [OK, BLOCKED, BLOCKED], on_failure=OnFailure.CONTINUE)


def test_the_failure_that_stops_a_run_blocks_all_downstream_tasks() -> None:
    trace: Trace = [
        QueueTasks([A]),
        (A, BAD),
        StopRun(FAILED),
        MarkTasks(STOPPED, [B, C]),
        end(FAILED, A),
    ]
    with pytest.raises(AssertionError, match=r"^the run: no failure blocked all that needs it"):
        judge(trace, [BAD, STOPPED, STOPPED])


def test_the_error_lists_the_named_steps_up_to_the_fault() -> None:
    trace: Trace = [*STOPPED_BY_A[:5], QueueTasks([B]), (C, OK), end(FAILED, A)]
    with pytest.raises(AssertionError) as caught:
        judge(trace, [BAD, BLOCKED, OK])
    assert str(caught.value).splitlines() == [
        "b: queued after the stop",
        "  0. QueueTasks of a, c",
        "  1. a failed",
        "  2. StopRun failed the run",
        "  3. MarkTasks upstream_failed b",
        "  4. StopTasks of c",
        "  5. QueueTasks of b",
    ]
