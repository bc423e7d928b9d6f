"""The client of a running flowkit system: submit runs, wait for them, look at them, stop them.

A ``Client`` is one namespace on one Redis, or several of them that share the runs (shards); a
``RunHandle`` is one run. Neither needs the code of the tasks, except to submit. Threads may share
them: each call takes the connection for itself.

A run is in the shard that its id says. Appending a shard moves some ids, and no run: who looks for
a run asks the shard of the id first and then the others, and a run id that a caller chose is looked
for where it was before it is taken for a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from .checks import (
    check_dag,
    check_handles,
    check_limit,
    check_many,
    check_patience,
    check_run_state,
    check_settings,
    check_since,
    check_ttl,
)
from .core.states import RunState
from .dead_letters import DeadLetter, OpenedLetter, failed_tasks, find_letters, open_letter
from .exceptions import FlowkitError, RedisUnavailable, RunExists, RunNotFound
from .importing import refuse_run_while_imported
from .protocol.client_store import Submission
from .protocol.graphs import pack_graph
from .protocol.listings import Listing
from .protocol.provenance import Provenance
from .protocol.rendezvous import former_owners, owner
from .protocol.run_records import RunRecord
from .run_handle import RunHandle
from .run_ids import check_run_id
from .settings import Settings, load_settings
from .shard_connection import ShardConnection, answering_first, gather, reach_one
from .signing import keys_of
from .submission import is_same_run, signed, submission_of
from .waiting import wait_all

if TYPE_CHECKING:
    from .dag import DAG

PATIENCE_S = 5.0


class Client:
    """Runs on one namespace of one Redis, or on several shards. ``shards``: those, in order."""

    def __init__(self, settings: Settings, *, patience: float = PATIENCE_S) -> None:
        """Connect. ``patience``: seconds that a call tries to reach Redis.

        Raises FlowkitError without a Redis URL, UnfitRedis, WrongShards, and RedisUnavailable if
        none of the shards answers; one that does not is asked again when it is needed.
        """
        if check_settings(settings).redis_url is None:
            raise FlowkitError(
                "no Redis URL is set: give redis='redis://localhost:6379', FLOWKIT_REDIS_URL, or "
                "redis-url under [tool.flowkit] in pyproject.toml; dag.run() needs none"
            )
        self.settings = settings
        self.url = settings.redis_url
        self.provenance = Provenance(keys_of(settings.signing_key))
        patience, evicts = check_patience(patience), settings.allow_eviction
        self.shards = tuple(
            ShardConnection(
                one,
                patience=patience,
                allow_eviction=evicts,
                max_value=settings.max_result_bytes,
            )
            for one in settings.shards
        )
        try:
            reach_one(self.shards, patience)
        except BaseException:
            self.close()
            raise

    @classmethod
    def connect(
        cls, redis: str | None = None, namespace: str | None = None, *, patience: float = PATIENCE_S
    ) -> Client:
        """Connect with these settings on top of the environment's and the project's."""
        return cls(load_settings(redis_url=redis, namespace=namespace), patience=patience)

    def close(self) -> None:
        """Close the connections; handles of this client can no longer be used."""
        for shard in self.shards:
            shard.close()

    def shard_of(self, run_id: str) -> ShardConnection:
        """Return the shard that a run of this id is submitted to."""
        return self.shards[owner(run_id, len(self.shards))]

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

        ``run_id``: letters, digits and ``_ . : -``, at most 128; the same id with an equal DAG and
        equal parameters is the same run. ``ttl``: seconds that it is kept after its end.

        Raises DAGError for a DAG or parameters that cannot work, RunExists, RedisUnavailable.
        """
        check_dag(dag)
        refuse_run_while_imported(dag.name)
        compiled = dag.compile_for_run(params)
        packed = pack_graph(compiled)
        ttl = self._ttl(ttl)
        most = self.settings.max_result_bytes
        submission = submission_of(compiled, packed, run_id, params, ttl, most)
        shard = self._shard_for(submission.run, chosen=run_id is not None)
        submission = signed(submission, self.provenance, shard.shard.namespace)
        with shard.store() as store:
            try:
                store.submit(submission, graph_known=submission.digest in shard.graphs)
            except RunExists:
                if not is_same_run(store, submission, self.provenance):
                    raise
        shard.graphs.add(submission.digest)
        return RunHandle(self, submission.run, accepted=True, shard=shard, graph=compiled)

    def submit_many(
        self, dag: DAG, params: Iterable[Mapping[str, object] | None], *, ttl: int | None = None
    ) -> list[RunHandle]:
        """Have one run per entry of ``params`` accepted, in few round trips to each shard.

        Raises what ``submit`` raises; parameters are checked before anything is sent. If a shard
        does not answer, what the others have accepted until then goes on.
        """
        check_dag(dag)
        refuse_run_while_imported(dag.name)
        given = check_many(params)
        if not given:
            return []
        compiled = dag.compile_for_run(given[0])
        packed = pack_graph(compiled)
        for one in given[1:]:
            dag.check_params(one)
        ttl = self._ttl(ttl)
        most = self.settings.max_result_bytes
        submissions = [submission_of(compiled, packed, None, one, ttl, most) for one in given]
        handles = [RunHandle(self, one.run, accepted=True, graph=compiled) for one in submissions]
        parts: dict[ShardConnection, list[Submission]] = {}
        for submission, handle in zip(submissions, handles, strict=True):
            submission = signed(submission, self.provenance, handle.shard.shard.namespace)
            parts.setdefault(handle.shard, []).append(submission)
        for shard, part in parts.items():
            with shard.store() as store:
                store.submit_many(part)
        return handles

    def _shard_for(self, run_id: str, *, chosen: bool) -> ShardConnection:
        """Return where a run belongs. An id that the caller chose may have been submitted while
        there were fewer shards: then the run is still where it was.
        """
        if len(self.shards) == 1:
            return self.shards[0]
        today, *before = former_owners(run_id, len(self.shards), self._first_count())
        for shard in answering_first(self.shards[at] for at in before) if chosen else ():
            with shard.store() as store:
                if not store.missing([run_id]):
                    return shard
        return self.shards[today]

    def _ttl(self, ttl: int | None) -> int:
        return self.settings.result_ttl if ttl is None else check_ttl(ttl)

    def _first_count(self) -> int:
        """Return how many shards the system began with; 1 unless all have said it.

        Each says how many there were when it came, or when it came back with nothing, so the least
        is the one. Where a shard is away, that may be its own.
        """
        return min(shard.first or 1 for shard in self.shards)

    # -- looking --------------------------------------------------------------------------------

    def run(self, run_id: str) -> RunHandle:
        """Return the handle of a run, from whichever shard has it.

        Raises RunNotFound, RunDamaged, and RedisUnavailable if a shard that may have it does not
        answer.
        """
        home = self.shard_of(check_run_id(run_id))
        others = (shard for shard in self.shards if shard is not home)
        places = answering_first([home, *others])
        away: RedisUnavailable | None = None
        for shard in places:
            handle = RunHandle(self, run_id, shard=shard)
            try:
                handle.record()
            except RunNotFound:
                if len(places) == 1:
                    raise
            except RedisUnavailable as error:
                away = away or error
            else:
                return handle
        if away is not None:
            raise away
        raise RunNotFound(
            run_id,
            f"there is no run {run_id!r} in any of the {len(places)} shards: check the id with "
            "'flowkit ls'; a run's data is deleted when its TTL is over",
        )

    def wait_all(self, runs: Iterable[RunHandle], timeout: float | None = None) -> list[RunState]:
        """Wait until all of these runs are over; return how each ended, in their order.

        Much quicker for many runs than waiting for one after the other. ``timeout`` in seconds for
        all of them together, None for ever.

        Raises WaitTimeout, RunLost and RunNotFound, of the first run that it is true of.
        """
        return wait_all(check_handles(runs), timeout)

    def runs(self, limit: int = 20, state: str | None = None) -> Listing[RunRecord]:
        """Return the newest runs, newest first; ``state``: only those in it.

        The list's ``damaged`` has the runs that cannot be read, in any state. Raises TypeError,
        ValueError for arguments that cannot be.
        """
        most, wanted = check_limit(limit), check_run_state(state)
        return gather(
            self.shards,
            lambda store: store.read_runs(most, wanted),
            lambda run: run.submitted_ms,
            most,
        )

    # -- what failed for good -------------------------------------------------------------------

    def dead_letters(
        self, dag: str | None = None, since: float | None = None, limit: int = 100
    ) -> Listing[DeadLetter]:
        """Return the tasks that failed for good on workers, the newest failure first.

        ``dag``: only those of DAGs of that name. ``since``: only failures of the last so many
        seconds. Runs are listed until their TTL is over, and no more than 10,000 tasks of each
        shard. The list's ``damaged`` has the entries that cannot be read. Raises TypeError,
        ValueError for arguments that cannot be.
        """
        seconds, most = check_since(since), check_limit(limit)
        return gather(
            self.shards,
            lambda store: find_letters(store, dag, seconds, most),
            lambda letter: letter.failed,
            most,
        )

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
