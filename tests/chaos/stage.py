"""What a scenario plays on: its own Redis, a proxy before it, and processes that can be hit.

A stage draws its faults from one seed, keeps as many workers and schedulers alive as it was asked
for, and gathers figures and violations. When it closes, every process that it started is gone.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

import psutil
from helpers import dump, wait_until
from real_redis import RealRedis
from real_system import Process, System, records

from flowkit import Client, RunHandle
from flowkit.core.states import TASK_OVER, TaskState
from flowkit.exceptions import FlowkitError
from flowkit.protocol.records import ErrorInfo

from . import HERE, history
from .checker import Allowed, Told, Witness, check
from .proxy import Proxy

APP = str(HERE / "apps" / "chaos_app.py")
DAEMON = str(HERE / "apps" / "chaos_daemon.py")
PATIENCE_S = 60.0


class Stage:
    """One Redis with its processes. Times are in seconds."""

    def __init__(self, seed: int, *, aof: bool = False) -> None:
        self.random = random.Random(seed)
        self.figures: dict[str, float | int | str] = {}
        self.violations: list[str] = []
        self.workers: list[Process] = []
        self.schedulers: list[Process] = []
        # Ends all that was started, in the reverse order, whatever fails on the way.
        self._ends = ExitStack()
        with ExitStack() as ends:
            self.folder = Path(
                ends.enter_context(tempfile.TemporaryDirectory(prefix="flowkit-chaos-"))
            )
            self._history = history.Reader(self.folder)
            self.redis = RealRedis(self.folder / "redis", aof=aof)
            self.redis.start()
            ends.callback(self.redis.stop)
            self.proxy = ends.enter_context(Proxy(self.redis.port))
            self.system = System(self.redis.url, "chaos", self.folder, forked=False)
            ends.callback(self._end_processes)
            self.client = self.new_client()
            ends.callback(lambda: self.client.close())
            self._ends = ends.pop_all()

    def new_client(self, patience: float = 120.0) -> Client:
        """Return a client that reaches Redis without the proxy, and waits out outages."""
        settings = self.system.client().settings
        return Client(settings, patience=patience)

    def move_to(self, server: RealRedis) -> None:
        """Have everybody find another Redis behind the proxy, and end the one of before."""
        self.redis, before = server, self.redis
        self.client.close()
        self.system.url = server.url
        self.client = self.new_client()
        self.proxy.aim(server.port)
        before.stop()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ends.close()

    def _end_processes(self) -> None:
        for process in (*self.workers, *self.schedulers):
            _signal_all(process, signal.SIGCONT)
        self.system.close()

    def keep(self, server: RealRedis) -> RealRedis:
        """Take charge of a further Redis: it ends with the stage, whatever comes of it."""
        self._ends.callback(server.stop)
        return server

    # -- processes -------------------------------------------------------------------------------

    def worker(self, *options: str, app: str = APP, lease: float = 10.0, **environ: str) -> Process:
        """Start a worker, through the proxy, and keep it among ``workers``."""
        words = [DAEMON, "worker", "--app", app, *options]
        process = self._daemon("worker", words, FLOWKIT_LEASE=f"{lease:g}", **environ)
        self.workers.append(process)
        return process

    def scheduler(self, **environ: str) -> Process:
        """Start a scheduler, through the proxy, and keep it among ``schedulers``."""
        process = self._daemon("scheduler", [DAEMON, "scheduler"], **environ)
        self.schedulers.append(process)
        return process

    def _daemon(self, name: str, words: list[str], **environ: str) -> Process:
        return self.system.run_program(
            name, words, **{"FLOWKIT_REDIS_URL": self.proxy.url, **environ}
        )

    @property
    def daemons(self) -> list[Process]:
        """The workers and schedulers."""
        return [*self.workers, *self.schedulers]

    def children(self, deadline: float = 10.0) -> list[psutil.Process]:
        """Return the processes that run tasks, of all workers."""
        return [child for worker in self.workers for child in worker.children()]

    def replace(self, among: list[Process], start: Callable[[], Process]) -> None:
        """Kill one of these processes and start another in its place."""
        victim = self.random.choice(among)
        among.remove(victim)
        victim.kill()
        start()

    def kill_child(self) -> bool:
        """Kill a process that runs tasks; return False if there is none just now."""
        children = self.children()
        if children:
            with suppress(psutil.NoSuchProcess):
                self.random.choice(children).kill()
        return bool(children)

    def worker_of(self, pid: int) -> Process:
        """Return the worker whose child this is."""
        return next(
            worker for worker in self.workers if pid in [child.pid for child in worker.children()]
        )

    # -- what happened ---------------------------------------------------------------------------

    def figure(self, name: str, value: float | int | str) -> None:
        self.figures[name] = round(value, 3) if isinstance(value, float) else value

    def demand(self, holds: bool, sentence: str) -> None:
        """Note a violation unless this holds."""
        if not holds:
            self.violations.append(sentence)

    def executions(self, run: RunHandle | str | None = None) -> list[history.Execution]:
        return self._history.read(run.run_id if isinstance(run, RunHandle) else run)

    def started(self, run: RunHandle, task: str, attempt: int = 1) -> history.Execution:
        """Wait until this attempt has begun."""

        def find() -> history.Execution | None:
            for worker in self.workers:
                code = worker.popen.poll()
                assert code is None, f"a worker ended by itself ({code}): {worker.log[-1000:]}"
            result = self.executions(run)
            return next((o for o in result if (o.task, o.attempt) == (task, attempt)), None)

        result = wait_until(f"{task} has begun attempt {attempt}", find, PATIENCE_S)
        assert result is not None
        return result

    def end(self, run: RunHandle, deadline: float, witness: Witness | None = None) -> str:
        """Wait for the end of a run, with a look at its records now and then.

        Returns its state; "running" if it is not over in time, which is a violation.
        """
        until, next_look = time.monotonic() + deadline, 0.0
        while True:
            record = run.record()
            over = record.state.value != "running"
            if witness is not None and (over or time.monotonic() > next_look):
                seen = {
                    name: (item.state.value, item.attempt) for name, item in records(run).items()
                }
                record = run.record() if over else record
                witness.look(record.state.value, record.finished_ms, seen)
                next_look = time.monotonic() + 0.5
            if over:
                return record.state.value
            if time.monotonic() > until:
                self.violations.append(
                    f"run {run.run_id} is not over after {deadline:g} s: {self.traces(run)}"
                )
                return "running"
            time.sleep(0.05)

    def traces(self, run: RunHandle, most: int = 5) -> str:
        """Tell where a run hangs: of some of its tasks that are not over, all that Redis has."""
        names, messages = run.graph().graph.names, []
        with self.redis.client() as server:
            held = dump(self.redis.url, self.system.namespace)
            for number, record in enumerate(records(run).values()):
                if record.state in TASK_OVER or record.state is TaskState.PENDING:
                    continue
                raw = server.hget(self.client.shards[0]._store.keys.tasks(run.run_id), str(number))
                places = [
                    key for key, value in held.items() if f"{run.run_id},{number}" in str(value)
                ]
                messages.append(f"{names[number]} {(raw or b'').decode()!r} in {places}")
        workers = [key for key in held if key.startswith("worker") and key.count(":") == 1]
        return f"{'; '.join(messages[:most])}; known are {workers}, {held.get('workers')}"

    def told(self, run: RunHandle) -> dict[str, Told]:
        """Return what Redis says of each task of a run."""
        names, graph = run.graph().graph.names, run.graph().graph
        result, results = records(run), run.results(lenient=True)
        store = self.client.shards[0]._store
        failed = [at for at, name in enumerate(names) if result[name].state is TaskState.FAILED]
        raw = dict(zip(failed, store.read_errors(run.run_id, failed), strict=True))
        errors = {at: ErrorInfo.unpack(data) for at, data in raw.items() if data}
        attempts: dict[str, set[int]] = {}
        for event in run.history():
            if event.task is not None and event.attempt is not None:
                attempts.setdefault(event.task, set()).add(event.attempt)
        return {
            name: Told(
                result[name].state.value,
                result[name].attempt,
                result[name].spent.deaths,
                None if results.get(name) is None else str(results[name]),
                f"{errors[at].type}: {errors[at].message[:100]}" if at in errors else "",
                tuple(names[up] for up in graph.upstream(at)),
                frozenset(attempts.get(name, ())),
            )
            for at, name in enumerate(names)
        }

    def check(self, run: RunHandle, allowed: Allowed, witness: Witness | None = None) -> None:
        """Hold a run's records against its history; what is wrong becomes a violation."""
        try:
            messages = self.told(run)
        except FlowkitError as error:
            self.violations.append(f"run {run.run_id} cannot be read: {error}")
            return
        state = run.record().state.value
        result = check(state, messages, self.executions(run), allowed)
        result += witness.broken if witness is not None else []
        self.violations += [f"run {run.run_id}: {sentence}" for sentence in result]

    def check_processes(self) -> None:
        """Demand that whoever was not killed still runs, and that nobody broke on the way."""
        for process in (*self.workers, *self.schedulers):
            code = process.popen.poll()
            self.demand(code is None, f"{process.log_path.name} ended by itself with {code}")
        for process in self.system.processes:
            self.demand("Traceback" not in process.log, f"a traceback in {process.log_path.name}")

    def repeats(self, run: RunHandle) -> int:
        """Return how many executions of a run were not the first of their task."""
        result = self.executions(run)
        return len(result) - len({item.task for item in result})

    def unnumbered(self, run: RunHandle) -> int:
        """Return how many executions of a run carry the attempt number of one before."""
        result = self.executions(run)
        return len(result) - len({(item.task, item.attempt) for item in result})


@contextmanager
def meanwhile(every: float, fault: Callable[[], object]) -> Iterator[list[float]]:
    """Make trouble in a thread as long as the block runs; yields when each fault came."""
    over, times = threading.Event(), list[float]()
    errors: list[BaseException] = []

    def make_trouble() -> None:
        try:
            while not over.wait(every):
                fault()
                times.append(time.monotonic())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=make_trouble, name="faults")
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()
    if errors:
        raise errors[0]


def _signal_all(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process and to its children."""
    for pid in (process.pid, *(child.pid for child in process.children())):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def stop(process: Process) -> list[int]:
    """Stop a worker with its children, parent first; return their pids, children first."""
    os.kill(process.pid, signal.SIGSTOP)
    children = [child.pid for child in process.children()]
    for pid in children:
        os.kill(pid, signal.SIGSTOP)
    return [*children, process.pid]


def is_alive(pid: int) -> bool:
    """Return whether a process is there and is not a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
