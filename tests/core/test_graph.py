"""The graph's arrays against the plain edge list that they were built from."""

from __future__ import annotations

import tracemalloc
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.core.graph import CycleFound, Graph

Edges = list[tuple[int, int]]


@st.composite
def digraphs(draw: st.DrawFn) -> tuple[int, Edges]:
    """Any directed graph, self-loops and cycles included, each edge once, in any order."""
    count = draw(st.integers(1, 12))
    task = st.integers(0, count - 1)
    return count, draw(st.lists(st.tuples(task, task), max_size=30, unique=True))


@st.composite
def dags(draw: st.DrawFn) -> tuple[int, Edges]:
    """An acyclic graph whose numbering is not its order."""
    count, edges = draw(digraphs())
    place = draw(st.permutations(range(count)))
    return count, [(place[a], place[b]) for a, b in edges if a < b]


def build(count: int, edges: Edges) -> Graph:
    return Graph.build([f"t{task}" for task in range(count)], edges)


def has_cycle(count: int, edges: Edges) -> bool:
    sorter = TopologicalSorter({task: [] for task in range(count)})
    for source, target in edges:
        sorter.add(target, source)
    try:
        sorter.prepare()
    except CycleError:
        return True
    return False


# -- shape ------------------------------------------------------------------------------------


@given(dags())
def test_upstream_tasks_come_in_the_order_drawn(dag: tuple[int, Edges]) -> None:
    graph = build(*dag)
    drawn = defaultdict(list)
    for source, target in dag[1]:
        drawn[target].append(source)
    assert [list(graph.upstream(task)) for task in range(dag[0])] == [
        drawn[task] for task in range(dag[0])
    ]


@given(dags())
def test_both_directions_hold_the_same_edges(dag: tuple[int, Edges]) -> None:
    count, edges = dag
    graph = build(count, edges)
    downwards = [(task, other) for task in range(count) for other in graph.downstream(task)]
    assert sorted(downwards) == sorted(edges)
    assert graph.edge_count == len(edges)
    assert len(graph) == count


@given(dags())
def test_in_degrees_and_roots_agree_with_the_edges(dag: tuple[int, Edges]) -> None:
    count, edges = dag
    graph = build(count, edges)
    targets = [target for _, target in edges]
    assert list(graph.in_degrees()) == [targets.count(task) for task in range(count)]
    assert graph.roots() == [task for task in range(count) if task not in targets]


@given(dags())
def test_order_lists_each_task_once_after_its_upstream_tasks(dag: tuple[int, Edges]) -> None:
    count, edges = dag
    order = build(count, edges).order()
    assert sorted(order) == list(range(count))
    place = {task: at for at, task in enumerate(order)}
    assert all(place[source] < place[target] for source, target in edges)


@given(dags())
def test_the_stored_rows_rebuild_the_same_graph(dag: tuple[int, Edges]) -> None:
    graph = build(*dag)
    again = Graph(graph.names, *graph.up_rows)
    assert again.up_rows == graph.up_rows
    for task in range(len(graph)):
        assert again.downstream(task) == graph.downstream(task)


# -- order edges -------------------------------------------------------------------------------


@given(dags(), st.data())
def test_order_edges_are_waited_for_and_give_nothing(
    dag: tuple[int, Edges], data: st.DataObject
) -> None:
    count, edges = dag
    is_order = data.draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges)))
    passing = [edge for edge, order in zip(edges, is_order, strict=True) if not order]
    order = [edge for edge, order in zip(edges, is_order, strict=True) if order]
    names = [f"t{task}" for task in range(count)]
    graph, only_data = Graph.build(names, passing, order), Graph.build(names, passing)
    for task in range(count):
        assert graph.inputs(task) == only_data.upstream(task)
        ordered = [source for source, target in order if target == task]
        assert list(graph.order_only(task)) == ordered
        assert list(graph.upstream(task)) == [*graph.inputs(task), *ordered]
        assert graph.has_upstream(task) == bool(graph.upstream(task))
        assert graph.has_consumers(task) == only_data.has_downstream(task)
        assert sorted(graph.consumers(task)) == sorted(only_data.downstream(task))
        assert graph.consumer_counts()[task] == len(only_data.downstream(task))
    assert graph.input_counts() == only_data.in_degrees()
    assert sorted(graph.data_edges()) == sorted(passing)
    assert sorted(graph.order_edges()) == sorted(order)
    assert (graph.edge_count, graph.roots()) == (len(edges), build(count, edges).roots())
    assert (graph.order_counts is None) == (not order)


def test_a_cycle_may_lead_over_an_order_edge() -> None:
    with pytest.raises(CycleFound, match=r"^a -> b -> a$"):
        Graph.build(["a", "b"], [(0, 1)], [(1, 0)])
    with pytest.raises(ValueError, match="edge 0 -> 2: there are 2 tasks"):
        Graph.build(["a", "b"], [], [(0, 2)])


def test_an_empty_graph() -> None:
    graph = Graph.build([], [])
    assert (len(graph), graph.edge_count, graph.roots(), graph.order()) == (0, 0, [], [])


def test_later_changes_to_the_given_names_do_not_reach_the_graph() -> None:
    names = ["a", "b"]
    graph = Graph.build(names, [(0, 1)])
    names.append("c")
    assert graph.names == ["a", "b"]


# -- cycles -----------------------------------------------------------------------------------


@given(digraphs())
def test_a_cycle_is_refused_exactly_when_there_is_one(drawn: tuple[int, Edges]) -> None:
    count, edges = drawn
    if not has_cycle(count, edges):
        build(count, edges)
        return
    with pytest.raises(CycleFound) as caught:
        build(count, edges)
    path = caught.value.path
    numbers = [int(name[1:]) for name in path]
    assert path[0] == path[-1]
    assert len(set(path)) == len(path) - 1, "a task other than the first one is repeated"
    assert set(pairwise(numbers)) <= set(edges), "a hop is no edge"
    assert str(caught.value) == " -> ".join(path)


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([(0, 0)], "a -> a"),
        ([(0, 1), (1, 0)], "a -> b -> a"),
        ([(2, 0), (0, 1), (1, 2)], "a -> b -> c -> a"),
        ([(0, 1), (1, 2), (2, 1), (2, 3)], "b -> c -> b"),
    ],
    ids=["itself", "pair", "ring", "with a tail before and behind"],
)
def test_the_message_spells_the_cycle_from_its_first_task(edges: Edges, message: str) -> None:
    with pytest.raises(CycleFound) as caught:
        Graph.build(["a", "b", "c", "d"], edges)
    assert str(caught.value) == message


def test_an_unchecked_graph_can_be_checked_later() -> None:
    sound = Graph.build(["a", "b"], [(0, 1)])
    at, up = sound.up_rows
    at[1], up[0] = 1, 0  # a now waits for itself, b for nothing
    graph = Graph(["a", "b"], at, up)
    assert graph.order() == [1]
    with pytest.raises(CycleFound, match=r"^a -> a$"):
        graph.check_acyclic()


# -- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize("edge", [(0, 2), (2, 0), (-1, 0), (0, -1), (0, 2**40), (-(2**40), 0)])
def test_an_edge_to_an_unknown_task_is_named(edge: tuple[int, int]) -> None:
    with pytest.raises(ValueError) as caught:
        Graph.build(["a", "b"], [(0, 1), edge])
    assert str(caught.value) == f"edge {edge[0]} -> {edge[1]}: there are 2 tasks, from 0 on"


def test_an_empty_graph_has_no_edges() -> None:
    with pytest.raises(ValueError, match="edge 0 -> 0: there are 0 tasks"):
        Graph.build([], [(0, 0)])


# -- size -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_tasks_stay_small(count: int) -> None:
    """Memory is bounded while a graph is built, and more tightly once it is."""
    names = [f"t{task}" for task in range(count)]
    edges = ((task // spread, task) for spread in (2, 3) for task in range(2, count))
    tracemalloc.start()
    try:
        graph = Graph.build(names, edges)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    size = len(graph) + graph.edge_count
    assert size > 2.9 * count
    assert peak / size < 60, "bytes per task and edge while building"
    assert kept / size < 16, "bytes per task and edge once built"


def test_direct_and_indirect_downstream_tasks_are_found():
    names = "abcde"
    graph = Graph.build(list(names), [(0, 1), (1, 3), (0, 2), (2, 3), (3, 4)])
    assert graph.with_downstream([]) == set()
    assert graph.with_downstream([4]) == {4}
    assert graph.with_downstream([1]) == {1, 3, 4}
    assert graph.with_downstream([2, 1]) == {1, 2, 3, 4}
    assert graph.with_downstream([0]) == set(range(5))
