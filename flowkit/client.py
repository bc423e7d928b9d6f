"""The client of a running flowkit system: submit runs, wait for them, look at them, stop them.

A ``Client`` is one namespace on one Redis; a ``RunHandle`` is one run. Neither needs the code of
the tasks, except to submit. Threads may share them: each call takes the connection for itself.

Waiting subscribes to the run's channel and looks at the run's record whenever something is
published, and every ``LOOK_ANYWAY_S`` besides, so a lost message costs time and nothing else.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from .core.states import RUN_OVER, RunState, TaskState
from .exceptions import (
    FlowkitError,
    RunCancelled,
    RunLost,
    RunNotFound,
    TaskExecutionError,
    TaskNotFoundError,
    WaitTimeout,
)
from .protocol.client_store import ClientStore, RunRecord, Submission
from .protocol.codec import pack, unpack
from .protocol.feed import Feed
from .protocol.fitness import check_fitness
from .protocol.graphs import digest_of, pack_graph
from .protocol.keys import RUN_ID
from .protocol.link import Link
from .protocol.records import ErrorInfo
from .settings import Settings, load_settings
from .status import RunStatus, read_status

if TYPE_CHECKING:
    from .core.compiled import CompiledDAG
    from .dag import DAG

LOOK_ANYWAY_S = 1.0
PATIENCE_S = 5.0
Progress = Callable[[Mapping[str, int], int], None]


class Client:
    """Runs on one namespace of one Redis."""

    def __init__(self, settings: Settings, *, patience: float = PATIENCE_S) -> None:
        """Connect. ``patience``: seconds that a call tries to reach Redis.

        Raises FlowkitError without a Redis URL, RedisUnavailable, UnfitRedis.
        """
        if settings.redis_url is None:
            raise FlowkitError(
                "no Redis URL is set: give redis='redis://localhost:6379', or set FLOWKIT_REDIS_URL "
                "or redis-url under [tool.flowkit] in pyproject.toml; dag.run() needs none"
            )
        self.settings = settings
        self.url = settings.redis_url
        self._patience = patience
        self._lock = threading.RLock()
        self._store = ClientStore(
            Link(self.url, name="flowkit-client", patience=patience), settings.namespace
        )
        self._known_graphs: set[str] = set()
        check_fitness(self._store.link, allow_eviction=settings.allow_eviction)

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
        compiled = dag.compile_for_run(params)
        packed = pack_graph(compiled)
        submission = self._submission(compiled, packed, run_id, params, ttl)
        with self._lock:
            self._store.submit(submission, graph_known=submission.digest in self._known_graphs)
        self._known_graphs.add(submission.digest)
        return RunHandle(self, submission.run)

    def submit_many(
        self, dag: DAG, params: Iterable[Mapping[str, object] | None], *, ttl: int | None = None
    ) -> list[RunHandle]:
        """Have one run per entry of ``params`` accepted, in few round trips.

        Raises what ``submit`` raises; parameters are checked before anything is sent.
        """
        given = list(params)
        if not given:
            return []
        compiled = dag.compile_for_run(given[0])
        packed = pack_graph(compiled)
        for one in given[1:]:
            dag.check_params(one)
        submissions = [self._submission(compiled, packed, None, one, ttl) for one in given]
        with self._lock:
            self._store.submit_many(submissions)
        return [RunHandle(self, submission.run) for submission in submissions]

    def _submission(
        self,
        compiled: CompiledDAG,
        packed: bytes,
        run_id: str | None,
        params: Mapping[str, object] | None,
        ttl: int | None,
    ) -> Submission:
        seconds = self.settings.result_ttl if ttl is None else ttl
        if seconds < 1:
            raise ValueError(f"ttl must be at least 1 second, not {seconds}")
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
        with self._lock:
            return self._store.read_runs(limit, None if state is None else RunState(state))


class RunHandle:
    """One run of a DAG, known by its id."""

    def __init__(self, client: Client, run_id: str) -> None:
        """Get it from ``Client.submit`` or ``Client.run``."""
        self.client = client
        self.run_id = run_id
        self._graph: CompiledDAG | None = None

    def __repr__(self) -> str:
        return f"RunHandle({self.run_id!r})"

    # -- how it stands --------------------------------------------------------------------------

    def record(self) -> RunRecord:
        """Return the run's own record: one round trip. Raises RunNotFound."""
        with self.client._lock:
            return self.client._store.read_run(self.run_id)

    def status(self) -> RunStatus:
        """Return how the run and each task stand, and what it waits for. Raises RunNotFound."""
        with self.client._lock:
            record = self.client._store.read_run(self.run_id)
            return read_status(self.client._store, record, self.graph(record))

    def graph(self, record: RunRecord | None = None) -> CompiledDAG:
        """Return the compiled DAG that the run follows. Raises RunLost if it is gone."""
        if self._graph is None:
            with self.client._lock:
                digest = (record or self.record()).digest
                self._graph = self.client._store.read_graph(digest)
            if self._graph is None:
                raise RunLost(self.run_id, f"run {self.run_id!r} has lost its graph; submit it anew")
        return self._graph

    # -- waiting --------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None, *, progress: Progress | None = None) -> RunState:
        """Wait until the run is over and return how it ended.

        ``timeout`` in seconds, None for ever. ``progress(counts, total)`` is called now and then
        with the number of tasks in each state.

        Raises WaitTimeout (the run goes on), RunLost if Redis loses it, RunNotFound.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        record = self.record()
        if record.state in RUN_OVER:
            return record.state
        with Feed(self.client.url, self.client.settings.namespace, self.run_id) as feed:
            while True:
                record = self._still_there()
                if progress is not None and record.counts:
                    progress(record.counts, record.total)
                if record.state in RUN_OVER:
                    return record.state
                left = LOOK_ANYWAY_S if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise WaitTimeout(self.run_id, self._why_waiting(timeout or 0.0))
                feed.next(min(left, LOOK_ANYWAY_S))

    def _still_there(self) -> RunRecord:
        try:
            return self.record()
        except RunNotFound:
            raise RunLost(
                self.run_id,
                f"run {self.run_id!r} is not in Redis any more, though it was running: the data was "
                "lost or deleted. Submit it anew, and check the server's persistence and memory policy",
            ) from None

    def _why_waiting(self, timeout: float) -> str:
        text = f"run {self.run_id!r} was not over after {timeout:g} s; it goes on"
        waiting = self.status().waiting_for
        return f"{text}. {waiting}" if waiting else text

    def wait_results(
        self, timeout: float | None = None, *, progress: Progress | None = None
    ) -> dict[str, object]:
        """Wait for success and return ``{task name: result}``.

        Raises TaskExecutionError for a failed run, RunCancelled, and what ``wait`` raises.
        """
        state = self.wait(timeout, progress=progress)
        if state is RunState.CANCELLED:
            raise RunCancelled(self.run_id)
        if state is RunState.FAILED:
            raise self.error()
        return self.results()

    # -- what came of it --------------------------------------------------------------------------

    def results(self, *, lenient: bool = False) -> dict[str, object]:
        """Return ``{task name: result}`` of the tasks that have succeeded so far.

        ``lenient``: values of classes that this process does not know become plain data.
        Raises RunNotFound, BrokenValue.
        """
        names = self.graph().graph.names
        with self.client._lock:
            store = self.client._store
            records = store.read_records(self.run_id, range(len(names)))
            done = [at for at, one in enumerate(records) if one.state is TaskState.SUCCEEDED]
            packed = store.read_results(self.run_id, done)
            limit = self.client.settings.max_result_bytes
            return {
                names[task]: unpack(data, max_bytes=limit, lenient=lenient) if data else None
                for task, data in zip(done, packed, strict=True)
            }

    def result(self, task: str, *, lenient: bool = False) -> object:
        """Return the result of one task, None if it was skipped.

        Raises TaskNotFoundError for a name that the DAG does not have, TaskExecutionError if the
        task failed, RunNotFound, and FlowkitError if the task is not over.
        """
        number = self._number(task)
        with self.client._lock:
            store = self.client._store
            record = store.read_records(self.run_id, [number])[0]
            if record.state is TaskState.SKIPPED:
                return None
            if record.state is TaskState.SUCCEEDED:
                data = next(store.read_results(self.run_id, [number]))
                limit = self.client.settings.max_result_bytes
                return unpack(data, max_bytes=limit, lenient=lenient) if data else None
            if record.state is TaskState.FAILED:
                raise self._task_error(number)
        raise FlowkitError(f"task {task!r} of run {self.run_id!r} is {record.state.value}: no result")

    def error(self) -> TaskExecutionError:
        """Return what the run failed of, as an error that can be raised."""
        record = self.record()
        if record.failed_task is None:
            return TaskExecutionError(
                record.dag_name, "RunFailed", "the run was ended by the scheduler", run_id=self.run_id
            )
        return self._task_error(record.failed_task)

    def _task_error(self, number: int) -> TaskExecutionError:
        with self.client._lock:
            store = self.client._store
            packed = store.read_errors(self.run_id, [number])[0]
            attempt = store.read_records(self.run_id, [number])[0].attempt
        info = ErrorInfo.unpack(packed or b"")
        name = self.graph().graph.names[number]
        return TaskExecutionError(
            name, info.type, info.message, info.traceback, run_id=self.run_id, attempt=attempt
        )

    def _number(self, task: str) -> int:
        names = self.graph().graph.names
        try:
            return names.index(task)
        except ValueError:
            some = ", ".join(map(repr, names[:10])) + (", …" if len(names) > 10 else "")
            raise TaskNotFoundError(
                f"run {self.run_id!r} has no task {task!r}; its tasks are {some}"
            ) from None

    # -- stopping and going on ------------------------------------------------------------------

    def cancel(self) -> None:
        """Ask for the run to be stopped: what has not started will not, what runs is ended.

        Returns at once; ``wait`` tells when it is over. Raises RunNotFound, RunAlreadyOver.
        """
        with self.client._lock:
            self.client._store.cancel(self.run_id)

    def resume(self) -> None:
        """Take the run up again after a failure or a cancel; what succeeded is kept.

        Raises RunNotFound, RunAlreadyOver if it succeeded.
        """
        with self.client._lock:
            self.client._store.resume(self.run_id)


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
