"""The inputs of attempts: graphs, parameters and upstream results, read from Redis and cached.

Results are cached in packed form and unpacked for each task, so no task can change what another
task gets. A result never changes within the life of a run, and the life of a run (its id, when it
was submitted and how often it was resumed) is part of the key. A result of this lane is cached
only when Redis has recorded it: Redis refuses an outcome that comes too late, and no task may get
that result. There is one instance per lane. It is not thread-safe, except for ``recorded`` and
``forget``.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from flowkit.codec.packing import unpack
from flowkit.core.compiled import CompiledDAG
from flowkit.core.dag_cache import DAGCache
from flowkit.exceptions import RedisUnavailable, RunLost, StoreError
from flowkit.protocol.worker_store import Claim, WorkerStore

from .signed_values import SignedValues

RESULT_BYTES_KEPT = 32 * 1024 * 1024
ENTRY_BYTES = 200  # what an entry costs beside its bytes
PREFETCH = 512  # the most results to read at once, ahead of their tasks
_NO_PARAMS: Mapping[str, object] = MappingProxyType({})
_Key = tuple[tuple[str, str], int]


class Inputs:
    """Graphs and values, as one lane reads them."""

    def __init__(
        self,
        store: WorkerStore,
        max_bytes: int,
        graphs: DAGCache | None = None,
        signed: SignedValues | None = None,
    ) -> None:
        """``max_bytes``: the largest value to read. ``graphs``: lanes may share them."""
        self.signed = signed or SignedValues()
        self.store = store
        self._max_bytes = max_bytes
        self._graphs = graphs or DAGCache()
        self._results: OrderedDict[_Key, bytes] = OrderedDict()
        self._bytes = 0
        self._unrecorded: dict[str, tuple[_Key, bytes]] = {}
        self._notices: deque[tuple[Sequence[str], Sequence[str]] | None] = deque()

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
        return self.graph(claim.digest).graph.has_upstream(claim.task)

    def params(self, claim: Claim) -> Mapping[str, object]:
        """Return a read-only copy of the run's parameters.

        Raises BrokenValue, UntrustedValue.
        """
        packed = self.signed.params(claim)
        if not packed:
            return _NO_PARAMS
        params = unpack(packed, max_bytes=self._max_bytes)
        if not isinstance(params, dict):
            raise StoreError(f"the parameters of run {claim.run} are not a mapping")
        return MappingProxyType(params)

    def cached(self, entry: str) -> bytes | None:
        """Return the packed result of a cache entry, None if there is no such entry.

        Raises BrokenValue if this process cannot rebuild the result, UntrustedValue.
        """
        packed = self.signed.cached(entry, self.store.read_cached(entry))
        if packed:
            unpack(packed, max_bytes=self._max_bytes)
        return packed

    def to_store(self, claim: Claim, packed: bytes, entry: str = "") -> bytes:
        """Return the bytes to store for a result. ``entry``: the cache entry, if it has one."""
        return self.signed.result(claim, packed, entry)

    def remember(self, claim: Claim, packed: bytes) -> None:
        """Keep a result of this lane if other tasks get it: the lane may run them too."""
        self._apply_notices()
        dag = self._graphs.get(claim.digest)
        if dag is not None and not dag.graph.has_consumers(claim.task):
            return
        self._unrecorded[claim.key] = ((claim.life, claim.task), packed)

    def recorded(self, sent: Sequence[str], refused: Sequence[str]) -> None:
        """Note which outcomes ("run,task") were sent, and which were refused. Any thread."""
        if self._unrecorded:
            self._notices.append((sent, refused))

    def forget(self) -> None:
        """Note that Redis may have lost results, so that their tasks run again. Any thread."""
        self._notices.append(None)

    def _apply_notices(self) -> None:
        while self._notices:
            notice = self._notices.popleft()
            if notice is None:
                self._results.clear()
                self._bytes = 0
                continue
            sent, refused = notice
            for key in sent:
                unrecorded = self._unrecorded.pop(key, None)
                if unrecorded is not None and key not in refused:
                    self._keep(*unrecorded)

    def prefetch(self, claims: Iterable[Claim]) -> None:
        """Read the upstream results of several claims in one round trip per run, if they are few.

        This only saves time: ``upstream`` reports what cannot be read.
        """
        self._apply_notices()
        wanted: dict[tuple[str, str], tuple[Claim, dict[int, None]]] = {}
        count = 0
        for claim in claims:
            dag = self._graph_if_readable(claim)
            for task in dag.graph.inputs(claim.task) if dag is not None else ():
                if (claim.life, task) not in self._results:
                    wanted.setdefault(claim.life, (claim, {}))[1][task] = None
                    count += 1
                    if count > PREFETCH:
                        return
        for asking, tasks in wanted.values():
            try:
                self._fetch(asking, list(tasks))
            except RedisUnavailable:
                raise
            except (RunLost, StoreError):
                continue

    def _graph_if_readable(self, claim: Claim) -> CompiledDAG | None:
        try:
            dag = self.graph(claim.digest)
        except RedisUnavailable:
            raise
        except StoreError:
            return None
        return dag if claim.task < len(dag.graph) else None

    def upstream(self, claim: Claim, tasks: Sequence[int]) -> list[object]:
        """Return the results of these tasks, None for each task that was skipped.

        Raises BrokenValue, UntrustedValue, and RunLost if Redis has lost the run's results.
        """
        if not tasks:
            return []
        self._apply_notices()
        cache, life = self._results, claim.life
        results = [cache.get((life, task)) for task in tasks]
        missing = [task for task, packed in zip(tasks, results, strict=True) if packed is None]
        if missing:
            fetched = dict(zip(missing, self._fetch(claim, missing), strict=True))
            results = [
                fetched[task] if packed is None else packed
                for task, packed in zip(tasks, results, strict=True)
            ]
        limit = self._max_bytes
        return [unpack(packed, max_bytes=limit) if packed else None for packed in results]

    def _fetch(self, claim: Claim, tasks: Sequence[int]) -> list[bytes]:
        results = [packed or b"" for packed in self.store.read_results(claim.run, tasks)]
        results = self.signed.open_results(claim, tasks, results)
        for task, packed in zip(tasks, results, strict=True):
            self._keep((claim.life, task), packed)
        return results

    def _keep(self, key: _Key, packed: bytes) -> None:
        self._drop(key)
        self._results[key] = packed
        self._bytes += len(packed) + ENTRY_BYTES
        while self._bytes > RESULT_BYTES_KEPT:
            self._drop(next(iter(self._results)))

    def _drop(self, key: _Key) -> None:
        packed = self._results.pop(key, None)
        if packed is not None:
            self._bytes -= len(packed) + ENTRY_BYTES
