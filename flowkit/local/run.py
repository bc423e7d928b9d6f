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
from dataclasses import replace
from queue import SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.map_spec import label_sources
from ..core.run import Run
from ..definition.calls import Call, wanted_here
from ..definition.dag import DAGDefinition
from ..definition.run_parameters import check_params
from ..definition.task import Task
from .attempts import Attempts
from .children import ChildQueue, Family, Place
from .environment import REAL_ENVIRONMENT, Environment
from .hooks import LocalHooks
from .items import Items, MappedGraph
from .lanes import Lanes
from .numbered import Numbered
from .run_context import RunContext
from .run_events import RunEvents
from .runner import Runner
from .stopper import Stopper

if TYPE_CHECKING:
    from ..definition.indexing import IndexedDAG
    from .call_records import CallPlace
    from .persistence import Recording, RunPersistence
    from .processes.pool import Processes


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
    lanes = _lanes(max_workers or dag.max_workers, in_processes=in_processes)
    makers = _Makers(environment, lanes, in_processes)
    runner = makers.make(dag, params, recording)
    if stopper is not None:
        stopper.attach(runner.interrupt)
    try:
        return runner.run(timeout)
    finally:
        makers.stop()


class _Makers:
    """Makes the runs of a family: the first one, and those that tasks call."""

    def __init__(self, environment: Environment, lanes: Lanes, in_processes: bool) -> None:
        self._environment, self._lanes = environment, lanes
        self._in_processes = in_processes
        self._shared: dict[DAGDefinition, tuple[IndexedDAG, Processes | None]] = {}
        self._family: Family | None = None

    def make(
        self, dag: DAGDefinition, params: Mapping[str, Any] | None, recording: Recording | None
    ) -> Runner:
        """Make the first run."""
        about = _about(uuid.uuid4().hex, dag, dag.indexed(), params, self._environment)
        return self._runner(about, _persistence(about, recording, None), 0, None)

    def _called(self, call: Call, place: Place, queue: ChildQueue) -> Runner:
        """Make a run that a task has called."""
        dag: Any = call.dag
        known = self._shared.get(dag)
        indexed = dag.indexed() if known is None else known[0]
        if call.result is not None:
            wanted_here(dag.name, indexed.tasks[: indexed.own], call.result)
        about = _about(place.run_id, dag, indexed, call.params, self._environment)
        recording, call_place = None, None
        if place.recording is not None:
            recording = (place.recording.state, place.recording.resume, None)
            call_place = place.recording.place(place.position)
        persistence = _persistence(about, recording, call_place)
        recorder = None if persistence is None else persistence.recorder
        if place.recording is not None and recorder is not None:
            place.recording.runs.append(recorder)
        runner = self._runner(about, persistence, place.depth, queue)
        runner.family = self._family
        return runner

    def stop(self) -> None:
        """End the child processes of the runs that were called, which are over or given up."""
        for _, processes in self._shared.values():
            if processes is not None:
                processes.stop(at_once=True)
        self._shared.clear()  # runs refer to this: without these, no circle keeps their results
        self._family = None

    def _new_family(self, queue: SimpleQueue[Any]) -> Family:
        self._family = Family(queue, self._environment.clock, self._called)
        return self._family

    def _runner(
        self,
        about: _About,
        persistence: RunPersistence | None,
        depth: int,
        queue: ChildQueue | None,
    ) -> Runner:
        dag, environment = about.dag, self._environment
        on_retry = None if dag.hooks is None else dag.hooks.on_retry
        of_run = about.indexed, about.numbered, about.params
        hooks = LocalHooks(about.events, dag.name, *of_run, on_retry)
        resolver = _resolver(dag, about.indexed)
        context = _context(about, resolver, hooks, persistence)
        context = replace(context, depth=depth, new_family=self._new_family)
        processes = self._processes(dag, context)
        attempts = Attempts(context, self._lanes, processes=processes, outcomes=queue)
        return Runner(context, resolver, attempts, environment, hooks, persistence)

    def _processes(self, dag: DAGDefinition, context: RunContext) -> Processes | None:
        """Return the child processes of a run; runs of one DAG share theirs."""
        if not self._in_processes:
            return None
        from .processes.pool import Processes

        _, known = self._shared.get(dag, (None, None))
        processes = Processes(context) if known is None else known.for_run(context)
        self._shared.setdefault(dag, (context.indexed, processes))
        return processes


class _About(NamedTuple):
    """What is known of a run before its parts are made."""

    dag: DAGDefinition
    indexed: IndexedDAG
    numbered: Numbered[Task]
    params: Mapping[str, Any]
    events: RunEvents
    environment: Environment


def _about(
    run_id: str,
    dag: DAGDefinition,
    indexed: IndexedDAG,
    params: Mapping[str, Any] | None,
    environment: Environment,
) -> _About:
    given = MappingProxyType(dict(params or {}))
    check_params(dag.name, indexed, [given])
    graph, labels = indexed.graph, label_sources(indexed.graph, indexed.maps)
    numbered = Numbered.of(indexed.tasks, graph.names, indexed.numbering, labels)
    events = environment.events(run_id, dag.name, numbered)
    return _About(dag, indexed, numbered, given, events, environment)


def _persistence(
    about: _About, recording: Recording | None, call_place: CallPlace | None
) -> RunPersistence | None:
    if recording is None and all(task.cache_ttl is None for task in about.indexed.tasks):
        return None
    from .persistence import RunPersistence

    run = about.indexed, about.numbered, about.params
    return RunPersistence(about.dag.name, *run, recording, about.events, call_place)


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
        items = Items(
            graph,
            about.numbered.names,
            resolver,
            results,
            environment.elements,
            about.events.unlabelled,
        )
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


def _lanes(max_workers: int | None, *, in_processes: bool) -> Lanes:
    cores = os.cpu_count() or 1
    workers = max_workers or (cores if in_processes else min(32, cores + 4))
    return Lanes(workers, bounded=max_workers is not None)
