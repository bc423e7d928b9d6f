"""What tasks print is kept by attempt, whatever ends their process, and never holds them up."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import printing_app as app
import pytest
from helpers import wait_until
from real_redis import RealRedis
from real_system import Process, System

from flowkit import DAG, AsyncClient
from flowkit.basics.log_line import LogLine
from flowkit.core.states import RunState

PRINTING = str(Path(app.__file__))


@pytest.fixture
def start(system: System) -> Callable[..., None]:
    def started(*options: str, **environ: str) -> None:
        system.scheduler()
        system.worker(*options, app=PRINTING, **environ)

    return started


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def is_replaced(worker: Process, pid: int, count: int) -> bool:
    below = {item.pid for item in worker._below()}
    return len(below) == count and pid not in below


def play(system: System, item: object) -> list[LogLine]:
    with system.client() as client:
        run = client.submit(app.one(item))
        assert run.wait(60) is RunState.SUCCEEDED
        return list(run.logs())


@pytest.mark.promise("sight-3")
def test_lines_have_their_attempt_stream_and_level(
    system: System, start: Callable[..., None]
) -> None:
    start()
    # Two attempts within the time in which lines are collected are stored in either order.
    lines = sorted(play(system, app.talks), key=lambda line: line.attempt)
    assert [(line.attempt, line.stream, line.level_name, line.text) for line in lines] == [
        (1, "stdout", "INFO", "first line"),
        (1, "stderr", "INFO", "to stderr"),
        (1, "log", "WARNING", "record\nof two lines"),
        (2, "stdout", "INFO", "first line"),
        (2, "stderr", "INFO", "to stderr"),
        (2, "log", "WARNING", "record\nof two lines"),
        (2, "stdout", "INFO", "no line end"),
    ]
    with system.client() as client:
        run = client.run(client.runs()[0].run)
        assert texts(list(run.logs("talks", 2, level="warning"))) == ["record\nof two lines"]
        assert texts(list(run.logs(tail=1))) == ["no line end"]
        assert len(list(run.logs(since=3600))) == len(lines)
        assert list(run.logs(since=0)) == []

    async def read() -> tuple[list[LogLine], list[LogLine]]:
        async with AsyncClient(client.settings) as later:
            handle = await later.run(run.run_id)
            first = [line async for line in handle.logs("talks", 1)]
            return first, [line async for line in handle.logs(follow=True, tail=2)]

    assert asyncio.run(read()) == ([line for line in lines if line.attempt == 1], lines[-2:])


@pytest.mark.promise("sight-4")
def test_a_killed_process_loses_only_an_unfinished_line(
    system: System, start: Callable[..., None]
) -> None:
    """It is killed from outside, in the middle of printing."""
    start(FLOWKIT_TASK_LOG_BYTES="100MB", FLOWKIT_RUN_LOG_BYTES="1GB")
    with system.client() as client:
        run = client.submit(app.one(app.killed))
        wait_until("it prints", lambda: (system.folder / "pid").exists(), 60)
        pid = int((system.folder / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        assert run.wait(60) is RunState.SUCCEEDED
        lines = texts(list(run.logs("killed", 1)))
    assert len(lines) > 20_000
    assert lines == [f"line {number}" for number in range(len(lines))]


def test_nothing_is_lost_by_a_task_that_kills_itself(
    system: System, start: Callable[..., None]
) -> None:
    start()
    lines = texts(play(system, app.kills_itself))
    assert lines == [f"line {number}" for number in range(3000)]


@pytest.mark.slow
def test_a_crash_in_c_code_keeps_what_programs_wrote(
    system: System, start: Callable[..., None]
) -> None:
    start()
    lines = play(system, app.crashes)
    of_programs = [line.text for line in lines if line.stream == "output"]
    assert of_programs[:3] == ["program", "error", "C code"]
    assert "python" in texts(lines)
    assert {line.attempt for line in lines} == {1}


def test_programs_write_to_their_attempt(system: System, start: Callable[..., None]) -> None:
    start("--processes", "1")
    lines = play(system, app.starts_programs)
    assert [(line.stream, line.text) for line in lines] == [
        ("output", "one"),
        ("output", "two"),
        ("output", "threebytes"),
    ]
    worker = system.processes[-1]
    worker.says("starts_programs: one")
    assert "stream=output" in worker.log


def test_quick_attempts_are_told_apart(system: System, start: Callable[..., None]) -> None:
    """They write in their last moment, and the next attempt begins at once."""
    start("--processes", "1")
    with DAG("many") as dag:
        for number in range(40):
            dag.add(app.writes_at_its_end.bind(f"w{number}", number=number))
    with system.client() as client:
        run = client.submit(dag)
        assert run.wait(60) is RunState.SUCCEEDED
        lines = list(run.logs())
    assert {line.task: line.text for line in lines} == {f"w{n}": f"from {n}" for n in range(40)}
    assert len(lines) == 40


def test_concurrent_async_tasks_have_their_own_lines(
    system: System, start: Callable[..., None]
) -> None:
    start("--processes", "1")
    with DAG("chat") as dag:
        dag.add(app.chats.bind("ann", other="bob"))
        dag.add(app.chats.bind("bob", other="ann"))
    with system.client() as client:
        run = client.submit(dag)
        assert run.wait(60) is RunState.SUCCEEDED
        for name in ("ann", "bob"):
            assert texts(list(run.logs(name))) == [f"{name} {n}" for n in range(50)]


@pytest.mark.promise("sight-5")
def test_the_first_and_the_last_half_are_kept(system: System, start: Callable[..., None]) -> None:
    start(FLOWKIT_TASK_LOG_BYTES="200KB")
    seen = play(system, app.floods)  # it may see old lines just before they are dropped
    assert len(seen) + sum(line.missing for line in seen) == 30_000
    with system.client() as client:
        lines = list(client.run(client.runs()[0].run).logs())
    assert lines[0].text.startswith("0 ")
    assert lines[-1].text.startswith("29999 ")
    (gap,) = [line for line in lines if line.missing]
    assert len(lines) + gap.missing == 30_000
    kept = sum(len(line.text) + 20 for line in lines)
    assert 100_000 < kept < 210_000


def test_a_follower_sees_lines_while_the_task_runs(
    system: System, start: Callable[..., None]
) -> None:
    start()
    with system.client() as client:
        run = client.submit(app.one(app.waits))
        lines = run.logs(follow=True)
        assert next(lines).text == "before"
        system.open_gate("a")
        assert texts(list(lines)) == ["after"]


def test_secrets_are_in_neither_the_store_nor_the_log(
    system: System, start: Callable[..., None]
) -> None:
    start(FLOWKIT_LOG_REDACT="hunter[0-9]")
    lines = play(system, app.says_secrets)
    assert sorted(texts(lines)) == ["password=***", "password=***", "password=*** and more"]
    worker = system.processes[-1]
    worker.says("stream=output")
    assert "hunter" not in worker.log


def test_a_filter_of_the_app_sees_every_line(system: System, start: Callable[..., None]) -> None:
    """What programs write cannot pass through it, so it is dropped and counted."""
    start("--processes", "1")
    lines = play(system, app.filters)
    assert texts(lines) == ["my N.", "done"]
    assert "card" not in system.processes[-1].log


@pytest.mark.slow
def test_garbage_in_the_pipe_ends_only_the_lines_of_its_process(
    system: System, start: Callable[..., None]
) -> None:
    start("--processes", "1")
    lines = play(system, app.writes_garbage)
    assert texts(lines)[:1] == ["before"]
    system.processes[-1].says("is no longer kept")
    play(system, app.talks)


@pytest.mark.promise("sight-6")
def test_nothing_is_kept_if_it_is_turned_off(system: System, start: Callable[..., None]) -> None:
    start(FLOWKIT_TASK_LOGS="false")
    assert play(system, app.kills_itself) == []


@pytest.mark.slow
def test_a_collector_that_dies_is_replaced(system: System, start: Callable[..., None]) -> None:
    start("--processes", "1")
    with system.client() as client:
        run = client.submit(app.one(app.waits))
        wait_until("it prints", lambda: texts(list(run.logs())) == ["before"], 30)
        worker = system.processes[-1]
        below = sorted(worker._below(), key=lambda item: (item.create_time(), item.pid))
        collector = below[1]
        collector.kill()
        wait_until("it is replaced", lambda: is_replaced(worker, collector.pid, len(below)))
        system.open_gate("a")
        assert run.wait(30) is RunState.SUCCEEDED
        assert texts(list(run.logs()))[-1:] == ["after"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_an_outage_holds_no_task_up_and_loses_no_line(
    frail_system: System, own_redis: RealRedis, how: str
) -> None:
    system = frail_system
    system.scheduler()
    system.worker(app=PRINTING)
    with system.client() as client:
        run = client.submit(app.one(app.prints_in_an_outage))
        wait_until("it prints", lambda: (system.folder / "printed").exists(), 30)
        own_redis.freeze() if how == "frozen" else own_redis.kill()
        system.open_gate("away")
        wait_until("it is not held up", lambda: (system.folder / "printed-all").exists(), 30)
        own_redis.thaw() if how == "frozen" else own_redis.start()
        assert run.wait(60) is RunState.SUCCEEDED
        complete = ["before", *(f"line {number}" for number in range(3000))]
        wait_until("all lines are stored", lambda: texts(list(run.logs())) == complete, 30)
