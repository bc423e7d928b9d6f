"""What attempts are made of, read from Redis and kept near: graphs, parameters, upstream results.

Results are kept packed and unpacked anew for each task, so that no task can change what another
one gets. A result never changes within the life of a run, and a run's life (its id, when it was
submitted and how often it was resumed) is part of the key. What was made here is kept from when
Redis has recorded it: an outcome that comes too late is refused, and nobody may be given it. One
instance per lane; not thread-safe, but for what it is told.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from ..core.compiled import CompiledDAG
from ..core.shelf import DAGCache
from ..exceptions import RedisUnavailable, RunLost, StoreError
from ..protocol.codec import unpack
from ..protocol.worker_store import Claim, WorkerStore
from .signed_values import SignedValues

RESULT_BYTES_KEPT = 32 * 1024 * 1024
ENTRY_BYTES = 200  # what an entry costs beside its bytes
PREFETCH = 512  # most results asked for at once, ahead of their tasks
_NO_PARAMS: Mapping[str, object] = MappingProxyType({})
_Key = tuple[tuple[str, str], int]


class Values:
    """A lane's view of graphs and values."""

    def __init__(
        self,
        store: WorkerStore,
        max_bytes: int,
        graphs: DAGCache | None = None,
        signed: SignedValues | None = None,
    ) -> None:
        """``max_bytes``: the largest value that is read. ``graphs``: may be shared by lanes."""
        self._signed = signed or SignedValues()
        self.store = store
        self._max_bytes = max_bytes
        self._graphs = graphs or DAGCache()
        self._results: OrderedDict[_Key, bytes] = OrderedDict()
        self._bytes = 0
        self._unrecorded: dict[str, tuple[_Key, bytes]] = {}
        self._heard: deque[tuple[Sequence[str], Sequence[str]] | None] = deque()

    def graph(self, digest: str) -> CompiledDAG:
        """Return a compiled DAG. Raises StoreError if it is gone or damaged."""
        dag = self._graphs.get(digest)
        if dag is None:
            found = self.store.read_graph(digest)
            if found is None:
                raise StoreError(f"graph {digest[:12]} is not in Redis any more")
            dag = found
            self._graphs.put(digest, dag)
        return dag

    def known(self, digest: str) -> CompiledDAG | None:
        """Return a compiled DAG if it is at hand; nothing is read."""
        return self._graphs.get(digest)

    def params(self, claim: Claim) -> Mapping[str, object]:
        """Return the run's parameters, unpacked anew, not to be changed.

        Raises BrokenValue, UntrustedValue.
        """
        packed = self._signed.params(claim)
        if not packed:
            return _NO_PARAMS
        found = unpack(packed, max_bytes=self._max_bytes)
        if not isinstance(found, dict):
            raise StoreError(f"the parameters of run {claim.run} are no mapping")
        return MappingProxyType(found)

    def cached(self, entry: str) -> bytes | None:
        """Return the packed result that is kept under an entry, None if there is none.

        Raises BrokenValue for one that this process cannot rebuild, UntrustedValue.
        """
        packed = self._signed.cached(entry, self.store.read_cached(entry))
        if packed:
            unpack(packed, max_bytes=self._max_bytes)
        return packed

    def to_store(self, claim: Claim, packed: bytes, entry: str = "") -> bytes:
        """Return what is stored of a result. ``entry``: of the cache, if it is kept there too."""
        return self._signed.result(claim, packed, entry)

    def remember(self, claim: Claim, packed: bytes) -> None:
        """Keep a result that was made here: its downstream tasks may come here too, if any do."""
        self._hear()
        dag = self._graphs.get(claim.digest)
        if dag is not None and not dag.graph.has_downstream(claim.task):
            return
        self._unrecorded[claim.key] = ((claim.life, claim.task), packed)

    def recorded(self, sent: Sequence[str], refused: Sequence[str]) -> None:
        """Be told whose outcomes ("run,task") were sent, and which were refused. Any thread."""
        if self._unrecorded:
            self._heard.append((sent, refused))

    def forget(self) -> None:
        """Be told that results may have been lost, and be made anew. Any thread."""
        self._heard.append(None)

    def _hear(self) -> None:
        while self._heard:
            told = self._heard.popleft()
            if told is None:
                self._results.clear()
                self._bytes = 0
                continue
            sent, refused = told
            for key in sent:
                made = self._unrecorded.pop(key, None)
                if made is not None and key not in refused:
                    self._keep(*made)

    def prefetch(self, claims: Iterable[Claim]) -> None:
        """Read upstream results of several claims in one round trip each run, if they are few.

        It is a convenience: what cannot be read is left for ``upstream`` to complain of.
        """
        self._hear()
        wanted: dict[tuple[str, str], tuple[Claim, dict[int, None]]] = {}
        count = 0
        for claim in claims:
            dag = self._graph_if_readable(claim)
            for task in dag.graph.upstream(claim.task) if dag is not None else ():
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
        """Return the results of these tasks, None for one that was skipped.

        Raises BrokenValue, UntrustedValue, and RunLost if Redis has lost the run's results.
        """
        if not tasks:
            return []
        self._hear()
        results, life = self._results, claim.life
        found = [results.get((life, task)) for task in tasks]
        missing = [task for task, packed in zip(tasks, found, strict=True) if packed is None]
        if missing:
            fetched = dict(zip(missing, self._fetch(claim, missing), strict=True))
            found = [
                fetched[task] if packed is None else packed
                for task, packed in zip(tasks, found, strict=True)
            ]
        limit = self._max_bytes
        return [unpack(packed, max_bytes=limit) if packed else None for packed in found]

    def _fetch(self, claim: Claim, tasks: Sequence[int]) -> list[bytes]:
        found = [packed or b"" for packed in self.store.read_results(claim.run, tasks)]
        found = self._signed.open_results(claim, tasks, found)
        for task, packed in zip(tasks, found, strict=True):
            self._keep((claim.life, task), packed)
        return found

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
