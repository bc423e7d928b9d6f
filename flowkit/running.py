"""The ways to run a DAG and get its results: in this process or on workers, blocking or awaited.

An awaited run uses a separate thread, so it never blocks the event loop. Cancelling the awaiting
task stops the run as Ctrl-C would: no further task starts, coroutines are cancelled, child
processes are killed, and a run on workers is cancelled there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from .checks import check_executor, check_mapping, check_max_workers, check_timeout
from .exceptions import FlowkitError
from .importing import refuse_run_while_imported
from .open_batches import open_batches, take_part

if TYPE_CHECKING:
    from .dag import DAG
    from .state import StateStore


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The parameters of ``DAG.run``."""

    executor: str = "thread"
    max_workers: int | None = None
    params: Mapping[str, Any] | None = None
    redis: str | None = None
    namespace: str | None = None
    timeout: float | None = None
    state: StateStore | None = None
    resume: bool = False
    from_task: str | Sequence[str] | None = None


class Stopper:
    """Stops a run, even if the request comes before the run has started."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked = False
        self._stop: Callable[[], object] | None = None

    def attach(self, stop: Callable[[], object]) -> None:
        """Set the function that stops the run. It is called at once if a stop was requested."""
        with self._lock:
            self._stop = stop
            asked = self._asked
        if asked:
            stop()

    def ask(self) -> None:
        """Stop the run, now or as soon as possible."""
        with self._lock:
            self._asked = True
            stop = self._stop
        if stop is not None:
            stop()


def run_and_wait(dag: DAG, options: RunOptions, stopper: Stopper | None = None) -> dict[str, Any]:
    """Run ``dag`` and return {task name: result}. See ``DAG.run``. ``stopper`` can end it early."""
    refuse_run_while_imported(dag.name)
    check_mapping(options.params)
    check_max_workers(options.max_workers)
    check_timeout(options.timeout)
    state, resume, from_task = options.state, options.resume, options.from_task
    for_here = {"state": state, "resume": resume or None, "from_task": from_task}
    for_redis = {"redis": options.redis, "namespace": options.namespace}
    check_executor(dag.name, options.executor, for_redis, for_here)
    if options.executor == "redis":
        from .client import Client

        with Client.connect(options.redis, options.namespace) as client:
            handle = client.submit(dag, params=options.params)
            if stopper is not None:
                stopper.attach(handle.cancel)
            return handle.wait_results(options.timeout)
    from .local.run import run_here

    return run_here(
        dag,
        max_workers=options.max_workers,
        params=options.params,
        timeout=options.timeout,
        recording=None if state is None else (state, resume, from_task),
        in_processes=options.executor == "process",
        stopper=stopper,
    )


async def run_and_await(dag: DAG, options: RunOptions) -> dict[str, Any]:
    """Run ``dag`` like ``run_and_wait``, without blocking the event loop. See ``DAG.arun``."""
    import asyncio
    from concurrent.futures import Future
    from contextvars import copy_context
    from threading import Thread

    refuse_run_while_imported(dag.name)
    stopper = Stopper()
    # A pair, since a future cannot hold an exception such as StopIteration.
    done: Future[tuple[dict[str, Any], BaseException | None]] = Future()
    done.set_running_or_notify_cancel()  # from now on it cannot be cancelled
    batches = open_batches()

    def work() -> None:
        take_part(batches)
        try:
            done.set_result((run_and_wait(dag, options, stopper), None))
        except BaseException as error:
            done.set_result(({}, error))

    # A separate thread: the loop's default executor is bounded, and Python waits for it at exit.
    # It runs in a copy of the caller's context, of which the tasks get copies.
    target = partial(copy_context().run, work)
    Thread(target=target, name="flowkit-run", daemon=True).start()
    waiting = asyncio.wrap_future(done)
    try:
        results, error = await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await _stop(stopper, waiting, to_the_end=options.executor != "redis")
        raise
    if error is not None:
        try:
            raise error
        finally:
            del error, done, waiting  # avoid a cycle: the traceback holds this frame
    return results


async def _stop(stopper: Stopper, waiting: Any, *, to_the_end: bool) -> None:
    """Stop the run. ``to_the_end``: wait until it has stopped, which may take long on workers."""
    import asyncio

    try:
        await asyncio.to_thread(stopper.ask)
        if to_the_end:
            await asyncio.wait([waiting])
    except FlowkitError:
        pass  # the run has ended, or Redis cannot be reached: the cancelled task need not know
    finally:
        waiting.cancel()
