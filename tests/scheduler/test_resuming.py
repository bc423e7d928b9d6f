"""Resuming from a task: it and all that needs it is run again, whoever carries that out."""

from __future__ import annotations

from array import array

import pytest
from stage import Stage, dag_of

from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy
from flowkit.core.states import TaskState
from flowkit.core.triggers import Trigger
from flowkit.exceptions import LeaseLost
from flowkit.protocol import decoding
from flowkit.scheduler.resolver import Resolver
from flowkit.scheduler.resuming import divide

DIAMOND = ("a b d e", "a c d", "x y")


def succeeded(stage: Stage, *chains: str) -> Resolver:
    """A run all of whose tasks succeeded."""
    resolver = stage.resolver()
    stage.submit(dag_of(*(chains or DIAMOND)))
    stage.play(resolver, stage.work)
    assert stage.outcome() == "succeeded"
    return resolver


def numbers(stage: Stage, names: str) -> list[int]:
    return [stage.dags["r1"].graph.names.index(name) for name in names.split()]


def attempts(stage: Stage) -> dict[str, int]:
    return {name: record.attempt for name, record in stage.records().items()}


def made_again(stage: Stage) -> str:
    return " ".join(sorted(name for name, attempt in attempts(stage).items() if attempt > 1))


@pytest.mark.parametrize(
    ("named", "again"), [("b", "b d e"), ("e", "e"), ("y c", "c d e y"), ("a x", "a b c d e x y")]
)
def test_a_task_and_its_downstream_tasks_run_again_and_the_rest_is_kept(
    stage: Stage, named: str, again: str
) -> None:
    resolver = succeeded(stage)
    stage.client.resume("r1", numbers(stage, named))
    stage.play(resolver, stage.work)
    assert stage.outcome() == "succeeded"
    assert made_again(stage) == again


def test_they_run_in_the_order_of_the_graph(stage: Stage) -> None:
    resolver = succeeded(stage)
    stage.client.resume("r1", numbers(stage, "d b"))
    order: list[str] = []
    stage.play(resolver, lambda: order.extend(names := stage.work()) or names)
    assert order == ["b", "d", "e"]


def test_unsuccessful_tasks_run_again_as_well(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a b", "x y z", on_failure="continue"))
    resolver.run_once(1)
    stage.work()
    resolver.run_once(1)
    b, y = stage.claim()
    stage.end([b])
    stage.end([y], "F")
    stage.play(resolver, stage.work)
    assert stage.outcome() == "failed"
    stage.client.resume("r1", numbers(stage, "b"))
    stage.play(resolver, stage.work)
    assert stage.outcome() == "succeeded"
    assert attempts(stage) == {"a": 1, "b": 2, "x": 1, "y": 2, "z": 1}


@pytest.mark.parametrize("parts", range(4))
def test_a_scheduler_that_dies_between_the_parts_leaves_nothing_half_reset(
    stage: Stage, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part holds one task here; what is pending already is found by its record."""
    monkeypatch.setattr(decoding, "PART", 1)
    first = succeeded(stage, "a b c d")
    stage.client.resume("r1", numbers(stage, "a"))
    left = [True] * parts
    fenced = type(first._store)._fenced

    def dying(self: object, name: str, *args: object) -> list[object]:
        if name == "reset" and not left:
            raise LeaseLost("it dies here")
        if name == "reset":
            left.pop()
        return fenced(self, name, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(type(first._store), "_fenced", dying)
    with pytest.raises(LeaseLost):
        first.run_once(1)
    monkeypatch.undo()
    assert stage.claim() == [], "nothing is queued before all is reset"
    second = stage.resolver("s2")
    stage.play(second, stage.work)
    assert stage.outcome() == "succeeded"
    assert made_again(stage) == "a b c d"


def test_a_pending_part_includes_its_downstream_tasks() -> None:
    """An earlier scheduler died when ``a`` was pending and ``b`` was not."""
    dag = dag_of("a b", "c")
    done = TaskState.SUCCEEDED
    kept, again = divide(dag, [(0, TaskState.PENDING), (1, done), (2, done)], [])
    assert (kept, again) == ([(2, done)], [1])


def test_a_resume_that_names_a_task_can_be_followed_by_another(stage: Stage) -> None:
    resolver = succeeded(stage)
    for named in ("b", "d"):
        stage.client.resume("r1", numbers(stage, named))
        stage.play(resolver, stage.work)
        assert stage.outcome() == "succeeded"
    assert attempts(stage) == {"a": 1, "b": 2, "c": 1, "d": 3, "e": 3, "x": 1, "y": 1}


def test_an_older_client_s_resume_names_no_task(stage: Stage) -> None:
    """It writes ``resuming`` as 1, which is no task number."""
    resolver = stage.resolver()
    stage.submit(dag_of("a b"))
    resolver.run_once(1)
    stage.work("F")
    resolver.run_once(1)
    stage.client.resume("r1")
    result = resolver._store.read_active("r1")
    assert result is not None
    assert result.resuming == ()


# -- with triggers ------------------------------------------------------------------------------


def triggered(*triggers: Trigger) -> CompiledDAG:
    """Task 0 >> task 1; the second has the first trigger, and so on."""
    count = len(triggers) + 1
    graph = Graph.build([f"t{at}" for at in range(count)], [(0, 1)] if count > 1 else [])
    policies = (Policy(), *(Policy(trigger=trigger) for trigger in triggers))
    zeros = array("i", [0] * count)
    return CompiledDAG("dag", graph, policies, array("i", range(count)), ("app:f",), zeros)


def test_tasks_that_ran_after_a_failure_run_again_with_it() -> None:
    dag = triggered(Trigger.ALL_OVER)
    states = [(0, TaskState.FAILED), (1, TaskState.SUCCEEDED)]
    assert divide(dag, states, []) == ([], [0, 1])


def test_the_hooks_of_the_run_are_called_again_with_its_end() -> None:
    dag = triggered(Trigger.NONE_FAILED, Trigger.RUN_SUCCEEDED, Trigger.RUN_FAILED)
    done, skipped = TaskState.SUCCEEDED, TaskState.SKIPPED
    states = [(0, done), (1, done), (2, done), (3, skipped)]
    assert divide(dag, states, [1]) == ([(0, done)], [1, 2, 3])
