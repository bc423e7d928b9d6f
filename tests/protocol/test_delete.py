"""Deleting runs: everything of a run that is over goes, and nothing of any other run."""

from __future__ import annotations

import pytest
from environment import HOUR_MS, Environment, done
from helpers import EXPIRING

from flowkit.core.states import RunState
from flowkit.exceptions import RunNotFound, RunNotOver


def over(env: Environment, run: str = "r1") -> None:
    """A run with records, a result, an error and a dead letter that has failed."""
    env.submit(run)
    env.queue(0, 1, run=run)
    env.claim()
    env.complete(done(0, run=run, payload=b"value"), done(1, "F", run=run, payload=b"error"))
    env.finish(run, "failed", 1)


@pytest.fixture(autouse=True)
def led(env: Environment) -> None:
    env.acquire_lease()
    env.register()


def of_run(env: Environment, run: str = "r1") -> set[str]:
    """Return the keys of a run, and the lists that name it. Hints are left out."""
    result = {name for name in env.dump() if name.startswith(f"run:{run}")}
    return result | {name for name in ("runs", "active") if run in env.dump().get(name, ())}


def test_a_run_that_is_over_is_deleted_with_all_its_keys(env: Environment) -> None:
    over(env)
    keys = {"run:r1", "run:r1:tasks", "run:r1:results", "run:r1:errors"}
    assert of_run(env) == keys | {"runs"}
    changed = env.changed_by(lambda: env.client.delete("r1"))
    assert changed.keys() - {EXPIRING} == keys | {"runs"}
    assert all(value is None for name, value in changed.items() if name != EXPIRING)
    with pytest.raises(RunNotFound):
        env.client.read_run("r1")
    assert env.client.read_runs(10) == []


def test_deleting_again_or_something_that_never_was_changes_nothing(env: Environment) -> None:
    over(env)
    assert env.client.delete("r1") is True
    before = env.dump()
    assert env.client.delete("r1") is False
    assert env.client.delete("nothing") is False
    assert env.dump() == before


@pytest.mark.parametrize("resumed", [False, True])
def test_a_run_that_is_not_over_is_refused_with_what_to_do(env: Environment, resumed: bool) -> None:
    if resumed:
        over(env)
        env.client.resume("r1")
    else:
        env.submit()
    before = env.dump()
    with pytest.raises(RunNotOver, match=r"run 'r1' is not over yet, .*'flowkit cancel r1 --wait'"):
        env.client.delete("r1")
    assert env.dump() == before


def test_the_graph_stays_for_the_other_runs_that_use_it(env: Environment) -> None:
    over(env)
    env.submit("r2")
    env.client.delete("r1")
    digest = env.client.read_run("r2").digest
    graphs = env.dump()["graphs"]
    assert graphs[digest] == "1"
    assert env.now + HOUR_MS - 60_000 < int(graphs[digest + "!"]) <= env.now + HOUR_MS
    env.queue(0, run="r2")
    assert [claim.run for claim in env.claim()] == ["r2"]


def test_a_damaged_run_is_deleted_and_gives_its_graph_back(env: Environment) -> None:
    """No scheduler takes it, so it never ends by itself, and its graph would stay forever."""
    env.submit()
    env.link.call("HSET", env.keys.run("r1"), "state", "nonsense")
    assert env.client.delete("r1") is True
    assert of_run(env) == set()
    assert not [name for name in env.dump() if name.startswith("graph")]


def test_keys_of_other_types_are_deleted_too(env: Environment) -> None:
    over(env)
    for key in (env.keys.run("r1"), env.keys.tasks("r1")):
        env.link.call("DEL", key)
        env.link.call("SET", key, "x")
    assert env.client.delete("r1") is True
    assert of_run(env) == set()


def test_an_outcome_that_comes_late_brings_nothing_back(env: Environment) -> None:
    """Its run was ended because its data was damaged, while a task was still running."""
    env.submit()
    env.queue(0)
    env.claim()
    env.apply("finish", "r1", "failed", "", "")
    env.client.delete("r1")
    exchange = env.complete(done(0, payload=b"value"))
    assert list(exchange.stale) == ["r1,0"]
    env.finish()
    env.apply("progress", "r1", "succeeded=1")
    env.apply("drop", "r1", 1, 0)
    assert of_run(env) == set()
    assert env.worker.holdings("W.0") == []


def test_a_deleted_id_can_be_submitted_again(env: Environment) -> None:
    over(env)
    env.client.delete("r1")
    env.now += 1
    env.submit("r1", dag="another")
    assert env.records() == {}
    assert env.client.read_failures([("r1", 1)]) == [None]  # an old hint means nothing


def test_a_run_deleted_before_its_resume_cannot_be_resumed(env: Environment) -> None:
    over(env)
    env.client.delete("r1")
    with pytest.raises(RunNotFound):
        env.client.resume("r1")
    assert of_run(env) == set()


def test_a_repeated_finish_does_not_end_the_run_that_took_its_id(env: Environment) -> None:
    """The scheduler's reply was lost; meanwhile a client deleted the run and submitted it again."""
    over(env)
    env.client.delete("r1")
    submission = env.submit("r1")
    end = ("finish", "r1", "failed", 1, "succeeded=1 failed=1")
    assert env.raw("apply", "s1", 1, "", "begin", "r1", submission.digest, *end) == [b"OK", b"r1"]
    assert env.client.read_run("r1").state is RunState.RUNNING
    env.queue(0, 1)
    assert [claim.task for claim in env.claim()] == [0, 1]
