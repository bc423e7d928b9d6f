"""The causes and the ends of mapped tasks and items, on snapshots made by hand.

``files >> parse.map() >> store.map() >> merge``, with ``max_active=2`` for ``store``.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import replace

import pytest

from flowkit.core.compiled import CompiledDAG
from flowkit.core.explain import (
    causes_of,
    explain_run,
    explain_task,
    explanation_of_run,
    explanation_of_task,
)
from flowkit.core.graph import Graph
from flowkit.core.map_spec import MapSpec
from flowkit.core.retry import Policy
from flowkit.core.run_record import RunRecord
from flowkit.core.snapshot import LiveWorker, Snapshot, TaskView
from flowkit.core.states import RunState, TaskState
from flowkit.core.worker_info import WorkerInfo

P, Q, R, S = TaskState.PENDING, TaskState.QUEUED, TaskState.RUNNING, TaskState.SUCCEEDED
F, U, C = TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED
FILES, PARSE, STORE, MERGE = range(4)
ITEMS = 3


def parse(index: int) -> int:
    return 4 + 2 * index


def store(index: int) -> int:
    return 5 + 2 * index


def snapshot(states: Mapping[int, TaskState], *, expanded: bool = True, **more: object) -> Snapshot:
    """``files`` has succeeded, what is missing in ``states`` is pending."""
    graph = Graph.build(["files", "parse", "store", "merge"], [(0, 1), (1, 2), (2, 3)])
    zeros = array("i", [0] * 4)
    maps = {PARSE: MapSpec((FILES,)), STORE: MapSpec((PARSE,), max_active=2)}
    dag = CompiledDAG("maps", graph, (Policy(),), zeros, ("app:f",), zeros, maps=maps)
    lengths = {PARSE: ITEMS, STORE: ITEMS} if expanded else {}
    row: list[TaskState | None] = [P] * (4 + (2 * ITEMS if expanded else 0))
    row[FILES] = S
    for number, state in states.items():
        row[number] = state
    begun = {at: state for at, state in enumerate(row) if state not in (P, None)}
    views = {at: TaskView(state, 1, "W.0", 0, 10) for at, state in begun.items() if state}
    worker = LiveWorker(WorkerInfo("W", queues=("default",), processes=1, ready=1))
    fields: dict[str, object] = {"lease_left_ms": 1000, "lag": 0, "workers": (worker,), **more}
    state = fields.pop("state", RunState.RUNNING)
    run = RunRecord("r", "maps", "d", state, len(row), 0)  # type: ignore[arg-type]
    return Snapshot(run, dag, row, views, 1000, lengths=lengths, **fields)  # type: ignore[arg-type]


def cause(found: Snapshot, number: int) -> tuple[str, str]:
    group = explain_task(causes_of(found), number)
    return group.cause, group.root


def test_a_mapped_task_waits_for_its_items() -> None:
    found = snapshot({parse(0): S, parse(1): R})
    assert cause(found, PARSE) == ("items", "parse[1]")
    group = explain_task(causes_of(found), PARSE)
    assert group.sentence.startswith("Task 'parse' waits for its items, such as 'parse[1]'. Task ")
    assert group.command == "flowkit logs r 'parse[1]'"


def test_an_item_waits_for_the_item_with_its_index() -> None:
    found = snapshot({parse(0): S, parse(1): R})
    assert cause(found, store(1)) == ("upstream", "parse[1]")
    assert cause(found, store(0)) == ("scheduler_lags", "")
    assert cause(found, MERGE) == ("upstream", "parse[1]")


def test_a_mapped_task_waits_for_the_length_of_what_it_is_mapped_over() -> None:
    found = snapshot({FILES: R}, expanded=False)
    assert cause(found, PARSE) == ("upstream", "files")
    assert cause(found, STORE) == ("upstream", "files")
    assert cause(snapshot({}, expanded=False), PARSE) == ("scheduler_lags", "")


def test_an_item_waits_behind_max_active() -> None:
    done = dict.fromkeys(map(parse, range(3)), S)
    found = snapshot({PARSE: S, **done, store(0): R, store(1): R})
    assert cause(found, store(2)) == ("item_limit", "store[0]")
    text = explain_task(causes_of(found), store(2)).sentence
    assert text.startswith(
        "Item 'store[2]' may start, but 2 items of its task are queued, running or waiting, as "
        "many as max_active permits. It waits for 'store[0]'."
    )
    one = snapshot({PARSE: S, **done, store(0): R, store(1): S})
    assert cause(one, store(2)) == ("scheduler_lags", "")
    full = snapshot({PARSE: S, **done, store(0): R}, window=1)
    assert cause(full, store(2)) == ("window", "store[0]")


def test_the_causes_of_a_run_count_items() -> None:
    found = snapshot({parse(0): R, parse(1): R, parse(2): R})
    (group,) = explain_run(causes_of(found))
    # three items run, and three others, two mapped tasks and merge wait for them
    assert (group.cause, group.count, group.direct) == ("running", 9, 3)


FAILED = {parse(0): S, parse(1): F, parse(2): C, PARSE: F, STORE: U, MERGE: U}
BAD = {parse(1): "ValueError: bad row"}


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (PARSE, "Task 'parse' failed 1 s ago, since 'parse[1]' failed: ValueError: bad row."),
        (parse(1), "Task 'parse[1]' failed 1 s ago, at attempt 1: ValueError: bad row."),
        (parse(2), "Task 'parse[2]' was cancelled, since 'parse[1]' failed."),
        (store(1), "'store[1]' did not run, since task 'parse[1]' failed: ValueError: bad row."),
        (store(2), "'store[2]' did not run, since task 'parse[1]' failed: ValueError: bad row."),
        (STORE, "'store' did not run, since task 'parse[1]' failed: ValueError: bad row."),
        (MERGE, "'merge' did not run, since task 'parse[1]' failed: ValueError: bad row."),
        (parse(0), "Task 'parse[0]' succeeded 1 s ago on W, after 10 ms."),
    ],
)
def test_the_end_of_an_item_names_what_began_it(number: int, says: str) -> None:
    found = snapshot({**FAILED, store(1): U, store(2): U}, errors=BAD, state=RunState.FAILED)
    assert says in explanation_of_task(found, number).sentence


def test_the_end_of_a_run_names_the_item() -> None:
    found = snapshot(FAILED, errors=BAD, state=RunState.FAILED)
    assert (
        "It began with task 'parse[1]', which failed: ValueError: bad row. 1 task "
        "downstream did not run, 1 task was cancelled." in explanation_of_run(found).sentence
    )


def test_a_mapped_task_that_succeeded_says_how_many_items_it_had() -> None:
    found = snapshot({PARSE: S, **dict.fromkeys(map(parse, range(3)), S)})
    assert "succeeded 1 s ago, with 3 items." in explanation_of_task(found, PARSE).sentence


def test_a_success_says_how_many_items_failed_and_how_to_list_them() -> None:
    """It said only that the run and the task had succeeded."""
    ended = {parse(0): F, parse(1): S, parse(2): F, PARSE: S, STORE: S, MERGE: S}
    ended |= {store(0): U, store(1): S, store(2): U}
    found = snapshot(ended, state=RunState.SUCCEEDED)
    said = explanation_of_run(found)
    assert said.sentence == (
        "The run succeeded; 2 items failed and 2 items did not run because of a failure."
    )
    assert said.command == "flowkit status r --items failed"
    of_task = explanation_of_task(found, PARSE)
    assert of_task.sentence == "Task 'parse' succeeded 1 s ago, with 3 items; 2 items failed."
    assert of_task.command == "flowkit status r --items failed --task parse"
    behind = explanation_of_task(found, STORE)
    assert behind.command == "flowkit status r --items upstream_failed --task store"
    assert not explanation_of_task(found, parse(1)).command


def test_a_mapped_task_over_what_cannot_be_mapped_names_no_attempt() -> None:
    bad = {PARSE: "MapError: over a str."}
    found = snapshot({PARSE: F}, expanded=False, errors=bad, state=RunState.FAILED)
    said = explanation_of_task(found, PARSE)
    assert said.sentence == "Task 'parse' failed 1 s ago: MapError: over a str."
    assert said.command == explanation_of_run(found).command
    assert said.command == "flowkit resume r --from-task files"  # alone, it would fail again


def test_items_that_fail_by_themselves_did_not_begin_a_failure() -> None:
    """With ``failures="collect"``, a failed item fails nothing."""
    found = snapshot({parse(0): F, parse(1): S, parse(2): S, PARSE: S, MERGE: F})
    collected = replace(found.dag, maps={**found.dag.maps, PARSE: MapSpec((FILES,), collect=True)})
    ended = replace(found, dag=collected, run=replace(found.run, state=RunState.FAILED))
    failure = explanation_of_run(ended).failure
    assert failure is not None
    assert (failure.task, failure.failed) == ("merge", 2)


def test_a_mapped_task_of_a_run_that_stops_waits_for_its_running_items() -> None:
    """It said that the scheduler cancels the task, which it cannot before these items end."""
    found = snapshot({parse(0): F, parse(1): R, parse(2): C})
    stopping = replace(found, run=replace(found.run, stop=RunState.FAILED))
    assert cause(stopping, PARSE) == ("items", "parse[1]")
    assert cause(stopping, MERGE) == ("stopping", "")


def test_a_mapped_task_over_a_skipped_one_names_it() -> None:
    found = snapshot({FILES: TaskState.SKIPPED, PARSE: TaskState.SKIPPED, STORE: S, MERGE: S})
    says = "Task 'parse' was skipped: 'files', over which it is mapped, was skipped."
    assert explanation_of_task(found, PARSE).sentence == says
