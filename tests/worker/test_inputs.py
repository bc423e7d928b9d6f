"""Values: read once, kept packed, handed out again; and what is kept has a bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace

import pytest
from bench import claim_of, dag_of

from flowkit import Task, task
from flowkit.codec.packing import pack
from flowkit.core.compiled import CompiledDAG
from flowkit.core.dag_cache import DAGCache
from flowkit.core.map_spec import MapSpec
from flowkit.exceptions import RedisUnavailable, RunLost, StoreError
from flowkit.protocol.spent import UNSPENT
from flowkit.protocol.worker_store import Claim
from flowkit.worker import results as module
from flowkit.worker.inputs import PREFETCH, Inputs


class Archive:
    """Stands for the store: graphs and results, and what was asked of them."""

    def __init__(self, dag: CompiledDAG | None, results: dict[int, object] | None = None) -> None:
        self.dag = dag
        self.results = {at: pack(value) for at, value in (results or {}).items()}
        self.graphs_read = 0
        self.read: list[tuple[str, list[int]]] = []
        self.error: Exception | None = None

    def read_graph(self, digest: str) -> CompiledDAG | None:
        self.graphs_read += 1
        if self.error is not None:
            raise self.error
        return self.dag

    def read_results(self, run: str, tasks: Sequence[int]) -> Iterator[bytes | None]:
        self.read.append((run, list(tasks)))
        return iter([self.results.get(task) for task in tasks])


def make_tasks(count: int) -> list[Task]:
    @task
    def one(*values: object) -> None: ...

    return [one.bind(f"one_{n}") for n in range(count)]


def inputs_of(archive: Archive) -> Inputs:
    return Inputs(archive, 10**9)  # type: ignore[arg-type]


@pytest.fixture
def diamond() -> CompiledDAG:
    return dag_of(*make_tasks(4), edges=[(0, 1), (0, 2), (2, 3), (1, 3)])


def test_a_result_is_read_once_and_copied_each_time(diamond: CompiledDAG) -> None:
    """A task may change what it gets; nobody else may see that."""
    archive = Archive(diamond, {0: {"rows": [1, 2]}})
    inputs = inputs_of(archive)
    (first,) = inputs.upstream(claim_of(1), [0])
    assert isinstance(first, dict)
    first["rows"].append("changed")
    assert inputs.upstream(claim_of(2), [0]) == [{"rows": [1, 2]}]
    assert archive.read == [("r1", [0])]


def test_a_result_made_here_is_not_read_and_is_a_copy_too(diamond: CompiledDAG) -> None:
    archive = Archive(diamond)
    inputs = inputs_of(archive)
    mine = [1, 2]
    inputs.remember(claim_of(0), pack(mine))
    inputs.recorded([claim_of(0).key], [])
    (result,) = inputs.upstream(claim_of(1), [0])
    assert result == mine
    assert result is not mine
    assert archive.read == []


@pytest.mark.parametrize("was_sent", [True, False])
def test_an_unrecorded_local_result_is_not_used(diamond: CompiledDAG, was_sent: bool) -> None:
    """A worker whose lease had run out came back; its outcome was refused, another's was recorded,
    and the tasks downstream that it continued with were given the refused one."""
    archive = Archive(diamond, {0: "the recorded"})
    inputs = inputs_of(archive)
    inputs.remember(claim_of(0), pack("the refused"))
    if was_sent:
        inputs.recorded([claim_of(0).key], [claim_of(0).key])
    assert inputs.upstream(claim_of(1), [0]) == ["the recorded"]


def test_possibly_lost_results_are_read_again(diamond: CompiledDAG) -> None:
    archive = Archive(diamond, {0: "before", 1: "before"})
    inputs = inputs_of(archive)
    inputs.remember(claim_of(1), pack("before"))
    inputs.recorded([claim_of(1).key], [])
    assert inputs.upstream(claim_of(3), [0, 1]) == ["before", "before"]
    archive.results = {0: pack("after"), 1: pack("after")}
    inputs.forget()
    assert inputs.upstream(claim_of(3), [0, 1]) == ["after", "after"]
    assert inputs._bytes == 2 * (len(pack("after")) + module.ENTRY_BYTES)


def test_results_come_in_the_order_asked_for_and_none_for_a_skipped_task(
    diamond: CompiledDAG,
) -> None:
    inputs = inputs_of(Archive(diamond, {2: "two"}))
    inputs.remember(claim_of(1), pack("one"))
    inputs.recorded([claim_of(1).key], [])
    assert inputs.upstream(claim_of(3), [2, 1, 0]) == ["two", "one", None]
    assert inputs.upstream(claim_of(3), []) == []


def test_another_life_of_a_run_has_its_own_results(diamond: CompiledDAG) -> None:
    """The run expired, and somebody submitted another one under its id."""
    archive = Archive(diamond, {0: "new"})
    inputs = inputs_of(archive)
    inputs.remember(claim_of(0), pack("old"))
    inputs.recorded([claim_of(0).key], [])
    later = Claim("r1", 1, 1, UNSPENT, "digest", b"", ("r1", 2))
    assert inputs.upstream(later, [0]) == ["new"]
    assert inputs.upstream(claim_of(1), [0]) == ["old"]


def test_parameters_are_unpacked_for_each_attempt(diamond: CompiledDAG) -> None:
    inputs = inputs_of(Archive(diamond))
    claim = Claim("r1", 0, 1, UNSPENT, "digest", pack({"names": ["a"]}), ("r1", 1))
    first = inputs.params(claim)
    assert isinstance(first["names"], list)
    first["names"].append("changed")
    assert inputs.params(claim) == {"names": ["a"]}
    assert inputs.params(claim_of()) == {}


def test_parameters_that_are_not_a_mapping_are_refused(diamond: CompiledDAG) -> None:
    claim = Claim("r1", 0, 1, UNSPENT, "digest", pack([1]), ("r1", 1))
    with pytest.raises(StoreError, match="parameters of run r1"):
        inputs_of(Archive(diamond)).params(claim)


# -- graphs -------------------------------------------------------------------------------------


def test_a_graph_is_read_once(diamond: CompiledDAG) -> None:
    archive = Archive(diamond)
    inputs = inputs_of(archive)
    assert inputs.graph("digest") is inputs.graph("digest") is diamond
    assert archive.graphs_read == 1


def test_a_missing_graph_is_an_error_that_names_it() -> None:
    with pytest.raises(StoreError, match="graph 0123456789ab is no longer in Redis"):
        inputs_of(Archive(None)).graph("0123456789abcdef")


def test_lanes_of_one_child_share_their_graphs(diamond: CompiledDAG) -> None:
    archive, dag_cache = Archive(diamond), DAGCache(most_dags=2)
    first, second = (Inputs(archive, 10**9, dag_cache) for _ in range(2))  # type: ignore[arg-type]
    for digest in ("a", "b", "c", "c", "a"):
        first.graph(digest)
        assert second.known(digest) is diamond
    assert archive.graphs_read == 3, "what is in use needs no place in the cache"


def test_a_result_without_downstream_tasks_is_not_kept(diamond: CompiledDAG) -> None:
    """A million of them would only push out of memory what is needed."""
    inputs = inputs_of(Archive(diamond))
    inputs.graph("digest")
    for number in (0, 3):
        inputs.remember(claim_of(number), pack(number))
        inputs.recorded([claim_of(number).key], [])
    inputs.apply_notices()
    assert [task for _, task in inputs.kept] == [0]


def test_results_of_order_edges_are_neither_read_nor_kept() -> None:
    dag = dag_of(*make_tasks(4), edges=[(0, 2)], order=[(1, 2), (2, 3)])
    archive = Archive(dag, {0: "zero", 1: "one"})
    inputs = inputs_of(archive)
    inputs.prefetch([claim_of(2), claim_of(3)])
    assert archive.read == [("r1", [0])]
    for number in range(4):
        inputs.remember(claim_of(number), pack(number))
        inputs.recorded([claim_of(number).key], [])
    inputs.apply_notices()
    assert [task for _, task in inputs.kept] == [0]
    assert [inputs.comes_after(claim_of(number)) for number in range(4)] == [
        False,
        False,
        True,
        True,
    ]


def test_results_of_order_edges_are_no_arguments() -> None:
    dag = dag_of(*make_tasks(3), edges=[(0, 2)], order=[(1, 2)])
    archive = Archive(dag, {0: "zero", 1: "one"})
    assert inputs_of(archive).arguments(claim_of(2), dag) == ["zero"]
    assert archive.read == [("r1", [0])]


# -- reading ahead --------------------------------------------------------------------------------


def test_results_for_several_claims_are_read_in_one_round_trip(diamond: CompiledDAG) -> None:
    archive = Archive(diamond, {0: "zero", 1: "one", 2: "two"})
    inputs = inputs_of(archive)
    inputs.prefetch([claim_of(1), claim_of(2), claim_of(3)])
    assert archive.read == [("r1", [0, 2, 1])]
    assert inputs.upstream(claim_of(3), [2, 1]) == ["two", "one"]
    inputs.prefetch([claim_of(3)])
    assert len(archive.read) == 1, "it has read again what it has"


def test_with_too_many_claims_each_reads_its_own_results() -> None:
    count = PREFETCH + 1
    edges = [(at, count) for at in range(count)]
    archive = Archive(dag_of(*make_tasks(count + 1), edges=edges))
    inputs_of(archive).prefetch([claim_of(count)])
    assert archive.read == []


def test_reading_ahead_leaves_an_unreadable_graph_to_the_attempts(diamond: CompiledDAG) -> None:
    """It ran outside of any attempt: the process died of it, was started again, and so on, and
    the run never ended."""
    archive = Archive(None)
    inputs = inputs_of(archive)
    inputs.prefetch([claim_of(1)])
    archive.error = StoreError("damaged")
    inputs.prefetch([claim_of(1)])
    assert archive.read == []
    archive.error = RedisUnavailable("away")
    with pytest.raises(RedisUnavailable):
        inputs.prefetch([claim_of(1)])


# -- the bound ------------------------------------------------------------------------------------


def test_the_oldest_results_make_room(
    diamond: CompiledDAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESULT_BYTES_KEPT", 3_000)
    archive = Archive(diamond, dict.fromkeys(range(3), b"x" * 1000))
    inputs = inputs_of(archive)
    for number in range(3):
        inputs.upstream(claim_of(3), [number])
    inputs.upstream(claim_of(3), [2])
    assert archive.read == [("r1", [0]), ("r1", [1]), ("r1", [2])]
    inputs.upstream(claim_of(3), [0])
    assert archive.read[-1] == ("r1", [0])
    assert inputs._bytes <= 3_000


def test_a_result_larger_than_the_bound_is_handed_out_and_not_kept(
    diamond: CompiledDAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESULT_BYTES_KEPT", 500)
    archive = Archive(diamond, {0: b"x" * 1000})
    inputs = inputs_of(archive)
    for _ in range(2):
        assert inputs.upstream(claim_of(1), [0]) == [b"x" * 1000]
    assert len(archive.read) == 2
    assert inputs._bytes == 0


def test_lost_results_fail_only_the_task_that_needs_them(
    diamond: CompiledDAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading ahead must not end the lane."""
    archive = Archive(diamond)

    def lost(run: str, tasks: Sequence[int]) -> Iterator[bytes | None]:
        raise RunLost(run)

    monkeypatch.setattr(archive, "read_results", lost)
    inputs = inputs_of(archive)
    inputs.prefetch([claim_of(1)])
    with pytest.raises(RunLost):
        inputs.upstream(claim_of(1), [0])


@pytest.mark.parametrize(
    ("error", "raised"),
    [(StoreError, False), (KeyError, False), (MemoryError, False), (RedisUnavailable, True)],
)
def test_reading_ahead_waits_out_outages_but_not_damage(
    diamond: CompiledDAG, monkeypatch: pytest.MonkeyPatch, error: type[Exception], raised: bool
) -> None:
    archive = Archive(diamond)

    def fail(run: str, tasks: Sequence[int]) -> Iterator[bytes | None]:
        raise error("WRONGTYPE or away")

    monkeypatch.setattr(archive, "read_results", fail)
    with pytest.raises(error) if raised else nullcontext():
        inputs_of(archive).prefetch([claim_of(1)])


@pytest.mark.parametrize(
    ("error", "lines"), [(IndexError, 1), (RunLost, 0), (RedisUnavailable, None)]
)
def test_elements_that_cannot_be_read_ahead_do_not_end_the_lane(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: type[Exception],
    lines: int | None,
) -> None:
    """A record that the arithmetic of blocks cannot take ended each lane that claimed the item.
    Then the error was hidden for good; now it is logged, once.
    """
    monkeypatch.setattr("flowkit.events.warn_once._warned", set())
    source, item = make_tasks(2)
    dag = replace(dag_of(source, item, edges=[(0, 1)]), maps={1: MapSpec((0,))})
    inputs = inputs_of(Archive(dag))

    def fail(claims: object) -> None:
        raise error("r1") if error is not RunLost else RunLost("r1", "r1")

    monkeypatch.setattr(inputs._items, "prefetch", fail)
    for _ in range(2):
        with pytest.raises(error) if lines is None else nullcontext():
            inputs.prefetch([claim_of(2)])
    assert len(caplog.records) == (lines or 0)
    if lines:
        (record,) = caplog.records
        assert record.getMessage().endswith("more slowly: IndexError: r1")
        assert "in fail" in record.__dict__["fields"]["traceback"]
