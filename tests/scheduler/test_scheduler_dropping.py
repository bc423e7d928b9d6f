"""Results that are not kept, as schedulers drop them and a resume makes them again."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest
from stage import LANE, Stage, dag_of

from flowkit.core.compiled import CompiledDAG
from flowkit.core.retry import Policy
from flowkit.core.states import TaskState
from flowkit.protocol.outcomes import Outcome
from flowkit.scheduler.resolver import Resolver
from flowkit.scheduler.resuming import divide

S, F = TaskState.SUCCEEDED, TaskState.FAILED


def dropping(*chains: str, names: str, on_failure: str = "stop") -> CompiledDAG:
    """A DAG in which the results of the tasks in ``names`` are not kept."""
    dag = dag_of(*chains, on_failure=on_failure)
    policies = (Policy(retries=5), Policy(retries=5, keep_result=False))
    policy_of = array("i", [int(name in names.split()) for name in dag.graph.names])
    return replace(dag, policies=policies, policy_of=policy_of)


def work(stage: Stage, *, failing: str = "", retrying: str = "") -> list[str]:
    """End all that can be claimed; the result of a task is its name."""
    names, claims = stage.dags["r1"].graph.names, stage.claim()
    done = []
    for claim in claims:
        name = names[claim.task]
        code = "F" if name in failing.split() else "S"
        code = "W" if name in retrying.split() else code
        tail = ",1000,default,5" if code == "W" else ""
        token = f"{claim.task},{claim.attempt},{code}{tail}"
        done.append(Outcome.decode(claim.run, token, name.encode()))
    stage.worker.complete(LANE, done, 0, 0, 1, ())
    return [names[claim.task] for claim in claims]


def results(stage: Stage) -> str:
    names = stage.dags["r1"].graph.names
    stored = stage.dump().get("run:r1:results", {})
    return " ".join(names[int(task)] for task in sorted(stored, key=int))


def attempts(stage: Stage) -> str:
    """Return the names of the tasks that have run more than once."""
    return " ".join(sorted(name for name, item in stage.records().items() if item.attempt > 1))


def turn(stage: Stage, resolver: Resolver, **ends: str) -> list[str]:
    resolver.run_once(1)
    return work(stage, **ends)


def test_a_result_stays_until_its_last_consumer_is_over(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dropping("load clean", "load count", names="load"))
    assert turn(stage, resolver) == ["load"]
    resolver.run_once(1)
    (item, other) = stage.claim()
    stage.end([item])
    resolver.run_once(1)
    assert results(stage) == "load"
    stage.end([other], "K")
    resolver.run_once(1)
    assert results(stage) == ""
    assert stage.outcome() == "succeeded"


def test_a_retried_or_returned_consumer_still_finds_it(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dropping("load clean", names="load"))
    turn(stage, resolver)
    assert turn(stage, resolver, retrying="clean") == ["clean"]
    resolver.run_once(1)
    assert results(stage) == "load"
    stage.now += 2000
    resolver._store.promote(10)
    (claim,) = stage.claim()
    stage.worker.release(LANE, [claim.key])
    resolver.run_once(1)
    assert results(stage) == "load"
    stage.play(resolver, lambda: work(stage))
    assert results(stage) == "clean"
    assert stage.outcome() == "succeeded"


def test_none_is_left_at_the_end_of_a_failed_run(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dropping("load clean report", "load bad report", names="load clean"))
    stage.play(resolver, lambda: work(stage, failing="bad"))
    assert stage.outcome() == "failed"
    assert results(stage) == ""


def test_a_resume_makes_again_what_a_rerun_task_needs_and_only_that(stage: Stage) -> None:
    resolver = stage.resolver()
    dag = dropping("a b c", "x y", "a d", names="a b x", on_failure="continue")
    stage.submit(dag)
    stage.play(resolver, lambda: work(stage, failing="c"))
    assert results(stage) == "y d"
    stage.client.resume("r1")
    stage.play(resolver, lambda: work(stage))
    assert stage.outcome() == "succeeded"
    assert attempts(stage) == "a b c d"  # d took a result of a, which was made again
    assert results(stage) == "c y d"


def test_a_resume_that_needs_no_dropped_result_makes_none(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dropping("a b c", names="a"))
    stage.play(resolver, lambda: work(stage))
    stage.client.resume("r1", [2])
    stage.play(resolver, lambda: work(stage))
    assert attempts(stage) == "c"


def test_a_lost_result_is_found_and_a_dropped_one_is_not_taken_for_lost(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dropping("a b", "x y", names="a"))
    stage.play(resolver, lambda: work(stage))
    stage.link.call("HDEL", stage.client.keys.results("r1"), 3)  # y
    stage.client.resume("r1", [3])
    stage.play(resolver, lambda: work(stage))
    assert attempts(stage) == "y"
    assert list(stage.client.read_results("r1", range(4))) == [None, b"b", b"x", b"y"]


def test_a_scheduler_that_takes_over_drops_what_the_other_did_not(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dropping("load clean report", names="load"))
    turn(stage, resolver)
    turn(stage, resolver)
    assert results(stage) == "load clean"
    stage.resolver("s2")  # the event of clean is unread: its record says the same
    assert results(stage) == "clean"


def test_a_resume_that_was_cut_short_comes_to_the_same(stage: Stage) -> None:
    """The second scheduler finds some of the tasks pending already."""
    dag = dropping("a b c d", names="a b")
    done = [(task, S) for task in range(3)]
    kept, again = divide(dag, [*done, (3, F)], [2])
    assert (kept, again) == ([], [0, 1, 2, 3])
    for cut in range(len(again)):
        left = [(task, TaskState.PENDING if task in again[:cut] else state) for task, state in done]
        kept, rest = divide(dag, [*left, (3, F)], [2])
        assert kept == []
        assert rest == again[cut:]


@pytest.mark.parametrize("takes", ["b", "c"])
def test_a_held_task_needs_nothing(stage: Stage, takes: str) -> None:
    """``b`` may have started and must not start twice: it does not run, whatever it takes."""
    dag = dropping("a b", "a c", names="a")
    states = [(0, S), (1, S), (2, S)]
    kept, again = divide(dag, states, [1], {1: S} if takes == "c" else {})
    assert again == ([] if takes == "c" else [0, 1, 2])
    assert kept == (states if takes == "c" else [])
