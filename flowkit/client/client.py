"""The client of a running flowkit system: submits runs, waits for them, lists and stops them.

A ``Client`` serves one namespace on one Redis, or several that share the runs (shards). A
``RunHandle`` is one run. Neither needs the code of the tasks, except to submit. Threads may share
them: each call locks the connection.

The id of a run determines its shard. Appending a shard changes the shard of some ids, but moves no
run. So a run is looked up in the shard of its id first and then in the others, and a run id that
the caller chose is looked up in its former shards before it counts as new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType

from ..arguments import check_limit, check_patience, check_run_ttl, check_since
from ..codec.provenance import Provenance
from ..configuration.signing_keys import keys_of
from ..core.compiled import CompiledDAG
from ..core.states import RunState
from ..definition.dag import DAGDefinition
from ..definition.importing import refuse_run_while_imported
from ..exceptions import FlowkitError
from ..protocol.listings import Listing
from ..protocol.rendezvous import owner
from ..settings import Settings, load_settings
from .checks import (
    check_dag,
    check_handles,
    check_many,
    check_settings,
)
from .dead_letters import DeadLetter, OpenedLetter, failed_tasks, find_letters, open_letter
from .overview import SystemOverview
from .pinning import compile_for
from .placement import shard_for, shard_with
from .purging import Purging
from .run_changes import RunChanging
from .run_details import RunDetails
from .run_handle import RunHandle
from .run_ids import check_run_id
from .run_listing import RunListing
from .runs_from_tasks import child_ids, continue_child
from .sending import send
from .shard import ShardConnection
from .shards import gather, reach_one
from .submission import Given, submissions_of
from .submitting_again import SubmittingAgain
from .waiting import wait_all

PATIENCE_S = 5.0


class Client(SubmittingAgain, RunListing, SystemOverview, RunDetails, Purging, RunChanging):
    """Submits and finds runs in one namespace of one Redis, or in several ``shards``."""

    def __init__(self, settings: Settings, *, patience: float = PATIENCE_S) -> None:
        """Connect. ``patience``: seconds that a call tries to reach Redis.

        Raises FlowkitError without a Redis URL, UnfitRedis, WrongShards, and RedisUnavailable if
        no shard answers. A shard that does not answer is tried again when it is needed.
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
                shard,
                patience=patience,
                allow_eviction=evicts,
                max_value=settings.max_result_bytes,
                hidden=settings.log_redact,
            )
            for shard in settings.shards
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
        """Connect with the settings of environment and project, overridden by the arguments.

        In a task, the settings of its worker stand in for those of environment and project.
        """
        return cls(load_settings(redis_url=redis, namespace=namespace), patience=patience)

    def close(self) -> None:
        """Close the connections. Handles of this client can no longer be used."""
        for shard in self.shards:
            shard.close()

    def shard_of(self, run_id: str) -> ShardConnection:
        """Return the shard to which a run with this id is submitted."""
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
        dag: DAGDefinition,
        *,
        run_id: str | None = None,
        params: Mapping[str, object] | None = None,
        ttl: int | None = None,
    ) -> RunHandle:
        """Submit a run and return its handle. The run continues even if no program waits for it.

        ``run_id``: up to 128 letters, digits and ``_ . : -``; the same id with an equal DAG and
        equal parameters is the same run, and ``existed`` of its handle is true. None for a new id,
        except in a task on a worker of this system: executed again, it gets the run that it has
        submitted before. ``ttl``: seconds to keep the run after its end.

        Raises DAGError for an invalid DAG or parameters, RunExists, RedisUnavailable.
        """
        check_dag(dag)
        return self._submit(dag, [params], ttl, run_id)[0]

    def submit_many(
        self,
        dag: DAGDefinition,
        params: Iterable[Mapping[str, object] | None],
        *,
        ttl: int | None = None,
    ) -> list[RunHandle]:
        """Submit one run per entry of ``params``, in few round trips to each shard.

        Raises what ``submit`` raises. All parameters are checked before anything is sent. If a
        shard does not answer, runs that other shards have already accepted continue.
        """
        check_dag(dag)
        return self._submit(dag, check_many(params), ttl)

    def _submit(
        self,
        dag: DAGDefinition,
        given: list[Mapping[str, object] | None],
        ttl: int | None,
        run_id: str | None = None,
    ) -> list[RunHandle]:
        refuse_run_while_imported(dag.name)
        if not given:
            return []
        compiled = compile_for(dag, given, self.settings)
        ttl = self.settings.result_ttl if ttl is None else check_run_ttl(ttl)
        children = [None] if run_id is not None else child_ids(self.settings, compiled, given)
        ids = children if run_id is None else [run_id]
        runs = list(zip(ids, given, strict=True))
        handles = self._send(compiled, runs, ttl)
        for handle, child in zip(handles, children, strict=True):
            if handle.existed and child is not None:
                continue_child(handle)
        return handles

    def _send(self, compiled: CompiledDAG, runs: Sequence[Given], ttl: int) -> list[RunHandle]:
        submissions = submissions_of(compiled, runs, self.settings, ttl=ttl)
        homes = [
            shard_for(self.shards, submission.run, chosen=run is not None)
            for submission, (run, _) in zip(submissions, runs, strict=True)
        ]
        sent = send(submissions, homes, self.provenance)
        return [
            self._handle(submission.run, shard, existed=not is_new, graph=compiled)
            for submission, shard, is_new in zip(submissions, homes, sent, strict=True)
        ]

    def _handle(
        self,
        run_id: str,
        shard: ShardConnection,
        *,
        existed: bool = True,
        graph: CompiledDAG | None = None,
    ) -> RunHandle:
        return RunHandle(
            shard,
            run_id,
            provenance=self.provenance,
            max_result_bytes=self.settings.max_result_bytes,
            accepted=graph is not None,
            existed=existed,
            graph=graph,
        )

    # -- finding runs ---------------------------------------------------------------------------

    def run(self, run_id: str) -> RunHandle:
        """Return the handle of a run, in any shard.

        Raises RunNotFound, RunDamaged, and RedisUnavailable if a shard that may have the run does
        not answer.
        """
        return self._handle(run_id, shard_with(self.shards, check_run_id(run_id)))

    def wait_all(self, runs: Iterable[RunHandle], timeout: float | None = None) -> list[RunState]:
        """Wait until all of these runs have ended; return their final states in the same order.

        For many runs this is much faster than waiting for one after the other. ``timeout``: seconds
        for all runs together, None for no limit.

        Raises WaitTimeout, RunLost and RunNotFound for the first run to which it applies.
        """
        return wait_all(check_handles(runs, RunHandle), timeout)

    # -- dead letters ---------------------------------------------------------------------------

    def dead_letters(
        self,
        dag: str | None = None,
        since: float | None = None,
        limit: int = 100,
        *,
        fold: bool = False,
    ) -> Listing[DeadLetter]:
        """Return the tasks that failed for good on workers, the newest failure first.

        ``dag``: only tasks of DAGs with this name. ``since``: only failures of the last ``since``
        seconds. Tasks are listed until the TTL of their run expires, at most 10,000 per shard.
        ``fold``: list one item of each mapped task, the last that failed, with the number of
        others, and of the tasks that failed because of a child run the one on top of the tree.
        ``damaged`` of the list has the entries that cannot be read. Raises TypeError and
        ValueError for invalid arguments.
        """
        seconds, most = check_since(since), check_limit(limit)
        return gather(
            self.shards,
            lambda store: find_letters(store, dag, seconds, most + 1, fold=fold),
            lambda letter: letter.failed,
            most,
        )

    def dead_letter(self, run_id: str, task: str) -> OpenedLetter:
        """Return all details of one task that failed for good.

        Raises RunNotFound, TaskNotFoundError for a name that the DAG does not have, TaskNotFailed.
        """
        return open_letter(self.run(run_id), task)

    def retry_dead(self, run_id: str, *tasks: str) -> RunHandle:
        """Resume a run from tasks that failed for good; without names, from all of them.

        This includes tasks with ``at_most_once``: retrying them permits another start. Raises
        RunNotFound, TaskNotFoundError, TaskNotFailed, RunNotOver.
        """
        handle = self.run(run_id)
        handle.resume(failed_tasks(handle, tasks))
        return handle
