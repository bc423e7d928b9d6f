"""One run, for asyncio programs: a ``RunHandle`` with ``await``."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from ..arguments import check_timeout
from ..basics.log_line import LogLine
from ..context import waiting_for_run
from ..core.called_run import CalledRun
from ..core.explain import Explanation
from ..core.mapped_sequence import Mapped
from ..core.run_record import RunProgress, RunRecord
from ..core.states import RUN_OVER, RunState, TaskState
from ..exceptions import (
    RedisUnavailable,
    RunCancelled,
    RunNotFound,
    TaskExecutionError,
    WaitTimeout,
)
from ..protocol.listings import Listing
from .handle_export import AsyncRunExport
from .history import HistoryEvent
from .retrying import Retried
from .run_handle import RunHandle
from .run_logs import Tail, log_query
from .run_wait import Progress, continues_without, run_lost, too_late
from .run_watch import Look, RunWatch, Watched
from .status import RunStatus, TaskStatus

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG

P = ParamSpec("P")
R = TypeVar("R")
# Makes a call in the thread of the client, and returns its result.
Call = Callable[..., Awaitable[Any]]


class AsyncRunHandle(AsyncRunExport):
    """One run of a DAG, for asyncio programs. Its methods are those of ``RunHandle``.

    ``existed``: whether the run was there before the call that returned this handle. Cancelling an
    ``await`` ends the wait only: the run continues, and a call that has begun is completed.
    """

    def __init__(self, handle: RunHandle, watch: RunWatch, call: Call) -> None:
        """Programs get handles from ``AsyncClient.submit`` and ``AsyncClient.run``."""
        self.run_id = handle.run_id
        self.existed = handle.existed
        self._handle = handle
        self._watch = watch
        self._call = call

    def __repr__(self) -> str:
        return f"AsyncRunHandle({self.run_id!r})"

    async def _do(
        self, method: Callable[Concatenate[RunHandle, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        result: R = await self._call(method, self._handle, *args, **kwargs)
        return result

    # -- its state ------------------------------------------------------------------------------

    async def record(self) -> RunRecord:
        """Return the run's record in one round trip. See ``RunHandle.record``."""
        return await self._do(RunHandle.record)

    async def status(self) -> RunStatus:
        """Return the state of the run and of each task. See ``RunHandle.status``."""
        return await self._do(RunHandle.status)

    async def items(
        self,
        task: str | None = None,
        *,
        states: Iterable[TaskState | str] | None = None,
        limit: int = 100,
        start: int = 0,
        retried: bool = False,
    ) -> Listing[TaskStatus]:
        """Return items of mapped tasks. See ``RunHandle.items``."""
        return await self._do(
            RunHandle.items, task, states=states, limit=limit, start=start, retried=retried
        )

    async def explain(self, task: str | None = None) -> Explanation:
        """Return why the run, or a task of it, is not over. See ``RunHandle.explain``."""
        return await self._do(RunHandle.explain, task)

    async def graph(self, record: RunRecord | None = None) -> CompiledDAG:
        """Return the compiled DAG that the run follows. See ``RunHandle.graph``."""
        return await self._do(RunHandle.graph, record)

    async def history(
        self, task: str | None = None, *, since: float | None = None
    ) -> list[HistoryEvent]:
        """Return what happened to the run, oldest first. See ``RunHandle.history``."""
        return await self._do(RunHandle.history, task, since=since)

    # -- waiting --------------------------------------------------------------------------------

    async def wait(
        self, timeout: float | None = None, *, progress: Progress | None = None
    ) -> RunState:
        """Wait until the run has ended and return its final state.

        ``timeout``: seconds, None for no limit. ``progress(counts, total)`` is called in the event
        loop from time to time. All waits of a client share one connection and one thread per shard.
        Raises what ``RunHandle.wait`` raises.
        """
        timeout = check_timeout(timeout)
        return await self._wait_for_end(timeout, progress)

    async def _wait_for_end(
        self,
        timeout: float | None,
        progress: Progress | None = None,
        *,
        tell_why: bool = True,
    ) -> RunState:
        """Wait as ``wait`` does. ``tell_why``: say in the error what the run waits for."""
        looks: list[Look] = []
        arrived, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell(look: Look) -> None:
            looks[:] = [look]
            try:
                loop.call_soon_threadsafe(arrived.set)
            except RuntimeError:  # the loop was closed with the wait in it
                self._watch.remove(watched)

        watched = Watched(self.run_id, tell)
        limit = asyncio.timeout(timeout)
        try:
            with waiting_for_run() if _blocks_a_task() else nullcontext():
                self._watch.add(watched)
                async with limit:
                    return await self._end(looks, arrived, progress)
        except TimeoutError:
            if not limit.expired():  # it was raised by ``progress``
                raise
            trouble = watched.trouble
        finally:
            self._watch.remove(watched)
        if trouble is not None:
            raise continues_without(trouble, self.run_id)
        # The timeout may have been too short for any look.
        if (state := await self._do(_last_look)) in RUN_OVER:
            return state
        reason = await self._why() if tell_why else ""
        raise WaitTimeout(self.run_id, too_late(self.run_id, timeout or 0.0, reason))

    async def _end(
        self, looks: list[Look], arrived: asyncio.Event, progress: Progress | None
    ) -> RunState:
        known = self._handle.accepted
        while True:
            await arrived.wait()
            arrived.clear()
            look = looks[0]
            if isinstance(look, RunNotFound) and known:
                raise run_lost(self.run_id)
            if not isinstance(look, RunProgress):
                raise look
            known = True
            if progress is not None:
                progress(look.counts, look.total)
            if look.state in RUN_OVER:
                return look.state

    async def _why(self) -> str:
        """Return what an unfinished run waits for, "" if that is not known."""
        return await self._do(_reason)

    async def wait_results(
        self, timeout: float | None = None, *, progress: Progress | None = None
    ) -> dict[str, object]:
        """Wait for success and return ``{task name: result}``. See ``RunHandle.wait_results``."""
        state = await self.wait(timeout, progress=progress)
        if state is RunState.CANCELLED:
            raise RunCancelled(self.run_id)
        if state is RunState.FAILED:
            raise await self.error()
        return await self.results()

    # -- its results ----------------------------------------------------------------------------

    async def results(self, *, lenient: bool = False) -> dict[str, object]:
        """Return ``{task name: result}`` so far. See ``RunHandle.results``."""
        return await self._do(RunHandle.results, lenient=lenient)

    async def result(self, task: str, *, lenient: bool = False) -> object:
        """Return the result of one task. See ``RunHandle.result``."""
        return await self._do(RunHandle.result, task, lenient=lenient)

    async def params(self, *, lenient: bool = False) -> Mapping[str, object]:
        """Return the parameters of the run. See ``RunHandle.params``."""
        return await self._do(RunHandle.params, lenient=lenient)

    async def names(self, prefix: str = "") -> list[str]:
        """Return the names of tasks and items that begin so. See ``RunHandle.names``."""
        return await self._do(RunHandle.names, prefix)

    async def mapped(self, task: str, *, lenient: bool = False) -> Mapped[object]:
        """Return the results of a mapped task. See ``RunHandle.mapped``.

        Its reads block: use ``await asyncio.to_thread(lambda: mapped.values)``.
        """
        return await self._do(RunHandle.mapped, task, lenient=lenient)

    async def error(self) -> TaskExecutionError:
        """Return the error that made the run fail. See ``RunHandle.error``."""
        return await self._do(RunHandle.error)

    # -- what its tasks printed -----------------------------------------------------------------

    async def logs(
        self,
        task: str | None = None,
        attempt: int | None = None,
        *,
        follow: bool = False,
        level: int | str | None = None,
        since: float | None = None,
        tail: int | None = None,
    ) -> AsyncIterator[LogLine]:
        """Yield what the tasks of the run printed and logged. See ``RunHandle.logs``."""
        number = None if task is None else await self._do(RunHandle._number, task)
        query = log_query(number, attempt, level, since)
        cursor = self._handle.log_cursor(query, follow=follow)
        stored = Tail(tail)
        if tail is not None:
            await self._call(lambda: cursor.skip_to_last(tail))
        while not cursor.is_over:
            lines = await self._call(cursor.next_part)
            for line in stored.of(lines, cursor):
                yield line
            if not (cursor.has_moved or cursor.is_over):
                await asyncio.sleep(cursor.pause)

    # -- stopping, resuming, deleting -----------------------------------------------------------

    async def cancel(self) -> None:
        """Request a stop of the run. See ``RunHandle.cancel``."""
        await self._do(RunHandle.cancel)

    async def resume(self, from_task: str | Sequence[str] | None = None) -> None:
        """Resume the run after a failure or a cancellation. See ``RunHandle.resume``."""
        await self._do(RunHandle.resume, from_task)

    async def parent(self) -> RunHandle | None:
        """Return the run of the task that has called this run. See ``RunHandle.parent``."""
        return await self._do(RunHandle.parent)

    async def children(self) -> list[CalledRun]:
        """Return the runs that tasks of this run have called. See ``RunHandle.children``."""
        return await self._do(RunHandle.children)

    async def delete(self) -> bool:
        """Delete the run and all its data. See ``RunHandle.delete``."""
        return await self._do(RunHandle.delete)

    async def retry(self, tasks: str | Sequence[str] | None = None) -> Retried:
        """Start tasks again at once. See ``RunHandle.retry``."""
        return await self._do(RunHandle.retry, tasks)


def _blocks_a_task() -> bool:
    """Return whether a wait occupies a process of a worker.

    It does in a plain task, which runs an event loop in the main thread. It does not in an async
    task, beside which others run in the loop of the worker.
    """
    return threading.current_thread() is threading.main_thread()


def _last_look(handle: RunHandle) -> RunState:
    try:
        with handle.shard.until(time.monotonic()):
            return handle._waiting().progress().state
    except RedisUnavailable as error:
        raise continues_without(error, handle.run_id) from None


def _reason(handle: RunHandle) -> str:
    with suppress(RedisUnavailable), handle.shard.until(time.monotonic()):
        return handle._leading_cause()[0]
    return ""
