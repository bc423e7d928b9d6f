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
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.run import Run
from ..definition.dag import DAGDefinition
from ..definition.run_parameters import check_params
from ..definition.task import Task
from .attempts import Attempts
from .environment import REAL_ENVIRONMENT, Environment
from .hooks import LocalHooks
from .items import Items, MappedGraph
from .numbered import Numbered
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
    given = MappingProxyType(dict(params or {}))
    check_params(dag.name, indexed, [given])
    numbered = Numbered.of(indexed.tasks, indexed.graph.names, indexed.numbering)
    events = environment.events(uuid.uuid4().hex, dag.name, numbered)
    about = _About(dag, indexed, numbered, given, events, environment)
    persistence = _persistence(about, recording)
    on_retry = None if dag.hooks is None else dag.hooks.on_retry
    hooks = LocalHooks(events, dag.name, indexed, numbered, given, on_retry)
    resolver = _resolver(dag, indexed)
    context = _context(about, resolver, hooks, persistence)
    attempts = _attempts(context, max_workers or dag.max_workers, in_processes=in_processes)
    runner = Runner(context, resolver, attempts, environment, hooks, persistence)
    if stopper is not None:
        stopper.attach(runner.interrupt)
    return runner.run(timeout)


class _About(NamedTuple):
    """What is known of a run before its parts are made."""

    dag: DAGDefinition
    indexed: IndexedDAG
    numbered: Numbered[Task]
    params: Mapping[str, Any]
    events: RunEvents
    environment: Environment


def _persistence(about: _About, recording: Recording | None) -> RunPersistence | None:
    if recording is None and all(task.cache_ttl is None for task in about.indexed.tasks):
        return None
    from .persistence import RunPersistence

    run = about.indexed, about.numbered, about.params
    return RunPersistence(about.dag.name, *run, recording, about.events)


def _resolver(dag: DAGDefinition, indexed: IndexedDAG) -> Run:
    return Run(
        indexed.graph,
        on_failure=dag.on_failure,
        triggers=indexed.triggers(),
        not_kept=indexed.not_kept(),
        maps=indexed.maps,
    )


def _context(
    about: _About, resolver: Run, hooks: LocalHooks, persistence: RunPersistence | None
) -> RunContext:
    indexed, environment = about.indexed, about.environment
    results = environment.results(len(indexed.tasks))
    items = None
    if indexed.maps:
        graph = MappedGraph(
            indexed.tasks, indexed.graph, indexed.own, indexed.maps, indexed.numbering
        )
        items = Items(graph, about.numbered.names, resolver, results, environment.elements)
    return RunContext(
        run_id=about.events.run_id,
        dag_name=about.dag.name,
        indexed=indexed,
        numbered=about.numbered,
        params=about.params,
        results=results,
        on_failure=about.dag.on_failure,
        events=about.events,
        hook_event=hooks.event,
        triggers=indexed.triggers(),
        cache=None if persistence is None else persistence.cache,
        starting=None if persistence is None else persistence.starting,
        check=environment.check,
        items=items,
    )


def _attempts(context: RunContext, max_workers: int | None, *, in_processes: bool) -> Attempts:
    processes = None
    if in_processes:
        from .processes.pool import Processes

        processes = Processes(context)
    cores = os.cpu_count() or 1
    workers = max_workers or (cores if in_processes else min(32, cores + 4))
    return Attempts(context, workers, bounded=max_workers is not None, processes=processes)
