"""The ways to run a DAG and have its results: here or on workers, waiting for it or awaiting it.

An awaited run goes on in a thread of its own, so it never blocks the event loop. Cancelling what
awaits it stops the run as Ctrl-C would: nothing further starts, coroutines are cancelled, child
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
    """The parameters of ``DAG.run``, see there."""

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
    """How a run is told to stop by somebody who does not know yet how far it is."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked = False
        self._stop: Callable[[], object] | None = None

    def attach(self, stop: Callable[[], object]) -> None:
        """Take what stops the run; it is called at once if that was asked for already."""
        with self._lock:
            self._stop = stop
            asked = self._asked
        if asked:
            stop()

    def ask(self) -> None:
        """Stop the run, now or as soon as it can be."""
        with self._lock:
            self._asked = True
            stop = self._stop
        if stop is not None:
            stop()


def run_and_wait(dag: DAG, options: RunOptions, stopper: Stopper | None = None) -> dict[str, Any]:
    """Run ``dag`` and return {task name: result}. See ``DAG.run``; ``stopper`` can end it early."""
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
    """Do what ``run_and_wait`` does without blocking the event loop. See ``DAG.arun``."""
    import asyncio
    from concurrent.futures import Future
    from contextvars import copy_context
    from threading import Thread

    refuse_run_while_imported(dag.name)
    stopper = Stopper()
    # A pair, since an exception such as StopIteration cannot be handed over as one.
    done: Future[tuple[dict[str, Any], BaseException | None]] = Future()
    done.set_running_or_notify_cancel()  # from now on it has a result, whoever still wants it
    batches = open_batches()

    def work() -> None:
        take_part(batches)
        try:
            done.set_result((run_and_wait(dag, options, stopper), None))
        except BaseException as error:
            done.set_result(({}, error))

    # A thread of its own: the loop's default executor is bounded, and is waited for at exit.
    # In a copy of the caller's context, which the tasks of the run get copies of.
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
            del error, done, waiting  # its traceback holds this frame, which must not hold it
    return results


async def _stop(stopper: Stopper, waiting: Any, *, to_the_end: bool) -> None:
    """Stop the run; ``to_the_end``: wait until it has stopped, which workers may take long for."""
    import asyncio

    try:
        await asyncio.to_thread(stopper.ask)
        if to_the_end:
            await asyncio.wait([waiting])
    except FlowkitError:
        pass  # over already, or Redis is away: the cancelled one has nothing to do with it
    finally:
        waiting.cancel()
