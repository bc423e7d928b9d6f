"""Items are tasks like any other: hooks, retries, queues, at-most-once, again, repairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from whole_run import WholeRun

import flowkit
from flowkit import DAG, HookEvent, Hooks, current_attempt, task
from flowkit.scheduler.missing_functions import MissingFunctions
from flowkit.scheduler.queue_repair import QueueRepair

pytestmark = pytest.mark.slow  # each waits some tenths of a second for real Redis

Runs = Callable[..., WholeRun]
HEARD: list[Any] = []
BAD: set[int] = set()


@pytest.fixture
def start(whole_runs: Runs) -> Runs:
    HEARD.clear()
    BAD.clear()
    return whole_runs


def regret(event: HookEvent) -> None:
    HEARD.append((event.task, event.error_message, event.attempt))


@task
def numbers(count: int = 3) -> list[int]:
    return list(range(count))


@task(on_failure=regret, retries=1, delay=0.0)
def checked(number: int) -> int:
    if number in BAD:
        raise ValueError(f"{number} is bad")
    return number


@task
def gather(found: list[int]) -> list[int]:
    return found


@task
def plain(number: int) -> int:
    return number


@task(at_most_once=True, queue="slow", priority=7)
def charged(number: int) -> int:
    return number


@task
def polled(number: int) -> Any:
    memory = current_attempt().memory or 0
    return number * 100 + memory if memory == 2 else flowkit.again(delay=0.0, memory=memory + 1)


def promote(run: WholeRun) -> None:
    run.resolver._store.promote(100)


def finish(run: WholeRun) -> str:
    """Finish a run whose tasks wait: what is due is promoted between the turns."""
    while run.state == "running":
        run.turn()
        promote(run)
    return run.state


def test_a_hook_is_called_for_each_item_that_failed(start: Runs) -> None:
    BAD.update({0, 2})
    with DAG("hooked") as dag:
        numbers >> checked.map(failures="collect") >> gather
    run = start(dag)
    assert finish(run) == "succeeded"
    assert sorted(HEARD) == [("checked[0]", "0 is bad", 2), ("checked[2]", "2 is bad", 2)]
    assert run.result("gather") == [None, 1, None]


def test_a_hook_of_the_run_names_the_item_that_failed(start: Runs) -> None:
    BAD.add(1)
    with DAG("alarmed", hooks=Hooks(on_failure=regret)) as dag:
        numbers >> checked.bind("plain").map(name="each")
    run = start(dag)
    assert finish(run) == "failed"
    assert ("each[1]", "1 is bad", 2) in HEARD


def test_failed_items_are_dead_letters(start: Runs) -> None:
    BAD.add(1)
    with DAG("dead") as dag:
        numbers >> checked.map() >> gather
    run = start(dag)
    finish(run)
    dead = run.link.call("ZRANGE", run.keys.dead(), 0, -1)
    assert dead == [f"r1,{run.number('checked[1]')}".encode()]
    BAD.clear()
    run.resume("checked[1]")
    assert finish(run) == "succeeded"
    assert run.link.call("ZCARD", run.keys.dead()) == 0


def test_at_most_so_many_items_are_dispatched(start: Runs) -> None:
    with DAG("bounded") as dag:
        numbers.bind("numbers", count=5) >> checked.map(max_active=2) >> gather
    run = start(dag)
    run.turn()
    for _ in range(3):
        assert 0 < run.states_of("checked").count("queued") <= 2
        run.turn()
    assert run.finish() == "succeeded"
    assert run.result("gather") == list(range(5))


def test_items_wait_in_the_queue_of_their_task(start: Runs) -> None:
    with DAG("queues") as dag:
        numbers >> charged.map() >> gather
    run = start(dag)
    run.turn()
    key = run.keys.ready("slow", "7")
    assert run.link.call("LLEN", key) == 3
    assert run.link.call("HGET", run.keys.tasks("r1"), run.number("charged[0]")).startswith(
        b"Q1,,0=,"
    )
    run.lane.mailbox.lists = ("slow", "default")
    assert run.finish() == "succeeded"


@pytest.mark.parametrize("small", [False, True])
def test_lost_queue_entries_of_items_are_restored(start: Runs, small: bool) -> None:
    count = 4 if small else 40  # a large run waits for its turn
    with DAG("repaired") as dag:
        numbers.bind("numbers", count=count) >> checked.map() >> gather
    run = start(dag)
    run.turn()
    place = ("default", "5")
    keys = (run.keys.ready(*place), run.keys.turns(*place), run.keys.backlog(*place, "r1"))
    assert run.link.call("DEL", *keys) > 0
    assert run.lane.work() == 0
    repair = QueueRepair(run.resolver._store, run.resolver.active)
    assert repair.sweep() == count
    assert run.finish() == "succeeded"


def test_an_item_may_come_again(start: Runs) -> None:
    with DAG("polls") as dag:
        numbers >> polled.map() >> gather
    run = start(dag)
    assert finish(run) == "succeeded"
    assert run.result("gather") == [2, 102, 202]


def test_a_window_bounds_items_too(start: Runs) -> None:
    with DAG("window") as dag:
        numbers.bind("numbers", count=30) >> plain.map() >> gather
    run = start(dag, window=4)
    run.turn()
    assert run.states_of("plain").count("queued") == 4
    assert run.finish() == "succeeded"
    assert "succeeded=32" in run.link.call("HGET", run.keys.run("r1"), "counts").decode()


def test_a_run_without_workers_for_its_items_names_them(start: Runs) -> None:
    with DAG("absent") as dag:
        numbers >> checked.map() >> gather
    run = start(dag)
    run.turn()
    active = run.resolver.active["r1"]
    serving = run.resolver._serving
    serving.absent = lambda active, queue: frozenset({active.dag.ref_of[1]})  # type: ignore[method-assign]
    duty = MissingFunctions(
        run.resolver._store, run.resolver.active, serving, run.heard, timeout=1e-9
    )
    duty.run_once()
    duty.run_once()
    (lacks,) = run.heard.named("RunLacksFunction")
    assert lacks.task_name == "checked[0]"  # type: ignore[attr-defined]
    assert active.state.dispatched == 3
    assert run.finish() == "failed"
    assert "TaskNotFoundError" in str(run.error("checked[0]"))
