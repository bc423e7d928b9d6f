"""Which tasks a DAG has: all that were named, none that were not, and no longer than it lives."""

from __future__ import annotations

import gc
import logging
import weakref

import pytest

from flowkit import DAG, Task, task
from flowkit.exceptions import DuplicateTaskError
from flowkit.testing.systems import kept_registry


@task
def part(n: int = 0) -> int:
    return n


@task
def total(*numbers: int) -> int:
    return sum(numbers)


@pytest.fixture(autouse=True)
def dangerous() -> Task:
    """A task of the same program that no DAG here has asked for."""
    part._bound_names.free.clear()
    return task(drop_tables)


def drop_tables() -> None:
    raise AssertionError("a task that nobody asked for has run")


def names(dag: DAG) -> list[str]:
    return [item.name for item in dag.tasks]


# -- empty lists, empty blocks -----------------------------------------------------------------


def test_an_empty_fan_out_runs_what_was_named_and_nothing_else():
    with DAG("sizes") as dag:
        [part.bind(f"part_{n}", n=n) for n in ()] >> total
    assert names(dag) == ["total"]
    assert dag.run() == {"total": 0}


@pytest.mark.parametrize("empty", [[], ()])
def test_both_sides_of_an_empty_list_belong(empty):
    with DAG("etl") as dag:
        part >> empty >> total
    assert (names(dag), dag.edges()) == (["part", "total"], [])


def test_an_empty_block_is_an_empty_dag():
    with DAG("nothing") as dag:
        pass
    assert (dag.tasks, dag.edges(), dag.run()) == ([], [], {})


def test_an_edge_to_an_empty_list_outside_of_blocks_keeps_a_task_that_others_were_bound_from():
    template = task(lambda: 1, name="template")
    template.bind("other")
    assert "template" not in names(DAG())
    [] >> template
    assert "template" in names(DAG())


def test_the_tasks_of_a_dag_may_be_given_together():
    part >> total
    try:
        given = (item for item in [part, total])
        dag = DAG("both", tasks=given)
        assert (names(dag), len(dag.edges())) == (["part", "total"], 1)
        assert DAG("none", tasks=[]).run() == {}
    finally:
        part.downstream.clear()
        total.upstream.clear()


@pytest.mark.parametrize("wrong", [part, 5, [drop_tables], "part"])
def test_non_tasks_are_refused_clearly(wrong):
    with pytest.raises(TypeError, match=r"^DAG 'x': tasks must be a list of tasks"):
        DAG("x", tasks=wrong)


# -- the DAG that covers everything ------------------------------------------------------------


def take_by_block(one: Task) -> DAG:
    with DAG("other") as dag:
        one >> total
    return dag


def take_by_add(one: Task) -> DAG:
    dag = DAG("other")
    dag.add(one)
    return dag


@pytest.mark.parametrize(
    "take", [take_by_block, take_by_add, lambda item: DAG("other", tasks=[item])]
)
def test_a_dag_covers_no_task_of_another_dag(take, dangerous):
    mine = task(lambda: "mine", name="mine")
    take(dangerous)
    assert DAG("mine").tasks == [mine]
    assert DAG("mine").run() == {"mine": "mine"}


def test_an_edge_outside_of_blocks_brings_a_task_of_another_dag_along(dangerous):
    take_by_add(dangerous)
    mine = task(lambda value: value, name="mine")
    dangerous >> mine
    assert DAG("mine").tasks == [mine, dangerous]


def test_a_task_defined_again_stays_with_its_dag():
    name, source = "a_reloaded_pipeline", "@task\ndef load(): return 1\n"
    namespace = {"task": task, "__name__": name}
    exec(compile(source, "<one>", "exec"), namespace)
    take_by_add(namespace["load"])
    exec(compile(source, "<two>", "exec"), namespace)
    assert "load" not in names(DAG())


def test_tasks_taken_by_dags_in_a_test_are_free_afterwards(dangerous):
    with kept_registry():
        take_by_add(dangerous)
        assert dangerous not in DAG().tasks
    assert dangerous in DAG().tasks


def test_tasks_of_several_modules_that_come_together_are_warned_of_once(caplog):
    def elsewhere() -> None: ...

    elsewhere.__module__ = "another_pipeline"
    task(elsewhere)
    dag = DAG("everything")
    with caplog.at_level(logging.WARNING):
        dag.indexed()
        dag.indexed()
        DAG("named", tasks=list(DAG().tasks)).indexed()
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith(
        f"DAG everything covers all 2 registered tasks, of 2 modules: another_pipeline, {__name__}."
    )


# -- bound tasks -------------------------------------------------------------------------------


def numbered_in_a_block() -> DAG:
    with DAG("request") as dag:
        [part.bind(n=1), part.bind(n=2)] >> total
    return dag


def numbered_one_by_one() -> DAG:
    dag = DAG("request")
    dag.add(part.bind(n=1))
    dag.add(part.bind(n=2))
    dag.add(total)
    return dag


def numbered_in_a_list() -> DAG:
    return DAG("request", tasks=[part.bind(n=1), part.bind(n=2), total])


def numbered_before_the_block() -> DAG:
    parts = [part.bind(n=1), part.bind(n=2)]
    with DAG("request") as dag:
        parts >> total
    return dag


BUILDERS = [
    numbered_in_a_block,
    numbered_one_by_one,
    numbered_in_a_list,
    numbered_before_the_block,
]


@pytest.mark.parametrize("build", BUILDERS)
def test_a_dag_that_is_built_again_has_the_same_names(build):
    """Otherwise a resume finds nothing of the run before."""
    first = build()
    expected = {"part_2": 1, "part_3": 2}
    for dag in (first, build(), build()):
        assert {item.name: item.kwargs["n"] for item in dag.tasks if item is not total} == expected


@pytest.mark.parametrize("build", BUILDERS)
def test_a_dag_that_is_built_for_each_request_is_freed_with_its_tasks(build):
    registered = list(Task._all_tasks)
    dag = build()
    freed = [weakref.ref(item) for item in dag.tasks if item is not total]
    dag.run()
    del dag
    gc.collect()
    assert [item() for item in freed] == [None, None]
    assert Task._all_tasks == registered


def test_a_task_bound_in_a_block_that_is_not_drawn_belongs_to_nothing():
    with DAG("etl") as dag:
        part.bind("left_over")
    assert (dag.tasks, "left_over" in names(DAG())) == ([], False)


def test_unclaimed_bound_tasks_stay_registered_and_covered():
    for number in range(3):
        part.bind(n=number)
    gc.collect()
    assert names(DAG())[1:] == ["part_2", "part_3", "part_4"]


def test_a_block_counts_on_when_it_is_opened_again():
    with DAG("etl") as dag:
        part.bind() >> total
    with dag:
        part.bind() >> total
    assert names(dag) == ["part_2", "total", "part_3"]


def test_given_or_shared_names_are_never_changed():
    shared = part.bind(n=1)
    DAG("first", tasks=[shared])
    second = DAG("second", tasks=[part.bind(n=2), shared])
    with pytest.raises(DuplicateTaskError, match="two tasks named 'part_2'"):
        second.indexed()
    twice = DAG("third", tasks=[part.bind("same"), part.bind("same")])
    assert names(twice) == ["same", "same"]


def test_names_of_bound_tasks_do_not_pile_up(monkeypatch):
    monkeypatch.setattr("flowkit.definition.binding._MOST_EARLIER_NAMES", 10)
    item = task(lambda n: n, name="one")
    for number in range(20):
        DAG("request", tasks=[item.bind(f"request-{number}", n=number)])
    assert (len(item._bound_names.ever), len(item._bound_names.free)) == (10, 0)
    assert item.has_bound_tasks
