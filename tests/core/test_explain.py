"""The causes of what is not over, and the ends of what is, on snapshots made by hand.

``tests/explorer/test_causes.py`` proves the precedence on all states of small systems; here are the
words, the groups, and the causes that the explored systems do not have.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Any

import pytest

from flowkit.core.cause_rules import RULES
from flowkit.core.cause_texts import _TEXTS, why_leaderless
from flowkit.core.causes import ROWS, Kind
from flowkit.core.compiled import CompiledDAG
from flowkit.core.explain import (
    causes_of,
    explain_run,
    explain_task,
    explanation_of_run,
    explanation_of_task,
    leading_sentence,
)
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy
from flowkit.core.run_record import RunRecord
from flowkit.core.snapshot import LaneView, LiveWorker, QueueDepth, Snapshot, TaskView
from flowkit.core.spans import span
from flowkit.core.states import TASK_OVER, RunState, TaskState
from flowkit.core.worker_info import WorkerInfo

P, Q, R, W = TaskState.PENDING, TaskState.QUEUED, TaskState.RUNNING, TaskState.WAITING
S, F, K, U, C = (
    TaskState.SUCCEEDED,
    TaskState.FAILED,
    TaskState.SKIPPED,
    TaskState.UPSTREAM_FAILED,
    TaskState.CANCELLED,
)
NOW = 1_000_000
PLAIN = Policy()
NAMES = "extract", "clean", "train", "report"
CHAIN = [(0, 1), (1, 2), (2, 3)]


def dag(edges: Any = CHAIN, policy: Policy = PLAIN, names: Any = NAMES, **more: Any) -> CompiledDAG:
    zeros = array("i", [0] * len(names))
    return CompiledDAG(
        "ml", Graph.build(list(names), edges), (policy,), zeros, ("app:f",), zeros, **more
    )


def worker(held: int = 0, name: str = "w1", **more: Any) -> LiveWorker:
    info = WorkerInfo(name, "host", queues=("default",), processes=1, ready=1, turns=True)
    lanes = (LaneView(f"{name}.0", held, (f"other/{held}",) if held else ()),)
    return LiveWorker(replace(info, functions="a1", **more), lanes)


def snapshot(*states: TaskState, which: CompiledDAG | None = None, **more: Any) -> Snapshot:
    views = {
        task: more.pop(f"task{task}", TaskView(state, 1, "w1.0" if state is R else "", 0, 0))
        for task, state in enumerate(states)
        if state is not P
    }
    run = RunRecord("r1", "ml", "d", RunState.RUNNING, len(states), NOW - 60_000)
    given: dict[str, Any] = {
        "lease_left_ms": 1000,
        "lag": 0,
        "workers": (worker(),),
        "depths": [QueueDepth("default", False, "5", None, 1)],
        "has": {("a1", 0): True},
    }
    run = replace(run, **more.pop("run", {}))
    return Snapshot(run, which or dag(), states, views, NOW, **(given | more))


def kind_of(some: Snapshot, task: int = 0) -> Kind:
    return causes_of(some).cause(task).kind


def said(some: Snapshot, task: int = 0) -> str:
    return explain_task(causes_of(some), task).sentence


# -- the table --------------------------------------------------------------------------------


def test_each_kind_has_a_row_and_a_sentence_and_each_open_state_has_rules() -> None:
    assert {row.kind for row in ROWS} == set(Kind) == set(_TEXTS)
    assert set(RULES) == set(TaskState) - TASK_OVER


# -- causes that the explored systems do not have ------------------------------------------------


@pytest.mark.parametrize("state", [P, Q, R, W])
def test_a_redis_that_refuses_writes_comes_first(state: TaskState) -> None:
    some = snapshot(state, P, P, P, refuses="OOM command not allowed", lease_left_ms=None)
    assert kind_of(some) is Kind.REDIS_REFUSES
    assert "Redis refuses writes, so nothing proceeds: OOM command not allowed." in said(some)
    assert leading_sentence(causes_of(some))[1]


def test_tasks_that_wait_for_runs_occupy_all_processes() -> None:
    stuck = worker(1, waiting=1)
    assert kind_of(snapshot(Q, P, P, P, workers=(stuck,))) is Kind.ALL_WAIT
    assert kind_of(snapshot(R, P, P, P, workers=(stuck,))) is Kind.WAITS_FOR_RUN


def test_a_pinned_run_waits_for_its_version_and_names_those_that_there_are() -> None:
    old = worker(app_version="old", app="etl.py")
    some = snapshot(Q, P, P, P, which=dag(pinned="new"), workers=(old,), has={("a1", 0): False})
    assert kind_of(some) is Kind.NO_VERSION
    assert "pinned to version new" in said(some)
    assert "there are old (etl.py)" in said(some)
    group = explain_task(causes_of(some), 0)
    assert group.command == "flowkit-worker --app … --queues default --version new"


def test_what_a_worker_put_off_is_no_retry() -> None:
    item = TaskView(W, 1, due_ms=62_000, reason="worker", since_ms=59_000)
    some = snapshot(W, P, P, P, task0=item)
    assert kind_of(some) is Kind.PUT_OFF
    assert "a worker did not have its function 'app:f'" in said(some)
    assert said(some).endswith("It is queued again in 2 s.")


def test_what_asked_to_come_again_is_no_retry() -> None:
    item = TaskView(W, 3, due_ms=62_000, reason="again", since_ms=59_000)
    some = snapshot(W, P, P, P, task0=item)
    assert kind_of(some) is Kind.AGAIN
    assert said(some) == "Task 'extract' comes again in 2 s, as it asked in attempt 3."


# -- words --------------------------------------------------------------------------------------


def test_a_retry_says_when_which_and_why() -> None:
    item = TaskView(W, 2, due_ms=60_000 + 3_600_000, failures=2)
    some = snapshot(
        W, P, P, P, which=dag(policy=Policy(retries=5)), task0=item, errors={0: "OSError: away"}
    )
    assert said(some) == (
        "Task 'extract' is retried in 1 h 0 min (attempt 3 of 6). Its last error: OSError: away."
    )
    group = explain_task(causes_of(some), 0)
    assert group.command == "flowkit retry r1 extract"
    assert group.until == (NOW + 3_600_000) / 1000


def test_busy_lanes_name_what_occupies_them_and_quick_ones_do_not_count() -> None:
    lanes = (worker(1), worker(2, "w2"))
    some = snapshot(Q, P, P, P, workers=lanes)
    assert kind_of(some) is Kind.BUSY
    assert "all 2 processes are busy, for example with other/1" in said(some)
    assert kind_of(replace(some, rates={"default": 50.0})) is Kind.QUEUED
    assert kind_of(replace(some, workers=(worker(1), worker(0, "w2")))) is Kind.QUEUED


def test_attempts_of_higher_priority_are_ahead_and_lower_ones_are_not() -> None:
    depths = [
        QueueDepth("default", False, level, None, depth)
        for level, depth in (("9", 100), ("5", 20), ("0", 1000), ("!", 1))
    ]
    depths += [QueueDepth("other", False, "9", None, 7), QueueDepth("default", True, "9", None, 7)]
    some = snapshot(Q, P, P, P, depths=depths)
    assert said(some) == "Task 'extract' is queued behind up to 120 others in queue 'default'."
    fast = replace(some, rates={"default": 2.0})
    assert "2 per second ended there in the last minute, so about 1 min 0 s." in said(fast)


def test_a_task_names_the_root_and_its_cause() -> None:
    some = snapshot(S, R, P, P)
    group = explain_task(causes_of(some), 3)
    assert (group.cause, group.root, group.by) == ("upstream", "clean", "root")
    assert group.sentence == (
        "Task 'report' waits for task 'clean'. Task 'clean' is running on w1 for 1 min 0 s."
    )
    assert group.command == "flowkit logs r1 clean"


def test_a_running_task_says_how_far_it_is() -> None:
    some = snapshot(R, P, P, P, task0=TaskView(R, 1, "w1.0", 0, progress="40/100 rows"))
    assert said(some) == "Task 'extract' is running on w1 for 1 min 0 s; it reports 40/100 rows."


def test_a_million_tasks_in_a_chain_are_no_recursion() -> None:
    count = 20_000
    names = [f"t{at}" for at in range(count)]
    chain = dag([(at, at + 1) for at in range(count - 1)], names=names)
    some = snapshot(R, *[P] * (count - 1), which=chain)
    (group,) = explain_run(causes_of(some))
    assert (group.cause, group.count, group.direct, group.task) == ("running", count, 1, "t0")


def test_a_run_groups_its_tasks_and_the_worst_leads() -> None:
    wide = dag([(0, 1), (0, 2), (2, 3)])
    some = snapshot(S, R, Q, P, which=wide, workers=(worker(queues=("gpu",)),))
    groups = explain_run(causes_of(some))
    assert [(group.cause, group.count, group.direct, group.task) for group in groups] == [
        ("no_worker", 2, 1, "train"),
        ("running", 1, 1, "clean"),
    ]
    sentence, needs_help = leading_sentence(causes_of(some))
    assert sentence == groups[0].sentence
    assert needs_help


def test_without_a_scheduler_the_run_says_so_whatever_its_tasks_do() -> None:
    some = snapshot(R, P, P, P, lease_left_ms=-5000)
    assert explain_run(causes_of(some))[0].command == "flowkit logs r1 extract"
    assert explanation_of_run(some).command == "flowkit-scheduler"
    sentence, needs_help = leading_sentence(causes_of(some))
    assert sentence.startswith("No scheduler is running, or it cannot renew its lease, which ended")
    assert needs_help


def test_a_stopping_run_says_what_it_waits_for() -> None:
    some = snapshot(R, P, P, P, run={"stop": RunState.CANCELLED})
    text = "The run is stopping, since it was cancelled; it waits for 1 running task."
    assert leading_sentence(causes_of(some)) == (text, False)
    assert kind_of(some, 2) is Kind.STOPPING
    assert explanation_of_run(some).stopping


@pytest.mark.parametrize(
    ("ms", "text"),
    [(-5, "0 s"), (59_400, "59 s"), (61_000, "1 min 1 s"), (7_260_000, "2 h 1 min"),
     (90_000_000, "1 d 1 h")],
)  # fmt: skip
def test_spans(ms: int, text: str) -> None:
    assert span(ms) == text


def test_a_leader_needs_no_words() -> None:
    assert why_leaderless(5) == ""


# -- ends ---------------------------------------------------------------------------------------


def ended(*states: TaskState, **more: Any) -> Snapshot:
    over = {"state": RunState.FAILED, "finished_ms": NOW - 5000, "failed_task": 1}
    return snapshot(*states, run=over | more.pop("run", {}), **more)


def test_a_failed_run_names_the_task_that_began_it_and_what_it_blocked() -> None:
    some = ended(S, F, U, C, errors={1: "ValueError: bad row."})
    found = explanation_of_run(some)
    assert found.sentence == (
        "The run failed 5 s ago. It began with task 'clean', which failed: ValueError: bad row. "
        "1 task downstream did not run, 1 task was cancelled."
    )
    assert found.command == "flowkit resume r1"
    assert found.failure is not None
    assert (found.failure.upstream_failed, found.failure.cancelled) == (1, 1)
    assert found.as_dict()["causes"] == []


def test_an_at_most_once_task_is_named_in_the_command_that_helps() -> None:
    some = ended(S, F, U, U, which=dag(policy=Policy(at_most_once=True)))
    assert explanation_of_run(some).command == "flowkit resume r1 --from-task clean"


def test_a_cancelled_run_says_so() -> None:
    some = ended(S, C, C, C, run={"state": RunState.CANCELLED})
    text = explanation_of_run(some).sentence
    assert text == "The run was cancelled 5 s ago; 3 tasks of it had not ended."


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (0, "Task 'extract' succeeded 1 min 0 s ago on w1, after 0 ms."),
        (1, "Task 'clean' failed 1 min 0 s ago, at attempt 3: ValueError: bad row."),
        (2, "Task 'train' did not run, since task 'clean' failed: ValueError: bad row."),
        (3, "Task 'report' did not run, since task 'clean' failed: ValueError: bad row."),
    ],
)
def test_tasks_say_how_they_ended(task: int, says: str) -> None:
    some = ended(
        S, F, U, U, errors={1: "ValueError: bad row."},
        task0=TaskView(S, 1, "w1.0", 0, 0), task1=TaskView(F, 3, "w1.0", 0, 0),
    )  # fmt: skip
    assert explanation_of_task(some, task).sentence == says
    helps = ["", "flowkit retry r1 clean", "flowkit resume r1", "flowkit resume r1"]
    assert explanation_of_task(some, task).command == helps[task]


def test_a_task_is_skipped_by_its_condition_or_by_its_upstream_tasks() -> None:
    by_worker = ended(K, S, S, S, task0=TaskView(K, 1, "w1.0", 0, 0))
    assert "its condition was false" in explanation_of_task(by_worker, 0).sentence
    by_trigger = ended(K, K, S, S)
    text = explanation_of_task(by_trigger, 1).sentence
    assert "its trigger 'none_failed' did not fit its upstream tasks, such as 'extract'" in text


def test_a_task_of_a_failed_run_was_cancelled_by_the_failure() -> None:
    some = ended(S, F, C, C)
    text = explanation_of_task(some, 2).sentence
    assert text == "Task 'train' was cancelled, since task 'clean' failed and stopped the run."
