"""Child processes, in their parent: starting them, calling them, ending them.

They are started by multiprocessing's "spawn" method, as new interpreters, so the threads and locks
of this process do not matter. A child imports the program's script again, under another name.
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

from ...definition.importing import CHILD_NAME
from ...processes.ends import how_it_ended
from ...processes.signals import FOR_PARENT
from ...processes.standard_streams import open_missing_descriptors
from ...processes.tree import kill_tree
from .child import child_main
from .sent_lines import keep_line

_LOOK_S = 1.0  # between checks whether a silent child is alive
_FAREWELL_S = 5.0  # for a dismissed child to exit


class Died(Exception):
    """The child has died. ``code``: its exit code, negative for a signal, None if unknown."""

    def __init__(self, pid: int, code: int | None) -> None:
        super().__init__(pid, code)
        self.pid = pid
        self.code = code

    @property
    def how(self) -> str:
        """What ended it, in words."""
        return "its exit code is unknown" if self.code is None else how_it_ended(self.code)


class ChildProcess:
    """One child and the pipe to it. ``known``: the functions that were sent to it."""

    def __init__(self, process: SpawnProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe
        self._poll = select.poll()  # Connection.poll creates a new one each time, for 30 µs
        self._poll.register(pipe, select.POLLIN)
        self.pid = process.pid or 0
        self.known: set[int] = set()
        self._ending = Lock()  # several threads may wait for its end, and one closes it
        self._closed = False
        self._asked = Lock()  # held during a call; after a failed call until the child has ended

    def ask(self, message: bytes, limit: float | None = None) -> bytes | None:
        """Send a message and return the reply, None after ``limit`` seconds. Raises Died.

        After None or Died the caller must end the child.
        """
        if not self._asked.acquire(blocking=False):
            raise Died(self.pid, None)  # the run was stopped, and the child with it
        end = None if limit is None else time.monotonic() + limit
        try:
            self._pipe.send_bytes(message)
            while self._await(end):
                answer = self._pipe.recv_bytes()
                if not keep_line(answer):
                    self._asked.release()
                    return answer
            if end is not None and time.monotonic() >= end:
                return None
        except (EOFError, OSError):
            pass
        raise Died(self.pid, self._collect_exit_code())

    def _await(self, end: float | None) -> bool:
        """Wait for a message; return False at ``end``, and when the child is dead."""
        while not self._poll.poll(_patience_ms(end)):
            if end is not None and time.monotonic() >= end:
                return False
            # A process that the child left behind may hold the other end of the pipe open, so the
            # pipe alone does not show the death. A last reply in the pipe is still read.
            if not self._process.is_alive() and not self._poll.poll(0):
                return False
        return True

    def kill(self) -> None:
        """Kill it, and everything that its tasks have started."""
        if self._is_alive():  # otherwise its pid may belong to another process
            kill_tree(self.pid)

    def dismiss(self) -> None:
        """Let an idle child exit by itself."""
        self._pipe.close()

    def wait(self) -> None:
        """Wait until it has exited. If it does not exit by itself, kill it."""
        with self._ending:
            if self._closed:
                return
            self._process.join(_FAREWELL_S)
            if self._process.is_alive():
                self.kill()
                self._process.join()

    def release(self) -> None:
        """Close the resources of a child that has ended, unless a thread is calling it."""
        if self._asked.acquire(blocking=False):
            self.close()

    def close(self) -> None:
        """Close the resources of a child that has ended.

        If that were left to the garbage collector, a thousand runs would use up all descriptors.
        """
        with self._ending:
            self._closed = True
            self._pipe.close()
            with suppress(ValueError):  # a handler of the program has collected its exit code
                self._process.close()

    def _is_alive(self) -> bool:
        try:
            return self._process.is_alive()
        except (ValueError, AttributeError):  # it has ended, and another thread has closed it
            return False

    def _collect_exit_code(self) -> int | None:
        """Return the exit code of a child that has died or is dying, None if it stays unknown."""
        self.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # processes that its tasks left behind
        self._pipe.close()
        # Another thread may be collecting the code just now. If a handler of the program has
        # waited for all children, the code stays unknown.
        end = time.monotonic() + _LOOK_S
        while (code := self._process.exitcode) is None and time.monotonic() < end:
            time.sleep(0.001)
        return code


class ChildPool:
    """Starts children, one after another, in a thread that outlives them.

    On Linux a child dies with the *thread* that started it (child.py asks for that), so
    the short-lived threads of attempts cannot start it. This thread blocks INT and TERM, and the
    children inherit that: Ctrl-C cannot hit a starting interpreter and print its traceback.
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
            thread = Thread(target=self._run, name="flowkit-child-pool", daemon=True)
            thread.start()  # store the thread only if it has started
            self._thread = thread
        request: Future[ChildProcess] = Future()
        self._start_requests.put(request)
        return request.result()

    def end_child(self, child: ChildProcess) -> None:
        """Kill a child, or clean up after a dead one, and release its resources."""
        child.kill()
        child.wait()
        child.close()
        self.children.remove(child)

    def close(self, *, at_once: bool) -> None:
        """End all children. ``at_once``: kill them, even if they are busy."""
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
        # Starting the tracker unblocks SIGINT, so it comes first. Later calls do not restart it.
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
        if self._closed:  # `close` has not seen this child
            child.kill()
        return child


@contextmanager
def _true_main_file() -> Iterator[None]:
    """Hide the file "<stdin>" of a script on standard input: children would try to open it."""
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
