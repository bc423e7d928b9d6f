"""The resolver duty: events in, commands out, one ``core.run.Run`` per active run.

All that it knows is rebuilt from Redis when leadership is taken (``recover``), so a scheduler may
die at any point: the next one restores each run from its records, asks again for whatever was not
carried out, and goes on at the cursor.

Events up to the takeover are passed over: the records, from which every active run was rebuilt,
say the same or more. A run that is resumed later is opened by an event behind them.

A run whose graph or records are damaged ends as failed. One that is whole, and for which memory
does not suffice, is tried again later. An unreadable event is set aside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..core.compiled import CompiledDAG
from ..core.run import Command, FinishRun, MarkTasks, QueueTasks, Run, StopRun, StopTasks
from ..core.shelf import DAGCache
from ..core.states import RunState, TaskState
from ..logging import FlowkitLogger
from ..protocol.decoding import PART, CorruptData
from ..protocol.event_store import Event, moment
from ..protocol.scheduler_store import SchedulerStore
from .active import Active
from .facts import OVER_KINDS, Fact, read_fact
from .quarantine import Quarantine
from .resuming import CUT_SHORT, States, divide, held, may_be_held
from .room import Room
from .run_log import RunLog
from .writer import Writer

BATCH = 500  # events read at once
TURN_S = 5.0  # a graph of the largest size takes longer than that to read
PROGRESS_S = 0.25
GRAPH_TASKS_KEPT = 200_000  # of runs that are over; those that go on have theirs


class Resolver:
    """Turns events into commands. Not thread-safe."""

    def __init__(
        self,
        store: SchedulerStore,
        logger: FlowkitLogger,
        window: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._log = logger
        self._run_log = RunLog(logger)
        self._window = window
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
        self._writer = Writer(self._store)  # what an earlier term did not write is void
        self._cursor = cursor
        self._replay_until = moment(self._store.last_event())
        for run in self._store.active_runs():
            self._open(run)
        self._writer.flush()

    def tell_lost(self) -> None:
        """Say which of the runs that went on are gone, since nobody may be left who would ask."""
        for run in self._store.missing(list(self.active)):
            self._run_log.lost(self.active[run])
        self.active.clear()

    # -- the duty -------------------------------------------------------------------------------

    def run_once(self, block_ms: int) -> int:
        """Take the next events, waiting up to ``block_ms`` for some; return how many were taken.

        They are as many as can be taken in ``TURN_S``: the lease must be looked at in between.
        """
        events = self._store.read_events(self._cursor, BATCH, block_ms)
        over: dict[str, list[tuple[int, TaskState]]] = {}
        began, taken = self._monotonic(), 0
        for event in events:
            self._take_event(event, over)
            self._cursor = event.id
            taken += 1
            if self._monotonic() - began > TURN_S:
                break
        self._take_over(over)
        self._quarantine.flush()
        if taken:
            self._writer.move_cursor(self._cursor)
            self._writer.flush()
        if taken or self._room.is_due():
            self._open_others()
        return taken

    def _open_others(self) -> None:
        """Open runs that could not begin as their events said, and the one that waits for room."""
        runs = self._writer.take_refused()
        for run in runs:
            self._forget(run)
        if (waiting := self._room.next()) is not None:
            runs.append(waiting)
        for run in runs:
            self._open(run)
        if runs:
            self._writer.flush()

    def _take_event(self, event: Event, over: dict[str, list[tuple[int, TaskState]]]) -> None:
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
                # What is over must be known before the run is opened, cancelled or resumed.
                self._take_over(over)
                self._take(fact)

    def _is_replayed(self, event: Event) -> bool:
        if self._replay_until is not None and moment(event.id) > self._replay_until:
            self._replay_until = None
        return self._replay_until is not None

    def _take_over(self, over: dict[str, list[tuple[int, TaskState]]]) -> None:
        for run, facts in over.items():
            active = self.active.get(run)
            if active is not None:
                self._carry_out(active, active.state.tasks_over(facts))
        over.clear()

    def _take(self, fact: Fact) -> None:
        active = self.active.get(fact.run)
        if fact.kind == "cancel":
            if active is not None:
                self._carry_out(active, active.state.cancel())
            elif fact.run in self._room.waiting:
                self._open(fact.run, must=True)  # it ends at once: nothing of it was queued
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
        """Start a run of a graph that is known. It is new, so there is no record to read, and
        whether there is such a run is asked in the call that queues its first tasks.
        """
        active = self._activate(run, dag)
        self._writer.begin(run, digest, len(dag.graph))
        self._carry_out(active, active.state.start())

    def _open(self, run: str, *, must: bool = False) -> None:
        """Start or restore a run from what Redis says of it; end one that cannot be read.

        One for which there is no room has to wait, unless it ``must`` be opened.
        """
        try:
            found = self._store.read_active(run)
            if found is None:
                self._room.leave(run)
                return
            dag = self._graph(found.digest)
            if not (must or self._room.let_in(run, dag)):
                self._run_log.waits(run, dag)
                return
            states = self._store.read_states(run, len(dag.graph))
            if found.resuming is not None:
                states = self._reset(run, dag, states, found.resuming)
            active = self._activate(run, dag)
            commands = active.state.restore(states, found.stop)
        except CorruptData as error:
            self._end_broken(run, error)
        except MemoryError:
            self._forget(run)
            self._run_log.lacks_memory(run, self._room.postpone(run))
        else:
            self._room.settle(run)
            self._carry_out(active, commands)

    def _reset(self, run: str, dag: CompiledDAG, states: States, named: Sequence[int]) -> States:
        """Make what a resume makes again pending; return the states of the rest."""
        stay = self._held(run, dag, named)
        succeeded = {task for task, state in states if state is TaskState.SUCCEEDED}
        lost = self._store.lost_results(run, succeeded)
        kept, again = divide(dag, states, [*named, *(lost or ())], stay)
        recount = lost is not None and stay.keys().isdisjoint(lost)
        self._store.reset(run, again, CUT_SHORT, recount=recount)
        return kept

    def _held(self, run: str, dag: CompiledDAG, named: Sequence[int]) -> dict[int, TaskState]:
        wanted = may_be_held(dag, named)
        found = self._store.read_records_of({run: wanted}) if wanted else ()
        return {task: state for _, records in found for task, state in held(records).items()}

    def _activate(self, run: str, dag: CompiledDAG) -> Active:
        state = Run(
            dag.graph,
            on_failure=dag.on_failure,
            window=self._window,
            triggers=dag.triggers(),
        )
        active = self.active[run] = Active.of(run, dag, state)
        self._run_log.started(active)
        return active

    def _graph(self, digest: str) -> CompiledDAG:
        dag = self._graphs.get(digest) or self._store.read_graph(digest)
        if dag is None:
            raise CorruptData(f"its graph {digest[:12]} is not in Redis any more")
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

    def _carry_out(self, active: Active, commands: Sequence[Command]) -> None:
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
        if now - active.told >= PROGRESS_S and not active.state.finished:
            # A run that has only begun has no progress to tell yet.
            if active.told:
                self._writer.progress(active.run, active.counts())
            active.told = now

    def _queue(self, active: Active, tasks: Sequence[int]) -> None:
        places, policy_of = active.places, active.dag.policy_of
        if len(places) == 1:
            self._writer.queue(active.run, places[0], tasks)
            return
        by_policy: dict[int, list[int]] = {}
        for task in tasks:
            by_policy.setdefault(policy_of[task], []).append(task)
        for policy, group in by_policy.items():
            self._writer.queue(active.run, places[policy], group)

    def _stop_tasks(self, active: Active, tasks: Sequence[int]) -> None:
        self._writer.flush()
        notify = active.state.outcome is RunState.CANCELLED
        over, _ = self._store.end_tasks(active.run, TaskState.CANCELLED, tasks, notify=notify)
        facts = [(task, TaskState.CANCELLED) for task in over]
        self._carry_out(active, active.state.tasks_over(facts))

    def _finish(self, active: Active, outcome: RunState, failed: int | None) -> None:
        self._writer.finish(active.run, outcome, failed, active.counts())
        self._forget(active.run)
        self._run_log.over(active, outcome, failed)
