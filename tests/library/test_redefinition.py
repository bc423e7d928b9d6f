"""Cells that are run again: a task that is defined again takes the earlier one's place."""

from __future__ import annotations

import importlib
import sys

import pytest

from flowkit import DAG, Task, task
from flowkit.exceptions import DuplicateTaskError


@pytest.fixture
def cell(monkeypatch):
    """Run source text as a notebook runs a cell: compiled again, in one namespace."""
    module = type(sys)("a_notebook")
    monkeypatch.setitem(sys.modules, "a_notebook", module)
    vars(module).update({"task": task, "Task": Task, "DAG": DAG})
    count = iter(range(1000))

    def run(text: str) -> dict:
        exec(compile(text, f"<cell {next(count)}>", "exec"), vars(module))
        return vars(module)

    return run


def names() -> list[str]:
    return [item.name for item in DAG().tasks]


def edges() -> list[str]:
    return [f"{up.name}{down.name}" for up, down in DAG().edges()]


PIPELINE = """
@task
def a():
    return NUMBER

@task
def b(value=0):
    return value

a >> b
"""


def test_a_cell_run_again_replaces_its_tasks_and_their_edges(cell):
    cell(PIPELINE.replace("NUMBER", "1"))
    cell(PIPELINE.replace("NUMBER", "2"))
    assert (names(), edges()) == (["a", "b"], ["ab"])
    assert DAG().run() == {"a": 2, "b": 2}


def test_an_unchanged_cell_run_again_duplicates_nothing(cell):
    for _ in range(3):
        cell(PIPELINE.replace("NUMBER", "1"))
    assert (names(), edges()) == (["a", "b"], ["ab"])
    assert len(Task._all_tasks) == 2


def test_a_task_defined_anew_keeps_its_place_and_has_no_edges_until_they_are_drawn(cell):
    result = cell(PIPELINE.replace("NUMBER", "1"))
    before, b = result["a"], result["b"]
    cell("@task\ndef a():\n    return 3\n")
    assert (names(), edges()) == (["a", "b"], [])
    assert (b.upstream, before.downstream) == ([], [])
    assert DAG().run() == {"a": 3, "b": 0}
    cell("a >> b")
    assert DAG().run() == {"a": 3, "b": 3}


def test_tasks_bound_from_the_earlier_one_go_with_it(cell):
    text = """
@task
def part(number):
    return number

parts = [part.bind(f"part{number}", number=number) for number in range(COUNT)]

@task
def total(*values):
    return sum(values)

parts >> total
"""
    cell(text.replace("COUNT", "4"))
    cell(text.replace("COUNT", "3"))
    assert names() == ["total", "part0", "part1", "part2"]
    assert DAG().run()["total"] == 3


def test_the_places_of_others_hold_after_bound_tasks_are_gone(cell):
    cell("@task\ndef part(number=1):\n    return number\nparts = [part.bind(), part.bind()]")
    cell("@task\ndef alone():\n    return 1")
    cell("@task\ndef part():\n    return 'unbound'")
    cell("@task\ndef alone():\n    return 2")
    assert DAG().run() == {"part": "unbound", "alone": 2}


def test_one_reference_with_many_names_stays_many_tasks(cell):
    text = """
def make(number):
    @task(name=f"t{number}")
    def t():
        return number * FACTOR
    return t

made = [make(number) for number in range(3)]
"""
    cell(text.replace("FACTOR", "1"))
    assert names() == ["t0", "t1", "t2"]
    cell(text.replace("FACTOR", "5"))
    assert DAG().run() == {"t0": 0, "t1": 5, "t2": 10}


def test_lambdas_are_told_apart_by_their_names(cell):
    text = "one, two = Task(lambda: 1, name='one'), Task(lambda: 2, name='two')"
    cell(text)
    cell(text)
    assert DAG().run() == {"one": 1, "two": 2}


@pytest.mark.parametrize(
    "text",
    [
        "def make():\n    @task\n    def t(): pass\nmake(), make()",
        "@task\ndef t(): pass\n@task\ndef t(): return 2",
        "Task(lambda: 1, name='t'), Task(lambda: 2, name='t')",
        "import textwrap\nTask(textwrap.dedent, name='t'), Task(textwrap.dedent, name='t')",
        "Task(len, name='t'), Task(len, name='t')",
    ],
)
def test_two_tasks_of_one_name_in_one_cell_are_an_error_as_ever(cell, text):
    cell(text)
    assert names() == ["t", "t"]
    with pytest.raises(DuplicateTaskError, match="two tasks named 't'"):
        DAG().indexed()


def test_a_function_of_an_imported_module_is_no_definition_of_its_own(cell):
    """Each of these belongs to its own edge, which must not vanish silently."""
    cell("import textwrap\nTask(textwrap.dedent, name='t')")
    cell("import textwrap\nTask(textwrap.dedent, name='t')")
    assert names() == ["t", "t"]


def test_a_helper_of_another_module_makes_no_difference(cell):
    helper = {"task": task, "__name__": "a_helper"}
    exec("def careful(func):\n    return task(retries=3)(func)", helper)
    cell("")["careful"] = helper["careful"]
    for _ in range(2):
        cell("@careful\ndef t():\n    return 1")
    assert names() == ["t"]


def test_a_block_keeps_its_tasks_until_it_is_run_again(cell):
    block = "with DAG('etl') as dag:\n    a >> b"
    result = cell(PIPELINE.replace("NUMBER", "'old'").replace("a >> b", block))
    cell("@task\ndef a():\n    return 'new'")
    assert result["dag"].run() == {"a": "old", "b": "old"}
    cell(block)
    assert result["dag"].run() == {"a": "new", "b": "new"}


def test_a_reloaded_module_replaces_its_tasks_wherever_they_stand(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    source = tmp_path / "reloaded.py"
    source.write_text("from flowkit import task\n@task\ndef load():\n    return 1\n")
    module = importlib.import_module("reloaded")
    try:
        source.write_text("from flowkit import task\n\n\n@task\ndef load():\n    return 'two'\n")
        importlib.invalidate_caches()
        importlib.reload(module)
    finally:
        del sys.modules["reloaded"]
    assert DAG().run() == {"load": "two"}


def test_a_modified_list_of_tasks_still_works(cell):
    cell(PIPELINE.replace("NUMBER", "1"))
    Task._all_tasks.insert(0, Task._all_tasks.pop())
    cell(PIPELINE.replace("NUMBER", "2"))
    assert sorted(names()) == ["a", "b"]
    Task._all_tasks.clear()
    cell(PIPELINE.replace("NUMBER", "3"))
    assert DAG().run() == {"a": 3, "b": 3}


def test_order_edges_of_the_earlier_definition_go_with_it(cell):
    text = "from flowkit import task\n@task\ndef a(): ...\n@task\ndef b(): ...\nb.after(a)\n"
    cell(text)
    cell("from flowkit import task\n@task\ndef a(): ...\n")
    assert DAG("all").order_edges() == []
    cell(text)
    assert [(up.name, down.name) for up, down in DAG("all").order_edges()] == [("a", "b")]
