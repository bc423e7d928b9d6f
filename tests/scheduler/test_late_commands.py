"""A run that ends many tasks at once does not keep others waiting: the rest is done in parts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
from stage import Stage, dag_of
from whole_run import WholeRun

from flowkit import DAG, task
from flowkit.core.states import TASK_OVER
from flowkit.scheduler import command_runner
from flowkit.scheduler.resolver import Resolver

NAMES = [f"t{at}" for at in range(40)]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four tasks are many: two parts of two in each turn, so as with 40,000 tasks."""

    def in_twos(tasks: Sequence[int]) -> Iterator[Sequence[int]]:
        return (tasks[at : at + 2] for at in range(0, len(tasks), 2))

    monkeypatch.setattr(command_runner, "in_parts", in_twos)
    monkeypatch.setattr(command_runner, "TURN_TASKS", 4)


def cancelled(stage: Stage, run: str = "r1") -> int:
    return list(stage.states(run).values()).count("cancelled")


def begun(stage: Stage, window: int = 10, **options: str) -> Resolver:
    stage.submit(dag_of(*NAMES, **options))
    resolver = stage.resolver(window=window)
    resolver.run_once(1)
    return resolver


def test_a_cancel_of_many_tasks_lets_other_runs_begin(stage: Stage) -> None:
    """A cancel of two million items took one turn of up to 20 s, in which no other run went on."""
    resolver = begun(stage)
    stage.client.cancel("r1")
    stage.submit(dag_of("a"), "r2")
    resolver.run_once(1)
    assert stage.states("r2") == {"a": "queued"}
    assert cancelled(stage) == 8, "one budget for the command, one for what was left"
    turns = 0
    while stage.outcome() == "running":
        before = cancelled(stage)
        resolver.run_once(1000)
        turns += 1
        assert turns < 50
        assert cancelled(stage) - before <= 4
    assert (stage.outcome(), cancelled(stage), turns) == ("cancelled", 40, 9)
    assert list(resolver.active) == ["r2"]


def test_it_does_not_wait_for_facts_while_something_is_left(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = begun(stage)
    waits: list[int] = []
    read = resolver._store.read_announcements

    def reads(cursor: str, count: int, block_ms: int) -> object:
        waits.append(block_ms)
        return read(cursor, count, min(block_ms, 1))

    monkeypatch.setattr(resolver._store, "read_announcements", reads)
    stage.client.cancel("r1")
    while stage.outcome() == "running" and len(waits) < 50:
        resolver.run_once(1000)
    resolver.run_once(1000)
    assert waits[0] > 0
    assert set(waits[1:-1]) == {0}
    assert waits[-1] > 0


def test_two_runs_take_turns(stage: Stage) -> None:
    resolver = begun(stage)
    stage.submit(dag_of(*NAMES), "r2")
    resolver.run_once(1)
    for run in ("r1", "r2"):
        stage.client.cancel(run)
    seen: set[str] = set()
    for _ in range(4):
        before = cancelled(stage), cancelled(stage, "r2")
        resolver.run_once(1)
        after = cancelled(stage), cancelled(stage, "r2")
        seen.update(name for name, old, new in zip("12", before, after, strict=True) if new > old)
    assert seen == {"1", "2"}
    assert max(after) < 40


def test_what_ends_meanwhile_is_heard(stage: Stage) -> None:
    resolver = begun(stage)
    claims = stage.claim(2)
    stage.client.cancel("r1")
    resolver.run_once(1)
    stage.end(claims)
    for _ in range(20):
        resolver.run_once(1)
    assert stage.outcome() == "cancelled"
    assert sorted(stage.states().values()) == ["cancelled"] * 38 + ["succeeded"] * 2


def test_a_run_that_is_given_up_leaves_nothing(stage: Stage) -> None:
    resolver = begun(stage)
    stage.client.cancel("r1")
    resolver.run_once(1)
    done = cancelled(stage)
    resolver.give_up("r1", ValueError("its records cannot be read"))
    resolver.run_once(1)
    assert (stage.outcome(), cancelled(stage)) == ("failed", done)
    assert not resolver._commands.is_late


def test_a_scheduler_that_leads_again_drops_what_it_left(stage: Stage) -> None:
    resolver = begun(stage)
    stage.client.cancel("r1")
    resolver.run_once(1)
    stage.play(stage.resolver("s2"), lambda: False)
    for _ in range(10):
        stage.resolver("s3").run_once(1)
    assert stage.outcome() == "cancelled"
    resolver._store.term = stage.leading().term
    resolver.recover(resolver._store.read_cursor())
    assert not resolver._commands.is_late


def test_runs_that_were_lost_leave_nothing(stage: Stage) -> None:
    resolver = begun(stage)
    stage.client.cancel("r1")
    resolver.run_once(1)
    resolver.report_lost()
    assert not resolver._commands.is_late


@pytest.mark.parametrize("seed", range(12))
def test_runs_end_alike_whoever_takes_over(stage: Stage, seed: int) -> None:
    """Cancels, failures and takeovers at any time: all tasks end, and the run after them."""
    chance = random.Random(seed)
    on_failure = chance.choice(["stop", "continue"])
    resolver = begun(stage, chance.choice([3, 10, 40]), on_failure=on_failure)
    failed = False
    for turn in range(200):
        if stage.outcome() != "running":
            break
        for claim in stage.claim(chance.randrange(4)):
            code = "F" if chance.random() < 0.1 else "S"
            failed = failed or code == "F"
            stage.end([claim], code)
        if turn > 2 and chance.random() < 0.2:
            stage.client.cancel("r1")
        if chance.random() < 0.2:
            resolver = stage.resolver(f"s{turn}")
        resolver.run_once(1)
        if stage.outcome() != "running":
            assert all(record.state in TASK_OVER for record in stage.records().values())
    assert stage.outcome() in ("succeeded", "failed", "cancelled")
    assert resolver.active == {}
    assert stage.outcome() != "succeeded" or not failed


@task
def numbers() -> list[int]:
    return list(range(6))


@task
def echo(number: int) -> int:
    return number


@task
def total(items: list[int]) -> int:
    return len(items)


@pytest.mark.parametrize("held", range(1, 7))
def test_no_mapped_task_is_left_pending(server_url: str, namespace: str, held: int) -> None:
    """The end of a run overtook the end of a mapped task that was decided before it."""
    with DAG("maps") as dag:
        first, second = echo.map(name="first"), echo.map(name="second")
        numbers >> [first, second]
        for at in range(20):
            second >> total.bind(f"t{at}")
    run = WholeRun(server_url, namespace, dag)
    try:
        run.turn(1)  # the list is there, and its items are queued
        run.lane.mailbox.exchange(held)
        running = list(run.lane.mailbox.inbox)
        run.lane.mailbox.inbox.clear()
        run.client.cancel(run.run)
        run.resolver.run_once(1)
        for claim in running:
            run.lane.run(claim)
            run.lane.mailbox.flush()
            run.resolver.run_once(1)
        assert run.finish() == "cancelled"
        numbers_of_tasks = [run.number(name) for name in run.dag.graph.names]
        states = [record.state for record in run.client.read_records(run.run, numbers_of_tasks)]
        assert set(states) <= TASK_OVER, states
    finally:
        run.close()
