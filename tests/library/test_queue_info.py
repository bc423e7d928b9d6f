"""What workers and shards add up to for one queue."""

from __future__ import annotations

import pytest

from flowkit.core.queue_info import QueueInfo, UnservedFunction
from flowkit.core.worker_info import QueueRate, WorkerInfo


def worker(name: str, *queues: str, **fields: object) -> WorkerInfo:
    return WorkerInfo(name, queues=queues, processes=2, **fields)  # type: ignore[arg-type]


def test_it_adds_up_the_workers_that_serve_it() -> None:
    fast = QueueRate("default", ended=300, window_s=60, took_s=30)
    young = QueueRate("default", ended=10, window_s=5, took_s=10)
    other = QueueRate("mail", ended=99, window_s=60, took_s=99)
    queue = QueueInfo("default", {"5": 3}).served_by(
        [
            worker("A", "default", "mail", busy=1, busy_async=4, rates=(fast, other)),
            worker("B", "default", busy=2, busy_async=0, rates=(young,)),
            worker("old", "default"),
            worker("C", "mail", busy=2, busy_async=2, rates=()),
            worker("bad", "default", damaged="it is not msgpack"),
        ]
    )
    assert (queue.workers, queue.lanes, queue.busy, queue.busy_async) == (3, 6, 3, 4)
    assert queue.per_minute == 300 + 120
    assert queue.mean_s == pytest.approx(40 / 310)
    assert not queue.is_stuck


def test_what_no_worker_reports_is_unknown() -> None:
    old = QueueInfo("default", {"5": 1}).served_by([worker("old", "default")])
    assert (old.workers, old.busy, old.per_minute, old.mean_s) == (1, None, None, None)
    idle = QueueInfo("default").served_by([worker("A", "default", busy=0, busy_async=0, rates=())])
    assert (idle.busy, idle.per_minute, idle.mean_s) == (0, 0.0, None)


def test_a_queue_is_stuck_if_no_worker_can_run_what_waits() -> None:
    assert QueueInfo("default", {"5": 1}).is_stuck
    assert not QueueInfo("default").is_stuck
    serving = [worker("A", "default")]
    lacking = QueueInfo("default", {"5": 1}, unserved=(UnservedFunction(1, "r", 0),))
    assert lacking.served_by(serving).is_stuck
    assert not QueueInfo("default", {"5": 1}).served_by(serving).is_stuck


def test_shards_are_added_up() -> None:
    one = QueueInfo("q", {"5": 1, "!": 1}, 20.0, 1, (), 1, 2, 1, None, per_minute=60.0, mean_s=1.0)
    other = QueueInfo(
        "q", {"5": 2}, 10.0, None, (UnservedFunction(1, "r", 0),), 1, 4, None, None, 180.0, 3.0
    )
    both = one.plus(other)
    assert both.levels == {"5": 3, "!": 1}
    assert both.waiting == 4
    assert (both.oldest, both.delayed, both.workers, both.lanes) == (10.0, 1, 2, 6)
    assert (both.busy, both.busy_async, both.per_minute) == (1, None, 240.0)
    assert both.mean_s == pytest.approx(2.5)
    assert both.is_stuck
    empty = QueueInfo("q")
    assert empty.plus(empty) == empty
