"""How far tasks have got: what a worker stores, and what readers accept of it."""

from __future__ import annotations

import pytest
from environment import START, Environment
from helpers import EXPIRING

from flowkit.core.states import TaskState
from flowkit.core.task_progress import MAX_TEXT, TaskProgress
from flowkit.exceptions import LeaseLost
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.limits import MAX_PROGRESS_BYTES
from flowkit.protocol.progress_fields import is_progress, parse_progress, progress_text
from flowkit.protocol.progress_store import PROGRESS_PART
from flowkit.protocol.records import TaskRecord


def read(env: Environment, *tasks: int, run: str = "r1") -> dict[int, TaskProgress]:
    records = env.client.read_records(run, tasks)
    return env.client.read_task_progress(run, dict(zip(tasks, records, strict=True)))


@pytest.mark.parametrize(
    "progress",
    [
        TaskProgress(0),
        TaskProgress(7, 9, "rows, of today"),
        TaskProgress(0.25, 1.0, "\x1b[2J\nRun r1 succeeded\u202e"),
        TaskProgress(2**53 - 1, 1e-07, "ü" * MAX_TEXT),
    ],
)
def test_a_stored_progress_is_read_as_it_was(progress: TaskProgress) -> None:
    text = progress_text(progress)
    assert is_progress(text)
    data = f"1500,W.0a,{text}".encode()
    assert len(data) <= MAX_PROGRESS_BYTES
    lane, read_back = parse_progress(data)
    assert lane == "W.0a"
    assert read_back == TaskProgress(progress.done, progress.total, progress.text, 1.5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1,W.0,1",
        b"x,W.0,1,2,text",
        b"1,,1,2,text",
        b"1,W 0,1,2,text",
        b"1,W.0,-1,2,text",
        b"1,W.0,nan,2,text",
        b"1,W.0,1,inf,text",
        b"1,W.0,1,9e300,text",
        b"1,W.0,9999999999999999,2,text",
        b"1,W.0,1,2," + b"x" * MAX_PROGRESS_BYTES,
        b"1" * 16 + b",W.0,1,2,text",
    ],
)
def test_anything_else_is_damaged(data: bytes) -> None:
    with pytest.raises(CorruptData, match="progress"):
        parse_progress(data)


def test_a_longer_text_is_cut_before_and_behind_the_border() -> None:
    assert progress_text(TaskProgress(1, text="x" * 500)) == "1,," + "x" * MAX_TEXT
    assert parse_progress(b"1,W.0,1,," + b"x" * 500)[1].text == "x" * MAX_TEXT


def test_what_a_worker_reports_is_read_for_its_running_attempts(env: Environment) -> None:
    env.running(0, 1)
    env.worker.report_progress("W", {"r1,0,1": "W.0,7,9,rows"})
    assert read(env, 0, 1, 2) == {0: TaskProgress(7, 9, "rows", START / 1000)}
    env.now += 500
    env.worker.report_progress("W", {"r1,0,1": "W.0,8,9,rows", "r1,1,1": "W.0,0.5,,"})
    at = env.now / 1000
    expected = {0: TaskProgress(8, 9, "rows", at), 1: TaskProgress(0.5, None, "", at)}
    assert read(env, 0, 1) == expected
    env.now += 500
    env.worker.report_progress("W", {"r1,0,1": "W.0,8,9,rows"}, ["r1,1,1"])
    assert read(env, 0, 1) == {0: TaskProgress(8, 9, "rows", at)}, "nothing new was reported"


def test_the_progress_of_another_attempt_or_lane_is_ignored(env: Environment) -> None:
    env.running(0)
    env.worker.report_progress("W", {"r1,0,2": "W.0,1,,", "r1,0,1": "W.1,1,,"})
    assert read(env, 0) == {}
    there = {0: TaskRecord(TaskState.SUCCEEDED, 2, "W.0")}
    assert env.client.read_task_progress("r1", there) == {}


def test_damage_is_left_out(env: Environment) -> None:
    env.running(0, 1)
    key = env.keys.progress("W")
    env.link.call("HSET", key, "r1,0,1", "nonsense", "r1,1,1", "x" * 100_000)
    assert read(env, 0, 1) == {}
    env.link.call("DEL", key)
    env.link.call("SET", key, "no hash")
    assert read(env, 0, 1) == {}
    env.worker.report_progress("W", {"r1,0,1": "W.0,3,,"})
    assert read(env, 0) == {0: TaskProgress(3, None, "", START / 1000)}, "it has been replaced"


def test_a_worker_that_is_gone_leaves_nothing_and_may_write_nothing(env: Environment) -> None:
    env.register()
    env.worker.report_progress("W", {"r1,0,1": "W.0,1,,"})
    assert env.link.call("PTTL", env.keys.progress("W")) > 3_000_000
    assert env.worker.retire("W", ["W.0"])
    assert env.dump() == {EXPIRING: []}
    with pytest.raises(LeaseLost, match="W is no longer registered"):
        env.worker.report_progress("W", {"r1,0,1": "W.0,1,,"})
    assert env.dump() == {EXPIRING: []}


def test_a_report_without_news_only_keeps_what_is_stored(env: Environment) -> None:
    env.register()
    env.worker.report_progress("W", {"r1,0,1": "W.0,1,,"})
    before = env.dump()
    env.link.call("PEXPIRE", env.keys.progress("W"), 10_000)
    env.worker.report_progress("W", {})
    assert env.link.call("PTTL", env.keys.progress("W")) > 3_000_000
    assert env.dump() == before


def test_many_attempts_are_reported_in_parts(env: Environment) -> None:
    env.register()
    count = 2 * PROGRESS_PART + 1
    env.worker.report_progress("W", {f"r1,{task},1": "W.0,1,," for task in range(count)})
    assert env.link.call("HLEN", env.keys.progress("W")) == count
    gone = [f"r1,{task},1" for task in range(1, count)]
    env.worker.report_progress("W", {"r1,0,1": "W.0,2,,"}, gone)
    assert env.link.call("HKEYS", env.keys.progress("W")) == [b"r1,0,1"]
