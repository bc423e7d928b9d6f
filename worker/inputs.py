"""The inputs of attempts: graphs, parameters, and what tasks get from their upstream tasks.

There is one instance per lane. It is not thread-safe, except for ``recorded`` and ``forget``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from traceback import format_exception
from types import MappingProxyType

from flowkit.basics.shorten import shorten
from flowkit.codec.errors import CodecError
from flowkit.codec.packing import unpack
from flowkit.core.compiled import CompiledDAG
from flowkit.core.dag_cache import DAGCache
from flowkit.events.warn_once import warn_once
from flowkit.events.workers import PrefetchFailed
from flowkit.exceptions import FlowkitError, RedisUnavailable, StoreError
from flowkit.logging.output import described
from flowkit.protocol.call_store import ChildEnd
from flowkit.protocol.records import MAX_TRACEBACK
from flowkit.protocol.worker_store import Claim, WorkerStore

from .item_inputs import ItemInputs
from .items import PackedItems, pack_items
from .known_labels import KnownLabels
from .results import Results, Wanted
from .signed_values import SignedValues

PREFETCH = 512  # the most results to read at once, ahead of their tasks
_NO_PARAMS: Mapping[str, object] = MappingProxyType({})


class Inputs(Results):
    """Graphs and values, as one lane reads them."""

    def __init__(
        self,
        store: WorkerStore,
        max_bytes: int,
        graphs: DAGCache | None = None,
        signed: SignedValues | None = None,
    ) -> None:
        """``max_bytes``: the largest value to read. ``graphs``: lanes may share them."""
        super().__init__(store, max_bytes, signed)
        self._graphs = graphs or DAGCache()
        self._items = ItemInputs(self)
        self.labels = KnownLabels(store)

    def graph(self, digest: str) -> CompiledDAG:
        """Return a compiled DAG. Raises StoreError if it is gone or damaged."""
        dag = self._graphs.get(digest)
        if dag is None:
            dag = self.store.read_graph(digest)
            if dag is None:
                raise StoreError(f"graph {digest[:12]} is no longer in Redis")
            self._graphs.put(digest, dag)
        return dag

    def known(self, digest: str) -> CompiledDAG | None:
        """Return a compiled DAG if it is cached; Redis is not read."""
        return self._graphs.get(digest)

    def comes_after(self, claim: Claim) -> bool:
        """Return whether the claimed task has upstream tasks, with or without data."""
        dag = self.graph(claim.digest)
        return dag.graph.has_upstream(dag.numbering.node(claim.task))

    def params(self, claim: Claim) -> Mapping[str, object]:
        """Return a read-only copy of the run's parameters.

        Raises BrokenValue, UntrustedValue.
        """
        packed = self.signed.params(claim)
        if not packed:
            return _NO_PARAMS
        params = unpack(packed, max_bytes=self.max_bytes)
        if not isinstance(params, dict):
            raise StoreError(f"the parameters of run {claim.run} are not a mapping")
        return MappingProxyType(params)

    def cached(self, entry: str) -> bytes | None:
        """Return the packed result of a cache entry, None if there is no such entry.

        Raises BrokenValue if this process cannot rebuild the result, UntrustedValue.
        """
        packed = self.signed.cached(entry, self.store.read_cached(entry))
        if packed:
            unpack(packed, max_bytes=self.max_bytes)
        return packed

    def to_store(self, claim: Claim, packed: bytes, entry: str = "") -> bytes:
        """Return the bytes to store for a result. ``entry``: the cache entry, if it has one."""
        return self.signed.result(claim, packed, entry)

    def sign_params(self, run: str, digest: str, packed: bytes) -> bytes:
        """Return the bytes to store for the parameters of a child run. Any thread."""
        return self.signed.params_of_child(run, digest, packed)

    def open_child_result(self, end: ChildEnd, task: int, stored: bytes) -> bytes:
        """Return a packed result of a child run. Raises UntrustedValue."""
        return self.signed.open_child_result(end, task, stored)

    def remember(self, claim: Claim, packed: bytes) -> None:
        """Keep a result of this lane if other tasks get it: the lane may run them too."""
        self.apply_notices()
        dag = self._graphs.get(claim.digest)
        if dag is not None and not _is_taken_alone(dag, claim.task):
            return
        self.hold(claim, packed)

    def prefetch(self, claims: Iterable[Claim]) -> None:
        """Read what several claims need in one round trip per run, if it is not much.

        This only saves time: what cannot be read is reported by the attempt that needs it. So no
        error but an outage leaves this method, whatever a claim, a graph or a record says: it would
        end the lane, and the next one would get the same claims. An error that no data should cause
        is logged, since every attempt would just be slower.
        """
        try:
            self._read_ahead(claims)
        except RedisUnavailable:
            raise
        except (FlowkitError, CodecError, MemoryError):
            return
        except Exception as error:
            kind, message = described(error)
            trace = shorten("".join(format_exception(error)), MAX_TRACEBACK)
            event = PrefetchFailed(error_type=kind, error_message=message, traceback=trace)
            warn_once(event, kind)

    def _read_ahead(self, claims: Iterable[Claim]) -> None:
        self.apply_notices()
        wanted: Wanted = {}
        items: list[tuple[Claim, CompiledDAG]] = []
        count, kept = 0, self.kept
        for claim in claims:
            dag = self._graph_if_readable(claim)
            if dag is None:
                continue
            if dag.maps:
                items.append((claim, dag))
                tasks: Sequence[int] = self._items.results_of(dag, claim.task)
            else:
                tasks = dag.graph.inputs(claim.task)
            life = claim.life
            if count + len(tasks) > PREFETCH:
                tasks = [task for task in tasks if (life, task) not in kept]
                if count + len(tasks) > PREFETCH:
                    break
            for task in tasks:
                if (life, task) not in kept:
                    wanted.setdefault(life, (claim, {}))[1][task] = None
                    count += 1
        self.fetch(wanted)
        if items:
            self._items.prefetch(items)
            self.labels.prefetch(items)

    def arguments(self, claim: Claim, dag: CompiledDAG) -> list[object]:
        """Return what a task gets from its upstream tasks, in the order of their edges.

        Raises BrokenValue, UntrustedValue, StoreError, and RunLost if Redis has lost values.
        """
        if dag.maps:
            return self._items.arguments(claim, dag)
        return self.upstream(claim, dag.graph.inputs(claim.task))

    def elements(self, claim: Claim, dag: CompiledDAG, value: object) -> PackedItems:
        """Return the elements of a result that is mapped, as they are stored.

        Raises CodecError for one that cannot be packed.
        """
        items, blocks = pack_items(value, self.max_bytes, dag.numbering.most_items)
        return PackedItems(items, self.signed.blocks(claim, items, blocks))

    def _forgot(self) -> None:
        self._items.forget()
        self.labels.forget()

    def _graph_if_readable(self, claim: Claim) -> CompiledDAG | None:
        try:
            dag = self.graph(claim.digest)
        except RedisUnavailable:
            raise
        except StoreError:
            return None
        return dag if dag.is_valid(claim.task) else None


def _is_taken_alone(dag: CompiledDAG, number: int) -> bool:
    """Return whether another task or item gets the result of this one, not with many others."""
    if number < dag.numbering.count:
        return dag.graph.has_consumers(number)
    node = dag.numbering.node(number)
    return any(node in spec.over and not spec.flatten for spec in dag.maps.values())
