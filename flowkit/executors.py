"""The ways to run a DAG and get its results: in this process or on workers, blocking or awaited.

An awaited run uses a separate thread, so it never blocks the event loop. Cancelling the awaiting
task stops the run as Ctrl-C would: no further task starts, coroutines are cancelled, child
processes are killed, and a run on workers is cancelled there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .arguments import check_mapping, check_max_workers, check_timeout
from .basics.suggestions import unknown_name
from .definition.dag import DAGDefinition
from .definition.importing import refuse_run_while_imported
from .exceptions import FlowkitError
from .local.stopper import Stopper

if TYPE_CHECKING:
    from .state.store import StateStore

EXECUTORS = ("thread", "process", "redis")
STALLED_S = 1.0  # until the log says why a run on workers makes no progress


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
    run_id: str | None = None


def run_and_wait(
    dag: DAGDefinition, options: RunOptions, stopper: Stopper | None = None
) -> dict[str, Any]:
    """Run ``dag`` and return {task name: result}. See ``DAG.run``. ``stopper`` can end it early."""
    refuse_run_while_imported(dag.name)
    check_mapping(options.params)
    check_max_workers(options.max_workers)
    check_timeout(options.timeout)
    state, resume, from_task = options.state, options.resume, options.from_task
    for_here = {"state": state, "resume": resume or None, "from_task": from_task}
    for_redis: dict[str, object] = {"redis": options.redis, "namespace": options.namespace}
    for_redis["run_id"] = options.run_id
    check_executor(dag.name, options.executor, for_redis, for_here)
    if options.executor == "redis":
        return _run_on_workers(dag, options, stopper)
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


def _run_on_workers(
    dag: DAGDefinition, options: RunOptions, stopper: Stopper | None
) -> dict[str, Any]:
    from .client.client import Client
    from .client.stall_notice import stall_warning

    with Client.connect(options.redis, options.namespace) as client:
        handle = client.submit(dag, run_id=options.run_id, params=options.params)
        if stopper is not None:
            stopper.attach(handle.cancel)
        return handle.wait_results(options.timeout, progress=stall_warning(handle, STALLED_S))


async def run_and_await(dag: DAGDefinition, options: RunOptions) -> dict[str, Any]:
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

    def work() -> None:
        try:
            done.set_result((run_and_wait(dag, options, stopper), None))
        except BaseException as error:
            done.set_result(({}, error))

    # A separate thread: the loop's default executor is bounded, and Python waits for it at exit.
    # It runs in a copy of the caller's context, of which the tasks get copies. So the run also
    # takes part in the batches of state stores that the caller has open.
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


def check_executor(
    dag_name: str, executor: str, for_redis: Mapping[str, object], for_here: Mapping[str, object]
) -> None:
    """Raise FlowkitError for an unknown executor, or options (None: not given) of another one."""
    if executor not in EXECUTORS:
        raise FlowkitError(
            f"DAG {dag_name!r}: {unknown_name('executor', str(executor), EXECUTORS)}"
        )
    if executor == "redis" and any(value is not None for value in for_here.values()):
        raise FlowkitError(
            f"DAG {dag_name!r}: state=, resume= and from_task= belong to runs in this process; on "
            "workers each result is stored with its run. To resume a run, use `flowkit resume "
            "RUN_ID`, or resume() of its handle."
        )
    if executor != "redis" and any(value is not None for value in for_redis.values()):
        raise FlowkitError(
            f"DAG {dag_name!r}: redis=, namespace= and run_id= belong to executor='redis'; with "
            f"executor={executor!r} they have no effect."
        )
    if for_here["resume"] and for_here["state"] is None:
        raise FlowkitError(
            f"DAG {dag_name!r}: resume=True needs the store of an earlier run: pass state=…."
        )
    if for_here["from_task"] is not None and not for_here["resume"]:
        raise FlowkitError(
            f"DAG {dag_name!r}: from_task= names the tasks that a resumed run runs again: also "
            "pass state=… and resume=True."
        )
