"""A child process of the worker: loads the user's app and runs its lanes.

The parent forks it, and has run no user code and no threads before. The parent sends commands over
the control pipe, one per line: ``stop LANE RUN,TASK,ATTEMPT`` (cancelled), ``claimers N`` (so many
are alive), ``drain`` (finish and exit). When the pipe closes, the parent is dead; the child then
exits at once, since nothing renews its lease.

The child records why it ends itself in its execution slots: see ``config.ExitReason``. It ignores
TERM and INT, which are for the parent: a service manager that sends them to all processes of a
service must not end tasks.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from flowkit.app import load_app
from flowkit.basics.display_text import error_text
from flowkit.basics.environment import withhold_secrets
from flowkit.core.dag_cache import DAGCache
from flowkit.core.lanes import is_async_lane, lanes_of
from flowkit.daemon.monkey_patches import why_refused
from flowkit.daemon.outage import OutageLog
from flowkit.definition.task import Task, registered_refs
from flowkit.events.event import Listener
from flowkit.events.workers import AppBroken, WorkerLeaseLost
from flowkit.exceptions import FlowkitError, LeaseLost, StoreError
from flowkit.logging import configure_logging
from flowkit.logging.capture import start_capture
from flowkit.logging.event_log import EventLog
from flowkit.logging.task_lines import redact, set_sink
from flowkit.processes.signals import obey_parent_alone
from flowkit.processes.standard_streams import detach_from_terminal, keep_streams_open
from flowkit.protocol.keys import ready_list
from flowkit.protocol.link import Link
from flowkit.protocol.worker_store import WorkerStore
from flowkit.settings import MAX_VALUE_BYTES, adopt_settings

from .app_versions import LoadedApp
from .async_lane import AsyncLane
from .config import ExitReason, WorkerConfig
from .control import die_with_parent, obey
from .execution_slots import ChildMark, ExecutionSlots
from .executor import Executor
from .inputs import Inputs
from .lane_reports import LaneReports
from .mailbox import Mailbox
from .output_pipe import ChildPipes, OutputPipe
from .program_output import ProgramOutput
from .self_report import hear_tasks
from .signed_values import SignedValues
from .sync_lane import SyncLane
from .trouble import Trouble


class Child:
    """The parts of one child process."""

    def __init__(
        self,
        config: WorkerConfig,
        number: int,
        worker: str,
        slots: ExecutionSlots,
        control: int,
        pipes: ChildPipes | None = None,
    ) -> None:
        """``control``: the read end of the pipe from the parent. ``pipes``: the write ends of those
        for what tasks print, None if it is not kept.
        """
        self._config = config
        self._slots = slots
        self._control = control
        self._pipes = pipes
        self.output: OutputPipe | None = None
        self._programs: ProgramOutput | None = None
        self._lane_id, self._async_id = lanes_of(worker, number)
        self._log = configure_logging(config.log_level, config.log_json)
        self._listener: Listener = EventLog(self._log, on_worker=True)
        self._stop_links = threading.Event()
        self._waiters: list[WorkerStore] = []
        self._exit = ExitReason.DONE
        self._graphs = DAGCache()  # of both lanes
        self._sync: SyncLane | None = None
        self._async: AsyncLane | None = None
        self._app = LoadedApp()

    def run(self) -> NoReturn:
        """Load the app, run the lanes, exit."""
        die_with_parent()
        # In a separate session, the terminal's Ctrl-C reaches only the parent, and the parent can
        # kill this child's group together with the processes that its tasks started.
        detach_from_terminal()
        keep_streams_open()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        obey_parent_alone()
        withhold_secrets()
        if self._config.settings is not None:
            adopt_settings(self._config.settings)
        self._open_log(records=False)  # the app's handlers must write to captured streams
        for app in self._config.apps:
            try:
                load_app(app)
            except FlowkitError as error:
                self._refuse_app(str(error))
            except BaseException as error:  # even a KeyboardInterrupt comes from the app here
                self._refuse_app(f"{app} cannot be loaded: it raises {error_text(error)}.")
        if patched := why_refused(f"The app {self._config.app}"):
            self._refuse_app(patched)
        if not registered_refs():
            self._refuse_app(
                f"{self._config.app} has no tasks. Give the file or module that defines or imports "
                "them: --app FILE.py or --app package.module."
            )
        self._open_log(records=True)
        obey_parent_alone()  # again, since the app may have set handlers
        hear_tasks(self._slots)
        self._app = LoadedApp.of(registered_refs(), self._config.app_version)
        self.register_app()
        self._slots.mark(ChildMark.READY)  # before it can claim: see the daemon's _dismiss
        sync_lane = self._open_lanes()
        threading.Thread(target=obey, args=(self, self._control), daemon=True).start()
        gc.collect()
        gc.freeze()
        self._leave(self._work(sync_lane))

    def _refuse_app(self, why: str) -> NoReturn:
        self._listener.hear(AppBroken(worker=self._lane_id, reason=why))
        self._leave(ExitReason.APP_BROKEN)

    def _open_log(self, *, records: bool) -> None:
        """Set up the log of this process; again after the app, which may have changed it.

        The worker's options win over the app's: they define the format of the worker's log.
        """
        config = self._config
        if not records:
            redact(config.log_redact)
            self._open_output()
        self._log = configure_logging(config.log_level, config.log_json)
        self._listener = EventLog(self._log, on_worker=True)
        set_sink(self.output)  # the app may have set another
        self._log.logger.disabled = False  # logging.config.dictConfig disables existing loggers
        if config.capture_output:
            start_capture(self._log.logger, {"worker": self._lane_id}, records=records)

    def _open_output(self) -> None:
        """Send what tasks print, and what their programs write, to the log collector."""
        if self._pipes is not None:
            self.output = OutputPipe(self._pipes.records)
            self._programs = ProgramOutput(self._pipes.programs, self._pipes.token)

    def _work(self, sync_lane: SyncLane) -> ExitReason:
        try:
            if self._async is not None:
                self._async.start()
            sync_lane.run()
            if self._async is not None:
                self._async.drain()
                self._async.join()
        except LeaseLost as error:
            self._listener.hear(WorkerLeaseLost(worker=self._lane_id, reason=str(error)))
            return ExitReason.LEASE_LOST
        return self._exit

    def _leave(self, code: ExitReason) -> NoReturn:
        self._slots.record_exit_reason(code)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # user code may have replaced them with anything
                stream.flush()
        # No interpreter shutdown: threads of user code must not keep a finished child alive.
        os._exit(code)

    # -- lanes ----------------------------------------------------------------------------------

    def _open_lanes(self) -> SyncLane:
        mailbox, waiter, inputs, executor = self._lane_parts(self._lane_id, is_async=False)
        self._sync = SyncLane(
            mailbox,
            waiter,
            inputs,
            executor,
            self._slots,
            trouble=self._trouble(self._lane_id),
            may_claim_more=self._may_claim_more,
            programs=self._programs,
        )
        if any(task.is_async for task in Task._all_tasks):
            parts = self._lane_parts(self._async_id, is_async=True)
            trouble = self._trouble(self._async_id)
            self._async = AsyncLane(*parts, self._slots, trouble=trouble)
        return self._sync

    def _trouble(self, lane: str) -> Trouble:
        return Trouble(OutageLog(self._listener, lambda: lane), self._lane_broke)

    def _lane_parts(
        self, lane: str, *, is_async: bool
    ) -> tuple[Mailbox, WorkerStore, Inputs, Executor]:
        config = self._config
        # The lane's thread reads values while the reporter sends outcomes: they need two links.
        signed = SignedValues(config.signing_keys, config.namespace)
        limit = config.max_result_bytes
        inputs = Inputs(self._store(lane, limit), limit, self._graphs, signed)
        # Claims carry parameters, so this link must be able to read at least one claim.
        store = self._store(lane, MAX_VALUE_BYTES, on_new_server=inputs.forget)
        waiter = self._store(lane)
        self._waiters.append(waiter)
        lists = [ready_list(queue, is_async=is_async) for queue in config.queues]
        reports = LaneReports(self._listener, self._lane_id)
        mailbox = Mailbox(
            store,
            lane,
            lists,
            claimers=config.processes,
            app=self._app.id,
            on_stale=reports.stale,
            on_sent=inputs.recorded,
            on_refused=reports.refused,
        )
        executor = Executor(
            inputs,
            self._listener,
            lane,
            config.app,
            limit,
            functions=self._app.functions,
            version=self._app.version,
        )
        return mailbox, waiter, inputs, executor

    def _store(
        self, lane: str, max_value: int = 0, on_new_server: Callable[[], None] | None = None
    ) -> WorkerStore:
        link = Link(
            self._config.redis_url,
            name=f"flowkit-worker-{lane}",
            patience=None,
            on_new_server=on_new_server,
            stopped=self._stop_links,
            max_value=max_value,
        )
        return WorkerStore(link, self._config.namespace)

    def _may_claim_more(self, done: int) -> bool:
        limit = self._config.max_tasks_per_child
        total = done + (self._async.done if self._async is not None else 0)
        if limit and total >= limit:
            self._exit = ExitReason.RECYCLED
            return False
        return True

    def _lane_broke(self, error: BaseException) -> None:
        if not isinstance(error, FlowkitError):
            traceback.print_exception(error)
            self._leave(ExitReason.BROKEN)
        self._listener.hear(WorkerLeaseLost(worker=self._async_id, reason=str(error)))
        self._leave(ExitReason.LEASE_LOST)

    # -- commands of the parent -----------------------------------------------------------------

    def cancel(self, lane: str, attempt: str) -> None:
        """End an attempt (``run,task,attempt``) of this lane. Any thread."""
        target = self._async if is_async_lane(lane) else self._sync
        if target is not None:
            target.cancel(attempt)

    def set_claimers(self, claimers: int) -> None:
        """Set how many claimers a short list is to be divided among. Any thread."""
        for lane in (self._sync, self._async):
            if lane is not None:
                lane.set_claimers(claimers)

    def register_app(self) -> None:
        """Record which functions this app has, so that this worker gets no others. Any thread."""
        store, app = self._store(self._lane_id), self._app
        with suppress(StoreError):  # the heartbeat tells when it is not recorded
            ids, lease_ms = app.functions | app.pinned, self._config.lease_ms
            store.register_app(app.id, ids, app.version, lease_ms=lease_ms)
        store.close()
        self._slots.record_app(app.id, app.version)

    def drain(self) -> None:
        """Finish what is executing, claim nothing more, and exit. Any thread."""
        # From here on the links do not wait for an outage to end, and waiting for work is aborted.
        self._stop_links.set()
        for lane in (self._sync, self._async):
            if lane is not None:
                lane.drain()
        self._slots.mark(ChildMark.DRAINS)
        for waiter in self._waiters:
            waiter.link.interrupt()
