"""The tasks of the scenarios. Each notes that it has started, outside of Redis.

They run in two ways: within the test's own process, where ``stage`` says what a start, a wait and
a death are, or in real worker processes, where these are a line in a file, a file that is waited
for, and SIGKILL. What a task returns never depends on how often it was tried.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Protocol

from flowkit import DAG, HookEvent, Hooks, Task, again, current_attempt, progress, task


class Stage(Protocol):
    """What the tasks act on."""

    def note(self, run: str, name: str, attempt: int) -> None:
        """Keep a start."""

    def hold(self) -> None:
        """Wait until somebody opens the gate."""

    def is_open(self) -> bool:
        """Whether somebody has opened the gate."""

    def kill_child(self) -> None:
        """End the process that this task runs in."""

    def kill_host(self) -> None:
        """End the worker that this task runs in."""


class Files:
    """The stage of real processes: files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, run: str, name: str, attempt: int) -> None:
        print("start", os.getpid())  # first: what is noted has been printed
        line = f"{run} {name} {attempt} {os.getpid()}\n".encode()
        file = os.open(self._folder / "executions", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def hold(self) -> None:
        while not (self._folder / "gate").exists():
            time.sleep(0.01)

    def is_open(self) -> bool:
        return (self._folder / "gate").exists()

    def kill_child(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def kill_host(self) -> None:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)


stage: Stage = Files(Path(os.environ.get("CRASH_FOLDER", "/nowhere")))


def note() -> int:
    """Note the start of the attempt that calls this; return its number."""
    item = current_attempt()
    stage.note(item.run_id, item.task, item.attempt)
    return item.attempt


def _never(*values: object) -> bool:
    return False


@task
def give(*values: object, value: int = 1) -> int:
    note()
    return value


@task
def total(*values: int | None) -> int:
    note()
    return sum(value or 0 for value in values)


@task
def listed(*values: object) -> list[object]:
    note()
    return list(values)


@task
async def apart(*values: object) -> int:
    note()
    return 7


@task(retries=2, delay=1.1)  # with its jitter never due at a full second, when the clock moves
def flaky(*values: object) -> str:
    if note() == 1:
        raise ValueError("the first attempt is meant to fail")
    return "through"


@task(retries=1, delay=3600.0)
def waits(*values: object) -> str:
    """Be waiting for another attempt when the run is cancelled."""
    if note() == 1:
        raise ValueError("try again in an hour")
    return "at last"


@task(retries=1, delay=1.1)
def comes_again(*values: object) -> object:
    """Come again twice, and fail once in between. What it remembers shows if a start was lost."""
    note()
    now = current_attempt()
    memory = now.memory or ()
    assert isinstance(memory, tuple)
    if now.times < 2:
        return again(1.3, memory=(*memory, now.times))
    return [*memory, now.times]


@task(retries=1, delay=1.1)
def fails_between(*values: object) -> object:
    """Come again, and fail in the next attempt: the one after it has the same memory."""
    attempt, now = note(), current_attempt()
    if now.times == 0:
        return again(1.3, memory=attempt)
    if attempt == 1 + int(str(now.memory)):
        raise ValueError("the first attempt with a memory is meant to fail")
    return now.times


@task(trigger="all_over")
def needs_gate(*values: object) -> str:
    """Fail for good until somebody opens the gate."""
    note()
    if not stage.is_open():
        raise RuntimeError("the gate is closed")
    return "through the gate"


@task(retries=1, delay=3600.0)
def waits_for_gate(*values: object) -> str:
    """Wait for another attempt while the gate is closed."""
    note()
    if not stage.is_open():
        raise RuntimeError("the gate is closed")
    return "waited"


@task(when=_never)
def passed_over(*values: object) -> int:
    note()
    return 0


@task
def enumerate_to(*values: object, count: int = 2) -> list[int]:
    """Return a list to map over."""
    note()
    return list(range(count))


@task(retries=1, delay=1.1)
def piece(value: int) -> int:
    """Be an item, of which the second is tried twice."""
    if note() == 1 and value == 1:
        raise ValueError("the first attempt is meant to fail")
    return value + 10


@task
def polish(value: int) -> int:
    note()
    return value * 2


@task(trigger="all_succeeded")
def needs_all(*values: object) -> int:
    note()
    return 0


def regret(event: HookEvent) -> None:
    """Hook of one task."""
    note()


def alarm(event: HookEvent) -> None:
    """Hook of the run."""
    note()


@task(on_failure=regret)
def broken(*values: object) -> int:
    note()
    raise RuntimeError("broken for good")


@task(trigger="all_over")
def clean_up(*values: object) -> str:
    note()
    return "clean"


@task
def held(*values: object) -> str:
    note()
    progress(1, 2, "gates")
    stage.hold()
    return "released"


@task(cache_ttl=600)
def drawn(seed: int) -> int:
    note()
    return seed * 11


@task(keep_result=False)
def bulky(*values: object) -> int:
    note()
    return 5


@task(at_most_once=True)
def once(*values: object) -> str:
    note()
    return "one time"


@task
def kills_child(*values: object) -> str:
    if note() == 1:
        stage.kill_child()
    return "survived"


@task
def kills_host(*values: object) -> str:
    if note() == 1:
        stage.kill_host()
    return "survived"


def mixed() -> DAG:
    """Draw a retry, both ways to be skipped, a fan-in, a failure, a clean-up and hooks."""
    with DAG("mixed", on_failure="continue", hooks=Hooks(on_failure=alarm)) as dag:
        start = give.bind("start")
        leaves = [give.bind(f"leaf_{n}", value=n) for n in range(3)]
        start >> [*leaves, apart] >> total.bind("join")
        start >> flaky >> give.bind("after_flaky")
        start >> passed_over >> needs_all
        passed_over >> total.bind("of_none")
        start >> broken >> give.bind("never")
        [flaky, broken] >> clean_up
    return dag


def cancelled() -> DAG:
    """Draw what is done, running, waiting and pending at the moment of a cancel."""
    with DAG("cancelled") as dag:
        start = give.bind("start")
        start >> [give.bind("done"), held, give.bind("beside"), waits] >> listed.bind("end")
    return dag


def hastened() -> DAG:
    """Draw a task that waits an hour for its retry."""
    with DAG("hastened") as dag:
        give.bind("start") >> waits >> give.bind("end")
    return dag


def cached() -> DAG:
    """Draw a cached task between two others."""
    with DAG("cached") as dag:
        give.bind("seed", value=3) >> drawn >> total.bind("end")
    return dag


def deaths() -> DAG:
    """Draw tasks that end what they run in."""
    with DAG("deaths") as dag:
        start = give.bind("start")
        leaves = [give.bind(f"leaf_{n}", value=n) for n in range(3)]
        start >> [kills_child, *leaves, apart] >> listed.bind("end")
        leaves[0] >> kills_host
    return dag


def careful() -> DAG:
    """Draw a task that must not start twice, among others that may."""
    with DAG("careful", on_failure="continue") as dag:
        start = give.bind("start")
        start >> [give.bind("before"), once, give.bind("beside")] >> listed.bind("end")
    return dag


def dropped() -> DAG:
    """Draw results that are not kept: for a task that is retried, and for nobody."""
    with DAG("dropped") as dag:
        load = bulky.bind("load")
        load >> [flaky, total.bind("sum"), bulky.bind("leaf")] >> listed.bind("end")
    return dag


def mapped() -> DAG:
    """Draw two maps, one behind the other, and one over nothing."""
    with DAG("mapped") as dag:
        numbers = enumerate_to.bind("numbers")
        mapped = piece.map(label="piece {item}")
        numbers >> mapped >> polish.map() >> listed.bind("end")
        numbers >> enumerate_to.bind("nothing", count=0) >> polish.map(name="of_nothing")
    return dag


def coming_again() -> DAG:
    """Draw tasks that come again."""
    with DAG("again") as dag:
        give.bind("start") >> [comes_again, fails_between] >> listed.bind("end")
    return dag


with DAG("below") as BELOW:
    give.bind("start") >> flaky
BESIDE = DAG("beside", tasks=[give.bind("lone", value=4)])
with DAG("gated") as GATED:
    give.bind("start") >> needs_gate
with DAG("patient") as PATIENT:
    give.bind("start") >> waits_for_gate


@task
def calls(*values: object) -> list[object]:
    """Call two runs, one of which has a task that is tried twice."""
    note()
    return [BELOW.call(result="flaky"), BESIDE.call(result="lone")]


@task
def calls_gated(*values: object) -> list[object]:
    """Call two runs, one of which fails while the gate is closed."""
    note()
    return [GATED.call(result="needs_gate"), BESIDE.call(result="lone")]


@task
def calls_patient(*values: object) -> list[object]:
    """Call two runs, one of which waits while the gate is closed."""
    note()
    return [PATIENT.call(result="waits_for_gate"), BESIDE.call(result="lone")]


def nested() -> DAG:
    """Draw a task that calls runs between two others."""
    with DAG("nested") as dag:
        give.bind("start") >> calls >> listed.bind("end")
    return dag


def continued() -> DAG:
    """Draw a task whose runs fail at first."""
    with DAG("continued") as dag:
        give.bind("start") >> calls_gated >> listed.bind("end")
    return dag


def called_off() -> DAG:
    """Draw a task whose runs are under way at the moment of a cancel."""
    with DAG("called_off") as dag:
        give.bind("start") >> calls_patient >> listed.bind("end")
    return dag


# Drawn on import, as in any app: the hook of a run is registered with its DAG.
MIXED, CANCELLED, CACHED, DEATHS = mixed(), cancelled(), cached(), deaths()
CAREFUL, DROPPED, HASTENED, MAPPED = careful(), dropped(), hastened(), mapped()
AGAIN, NESTED, CONTINUED = coming_again(), nested(), continued()
CALLED_OFF = called_off()
CALLED = {dag.name: dag for dag in (BELOW, BESIDE, GATED, PATIENT)}
REGISTERED, TASKS = dict(Task._by_ref), list(Task._all_tasks)
