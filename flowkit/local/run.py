"""Running a DAG in this process: puts the parts of a run together and starts its loop (runner.py).

A timeout ends the attempt, not the function: a coroutine is cancelled, but a thread cannot be
killed. The attempt fails with TaskTimeout, another thread replaces the stuck one, and what the
function returns later is dropped. A process is killed instead, here (processes/pool.py) and on
workers.

On Ctrl-C no further attempt begins, coroutines are cancelled, processes are killed, and
KeyboardInterrupt is raised at once. Cancelling an awaited run (executors.py) has the same effect.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..core.run import Run
from ..definition.dag import DAGDefinition
from ..definition.run_parameters import check_params
from ..exceptions import DAGError
from .attempts import Attempts
from .environment import REAL_ENVIRONMENT, Environment
from .hooks import LocalHooks
from .run_context import RunContext
from .run_events import RunEvents
from .runner import Runner
from .stopper import Stopper

if TYPE_CHECKING:
    from ..definition.indexing import IndexedDAG
    from .persistence import Recording, RunPersistence


def run_here(
    dag: DAGDefinition,
    *,
    max_workers: int | None = None,
    params: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    recording: Recording | None = None,
    environment: Environment = REAL_ENVIRONMENT,
    in_processes: bool = False,
    stopper: Stopper | None = None,
) -> dict[str, Any]:
    """Run ``dag`` and return {task name: result}. See ``DAG.run``.

    ``recording``: the store for the results, and which of them to reuse.
    ``environment``: in tests, its clock advances when the run only waits for time to pass.
    ``in_processes``: call plain tasks in other processes. ``stopper`` can end the run early.
    """
    indexed = dag.indexed()
    if indexed.maps:
        raise DAGError(f"DAG {dag.name!r} has mapped tasks, which cannot run in this process yet.")
    given = MappingProxyType(dict(params or {}))
    check_params(dag.name, indexed, [given])
    events = environment.events(uuid.uuid4().hex, dag.name, indexed.tasks)
    persistence = _persistence(dag.name, indexed, given, recording, events)
    on_retry = None if dag.hooks is None else dag.hooks.on_retry
    hooks = LocalHooks(events, dag.name, indexed, given, on_retry)
    context = _context(dag, indexed, given, environment, hooks, persistence)
    attempts = _attempts(context, max_workers or dag.max_workers, in_processes=in_processes)
    resolver = Run(
        indexed.graph,
        on_failure=dag.on_failure,
        triggers=context.triggers,
        not_kept=indexed.not_kept(),
    )
    runner = Runner(context, resolver, attempts, environment, hooks, persistence)
    if stopper is not None:
        stopper.attach(runner.interrupt)
    return runner.run(timeout)


def _persistence(
    dag_name: str,
    indexed: IndexedDAG,
    params: Mapping[str, Any],
    recording: Recording | None,
    events: RunEvents,
) -> RunPersistence | None:
    if recording is None and all(task.cache_ttl is None for task in indexed.tasks):
        return None
    from .persistence import RunPersistence

    return RunPersistence(dag_name, indexed, params, recording, events)


def _context(
    dag: DAGDefinition,
    indexed: IndexedDAG,
    params: Mapping[str, Any],
    environment: Environment,
    hooks: LocalHooks,
    persistence: RunPersistence | None,
) -> RunContext:
    return RunContext(
        run_id=hooks.events.run_id,
        dag_name=dag.name,
        indexed=indexed,
        params=params,
        results=environment.results(len(indexed.tasks)),
        on_failure=dag.on_failure,
        events=hooks.events,
        hook_event=hooks.event,
        triggers=indexed.triggers(),
        cache=None if persistence is None else persistence.cache,
        starting=None if persistence is None else persistence.starting,
        check=environment.check,
    )


def _attempts(context: RunContext, max_workers: int | None, *, in_processes: bool) -> Attempts:
    processes = None
    if in_processes:
        from .processes.pool import Processes

        processes = Processes(context)
    cores = os.cpu_count() or 1
    workers = max_workers or (cores if in_processes else min(32, cores + 4))
    return Attempts(context, workers, bounded=max_workers is not None, processes=processes)
