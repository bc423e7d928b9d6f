"""The results of upstream tasks, read from Redis and cached.

They are cached in packed form and unpacked for each task, so no task can change what another task
gets. A result never changes within the life of a run, and the life of a run (its id, when it was
submitted and how often it was resumed) is part of the key. A result of this lane is cached only
when Redis has recorded it: Redis refuses an outcome that comes too late, and no task may get that
result. Not thread-safe, except for ``recorded`` and ``forget``.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence

from flowkit.codec.packing import unpack
from flowkit.exceptions import RedisUnavailable, RunLost, StoreError
from flowkit.protocol.decoding import in_parts
from flowkit.protocol.worker_store import Claim, WorkerStore

from .signed_values import SignedValues

RESULT_BYTES_KEPT = 32 * 1024 * 1024
ENTRY_BYTES = 200  # what an entry costs beside its bytes
Life = tuple[str, str]
_Key = tuple[Life, int]
Wanted = dict[Life, tuple[Claim, dict[int, None]]]  # results by run: a claim of it, and the tasks


class Results:
    """Results, as one lane reads them."""

    def __init__(
        self, store: WorkerStore, max_bytes: int, signed: SignedValues | None = None
    ) -> None:
        """``max_bytes``: the largest value to read."""
        self.signed = signed or SignedValues()
        self.store = store
        self.max_bytes = max_bytes
        self.kept: OrderedDict[_Key, bytes] = OrderedDict()
        self._bytes = 0
        self._unrecorded: dict[str, tuple[_Key, bytes]] = {}
        self._notices: deque[tuple[Sequence[str], Sequence[str]] | None] = deque()

    def hold(self, claim: Claim, packed: bytes) -> None:
        """Keep a result of this lane as soon as Redis has recorded it."""
        self._unrecorded[claim.key] = ((claim.life, claim.task), packed)

    def recorded(self, sent: Sequence[str], refused: Sequence[str]) -> None:
        """Note which outcomes ("run,task") were sent, and which were refused. Any thread."""
        if self._unrecorded:
            self._notices.append((sent, refused))

    def forget(self) -> None:
        """Note that Redis may have lost results, so that their tasks run again. Any thread."""
        self._notices.append(None)

    def apply_notices(self) -> None:
        """Cache the results that were recorded meanwhile, and forget what may be lost."""
        while self._notices:
            notice = self._notices.popleft()
            if notice is None:
                self.kept.clear()
                self._bytes = 0
                self._forgot()
                continue
            sent, refused = notice
            for key in sent:
                unrecorded = self._unrecorded.pop(key, None)
                if unrecorded is not None and key not in refused:
                    self._keep(*unrecorded)

    def _forgot(self) -> None:
        """Drop what else was read from Redis, which may have lost it."""

    def fetch(self, wanted: Wanted) -> None:
        """Read results, in one round trip per run if they are few. This only saves time:
        ``upstream`` reports what cannot be read.
        """
        for asking, tasks in wanted.values():
            try:
                self._fetch(asking, list(tasks))
            except RedisUnavailable:
                raise
            except (RunLost, StoreError):
                continue

    def upstream(self, claim: Claim, tasks: Sequence[int]) -> list[object]:
        """Return the results of these tasks, None for each task that was skipped.

        Raises BrokenValue, UntrustedValue, and RunLost if Redis has lost the run's results.
        """
        if not tasks:
            return []
        self.apply_notices()
        cache, life = self.kept, claim.life
        results = [cache.get((life, task)) for task in tasks]
        missing = [task for task, packed in zip(tasks, results, strict=True) if packed is None]
        if missing:
            fetched = dict(zip(missing, self._fetch(claim, missing), strict=True))
            results = [
                fetched[task] if packed is None else packed
                for task, packed in zip(tasks, results, strict=True)
            ]
        limit = self.max_bytes
        return [unpack(packed, max_bytes=limit) if packed else None for packed in results]

    def all_of(self, claim: Claim, tasks: Sequence[int]) -> Iterator[object]:
        """Yield the results of many tasks of the claim's run, None for each without one.

        They are read in parts, and not cached. Raises what ``upstream`` raises.
        """
        limit = self.max_bytes
        for part in in_parts(tasks):
            packed = [stored or b"" for stored in self.store.read_results(claim.run, part)]
            for result in self.signed.open_results(claim, part, packed):
                yield unpack(result, max_bytes=limit) if result else None

    def _fetch(self, claim: Claim, tasks: Sequence[int]) -> list[bytes]:
        results = [packed or b"" for packed in self.store.read_results(claim.run, tasks)]
        results = self.signed.open_results(claim, tasks, results)
        for task, packed in zip(tasks, results, strict=True):
            self._keep((claim.life, task), packed)
        return results

    def _keep(self, key: _Key, packed: bytes) -> None:
        self._drop(key)
        self.kept[key] = packed
        self._bytes += len(packed) + ENTRY_BYTES
        while self._bytes > RESULT_BYTES_KEPT:
            self._drop(next(iter(self.kept)))

    def _drop(self, key: _Key) -> None:
        packed = self.kept.pop(key, None)
        if packed is not None:
            self._bytes -= len(packed) + ENTRY_BYTES
