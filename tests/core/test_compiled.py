"""A compiled DAG stores what its tasks share once, and answers per task."""

from __future__ import annotations

from array import array
from dataclasses import FrozenInstanceError, fields

import pytest

from flowkit.core.compiled import CompiledDAG, OnFailure
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy

SLOW = Policy(retries=2, timeout=60.0, queue="slow")


@pytest.fixture
def dag() -> CompiledDAG:
    return CompiledDAG(
        name="etl",
        graph=Graph.build(["extract", "clean_1", "clean_2"], [(0, 1), (0, 2)]),
        policies=(Policy(), SLOW),
        policy_of=array("i", [1, 0, 0]),
        refs=("etl:extract", "etl:clean"),
        ref_of=array("i", [0, 1, 1]),
        kwargs={1: b"part one"},
    )


def test_each_task_has_its_policy_and_its_function(dag: CompiledDAG) -> None:
    assert [dag.policy(task) for task in range(3)] == [SLOW, Policy(), Policy()]
    assert [dag.ref(task) for task in range(3)] == ["etl:extract", "etl:clean", "etl:clean"]


def test_tasks_share_equal_parts(dag: CompiledDAG) -> None:
    assert dag.policy(1) is dag.policy(2)
    assert dag.ref(1) is dag.ref(2)


def test_a_failure_stops_the_run_by_default(dag: CompiledDAG) -> None:
    assert dag.on_failure is OnFailure.STOP
    assert [mode.value for mode in OnFailure] == ["stop", "continue"]


@pytest.mark.parametrize("field", [field.name for field in fields(CompiledDAG)])
def test_a_version_of_a_dag_never_changes(dag: CompiledDAG, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(dag, field, None)


def test_dags_without_fixed_keywords_do_not_share_a_dict() -> None:
    graph = Graph.build([], [])
    item, two = (CompiledDAG("x", graph, (), array("i"), (), array("i")) for _ in range(2))
    assert item.kwargs == {}
    assert item.kwargs is not two.kwargs
