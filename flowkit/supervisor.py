"""One process for each shard, kept by a parent that does nothing else.

The parent forks a child per shard and starts one again that dies, after a pause that grows. It has
no threads and no connection, so forking is safe, and nothing that goes wrong with one shard stops
the others. TERM and Ctrl-C are passed on, each time they come; the parent ends when all have ended,
with the worst of their exit codes. If it is killed, the kernel tells the children to end in good
order (``flowkit.leash``).

A child that refuses its work ends all of it, for the others would fare alike or the list of shards
is wrong: by exit code 2 at any time, by another one only if it never got going.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from .leash import tie_to
from .logging import FlowkitLogger, LogLevel
from .process_end import how_it_ended

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
QUICK_S, SETTLED_S = 2.0, 10.0
WRONG_USAGE = 2  # options, an app or a list of shards that cannot work
_ASKED = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class Charge:
    """A child to be kept. ``name``: for people. ``main``: what it does; returns its exit code."""

    name: str
    main: Callable[[], int]
    pid: int = 0
    born: float = 0.0
    due: float = 0.0
    pause: float = 0.0
    starts: int = 0


class Supervisor:
    """Keeps one process per charge: ``run`` returns the exit code."""

    def __init__(
        self,
        charges: Sequence[Charge],
        logger: FlowkitLogger,
        *,
        on_death: Callable[[Charge], None] = lambda charge: None,
    ) -> None:
        """``on_death`` is called in the parent for each child that has ended."""
        self._charges = charges
        self._log = logger
        self._on_death = on_death
        self._signals = 0
        self._passed_on = 0
        self._code = 0

    def run(self) -> int:
        """Keep the children until told to stop, then until all have ended."""
        wake = self._catch_signals()
        while not self._signals:
            self._start_due()
            self._sleep(wake)
            self._collect()
        while self._alive():
            self._pass_signals_on()
            self._sleep(wake)
            self._collect()
        return self._code

    def _alive(self) -> list[Charge]:
        return [one for one in self._charges if one.pid]

    # -- signals --------------------------------------------------------------------------------

    def _catch_signals(self) -> int:
        """Make signals wake the loop; return the descriptor to wait on."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in _ASKED:
            signal.signal(number, self._note)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        return reader

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _sleep(self, wake: int) -> None:
        """Sleep until a signal comes, a child's end among them, or a child is to be started."""
        due = [one.due - time.monotonic() for one in self._charges if not one.pid]
        longest = max(0.0, min(due)) if due and not self._signals else 1.0
        select.select([wake], [], [], longest)
        with suppress(BlockingIOError):
            os.read(wake, 4096)

    def _pass_signals_on(self) -> None:
        while self._passed_on < self._signals:
            self._passed_on += 1
            for one in self._alive():
                with suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGTERM)

    # -- starting and dying ---------------------------------------------------------------------

    def _start_due(self) -> None:
        for one in self._charges:
            if not one.pid and time.monotonic() >= one.due:
                self._start(one)

    def _start(self, one: Charge) -> None:
        # A signal that came between the fork and the child's own handlers would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)
        sys.stdout.flush()  # or the child would write what is in there once more
        sys.stderr.flush()
        parent = os.getpid()
        try:
            one.pid = os.fork()
            if one.pid == 0:
                _become(one, parent)
            one.born = time.monotonic()
            one.starts += 1
        except OSError as error:  # no memory, or no process to be had: the others go on
            self._try_later(one, f"The process of {one.name} cannot be started: {error}")
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)

    def _try_later(self, one: Charge, why: str) -> None:
        one.pause = min(max(FIRST_PAUSE_S, one.pause * 2), LONGEST_PAUSE_S)
        one.due = time.monotonic() + one.pause
        self._log.event(LogLevel.ERROR, "shard_process_died", f"{why} and is started again")

    def _collect(self) -> None:
        for one in self._alive():
            ended, status = os.waitpid(one.pid, os.WNOHANG)
            if ended:
                one.pid = 0
                self._on_death(one)
                self._hear_of(one, os.waitstatus_to_exitcode(status))

    def _hear_of(self, one: Charge, code: int) -> None:
        lived = time.monotonic() - one.born
        if self._signals:
            asked = code in (0, -signal.SIGTERM)  # by TERM itself before it could listen
            self._code = max(self._code, 0 if asked else max(code, 1))
            return
        if code == WRONG_USAGE or (code > 1 and one.starts == 1 and lived < SETTLED_S):
            self._code = code
            self._signals += 1
            return
        if lived >= QUICK_S:
            one.pause = 0.0
        self._try_later(one, f"The process of {one.name} ended by {how_it_ended(code)}")


def _become(one: Charge, parent: int) -> NoReturn:
    """In the child: leave what is the parent's, and do the work."""
    code = 1
    try:
        os.setpgid(0, 0)  # the terminal's Ctrl-C is for the parent, which passes it on
        signal.set_wakeup_fd(-1)
        for number in (*_ASKED, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
        tie_to(parent)
        code = one.main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:
        traceback.print_exc()  # above here nobody would say what broke it
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
