"""What a DAG consists of, how it is drawn, checked and compiled. Nothing runs here."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import pytest

from flowkit import DAG, DAGCycleError, Task, task
from flowkit.core.retry import Policy
from flowkit.exceptions import DAGError, DuplicateTaskError, NotImportableError, ParameterError


def tasks(names: str) -> list[Task]:
    return [Task(lambda *a: a, name=name) for name in names]


def names_of(found) -> list[str]:
    return [item.name for item in found]


def edge_names(dag: DAG) -> list[str]:
    return [f"{up.name}{down.name}" for up, down in dag.edges()]


@task
def load(path, *, limit=10):
    return path


class Doubler:
    def __call__(self, number=1):
        return 2 * number


# -- what belongs to it ----------------------------------------------------------------------


@pytest.mark.promise("dag-2")
def test_with_no_explicit_tasks_a_dag_covers_all_registered_tasks():
    a, b, _ = tasks("abc")
    b >> a
    dag = DAG()
    assert (dag.name, names_of(dag.tasks), edge_names(dag)) == ("workflow", ["a", "b", "c"], ["ba"])


@pytest.mark.promise("dag-2")
def test_tasks_are_looked_up_when_needed_so_later_ones_count():
    dag = DAG()
    assert dag.tasks == []
    tasks("a")
    assert names_of(dag.tasks) == ["a"]


def test_a_task_that_only_served_to_bind_others_is_left_out():
    base, _, used = tasks("bpu")
    first = base.bind("first")
    used.bind("second")
    used >> first
    assert names_of(DAG().tasks) == ["p", "u", "first", "second"]
    assert base not in DAG().tasks


@pytest.mark.promise("dag-3", "dag-4")
def test_edges_drawn_inside_a_block_belong_to_that_dag_only():
    a, b, c = tasks("abc")
    a >> c
    with DAG("one") as item:
        a >> b
    with DAG("two") as two:
        b >> [a, c]
    assert (edge_names(item), edge_names(two)) == (["ab"], ["ba", "bc"])
    assert (a.downstream, b.upstream) == ([c], [])


@pytest.mark.promise("dag-5")
def test_a_task_mentioned_by_an_edge_belongs_to_the_dag():
    a, b, c = tasks("abc")
    with DAG("one") as item:
        [b, a] >> c
    assert names_of(item.tasks) == ["b", "c", "a"]


@pytest.mark.promise("dag-6")
def test_add_adds_a_task_with_no_edge_and_returns_it():
    a, b, _ = tasks("abc")
    a >> b
    with DAG("one") as item:
        assert item.add(a) is a
        item.add(a)
        item.add(b)
    assert (names_of(item.tasks), item.edges()) == (["a", "b"], [])


def test_without_a_block_the_edges_between_added_tasks_hold():
    a, b, c = tasks("abc")
    a >> b >> c
    dag = DAG("one")
    dag.add(a)
    dag.add(b)
    assert (names_of(dag.tasks), edge_names(dag)) == (["a", "b"], ["ab"])


def test_adding_a_non_task_is_a_clear_type_error():
    with pytest.raises(TypeError, match=r"'one': add.. takes a task, not 'a'.*@task"):
        DAG("one").add("a")


def test_blocks_nest_and_can_be_opened_again():
    a, b, c = tasks("abc")
    with DAG("outer") as outer:
        with DAG("inner") as inner:
            a >> b
        b >> c
    with outer:
        a >> c
    assert (edge_names(outer), edge_names(inner)) == (["bc", "ac"], ["ab"])


def test_a_block_that_raises_is_closed():
    a, b = tasks("ab")
    with pytest.raises(RuntimeError), DAG("broken"):
        raise RuntimeError
    a >> b
    assert a.downstream == [b]


def test_blocks_of_two_threads_do_not_mix():
    a, b, c = tasks("abc")
    inside, drawn = threading.Event(), threading.Event()

    def draw_other():
        with DAG("other") as other:
            inside.set()
            assert drawn.wait(10)
            b >> c
        result.append(other)

    result: list[DAG] = []
    thread = threading.Thread(target=draw_other)
    thread.start()
    assert inside.wait(10)
    with DAG("one") as item:
        a >> b
        drawn.set()
        thread.join()
    assert (edge_names(item), edge_names(result[0])) == (["ab"], ["bc"])


@pytest.mark.promise("task-6")
def test_edges_appended_by_hand_count_in_either_list():
    a, b, c = tasks("abc")
    a.downstream.append(b)
    b.upstream.append(c)
    assert sorted(edge_names(DAG())) == ["ab", "cb"]
    a.downstream.append("c")
    with pytest.raises(DAGError, match="'a' has 'c' among its edges, which is not a task"):
        DAG().tasks  # noqa: B018


def test_cleared_tasks_that_edges_mention_still_belong():
    (a,) = tasks("a")
    Task.clear_registry()
    (b,) = tasks("b")
    a >> b
    assert names_of(DAG().tasks) == ["b", "a"]


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"name": ""}, ValueError, "name of a DAG"),
        ({"name": None}, TypeError, "name of a DAG must be a string"),
        ({"max_workers": 0}, ValueError, "at least 1, not 0"),
        ({"max_workers": "4"}, TypeError, "whole number or None, not '4'"),
        ({"on_failure": "go"}, ValueError, "'stop' or 'continue', not 'go'"),
    ],
)
def test_a_bad_option_of_a_dag_is_refused_in_words(arguments, kind, words):
    with pytest.raises(kind, match=words):
        DAG(**arguments)


# -- drawing ---------------------------------------------------------------------------------


@pytest.mark.promise("dag-23")
def test_visualize_names_the_dag_and_each_tasks_neighbours():
    a, b, c = tasks("abc")
    with DAG("etl") as dag:
        [a, b] >> c
    text = dag.visualize()
    assert text.startswith("DAG: etl\n")
    assert "c\n  Upstream: a, b\n  Downstream: (none)" in text
    assert "a\n  Upstream: (none)\n  Downstream: c" in text


@pytest.mark.promise("dag-24")
def test_an_empty_dag_is_drawn_in_words():
    assert DAG("nothing").visualize() == "Empty DAG (no tasks defined)"


def test_names_are_harmless_in_drawings():
    hostile = Task(lambda: 1, name='"]; click t0 "evil" <b>\u202e')
    with DAG('q"uote: x') as dag:
        dag.add(hostile)
    assert "\u202e" not in dag.visualize()
    assert "\\u202e" in dag.visualize()
    label = dag.to_mermaid().splitlines()[4].strip()
    assert label.startswith('t0["#34;#93;#59; click t0 #34;evil#34; #60;b#62;')
    assert label.count('"') == 2
    assert 'title: "q\\"uote: x"' in dag.to_mermaid()


def test_a_mermaid_chart_has_each_task_and_edge():
    a, b = tasks("ab")
    with DAG("etl") as dag:
        a >> b
    assert dag.to_mermaid().splitlines()[3:] == [
        "flowchart TD",
        '    t0["a"]',
        '    t1["b"]',
        "    t0 --> t1",
    ]


def test_a_dag_with_a_cycle_can_be_drawn():
    a, b = tasks("ab")
    a >> b >> a
    assert "Upstream: b" in DAG().visualize()


def test_the_repr_counts():
    a, b = tasks("ab")
    a >> b
    assert repr(DAG("etl")) == "DAG(name='etl', tasks=2, edges=1)"


# -- what cannot run -------------------------------------------------------------------------


def test_a_cycle_raises_and_the_message_spells_it():
    a, b, c = tasks("abc")
    c >> a >> b >> a
    with pytest.raises(DAGCycleError, match="a -> b -> a") as caught:
        DAG("loop").compile()
    assert caught.value.path == ("a", "b", "a")


def test_a_task_that_waits_for_itself_is_a_cycle():
    (a,) = tasks("a")
    a >> a
    with pytest.raises(DAGCycleError, match="a -> a"):
        DAG().compile()


@pytest.mark.promise("dag-22")
def test_two_tasks_of_one_name_are_an_error_naming_both():
    with DAG("etl") as dag:
        dag.add(Task(os.path.join, name="same"))
        dag.add(Task(textwrap.dedent, name="same"))
    with pytest.raises(DuplicateTaskError, match=r"posixpath:join and textwrap:dedent") as caught:
        dag.compile()
    assert caught.value.name == "same"


def test_more_upstream_tasks_than_parameters_is_an_error_naming_task_and_counts():
    item = Task(lambda x: x, name="one")
    tasks("abc") >> item
    with pytest.raises(DAGError, match=r"'one' of DAG 'workflow' has 3 upstream.*takes 1 pos"):
        DAG().compile()


def test_a_fixed_argument_that_an_upstream_result_would_fill_is_an_error():
    (a,) = tasks("a")
    with DAG("etl") as dag:
        a >> Task(lambda part, rows: part, name="analyse").bind("x", part=1)
    with pytest.raises(DAGError, match="'x' of DAG 'etl' would get 'part' twice"):
        dag.compile()


def test_a_predicate_that_needs_more_results_than_there_are_is_an_error():
    (a,) = tasks("a")
    with DAG("etl") as dag:
        a >> Task(lambda *r: r, name="both", when=lambda x, y: True)
    with pytest.raises(DAGError, match="has 1 upstream task, but its `when` needs 2"):
        dag.compile()


# -- parameters ------------------------------------------------------------------------------


def test_a_parameter_that_no_task_declares_is_an_error_with_a_suggestion():
    with DAG("etl") as dag:
        dag.add(load)
    with pytest.raises(ParameterError, match=r"parameter 'limti'.*mean 'limit'.*'path'") as caught:
        dag.check_params({"path": 1, "limti": 5})
    assert (caught.value.parameter, caught.value.task_name) == ("limti", None)


def test_a_required_parameter_that_nothing_fills_is_an_error_that_says_how():
    with DAG("etl") as dag:
        dag.add(load)
    with pytest.raises(ParameterError, match=r"'load'.*'path'.*params=.*bind.*edge") as caught:
        dag.check_params({"limit": 5})
    assert (caught.value.parameter, caught.value.task_name) == ("path", "load")
    dag.check_params({"path": "x"})


def test_a_positional_only_parameter_can_only_come_by_an_edge():
    def strict(rows, /):
        return rows

    with DAG("etl") as dag:
        dag.add(Task(strict))
    with pytest.raises(ParameterError, match="positional-only, so draw an edge"):
        dag.check_params({})
    with pytest.raises(ParameterError, match=r"unknown parameter 'rows'.*Available: none"):
        dag.check_params({"rows": 1})


def test_parameters_filled_by_edges_or_bind_are_not_run_parameters():
    (a,) = tasks("a")
    with DAG("etl") as dag:
        a >> load.bind("load_one", limit=3)
    dag.check_params({})
    for name in ("path", "limit"):
        with pytest.raises(ParameterError, match=f"{name!r} is no run parameter"):
            dag.check_params({name: 1})


def test_a_conditional_task_without_upstream_tasks_lacks_nothing():
    with DAG("etl") as dag:
        dag.add(Task(lambda rows: rows, name="never", when=bool))
    dag.check_params({})


# -- compiling and importing -----------------------------------------------------------------


def test_compiling_gives_graph_policies_references_and_packed_arguments():
    from flowkit.codec.packing import unpack

    first = Task(os.path.join, name="first", retries=2)
    with DAG("etl", on_failure="continue") as dag:
        first >> load.bind("second", limit=3)
        first >> load.bind("third", limit=4)
    compiled = dag.compile()
    assert (compiled.name, compiled.on_failure) == ("etl", "continue")
    assert compiled.graph.names == ["first", "second", "third"]
    assert list(compiled.graph.upstream(2)) == [0]
    assert compiled.policies == (Policy(retries=2), Policy())
    assert [compiled.ref(i) for i in range(3)] == ["posixpath:join"] + [f"{__name__}:load"] * 2
    assert len(compiled.refs) == 2
    assert {i: unpack(data) for i, data in compiled.kwargs.items()} == {
        1: {"limit": 3},
        2: {"limit": 4},
    }


def test_a_fixed_argument_that_cannot_be_stored_is_an_error_naming_the_task():
    with DAG("etl") as dag:
        dag.add(load.bind("bad", path=1, limit=[threading.Lock()]))
    with pytest.raises(DAGError, match=r"'bad' of DAG 'etl'.*kwargs\['limit'\]\[0\]"):
        dag.compile()


def check(*found: Task) -> None:
    dag = DAG("etl")
    for item in found:
        dag.add(item)
    dag.check_importable()


def test_tasks_at_the_top_level_of_a_module_are_importable():
    check(load, load.bind("another"))
    check(Task(textwrap.dedent))


def test_a_task_that_workers_could_not_find_is_an_error_with_advice():
    def local():
        return 1

    with pytest.raises(NotImportableError, match=r"defined inside a function. Move it") as caught:
        check(Task(local))
    assert caught.value.ref.endswith("<locals>.local")
    lambda_task = Task(lambda: 1, name="short")
    lambda_task.ref = "module:<lambda>"
    with pytest.raises(NotImportableError, match=r"'short' .*it is a lambda"):
        check(lambda_task)

    with pytest.raises(NotImportableError, match="not a plain function"):
        check(Task(Doubler(), name="object"))


def test_two_tasks_of_one_function_are_an_error_that_suggests_bind():
    item = Task(textwrap.dedent, name="one")
    two = Task(textwrap.dedent, name="two", when=bool)
    check(two)
    with pytest.raises(NotImportableError, match=r"'one' .*now another task.*\.bind"):
        check(item, two)


def test_an_error_about_script_tasks_suggests_flowkit_run():
    script = """
        from flowkit import DAG, task
        @task
        def hello(): pass
        DAG("etl").check_importable()
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=False,
    )
    assert "NotImportableError: Task 'hello' (__main__:hello)" in ended.stderr
    assert "`flowkit submit FILE`" in ended.stderr


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_tasks_compile_with_their_edges(count: int) -> None:
    first, last = tasks("fl")
    with DAG("wide") as dag:
        first >> [load.bind(limit=number) for number in range(count)] >> last
    compiled = dag.compile()
    assert (len(compiled.graph), compiled.graph.edge_count) == (count + 2, 2 * count)
    assert len(compiled.refs) == 2


def test_compile_for_run_makes_every_check():
    with DAG("etl") as dag:
        dag.add(load)
    with pytest.raises(ParameterError):
        dag.compile_for_run({})
    assert dag.compile_for_run({"path": 1}).graph.names == ["load"]
    with DAG("etl") as bad:
        bad.add(Task(lambda: 1, name="short"))
    with pytest.raises(NotImportableError):
        bad.compile_for_run()
