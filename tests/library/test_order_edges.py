"""Order without data: ``after`` and ``before``, in every way to draw a DAG."""

from __future__ import annotations

import gc
import re
import weakref

import cloudpickle
import pytest

from flowkit import DAG, StateManager, Task, task
from flowkit.core.triggers import Trigger
from flowkit.exceptions import DAGCycleError, DAGError
from flowkit.testing import run_dag

ran: list[str] = []


@pytest.fixture(autouse=True)
def _no_runs() -> None:
    ran.clear()


def step(name: str, **options: object) -> Task:
    """A task that takes any results, notes that it ran, and returns what it got."""

    def call(*values: object) -> list[object]:
        ran.append(name)
        return list(values)

    return task(name=name, **options)(call)  # type: ignore[call-overload]


def by_name(edges: list[tuple[Task, Task]]) -> list[str]:
    return [f"{upstream.name} {downstream.name}" for upstream, downstream in edges]


# -- drawing them ------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", ["after", "before", "lists", "drawn twice"])
def test_each_way_to_draw_gives_the_same_edges(draw):
    a, b, c, d = map(step, "abcd")
    with DAG("drawn") as dag:
        if draw == "after":
            assert d.after(a, b, c) is d
        elif draw == "before":
            for item in (a, b, c):
                assert item.before(d) is item
        elif draw == "lists":
            d.after([a, b], (c,), [])
        else:
            d.after(a, b).after(b, c)
            c.before([d])
    assert by_name(dag.order_edges()) == ["a d", "b d", "c d"]
    assert dag.edges() == []
    assert sorted(task.name for task in dag.tasks) == ["a", "b", "c", "d"]
    assert dag.run()["d"] == []
    assert ran[-1] == "d"


def test_edges_outside_of_a_block_belong_to_the_dag_of_all_tasks_and_to_named_ones():
    a, b, c = map(step, "abc")
    b.after(a)
    b.before(c)
    assert by_name(DAG("all").order_edges()) == ["a b", "b c"]
    assert by_name(DAG("named", tasks=[a, b]).order_edges()) == ["a b"]
    with DAG("block") as block:
        a >> c
    assert block.order_edges() == []
    assert (a.upstream, a.downstream) == ([], [])


def test_a_task_that_only_an_order_edge_mentions_belongs_to_the_dag_of_all_tasks():
    with DAG("other"):
        a = step("a")
        c = step("c")
        a >> c
    b = step("b")
    b.after(a).before(c)
    assert [task.name for task in DAG("all").tasks] == ["b", "a", "c"]


@pytest.mark.parametrize("inside", [True, False])
def test_bound_tasks_can_be_ordered(inside):
    part, setup = step("part"), step("setup")
    if inside:
        with DAG("bound") as dag:
            part.bind().after(setup, part.bind("first"))
    else:
        part.bind().after(setup, part.bind("first"))
        dag = DAG("bound")
    assert by_name(dag.order_edges()) == ["setup part_2", "first part_2"]
    assert dag.run() == {"setup": [], "first": [], "part_2": []}


def test_a_task_bound_from_an_ordered_one_has_no_edges():
    a, b = step("a"), step("b")
    b.after(a)
    b.bind("copy")
    dag = DAG("all")
    assert by_name(dag.order_edges()) == ["a b"]
    assert "copy" in [task.name for task in dag.tasks]


def test_nothing_to_come_after_still_mentions_the_task():
    a, b = step("a"), step("b")
    with DAG("empty") as dag:
        a.after([])
        b.before()
    assert dag.run() == {"a": [], "b": []}


def test_a_dag_with_ordered_bound_tasks_is_freed():
    part, setup = step("part"), step("setup")
    with DAG("freed") as dag:
        part.bind(name := "once").after(setup)
    held = weakref.ref(next(task for task in dag.tasks if task.name == name))
    del dag
    gc.collect()
    assert held() is None


@pytest.mark.parametrize("wrong", [print, None, "setup", 3])
@pytest.mark.parametrize("method", ["after", "before"])
def test_what_is_no_task_is_refused_before_any_edge_is_drawn(method, wrong):
    a, b = step("a"), step("b")
    words = re.escape(f"a.{method}({wrong!r}): an edge connects two tasks")
    with DAG("wrong") as dag, pytest.raises(TypeError, match=words):
        getattr(a, method)(b, [wrong])
    assert dag.tasks == []


def test_pickling_leaves_the_edges_behind():
    a, b = step("a"), step("b")
    b.after(a)
    copy = cloudpickle.loads(cloudpickle.dumps(b))
    assert (copy._after, copy._before, b._after) == (None, None, {a: None})


# -- what they mean ----------------------------------------------------------------------------


def test_an_edge_with_data_and_order_passes_its_data_once():
    a, b = step("a"), step("b")
    with DAG("both") as dag:
        b.after(a)
        a >> b
        a.before(b)
    assert (by_name(dag.edges()), dag.order_edges()) == (["a b"], [])
    assert dag.run()["b"] == [[]]
    b.after(a)
    a >> b
    outside = DAG("outside", tasks=[a, b])
    assert (by_name(outside.edges()), outside.order_edges()) == (["a b"], [])


def test_arguments_come_from_data_edges_only_whatever_is_drawn_first():
    a, b, c, d = map(step, "abcd")
    with DAG("mixed") as dag:
        d.after(a)
        b >> d
        d.after(c)
    graph = dag.compile().graph
    number = {name: at for at, name in enumerate(graph.names)}
    assert [graph.names[up] for up in graph.inputs(number["d"])] == ["b"]
    assert [graph.names[up] for up in graph.upstream(number["d"])] == ["b", "a", "c"]
    assert dag.run()["d"] == [[]]


def test_a_function_needs_no_parameter_for_an_order_edge():
    @task
    def setup() -> None:
        ran.append("setup")

    @task
    def load() -> None:
        ran.append("load")

    with DAG("etl") as dag:
        load.after(setup)
    assert dag.run() == {"setup": None, "load": None}
    assert ran == ["setup", "load"]


def test_parameters_stay_open_for_run_parameters():
    @task
    def load(day: str) -> str:
        return day

    with DAG("etl") as dag:
        load.after(step("setup"))
    assert dag.run(params={"day": "monday"})["load"] == "monday"
    with pytest.raises(DAGError, match="lacks its parameter 'day'"):
        dag.run()


@pytest.mark.parametrize(
    ("draw", "path"),
    [
        (lambda a, b: a.after(a), "a -> a"),
        (lambda a, b: a.before(b).after(b), "a -> b -> a"),
        (lambda a, b: (a >> b).before(a), "a -> b -> a"),
    ],
)
def test_a_cycle_is_refused(draw, path):
    with DAG("circle") as dag:
        draw(step("a"), step("b"))
    with pytest.raises(DAGCycleError, match=re.escape(path)):
        dag.run()
    assert ran == []
    assert "Before" in dag.visualize()  # a drawing helps to find it


def fail() -> None:
    raise OSError("away")


@pytest.mark.parametrize(
    ("trigger", "upstream", "state"),
    [
        ("none_failed", "skipped", "succeeded"),
        ("none_failed", "failed", "upstream_failed"),
        ("all_succeeded", "skipped", "skipped"),
        ("any_succeeded", "skipped", "skipped"),
        ("any_succeeded", "failed", "upstream_failed"),
        ("all_over", "failed", "succeeded"),
    ],
)
def test_triggers_count_order_edges(trigger, upstream, state):
    setup = step("setup", when=bool) if upstream == "skipped" else task(name="setup")(fail)
    load = step("load", trigger=trigger)
    with DAG("etl", on_failure="continue") as dag:
        load.after(setup)
    compiled = dag.compile()
    assert compiled.policy(compiled.graph.names.index("load")).trigger is Trigger(trigger)
    result = run_dag(dag)
    assert result.tasks["load"].state == state
    assert ran == ["load"] * (state == "succeeded")


# -- conditions --------------------------------------------------------------------------------


@pytest.mark.parametrize("holds", [True, False])
def test_a_condition_without_parameters_is_asked_after_the_upstream_tasks(holds):
    load = step("load", when=lambda: ran.append("asked") or holds)
    with DAG("etl") as dag:
        load.after(step("setup"))
    result = run_dag(dag)
    assert ran == ["setup", "asked", *["load"] * holds]
    assert result.tasks["load"].state == ("succeeded" if holds else "skipped")


def test_a_condition_gets_no_value_of_an_order_edge():
    given: list[object] = []
    load = step("load", when=lambda *values: given.append(values) or True)
    with DAG("etl") as dag:
        load.after(step("setup"))
    assert dag.run()["load"] == []
    assert given == [()]


def test_a_condition_that_needs_a_result_is_refused():
    load = step("load", when=lambda rows: rows > 1)
    with DAG("etl") as dag:
        load.after(step("setup"))
    with pytest.raises(DAGError, match=r"'load' of DAG 'etl' only comes after .* needs 1 result\."):
        dag.run()


def test_a_conditional_task_after_another_lacks_its_parameters():
    @task(when=lambda: True)
    def load(day: str) -> str:
        return day

    with DAG("etl") as dag:
        load.after(step("setup"))
    with pytest.raises(DAGError, match="lacks its parameter 'day'"):
        dag.run()


# -- resume ------------------------------------------------------------------------------------


def test_a_resume_runs_again_what_comes_after_a_task_that_runs_again():
    setup, load, other = map(step, ["setup", "load", "other"])
    with DAG("etl") as dag:
        load.after(setup)
        dag.add(other)
    state = StateManager()
    dag.run(state=state)
    ran.clear()
    dag.run(state=state, resume=True)
    assert ran == []
    dag.run(state=state, resume=True, from_task="setup")
    assert ran == ["setup", "load"]


def test_a_new_order_edge_makes_the_task_run_again():
    setup, load = step("setup"), step("load")
    state = StateManager()
    DAG("etl", tasks=[setup, load]).run(state=state)
    load.after(setup)
    ran.clear()
    DAG("etl", tasks=[setup, load]).run(state=state, resume=True)
    assert ran == ["load"]
    ran.clear()
    DAG("etl", tasks=[setup, load]).run(state=state, resume=True)
    assert ran == []


# -- drawings ----------------------------------------------------------------------------------


@pytest.fixture
def drawn() -> DAG:
    setup, load, report = map(step, ["setup", "load", "report"])
    with DAG("etl") as dag:
        load >> report
        load.after(setup)
    return dag


def test_text_lists_them_apart(drawn):
    blocks = drawn.visualize().split("\n\n")
    assert "load\n  Upstream: (none)\n  After: setup\n  Downstream: report" in blocks
    assert "setup\n  Upstream: (none)\n  Downstream: (none)\n  Before: load" in blocks
    assert "report\n  Upstream: load\n  Downstream: (none)" in blocks


def test_mermaid_and_graphviz_draw_them_dotted(drawn):
    assert drawn.to_mermaid().splitlines()[-2:] == ["    t0 --> t1", "    t2 -.-> t0"]
    dot = drawn.to_dot().splitlines()
    assert dot[-3:] == ["    t0 -> t1", "    t2 -> t0 [style=dotted]", "}"]


def test_svg_draws_them_dotted_and_says_what_they_are(drawn):
    svg = drawn.to_svg()
    (order,) = re.findall(r'<path class="order"[^>]*><title>(.*?)</title>', svg)
    assert order == "setup → load (order only)"
    assert "3 tasks · 2 edges" in svg
    assert ".order{" in svg


def test_stacks_keep_order_and_data_apart():
    part, begin, end = step("part"), step("begin"), step("end")
    with DAG("wide") as dag:
        for number in range(12):
            item = part.bind(f"part_{number}")
            (begin >> item) if number % 2 else item.after(begin)
            end.after(item)
    svg = dag.to_svg(collapse=True)
    assert len(re.findall("6 tasks", svg)) >= 2
    titles = re.findall(r"<title>(begin → part.*?)</title>", svg)
    assert len(titles) == 2
    assert sum("(order only)" in title for title in titles) == 1
