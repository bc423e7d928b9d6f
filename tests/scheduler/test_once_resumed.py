"""Resuming a run in which a task must never start twice: what came of it stands."""

from __future__ import annotations

from array import array

import pytest
from stage import LANE, Stage, dag_of

from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy
from flowkit.core.states import TaskState
from flowkit.protocol.once import lost_once
from flowkit.protocol.records import ErrorInfo
from flowkit.scheduler.resolver import Resolver


def shop(on_failure: str = "continue") -> CompiledDAG:
    """``cart >> pay >> mail`` and, apart, ``log``. Only ``pay`` must not start twice."""
    chain = dag_of("cart pay mail", "log", on_failure=on_failure)
    policies = (Policy(), Policy(at_most_once=True))
    policy_of = array("i", [name == "pay" for name in chain.graph.names])
    graph: Graph = chain.graph
    return CompiledDAG(
        "shop", graph, policies, policy_of, chain.refs, chain.ref_of, on_failure=chain.on_failure
    )


def ends(stage: Stage, **codes: str) -> list[str]:
    """Claim all there is and end it as said, with success if nothing is said."""
    claims = stage.claim()
    names = [stage.dags[item.run].graph.names[item.task] for item in claims]
    for claim, name in zip(claims, names, strict=True):
        stage.end([claim], codes.get(name, "S"))
    return names


def over(stage: Stage, resolver: Resolver, **codes: str) -> None:
    stage.play(resolver, lambda: ends(stage, **codes))
    assert stage.outcome() != "running"


def attempts(stage: Stage) -> dict[str, int]:
    return {name: record.attempt for name, record in stage.records().items()}


def number(stage: Stage, name: str) -> int:
    return stage.dags["r1"].graph.names.index(name)


@pytest.fixture
def resolver(stage: Stage) -> Resolver:
    result = stage.resolver()
    stage.submit(shop())
    return result


def test_a_plain_resume_leaves_it_failed_and_runs_the_rest(
    stage: Stage, resolver: Resolver
) -> None:
    over(stage, resolver, pay="F", log="F")
    stage.client.resume("r1")
    over(stage, resolver)
    assert stage.outcome() == "failed"
    assert stage.states() == {
        "cart": "succeeded",
        "pay": "failed",
        "mail": "upstream_failed",
        "log": "succeeded",
    }
    assert attempts(stage)["pay"] == 1


def test_where_a_failure_stops_the_run_it_stops_it_again(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(shop("stop"))
    over(stage, resolver, pay="F")
    stage.client.resume("r1")
    over(stage, resolver)
    assert stage.outcome() == "failed"
    assert attempts(stage)["pay"] == 1


def test_only_naming_it_starts_it_again(stage: Stage, resolver: Resolver) -> None:
    over(stage, resolver, pay="F")
    stage.client.resume("r1", [number(stage, "pay")])
    over(stage, resolver)
    assert stage.outcome() == "succeeded"
    assert attempts(stage)["pay"] == 2


def test_its_result_survives_a_rerun_of_upstream_tasks(stage: Stage, resolver: Resolver) -> None:
    over(stage, resolver)
    stage.client.resume("r1", [number(stage, "cart")])
    over(stage, resolver)
    assert stage.outcome() == "succeeded"
    assert attempts(stage) == {"cart": 2, "pay": 1, "mail": 2, "log": 1}


def test_interrupted_by_a_cancel_it_stays_failed_on_resume(
    stage: Stage, resolver: Resolver
) -> None:
    resolver.run_once(1)
    ends(stage)
    resolver.run_once(1)
    claims = stage.claim()
    stage.client.cancel("r1")
    resolver.run_once(1)
    stage.end(claims, "C")
    resolver.run_once(1)
    assert stage.outcome() == "cancelled"
    stage.client.resume("r1")
    over(stage, resolver)
    assert (stage.outcome(), stage.states()["pay"]) == ("failed", "failed")
    error = ErrorInfo.unpack(stage.client.read_errors("r1", [number(stage, "pay")])[0] or b"")
    assert error.message.startswith("it was cut short when its run was cancelled, so it may")


def test_cancelled_before_it_started_it_runs_on_resume(stage: Stage, resolver: Resolver) -> None:
    stage.client.cancel("r1")
    resolver.run_once(1)
    stage.client.resume("r1")
    over(stage, resolver)
    assert stage.outcome() == "succeeded"


@pytest.mark.parametrize("after", range(1, 4))
def test_a_scheduler_that_dies_in_the_middle_leaves_it_to_the_next_one(
    stage: Stage, resolver: Resolver, after: int
) -> None:
    """Its records decide, whoever reads them: as soon as the resume is known, and at the end."""
    over(stage, resolver, pay="C")
    stage.client.resume("r1")
    for _ in range(after):
        resolver = stage.resolver("s2")
        resolver.run_once(1)
    over(stage, resolver)
    assert stage.states()["pay"] == "failed"
    assert attempts(stage)["pay"] == 1


def test_a_lost_worker_ends_it_and_no_other_worker_gets_it(
    stage: Stage, resolver: Resolver
) -> None:
    resolver.run_once(1)
    ends(stage)
    resolver.run_once(1)
    assert stage.claim()
    store = resolver._store
    stage.link.call("ZADD", store.keys.workers(), stage.now, LANE.partition(".")[0])
    (taken,) = store.reap(LANE, 3, b"", lost_once("its worker was lost"))
    assert taken == ("r1", number(stage, "pay"), "F")
    over(stage, resolver)
    assert stage.outcome() == "failed"
    assert stage.records()["pay"].state is TaskState.FAILED
