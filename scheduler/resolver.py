"""The resolver duty: facts in, commands out, one ``core.run.Run`` per active run.

Everything it knows is rebuilt from Redis when leadership is taken (``recover``), so a scheduler may
die at any point. The next one restores each run from its records, issues again every command that
was not executed, and continues at the cursor.

Facts up to the takeover are skipped: the records, from which every active run was rebuilt, say the
same or more. An announcement behind them opens a run that is resumed later.

A run whose graph or records are damaged ends as failed. An intact run that does not fit into memory
is retried later. A fact that cannot be read is quarantined.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from flowkit.core.compiled import CompiledDAG
from flowkit.core.run import Run
from flowkit.core.states import RunState
from flowkit.events.event import Listener
from flowkit.protocol.decoding import PART, CorruptData
from flowkit.protocol.fact_store import Announcement, moment
from flowkit.protocol.scheduler_store import SchedulerStore

from .active import Active
from .command_runner import CommandRunner
from .facts import OVER_KINDS, Fact, TasksOver, read_fact
from .families import Families
from .progress import Progress
from .quarantine import Quarantine
from .room import Room
from .run_loader import RunLoader
from .run_reports import RunReports
from .serving import Serving
from .writer import Writer

BATCH = 500  # announcements read at once
TURN_S = 5.0  # shorter than reading a graph of the largest size


class Resolver:
    """Turns facts into commands. Not thread-safe."""

    def __init__(
        self,
        store: SchedulerStore,
        listener: Listener,
        window: int,
        serving: Serving | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._reports = RunReports(listener)
        self._window = window
        self._serving = serving or Serving(store)
        self._monotonic = monotonic
        self._writer = Writer(store)
        self._quarantine = Quarantine(store, listener, monotonic=monotonic)
        self._progress = Progress(self._writer, monotonic=monotonic)
        self.active: dict[str, Active] = {}
        self.families = Families(store, self.active)
        self._commands = CommandRunner(
            store, self._writer, self._serving, self._progress, self.families, self._finished
        )
        self._loader = RunLoader(store)
        self._cursor = "0"
        self._replay_until: tuple[int, int] | None = None
        self._room = Room(monotonic=monotonic)
        self._ended: set[str] = set()  # runs that facts of this turn have said to be over
        self.retries_seen = 0

    # -- taking over ----------------------------------------------------------------------------

    def recover(self, cursor: str) -> None:
        """Rebuild active runs from their records. Raises LeaseLost."""
        self.active.clear()
        self._progress.clear()
        self._room.clear()
        self._commands.clear()
        self._writer.discard()  # what an earlier term did not write
        self._cursor = cursor
        self._serving.look()
        self._replay_until = moment(self._store.last_announcement())
        for run in self._store.active_runs():
            self._open(run)
        self._writer.flush()

    def report_lost(self) -> None:
        """Log which active runs are gone from Redis, since no client may be left to ask."""
        for run in self._store.missing(list(self.active)):
            self._reports.lost(self.active[run])
        self.active.clear()
        self._commands.clear()

    # -- the duty -------------------------------------------------------------------------------

    def run_once(self, block_ms: int) -> int:
        """Process the next announcements, waiting up to ``block_ms`` for some; return how many.

        It stops after ``TURN_S``, because the lease must be checked in between. It waits no longer
        than until some progress is due, and not at all if commands were left.
        """
        due = self._progress.due_in()
        if due is not None:
            block_ms = min(block_ms, max(1, int(due * 1000)))
        if self._commands.is_late:
            block_ms = 0
        announcements = self._store.read_announcements(self._cursor, BATCH, block_ms)
        over: dict[str, TasksOver] = {}
        self._ended.clear()
        began, count = self._monotonic(), 0
        for announcement in announcements:
            self._process(announcement, over)
            self._cursor = announcement.id
            count += 1
            if self._monotonic() - began > TURN_S:
                break
        self._apply_over(over)
        self._commands.go_on()
        self._quarantine.flush()
        self._progress.publish()
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

    def _process(self, announcement: Announcement, over: dict[str, TasksOver]) -> None:
        replayed = self._is_replayed(announcement)
        for kind, text in announcement.facts:
            try:
                fact = read_fact(kind, text, self.active)
            except CorruptData as error:
                self._quarantine.add(announcement.id, kind, text, error)
                continue
            if fact.kind == "ended":  # a replayed one may not have been carried out
                if fact.run not in self._ended:
                    self.families.leave_children(fact.run)
                self._ended.add(fact.run)
            elif replayed:
                continue
            elif fact.kind in OVER_KINDS:
                over.setdefault(fact.run, TasksOver()).add(fact)
            elif fact.kind == "W":
                self.retries_seen += 1
            else:
                # Apply finished tasks before a run is opened, cancelled or resumed.
                self._apply_over(over)
                self._apply_fact(fact)

    def _is_replayed(self, announcement: Announcement) -> bool:
        if self._replay_until is not None and moment(announcement.id) > self._replay_until:
            self._replay_until = None
        return self._replay_until is not None

    def _apply_over(self, over: dict[str, TasksOver]) -> None:
        for run, tasks in over.items():
            active = self.active.get(run)
            if active is not None:
                commands = active.state.tasks_over(tasks.facts, tasks.lengths)
                if active.dag.maps:
                    self._room.grow(active)
                self._commands.execute(active, commands)
        over.clear()

    def _apply_fact(self, fact: Fact) -> None:
        active = self.active.get(fact.run)
        if fact.kind == "versions":
            if active is not None and self._serving.may_share(active.dag, fact.versions):
                self._reports.mixed(active, fact.versions.values())
        elif fact.kind == "cancel":
            if active is not None:
                self._commands.execute(active, active.state.cancel())
            elif fact.run in self._room.waiting:
                self._open(fact.run, must=True)  # it ends at once: none of its tasks was queued
        elif fact.kind == "submit" and active is None:
            known = self._loader.known_graph(fact.digest)
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
        self._commands.execute(active, active.state.start())

    def _open(self, run: str, *, must: bool = False) -> None:
        """Start or restore a run from its data in Redis. End a run that cannot be read.

        A run without room in memory has to wait, unless it ``must`` be opened.
        """
        try:
            stored = self._store.read_active(run)
            if stored is None:
                self._room.leave(run)
                return
            dag = self._loader.graph(stored.digest)
            if not (must or self._room.admit(run, dag)):
                self._reports.waits(run, dag)
                return
            states = self._loader.states(run, dag, stored.resuming)
            active = self._activate(run, dag)
            commands = active.restore(states, stored.stop)
        except CorruptData as error:
            self._end_broken(run, error)
        except MemoryError:
            self._forget(run)
            self._reports.lacks_memory(run, self._room.postpone(run))
        else:
            self._room.settle(run)
            self._room.grow(active)
            self._commands.execute(active, commands)

    def _activate(self, run: str, dag: CompiledDAG) -> Active:
        state = Run(
            dag.graph,
            on_failure=dag.on_failure,
            window=self._window,
            triggers=dag.triggers(),
            not_kept=dag.not_kept(),
            maps=dag.maps,
        )
        active = self.active[run] = Active.of(run, dag, state)
        self._reports.started(active)
        return active

    def _forget(self, run: str) -> None:
        self.active.pop(run, None)
        self._commands.forget(run)
        self._room.leave(run)

    def give_up(self, run: str, error: Exception) -> None:
        """End a run as failed because its data cannot be read. Raises LeaseLost."""
        self._end_broken(run, error)
        self._writer.flush()

    def _end_broken(self, run: str, error: Exception) -> None:
        self._forget(run)
        self._writer.finish(run, RunState.FAILED, None, "")
        self._reports.broken(run, error)

    def _finished(self, active: Active, outcome: RunState, failed: int | None) -> None:
        self._forget(active.run)
        self._reports.over(active, outcome, failed)
