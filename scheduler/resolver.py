"""The resolver duty: events in, commands out, one ``core.run.Run`` per active run.

Everything it knows is rebuilt from Redis when leadership is taken (``recover``), so a scheduler may
die at any point. The next one restores each run from its records, issues again every command that
was not executed, and continues at the cursor.

Events up to the takeover are skipped: the records, from which every active run was rebuilt, say the
same or more. An event behind them opens a run that is resumed later.

A run whose graph or records are damaged ends as failed. An intact run that does not fit into memory
is retried later. An event that cannot be read is quarantined.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from flowkit.core.commands import Command, FinishRun, MarkTasks, QueueTasks, StopRun, StopTasks
from flowkit.core.compiled import CompiledDAG
from flowkit.core.dag_cache import DAGCache
from flowkit.core.run import Run
from flowkit.core.states import RunState, TaskState
from flowkit.logging.logger import FlowkitLogger
from flowkit.protocol.decoding import PART, CorruptData
from flowkit.protocol.event_store import Event, moment
from flowkit.protocol.scheduler_store import SchedulerStore

from .active import Active, Place
from .facts import OVER_KINDS, Fact, read_fact
from .quarantine import Quarantine
from .resuming import CUT_SHORT, States, divide, held, may_be_held
from .room import Room
from .run_log import RunLog
from .serving import Serving
from .writer import Writer

BATCH = 500  # events read at once
TURN_S = 5.0  # shorter than reading a graph of the largest size
PROGRESS_S = 0.25
GRAPH_TASKS_KEPT = 200_000  # tasks in cached graphs, beside those of active runs


class Resolver:
    """Turns events into commands. Not thread-safe."""

    def __init__(
        self,
        store: SchedulerStore,
        logger: FlowkitLogger,
        window: int,
        serving: Serving | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._log = logger
        self._run_log = RunLog(logger)
        self._window = window
        self._serving = serving or Serving(store)
        self._monotonic = monotonic
        self._writer = Writer(store)
        self._quarantine = Quarantine(store, logger, monotonic=monotonic)
        self._graphs = DAGCache(most_tasks=GRAPH_TASKS_KEPT)
        self._cursor = "0"
        self._replay_until: tuple[int, int] | None = None
        self._room = Room(monotonic=monotonic)
        self.active: dict[str, Active] = {}
        self.retries_seen = 0

    # -- taking over ----------------------------------------------------------------------------

    def recover(self, cursor: str) -> None:
        """Rebuild active runs from their records. Raises LeaseLost."""
        self.active.clear()
        self._room.clear()
        self._writer = Writer(self._store)  # discard what an earlier term did not write
        self._cursor = cursor
        self._serving.look()
        self._replay_until = moment(self._store.last_event())
        for run in self._store.active_runs():
            self._open(run)
        self._writer.flush()

    def report_lost(self) -> None:
        """Log which active runs are gone from Redis, since no client may be left to ask."""
        for run in self._store.missing(list(self.active)):
            self._run_log.lost(self.active[run])
        self.active.clear()

    # -- the duty -------------------------------------------------------------------------------

    def run_once(self, block_ms: int) -> int:
        """Process the next events, waiting up to ``block_ms`` for some; return how many.

        It stops after ``TURN_S``, because the lease must be checked in between.
        """
        events = self._store.read_events(self._cursor, BATCH, block_ms)
        over: dict[str, list[tuple[int, TaskState]]] = {}
        began, count = self._monotonic(), 0
        for event in events:
            self._process_event(event, over)
            self._cursor = event.id
            count += 1
            if self._monotonic() - began > TURN_S:
                break
        self._apply_over(over)
        self._quarantine.flush()
        if count:
            self._writer.move_cursor(self._cursor)
            self._writer.flush()
        if count or self._room.is_due():
            self._open_others()
        return count

    def _open_others(self) -> None:
        """Open runs whose "begin" was refused, and the run that waits for memory."""
        runs = self._writer.take_refused()
        for run in runs:
            self._forget(run)
        if (waiting := self._room.next()) is not None:
            runs.append(waiting)
        for run in runs:
            self._open(run)
        if runs:
            self._writer.flush()

    def _process_event(self, event: Event, over: dict[str, list[tuple[int, TaskState]]]) -> None:
        replayed = self._is_replayed(event)
        for kind, text in event.facts:
            try:
                fact = read_fact(kind, text, self.active)
            except CorruptData as error:
                self._quarantine.add(event.id, kind, text, error)
                continue
            if replayed:
                continue
            if fact.kind in OVER_KINDS:
                state = OVER_KINDS[fact.kind]
                over.setdefault(fact.run, []).extend((task, state) for task in fact.tasks)
            elif fact.kind == "W":
                self.retries_seen += 1
            else:
                # Apply finished tasks before a run is opened, cancelled or resumed.
                self._apply_over(over)
                self._apply_fact(fact)

    def _is_replayed(self, event: Event) -> bool:
        if self._replay_until is not None and moment(event.id) > self._replay_until:
            self._replay_until = None
        return self._replay_until is not None

    def _apply_over(self, over: dict[str, list[tuple[int, TaskState]]]) -> None:
        for run, facts in over.items():
            active = self.active.get(run)
            if active is not None:
                self._execute(active, active.state.tasks_over(facts))
        over.clear()

    def _apply_fact(self, fact: Fact) -> None:
        active = self.active.get(fact.run)
        if fact.kind == "cancel":
            if active is not None:
                self._execute(active, active.state.cancel())
            elif fact.run in self._room.waiting:
                self._open(fact.run, must=True)  # it ends at once: none of its tasks was queued
        elif fact.kind == "submit" and active is None:
            known = self._graphs.get(fact.digest)
            if known is not None and len(known.graph) < PART:
                self._begin(fact.run, fact.digest, known)
            else:
                self._open(fact.run)
        elif fact.kind == "resume" and active is None:
            self._open(fact.run)

    # -- runs -----------------------------------------------------------------------------------

    def _begin(self, run: str, digest: str, dag: CompiledDAG) -> None:
        """Start a new run of a graph that is cached. A new run has no records to read; the call
        that queues its first tasks checks that the run exists.
        """
        active = self._activate(run, dag)
        self._writer.begin(run, digest, len(dag.graph))
        self._execute(active, active.state.start())

    def _open(self, run: str, *, must: bool = False) -> None:
        """Start or restore a run from its data in Redis. End a run that cannot be read.

        A run without room in memory has to wait, unless it ``must`` be opened.
        """
        try:
            stored = self._store.read_active(run)
            if stored is None:
                self._room.leave(run)
                return
            dag = self._graph(stored.digest)
            if not (must or self._room.admit(run, dag)):
                self._run_log.waits(run, dag)
                return
            states = self._store.read_states(run, len(dag.graph))
            if stored.resuming is not None:
                states = self._reset(run, dag, states, stored.resuming)
            active = self._activate(run, dag)
            commands = active.state.restore(states, stored.stop)
        except CorruptData as error:
            self._end_broken(run, error)
        except MemoryError:
            self._forget(run)
            self._run_log.lacks_memory(run, self._room.postpone(run))
        else:
            self._room.settle(run)
            self._execute(active, commands)

    def _reset(self, run: str, dag: CompiledDAG, states: States, named: Sequence[int]) -> States:
        """Reset the tasks that a resume reruns; return the states of the other tasks."""
        stay = self._held(run, dag, named)
        succeeded = {task for task, state in states if state is TaskState.SUCCEEDED}
        lost = self._store.lost_results(run, succeeded)
        kept, again = divide(dag, states, [*named, *(lost or ())], stay)
        recount = lost is not None and stay.keys().isdisjoint(lost)
        self._store.reset(run, again, CUT_SHORT, recount=recount)
        return kept

    def _held(self, run: str, dag: CompiledDAG, named: Sequence[int]) -> dict[int, TaskState]:
        wanted = may_be_held(dag, named)
        batches = self._store.read_records_of({run: wanted}) if wanted else ()
        return {task: state for _, records in batches for task, state in held(records).items()}

    def _activate(self, run: str, dag: CompiledDAG) -> Active:
        state = Run(
            dag.graph, on_failure=dag.on_failure, window=self._window, triggers=dag.triggers()
        )
        active = self.active[run] = Active.of(run, dag, state)
        self._run_log.started(active)
        return active

    def _graph(self, digest: str) -> CompiledDAG:
        dag = self._graphs.get(digest) or self._store.read_graph(digest)
        if dag is None:
            raise CorruptData(f"its graph {digest[:12]} is no longer in Redis")
        self._graphs.put(digest, dag)
        return dag

    def _forget(self, run: str) -> None:
        self.active.pop(run, None)
        self._room.leave(run)

    def give_up(self, run: str, error: Exception) -> None:
        """End a run as failed because its data cannot be read. Raises LeaseLost."""
        self._end_broken(run, error)
        self._writer.flush()

    def _end_broken(self, run: str, error: Exception) -> None:
        self._forget(run)
        self._writer.finish(run, RunState.FAILED, None, "")
        self._run_log.broken(run, error)

    # -- commands -------------------------------------------------------------------------------

    def _execute(self, active: Active, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case QueueTasks(tasks):
                    self._queue(active, tasks)
                case FinishRun(outcome, failed):
                    self._finish(active, outcome, failed)
                case StopRun(outcome, failed):
                    self._writer.flush()
                    self._store.stop_run(active.run, outcome, failed)
                case MarkTasks(state, tasks):
                    self._writer.flush()
                    self._store.end_tasks(active.run, state, tasks, notify=False)
                case StopTasks(tasks):
                    self._stop_tasks(active, tasks)
        now = self._monotonic()
        if now - active.progress_at >= PROGRESS_S and not active.state.finished:
            # A run that has just started has no progress to publish.
            if active.progress_at:
                self._writer.progress(active.run, active.counts())
            active.progress_at = now

    def _queue(self, active: Active, tasks: Sequence[int]) -> None:
        places, policy_of = active.places, active.dag.policy_of
        if len(places) == 1:
            self._put(active, places[0], tasks)
            return
        by_policy: dict[int, list[int]] = {}
        for task in tasks:
            by_policy.setdefault(policy_of[task], []).append(task)
        for policy, group in by_policy.items():
            self._put(active, places[policy], group)

    def _put(self, active: Active, place: Place, tasks: Sequence[int]) -> None:
        verb = self._serving.verb(place.ready, len(active.dag.graph))
        for ready, some in self._serving.by_list(active, place.ready, tasks):
            there = place if ready == place.ready else place._replace(ready=ready)
            self._writer.queue(active.run, there, some, verb)

    def _stop_tasks(self, active: Active, tasks: Sequence[int]) -> None:
        self._writer.flush()
        notify = active.state.outcome is RunState.CANCELLED
        over, _ = self._store.end_tasks(active.run, TaskState.CANCELLED, tasks, notify=notify)
        facts = [(task, TaskState.CANCELLED) for task in over]
        self._execute(active, active.state.tasks_over(facts))

    def _finish(self, active: Active, outcome: RunState, failed: int | None) -> None:
        self._writer.finish(active.run, outcome, failed, active.counts())
        self._forget(active.run)
        self._run_log.over(active, outcome, failed)
