"""The client of a running flowkit system: submit runs, wait for them, look at them, stop them.

A ``Client`` is one namespace on one Redis; a ``RunHandle`` is one run. Neither needs the code of
the tasks, except to submit. Threads may share them: each call takes the connection for itself.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from .checks import check_dag, check_many, check_ttl
from .core.states import RunState
from .dead_letters import DeadLetter, OpenedLetter, failed_tasks, find_letters, open_letter
from .exceptions import FlowkitError
from .protocol.client_store import ClientStore, RunRecord, Submission
from .protocol.codec import pack
from .protocol.feed import Feed
from .protocol.fitness import check_fitness, check_schema
from .protocol.graphs import digest_of, pack_graph
from .protocol.keys import RUN_ID
from .protocol.link import Link
from .run_handle import RunHandle
from .settings import Settings, load_settings

if TYPE_CHECKING:
    from .core.compiled import CompiledDAG
    from .dag import DAG

PATIENCE_S = 5.0
FEEDS_KEPT = 4


class Client:
    """Runs on one namespace of one Redis."""

    def __init__(self, settings: Settings, *, patience: float = PATIENCE_S) -> None:
        """Connect. ``patience``: seconds that a call tries to reach Redis.

        Raises FlowkitError without a Redis URL, RedisUnavailable, UnfitRedis.
        """
        if settings.redis_url is None:
            raise FlowkitError(
                "no Redis URL is set: give redis='redis://localhost:6379', set FLOWKIT_REDIS_URL, "
                "or redis-url under [tool.flowkit] in pyproject.toml; dag.run() needs none"
            )
        self.settings = settings
        self.url = settings.redis_url
        self._lock = threading.RLock()
        self._feeds: list[Feed] = []
        self._store = ClientStore(
            Link(self.url, name="flowkit-client", patience=patience), settings.namespace
        )
        self._known_graphs: set[str] = set()
        check_fitness(self._store.link, allow_eviction=settings.allow_eviction)
        check_schema(self._store)

    @classmethod
    def connect(
        cls, redis: str | None = None, namespace: str | None = None, *, patience: float = PATIENCE_S
    ) -> Client:
        """Connect with these settings on top of the environment's and the project's."""
        return cls(load_settings(redis_url=redis, namespace=namespace), patience=patience)

    def close(self) -> None:
        """Close the connection; handles of this client can no longer be used."""
        with self._lock:
            self._store.close()
            for feed in self._feeds:
                feed.close()
            self._feeds.clear()

    @contextmanager
    def store(self) -> Iterator[ClientStore]:
        """Have the connection for oneself within a ``with`` block; what handles call through."""
        with self._lock:
            yield self._store

    @contextmanager
    def feed(self, run_id: str) -> Iterator[Feed]:
        """Listen to one run within a ``with`` block; the connection is kept for the next one."""
        with self._lock:
            feed = self._feeds.pop() if self._feeds else Feed(self.url, self.settings.namespace)
        feed.listen(run_id)
        try:
            yield feed
        finally:
            feed.leave()
            with self._lock:
                if len(self._feeds) < FEEDS_KEPT:
                    self._feeds.append(feed)
                else:
                    feed.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- submitting -----------------------------------------------------------------------------

    def submit(
        self,
        dag: DAG,
        *,
        run_id: str | None = None,
        params: Mapping[str, object] | None = None,
        ttl: int | None = None,
    ) -> RunHandle:
        """Have a run accepted and return its handle; it goes on whether anybody waits or not.

        ``run_id``: letters, digits and ``_ . : -``, at most 128; the same id with the same DAG and
        parameters is the same run. ``ttl``: seconds that it is kept after its end.

        Raises DAGError for a DAG or parameters that cannot work, RunExists, RedisUnavailable.
        """
        check_dag(dag)
        compiled = dag.compile_for_run(params)
        packed = pack_graph(compiled)
        submission = self._submission(compiled, packed, run_id, params, ttl)
        with self.store() as store:
            store.submit(submission, graph_known=submission.digest in self._known_graphs)
        self._known_graphs.add(submission.digest)
        return RunHandle(self, submission.run, accepted=True)

    def submit_many(
        self, dag: DAG, params: Iterable[Mapping[str, object] | None], *, ttl: int | None = None
    ) -> list[RunHandle]:
        """Have one run per entry of ``params`` accepted, in few round trips.

        Raises what ``submit`` raises; parameters are checked before anything is sent.
        """
        check_dag(dag)
        given = check_many(params)
        if not given:
            return []
        compiled = dag.compile_for_run(given[0])
        packed = pack_graph(compiled)
        for one in given[1:]:
            dag.check_params(one)
        submissions = [self._submission(compiled, packed, None, one, ttl) for one in given]
        with self.store() as store:
            store.submit_many(submissions)
        return [RunHandle(self, one.run, accepted=True) for one in submissions]

    def _submission(
        self,
        compiled: CompiledDAG,
        packed: bytes,
        run_id: str | None,
        params: Mapping[str, object] | None,
        ttl: int | None,
    ) -> Submission:
        seconds = self.settings.result_ttl if ttl is None else check_ttl(ttl)
        return Submission(
            run=new_run_id() if run_id is None else check_run_id(run_id),
            dag_name=compiled.name,
            digest=digest_of(packed),
            packed_graph=packed,
            packed_params=pack(dict(params), root="params") if params else b"",
            total=len(compiled.graph),
            ttl_ms=seconds * 1000,
        )

    # -- looking --------------------------------------------------------------------------------

    def run(self, run_id: str) -> RunHandle:
        """Return the handle of a run. Raises RunNotFound."""
        handle = RunHandle(self, check_run_id(run_id))
        handle.record()
        return handle

    def runs(self, limit: int = 20, state: str | None = None) -> list[RunRecord]:
        """Return the newest runs, newest first; ``state``: only those in it."""
        with self.store() as store:
            return store.read_runs(limit, None if state is None else RunState(state))

    # -- what failed for good -------------------------------------------------------------------

    def dead_letters(
        self, dag: str | None = None, since: float | None = None, limit: int = 100
    ) -> list[DeadLetter]:
        """Return the tasks that failed for good on workers, the newest failure first.

        ``dag``: only those of DAGs of that name. ``since``: only failures of the last so many
        seconds. Runs are listed until their TTL is over, and no more than 10,000 tasks.
        """
        with self.store() as store:
            return find_letters(store, dag, since, limit)

    def dead_letter(self, run_id: str, task: str) -> OpenedLetter:
        """Return all that is known of one task that failed for good.

        Raises RunNotFound, TaskNotFoundError for a name that the DAG does not have, TaskNotFailed.
        """
        return open_letter(self.run(run_id), task)

    def retry_dead(self, run_id: str, *tasks: str) -> RunHandle:
        """Take a run up again from tasks that failed for good; without names, from all of them.

        Also from those with ``at_most_once``: whoever retries them says that they may start again.
        Raises RunNotFound, TaskNotFoundError, TaskNotFailed, RunNotOver.
        """
        handle = self.run(run_id)
        handle.resume(failed_tasks(handle, tasks))
        return handle


def new_run_id() -> str:
    """Return an id that no other run has: 80 random bits."""
    return secrets.token_hex(10)


def check_run_id(run_id: str) -> str:
    """Return a run id that Redis keys and events can hold. Raises ValueError."""
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        raise ValueError(
            f"{run_id!r} is no run id: use 1 to 128 letters, digits, '_', '.', ':' or '-'"
        )
    return run_id
