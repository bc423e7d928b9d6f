"""The parent's children: starting them, hearing of their ends, ending them.

A child is identified by its number, which is never used again within this worker: its lanes'
names then name one process start, and an outcome of an earlier child can never pass for a later
one's. Forking is safe because the parent has no threads and no open connection is used by both.
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

from ..process_end import how_it_ended
from ..process_tree import kill_tree
from .board import Board, Executing
from .config import ExitCode, WorkerConfig


@dataclass(slots=True)
class Kid:
    """One child as its parent sees it."""

    number: int
    pid: int
    board: Board
    control: int
    lanes: tuple[str, str]
    born: float

    def tell(self, line: str) -> None:
        """Send one line over the control pipe; a child that is gone or stuck does not hear it.

        What would end the line before its end is a blank: nothing that a line quotes can be taken
        for another one.
        """
        with contextlib.suppress(OSError):
            os.write(self.control, " ".join(line.split()).encode(errors="replace") + b"\n")

    def kill(self) -> None:
        """End the child and everything that its tasks started. It is not asked."""
        kill_tree(self.pid)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[list[Executing]]:
        """Stop the child's process for a moment and yield what it is executing.

        Between a look at the board and a kill the child could go on to another attempt, which
        would then die for its predecessor. A stopped process cannot.
        """
        try:
            os.kill(self.pid, signal.SIGSTOP)
        except ProcessLookupError:
            yield []
            return
        try:
            yield list(self.board.executing())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Death:
    """A child that ended. ``code``: its exit code, negative for a signal; ``lived``: seconds.

    ``said``: why it ended itself, None if something else ended it, such as user code.
    """

    kid: Kid
    code: int
    lived: float
    executing: tuple[Executing, ...]
    said: int | None = None

    @property
    def orderly(self) -> bool:
        """Whether it ended as it should: drained, or after as many tasks as it may run."""
        return self.said in (ExitCode.DONE, ExitCode.RECYCLED)

    @property
    def how(self) -> str:
        """What ended it, for people."""
        return how_it_ended(self.code)


class Children:
    """All children of one worker."""

    def __init__(
        self,
        config: WorkerConfig,
        worker: str,
        child_main: Callable[[WorkerConfig, int, str, Board, int], None],
        before_child: Callable[[], None],
    ) -> None:
        """``child_main`` runs in the child and never returns; ``before_child`` first tidies up
        what the child must not share with its parent.
        """
        self._config = config
        self._worker = worker
        self._child_main = child_main
        self._before_child = before_child
        self._next = 0
        self.alive: dict[int, Kid] = {}

    def next_lanes(self) -> tuple[str, str]:
        """Return the names of the next child's lanes, sync and async, to be registered first."""
        return f"{self._worker}.{self._next}", f"{self._worker}.{self._next}a"

    def fork(self) -> Kid:
        """Start the next child."""
        number, lanes = self._next, self.next_lanes()
        self._next += 1
        board = Board(self._config.concurrency)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(writer)
                for kid in self.alive.values():
                    os.close(kid.control)
                self._before_child()
                self._child_main(self._config, number, self._worker, board, reader)
            except BaseException:
                traceback.print_exc()  # above here nobody would say what broke the child
            finally:
                sys.stderr.flush()
                os._exit(1)
        os.close(reader)
        os.set_blocking(writer, False)
        kid = Kid(number, pid, board, writer, lanes, time.monotonic())
        self.alive[pid] = kid
        return kid

    def collect(self) -> list[Death]:
        """Return the children that have ended since the last call."""
        deaths: list[Death] = []
        for pid, kid in list(self.alive.items()):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, 0
            if not ended:
                continue
            del self.alive[pid]
            code = os.waitstatus_to_exitcode(status) if status else 0
            lived = time.monotonic() - kid.born
            board = kid.board
            deaths.append(Death(kid, code, lived, tuple(board.executing()), board.said_end))
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # what its tasks started and left behind
            os.close(kid.control)
            kid.board.close()
        return deaths

    def lanes(self) -> list[str]:
        """Return the lanes of all children that live."""
        return [lane for kid in self.alive.values() for lane in kid.lanes]

    def kid_of(self, lane: str) -> Kid | None:
        """Return the living child that has this lane."""
        return next((kid for kid in self.alive.values() if lane in kid.lanes), None)
