"""What ``Task.map`` makes, what it refuses, and what a DAG with mapped tasks refuses."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from flowkit import DAG, DAGCycleError, Task, task
from flowkit.core.map_spec import MapSpec
from flowkit.exceptions import DAGError, DuplicateTaskError, NotImportableError


@task
def files() -> list[str]:
    return ["a", "b"]


@task
def sizes() -> list[int]:
    return [1, 2]


@task
def parse(path: str, size: int = 0) -> int:
    return len(path) + size


@task
def merge(numbers: list[int]) -> int:
    return sum(numbers)


def shout(path: str) -> str:
    return path.upper()


def names(tasks: list[Task]) -> list[str]:
    return [task.name for task in tasks]


def test_a_mapped_task_is_a_task_of_its_own() -> None:
    mapped = parse.map()
    assert (mapped.name, mapped.base, mapped.ref) == ("parse", parse, parse.ref)
    assert mapped is not parse
    assert parse.map(name="parse_all").name == "parse_all"
    assert (mapped.retries, mapped.policy) == (parse.retries, parse.policy)


def test_the_original_is_not_covered_without_an_edge() -> None:
    @task
    def one() -> list[int]:
        return [1]

    @task
    def double(number: int) -> int:
        return 2 * number

    mapped = double.map()
    one >> mapped
    assert Task._all_tasks == [one, double, mapped]
    assert DAG("all").tasks == [one, mapped]


def test_a_block_takes_the_mapped_task_alone() -> None:
    with DAG("d") as dag:
        files >> (mapped := parse.map()) >> merge
    assert dag.tasks == [files, mapped, merge]


def test_both_of_one_name_in_a_dag_are_a_duplicate() -> None:
    with DAG("d") as dag:
        files >> [parse, parse.map()]
    with pytest.raises(DuplicateTaskError, match=r"two tasks named 'parse'.*\.map\(name='…'\)"):
        dag.indexed()
    with DAG("d") as dag:
        files >> [parse, parse.map(name="each")]
    assert dag.indexed().maps == {2: MapSpec(over=(0,))}


def test_mapped_tasks_take_no_numbers_of_bound_tasks() -> None:
    with DAG("d") as dag:
        files >> parse.map(name="each")
        dag.add(parse.bind(path="x"))
    assert names(dag.tasks) == ["files", "each", "parse_2"]


def test_a_bound_task_keeps_its_arguments_when_mapped() -> None:
    mapped = parse.bind("sized", size=3).map()
    assert (mapped.name, dict(mapped.kwargs)) == ("sized", {"size": 3})


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"over": 3}, TypeError, "parse.map: over must be an upstream task or a tuple of them"),
        ({"over": (merge, "x")}, TypeError, "over must be an upstream task or a tuple of them"),
        ({"over": ()}, ValueError, "over is empty. Omit it"),
        ({"over": (files, files)}, ValueError, "over names the task 'files' twice"),
        ({"over": (files, sizes), "flatten": True}, ValueError, "flatten=True takes the lists of"),
        ({"max_active": 0}, ValueError, "max_active must be from 1 to 1,000,000, or None"),
        ({"max_active": 1.5}, TypeError, "max_active must be a whole number or None, not 1.5"),
        ({"max_active": True}, TypeError, "max_active must be a whole number or None, not True"),
        ({"failures": "ignore"}, ValueError, "failures must be 'stop' or 'collect', not 'ignore'"),
        ({"failures": None}, TypeError, "failures must be 'stop' or 'collect', not None"),
        ({"flatten": 1}, TypeError, "flatten must be True or False, not 1"),
        ({"label": 3}, TypeError, r"label must be a format string such as '\{item\}'"),
        ({"label": int}, TypeError, "label must be a format string"),
        ({"label": "{nobody}"}, ValueError, r"no value for \{nobody\}. Available: \{item\}, \{0\}"),
        ({"name": "a\nb"}, ValueError, "cannot be the name of a task"),
        ({"overr": files}, TypeError, "overr"),
    ],
)
def test_a_wrong_option_is_refused(options: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        parse.map(**options)


def test_a_label_is_made_at_once() -> None:
    async def later(path: str) -> str:
        return path

    with pytest.raises(TypeError, match=r"parse.map: label must be an ordinary function"):
        parse.map(label=later)


def test_a_mapped_task_is_neither_mapped_nor_bound_nor_called() -> None:
    mapped: Any = parse.map()
    with pytest.raises(TypeError, match="parse is mapped already"):
        mapped.map()
    with pytest.raises(TypeError, match=r"Fix the arguments first.*parse.bind\(…\).map\(…\)"):
        mapped.bind(size=1)
    with pytest.raises(TypeError, match=r"Call the original task with one item: parse\(item\)"):
        mapped("a")


def test_a_mapped_task_is_no_hook() -> None:
    with pytest.raises(TypeError, match="on_failure cannot be the mapped task 'parse'"):
        task(on_failure=parse.map())(lambda: None)


def test_a_mapped_task_is_pickled_with_its_options() -> None:
    copy = pickle.loads(pickle.dumps(parse.map(max_active=3)))
    assert (copy.name, copy.base, copy.map_options.max_active) == ("parse", parse, 3)


# -- in a DAG ----------------------------------------------------------------------------------


def test_the_first_upstream_task_is_mapped() -> None:
    with DAG("d") as dag:
        [files, sizes] >> parse.map(max_active=2, failures="collect", label="{path}")
    spec = MapSpec(over=(0,), max_active=2, collect=True, label="{path}")
    assert dag.indexed().maps == dag.compile().maps == {1: spec}


def test_over_chooses_the_upstream_tasks() -> None:
    with DAG("d") as dag:
        [files, sizes] >> parse.map(over=sizes)
        [files, sizes] >> parse.map(over=(sizes, files), name="both")
    assert names(dag.tasks) == ["files", "parse", "sizes", "both"]
    assert {at: spec.over for at, spec in dag.indexed().maps.items()} == {1: (2,), 3: (2, 0)}


def test_a_label_function_is_stored_by_its_reference() -> None:
    with DAG("d") as dag:
        files >> parse.map(label=shout)
    assert dag.compile().maps[1].label == f"={__name__}:shout"
    dag.check_importable()


def test_a_label_that_workers_cannot_find_is_refused_for_them() -> None:
    with DAG("d") as dag:
        files >> parse.map(label=lambda path: path)
    dag.compile()
    with pytest.raises(NotImportableError, match=r"'parse': its label .* it is a lambda"):
        dag.check_importable()


def test_a_mapped_task_needs_an_upstream_task() -> None:
    with DAG("d") as dag:
        dag.add(parse.map()).after(files)
    with pytest.raises(DAGError, match="'parse' of DAG 'd' is mapped, but no upstream task"):
        dag.indexed()


def test_over_must_be_upstream() -> None:
    with DAG("d") as dag:
        mapped = parse.map(over=sizes)
        files >> mapped
        mapped.after(sizes)
    with pytest.raises(DAGError, match=r"mapped over 'sizes', .* upstream tasks are \(files\)"):
        dag.indexed()


def test_flatten_needs_a_mapped_task() -> None:
    with DAG("d") as dag:
        files >> parse.map(flatten=True)
    with pytest.raises(DAGError, match=r"'files' is not mapped. Write files.map\(\)"):
        dag.indexed()


def test_no_task_has_the_name_of_an_item() -> None:
    with DAG("d") as dag:
        files >> parse.map() >> merge.bind("parse[0]")
    with pytest.raises(
        DuplicateTaskError, match=r"'parse\[0\]', which is also the name of an item"
    ):
        dag.indexed()
    with DAG("d") as dag:
        files >> parse.map() >> merge.bind("parse[x]")
    dag.indexed()


def test_a_mapped_task_in_a_cycle_is_found() -> None:
    mapped = merge.map()
    with DAG("d") as dag:
        files >> mapped >> parse >> mapped
    with pytest.raises(DAGCycleError, match="merge -> parse -> merge"):
        dag.indexed()


def test_the_hook_of_a_mapped_task_is_mapped() -> None:
    @task(on_failure=print)
    def fragile(path: str) -> str:
        return path

    with DAG("d") as dag:
        files >> fragile.map() >> merge
    indexed = dag.indexed()
    assert [task.name for task in indexed.tasks][3] == "fragile.on_failure"
    assert indexed.maps == {1: MapSpec(over=(0,)), 3: MapSpec(over=(1,), collect=True)}
