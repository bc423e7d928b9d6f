"""Where attempts run in this process: a crew of threads, and one event loop in a thread.

All of these threads are daemons. A thread cannot be killed, so an attempt that is given up (its
time is over, or the user pressed Ctrl-C) may go on; it must not keep the program from ending.
Neither lane knows what it runs, and neither decides anything. asyncio is imported with the first
coroutine: runs without one do without it.

A system may refuse a thread or an event loop (too many threads, too many open files). A crew then
works with the threads that it has; with none, the run ends with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..exceptions import DAGError

if TYPE_CHECKING:
    import asyncio

    from ..attempt_contexts import AttemptContexts

Item = TypeVar("Item")


class ThreadPool(Generic[Item]):
    """Up to ``limit`` threads that call ``work(item)`` in the order of ``put``.

    Each call is made in one of ``contexts``. The threads are started as items come. One whose
    ``work`` returns False ends: it was replaced. Both ``put`` and ``replace_one`` raise DAGError if
    no thread is left to work and none starts.
    """

    def __init__(self, work: Callable[[Item], bool], limit: int, contexts: AttemptContexts) -> None:
        # Usually a method of what holds this crew; ``stop`` lets go of it, or both would be garbage
        # that holds all results of the run until Python looks for such.
        self._work: Callable[[Item], bool] | None = work
        self._contexts = contexts
        self._limit = limit
        self._items: SimpleQueue[Item | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._stuck = 0  # those that were replaced

    def put(self, item: Item) -> None:
        """Queue an item. Not to be called by more than one thread."""
        self._items.put(item)
        if len(self._threads) < self._limit:
            self._start_thread()

    def replace_one(self) -> None:
        """Start a thread in place of one that is stuck in an item given up."""
        self._limit += 1
        self._stuck += 1
        self._start_thread()

    def stop(self, *, wait: bool) -> None:
        """Let the threads end when what is queued is worked off; ``wait``: until they have."""
        self._work = None
        for _ in self._threads:
            self._items.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _start_thread(self) -> None:
        number = len(self._threads) + 1
        work = (self._work,)
        thread = Thread(target=self._run, args=work, name=f"flowkit-{number}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            if len(self._threads) > self._stuck:
                return
            raise _no_thread(error) from error
        self._threads.append(thread)

    def _run(self, work: Callable[[Item], bool]) -> None:
        new_context = self._contexts.new
        while (item := self._items.get()) is not None:
            if not new_context().run(work, item):
                return


class LoopThread:
    """An event loop in a thread of its own, started when it is first needed."""

    def __init__(self) -> None:
        self._starting = Lock()
        self._ready = Event()
        self._thread: Thread | None = None
        self._broken: BaseException | None = None  # why the loop could not be started
        self._over = Event()
        self._loop: asyncio.AbstractEventLoop
        self.as_root: Callable[[Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]]
        # The loop itself holds its tasks weakly: one that waits for what only it knows is garbage.
        self._running: set[Future[Any]] = set()

    def submit(
        self, coroutine: Coroutine[Any, Any, Any], lost: Callable[[BaseException], object]
    ) -> Future[Any]:
        """Run a coroutine on the loop. Any thread may ask. Raises DAGError if there is no loop.

        ``lost``: called with what keeps it from being run, such as a task factory that raises.
        """
        try:
            self._open()
        except DAGError:
            coroutine.close()
            raise
        import asyncio

        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._running.add(future)
        future.add_done_callback(lambda ended: self._note_end(ended, coroutine, lost))
        return future

    def _note_end(
        self,
        future: Future[Any],
        coroutine: Coroutine[Any, Any, Any],
        lost: Callable[[BaseException], object],
    ) -> None:
        self._running.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            coroutine.close()
            lost(error)

    def stop(self, *, wait: bool) -> None:
        """Cancel what still runs and end the loop; ``wait``: until it has ended."""
        if self._thread is None:
            return
        self._ready.wait()
        if self._broken is not None:
            return
        self._over.set()
        with suppress(RuntimeError):  # it has seen that it is over and is closed already
            self._loop.call_soon_threadsafe(self._loop.stop)
        if wait:
            self._thread.join()

    def _open(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = Thread(target=self._run_or_tell, name="flowkit-async", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:
                    raise _no_thread(error) from error
                self._thread = thread
        self._ready.wait()
        if self._broken is not None:
            raise DAGError(
                "Async tasks cannot be run: no event loop can be started "
                f"({type(self._broken).__name__}: {self._broken}). If too many files are open, "
                "close some or raise their limit (ulimit -n)."
            ) from self._broken

    def _run_or_tell(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self._broken = error
        finally:
            self._ready.set()

    def _run(self) -> None:
        import asyncio

        from ..steady_loop import as_root, run_steadily

        self.as_root = as_root
        # What is cancelled at the end may still try to end the loop.
        with suppress(SystemExit, KeyboardInterrupt), asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._ready.set()
            run_steadily(self._loop, self._over.is_set)


def _no_thread(error: RuntimeError) -> DAGError:
    return DAGError(
        f"Tasks cannot be run: no thread can be started ({error}). Unless Python is ending, this "
        "process has as many as it may. End some, or raise the limit (ulimit -u, or pids.max of "
        "its container)."
    )
