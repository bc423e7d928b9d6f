"""The honest runs beside an attack: submitted one after the other, waited for, and judged.

Each of a few threads has its own client, as each user would. What may become of a run depends
on the worst class of attacks that was under way while it continued.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

import hostile_app as app
from real_system import System

from flowkit import Client, RunHandle
from flowkit.exceptions import FlowkitError, TaskExecutionError, WaitTimeout
from flowkit.settings import Settings

from .actions import Harm

PREFIX = "honest-"
LOOK_S = 1.0  # how often a thread that waits for a run looks whether to continue
MOST_LINES = 20_000  # that are read of one run: an attacker may write any number
RUN_S = 60.0  # a run takes half a second where nobody attacks


@dataclass(frozen=True, slots=True)
class Ended:
    """One honest run that was waited for. Times are of ``time.monotonic``."""

    run: str
    began: float
    seconds: float
    state: str  # succeeded, failed, wrong, late, error
    detail: str = ""
    blamed: str = ""  # the task that failed


def is_violation(run: Ended, harm: Harm) -> bool:
    """Return whether this may not have become of a run, under attacks of this class.

    A task that must never start twice fails when its worker has lost its lease.
    """
    if harm is Harm.DESTROYS or run.state == "succeeded":
        return False
    return not (harm is Harm.REPEATS and run.state == "failed" and run.blamed == "once")


def play(
    client: Client,
    name: str,
    shape: str,
    seed: int,
    patience: float = RUN_S,
    given_up: threading.Event | None = None,
) -> Ended:
    """Submit one run, wait for its end and compare its results with what must come out.

    It is asked at the beginning and at the end why it is where it is, and at the end all that is
    shown of it is read.

    ``given_up``: once it is set, the end is not waited for any longer.
    """
    began = time.monotonic()

    def ended(state: str, detail: str = "", blamed: str = "") -> Ended:
        return Ended(name, began, time.monotonic() - began, state, detail[:500], blamed)

    try:
        handle = client.submit(app.SHAPES[shape], run_id=name, params={"seed": seed}, ttl=60)
        handle.explain()
        _wait(handle, patience, given_up)
        results = handle.wait_results(0.0)
        handle.explain()
        _look(client, handle, seed)
    except TaskExecutionError as error:
        return ended("failed", str(error), error.task_name or "")
    except WaitTimeout as error:
        return ended("late", str(error))
    except FlowkitError as error:
        return ended("error", f"{type(error).__name__}: {error}")
    except Exception as error:
        return ended("broken", f"{type(error).__name__}: {error}")
    wanted = app.expected(shape, seed)
    wrong = {key for key in wanted.keys() | results.keys() if results.get(key) != wanted.get(key)}
    return ended("wrong", f"wrong results of {sorted(wrong)}") if wrong else ended("succeeded")


def _look(client: Client, handle: RunHandle, seed: int) -> None:
    """Read all that is only shown. It may be refused, because it was attacked."""
    with suppress(FlowkitError):
        handle.history()
    with suppress(FlowkitError):
        deque(islice(handle.logs(), MOST_LINES), maxlen=0)
    looks: tuple[Callable[[], object], ...] = (
        client.queues,
        client.activity,
        lambda: client.doctor(seconds=0.0),
        client.usage,
    )
    with suppress(FlowkitError):
        looks[seed % len(looks)]()


def _wait(handle: RunHandle, patience: float, given_up: threading.Event | None) -> None:
    """Wait for the end of a run. Raises WaitTimeout."""
    until = time.monotonic() + patience
    while True:
        left = max(0.0, until - time.monotonic())
        try:
            handle.wait(min(left, LOOK_S))
        except WaitTimeout:
            if left <= LOOK_S or (given_up is not None and given_up.is_set()):
                raise
        else:
            return


def new_client(system: System, patience: float = RUN_S) -> Client:
    """Return a client that survives an outage for so many seconds."""
    settings = Settings(redis_url=system.url, namespace=system.namespace)
    return Client(settings, patience=patience)


@dataclass
class Stream:
    """Threads that play honest runs until they are told to stop.

    ``on_end`` hears of each; it is called in those threads. ``pause``: seconds between two runs of
    a thread.
    """

    system: System
    seed: int
    on_end: Callable[[Ended], None]
    threads: int = 2
    pause: float = 0.05
    _over: threading.Event = field(default_factory=threading.Event)
    _given_up: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin."""
        for number in range(self.threads):
            thread = threading.Thread(target=self._play, args=(number,), daemon=True)
            thread.start()
            self._running.append(thread)

    def stop(self, patience: float = RUN_S) -> None:
        """Let the runs of the moment come to their ends, and submit no more.

        ``patience``: seconds after which those that are not over are given up.
        """
        self._over.set()
        until = time.monotonic() + patience
        for thread in self._running:
            thread.join(max(0.0, until - time.monotonic()))
        self._given_up.set()
        for thread in self._running:
            thread.join(RUN_S + 10)

    def _play(self, number: int) -> None:
        rng = random.Random(f"{self.seed}:honest:{number}")
        count = 0
        while not self._over.wait(self.pause):
            try:
                with new_client(self.system) as client:
                    while not self._over.wait(self.pause):
                        count += 1
                        shape = rng.choice(tuple(app.SHAPES))
                        name = f"{PREFIX}{number}-{count}"
                        ended = play(client, name, shape, app.seed_of(rng), given_up=self._given_up)
                        self.on_end(ended)
            except FlowkitError as error:  # no connection, or a namespace that is refused
                what = f"{type(error).__name__}: {error}"
                self.on_end(Ended(f"client {number}", time.monotonic(), 0.0, "error", what))
                self._over.wait(1.0)
