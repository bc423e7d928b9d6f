"""Cached results on a worker: what is looked up, what is kept, and what is said if it cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from bench import FakeInputs, claim_of, dag_of, executor_of

from flowkit import Task, current_attempt, task
from flowkit.codec.packing import BrokenValue, pack, unpack
from flowkit.exceptions import RedisUnavailable
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.worker_store import Claim
from flowkit.worker.prepared import Prepared


class Bench:
    """A task with a cache, which outcomes fill as ``complete.lua`` does."""

    def __init__(self, one: Task, *args: object, params: Any = None) -> None:
        self.inputs = FakeInputs(dag_of(one), *args, params=params)
        self.executor = executor_of(self.inputs)

    def attempt(self, claim: Claim | None = None) -> Outcome:
        prepared = self.executor.prepare(claim or claim_of())
        if not isinstance(prepared, Prepared):
            return prepared
        try:
            result = prepared.task.func(*prepared.args, **prepared.kwargs)
        except Exception as error:
            return self.executor.raised(prepared, error)
        outcome = self.executor.succeeded(prepared, result, 0.1)
        _, _, code, *keep = outcome.token.split(",")
        if code == "S" and keep:
            self.inputs.cache[keep[0]] = outcome.payload
        return outcome


def counted(value: object = 7, **options: Any) -> tuple[Task, list[object]]:
    """Return a task and the list that grows with each call of it."""
    calls: list[object] = []

    def work(*args: object, **kwargs: object) -> object:
        calls.append(args)
        return value

    return task(**{"cache_ttl": 1.5, **options})(work), calls


def test_a_result_is_kept_with_the_outcome_and_reused_by_the_next() -> None:
    item, calls = counted()
    bench = Bench(item)
    first = bench.attempt()
    task_, attempt, code, entry, ttl = first.token.split(",")
    assert (task_, attempt, code, ttl) == ("0", "1", "S", "1500")
    assert bench.attempt(claim_of(run="r2")) == Outcome.decode("r2", "0,1,H", pack(7))
    assert len(calls) == 1
    assert bench.inputs.looked_up == [entry, entry]
    assert bench.inputs.remembered == [(0, pack(7))] * 2, "for the tasks downstream"


def test_none_is_reused_too() -> None:
    item, calls = counted(None)
    bench = Bench(item)
    bench.attempt()
    assert bench.attempt() == Outcome.decode("r1", "0,1,H", b"")
    assert len(calls) == 1


def test_a_task_without_a_ttl_looks_nothing_up() -> None:
    bench = Bench(task(lambda: 1))
    assert bench.attempt().token == "0,1,S"
    assert bench.inputs.looked_up == []


def test_other_arguments_are_other_entries() -> None:
    item, calls = counted()
    tokens = {Bench(item, *args).attempt().token for args in [(1,), (2,), (1, 2), ([1],)]}
    assert len(tokens) == len(calls) == 4


def test_a_short_ttl_is_a_millisecond_at_least() -> None:
    item, _ = counted(cache_ttl=0.0001)
    assert Bench(item).attempt().token.endswith(",1")


def test_a_failure_is_not_cached() -> None:
    @task(cache_ttl=60, retries=1)
    def fails() -> None:
        raise OSError("broken")

    bench = Bench(fails)
    assert bench.attempt().token.startswith("0,1,W,")
    assert bench.inputs.cache == {}


def test_the_condition_is_asked_before_the_cache() -> None:
    wanted = [True, False]
    item, _ = counted(when=lambda value: wanted.pop(0))
    bench = Bench(item, 1)
    assert bench.attempt().token.startswith("0,1,S,")
    assert bench.attempt().token == "0,1,K"


def test_rerun_tasks_skip_reading_the_cache_but_write_it() -> None:
    item, calls = counted()
    bench = Bench(item)
    bench.attempt()
    again = bench.attempt(claim_of(attempt=2, spent="0/1"))
    assert again.token.startswith("0,2,S,")
    assert len(calls) == 2
    assert len(bench.inputs.looked_up) == 1


def test_a_retry_looks_again_for_what_another_run_may_have_made() -> None:
    item, calls = counted()
    bench = Bench(item)
    bench.attempt()
    assert bench.attempt(claim_of(attempt=2)).token == "0,2,H"
    assert len(calls) == 1


def test_a_cache_key_knows_its_attempt() -> None:
    seen: list[object] = []

    def key(value: int, **more: object) -> str:
        seen.append((current_attempt().run_id, value, more))
        return "fixed"

    item, _ = counted(cache_key=key)
    entries = [Bench(item, value).attempt().token for value in (1, 2)]
    assert entries[0] == entries[1]
    assert seen == [("r1", 1, {}), ("r1", 2, {})]


def warnings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if "Task not cached" in line]


def test_an_uncacheable_call_runs_and_is_logged_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    item, calls = counted(cache_key=lambda: object())
    bench = Bench(item)
    assert [bench.attempt().token for _ in range(3)] == ["0,1,S"] * 3
    (said,) = warnings(capsys)
    assert "Task not cached: work: what its cache_key returned has no digest: cache_key(…)" in said
    assert "run_id=r1" in said
    bench.attempt(claim_of(run="r2"))
    assert len(warnings(capsys)) == 1, "each run is told"
    assert len(calls) == 4


@pytest.mark.parametrize("error", [BrokenValue("no such class"), OSError("no memory")])
def test_an_unreadable_entry_is_computed_again(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    item, calls = counted()
    bench = Bench(item)
    entry = bench.attempt().token.split(",")[3]
    bench.inputs.cache[entry] = error
    assert bench.attempt().token.startswith(f"0,1,S,{entry}")
    assert f"its entry cannot be read: {error}" in warnings(capsys)[0]
    assert unpack(bench.attempt().payload) == 7
    assert len(calls) == 2


def test_an_outage_of_redis_is_left_to_the_lane() -> None:
    item, calls = counted()
    bench = Bench(item)
    entry = bench.attempt().token.split(",")[3]
    bench.inputs.cache[entry] = RedisUnavailable("away")
    with pytest.raises(RedisUnavailable):
        bench.attempt()
    assert len(calls) == 1


def test_a_fatal_cache_key_error_fails_the_attempt() -> None:
    def leave() -> None:
        raise SystemExit(3)

    item, calls = counted(cache_key=leave)
    assert Bench(item).attempt().token == "0,1,F"
    assert calls == []
