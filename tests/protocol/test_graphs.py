"""Compiled DAGs as stored bytes: they come back as they were, and nothing else is believed."""

from __future__ import annotations

import zlib
from array import array
from contextlib import suppress
from dataclasses import replace

import msgpack
import pytest
from environment import Environment, compiled
from hypothesis import given
from hypothesis import strategies as st

from flowkit.core.compiled import CompiledDAG, OnFailure
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy
from flowkit.exceptions import StoreError
from flowkit.protocol import graphs
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import FORMAT, digest_of, unpack_graph

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=8)
POLICIES = st.builds(
    Policy,
    retries=st.integers(0, 99),
    delay=st.floats(0, 1e6),
    backoff=st.floats(1, 10),
    max_delay=st.none() | st.floats(0, 1e6),
    timeout=st.none() | st.floats(0.1, 1e6),
    queue=st.sampled_from(["default", "mail", "gpu-2"]),
    priority=st.integers(0, 9),
    is_async=st.booleans(),
)


@st.composite
def dags(draw: st.DrawFn) -> CompiledDAG:
    """DAGs whose edges go from lower to higher numbers, shuffled by their order of drawing."""
    names = draw(st.lists(NAMES, unique=True, max_size=12))
    count = len(names)
    pairs = [(low, high) for high in range(count) for low in range(high)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    passing = draw(st.integers(0, len(edges)))  # the others are order edges
    policies = draw(st.lists(POLICIES, min_size=1, max_size=3))[:count]
    refs = draw(st.lists(NAMES, min_size=1, max_size=3))[:count]
    pick = st.lists(
        st.integers(0, 0) if not count else st.integers(0, 99), min_size=count, max_size=count
    )
    numbers = st.integers(0, max(count - 1, 0))
    return CompiledDAG(
        name=draw(NAMES),
        graph=Graph.build(names, edges[:passing], edges[passing:]),
        policies=tuple(policies),
        policy_of=array("i", [at % len(policies) for at in draw(pick)]),
        refs=tuple(refs),
        ref_of=array("i", [at % len(refs) for at in draw(pick)]),
        kwargs=draw(st.dictionaries(numbers, st.binary(max_size=9), max_size=3)) if count else {},
        on_failure=draw(st.sampled_from(OnFailure)),
        pinned=draw(st.sampled_from(["", "v1"])),
    )


def plain(dag: CompiledDAG) -> tuple[object, ...]:
    """All that a DAG says, comparable."""
    up_at, up = dag.graph.up_rows
    return (
        dag.name,
        list(dag.graph.names),
        list(up_at),
        list(up),
        dag.graph.order_counts,
        dag.policies,
        list(dag.policy_of),
        dag.refs,
        list(dag.ref_of),
        dict(dag.kwargs),
        dag.on_failure,
        dag.pinned,
    )


@given(dags())
def test_a_stored_graph_round_trips(dag: CompiledDAG) -> None:
    packed = pack_graph(dag)
    assert plain(unpack_graph(packed)) == plain(dag)
    assert pack_graph(unpack_graph(packed)) == packed


def test_the_order_of_fixed_arguments_does_not_change_the_address() -> None:
    item = replace(compiled(), kwargs={1: b"a", 0: b"b"})
    other = replace(compiled(), kwargs={0: b"b", 1: b"a"})
    assert digest_of(pack_graph(item)) == digest_of(pack_graph(other))


@given(dags(), st.data())
def test_damaged_bytes_are_an_error_or_a_valid_dag(dag: CompiledDAG, data: st.DataObject) -> None:
    packed = bytearray(pack_graph(dag))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    with suppress(StoreError):  # and no other error
        result = unpack_graph(bytes(packed))
        result.graph.check_acyclic()
        assert len(result.policy_of) == len(result.ref_of) == len(result.graph.names)


@given(dags(), st.data())
def test_truncated_bytes_are_an_error(dag: CompiledDAG, data: st.DataObject) -> None:
    packed = pack_graph(dag)
    with pytest.raises(StoreError, match="the stored graph cannot be read"):
        unpack_graph(packed[: data.draw(st.integers(0, len(packed) - 1))])


@given(st.binary(max_size=40))
def test_any_bytes_are_an_error(junk: bytes) -> None:
    with pytest.raises(StoreError, match="the stored graph cannot be read"):
        unpack_graph(junk)


def ordered(order: list[tuple[int, int]], pinned: str = "") -> CompiledDAG:
    """A DAG of three tasks with the edge t0 >> t1 and these order edges."""
    return replace(
        compiled(3), graph=Graph.build(["t0", "t1", "t2"], [(0, 1)], order), pinned=pinned
    )


def test_order_edges_change_the_address_and_their_absence_does_not() -> None:
    """Without order edges, a graph is stored as by releases that had none."""
    before = msgpack.unpackb(pack_graph(ordered([])))
    assert len(before) == 12
    assert len(msgpack.unpackb(pack_graph(ordered([], "v1")))) == 13
    after = msgpack.unpackb(pack_graph(ordered([(1, 2)])))
    assert after[12:] == ["", ints(0, 0, 1)]
    assert msgpack.unpackb(pack_graph(ordered([(1, 2)], "v1")))[12:] == ["v1", ints(0, 0, 1)]
    passing = Graph.build(["t0", "t1", "t2"], [(0, 1), (1, 2)])
    assert digest_of(pack_graph(ordered([(1, 2)]))) != digest_of(
        pack_graph(replace(compiled(3), graph=passing))
    )


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ((0, 0), "order edges do not fit"),
        ((0, 0, 0, 0), "order edges do not fit"),
        ((0, 2, 0), "more order edges than edges"),
        ((0, -1, 0), "more order edges than edges"),
    ],
)
def test_wrong_order_edges_are_refused(counts: tuple[int, ...], says: str) -> None:
    parts = msgpack.unpackb(pack_graph(ordered([(1, 2)])))
    parts[-1] = ints(*counts)
    with pytest.raises(StoreError, match=f"the stored graph cannot be read: .*({says})"):
        unpack_graph(msgpack.packb(parts))


def rebuilt(**changes: object) -> bytes:
    """A stored graph of three tasks with some of its parts replaced."""
    order = ["format", "name", "names", "up_at", "up", "policies", "policy_of", "refs", "ref_of",
             "kwargs", "on_failure"]  # fmt: skip
    parts = msgpack.unpackb(pack_graph(compiled(3)))
    for name, value in changes.items():
        parts[order.index(name)] = value
    packed: bytes = msgpack.packb(parts)
    return packed


def ints(*numbers: int) -> bytes:
    return array("i", numbers).tobytes()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"up_at": ints(0, 0, 0)}, "rows do not fit"),
        ({"up_at": ints(0, 0, 0, 1)}, "rows do not fit"),
        ({"up_at": ints(-(2**20), 0, 0, 0)}, "rows do not fit"),
        ({"up_at": ints(0, 1, 0, 1), "up": ints(0)}, "rows do not fit"),
        ({"up_at": ints(0, 0, 0, 1), "up": ints(7)}, "rows do not fit"),
        ({"up_at": ints(0, 0, 0, 1), "up": ints(-1)}, "rows do not fit"),
        ({"up_at": ints(0, 1, 2, 2), "up": ints(1, 0)}, "t"),
        ({"policy_of": ints(0, 0, 5)}, "tables do not fit"),
        ({"ref_of": ints(0, 0)}, "tables do not fit"),
        ({"ref_of": ints(0, 0, -1)}, "tables do not fit"),
        ({"policies": [list(range(100))]}, "has 100 properties .* upgrade flowkit here"),
        ({"on_failure": "sometimes"}, "sometimes"),
        ({"names": None}, ""),
        ({"up": b"abc"}, ""),
        ({"format": FORMAT + 1}, f"it has format {FORMAT + 1} and this release reads {FORMAT}"),
    ],
)
def test_a_wrong_part_is_named(changes: dict[str, object], says: str) -> None:
    with pytest.raises(StoreError, match=f"the stored graph cannot be read: .*{says}"):
        unpack_graph(rebuilt(**changes))


def test_a_wide_graph_is_stored_compressed_and_comes_back() -> None:
    names = [f"leaf_{number}" for number in range(2000)]
    edges = [(0, number) for number in range(1, 2000)]
    dag = replace(
        compiled(),
        graph=Graph.build(names, edges),
        policy_of=array("i", [0] * 2000),
        ref_of=array("i", [0] * 2000),
    )
    packed = pack_graph(dag)
    assert len(packed) < 12 * 2000
    assert plain(unpack_graph(packed)) == plain(dag)
    with pytest.raises(StoreError, match="truncated"):
        unpack_graph(packed[:-8])


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MAX_GRAPH_BYTES", 100_000)
    with pytest.raises(StoreError, match="the stored graph cannot be read"):
        unpack_graph(zlib.compress(bytes(1_000_000)))


def test_a_newer_format_says_what_to_do() -> None:
    with pytest.raises(StoreError, match="upgrade flowkit here"):
        unpack_graph(rebuilt(format=FORMAT + 1))


class TestInRedis:
    def test_a_stored_graph_is_read_by_its_address(self, env: Environment) -> None:
        item = env.submit()
        result = env.client.read_graph(item.digest)
        assert result is not None
        assert plain(result) == plain(compiled())
        assert env.client.read_graph("0" * 64) is None

    def test_a_graph_that_does_not_match_its_address_is_refused(self, env: Environment) -> None:
        item = env.submit()
        env.link.call("SET", env.keys.graph(item.digest), item.packed_graph + b" ")
        with pytest.raises(StoreError, match=f"graph {item.digest[:12]} in Redis is damaged"):
            env.client.read_graph(item.digest)
