"""The client for asyncio programs: a ``Client`` with ``await``.

It adds no rule to ``Client``. Its calls are made one after the other by one thread of its own, so
the event loop is never blocked. Waiting needs no thread per run: see ``run_watch``. A thread costs
about 0.1 ms per call; the same rules over ``redis.asyncio`` would need a second implementation of
connections (TLS, Sentinel, retries, limits of replies) and of every call.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from ..arguments import check_patience
from ..basics.per_process import PerProcess
from ..core.finding import Finding
from ..core.queue_info import QueueInfo
from ..core.run_record import RunRecord
from ..core.states import RunState
from ..core.worker_info import WorkerInfo
from ..definition.dag import DAGDefinition
from ..protocol.listings import Listing
from ..settings import Settings, load_settings
from .activity import SystemActivity
from .async_changes import AsyncRunChanging
from .async_details import AsyncRunDetails
from .async_handle import AsyncRunHandle
from .async_submitting_again import AsyncSubmittingAgain
from .async_waiting import wait_all
from .checks import check_handles, check_settings
from .client import PATIENCE_S, Client
from .dag_activity import DAGActivity, TaskActivity
from .dead_letters import DeadLetter, OpenedLetter
from .run_handle import RunHandle
from .run_search import RunCounts
from .run_watch import RunWatch
from .scheduler_info import SchedulerInfo
from .shard import ShardConnection, closed_client
from .usage import DAGUsage

P = ParamSpec("P")
R = TypeVar("R")


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="flowkit-client")


class AsyncClient(AsyncSubmittingAgain, AsyncRunDetails, AsyncRunChanging):
    """Submits and finds runs, for asyncio programs. Its methods are those of ``Client``.

    Use it with ``async with AsyncClient.connect() as client:``, or call ``close`` at the end. It
    may be used in several event loops, one after the other or at the same time.
    """

    def __init__(self, settings: Settings, *, patience: float = PATIENCE_S) -> None:
        """Do not connect yet: the first call does. ``patience``: seconds to try to reach Redis."""
        self.settings = check_settings(settings)
        self._patience = check_patience(patience)
        self._thread = PerProcess(_one_thread)
        self._client: Client | None = None
        self._watches: dict[ShardConnection, RunWatch] = {}
        self._is_closed = False

    @classmethod
    def connect(
        cls, redis: str | None = None, namespace: str | None = None, *, patience: float = PATIENCE_S
    ) -> AsyncClient:
        """Return a client with the settings of environment and project. See ``Client.connect``.

        It is not awaited, and connects with its first call or at the start of ``async with``.
        """
        return cls(load_settings(redis_url=redis, namespace=namespace), patience=patience)

    async def close(self) -> None:
        """Close the connections, and end all waits with an error. Handles can no longer be used."""
        if self._is_closed:
            return
        self._is_closed = True
        for watch in list(self._watches.values()):
            watch.close(closed_client())
        thread = self._thread.get()
        closing = thread.submit(self._close_client)  # behind the calls that have begun
        thread.shutdown(wait=False)
        # Shielded: a cancelled close must not leave the connections open.
        await asyncio.shield(asyncio.wrap_future(closing))

    def _close_client(self) -> None:
        if self._client is not None:
            self._client.close()

    async def __aenter__(self) -> AsyncClient:
        await self._do(lambda client: None)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # -- calls ----------------------------------------------------------------------------------

    async def _do(
        self, method: Callable[Concatenate[Client, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a method of the client in its thread, connecting first if needed."""

        def call() -> R:
            if self._client is None:
                self._client = Client(self.settings, patience=self._patience)
            return method(self._client, *args, **kwargs)

        return await self._call(call)

    async def _call(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        if self._is_closed:
            raise closed_client()
        return await self._in_thread(func, *args, **kwargs)

    async def _in_thread(self, func: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function in the thread, in a copy of this context: a task's runs belong to it."""
        context = contextvars.copy_context()
        call = partial(context.run, func, *args, **kwargs)
        return await asyncio.wrap_future(self._thread.get().submit(call))

    def _handle(self, handle: RunHandle) -> AsyncRunHandle:
        watch = self._watches.get(handle.shard)
        if watch is None:
            watch = self._watches.setdefault(handle.shard, RunWatch(handle.shard))
        return AsyncRunHandle(handle, watch, self._call)

    # -- submitting -----------------------------------------------------------------------------

    async def submit(
        self,
        dag: DAGDefinition,
        *,
        run_id: str | None = None,
        params: Mapping[str, object] | None = None,
        ttl: int | None = None,
    ) -> AsyncRunHandle:
        """Submit a run and return its handle. See ``Client.submit``.

        If the ``await`` is cancelled, the run may have been submitted nevertheless.
        """
        options: dict[str, Any] = {"run_id": run_id, "params": params, "ttl": ttl}
        return self._handle(await self._do(Client.submit, dag, **options))

    async def submit_many(
        self,
        dag: DAGDefinition,
        params: Iterable[Mapping[str, object] | None],
        *,
        ttl: int | None = None,
    ) -> list[AsyncRunHandle]:
        """Submit one run per entry of ``params``. See ``Client.submit_many``."""
        return [
            self._handle(run) for run in await self._do(Client.submit_many, dag, params, ttl=ttl)
        ]

    # -- finding runs ---------------------------------------------------------------------------

    async def run(self, run_id: str) -> AsyncRunHandle:
        """Return the handle of a run, in any shard. See ``Client.run``."""
        return self._handle(await self._do(Client.run, run_id))

    async def wait_all(
        self, runs: Iterable[AsyncRunHandle], timeout: float | None = None
    ) -> list[RunState]:
        """Wait until all of these runs have ended; return their final states in the same order.

        ``timeout``: seconds for all runs together, None for no limit. Raises what ``wait`` of the
        first run raises to which it applies.
        """
        return await wait_all(check_handles(runs, AsyncRunHandle), timeout)

    async def runs(
        self,
        limit: int = 20,
        state: str | None = None,
        *,
        dag: str | None = None,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        params: Mapping[str, object] | None = None,
        children: bool = True,
        before: str | None = None,
    ) -> Listing[RunRecord]:
        """Return the newest runs, newest first. See ``Client.runs``."""
        wanted: dict[str, Any] = {"dag": dag, "since": since, "until": until, "text": text}
        wanted |= {"params": params, "children": children, "before": before}
        return await self._do(Client.runs, limit, state, **wanted)

    async def count_runs(
        self,
        dag: str | None = None,
        *,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        children: bool = True,
    ) -> RunCounts:
        """Return how many of the newest runs are in each state. See ``Client.count_runs``."""
        wanted: dict[str, Any] = {"since": since, "until": until, "text": text}
        return await self._do(Client.count_runs, dag, children=children, **wanted)

    async def usage(self, limit: int = 1000, since: float | None = None) -> Listing[DAGUsage]:
        """Return how much memory of Redis the runs take, by DAG. See ``Client.usage``."""
        return await self._do(Client.usage, limit, since)

    async def dags(self, limit: int = 1000, since: float | None = None) -> Listing[DAGActivity]:
        """Return how the runs of each DAG go. See ``Client.dags``."""
        return await self._do(Client.dags, limit, since)

    async def task_activity(self, dag: str, runs: int = 20) -> Listing[TaskActivity]:
        """Return how the tasks of a DAG go in its newest runs. See ``Client.task_activity``."""
        return await self._do(Client.task_activity, dag, runs)

    async def workers(self) -> Listing[WorkerInfo]:
        """Return the live workers of all shards. See ``Client.workers``."""
        return await self._do(Client.workers)

    async def queues(self) -> Listing[QueueInfo]:
        """Return the queues that were ever used or are served. See ``Client.queues``."""
        return await self._do(Client.queues)

    async def activity(self, limit: int = 50) -> SystemActivity:
        """Return what happens now: runs, queues, workers. See ``Client.activity``."""
        return await self._do(Client.activity, limit)

    async def doctor(self, seconds: float = 1.0) -> list[Finding]:
        """Check Redis, scheduler, workers and queues. See ``Client.doctor``."""
        return await self._do(Client.doctor, seconds)

    async def scheduler(self) -> SchedulerInfo:
        """Return whether a scheduler leads each shard. See ``Client.scheduler``."""
        return await self._do(Client.scheduler)

    # -- dead letters ---------------------------------------------------------------------------

    async def dead_letters(
        self,
        dag: str | None = None,
        since: float | None = None,
        limit: int = 100,
        *,
        fold: bool = False,
    ) -> Listing[DeadLetter]:
        """Return the tasks that failed for good on workers. See ``Client.dead_letters``."""
        return await self._do(Client.dead_letters, dag, since, limit, fold=fold)

    async def dead_letter(self, run_id: str, task: str) -> OpenedLetter:
        """Return all details of one task that failed for good. See ``Client.dead_letter``."""
        return await self._do(Client.dead_letter, run_id, task)

    async def retry_dead(self, run_id: str, *tasks: str) -> AsyncRunHandle:
        """Resume a run from tasks that failed for good. See ``Client.retry_dead``."""
        return self._handle(await self._do(Client.retry_dead, run_id, *tasks))
