"""How a task is mapped, as it is stored: written, read, and refused when it makes no sense."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.core.map_spec import MAX_LABEL, MapSpec
from flowkit.core.retry import Policy
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import unpack_graph

GRAPH = Graph.build(["list", "parse", "lines", "merge"], [(0, 1), (1, 2), (2, 3), (0, 3)])
PLAIN = CompiledDAG(
    "crawl",
    GRAPH,
    (Policy(),),
    array("i", [0] * 4),
    ("app:work",),
    array("i", [0] * 4),
)
MAPPED = replace(
    PLAIN,
    maps={
        1: MapSpec((0,), collect=True, max_active=8, label="{name}"),
        2: MapSpec((1,), flatten=True),
    },
)


def test_maps_are_stored_with_the_graph() -> None:
    assert unpack_graph(pack_graph(MAPPED)).maps == MAPPED.maps


def test_items_behind_items_have_the_labels_of_those() -> None:
    """Of several items before one, the first with a label counts. A flattened element has none."""
    names = ["list", "own", "behind", "further", "joined", "flat", "other", "none"]
    edges = [(0, 1), (1, 2), (2, 3), (7, 4), (3, 4), (1, 5), (2, 6), (0, 7)]
    over = {1: (0,), 2: (1,), 3: (2,), 4: (7, 3), 5: (1,), 6: (2,), 7: (0,)}
    maps = {task: MapSpec(sources, flatten=task == 5) for task, sources in over.items()}
    maps[1], maps[6] = replace(maps[1], label="{item}"), replace(maps[6], label="{0}")
    graph = Graph.build(names, edges)
    dag = replace(PLAIN, graph=graph, policy_of=array("i", [0] * 8), maps=maps)
    assert dag.label_sources == {1: 1, 2: 1, 3: 1, 4: 1, 6: 6}
    item = dag.numbering.item
    assert dag.label_number(item(4, 9)) == dag.label_number(item(1, 9)) == item(1, 9)
    assert [dag.label_number(number) for number in (0, 1, item(5, 9), item(7, 9))] == [None] * 4
    assert PLAIN.label_number(2) is None


def test_a_dag_without_maps_is_stored_as_before() -> None:
    assert len(pack_graph(PLAIN)) < len(pack_graph(MAPPED)) - 10
    assert unpack_graph(pack_graph(PLAIN)).maps == {}


def test_the_results_that_are_mapped_are_counted() -> None:
    assert MAPPED.is_counted(0)
    assert not MAPPED.is_counted(1)
    assert MAPPED.is_counted(MAPPED.numbering.item(1, 5))
    assert not MAPPED.is_counted(MAPPED.numbering.item(2, 5))
    assert not MAPPED.is_counted(3)


def test_an_item_has_the_policy_and_the_function_of_its_task() -> None:
    number = MAPPED.numbering.item(2, 3)
    assert MAPPED.task_name(number) == "lines[3]"
    assert MAPPED.policy(number) is MAPPED.policies[0]
    assert MAPPED.ref(number) == "app:work"


@pytest.mark.parametrize(
    "spec",
    [
        MapSpec(()),
        MapSpec((0, 0)),
        MapSpec((3,)),
        MapSpec((0,), flatten=True),
        MapSpec((0,), max_active=-1),
        MapSpec((0,), label="x" * (MAX_LABEL + 1)),
    ],
)
def test_a_stored_map_that_makes_no_sense_is_refused(spec: MapSpec) -> None:
    damaged = pack_graph(replace(MAPPED, maps={1: spec}))
    with pytest.raises(CorruptData, match="cannot be read"):
        unpack_graph(damaged)


def test_a_map_of_a_task_that_does_not_exist_is_refused() -> None:
    maps = {1: MapSpec((0,))}
    packed = pack_graph(replace(MAPPED, maps=maps)).replace(
        b"\x95\x01\x91\x00", b"\x95\x7f\x91\x00"
    )
    with pytest.raises(CorruptData, match="does not exist"):
        unpack_graph(packed)
