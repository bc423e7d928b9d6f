"""The child processes of a worker: starting them, noticing their ends, killing them.

A child has a number that this worker never reuses. So the names of its lanes identify one start of
a process, and an outcome of an earlier child never passes for one of a later child. Forking is
safe because the parent has no threads and shares no open connection with its children.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flowkit.core.lanes import lanes_of
from flowkit.events.workers import ChildDied
from flowkit.processes.ends import how_it_ended
from flowkit.processes.tree import kill_tree

from .config import ExitReason, WorkerConfig
from .execution_slots import ChildMark, Executing, ExecutionSlots
from .output_pipe import ChildPipes

ANSWER_S, ANSWER_TICK_S = 1.0, 0.01

Lanes = tuple[str, str]  # the names of the sync and of the async lane of a child


@dataclass(slots=True)
class ChildProcess:
    """One child as its parent sees it."""

    number: int
    pid: int
    slots: ExecutionSlots
    control: int
    lanes: Lanes
    started_at: float

    def tell(self, line: str) -> None:
        """Send one line over the control pipe. A child that is gone or stuck does not read it.

        Line breaks within ``line`` become blanks, so no quoted text can pass for another line.
        """
        with contextlib.suppress(OSError):
            os.write(self.control, " ".join(line.split()).encode(errors="replace") + b"\n")

    def kill(self) -> None:
        """Kill the child and everything that its tasks started."""
        kill_tree(self.pid)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[list[Executing]]:
        """Stop the child's process for a moment and yield what it is executing.

        Otherwise the child could start another attempt between reading its slots and killing it,
        and that attempt would die for its predecessor.
        """
        try:
            os.kill(self.pid, signal.SIGSTOP)
        except ProcessLookupError:
            yield []
            return
        try:
            yield list(self.slots.executing())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a child. ``code``: its exit code, negative for a signal. ``lived``: seconds.

    ``exit_reason``: why it ended itself, None if something else ended it, such as user code.
    """

    child: ChildProcess
    code: int
    lived: float
    executing: tuple[Executing, ...]
    exit_reason: int | None = None

    @property
    def orderly(self) -> bool:
        """Whether it ended normally: drained, or after ``max_tasks_per_child`` tasks."""
        return self.exit_reason in (ExitReason.DONE, ExitReason.RECYCLED)

    @property
    def how(self) -> str:
        """What ended it, in words."""
        return how_it_ended(self.code)

    def event(self) -> ChildDied:
        """Return the event. It names the attempt if the child was executing only one."""
        attempt = self.executing[0] if len(self.executing) == 1 else None
        return ChildDied(
            pid=self.child.pid,
            how=self.how,
            executing=", ".join(map(str, self.executing)) or "no task",
            task_name=None if attempt is None else attempt.name,
            run_id=None if attempt is None else attempt.run,
            attempt=None if attempt is None else attempt.attempt,
            worker=self.child.lanes[0],
        )


class ChildPool:
    """All children of one worker."""

    def __init__(
        self,
        config: WorkerConfig,
        worker: str,
        child_main: Callable[
            [WorkerConfig, int, str, ExecutionSlots, int, ChildPipes | None], None
        ],
        before_child: Callable[[], None],
        new_pipes: Callable[[Lanes, int], ChildPipes | None] | None = None,
    ) -> None:
        """``child_main`` runs in the child and never returns. ``before_child`` runs before it and
        closes what the child must not share with its parent. ``new_pipes`` gets the lanes
        of a child and the descriptor of its slots, and returns the pipes for its output.
        """
        self._config = config
        self._worker = worker
        self._child_main = child_main
        self._before_child = before_child
        self._new_pipes = new_pipes
        self._next = 0
        self.alive: dict[int, ChildProcess] = {}

    def next_lanes(self) -> Lanes:
        """Return the names of the next child's sync and async lane. Register them before `fork`."""
        return lanes_of(self._worker, self._next)

    def fork(self) -> ChildProcess:
        """Start the next child."""
        number, lanes = self._next, self.next_lanes()
        self._next += 1
        keeps_output = self._new_pipes is not None
        queues = len(self._config.queues)
        slots = ExecutionSlots(self._config.concurrency, queues, in_file=keeps_output)
        pipes = None if self._new_pipes is None else self._new_pipes(lanes, slots.descriptor)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(writer)
                self.forget()
                self._before_child()
                self._child_main(self._config, number, self._worker, slots, reader, pipes)
            except BaseException:
                traceback.print_exc()  # nothing above reports what broke the child
            finally:
                sys.stderr.flush()
                os._exit(1)
        os.close(reader)
        if pipes is not None:
            pipes.close()
        os.set_blocking(writer, False)
        child = ChildProcess(number, pid, slots, writer, lanes, time.monotonic())
        self.alive[pid] = child
        return child

    def tell(self, line: str) -> None:
        """Send one line to each child."""
        for child in self.alive.values():
            child.tell(line)

    def wait_for(self, mark: ChildMark, meanwhile: Callable[[], None]) -> None:
        """Wait until each living child has set a mark, but at most a second.

        A child whose task keeps the interpreter to itself answers no sooner.
        """
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            if all(child.slots.is_marked(mark) for child in self.alive.values()):
                return
            meanwhile()
            time.sleep(ANSWER_TICK_S)

    def forget(self) -> None:
        """In a forked process: close what the parent needs to talk to its children."""
        for child in self.alive.values():
            os.close(child.control)

    def collect(self) -> list[Death]:
        """Return the children that have ended since the last call."""
        deaths: list[Death] = []
        for pid, child in list(self.alive.items()):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, 0
            if not ended:
                continue
            del self.alive[pid]
            code = os.waitstatus_to_exitcode(status) if status else 0
            lived = time.monotonic() - child.started_at
            slots = child.slots
            deaths.append(Death(child, code, lived, tuple(slots.executing()), slots.exit_reason))
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # processes that its tasks left behind
            os.close(child.control)
            child.slots.close()
        return deaths

    def lanes(self) -> list[str]:
        """Return the lanes of all living children."""
        return [lane for child in self.alive.values() for lane in child.lanes]

    def child_of(self, lane: str) -> ChildProcess | None:
        """Return the living child that has this lane."""
        return next((child for child in self.alive.values() if lane in child.lanes), None)
