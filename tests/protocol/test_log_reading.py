"""``handle.logs()``: what a reader makes of chunks that lie in Redis."""

from __future__ import annotations

import pytest
from environment import Environment

from flowkit import Client
from flowkit.protocol.log_store import LogStore, NewChunk
from flowkit.settings import Settings


@pytest.fixture
def logs(env: Environment) -> LogStore:
    env.running(0)
    return LogStore(env.link, env.namespace, now_ms=lambda: env.now)


def chunk(first: int, *texts: str, generation: int = 0) -> NewChunk:
    data = "".join(f"1764508800123 20o {text}\n" for text in texts).encode()
    return NewChunk(0, 1, first, len(texts), data, generation)


def read(env: Environment, *chunks: NewChunk) -> list[tuple[str, int, int]]:
    """Store each chunk by a call, and return the lines, their numbers and what is missing."""
    store = LogStore(env.link, env.namespace, now_ms=lambda: env.now)
    for call, item in enumerate(chunks, 1):
        store.append_logs("r1", "W.0", call, [item], most_bytes=10**6)
    with Client(Settings(env.url, env.namespace)) as client:
        return [(line.text, line.number, line.missing) for line in client.run("r1").logs()]


def test_a_chunk_that_was_stored_twice_is_read_once(env: Environment, logs: LogStore) -> None:
    """The reply to a call was lost, and before it was repeated another worker made one."""
    twice = chunk(1, "a", "b")
    assert read(env, twice, chunk(3, "c"), twice) == [("a", 1, 0), ("b", 2, 0), ("c", 3, 0)]


def test_what_was_dropped_is_counted(env: Environment, logs: LogStore) -> None:
    assert read(env, chunk(1, "a"), chunk(5, "e"), chunk(6, "f")) == [
        ("a", 1, 0),
        ("e", 5, 3),
        ("f", 6, 0),
    ]


def test_another_collector_numbers_lines_anew(env: Environment, logs: LogStore) -> None:
    assert read(env, chunk(1, "a", "b"), chunk(1, "c", generation=1)) == [
        ("a", 1, 0),
        ("b", 2, 0),
        ("c", 1, 0),
    ]
