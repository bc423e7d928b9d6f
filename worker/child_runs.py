"""Runs that a task has called: making them from what it returned, and collecting their results.

The attempt that called them ends with an outcome that names its child runs; the script which
records it submits them. Their graphs are stored before. The ids of the runs follow from the
attempt, so an outcome that is sent again finds them.

When they are over, another attempt collects their results, and does not call the function. That is
done with the lane's own store. Making them is done with a separate one, since the async lane does
that in another thread.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from weakref import WeakKeyDictionary

from flowkit.codec.packing import pack, unpack
from flowkit.core.called_run import MOST_DEPTH
from flowkit.core.compiled import CompiledDAG
from flowkit.core.states import RunState, TaskState
from flowkit.definition.calls import Call, CallableDAG, calls_in, too_deep, wanted_task
from flowkit.definition.run_parameters import RunParameters
from flowkit.exceptions import ChildRunFailed, DAGError, NotPermitted, RunLost
from flowkit.execution.child_failure import child_failed, child_not_succeeded
from flowkit.execution.child_ids import child_run_id
from flowkit.protocol.call_store import ChildEnd
from flowkit.protocol.calls import CalledGraph, Calls, ChildRun, StoredCall, calls_payload
from flowkit.protocol.graph_writer import pack_graph
from flowkit.protocol.graphs import digest_of
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import Claim, WorkerStore

from .inputs import Inputs


class _Graph(NamedTuple):
    """A DAG that is called, ready to be submitted."""

    compiled: CompiledDAG
    parameters: RunParameters
    packed: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The runs to submit, with their graphs."""

    calls: Calls
    graphs: list[_Graph]
    children: list[ChildRun]


class ChildRuns:
    """The runs that tasks of one lane call."""

    def __init__(self, inputs: Inputs, max_bytes: int, version: str = "") -> None:
        """``max_bytes``: of packed parameters and results. ``version``: of the app."""
        self._inputs = inputs
        self._max_bytes = max_bytes
        self._version = version
        self._graphs: WeakKeyDictionary[CallableDAG, _Graph] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._store: WorkerStore | None = None

    def call(self, claim: Claim, name: str, value: object) -> bytes:
        """Return the payload of the outcome of an attempt that returned calls. Any thread.

        One or two round trips. Raises DAGError and the like if one of the runs cannot be started.
        """
        wanted = self._wanted(claim, name, value)
        graphs = {graph.digest: graph.packed for graph in wanted.graphs}
        with self._lock:
            if self._store is None:
                self._store = self._inputs.store.twin("children")
            try:
                depth = self._store.prepare_calls(claim.run, graphs)
            except NotPermitted as error:  # with access rules of before; other tasks need no more
                raise DAGError(
                    f"its worker may not submit the runs that it called: {error}"
                ) from None
        if depth >= MOST_DEPTH:
            raise too_deep(name)
        called = [
            CalledGraph(graph.digest, graph.compiled.name, len(graph.compiled.graph), self._version)
            for graph in wanted.graphs
        ]
        packed = self._inputs.signed.calls(claim, wanted.calls.pack())
        return calls_payload(packed, called, wanted.children)

    def _wanted(self, claim: Claim, name: str, value: object) -> _Wanted:
        numbers: dict[str, int] = {}
        wanted = _Wanted(Calls((), is_list=not isinstance(value, Call)), [], [])
        runs: list[StoredCall] = []
        for position, call in enumerate(calls_in(name, value)):
            graph = self._graph_of(call.dag)
            graph.parameters.check(call.params)
            number = numbers.setdefault(graph.digest, len(numbers))
            if number == len(wanted.graphs):
                wanted.graphs.append(graph)
            run = child_run_id(claim.run, claim.life[1], (claim.task, claim.attempt), position)
            packed = pack(dict(call.params), max_bytes=self._max_bytes) if call.params else b""
            packed = self._inputs.sign_params(run, graph.digest, packed)
            wanted.children.append(ChildRun(run, number, packed))
            task = -1 if call.result is None else wanted_task(graph.compiled, call.result)
            runs.append(StoredCall(run, graph.compiled.name, task))
        return replace(wanted, calls=replace(wanted.calls, runs=tuple(runs)))

    def _graph_of(self, dag: CallableDAG) -> _Graph:
        with self._lock:
            known = self._graphs.get(dag)
        if known is None:
            indexed = dag.indexed()
            compiled = dag.compile_for_calls(indexed)
            if dag.pin_version:
                compiled = replace(compiled, pinned=self._pinned(dag))
            packed = pack_graph(compiled)
            parameters = RunParameters(dag.name, indexed)
            known = _Graph(compiled, parameters, packed, digest_of(packed))
            with self._lock:
                self._graphs[dag] = known
        return known

    def _pinned(self, dag: CallableDAG) -> str:
        if not self._version:
            raise DAGError(
                f"DAG {dag.name!r} has pin_version=True, and the app of this worker has no "
                "version. Set FLOWKIT_APP_VERSION."
            )
        return self._version

    # -- when they are over -----------------------------------------------------------------------

    def collect(self, claim: Claim) -> object:
        """Return the results of the runs that the task has called.

        Raises ChildRunFailed if one has failed or was cancelled, RunLost if one is gone, and
        UntrustedValue if another program has written which runs these are.
        """
        store = self._inputs.store
        stored = store.read_calls(claim.run, claim.task)
        calls = Calls.unpack(self._inputs.signed.open_calls(claim, stored))
        ends: list[ChildEnd] = []
        for called, end in zip(calls.runs, store.read_ends(calls), strict=True):
            if end is None:
                raise RunLost(
                    called.run,
                    f"run {called.run!r} of DAG {called.dag_name!r}, which the task has called, is "
                    "no longer in Redis: it was deleted or evicted",
                )
            ends.append(end)
        for end in sorted(ends, key=_worst_first):
            if end.state is not RunState.SUCCEEDED:
                raise self._failure(end)
        values = self._values(ends)
        return values if calls.is_list else values[0]

    def _values(self, ends: Sequence[ChildEnd]) -> list[object]:
        single = [end for end in ends if end.called.task >= 0 and not self._is_mapped(end)]
        packed = dict(
            zip(map(id, single), self._inputs.store.read_child_results(single), strict=True)
        )
        return [
            self._value(end, end.called.task, packed[id(end)])
            if id(end) in packed
            else self._items(end, end.called.task)
            if end.called.task >= 0
            else self._all(end)
            for end in ends
        ]

    def _is_mapped(self, end: ChildEnd) -> bool:
        return end.called.task in self._inputs.graph(end.digest).maps

    def _value(self, end: ChildEnd, task: int, stored: bytes | None) -> object:
        opened = self._inputs.open_child_result(end, task, stored or b"")
        return unpack(opened, max_bytes=self._max_bytes) if opened else None

    def _items(self, end: ChildEnd, task: int) -> list[object]:
        """Return the results of a mapped task: those of its items, None for each without one."""
        store, run, dag = self._inputs.store, end.called.run, self._inputs.graph(end.digest)
        (record,) = store.read_records(run, [task])
        numbers = dag.numbering.items(task, record.items.count if record.items else 0)
        results = store.read_results(run, numbers)
        return [
            self._value(end, number, stored)
            for number, stored in zip(numbers, results, strict=True)
        ]

    def _all(self, end: ChildEnd) -> dict[str, object]:
        """Return the results of all tasks of a run by name, as ``DAG.run`` does."""
        store, run, dag = self._inputs.store, end.called.run, self._inputs.graph(end.digest)
        left_out = dag.hooks() | set(dag.not_kept())
        records = store.read_records(run, range(len(dag.graph)))
        done = [
            task
            for task, record in enumerate(records)
            if record.state is TaskState.SUCCEEDED and task not in left_out
        ]
        plain = [task for task in done if task not in dag.maps]
        results = dict(zip(plain, store.read_results(run, plain), strict=True))
        names = dag.graph.names
        return {
            names[task]: self._items(end, task)
            if task in dag.maps
            else self._value(end, task, results[task])
            for task in done
        }

    def _failure(self, end: ChildEnd) -> ChildRunFailed:
        run, dag_name = end.called.run, end.called.dag_name
        if end.state is not RunState.FAILED or end.failed is None:
            return child_not_succeeded(run, dag_name, end.state.value)
        dag = self._inputs.graph(end.digest)
        task = dag.task_name(end.failed) if dag.is_valid(end.failed) else f"task {end.failed}"
        (packed,) = self._inputs.store.read_errors(run, [end.failed])
        info = ErrorInfo.unpack(packed or b"")
        return child_failed(run, dag_name, task, info.type, info.message)


def _worst_first(end: ChildEnd) -> int:
    return {RunState.FAILED: 0, RunState.CANCELLED: 1, RunState.RUNNING: 2}.get(end.state, 3)
