"""``append_logs``: what it stores, what it refuses, and what it drops."""

from __future__ import annotations

import pytest
from environment import HOUR_MS, Environment, done

from flowkit.protocol.log_chunks import LogChunk, read_chunks
from flowkit.protocol.log_store import LogStore, NewChunk

LINE = b"1764508800123 20o a line\n"


@pytest.fixture
def logs(env: Environment) -> LogStore:
    return LogStore(env.link, env.namespace, now_ms=lambda: env.now)


def chunk(task: int = 0, attempt: int = 1, first: int = 1, data: bytes = LINE) -> NewChunk:
    return NewChunk(task, attempt, first, data.count(b"\n"), data)


def append(
    logs: LogStore, *chunks: NewChunk, lane: str = "W.0", call: int = 1, most: int = 10**6
) -> list[str] | None:
    return logs.append_logs("r1", lane, call, chunks, most_bytes=most)


def stored(env: Environment) -> list[LogChunk]:
    return read_chunks(env.client, "r1")[0]


def test_lines_of_a_running_attempt_are_stored_in_order(env: Environment, logs: LogStore) -> None:
    env.running(0, 1)
    ids = append(logs, chunk(0), chunk(1), chunk(0, first=2))
    assert ids is not None
    assert all(ids)
    assert [(item.task, item.first, item.id) for item in stored(env)] == [
        (0, 1, ids[0]),
        (1, 1, ids[1]),
        (0, 2, ids[2]),
    ]
    (record,) = stored(env)[0].records()
    assert (record.time_ms, record.level, record.stream) == (1764508800123, 20, "stdout")
    assert record.text == "a line"
    assert env.link.call("HGET", env.keys.run("r1"), "logs") == str(3 * len(LINE)).encode()


def test_a_run_that_is_gone_is_reported(env: Environment, logs: LogStore) -> None:
    assert append(logs, chunk()) is None
    assert not env.link.call("EXISTS", env.keys.logs("r1"))


def test_a_lane_stores_only_lines_of_attempts_that_it_holds_or_held(
    env: Environment, logs: LogStore
) -> None:
    env.running(0)
    refused = append(logs, chunk(0), chunk(0, attempt=2), chunk(3), lane="X.0")
    assert refused == ["", "", ""]
    assert append(logs, chunk(0, attempt=2), chunk(3), call=2) == ["", ""]
    assert stored(env) == []
    env.complete(done(0, "W"))
    (kept,) = append(logs, chunk(0), call=3) or []
    assert kept, "the attempt has ended, and waits for its retry"


def test_an_earlier_attempt_may_still_add_lines(env: Environment, logs: LogStore) -> None:
    """A worker that was declared dead may send late what its task has printed."""
    env.running(0)
    env.worker.reap_child("W.0", ["r1,0"], 3, b"error")
    (kept,) = append(logs, chunk(0), lane="W.0") or []
    assert kept
    assert [item.attempt for item in stored(env)] == [1]


def test_a_repeated_call_stores_nothing_again(env: Environment, logs: LogStore) -> None:
    env.running(0, 1)
    ids = append(logs, chunk(0), chunk(0, attempt=9), chunk(1))
    assert append(logs, chunk(0), chunk(0, attempt=9), chunk(1)) == ids
    assert len(stored(env)) == 2
    assert append(logs, chunk(0), call=11) != ids


@pytest.mark.promise("sight-5")
def test_the_oldest_lines_of_a_run_are_dropped(env: Environment, logs: LogStore) -> None:
    env.running(0)
    for number in range(1, 20):
        append(logs, chunk(0, first=number), call=number, most=3 * len(LINE))
    assert [item.first for item in stored(env)] == [17, 18, 19]
    assert env.link.call("HGET", env.keys.run("r1"), "logs") == str(3 * len(LINE)).encode()


def test_the_last_possible_entry_ends_the_reading(env: Environment, logs: LogStore) -> None:
    env.running(0)
    append(logs, chunk(0))
    last = f"{2**64 - 1}-{2**64 - 1}"
    env.link.call("XADD", env.keys.logs("r1"), last, "t", "0,1,W.0,2,1", "d", LINE)
    chunks, after = read_chunks(env.client, "r1")
    assert [item.first for item in chunks] == [1, 2]
    assert read_chunks(env.client, "r1", after) == ([], last)


def test_a_wrong_count_of_bytes_makes_no_call_long(env: Environment, logs: LogStore) -> None:
    """Redis serves others between calls, even if someone has written a million entries."""
    env.running(0)
    key = env.keys.logs("r1")
    env.link.batch([("XADD", key, "*", "t", "x", "d", "x")] * 3000)
    env.link.call("HSET", env.keys.run("r1"), "logs", 10**12)
    append(logs, chunk(0))
    assert env.link.call("XLEN", key) == 3001 - 2048


def test_a_writer_deletes_its_old_lines(env: Environment, logs: LogStore) -> None:
    env.running(0)
    ids = append(logs, chunk(0), chunk(0, first=2)) or []
    gone = [(ids[0], len(LINE)), ("1-1", len(LINE))]  # the second one was dropped before
    logs.append_logs("r1", "W.0", 2, [chunk(0, first=3)], most_bytes=10**6, delete=gone)
    assert [item.first for item in stored(env)] == [2, 3]
    assert env.link.call("HGET", env.keys.run("r1"), "logs") == str(2 * len(LINE)).encode()


@pytest.mark.promise("sight-5")
@pytest.mark.parametrize("early", [True, False])
def test_the_lines_live_as_long_as_the_run(
    env: Environment, logs: LogStore, *, early: bool
) -> None:
    """Also if they come only when the run has ended."""
    env.running(0)
    if early:
        append(logs, chunk(0))
    env.complete(done(0, "F"))
    env.finish(outcome="failed", failed=0)
    if not early:
        append(logs, chunk(0))
    left = env.link.call("PTTL", env.keys.logs("r1"))
    assert 0 < left <= HOUR_MS
    env.client.resume("r1")
    assert env.link.call("PTTL", env.keys.logs("r1")) == -1


def test_lines_are_deleted_with_their_run(env: Environment, logs: LogStore) -> None:
    env.running(0)
    append(logs, chunk(0))
    env.complete(done(0))
    env.finish()
    assert env.client.delete("r1")
    assert not env.link.call("EXISTS", env.keys.logs("r1"))


def test_a_stream_that_takes_no_more_entries_refuses_its_lines_only(
    env: Environment, logs: LogStore
) -> None:
    """Anyone can write an entry with the last id. The sender then drops these lines; if it were
    told of an error, it would repeat the call forever, and send nothing of other runs."""
    env.running(0)
    last = f"{2**64 - 1}-{2**64 - 1}"
    env.link.call("XADD", env.keys.logs("r1"), last, "t", "x", "d", "")
    assert append(logs, chunk(0), chunk(0, first=2)) == ["", ""]
    assert env.link.call("HGET", env.keys.run("r1"), "logs") == b"0"


def test_an_entry_of_a_newer_release_is_read(env: Environment, logs: LogStore) -> None:
    """It has further fields."""
    env.running(0)
    fields = ("t", "0,1,W.0,1,1", "d", LINE, "colour", "red")
    env.link.call("XADD", env.keys.logs("r1"), "*", *fields)
    assert [item.first for item in stored(env)] == [1]


def test_a_damaged_entry_is_left_out(env: Environment, logs: LogStore) -> None:
    env.running(0)
    key = env.keys.logs("r1")
    for fields in (
        ("t", "0,1,W.0,1,1", "d", b"nonsense\n" + LINE),
        ("t", "0,1,W.0,0,1", "d", LINE),
        ("t", "0,1,W 0,1,1", "d", LINE),
        ("x", "0,1,W.0,1,1", "d", LINE),
        ("t", "0,1,W.0,1,1"),
    ):
        env.link.call("XADD", key, "*", *fields)
    append(logs, chunk(0, first=2))
    chunks = stored(env)
    assert [item.first for item in chunks] == [1, 2]
    assert chunks[0].records() == []  # it says that it has one record, which is damaged
