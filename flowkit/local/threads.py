"""The lanes that run attempts in this process: a thread pool, and an event loop in a thread.

All of these threads are daemon threads. A thread cannot be killed, so an abandoned attempt (after
its timeout, or after Ctrl-C) may continue; it must not keep the program from exiting. The lanes do
not know what they run, and decide nothing. asyncio is imported with the first coroutine, so runs
without coroutines do not need it.

The system may refuse a thread or an event loop (too many threads or open files). A thread pool then
continues with the threads that it has. If it has none, the run ends with an error.
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

    from ..execution.attempt_contexts import AttemptContexts

Item = TypeVar("Item")


class ThreadPool(Generic[Item]):
    """Up to ``limit`` threads that call ``work(item)`` in the order of ``put``.

    Each call runs in a new context of ``contexts``. Threads are started as items arrive. A thread
    whose ``work`` returns False has been replaced, and ends. ``put`` and ``replace_one`` raise
    DAGError if no thread is left to work and none can be started.
    """

    def __init__(self, work: Callable[[Item], bool], limit: int, contexts: AttemptContexts) -> None:
        # Usually a method of the object that holds this pool. ``stop`` drops it, because the cycle
        # would keep all results of the run alive until the next garbage collection.
        self._work: Callable[[Item], bool] | None = work
        self._contexts = contexts
        self._limit = limit
        self._items: SimpleQueue[Item | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._stuck = 0  # threads that were replaced

    def put(self, item: Item) -> None:
        """Queue an item. Only one thread may call this."""
        self._items.put(item)
        if len(self._threads) < self._limit:
            self._start_thread()

    def replace_one(self) -> None:
        """Start a thread to replace one that is stuck in an abandoned item."""
        self._limit += 1
        self._stuck += 1
        self._start_thread()

    def stop(self, *, wait: bool) -> None:
        """Let the threads end after the queued items. ``wait``: wait until they have ended."""
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
    """An event loop in a separate thread, started when it is first needed."""

    def __init__(self) -> None:
        self._starting = Lock()
        self._ready = Event()
        self._thread: Thread | None = None
        self._broken: BaseException | None = None  # why the loop could not be started
        self._over = Event()
        self._loop: asyncio.AbstractEventLoop
        self.as_root: Callable[[Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]]
        # The loop only holds weak references to its tasks: a task that waits for an object that
        # only the task refers to would be collected.
        self._running: set[Future[Any]] = set()

    def submit(
        self, coroutine: Coroutine[Any, Any, Any], lost: Callable[[BaseException], object]
    ) -> Future[Any]:
        """Run a coroutine on the loop. Any thread may call this. Raises DAGError without a loop.

        ``lost``: called with the error that keeps the coroutine from running, such as one raised
        by a task factory.
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
        """Cancel the running tasks and end the loop. ``wait``: wait until it has ended."""
        if self._thread is None:
            return
        self._ready.wait()
        if self._broken is not None:
            return
        self._over.set()
        with suppress(RuntimeError):  # the loop has already ended and is closed
            self._loop.call_soon_threadsafe(self._loop.stop)
        if wait:
            self._thread.join()

    def _open(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = Thread(target=self._run_or_report, name="flowkit-async", daemon=True)
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

    def _run_or_report(self) -> None:
        try:
            self._run()
        except BaseException as error:
            self._broken = error
        finally:
            self._ready.set()

    def _run(self) -> None:
        import asyncio

        from ..execution.steady_loop import as_root, run_steadily

        self.as_root = as_root
        # Tasks that are cancelled at the end may still raise what ends a loop.
        with suppress(SystemExit, KeyboardInterrupt), asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._ready.set()
            run_steadily(self._loop, self._over.is_set)


def _no_thread(error: RuntimeError) -> DAGError:
    return DAGError(
        f"Tasks cannot be run: no thread can be started ({error}). Unless Python is exiting, this "
        "process has reached its limit of threads. End some, or raise the limit (ulimit -u, or "
        "pids.max of its container)."
    )
