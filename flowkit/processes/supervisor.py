"""One process per shard, supervised by a parent that does nothing else.

The parent forks a child per shard and restarts a child that dies, after a pause that grows. It has
no threads and no connection, so forking is safe, and a fault of one shard does not stop the others.
The parent passes on every TERM and Ctrl-C. It exits when all children have exited, with the worst
of their exit codes. If the parent is killed, the kernel tells the children to shut down
(``flowkit.processes.parent_death``).

A child that refuses to work ends all of them, since the others would fail too or the list of shards
is wrong. Exit code 2 means that at any time; another code does only if the child never got going.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from ..events.event import Listener
from ..events.workers import ShardProcessDied
from .ends import WRONG_USAGE, how_it_ended
from .parent_death import tie_to
from .restart_pause import RestartPause
from .signal_alarm import SignalAlarm

LONGEST_PAUSE_S = 5.0
QUICK_S, SETTLED_S = 2.0, 10.0
LONGEST_SLEEP_S = 1.0
_ASKED = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class SupervisedProcess:
    """A child to keep running. ``name``: for messages. ``main``: runs in it, returns its exit code.

    ``pid``: 0 while it does not run. ``pause``: before its next start.
    """

    name: str
    main: Callable[[], int]
    pid: int = 0
    started_at: float = 0.0
    starts: int = 0
    pause: RestartPause = field(default_factory=lambda: RestartPause(LONGEST_PAUSE_S))


class Supervisor:
    """Keeps these processes running: ``run`` returns the exit code."""

    def __init__(
        self,
        processes: Sequence[SupervisedProcess],
        listener: Listener,
        *,
        on_death: Callable[[SupervisedProcess], None] = lambda process: None,
    ) -> None:
        """``on_death`` is called in the parent for each child that has exited."""
        self._processes = processes
        self._listener = listener
        self._on_death = on_death
        self._signals = 0
        self._passed_on = 0
        self._code = 0

    def run(self) -> int:
        """Keep the children running until told to stop, then wait until all have exited."""
        alarm = SignalAlarm()
        for number in _ASKED:
            signal.signal(number, self._note)
        while not self._signals:
            self._start_due()
            alarm.sleep(self._until_next_start())
            self._collect()
        while self._alive():
            self._pass_signals_on()
            alarm.sleep(LONGEST_SLEEP_S)
            self._collect()
        return self._code

    def _alive(self) -> list[SupervisedProcess]:
        return [process for process in self._processes if process.pid]

    # -- signals --------------------------------------------------------------------------------

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _pass_signals_on(self) -> None:
        while self._passed_on < self._signals:
            self._passed_on += 1
            for process in self._alive():
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)

    # -- starting and dying ---------------------------------------------------------------------

    def _until_next_start(self) -> float:
        due = [
            process.pause.due - time.monotonic() for process in self._processes if not process.pid
        ]
        return max(0.0, min(due)) if due and not self._signals else LONGEST_SLEEP_S

    def _start_due(self) -> None:
        for process in self._processes:
            if not process.pid and process.pause.is_over():
                self._start(process)

    def _start(self, process: SupervisedProcess) -> None:
        # A signal between the fork and the child's own handlers would be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)
        sys.stdout.flush()  # or the child would write the buffered text again
        sys.stderr.flush()
        parent = os.getpid()
        try:
            process.pid = os.fork()
            if process.pid == 0:
                _run_child(process, parent)
            process.started_at = time.monotonic()
            process.starts += 1
        except OSError as error:  # out of memory or of processes: the others continue
            self._try_later(process, f"The process of {process.name} cannot be started: {error}")
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)

    def _try_later(self, process: SupervisedProcess, why: str) -> None:
        process.pause.lengthen()
        self._listener.hear(ShardProcessDied(reason=why))

    def _collect(self) -> None:
        for process in self._alive():
            ended, status = os.waitpid(process.pid, os.WNOHANG)
            if ended:
                process.pid = 0
                self._on_death(process)
                self._handle_end(process, os.waitstatus_to_exitcode(status))

    def _handle_end(self, process: SupervisedProcess, code: int) -> None:
        lived = time.monotonic() - process.started_at
        if self._signals:
            asked = code in (0, -signal.SIGTERM)  # TERM kills a child that has no handler yet
            self._code = max(self._code, 0 if asked else max(code, 1))
            return
        if code == WRONG_USAGE or (code > 1 and process.starts == 1 and lived < SETTLED_S):
            self._code = code
            self._signals += 1
            return
        if lived >= QUICK_S:
            process.pause.reset()
        self._try_later(process, f"The process of {process.name} ended by {how_it_ended(code)}")


def _run_child(process: SupervisedProcess, parent: int) -> NoReturn:
    """In the child: drop what belongs to the parent, and do the work."""
    code = 1
    try:
        os.setpgid(0, 0)  # the terminal's Ctrl-C is for the parent, which passes it on
        SignalAlarm.forget()
        for number in (*_ASKED, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
        tie_to(parent)
        code = process.main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:
        traceback.print_exc()  # nothing above reports what broke it
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
