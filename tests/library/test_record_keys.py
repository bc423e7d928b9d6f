"""Where runs record tasks: no DAG is given another one's results, and old records are found."""

from __future__ import annotations

from typing import Any

import pytest

from flowkit import DAG, StateManager, Task, task
from flowkit.codec.digests import digest
from flowkit.exceptions import WorkerLost
from flowkit.local.records import result_key


@pytest.fixture
def state() -> StateManager:
    return StateManager()


def dag_of(name: str, *tasks: Task) -> DAG:
    return DAG(name, tasks=tasks)


def returning(name: str, value: Any, **options: Any) -> Task:
    return task(name=name, **options)(lambda: value)


def record_as_before(
    state: StateManager, dag: str, name: str, value: Any, *, outcome: str = "succeeded"
) -> None:
    """Record a task without upstream tasks and arguments as releases did that wrote no format."""
    inputs = digest([dag, name, [], {}], "inputs")
    about = {"dag": dag, "task": name, "run_id": "0" * 32, "outcome": outcome}
    fields = about if outcome == "started" else {**about, "inputs": inputs}
    state.set(f"{dag}/{name}", value, metadata=fields)


# -- names with a slash ------------------------------------------------------------------------


@pytest.mark.parametrize("once", [True, False])
def test_a_dag_never_takes_the_results_of_another(state: StateManager, once: bool) -> None:
    """``sales/eu`` with ``load`` and ``sales`` with ``eu/load`` are two tasks."""
    eu = dag_of("sales/eu", returning("load", "from sales/eu", at_most_once=once))
    sales = dag_of("sales", returning("eu/load", "from sales", at_most_once=once))
    eu.run(state=state)
    assert sales.run(state=state, resume=True) == {"eu/load": "from sales"}
    sales.run(state=state)
    assert sorted(state.get_all().values()) == ["from sales", "from sales/eu"]


def test_keys_of_different_tasks_differ() -> None:
    names = ["a", "b", "/", "%", "%2F", "%25", "a/b", "a%2Fb", "a%252Fb", "//", "%/", "2F"]
    keys = {result_key(dag, name) for dag in names for name in names}
    assert len(keys) == len(names) ** 2
    assert result_key("etl", "load") == "etl/load"


def test_results_recorded_by_an_earlier_release_are_reused(state: StateManager) -> None:
    record_as_before(state, "sales/eu", "load", "recorded")
    dag = dag_of("sales/eu", returning("load", "made again"))
    assert dag.run(state=state, resume=True) == {"load": "recorded"}


def test_a_start_that_an_earlier_release_recorded_counts(state: StateManager) -> None:
    record_as_before(state, "sales/eu", "pay", None, outcome="started")
    dag = dag_of("sales/eu", returning("pay", "paid twice", at_most_once=True))
    with pytest.raises(WorkerLost, match="was started by an earlier run"):
        dag.run(state=state, resume=True)


def test_results_of_another_dag_by_an_earlier_release_are_kept(state: StateManager) -> None:
    record_as_before(state, "sales/eu", "pay", "of sales/eu")
    sales = dag_of("sales", returning("eu/pay", "of sales", at_most_once=True))
    for resume in (True, False):
        assert sales.run(state=state, resume=resume) == {"eu/pay": "of sales"}
    eu = dag_of("sales/eu", returning("pay", "paid twice", at_most_once=True))
    assert eu.run(state=state, resume=True) == {"pay": "of sales/eu"}


def test_a_fresh_run_also_drops_old_records(state: StateManager) -> None:
    record_as_before(state, "sales/eu", "load", "old")
    dag = dag_of("sales/eu", returning("load", "new"))
    dag.run(state=state)
    assert state.get_all() == {"sales%2Feu/load": "new"}


# -- unnamed bound tasks -----------------------------------------------------------------------


def numbered(first: int, second: int, **options: Any) -> DAG:
    """Bind unnamed tasks for two DAGs; return the second. Earlier releases counted through both."""
    base = task(name="part", **options)(lambda: "made again")
    DAG("one", tasks=[base.bind() for _ in range(first)])
    return DAG("two", tasks=[base.bind() for _ in range(second)])


def test_results_under_the_numbers_of_an_earlier_release_are_reused(state: StateManager) -> None:
    for number in (4, 5, 6):
        record_as_before(state, "two", f"part_{number}", f"old {number}")
    result = numbered(2, 3).run(state=state, resume=True)
    assert result == {"part_2": "old 4", "part_3": "old 5", "part_4": "old 6"}


def test_unchanged_numbers_are_found_however_the_dag_was_built(state: StateManager) -> None:
    base = task(name="part")(lambda: "made again")
    dag = DAG("one")
    for number in (2, 3, 4):
        record_as_before(state, "one", f"part_{number}", f"old {number}")
        dag.add(base.bind())
    assert dag.run(state=state, resume=True) == {f"part_{n}": f"old {n}" for n in (2, 3, 4)}


def test_a_start_under_the_number_of_an_earlier_release_counts(state: StateManager) -> None:
    record_as_before(state, "two", "part_4", None, outcome="started")
    with pytest.raises(WorkerLost, match="'part_2' of DAG 'two' was started by an earlier run"):
        numbered(2, 3, at_most_once=True).run(state=state, resume=True)


def test_a_number_of_this_release_is_not_taken_for_one_of_an_earlier_one(
    state: StateManager,
) -> None:
    """``part_4`` has a record, ``part_2`` has none; before, ``part_2`` was called ``part_4``."""
    dag = numbered(2, 3, at_most_once=True)
    assert dag.run(state=state)["part_4"] == "made again"
    state.delete("two/part_2")
    state.set("two/part_4", "of part_4", metadata=_about(state, "two/part_4"))
    result = numbered(2, 3, at_most_once=True).run(state=state, resume=True)
    assert (result["part_2"], result["part_4"]) == ("made again", "of part_4")


def _about(state: StateManager, key: str) -> dict[str, Any]:
    about = state.get_metadata(key) or {}
    return {name: about[name] for name in about if name not in ("timestamp", "age")}
