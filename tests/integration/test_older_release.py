"""What an older release has left in Redis, in the middle of its runs, is resumed by this one."""

from __future__ import annotations

from typing import Any

import older_namespace
import pytest
import redis
from real_redis import RealRedis
from real_system import System, records

from flowkit import TaskExecutionError
from flowkit.core.states import RunState, TaskState
from flowkit.protocol.keys import SCHEMA

HOUR_S = 3600


def put(server: redis.Redis, key: str, kind: str, value: Any) -> None:
    """Write a key as it stands in the frozen namespace."""
    if kind == "string":
        server.set(key, value)
    elif kind == "hash":
        server.hset(key, mapping=value)
    elif kind == "set":
        server.sadd(key, *value)
    elif kind == "list":
        server.rpush(key, *value)
    elif kind == "zset":
        server.zadd(key, dict(value))
    else:
        for event_id, fields in value:
            server.xadd(key, fields, id=event_id)


@pytest.fixture
def inherited(system: System, redis_server: RealRedis) -> System:
    with redis_server.client() as server:
        for name, (kind, expires, value) in older_namespace.KEYS.items():
            key = f"{{{system.namespace}}}:{name}"
            put(server, key, kind, value)
            if expires:
                server.expire(key, HOUR_S)
    return system


def test_runs_of_an_older_release_are_shown_and_finished(inherited: System) -> None:
    """``middle``'s running task is lost with its worker and made again, ``waiting``'s retry is long
    due; what is done stays as it is."""
    system = inherited
    with system.client() as client:
        assert {run.run for run in client.runs()} == {"good", "bad", "middle", "waiting"}
        assert client.run("good").results() == {"first": 7, "end": [7]}
        with pytest.raises(TaskExecutionError, match="broken"):
            client.run("bad").wait_results(5)
        middle = client.run("middle")
        assert records(middle)["held"].state is TaskState.RUNNING
        system.start("--processes", "2")
        system.open_gate("a")
        assert middle.wait(30) is RunState.SUCCEEDED
        results = middle.results()
        assert (results["first"], results["told"]) == (7, ["Hello, Ada"])
        assert len(results) == 11
        assert records(middle)["held"].attempt == 2
        of_middle = {start.task for start in system.executions() if start.run == "middle"}
        assert of_middle == {"held", *(f"leaf_{n}" for n in range(5))}
        assert client.run("waiting").wait(30) is RunState.FAILED
        with client.shards[0].store() as store:
            assert store.read_schema() == str(SCHEMA).encode()
    for process in system.processes:
        for trouble in ("Traceback", "cannot go on", "cannot continue"):
            assert trouble not in process.log
