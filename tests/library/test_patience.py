"""How long calls of a client take where Redis hangs, is away or takes no writes: as asked.

The bounds here are far from the honest figures: what they rule out is several times longer.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from flowkit import DAG, Client, Task
from flowkit.cli.awaiting import watch
from flowkit.client.run_handle import RunHandle
from flowkit.client.waiting import wait_all
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RedisUnavailable, WaitTimeout
from flowkit.protocol.link import Link


class HangingRedis:
    """Takes connections and what is sent, and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def hanging() -> Iterator[HangingRedis]:
    server = HangingRedis()
    yield server
    server.close()


def seconds(call: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises((RedisUnavailable, WaitTimeout)):
        call()
    return time.monotonic() - began


def test_a_hanging_redis_costs_one_try_within_the_patience(hanging: HangingRedis) -> None:
    """It cost 10 s whatever the patience was: two tries, and the first did not count."""
    assert seconds(lambda: Client.connect(hanging.url, patience=0.2)) < 4.0


def test_the_first_try_counts(hanging: HangingRedis) -> None:
    tries: list[float] = []
    link = Link(
        hanging.url,
        patience=0.1,
        read_timeout=0.2,
        on_outage=lambda error, waited: tries.append(waited),
    )
    with pytest.raises(RedisUnavailable):
        link.call("PING")
    assert tries == []
    link.close()


def work() -> int:
    return 1


@pytest.fixture
def run() -> Iterator[RunHandle]:
    """A run on a system that takes no writes and no reads any more, of a patient client."""
    dag = DAG("one")
    dag.add(Task(work))
    with EmbeddedServer() as server, Client.connect(server.url, patience=30.0) as client:
        run = client.submit(dag)
        server.stop()
        yield run


@pytest.mark.parametrize(
    "wait",
    [
        lambda run: run.wait(0.2),
        lambda run: wait_all([run], 0.2),
        lambda run: watch(run, 0.2, lambda record: None),
    ],
    ids=["wait", "wait_all", "watch"],
)
def test_a_wait_ends_with_its_timeout_also_while_redis_is_away(
    run: RunHandle, wait: Callable[[RunHandle], object]
) -> None:
    """Each look was as patient as its client: 30 s here."""
    assert seconds(lambda: wait(run)) < 10.0


def test_a_deadline_of_one_thread_does_not_shorten_the_calls_of_another(run: RunHandle) -> None:
    patience: list[float | None] = []

    def look() -> None:
        with run.shard._lock.get():
            patience.append(run.shard._store.link.patience)

    with run.shard.until(time.monotonic()):
        thread = threading.Thread(target=look)
        thread.start()
    thread.join()
    assert patience == [30.0]
