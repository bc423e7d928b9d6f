"""A resume makes again what a run has lost, so that its advice helps whoever follows it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from stage import LANE, Stage, dag_of

from flowkit.core.retry import Policy
from flowkit.exceptions import RunLost
from flowkit.protocol.outcomes import Outcome
from flowkit.scheduler.resolver import Resolver


def work(stage: Stage) -> list[str]:
    """End all that can be claimed; the result of a task is its name, that of ``none`` is None."""
    names, claims = stage.dags["r1"].graph.names, stage.claim()
    done = [
        Outcome.decode(
            claim.run,
            f"{claim.task},{claim.attempt},S",
            b"" if names[claim.task] == "none" else names[claim.task].encode(),
        )
        for claim in claims
    ]
    stage.worker.complete(LANE, done, 0, 0, 1, ())
    return [names[claim.task] for claim in claims]


def succeeded(stage: Stage, *chains: str, once: bool = False) -> Resolver:
    resolver = stage.resolver()
    stage.submit(dag_of(*chains, policy=Policy(at_most_once=True) if once else None))
    stage.play(resolver, lambda: work(stage))
    assert stage.outcome() == "succeeded"
    return resolver


def numbers(stage: Stage, names: str) -> list[int]:
    return [stage.dags["r1"].graph.names.index(name) for name in names.split()]


def results(stage: Stage) -> Sequence[bytes | None]:
    return list(stage.client.read_results("r1", range(len(stage.dags["r1"].graph))))


def lose(stage: Stage, names: str) -> None:
    stage.link.call("HDEL", stage.client.keys.results("r1"), *numbers(stage, names))


@pytest.mark.parametrize(
    ("lost", "again"),
    [("a b c none x y", "a b c none x y"), ("x", "c none x y"), ("b", "b c none")],
)
def test_missing_results_are_computed_again_with_all_downstream_tasks(
    stage: Stage, lost: str, again: str
) -> None:
    """Whether ``none`` gave None or has lost what it gave nobody can tell, so it is among them."""
    resolver = succeeded(stage, "a b c", "none", "x y")
    lose(stage, lost)
    with pytest.raises(RunLost, match="to compute them again"):
        results(stage)
    stage.client.resume("r1", numbers(stage, "c"))
    stage.play(resolver, lambda: work(stage))
    assert stage.outcome() == "succeeded"
    made = [name for name, record in stage.records().items() if record.attempt > 1]
    assert " ".join(sorted(made)) == again
    assert results(stage) == [b"a", b"b", b"c", None, b"x", b"y"]


def test_a_run_that_has_lost_nothing_keeps_its_results(stage: Stage) -> None:
    resolver = succeeded(stage, "a b", "none")
    stage.client.resume("r1", numbers(stage, "b"))
    stage.play(resolver, lambda: work(stage))
    assert {name: record.attempt for name, record in stage.records().items()} == {
        "a": 1,
        "b": 2,
        "none": 1,
    }


def test_a_lost_at_most_once_result_stays_lost_until_a_resume_names_it(stage: Stage) -> None:
    resolver = succeeded(stage, "a b", "none", once=True)
    lose(stage, "a")
    stage.client.resume("r1", numbers(stage, "b"))
    stage.play(resolver, lambda: work(stage))
    assert stage.records()["a"].attempt == 1
    with pytest.raises(RunLost):
        results(stage)
    stage.client.resume("r1", numbers(stage, "a b none"))
    stage.play(resolver, lambda: work(stage))
    assert results(stage) == [b"a", b"b", None]
