"""What a command that waits for a run says of one that was lost, or that makes no progress."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from flowkit import DAG, Client, executors, task
from flowkit.cli import awaiting as watching
from flowkit.cli.awaiting import watch
from flowkit.client import run_wait
from flowkit.client.stall_notice import stall_warning
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RedisUnavailable, RunLost, RunNotFound, WaitTimeout
from flowkit.settings import Settings


@task
def one() -> None: ...


def test_a_submitted_run_that_disappeared_is_lost(
    fake_server: EmbeddedServer, namespace: str
) -> None:
    """`flowkit submit --wait` said that there was no such run, with the exit code of a wrong id."""

    dag = DAG("lost")
    dag.add(one)
    with Client(Settings(redis_url=fake_server.url, namespace=namespace)) as client:
        handle = client.submit(dag)
        result = client.run(handle.run_id)
        with client.shards[0].store() as store:
            keys = store.keys
            store.link.call("DEL", keys.run(handle.run_id))
        for waiting, error in ((handle, RunLost), (result, RunNotFound)):
            with pytest.raises(error):
                watch(waiting, 5, lambda record: None)


def test_what_a_run_waits_for_is_reported_once_and_early(
    fake_server: EmbeddedServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`flowkit submit --wait` said nothing for half a minute, and then only how slow it is."""
    monkeypatch.setattr(watching, "STALLED_S", 0.01)
    monkeypatch.setattr(watching, "LOOK_S", 0.01)
    dag = DAG("waits")
    dag.add(one)
    messages: list[str] = []
    with Client(Settings(redis_url=fake_server.url, namespace=namespace)) as client:
        handle = client.submit(dag)
        with pytest.raises(WaitTimeout):
            watch(handle, 0.4, lambda record: None, messages.append)
    assert messages == [
        f"Run {handle.run_id} waits. No scheduler is running: start flowkit-scheduler on this "
        "Redis and namespace."
    ]


def test_run_on_redis_says_on_the_log_what_it_waits_for(
    fake_server: EmbeddedServer,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`dag.run(executor="redis")` waited in silence where nothing could execute its tasks."""
    monkeypatch.setattr(executors, "STALLED_S", 0.0)
    monkeypatch.setattr(run_wait, "LOOK_ANYWAY_S", 0.02)
    dag = DAG("waits", tasks=[one])
    with pytest.raises(WaitTimeout):
        dag.run("redis", redis=fake_server.url, namespace=namespace, timeout=0.3, run_id="r1")
    lines = [record.getMessage() for record in caplog.records if record.name == "flowkit"]
    assert lines == [
        "Run r1 waits. No scheduler is running: start flowkit-scheduler on this Redis and "
        "namespace."
    ]


def test_an_outage_is_no_reason_that_a_run_waits(caplog: pytest.LogCaptureFixture) -> None:
    """The wait itself outlasts it."""

    class Gone:
        run_id = "r"

        def _leading_cause(self) -> None:
            raise RedisUnavailable("gone")

        @property
        def shard(self) -> SimpleNamespace:
            return SimpleNamespace(until=lambda deadline: nullcontext())

    stall_warning(Gone(), 0.0)({}, 1)  # type: ignore[arg-type]
    assert caplog.records == []
