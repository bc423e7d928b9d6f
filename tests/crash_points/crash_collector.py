"""The log collector of a worker in the test's own process: it takes turns, as all processes do.

Its pipes, their records, the backlog and the sender are the real ones. Only the process and its
socket are replaced: a child tells it of its pipe by a call, and its clock is the scenario's. It is
no guest of its worker: it outlives it, and sends what the tasks had printed by then.

Each attempt that notes its start prints a line too, with the number of that start in the scenario.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from crash_seam import Died, Process

from flowkit.context import attempt_fields
from flowkit.logging.streams import Who
from flowkit.protocol.log_store import LogStore
from flowkit.worker.children import Lanes
from flowkit.worker.log_backlog import Backlog
from flowkit.worker.log_frames import FrameReader
from flowkit.worker.log_reading import CALLS_OF_A_GENERATION
from flowkit.worker.log_sender import LogSender
from flowkit.worker.output_pipe import OutputPipe, new_pipe

if TYPE_CHECKING:
    from crash_environment import Environment

ATTEMPT_BYTES = RUN_BYTES = 1024 * 1024  # more than any scenario prints
STDOUT_LEVEL = 20
READ_BYTES = 65536


class NoOutage:
    """Hears of outages, and says nothing."""

    def away(self, error: Exception) -> None:
        """Do nothing."""

    def back(self) -> None:
        """Do nothing."""


class Pipe:
    """The pipe of one child: what it writes to, and what its collector reads from."""

    def __init__(self, process: Process, lanes: Lanes) -> None:
        self.process = process
        self.lanes = lanes
        self._reader, self._writer = new_pipe()
        self.output = OutputPipe(self._writer)

        self._open: set[Who] = set()

    def print_line(self, text: str) -> None:
        """Print a line of the attempt that runs."""
        fields = attempt_fields()
        assert fields is not None
        self._open.add(fields[:3])
        self.output.add(fields[:3], STDOUT_LEVEL, "stdout", text)

    def end_attempts(self) -> None:
        """Say that the attempts which have printed are over."""
        while self._open:
            self.output.end(self._open.pop())

    def read(self) -> bytes:
        """Return what it holds."""
        with suppress(BlockingIOError):
            return os.read(self._reader, READ_BYTES)
        return b""

    def close(self) -> None:
        """Give it back to the test's own process."""
        os.close(self._reader)
        os.close(self._writer)


class CollectorUnit:
    """One process of a log collector. ``generation``: how many of its worker have died before."""

    def __init__(self, env: Environment, worker: Process, generation: int = 0) -> None:
        self._env = env
        self._worker = worker
        self.generation = generation
        self.process = Process(env, "collector")
        self._backlog = Backlog(ATTEMPT_BYTES, generation=generation, monotonic=env.seconds)
        self._frames: dict[Pipe, FrameReader] = {}
        outages: Any = NoOutage()
        self._sender = LogSender(
            LogStore(self.process.link(patience=0.0), env.namespace),
            self._backlog,
            outages,
            run_bytes=RUN_BYTES,
            first_call=generation * CALLS_OF_A_GENERATION,
            acknowledge=lambda lane: None,
        )
        self._sender._rest = lambda: None  # type: ignore[method-assign]

    def add(self, pipe: Pipe) -> None:
        """Read a pipe from now on."""
        self._frames[pipe] = FrameReader(
            pipe.lanes, self._backlog.log_of, from_start=not self.generation
        )
        if self.generation:
            pipe.output.announce_again()

    def replaced(self) -> CollectorUnit:
        """Return another one in the place of this one, which has died, with the same pipes."""
        other = CollectorUnit(self._env, self._worker, self.generation + 1)
        for pipe in self._frames:
            other.add(pipe)
        return other

    def remove(self, lanes: Lanes) -> None:
        """The child with these lanes is dead: send what it has printed before that is reported."""
        for pipe in [item for item in self._frames if item.lanes == lanes]:
            self._read(pipe)
            del self._frames[pipe]
        self._sender.flush(lanes)
        self.turn()

    def turn(self) -> bool:
        """Read the pipes and send what is due; return whether there was anything.

        When its worker is gone it does so for the last time.
        """
        process = self.process
        if process.executing or not process.alive or process in self._env.paused:
            return False
        for pipe in self._frames:
            self._read(pipe)
        before, is_last = len(self._env.calls), not self._worker.alive
        process.executing = True
        try:
            if is_last:
                self._sender.close()
                self._sender.run()
            else:
                self._sender.run_once()
        except Died:
            if process.alive:
                raise
        finally:
            process.executing = False
        if is_last:
            process.end()
        return len(self._env.calls) > before

    def _read(self, pipe: Pipe) -> None:
        with self._backlog.adding():
            while data := pipe.read():
                self._frames[pipe].feed(data)


class PlayedCollector:
    """The collector as its worker sees it: see ``LogCollector``."""

    def __init__(self, env: Environment, worker: Process) -> None:
        self._env = env
        self._worker = worker
        self._unit = CollectorUnit(env, worker)
        env.collectors.append(self._unit)

    def connect(self, process: Process, lanes: Lanes) -> None:
        """A child starts: let it have a pipe."""
        pipe = Pipe(process, lanes)
        self._env.pipes.append(pipe)
        self._unit.add(pipe)

    def remove(self, lanes: Lanes) -> None:
        """A child is dead: wait until its lines are sent."""
        self._env.paused.add(self._worker)
        try:
            self._unit.remove(lanes)
        finally:
            self._env.paused.discard(self._worker)

    def check(self) -> None:
        """Replace the process if it has died."""
        if not self._unit.process.alive:
            self._unit = self._unit.replaced()
            self._env.collectors.append(self._unit)
