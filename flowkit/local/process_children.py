"""Child processes as their parent sees them: starting them, talking to them, ending them.

They are started by multiprocessing's "spawn": a fresh interpreter, so it does not matter which
threads and locks this process has. That imports the program's script anew, under another name.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from itertools import count
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue
from threading import Lock, Thread

from ..process_end import how_it_ended
from ..process_signals import FOR_PARENT
from ..process_tree import kill_tree
from ..standard_streams import open_missing_descriptors
from .process_child import child_main
from .process_wire import CHILD_NAME

_LOOK_S = 1.0  # between looks whether a silent child lives
_FAREWELL_S = 5.0  # for a dismissed child to end by itself


class Died(Exception):
    """The child is gone. ``code``: its exit code, negative for a signal, None for "unknown"."""

    def __init__(self, pid: int, code: int | None) -> None:
        super().__init__(pid, code)
        self.pid = pid
        self.code = code

    @property
    def how(self) -> str:
        """What ended it, for people."""
        return "its exit code is unknown" if self.code is None else how_it_ended(self.code)


class ChildProcess:
    """One child and the pipe to it. ``known``: the functions that were sent to it."""

    def __init__(self, process: SpawnProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe
        self._poll = select.poll()  # Connection.poll makes one anew each time, for 30 µs
        self._poll.register(pipe, select.POLLIN)
        self.pid = process.pid or 0
        self.known: set[int] = set()
        self._ending = Lock()  # two threads may wait for its end, and one close it
        self._closed = False
        self._asked = Lock()  # held by the thread that asks, and on until it has ended the child

    def ask(self, message: bytes, limit: float | None = None) -> bytes | None:
        """Send a message and return the answer, None when ``limit`` seconds are over.

        After None or Died the child is to be ended. Raises Died.
        """
        if not self._asked.acquire(blocking=False):
            raise Died(self.pid, None)  # the run was stopped, and the child with it
        end = None if limit is None else time.monotonic() + limit
        try:
            self._pipe.send_bytes(message)
            while not self._poll.poll(_patience_ms(end)):
                if end is not None and time.monotonic() >= end:
                    return None
                # A process that the child has left behind may hold the other end of the pipe open,
                # so its end alone does not tell. What it said last is read all the same.
                if not self._process.is_alive() and not self._poll.poll(0):
                    break
            else:
                answer = self._pipe.recv_bytes()
                self._asked.release()
                return answer
        except (EOFError, OSError):
            pass
        raise Died(self.pid, self._collect_exit_code())

    def kill(self) -> None:
        """End it and what its tasks have started, without asking."""
        if self._lives():  # else its number may be another process' by now
            kill_tree(self.pid)

    def dismiss(self) -> None:
        """Let an idle child end by itself."""
        self._pipe.close()

    def wait(self) -> None:
        """Wait until it has ended; one that does not end by itself is killed."""
        with self._ending:
            if self._closed:
                return
            self._process.join(_FAREWELL_S)
            if self._process.is_alive():
                self.kill()
                self._process.join()

    def release(self) -> None:
        """Close what this process holds of a child that has ended, unless a thread asks it."""
        if self._asked.acquire(blocking=False):
            self.close()

    def close(self) -> None:
        """Close what this process holds of a child that has ended: left to the garbage collection,
        a thousand runs use up all descriptors.
        """
        with self._ending:
            self._closed = True
            self._pipe.close()
            with suppress(ValueError):  # a handler of the program's own has taken note of its end
                self._process.close()

    def _lives(self) -> bool:
        try:
            return self._process.is_alive()
        except (ValueError, AttributeError):  # another thread has closed it, as it had ended
            return False

    def _collect_exit_code(self) -> int | None:
        """Return the exit code of a child that is gone, or about to be."""
        self.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # what its tasks have left behind
        self._pipe.close()
        # Another thread may just be taking note of it; or a handler of the program's own has
        # waited for all children there are, and nobody will ever know.
        end = time.monotonic() + _LOOK_S
        while (code := self._process.exitcode) is None and time.monotonic() < end:
            time.sleep(0.001)
        return code


class ChildPool:
    """Starts children, one after another, in a thread that outlives them.

    On Linux a child is ended with the *thread* that started it (process_child.py asks for that),
    so it cannot be one of those that come and go with the attempts. In this thread INT and TERM are
    blocked, which children inherit: Ctrl-C meets no half-started interpreter and its traceback.
    """

    def __init__(self) -> None:
        self._start_requests: SimpleQueue[Future[ChildProcess] | None] = SimpleQueue()
        self._numbers = count(1)
        self._context = get_context("spawn")
        self._closed = False
        self._thread: Thread | None = None
        self.children: list[ChildProcess] = []

    def start_child(self) -> ChildProcess:
        """Return a new child. Raises what starting a process raises."""
        if self._thread is None:
            thread = Thread(target=self._run, name="flowkit-nursery", daemon=True)
            thread.start()  # what it raises leaves no thread behind that nothing would serve
            self._thread = thread
        request: Future[ChildProcess] = Future()
        self._start_requests.put(request)
        return request.result()

    def end_child(self, child: ChildProcess) -> None:
        """Kill a child, or forget one that is dead: it holds nothing of this process any more."""
        child.kill()
        child.wait()
        child.close()
        self.children.remove(child)

    def close(self, *, at_once: bool) -> None:
        """End all children; ``at_once``: also those that are busy."""
        self._closed = True
        end: Callable[[ChildProcess], None] = ChildProcess.kill if at_once else ChildProcess.dismiss
        children = list(self.children)
        for child in children:
            end(child)
        for child in children:
            child.wait()
            child.release()
        self._start_requests.put(None)

    def _run(self) -> None:
        while (request := self._start_requests.get()) is not None:
            try:
                request.set_result(self._start())
            except BaseException as error:
                request.set_exception(error)

    def _start(self) -> ChildProcess:
        # The tracker's start unblocks SIGINT, so it comes first; once it runs, it is left alone.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, FOR_PARENT)
        open_missing_descriptors()  # or the child's standard output might be the pipe
        ours, theirs = self._context.Pipe()
        name = f"{CHILD_NAME}{next(self._numbers)}"
        process = self._context.Process(target=child_main, args=(theirs,), name=name)
        with _true_main_file():
            process.start()
        theirs.close()
        child = ChildProcess(process, ours)
        self.children.append(child)
        if self._closed:  # it was not seen by `close`
            child.kill()
        return child


@contextmanager
def _true_main_file() -> Iterator[None]:
    """Hide the file "<stdin>" of a script from standard input, which children would try to open."""
    main = vars(sys.modules["__main__"])
    file = main.get("__file__")
    if file is None or os.path.exists(file):
        yield
        return
    main["__file__"] = None
    try:
        yield
    finally:
        main["__file__"] = file


def _patience_ms(end: float | None) -> float:
    seconds = _LOOK_S if end is None else max(0.0, min(_LOOK_S, end - time.monotonic()))
    return 1000 * seconds
