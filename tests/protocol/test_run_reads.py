"""Searching the list of runs, and what runs take in memory."""

from __future__ import annotations

import pytest
from environment import Environment, done

from flowkit.core.states import RunState
from flowkit.protocol import run_reads


@pytest.fixture(autouse=True)
def led(env: Environment) -> None:
    env.acquire_lease()


def fill(env: Environment, count: int = 6) -> None:
    """Runs r0, r1, … of the DAGs even and odd, one per second; every third one has failed."""
    for number in range(count):
        run = f"r{number}"
        env.submit(run)
        env.link.call("HSET", env.keys.run(run), "dag", ["even", "odd"][number % 2])
        if number % 3 == 0:
            env.finish(run, "failed")
        env.now += 1000


def names(listing: list[object]) -> str:
    return " ".join(record.run for record in listing)  # type: ignore[attr-defined]


def test_runs_of_a_dag_in_a_state_since_a_time(env: Environment) -> None:
    fill(env)
    read = env.client.read_runs
    assert names(read(9)) == "r5 r4 r3 r2 r1 r0"
    assert names(read(9, dag="odd")) == "r5 r3 r1"
    assert names(read(2, dag="odd")) == "r5 r3"
    assert names(read(9, RunState.FAILED)) == "r3 r0"
    assert names(read(9, RunState.FAILED, dag="even")) == "r0"
    assert names(read(9, since_ms=env.now - 2500)) == "r5 r4"
    assert names(read(9, dag="odd", since_ms=env.now - 3500)) == "r5 r3"
    assert names(read(9, dag="no such")) == names(read(9, dag="")) == ""
    assert names(read(9, dag="\ud800")) == ""


@pytest.mark.parametrize("part", [1, 2, 3, 6, 7])
def test_a_search_reads_in_parts(
    env: Environment, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    fill(env)
    monkeypatch.setattr(run_reads, "SEARCH_PART", part)
    monkeypatch.setattr(run_reads, "RUNS_PART", part)
    result = env.client.read_runs(9, dag="odd")
    assert (names(result), result.cut_short) == ("r5 r3 r1", False)


def test_a_search_is_bounded_and_says_so(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(env)
    monkeypatch.setattr(run_reads, "SEARCH_PART", 2)
    monkeypatch.setattr(run_reads, "MOST_SEARCHED", 4)
    result = env.client.read_runs(3, RunState.FAILED)
    assert (names(result), result.cut_short) == ("r3", True)
    result = env.client.read_runs(3, RunState.FAILED, since_ms=env.now - 3000)
    assert (names(result), result.cut_short) == ("r3", False)


def test_runs_submitted_meanwhile_list_none_twice(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(env)
    monkeypatch.setattr(run_reads, "SEARCH_PART", 2)
    matching, count = env.client._matching, iter(range(100))

    def busy(*args: object) -> list[bytes]:
        env.submit(f"new-{next(count)}")
        return matching(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(env.client, "_matching", busy)
    assert names(env.client.read_runs(9, dag="odd")) == "r5 r3 r1"


def test_runs_that_cannot_be_read_are_listed_beside_the_others(env: Environment) -> None:
    fill(env)
    env.link.call("HSET", env.keys.run("r4"), "dag", "x" * 5000)
    env.link.call("ZADD", env.keys.runs(), env.now, "not a run id")
    result = env.client.read_runs(9, dag="odd")
    assert names(result) == "r5 r3 r1"
    assert sorted(item.name for item in result.damaged) == ["not a run id", "r4"]


def test_expired_runs_are_left_out(env: Environment) -> None:
    fill(env)
    env.link.call("DEL", env.keys.run("r3"), env.keys.tasks("r3"))
    assert names(env.client.read_runs(9, dag="odd")) == "r5 r1"


def test_the_memory_of_a_run_grows_with_its_results(
    env: Environment, request: pytest.FixtureRequest
) -> None:
    env.register()
    env.submit("r1")
    env.submit("r2")
    env.queue(0, run="r2")
    env.claim()
    env.complete(done(0, run="r2", payload=b"x" * 100_000))
    records = [env.client.read_run(run) for run in ("r1", "r2", "r1")]
    sizes = env.client.memory_of(records)
    graphs = env.client.memory_of_graphs([records[0].digest])
    if "fakeredis" in request.node.name:
        assert sizes is graphs is None
        return
    assert sizes is not None
    assert 100 < sizes[0] < 2000
    assert 100_000 < sizes[1] < 120_000  # allocators round up
    assert sizes[2] == sizes[0]
    assert graphs is not None
    assert 50 < graphs[0] < 1000


def test_a_run_that_is_gone_takes_nothing(env: Environment) -> None:
    env.submit("r1")
    record = env.client.read_run("r1")
    env.link.call("DEL", env.keys.run("r1"))
    assert env.client.memory_of([record]) in ([0], None)
    assert env.client.memory_of([]) == []
