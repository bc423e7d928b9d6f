"""Runs of one task, and their ends without a scheduler or a worker, for tests of what follows."""

from __future__ import annotations

from flowkit import DAG, Client, Task
from flowkit.protocol.scheduler_store import SchedulerStore


def work(text: str = "") -> int:
    return len(text)


def dag(name: str) -> DAG:
    made = DAG(name)
    made.add(Task(work))
    return made


def finish(client: Client, run: str, state: str = "succeeded") -> str:
    """End a run as a scheduler does; return its id."""
    with client.run(run).shard.store() as store:
        scheduler = SchedulerStore(store.link, store.keys.namespace, "s")
        scheduler.term = scheduler.acquire_lease(60_000).term or scheduler.term
        store.link.call("HSET", store.keys.tasks(run), 0, "S1,W.0,0,0,0")
        scheduler.apply("", ["finish", run, state, "", "succeeded=1"])
    return run
