"""What a task does to its descriptors and its output harms neither its worker nor other tasks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hostile_output_app as app
import psutil
import pytest
from helpers import wait_until
from real_system import Process, System

from flowkit.basics.log_line import LogLine
from flowkit.core.states import RunState

HOSTILE = str(Path(app.__file__))


@pytest.fixture
def worker(system: System) -> Callable[..., Process]:
    def started(*options: str, **environ: str) -> Process:
        system.scheduler()
        return system.worker("--processes", "1", *options, app=HOSTILE, **environ)

    return started


def collector(worker: Process) -> psutil.Process:
    """Return it: it leads no session, as children do, and is younger than the orphan killer.

    A child leads one a moment after it was forked.
    """

    def helpers() -> list[psutil.Process]:
        below = sorted(worker._below(), key=lambda item: (item.create_time(), item.pid))
        found = [item for item in below if os.getsid(item.pid) != item.pid]
        return found if len(found) == 2 else []

    return wait_until("all children lead sessions", helpers, 10)[1]


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def play(system: System, item: object) -> list[str]:
    with system.client() as client:
        run = client.submit(app.one(item))
        assert run.wait(60) is RunState.SUCCEEDED
        return texts(list(run.logs()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (app.truncates_everything, ["before", "after"]),
        (app.closes_its_output, ["before", "after"]),
        (app.replaces_its_output, ["before", "after"]),
        pytest.param(
            app.becomes_another_program, ["before", "from the program"], marks=pytest.mark.slow
        ),
        pytest.param(app.exits, ["before", "no line end"], marks=pytest.mark.slow),
        pytest.param(app.reads_its_input, ["''", "b''"], marks=pytest.mark.slow),
        pytest.param(app.leaves_a_writer, ["left"], marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_its_worker_and_the_next_task_are_unharmed(
    system: System, worker: Callable[..., Process], item: object, expected: list[str]
) -> None:
    process = worker()
    lines = play(system, item)
    assert lines == expected
    assert "fine" in play(system, app.speaks)
    assert process.popen.poll() is None
    assert "Traceback" not in process.log


@pytest.mark.slow
def test_a_process_that_closed_everything_holds_nothing_up(
    system: System, worker: Callable[..., Process]
) -> None:
    process = worker()
    play(system, app.closes_everything)
    play(system, app.exits)
    assert play(system, app.exits)[:1] == ["before"]
    assert process.popen.poll() is None


def test_a_stopped_collector_is_continued(system: System, worker: Callable[..., Process]) -> None:
    """Otherwise a program would wait for ever when its pipe is full."""
    process = worker()
    with system.client() as client:
        run = client.submit(app.one(app.writes_much.bind("writes", mib=4)))
        wait_until("it has started", lambda: (system.folder / "started").exists(), 30)
        collector(process).suspend()
        system.open_gate("a")
        assert run.wait(60) is RunState.SUCCEEDED
        wait_until("its lines are stored", lambda: list(run.logs()), 20)


@pytest.mark.slow
def test_a_collector_that_is_killed_again_and_again_is_replaced(
    system: System, worker: Callable[..., Process]
) -> None:
    process = worker()
    with system.client() as client:
        run = client.submit(app.one(app.writes_much.bind("writes", mib=4)))
        wait_until("it has started", lambda: (system.folder / "started").exists(), 30)
        for _ in range(4):
            current = collector(process)
            current.kill()
            await_other(process, current.pid)
        system.open_gate("a")
        assert run.wait(60) is RunState.SUCCEEDED
        wait_until("its lines are stored", lambda: list(run.logs()), 20)


def await_other(worker: Process, pid: int) -> None:
    def is_replaced() -> bool:
        try:
            return collector(worker).pid != pid
        except (ValueError, ProcessLookupError):
            return False

    wait_until("it is replaced", is_replaced, 30)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("item", "last"),
    [
        (app.writes_without_line_ends.bind("endless", mib=100), "y"),
        (app.imitates_records, "end"),
        (app.reads_its_own_output, ""),
        (app.floods.bind("floods", seconds=3), "line"),
    ],
    ids=["endless", "imitates", "steals", "floods"],
)
def test_the_collector_stays_small_and_alive(
    system: System, worker: Callable[..., Process], item: object, last: str
) -> None:
    process = worker()
    system.processes[-1].says("started")
    wait_until("the collector runs", lambda: len(process._below()) > 2, 20)
    before = collector(process)
    lines = play(system, item)
    assert last in lines[-1]
    assert collector(process).pid == before.pid
    assert before.memory_info().rss < 200 * app.MIB
    assert "fine" in play(system, app.speaks)


def test_secrets_are_found_where_long_lines_are_cut(
    system: System, worker: Callable[..., Process]
) -> None:
    process = worker(FLOWKIT_LOG_REDACT="hunter[0-9]", FLOWKIT_TASK_LOG_BYTES="20MB")
    lines = play(system, app.splits_a_secret)
    assert "hun" not in "".join(lines)
    assert "hunter" not in process.log.replace("\n", "")
