"""The process of the log collector: it reads the output pipes of a worker's children.

One thread reads all pipes, another one sends to Redis (``log_sender``), so pipes are drained
whatever Redis does. After a read it rests for ``REST_S``: a task that prints a lot wakes it 50
times a second, not for each line. The parent's messages end the rest, since the parent waits for
the answer. Each is one line: ``+LANE LANE TOKEN`` (the lanes of a child) with the read ends of its
pipes and its slots, and ``-LANE`` (the first of them) when the child is dead. The answer to the
latter is ``LANE``, when its lines are in Redis or cannot be stored now.

It ignores the signals that are for the parent. When the parent's socket closes, the parent has
stopped or is dead. Then it reads what the pipes still hold, sends it within ``LAST_S``, and exits.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from flowkit.daemon.outage import OutageLog
from flowkit.events.event import Listener
from flowkit.events.workers import TaskLogsGivenUp
from flowkit.logging.event_log import EventLog
from flowkit.logging.logger import FlowkitLogger
from flowkit.logging.task_lines import redact
from flowkit.protocol.link import Link
from flowkit.protocol.log_store import LogStore

from .config import WorkerConfig
from .log_backlog import Backlog
from .log_frames import FrameReader, GarbledOutput
from .log_sender import LAST_S, LogSender
from .log_sender import start as start_sender
from .program_lines import ProgramLines

REST_S = 0.02
READ_BYTES = 1024 * 1024
MOST_READS = 8  # of one pipe without looking at the others; of the pipe of a dead child at all
CALLS_OF_A_GENERATION = 10**9
MOST_ORPHANED = 64  # pipes of dead children
# It is no foreground process, which a terminal may stop when it writes (stty tostop).
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGTTOU)


@dataclass(slots=True)
class ReadChild:
    """One child whose pipes are read. ``is_garbled``: its records are no longer understood."""

    lanes: tuple[str, str]
    records: int
    programs: int
    frames: FrameReader
    lines: ProgramLines
    is_garbled: bool = False


class Collecting:
    """Reads the pipes."""

    def __init__(
        self,
        control: socket.socket,
        backlog: Backlog,
        listener: Listener,
        logger: logging.Logger,
    ) -> None:
        """``control``: the connection to the parent. ``logger``: for the lines of programs."""
        self._control = control
        self._backlog = backlog
        self._logger = logger
        self._listener = listener
        self._sender: LogSender | None = None
        self.reads_from_start = True
        self.worker = ""  # the id of the worker, for the log
        self._children: dict[str, ReadChild] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._pending = b""
        self._received: list[int] = []
        self._orphaned: dict[int, ProgramLines] = {}  # pipes that programs of dead children hold

    def acknowledge(self, lane: str) -> None:
        """Tell the parent that the lines of a dead child are stored, or cannot be. Any thread."""
        self._control.sendall(f"{lane}\n".encode())

    def run(self, sender: LogSender) -> None:
        """Read until the parent's socket closes, and then what is left."""
        self._sender = sender
        only_control = select.poll()
        only_control.register(self._control, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in self._poll.poll()}
            if self._control.fileno() in ready and not self._obey():
                break
            if self._read_ready(ready):
                only_control.poll(REST_S * 1000)
        for child in list(self._children.values()):
            self._drain(child)

    def _read_ready(self, ready: set[int]) -> bool:
        """Read the pipes that have something; return whether there were any."""
        read = False
        for child in list(self._children.values()):
            for pipe, take in ((child.records, self._records), (child.programs, self._programs)):
                if pipe in ready:
                    read = True
                    if take(child) == 0:
                        self._poll.unregister(pipe)  # all writers are gone
        for pipe in [item for item in self._orphaned if item in ready]:
            read = True
            self._pass_on(pipe)
        return read

    # -- the parent's messages ------------------------------------------------------------------

    def _obey(self) -> bool:
        """Carry out what the parent says; return False if it is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, 65536, 16)
        except OSError:
            return False
        self._received += descriptors
        if not data:
            return False
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            match line.decode("ascii", "replace").split():
                case [sync_lane, async_lane, token]:
                    self._add((sync_lane[1:], async_lane), token)
                case [lane]:
                    self._remove(lane[1:])
        return True

    def _add(self, lanes: tuple[str, str], token: str) -> None:
        records, programs, slots = (self._received.pop(0) for _ in range(3))
        self.worker = lanes[0].partition(".")[0]
        frames = FrameReader(lanes, self._backlog.log_of, from_start=self.reads_from_start)
        lines = ProgramLines(lanes, token, slots, self._backlog.log_of, self._logger)
        self._children[lanes[0]] = ReadChild(lanes, records, programs, frames, lines)
        for pipe in (records, programs):
            os.set_blocking(pipe, False)
            self._poll.register(pipe, select.POLLIN)

    def _remove(self, lane: str) -> None:
        child = self._children.pop(lane, None)
        if child is None:
            self.acknowledge(lane)
            return
        self._drain(child)
        with self._backlog.adding():
            child.lines.end()
        with suppress(KeyError):
            self._poll.unregister(child.records)
        os.close(child.records)
        # A program that a task has left behind may write to it, and closing it would kill that.
        self._orphaned[child.programs] = child.lines
        if len(self._orphaned) > MOST_ORPHANED:
            self._close_orphaned(next(iter(self._orphaned)))
        if self._sender is not None:
            self._sender.flush(child.lanes)

    # -- reading --------------------------------------------------------------------------------

    def _drain(self, child: ReadChild) -> None:
        """Read what the pipes hold. A process that a task left behind may add to them forever."""
        for take in (self._records, self._programs):
            for _ in range(MOST_READS):
                if not take(child):
                    break

    def _records(self, child: ReadChild) -> int | None:
        """Read a part of the records; return its bytes, None for nothing now, 0 for the end."""
        data = _read(child.records)
        if data and not child.is_garbled:
            try:
                with self._backlog.adding():
                    child.frames.feed(data)
            except GarbledOutput as error:
                child.is_garbled = True
                self._backlog.end(child.lanes)  # the ends of its attempts are not read any more
                reason = f"a task has written something else into flowkit's pipe ({error})"
                self._listener.hear(TaskLogsGivenUp(worker=child.lanes[0], reason=reason))
        return None if data is None else len(data)

    def _programs(self, child: ReadChild) -> int | None:
        """Read a part of what programs wrote; return its bytes, None or 0, as ``_records``."""
        executing = child.lines.executing()
        data = _read(child.programs)
        if data:
            child.lines.has_filter = child.frames.has_filter
            with self._backlog.adding():
                child.lines.feed(data, executing)
        return None if data is None else len(data)

    def _pass_on(self, pipe: int) -> None:
        data = _read(pipe)
        if data:
            self._orphaned[pipe].pass_on(data)
        elif data is not None:
            self._close_orphaned(pipe)

    def _close_orphaned(self, pipe: int) -> None:
        del self._orphaned[pipe]
        with suppress(KeyError):
            self._poll.unregister(pipe)
        os.close(pipe)


def _read(pipe: int) -> bytes | None:
    """Read a part of a pipe. None if there is nothing now: a task can read its pipes too."""
    try:
        return os.read(pipe, READ_BYTES)
    except BlockingIOError:
        return None


def collect(control: socket.socket, config: WorkerConfig, generation: int) -> NoReturn:
    """Be the log collector, until the parent is gone. ``generation``: 0 for the worker's first."""
    try:
        os.setpgid(0, 0)  # the terminal's Ctrl-C is for the parent
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _collect(control, config, generation)
    finally:
        os._exit(0)


def _collect(control: socket.socket, config: WorkerConfig, generation: int) -> None:
    log = FlowkitLogger("flowkit", config.log_level, config.log_json)
    listener = EventLog(log, on_worker=True)
    redact(config.log_redact)
    link = Link(
        config.redis_url,
        name="flowkit-worker-logs",
        patience=0.0,
        read_timeout=max(1.0, config.lease / 3),
    )
    backlog = Backlog(config.task_log_bytes, generation=generation)
    collecting = Collecting(control, backlog, listener, log.logger)
    collecting.reads_from_start = generation == 0
    sender = LogSender(
        LogStore(link, config.namespace),
        backlog,
        OutageLog(listener, lambda: collecting.worker),
        run_bytes=config.run_log_bytes,
        first_call=generation * CALLS_OF_A_GENERATION,
        acknowledge=collecting.acknowledge,
    )
    thread = start_sender(sender)
    collecting.run(sender)
    sender.close()
    thread.join(LAST_S)
